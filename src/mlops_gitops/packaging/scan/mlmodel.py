"""The ``MLmodel`` file of an MLflow model: which file is loaded, by what, and whether code comes along.

Only flavours whose loader rebuilds a known kind of model from one file are accepted.  A ``python_function`` with a
class or code of its own is arbitrary code by design, and fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from mlops_gitops.packaging.scan.allowed import CLASSIC, names
from mlops_gitops.packaging.scan.problems import Problem, shown
from mlops_gitops.packaging.scan.texts import check_yaml
from mlops_gitops.records import record

NAME = "MLmodel"
_MOST_BYTES = 4 << 20
_LOADERS = {"mlflow.sklearn", "mlflow.xgboost", "mlflow.lightgbm", "mlflow.onnx"}
_KEYS = {
    "python_function": {"env", "loader_module", "model_path", "data", "predict_fn", "python_version", "streamable"},
    "sklearn": {"pickled_model", "serialization_format", "sklearn_version", "skops_trusted_types"},
    "xgboost": {"data", "model_class", "model_format", "xgb_version"},
    "lightgbm": {"data", "model_class", "lgb_version"},
    "onnx": {"data", "onnx_version", "providers", "save_as_external_data"},
}
_PREDICT = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score", "transform"}
_SERIALIZED = {"pickle": "pickle", "cloudpickle": "pickle", "skops": "skops"}


@record
class Plan:
    """Which file the loaders of an MLflow model open, and the kind that each must be of."""

    files: Mapping[str, str]
    problems: tuple[Problem, ...]


def read(data: bytes) -> Plan:
    """What ``MLmodel`` asks to be loaded, and every reason not to."""
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError("it is too long")  # noqa: TRY301
        check_yaml(data)
        document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
        flavors = document.get("flavors") if isinstance(document, dict) else None
        if not isinstance(flavors, dict) or not flavors or not all(isinstance(v, dict) for v in flavors.values()):
            raise ValueError("it lists no flavors")  # noqa: TRY301
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        return Plan({}, (Problem("scan.mlmodel", NAME, f"cannot be read: {shown(str(error), 200)}"),))
    complaints, files = [], {}
    if document.get("is_signature_from_type_hint"):
        complaints.append("takes its signature from Python code")
    for name, settings in flavors.items():
        complaints += _flavor(str(name), settings)
        files.update(_files(str(name), settings, flavors))
    complaints += [f"points at {shown(name)}, which is outside the model" for name in files if not _is_inside(name)]
    return Plan(files, tuple(Problem("scan.mlmodel", NAME, text) for text in complaints))


def _flavor(name: str, settings: Mapping[str, Any]) -> list[str]:
    if name not in _KEYS:
        return [f"has the flavor {shown(name)}, whose loader is not on the list"]
    found = [
        f"sets {shown(str(key))} for the flavor {name}, which brings code or is not known"
        for key, value in settings.items()
        if key not in _KEYS[name] and not (key == "code" and value is None)
    ]
    loader = settings.get("loader_module")
    if name == "python_function" and loader not in _LOADERS:
        found.append(f"is loaded by {shown(loader)}, which is not on the list")
    if name == "python_function" and settings.get("predict_fn", "predict") not in _PREDICT:
        found.append(f"predicts with {shown(settings['predict_fn'])}, which is not on the list")
    if name == "sklearn" and settings.get("serialization_format", "pickle") not in _SERIALIZED:
        found.append(f"is serialized as {shown(settings['serialization_format'])}, which is not known")
    if name == "xgboost" and settings.get("model_format", "xgb") != "json":
        found.append("holds an XGBoost model in a binary form; save it with model_format='json'")
    found += [
        f"trusts the type {shown(kind)}, which is not on the list"
        for kind in settings.get("skops_trusted_types") or []
        if tuple(str(kind).rpartition(".")[::2]) not in names(*CLASSIC)
    ]
    model_class = settings.get("model_class")
    if model_class is not None and tuple(str(model_class).rpartition(".")[::2]) not in names(*CLASSIC):
        found.append(f"has the class {shown(str(model_class))}, which is not on the list")
    return found


def _files(name: str, settings: Mapping[str, Any], flavors: Mapping[str, Any]) -> dict[str, str]:
    """The files that one flavor opens.  A key that is missing falls back as MLflow's loader does."""
    sklearn = flavors.get("sklearn", {})
    serialized = _SERIALIZED.get(str(sklearn.get("serialization_format", "pickle")), "pickle")
    if name == "python_function":
        path = settings.get("model_path", settings.get("data"))
        kind = {"mlflow.sklearn": serialized, "mlflow.onnx": "onnx", "mlflow.xgboost": "json"}.get(
            str(settings.get("loader_module")), "text"
        )
        return {str(path): kind} if path is not None else {}
    if name == "sklearn":
        return {str(settings.get("pickled_model", "model.pkl")): serialized}
    if name == "lightgbm" and settings.get("model_class") not in (None, "lightgbm.basic.Booster"):
        return {str(settings.get("data")): "pickle"}
    return {str(settings.get("data")): {"onnx": "onnx", "xgboost": "json"}.get(name, "text")} if name in _KEYS else {}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
