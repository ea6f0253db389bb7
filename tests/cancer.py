"""A model's folder, its manifest, and ways to look into a report; used by the tests beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib

from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.models.predictions import Artifact

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = ("mean texture", "mean smoothness", "mean symmetry", "texture error")


@dataclass(frozen=True)
class Project:
    """A model's folder with its manifest; ``write`` changes the manifest and reads it again."""

    folder: Path
    document: Document
    model: Model

    @property
    def locate(self) -> Callable[[tuple[str | int, ...]], Location]:
        return self.document.location

    def line(self, location: Location | None) -> str:
        """The text of the manifest at a location."""
        assert location is not None
        assert location.file == "models/cancer/model.yaml"
        return self.document.text.splitlines()[location.line - 1].strip()


def manifest() -> dict[str, Any]:
    inputs = [{"name": name, "type": "double", "required": True} for name in FEATURES]
    return {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Model",
        "metadata": {
            "name": "cancer",
            "version": "1.0.0",
            "description": "Is this tumour benign?",
            "owners": [{"name": "Ada Example", "email": "ada@example.com", "role": "owner"}],
            "license": "Apache-2.0",
            "riskTier": "high",
        },
        "spec": {
            "training": {"entrypoint": ["python", "train.py"]},
            "dependencies": {"lock": "requirements.lock"},
            "data": [
                {"name": "train", "role": "training", "uri": "data/train.parquet"},
                {"name": "test", "role": "test", "uri": "data/test.parquet"},
            ],
            "artifact": {"format": "sklearn-pickle", "path": "artifact/model.pkl"},
            "interface": {
                "inputs": inputs,
                "outputs": [{"name": "probability", "type": "double"}],
                "target": {"column": "benign", "type": "boolean", "positive": True},
            },
            "task": "binary-classification",
            "metrics": [
                {
                    "name": "roc_auc",
                    "dataset": "test",
                    "primary": True,
                    "threshold": {"min": 0.7},
                    "maxRegression": 0.02,
                }
            ],
            "tests": {
                "data": {
                    "columns": [
                        {"name": "mean texture", "type": "double", "range": {"min": 0, "max": 60}, "maxNullRate": 0.0},
                        {"name": "site", "type": "string", "domain": ["north", "south", "west"]},
                    ],
                    "rows": {"min": 100},
                    "unique": [["id"]],
                    "maxDuplicateRate": 0.0,
                    "overlap": {"key": ["id"], "max": 0},
                },
                "leakage": {"maxSingleFeaturePower": 0.90},
                "model": {"maxOverfitGap": 0.1, "baseline": "prior"},
            },
        },
    }


def save(model: object, path: Path) -> Artifact:
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, path)
    return Artifact(path, "sklearn-pickle", hashlib.sha256(path.read_bytes()).hexdigest())


def find(report: Report, id_: str, subject: str | None = None) -> list[Check]:
    return [check for check in report.checks if check.id == id_ and subject in (None, check.subject)]


def one(report: Report, id_: str, subject: str | None = None) -> Check:
    found = find(report, id_, subject)
    assert len(found) == 1, [(check.id, check.subject) for check in report.checks]
    return found[0]


def bad(report: Report) -> Mapping[str, Verdict]:
    return {f"{c.id} {c.subject}": c.verdict for c in report.checks if c.verdict is not Verdict.PASS}
