from __future__ import annotations

import json
from pathlib import Path

import mlflow.data
import pandas as pd
import pytest

from cancer import manifest
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.files import DataFile, data_files


def found(root: Path, text: str) -> DataFile:
    folder = root / "models" / "cancer"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "train.dataset.json").write_text(text)
    value = manifest()
    value["spec"]["data"][0]["uri"] = "train.dataset.json"
    return data_files(Model.from_value(value), folder=folder, root=root)[0]


def test_a_data_set_of_mlflow_leads_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "models" / "cancer" / "data" / "train.csv"
    path.parent.mkdir(parents=True)
    path.write_text("n\n1\n2\n")
    told = mlflow.data.from_pandas(pd.read_csv(path), source=str(path)).to_json()
    assert found(tmp_path, told).source == (path, "csv", (), ())
    path.unlink()
    assert "does not exist" in found(tmp_path, told).problem


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"source_type": "local", "source": '{"uri": "/etc/passwd"}'}, "leads out"),
        ({"source_type": "local", "source": '{"uri": "../../../x.csv"}'}, "leads out"),
        ({"source_type": "http", "source": '{"url": "http://evil.example/x.csv"}'}, "only those of local or s3"),
        ({"source_type": "s3", "source": '{"uri": "s3://airline/x.csv"}'}, "is not a file here"),
        ({"source_type": "local", "source": "[]"}, "no mapping"),
        ({"source_type": "local"}, "no description"),
        ([], "no mapping"),
    ],
)
def test_what_leads_elsewhere_is_refused(tmp_path: Path, told: object, reason: str) -> None:
    file = found(tmp_path, json.dumps(told))
    assert file.source is None
    assert reason in file.problem
