"""The program in which a model runs: it reads one job file, asks each model, writes arrays, and ends.

Started by ``adapters/predictions.py`` as a process of its own, with an environment that holds no secret, a working
folder of its own, and limits on time and memory.  It opens no network connection, writes nowhere but into its folder,
and lets the model do neither: an audit hook refuses, which stops an honest mistake, not an attacker; keeping attackers
out is the scan's work, before.  Each answer is written when it is there, so that a model that is killed on its way
spoils no other.
Nothing of this module is imported by the rest of the program but its name.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPEATED = 256
"""So many rows are predicted twice more, to see whether the model answers the same question in the same way."""

OUT_OF_MEMORY = "the model ran out of the memory that a test may use"
_NO_MEMORY = ("bad_alloc", "Failed to allocate", "AllocateRaw", "not enough memory")
"""How libraries say that they got no memory."""
_LONGEST = 2_000
"""Characters of an error that are kept."""
SLACK = 1e-6
"""How far rounding in single precision may take a probability beyond 0 and 1."""


class Unusable(Exception):
    """The model or its answer cannot be used; the text says why."""


def main(path: str) -> None:
    """Do all jobs of the file at ``path``, in a child that cannot stay, and write the results beside it."""
    warden = _neighbour("prediction_warden")
    warden.guarded(lambda: _answer(path, warden.confine))


def _answer(path: str, confine: Callable[[int, Path], None]) -> None:
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    confine(order["memory"], Path(path).parent)
    models: dict[str, Any] = {}
    frames: dict[str, Any] = {}
    results: list[dict[str, Any]] = []
    for job in order["jobs"]:
        results.append(_attempt(job, models, frames))
        write(order["results"], results)


def write(path: str, results: list[dict[str, Any]]) -> None:
    """The results so far, whole or not at all."""
    partial = Path(f"{path}.partial")
    partial.write_text(json.dumps(results), encoding="utf-8")
    partial.replace(path)


def _attempt(job: dict[str, Any], models: dict[str, Any], frames: dict[str, Any]) -> dict[str, Any]:
    try:
        return _predict(job, models, frames)
    except Unusable as error:
        return {"problem": str(error)}
    except ModuleNotFoundError as error:
        return {"problem": f"the Python package {error.name!r}, which the model needs, is not installed"}
    except MemoryError:
        return {"problem": OUT_OF_MEMORY}
    except BaseException as error:  # noqa: BLE001 - a model may raise anything; it becomes a finding
        return {"problem": raised(error)}


def raised(error: BaseException) -> str:
    """What was raised, in words that cannot be endless; even saying it may raise."""
    name = type(error).__name__[:200]
    try:
        words = str(error)[:_LONGEST]
    except BaseException:  # noqa: BLE001 - an error may be a program, too
        return f"the model raised {name}, which does not say more"
    return OUT_OF_MEMORY if any(one in words for one in _NO_MEMORY) else f"the model raised {name}: {words}"


def _predict(job: dict[str, Any], models: dict[str, Any], frames: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    if job["artifact"] not in models:
        models[job["artifact"]] = _load(Path(job["artifact"]), job["format"])
    if "data" not in job:  # only whether it loads is asked
        return {}
    frame_key = json.dumps([job["data"], job["columns"]])
    if frame_key not in frames:
        frames[frame_key] = _frame(job["data"], job["dataFormat"], job["columns"])
    model, frame = models[job["artifact"]], _shuffled(frames[frame_key], job)
    frame, changed = _edited(frame, job)
    rows = len(frame)
    values, kind, classes = _in_batches(model, frame, job)
    if len(values) != rows:
        raise Unusable(f"the model gave {len(values)} predictions for {rows} rows")
    head = frame.head(REPEATED)
    (first, *_), (second, *_) = _aligned([_ask(model, head, job) for _ in range(2)])
    if first.shape != second.shape:
        raise Unusable(f"asked the same twice, the model gave answers of shape {first.shape} and {second.shape}")
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    unstable = int((~same.reshape(len(head), -1).all(axis=1)).sum()) if len(head) else 0
    np.save(job["output"], np.ascontiguousarray(values), allow_pickle=False)
    return {"kind": kind, "classes": classes, "unstable": unstable, "repeated": len(head), "changed": changed}


def _in_batches(model: Any, frame: Any, job: dict[str, Any]) -> tuple[Any, str, list[str]]:
    """All rows at once, or so many at a time as the job says."""
    size = job.get("batch") or len(frame)
    if size >= len(frame):
        return _ask(model, frame, job)
    import numpy as np

    parts = _aligned([_ask(model, frame.iloc[start : start + size], job) for start in range(0, len(frame), size)])
    _, kind, classes = parts[0]
    if len({values.shape[1:] for values, _, _ in parts}) > 1:
        raise Unusable(f"asked about {size} rows at a time, the model gave answers of different shapes")
    return np.concatenate([values for values, _, _ in parts]), kind, classes


def _aligned(parts: list[tuple[Any, str, list[str]]]) -> list[tuple[Any, str, list[str]]]:
    """Answers with the same columns: a model that only says classes knows none that it has not said."""
    import numpy as np

    every = sorted({name for _, _, classes in parts for name in classes})
    if all(kind != "label" or classes in ([], every) for _, kind, classes in parts):
        return parts
    found = []
    for values, kind, classes in parts:
        wide = np.zeros((len(values), len(every)))
        wide[:, [every.index(name) for name in classes]] = values
        found.append((wide, kind, every))
    return found


def _edited(frame: Any, job: dict[str, Any]) -> tuple[Any, int]:
    """The table as the job wants it changed, and how many rows that changed."""
    if not job.get("edits"):
        return frame, 0
    edits = _neighbour("prediction_edits")
    before = frame.head(job["edits"][0].get("rows", len(frame))) if job["edits"][0]["op"] == "head" else frame
    after = edits.edited(frame, job["edits"])
    return after, edits.changed(before, after)


def _neighbour(name: str) -> Any:
    """A module that lies beside this file, which may be run alone by an interpreter that knows nothing of it."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise Unusable(f"{name}.py is not beside the program")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _frame(path: str, format_: str, columns: list[str]) -> Any:
    import pandas as pd

    readers: dict[str, Callable[[], Any]] = {
        "parquet": lambda: pd.read_parquet(path, columns=columns),
        "csv": lambda: pd.read_csv(path, usecols=columns),
        "json": lambda: pd.read_json(path, lines=True, convert_dates=False),
    }
    return readers[format_]()[columns]


