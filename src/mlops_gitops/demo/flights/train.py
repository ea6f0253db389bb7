"""Train the release that ``model.yaml`` beside this file describes, and register it in MLflow.

The inputs of the model, its target and its data are read from the manifest.  It leaves the model as an MLflow folder
in ``artifact/``: the same files that the registered version holds.  Where MLflow is comes from
``MLFLOW_TRACKING_URI``.  The same data, manifest and arguments give the same predictions.

The model is saved by skops, which holds no pickle: what loads it builds only types that the ``MLmodel`` file names.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
import pyarrow.parquet as pq
import yaml
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, DataType, Schema
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

HERE = Path(__file__).parent
PARAMETERS: dict[str, Any] = {
    "max_iter": 80,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 200,
    "early_stopping": False,
    "random_state": 20130101,
}


def pipeline(words: list[str]) -> Pipeline:
    """Gradient-boosted trees on the raw columns: ``words`` are encoded, numbers may be missing."""
    coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("words", coded, words)], remainder="passthrough")
    return Pipeline([("columns", columns), ("classify", HistGradientBoostingClassifier(**PARAMETERS))])


def read(manifest: dict[str, Any], role: str) -> pd.DataFrame:
    """The data set of that role."""
    uri = next(item["uri"] for item in manifest["spec"]["data"] if item["role"] == role)
    return pq.read_table(HERE / uri).to_pandas()


def signature(interface: dict[str, Any]) -> ModelSignature:
    """The interface of the manifest, as MLflow writes it."""
    taken, given = (
        Schema([ColSpec(DataType[item["type"]], item["name"], item.get("required", True)) for item in interface[side]])
        for side in ("inputs", "outputs")
    )
    return ModelSignature(inputs=taken, outputs=given)


def main() -> None:
    """Train, measure, register, and leave the registered files in ``artifact/``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--until", help="use only flights scheduled before this day, such as 2013-03-01")
    until: str | None = parser.parse_args().until

    manifest = yaml.safe_load((HERE / "model.yaml").read_text(encoding="utf-8"))
    name, version = manifest["metadata"]["name"], manifest["metadata"]["version"]
    interface = manifest["spec"]["interface"]
    inputs, target = [item["name"] for item in interface["inputs"]], interface["target"]["column"]
    texts = [item["name"] for item in interface["inputs"] if item["type"] == "string"]

    train, test = read(manifest, "training"), read(manifest, "test")
    if until:
        train = train[train["scheduled_departure"] < pd.Timestamp(until, tz="UTC")]
    model = pipeline(texts).fit(train[inputs], train[target])

    probability = model.predict_proba(test[inputs])[:, 1]
    measured = {"roc_auc": roc_auc_score(test[target], probability), "log_loss": log_loss(test[target], probability)}
    mlflow.set_experiment(name)
    with mlflow.start_run(run_name=f"{name} {version}") as run:
        mlflow.log_params({**PARAMETERS, "until": until, "rows": len(train), "inputs": len(inputs)})
        mlflow.log_metrics(measured)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=signature(interface),
            serialization_format="skops",
            skops_trusted_types=["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"],
            pyfunc_predict_fn="predict_proba",
            pip_requirements=str(HERE / "requirements.lock"),
            registered_model_name=name,
        )
    shutil.rmtree(HERE / "artifact", ignore_errors=True)
    mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(HERE / "artifact"))
    (HERE / "artifact" / "registered_model_meta").unlink(missing_ok=True)  # a note of the download, not of the model
    numbers = ", ".join(f"{metric} {value:.4f}" for metric, value in measured.items())
    print(f"{name} {version}: trained on {len(train):,} flights; on {len(test):,} later ones {numbers}")
    print(f"registered as version {logged.registered_model_version} from run {run.info.run_id}")


if __name__ == "__main__":
    main()
