"""A model as a function from a table to a table: MLflow's pyfunc, or what the declared format is opened with.

The other formats are asked by ``adapters/prediction_program.py``, the same file that asks them in tests, so that an
image answers what was tested.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_gitops.serving.description import Description

HALF = 0.5
_WHOLE = {"integer", "long", "boolean", "string"}

Predictor = Callable[[Any], Any]


def opened(description: Description, model: Path) -> Predictor:
    """The function of the model at ``model``: a frame of its inputs in, a frame of its outputs out."""
    if description.format == "mlflow":
        import mlflow.pyfunc

        loaded = mlflow.pyfunc.load_model(str(model))

        def ask(frame: Any) -> Any:
            return table(loaded.predict(frame), description, rows=len(frame))

        return ask
    return _of_format(description, model / description.artifact)


def _of_format(description: Description, path: Path) -> Predictor:
    from mlops_gitops.adapters import prediction_program as program

    loaded = program._load(path, description.format)  # noqa: SLF001 - the one way to ask a model, inside and outside
    job = {"task": description.task, "positive": description.positive}

    def ask(frame: Any) -> Any:
        if not len(frame):  # many a model breaks on no row at all, and the answer is clear
            return frame.iloc[:, :0].assign(**{one["name"]: [] for one in description.outputs})
        values, _, classes = program._ask(loaded, frame, job)  # noqa: SLF001
        return table(_decided(values, classes, description), description, rows=len(frame))

    return ask


def _decided(values: Any, classes: list[str], description: Description) -> Any:
    """Chances as they are where the manifest declares numbers, else the class that they speak for."""
    import numpy as np

    whole = description.outputs[0]["type"] in _WHOLE
    if description.task == "multiclass" and (whole or len(description.outputs) != len(classes)):
        return np.array([classes[index] for index in values.argmax(axis=1)], dtype=object)
    if description.task == "binary-classification" and whole:
        return (values >= HALF).astype(np.int64)
    return values


def table(answer: Any, description: Description, *, rows: int) -> Any:
    """Whatever a model answers as a frame of ``rows`` rows with the declared names, where their number fits."""
    import numpy as np
    import pandas as pd

    if isinstance(answer, pd.DataFrame):
        found = answer.reset_index(drop=True)
    else:
        values = np.asarray(answer)
        found = pd.DataFrame(values.reshape(len(values), -1))
    if len(found) != rows:
        raise ValueError(f"the model gave {len(found)} predictions for {rows} rows")
    names = [one["name"] for one in description.outputs]
    if not isinstance(answer, pd.DataFrame):
        found.columns = names if len(names) == found.shape[1] else _numbered(found.shape[1])
    return found


def _numbered(count: int) -> list[str]:
    return ["prediction"] if count == 1 else [f"prediction_{index}" for index in range(count)]