def _shuffled(frame: Any, job: dict[str, Any]) -> Any:
    """Some columns in another order of rows than the others, as permutation importance wants it."""
    columns = job.get("shuffled")
    if not columns:
        return frame
    import numpy as np

    order = np.random.default_rng(job["seed"]).permutation(len(frame))
    return frame.assign(**{name: frame[name].to_numpy()[order] for name in columns}).astype(frame.dtypes)


def _load(path: Path, format_: str) -> Any:
    if format_ == "mlflow":
        return _load_mlflow(path)
    loaders: dict[str, Callable[[Path], Any]] = {
        "sklearn-pickle": _load_pickle,
        "skops": _load_skops,
        "xgboost-json": _load_xgboost,
        "lightgbm-text": _load_lightgbm,
        "onnx": _load_onnx,
        "torch-export": _load_torch,
    }
    if format_ not in loaders:
        raise Unusable(f"models of the format {format_} cannot be run here: they hold numbers and no program")
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        if len(files) != 1:
            raise Unusable(f"the artifact is a folder of {len(files)} files, and a {format_} model is one file")
        path = files[0]
    return loaders[format_](path)


class _Booster:
    """A regression, or anything else whose answer is taken as it comes."""

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        self.predict = predict


class _Classifier(_Booster):
    """A model whose answer is a column for each class, or the chance of the second of two.

    Its file knows classes as numbers from 0, unless the answer itself names them.
    """

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        super().__init__(predict)
        self.classes_: list[Any] = []

    def predict_proba(self, frame: Any) -> Any:
        import numpy as np

        answer = self.predict(frame)
        names: list[Any] = []
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            names, answer = list(answer[0]), [list(row.values()) for row in answer]
        chances = _numbers(answer, dimensions=np.ndim(answer))
        if chances.ndim == 2 and chances.shape[1] == 1:  # noqa: PLR2004 - one column
            chances = chances[:, 0]
        if chances.ndim == 1:
            chances = np.column_stack([1 - chances, chances])
        if ((chances < -SLACK) | (chances > 1 + SLACK)).any():
            raise Unusable("the model answers numbers outside 0 and 1, which are no probabilities")
        self.classes_ = names or [str(index) for index in range(chances.shape[1])]
        return chances


def _load_xgboost(path: Path) -> _Booster:
    """A booster, asked as its own documentation says; what it answers depends on its objective."""
    import numpy as np
    import xgboost

    booster = xgboost.Booster(model_file=str(path))
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]

    def predict(frame: Any) -> Any:
        named = frame if booster.feature_names is not None else frame.to_numpy()
        matrix = xgboost.DMatrix(named)
        if objective == "multi:softmax":  # it would answer with the class alone
            margins = booster.predict(matrix, output_margin=True).astype(np.float64)
            weights = np.exp(margins - margins.max(axis=1, keepdims=True))
            return weights / weights.sum(axis=1, keepdims=True)
        if objective == "binary:logitraw":
            return 1 / (1 + np.exp(-booster.predict(matrix).astype(np.float64)))
        return booster.predict(matrix)

    chances = objective.startswith("multi:") or objective in {"binary:logistic", "binary:logitraw"}
    return _Classifier(predict) if chances else _Booster(predict)


