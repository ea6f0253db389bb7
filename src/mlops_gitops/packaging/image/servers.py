"""What an image holds beside packages and model: the programs that serve, and their settings.

Pure but for reading the programs, which lie in this package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.manifests.model import Model
from mlops_gitops.packaging.image import packages
from mlops_gitops.packaging.image.layers import File, of_text

MODEL = "/model"
CODE = "/opt/mlops-gitops/code"
SERVER = "/opt/mlops-gitops/server"
ARTIFACT = "artifact"
"""What an artifact that is not MLflow's is called below ``MODEL``."""

HTTP, GRPC, METRICS = 8080, 8081, 8082

_PROGRAMS = (
    "__init__.py",
    "adapters/prediction_program.py",
    "serving/__init__.py",
    "serving/description.py",
    "serving/predictor.py",
)
_OF_PATTERN = {
    "rest": (
        "serving/flavor.py",
        "serving/guard.py",
        "serving/rest.py",
        "serving/runtime.py",
        "serving/values.py",
    ),
    "batch": ("serving/batch.py", "serving/rows.py"),
    "stream": ("serving/nats.py", "serving/rows.py", "serving/stream.py"),
}
_PATHS = f"import site\n\nsite.addsitedir({packages.PLACE!r})\n"
"""Folders on PYTHONPATH have their ``.pth`` files left alone; some packages need theirs."""


def model_place(model: Model) -> str:
    """Where the artifact lies in the image."""
    return MODEL if model.artifact.format == "mlflow" else f"{MODEL}/{ARTIFACT}"


def files(model: Model, *, own: Mapping[str, File]) -> dict[str, File]:
    """The layer of programs and settings; ``own`` is the model's own code by its path beside the manifest."""
    package = Path(__file__).parents[2]
    found = {f"{CODE}/{name}": file for name, file in own.items()}
    for name in (*_PROGRAMS, *_OF_PATTERN[model.serving.pattern]):
        found[f"{CODE}/mlops_gitops/{name}"] = of_text((package / name).read_text(encoding="utf-8"))
    found[f"{CODE}/mlops_gitops/adapters/__init__.py"] = of_text("")
    found[f"{CODE}/sitecustomize.py"] = of_text(_PATHS)
    found[f"{SERVER}/model.json"] = _json(_description(model))
    if model.artifact.format != "mlflow" and model.serving.pattern == "rest":
        found[f"{MODEL}/MLmodel"] = _json(_mlmodel(model))
    if model.serving.pattern == "rest":
        found[f"{SERVER}/settings.json"] = _json(_settings())
        found[f"{SERVER}/model-settings.json"] = _json(_model_settings(model))
    return found


def environment(model: Model, *, inputs: str) -> dict[str, str]:
    """The variables of the container: nothing is written outside ``/tmp``, and nobody is told that it runs."""
    found = {
        "PYTHONPATH": f"{packages.PLACE}:{CODE}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "HOME": "/tmp",  # noqa: S108 - the container's
        "MPLCONFIGDIR": "/tmp",  # noqa: S108
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MG_INPUTS": inputs,
    }
    if model.serving.pattern == "rest":
        found["MLSERVER_PATH"] = SERVER
    return found


def entrypoint(model: Model, python: str) -> tuple[str, ...]:
    """What starts."""
    return (python, "-m", f"mlops_gitops.serving.{model.serving.pattern}")


def ports(model: Model) -> tuple[str, ...]:
    """Where it listens."""
    return tuple(f"{port}/tcp" for port in (HTTP, GRPC, METRICS)) if model.serving.pattern == "rest" else ()


def _description(model: Model) -> dict[str, JSON]:
    target = model.interface.target
    return {
        "name": model.name,
        "version": model.version,
        "format": model.artifact.format,
        "task": model.task,
        "positive": _spelt(target.positive) if target is not None else None,
        "inputs": [{"name": one.name, "type": one.type, "required": one.required} for one in model.interface.inputs],
        "outputs": [{"name": one.name, "type": one.type} for one in model.interface.outputs],
        "artifact": "" if model.artifact.format == "mlflow" else ARTIFACT,
    }


def _spelt(value: object) -> str | None:
    """A class as the predicting program spells it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mlmodel(model: Model) -> dict[str, JSON]:
    """MLflow's description of a model that it opens by our flavour; JSON is YAML."""
    inputs = [{"type": one.type, "name": one.name, "required": one.required} for one in model.interface.inputs]
    outputs = [{"type": one.type, "name": one.name, "required": True} for one in model.interface.outputs]
    return {
        "flavors": {"python_function": {"loader_module": "mlops_gitops.serving.flavor", "data": ARTIFACT}},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)},
    }


def _settings() -> dict[str, JSON]:
    """MLServer in one process: a container is scaled by starting another."""
    return {
        "host": "0.0.0.0",  # noqa: S104 - a container's own address
        "http_port": HTTP,
        "grpc_port": GRPC,
        "metrics_port": METRICS,
        "metrics_dir": "/tmp",  # noqa: S108
        "parallel_workers": 0,
        "debug": False,
        "load_models_at_startup": True,
    }


def _model_settings(model: Model) -> dict[str, JSON]:
    return {
        "name": model.name,
        "implementation": "mlops_gitops.serving.runtime.Runtime",
        "parameters": {"uri": MODEL, "version": model.version},
    }


def _json(document: JSON) -> File:
    data = canonical.encode(document) + b"\n"
    return File(data, len(data))
