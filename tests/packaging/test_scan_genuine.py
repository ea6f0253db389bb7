"""Models as libraries really write them must pass, and the list must name classes where they are defined."""

from __future__ import annotations

import _compat_pickle
import importlib
import pickle
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging.scan import arrays, scan
from mlops_gitops.packaging.scan.allowed import CLASSIC, OLD_NAMES, names
from mlops_gitops.packaging.scan.values import WRAPPER, Global, Items, Made

FORMATS = ("skops", "pickle", "cloudpickle")
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


@cache
def models() -> dict[str, Any]:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(80, 3)), columns=list("abc"))
    table["carrier"] = random.choice(["AA", "UA"], 80)
    numbers, late = table[list("abc")].to_numpy(), (table["a"] > 0).astype(int)
    prepared = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list("abc")),
        ("carrier", OneHotEncoder(), ["carrier"]),
    ])  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "boosting": HistGradientBoostingClassifier(max_iter=3).fit(numbers, late),
            "forest": RandomForestClassifier(3, random_state=np.random.RandomState(0)).fit(numbers, late),
            "logistic": LogisticRegression().fit(numbers, late),
            "pipeline": Pipeline([("prepared", prepared), ("model", HistGradientBoostingClassifier(max_iter=3))]).fit(
                table, late
            ),
            "neighbours": KNeighborsClassifier(algorithm="kd_tree").fit(numbers, late),
            "network": MLPClassifier((3,), max_iter=2).fit(numbers, late),
            "gaussian": GaussianProcessClassifier().fit(numbers[:20], late[:20]),
            "search": GridSearchCV(Ridge(), {"alpha": [1, 2]}).fit(numbers, late),
            "words": make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["aa bb", "cc dd"] * 9, [0, 1] * 9),
            "function": make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(abs(numbers), late),
        }


def passes(path: Path, declared: str) -> None:
    report = scan(path, format=declared)
    assert report.verdict is Verdict.PASS, [
        check.message for check in report.checks if check.verdict is not Verdict.PASS
    ]


MODELS = (
    *("boosting", "forest", "logistic", "pipeline", "neighbours", "network", "gaussian", "search", "words", "function"),
)


@pytest.mark.parametrize("name", MODELS)
def test_a_genuine_model_passes(tmp_path: Path, name: str) -> None:
    model, path = models()[name], tmp_path / "model.pkl"
    for protocol in range(6):
        path.write_bytes(pickle.dumps(model, protocol=protocol))
        passes(path, "sklearn-pickle")
    for compress in (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 1), ("lzma", 1)):
        joblib.dump(model, path, compress=compress)
        passes(path, "sklearn-pickle")
    skops.io.dump(model, tmp_path / "model.skops")
    passes(tmp_path / "model.skops", "skops")


def test_tables_and_arrays_pass(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.0], "b": pd.Categorical(["x"]), "c": [pd.Timestamp("2026-01-01")], "d": ["x"]})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([table, table["a"], {1, 2}, frozenset("a"), 10**40, b"x" * 300]))
    passes(tmp_path / "a.pkl", "sklearn-pickle")
    record = np.zeros(2, dtype=[("a", "<f8"), ("b", "U3"), ("c", "i2", (2, 2))])
    arrays = {"a": np.asfortranarray(np.eye(3)), "b": record, "c": np.array("2026", "M8[s]"), "d": np.zeros((0, 3))}
    joblib.dump({**arrays, "e": np.array(["x", None], dtype=object), "f": np.zeros(1)}, tmp_path / "a.pkl")
    passes(tmp_path / "a.pkl", "sklearn-pickle")


@pytest.mark.parametrize("form", FORMATS)
def test_an_mlflow_model_passes_until_its_loader_changes(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.sklearn

    options = {"skops_trusted_types": TRUSTED} if form == "skops" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            models()["pipeline"],
            tmp_path / "model",
            serialization_format=form,
            pip_requirements=["scikit-learn"],
            **options,
        )
    passes(tmp_path / "model", "mlflow")
    told = tmp_path / "model" / "MLmodel"
    genuine = told.read_text()
    for before, after, check in (
        ("loader_module: mlflow.sklearn", "loader_module: mlflow.pyfunc.model", "scan.mlmodel"),
        ("loader_module: mlflow.sklearn", "loader_module: os", "scan.mlmodel"),
        ("code: null", "code: code", "scan.mlmodel"),
        ("  sklearn:", "  statsmodels:", "scan.mlmodel"),
        ("predict_fn: predict", "predict_fn: __init__", "scan.mlmodel"),
        ("model_path: model", "model_path: ../model", "scan.mlmodel"),
        ("model_path: model", "model_path: other", "scan.mlmodel"),
        (
            f"serialization_format: {form}",
            f"serialization_format: {'pickle' if form == 'skops' else 'skops'}",
            "scan.format",
        ),
        ("    sklearn_version:", "    model_class: os.system\n    sklearn_version:", "scan.mlmodel"),
        *(
            (("- numpy.dtype", "- os.system", "scan.mlmodel"),)
            if form == "skops"
            else (("skops_trusted_types: null", "skops_trusted_types: [os.system]", "scan.mlmodel"),)
        ),
        ("flavors:", "flavors: !!python/name:os.system\nx:", "scan.mlmodel"),
    ):
        assert before in genuine
        told.write_text(genuine.replace(before, after))
        report = scan(tmp_path / "model", format="mlflow")
        assert check in {found.id for found in report.checks if found.verdict is Verdict.FAIL}, (after, report)
    told.write_text(genuine)
    (tmp_path / "model" / "code").mkdir()
    (tmp_path / "model" / "code" / "evil.py").write_text("")
    assert scan(tmp_path / "model", format="mlflow").verdict is Verdict.FAIL