def _load_lightgbm(path: Path) -> _Booster:
    """A booster from its text, which states the objective in a line of its own."""
    import lightgbm

    booster = lightgbm.Booster(model_file=str(path))
    lines = booster.model_to_string(num_iteration=1).splitlines()
    objective = next((line.split("=", 1)[1] for line in lines if line.startswith("objective=")), "").split(" ")[0]
    return (_Classifier if objective in {"binary", "multiclass", "multiclassova"} else _Booster)(booster.predict)


def _load_onnx(path: Path) -> _Booster:
    """A graph with one input of shape (rows, columns); a classifier's first output is the class, then come chances."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1:
        raise Unusable(f"the graph has {len(inputs)} inputs, and one table is all there is to give")
    if len(outputs) > 2:  # noqa: PLR2004 - the class and its chances
        raise Unusable(f"the graph has {len(outputs)} outputs, and which of them is the answer is not known")

    def predict(frame: Any) -> Any:
        kind = np.float64 if "double" in inputs[0].type else np.float32
        return session.run(None, {inputs[0].name: frame.to_numpy(dtype=kind)})[-1]

    last = outputs[-1]
    several = isinstance(last.shape, list) and len(last.shape) == 2 and last.shape[1] not in {0, 1}  # noqa: PLR2004
    chances = len(outputs) > 1 or last.type.startswith("seq(map") or (several and last.type != "tensor(int64)")
    return _Classifier(predict) if chances else _Booster(predict)


def _load_torch(path: Path) -> _Booster:
    """A program of ``torch.export`` with one input of shape (rows, columns), any number of rows, and one output.

    What it answers is taken as it comes: chances, if the program ends with a sigmoid or a softmax.
    """
    import numpy as np
    import torch

    program = torch.export.load(str(path))
    kinds = {one.dtype for one in program.parameters()}
    kind = np.float64 if torch.float64 in kinds else np.float32
    module = program.module()

    def predict(frame: Any) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(frame.to_numpy(dtype=kind, copy=True))).numpy().astype(np.float64)

    return _Booster(predict)


def _load_pickle(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _load_skops(path: Path) -> Any:
    """The scan has judged every type in the file, against a longer list than skops has; so all of them are trusted."""
    import skops.io

    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def _load_mlflow(path: Path) -> Any:
    """The scikit-learn flavour is opened directly: it is one file, and importing mlflow costs seconds."""
    import yaml

    description = yaml.safe_load((path / "MLmodel").read_text(encoding="utf-8"))
    flavour = description.get("flavors", {}).get("sklearn")
    if flavour is None:
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(path))
    if flavour.get("code"):
        import mlflow.sklearn

        return mlflow.sklearn.load_model(str(path))
    file = (path / flavour["pickled_model"]).resolve()
    if not file.is_relative_to(path.resolve()):
        raise Unusable("MLmodel names a file outside the artifact")
    if flavour.get("serialization_format") == "skops":
        return _load_skops(file)
    return _load_pickle(file)


def _ask(model: Any, frame: Any, job: dict[str, Any]) -> tuple[Any, str, list[str]]:
    frame = frame.copy()  # a model may change what it is given, and the next question is about the data as they are
    if job["task"] == "binary-classification":
        return (*_ask_binary(model, frame, str(job["positive"])), [])
    if job["task"] == "multiclass":
        return _ask_classes(model, frame)
    several = job.get("outputs", 1)
    if several == 1:
        return _numbers(model.predict(frame), dimensions=1), "value", []
    values = _numbers(model.predict(frame), dimensions=2)
    if values.shape[1] != several:
        raise Unusable(f"the model gave {values.shape[1]} numbers for each row, and {several} outputs are declared")
    return values, "value", []


def _ask_binary(model: Any, frame: Any, positive: str) -> tuple[Any, str]:
    if hasattr(model, "predict_proba"):
        chances = _numbers(model.predict_proba(frame), dimensions=2)
        if chances.shape[1:] != (2,):
            raise Unusable(f"predict_proba gave the shape {chances.shape}, and two classes need ({len(frame)}, 2)")
        classes = _class_names(model)  # a graph names them with its answer and not before
        return chances[:, classes.index(positive) if positive in classes else 1].copy(), "probability"
    if hasattr(model, "decision_function"):
        scores, classes = _numbers(model.decision_function(frame), dimensions=1), _class_names(model)
        return (-scores if classes and classes[0] == positive else scores), "score"
    return _binary_answer(model.predict(frame), positive)


def _binary_answer(answer: Any, positive: str) -> tuple[Any, str]:
    """What ``predict`` gave: two columns of probabilities, one column of them, or classes."""
    import numpy as np

    raw = _array(answer)
    if raw.ndim == 2 and raw.shape[1] == 2:  # noqa: PLR2004 - a column for each class
        return _numbers(raw, dimensions=2)[:, 0 if positive == "0" else 1].copy(), "probability"
    raw = raw.reshape(len(raw), -1)[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw  # noqa: PLR2004
    if raw.dtype.kind == "f" and not np.isin(raw[np.isfinite(raw)], (0.0, 1.0)).all():
        return _numbers(raw, dimensions=1), "probability"
    _refuse_one_for_all(raw)
    if raw.ndim != 1:
        raise Unusable(f"the model gave an answer of shape {raw.shape}, and one value for each row is needed")
    names = [None if _missing(value) else _class_name(value) for value in raw.tolist()]
    known = sorted({name for name in names if name is not None})
    if len(known) > 1 and positive not in known:
        said = ", ".join(known[:3]) + (", …" if len(known) > 3 else "")  # noqa: PLR2004 - as many as are told
        raise Unusable(f"the model answers {said}, and never {positive}, which the manifest calls positive")
    return np.array([np.nan if name is None else float(name == positive) for name in names]), "label"


def _ask_classes(model: Any, frame: Any) -> tuple[Any, str, list[str]]:
    import numpy as np

    if hasattr(model, "predict_proba"):
        chances = _numbers(model.predict_proba(frame), dimensions=2)
        classes = _class_names(model)
        if chances.shape[1] != len(classes):
            raise Unusable(f"predict_proba gave {chances.shape[1]} columns for {len(classes)} classes")
        return chances, "probability", classes
    raw, classes = _array(model.predict(frame)), _class_names(model)
    if raw.ndim == 2 and raw.shape[1] > 1:  # noqa: PLR2004 - a column for each class
        classes = classes if len(classes) == raw.shape[1] else [str(index) for index in range(raw.shape[1])]
        return _numbers(raw, dimensions=2), "probability", classes
    named = [None if _missing(value) else _class_name(value) for value in raw.reshape(-1).tolist()]
    said = sorted({name for name in named if name is not None})
    classes = classes or said
    strange = [name for name in said if name not in classes]
    if strange:
        raise Unusable(f"the model answers {strange[0]}, which is none of its classes {', '.join(classes[:10])}")
    each = [[np.nan if name is None else float(name == one) for one in classes] for name in named]
    return np.array(each).reshape(len(named), len(classes)), "label", classes


def _missing(value: object) -> bool:
    """Whether an answer is no class but the lack of one."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _class_names(model: Any) -> list[str]:
    import numpy as np

    return [_class_name(value) for value in np.asarray(getattr(model, "classes_", [])).tolist()]


def _class_name(value: object) -> str:
    """A class as the data file's reader would spell it: ``true``, ``3``, ``setosa``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _refuse_one_for_all(raw: Any) -> None:
    if raw.ndim == 0:
        raise Unusable("the model gave one value, and not one for each row")


def _array(answer: Any) -> Any:
    import numpy as np

    if answer is None:
        raise Unusable("the model gave nothing")
    try:
        return np.asarray(answer)
    except ValueError:  # rows of different lengths
        raise Unusable("the model gave something that is not a table of numbers") from None


def _numbers(answer: Any, *, dimensions: int) -> Any:
    import numpy as np

    raw = _array(answer)
    if raw.dtype.kind not in "biufO" or (raw.dtype.kind == "O" and any(isinstance(one, str) for one in raw.flat)):
        what = {"U": "text", "S": "bytes", "O": "text", "c": "complex numbers", "M": "dates", "m": "times"}
        raise Unusable(f"the model gave {what.get(raw.dtype.kind, raw.dtype)} where numbers are needed")
    _refuse_one_for_all(raw)
    try:
        values = raw.astype(np.float64)
    except (TypeError, ValueError):
        raise Unusable("the model gave something that is not a table of numbers") from None
    if dimensions == 1 and values.ndim == 2 and values.shape[1] == 1:  # noqa: PLR2004
        values = values[:, 0]
    if values.ndim != dimensions:
        raise Unusable(f"the model gave an answer of shape {values.shape} where {dimensions} dimension(s) are needed")
    return values


if __name__ == "__main__":
    main(sys.argv[1])