def test_a_requirements_file_that_reads_like_opcodes_passes(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("click\nnumpy\n(tR.\n")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(1))
    report = scan(tmp_path, format="sklearn-pickle")
    assert report.verdict is Verdict.FAIL  # these very bytes would call lick.numpy() in an unpickler
    (tmp_path / "requirements.txt").write_text("click\nnumpy\nscikit-learn==1.9.1\n")
    passes(tmp_path, "sklearn-pickle")


def test_every_listed_name_of_an_installed_library_is_defined_where_the_list_says() -> None:
    """A name that a module merely imports could be anything in the next version of that module."""
    for module, name in sorted(names("sklearn", "scipy")):
        found = getattr(importlib.import_module(module), name)
        assert found.__name__ == name
        home = getattr(found, "__module__", module)
        assert home.split(".")[0] in (module.split(".")[0], "numpy"), (module, name, home)
        if module.startswith("sklearn") and not name.startswith("__pyx"):
            assert home == module or name == "newObj", (module, name, home)


def test_no_listed_name_is_translated_into_another() -> None:
    """Below protocol 3 an unpickler replaces Python 2 names: what is judged must be what is imported."""
    listed = names(*CLASSIC, "torch")
    assert not {module for module, _ in listed} & _compat_pickle.IMPORT_MAPPING.keys()
    aliases = {(old, name) for old, new in OLD_NAMES.items() for module, name in listed if module == new}
    for module, name in listed | aliases:
        there = _compat_pickle.NAME_MAPPING.get(
            (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
        )
        assert there == (OLD_NAMES.get(module, module), name)


def test_an_array_type_that_contradicts_itself_is_not_understood() -> None:
    def dtype(text: str, *states: object) -> Made:
        return Made(Global("numpy", "dtype"), (text, False, True), list(states))

    def wrapper(kind: Made) -> Made:
        state = {"subclass": Global("numpy", "ndarray"), "shape": (2,), "order": "C", "dtype": kind}
        return Made(Global(*WRAPPER), (), [Items("dict", list(state.items()))])

    def record(field: Made, *, flags: int, size: int = 8) -> Made:
        return dtype("V8", (3, "|", None, ("a",), Items("dict", [("a", (field, 0))]), size, 1, flags))

    assert arrays.of_wrapper(wrapper(record(dtype("f8"), flags=16))).size == 16
    assert arrays.of_wrapper(wrapper(record(dtype("O8"), flags=63))).objects
    for bad in (record(dtype("O8"), flags=0), record(dtype("f8"), flags=1), record(dtype("f8"), flags=0, size=800)):
        with pytest.raises(ValueError, match="type"):
            arrays.of_wrapper(wrapper(bad))
    for bad in (dtype("f8", (), ()), dtype("nonsense"), dtype("V8"), dtype("U2", (3, "<", None, None, None, 80, 4, 8))):
        with pytest.raises(ValueError, match=r"type|structure"):
            arrays.of_wrapper(wrapper(bad))


def test_no_listed_name_runs_code_or_opens_files() -> None:
    forbidden = {
        *("eval", "exec", "compile", "getattr", "setattr", "open", "input", "__import__", "globals", "vars", "system"),
        *("load", "loads", "loadtxt", "memmap", "fromfile", "read_pickle", "partial", "attrgetter", "methodcaller"),
        *("Popen", "run", "import_module", "apply_along_axis", "frompyfunc", "vectorize", "fromfunction", "Parallel"),
    }
    listed = names(*CLASSIC, "torch")
    assert not {name for _, name in listed} & forbidden
    assert not {module for module, _ in listed} & {"os", "posix", "nt", "sys", "subprocess", "operator", "functools"}
    assert not any("." in name for _, name in listed)
