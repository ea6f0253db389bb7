"""A section that is inferred from data: fresh samples pass it, broken ones do not, and people's lines stay."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer

from cancer import NOW, Project, bad
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.insertion import with_section
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.inference import budget, section
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]


def undemanding(spec: dict[str, Any]) -> None:
    spec["tests"] = {"model": {"baseline": "prior"}}


def with_inferred(project: Make, train: pd.DataFrame, test: pd.DataFrame) -> tuple[Project, dict[str, Any]]:
    made = project(undemanding, train=train, test=test)
    found = section(made.model, folder=made.folder, root=made.folder)

    def change(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": found}

    return project(change, train=train, test=test), found


def halves(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = np.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[order[::2]], frame.iloc[order[1::2]]


@pytest.fixture(scope="module")
def cancer() -> pd.DataFrame:
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    return frame.assign(benign=labels == 1, id=range(len(frame)), site=["north", "south"] * 284 + ["north"])


def test_a_fresh_half_passes_where_raw_extremes_fail(project: Make, cancer: pd.DataFrame) -> None:
    failed, extremes = 0, 0
    for seed in range(5):
        train, test = halves(cancer, seed)
        made, _ = with_inferred(project, train, test)
        report = run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
        failed += report.verdict is not Verdict.PASS
        numbers = train.select_dtypes("number").drop(columns="id")
        beyond = (test[numbers.columns] < numbers.min()) | (test[numbers.columns] > numbers.max())
        extremes += bool(beyond.any().any())
    assert failed == 0
    assert extremes == 5


def test_broken_data_fail_what_was_inferred(project: Make, cancer: pd.DataFrame) -> None:
    train, test = halves(cancer, 0)
    spoilt = test.assign(
        **{"mean radius": test["mean radius"] * 10, "site": "nowhere", "mean area": None, "id": 1},
        benign=test["benign"].astype(str),
    )
    made, _ = with_inferred(project, train, spoilt)
    found = bad(run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW))
    assert {
        "data.range test.mean radius",
        "data.domain test.site",
        "data.null test.mean area",
        "data.unique test.id",
        "data.type test.benign",
    } <= set(found)


def test_what_is_inferred(project: Make, cancer: pd.DataFrame) -> None:
    _, found = with_inferred(project, *halves(cancer, 0))
    columns = {one["name"]: one for one in found["columns"]}
    assert found["unique"] == [["id"]]
    assert "range" not in columns["id"]  # the next rows have other numbers
    assert columns["site"]["domain"] == ["north", "south"]
    assert columns["mean radius"]["type"] == "double"
    assert 0 < columns["mean radius"]["maxViolationRate"] < 0.1


@settings(max_examples=25, deadline=None)
@given(
    known=st.integers(50, 2000),
    share=st.floats(0.001, 0.5),
    fresh=st.integers(50, 2000),
    error=st.sampled_from([0.2, 0.05, 0.01]),
)
def test_the_budget_is_that_of_the_order_statistic(known: int, share: float, fresh: int, error: float) -> None:
    """The number of fresh values below the r-th smallest has the stated tail, whatever the values are: simulated."""
    rank = max(1, int(share * known))
    chance = np.random.default_rng(1)
    below = chance.binomial(fresh, chance.beta(rank, known + 1 - rank, 20_000))
    found = budget(rank, known, fresh, error=error)
    assert (below > found * fresh + 1e-9).mean() <= error + 0.01
    smaller = found - 1.2 / fresh - 10 ** (np.floor(np.log10(found)) - 1) if found else -1.0  # two digits, rounded up
    assert smaller < 0 or (below > smaller * fresh).mean() >= error * 0.5


TEXT = """\
# what we promise
spec:
  # how it is made
  training: {entrypoint: [python, train.py]}
  tests:   # beyond metrics
    # the baseline
    model: {baseline: prior}  # keep
"""


def test_people_s_lines_stay() -> None:
    document = load("models/x/model.yaml", TEXT.encode())
    found = with_section(document, ("spec", "tests", "data"), {"rows": {"min": 3}})
    assert [one for one in found.splitlines() if one not in TEXT.splitlines()] == ["    data:", "      rows: {min: 3}"]
    assert [one for one in TEXT.splitlines() if one not in found.splitlines()] == []
    assert yaml.safe_load(found)["spec"]["tests"] == {"data": {"rows": {"min": 3}}, "model": {"baseline": "prior"}}
    bare = TEXT[: TEXT.index("  tests:")]
    found = with_section(load("m.yaml", bare.encode()), ("spec", "tests", "data"), {"rows": {"min": 3}})
    assert yaml.safe_load(found)["spec"]["tests"] == {"data": {"rows": {"min": 3}}}


@pytest.mark.parametrize(
    "text", ["spec: {tests: {model: {}}}\n", "spec:\n  tests:\n    data: {rows: {min: 1}}\n", "spec:\n  tests: {}\n"]
)
def test_what_cannot_be_put_in_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        with_section(load("m.yaml", text.encode()), ("spec", "tests", "data"), {"rows": {"min": 3}})


def test_the_command_prints_and_writes(project: Make, cancer: pd.DataFrame) -> None:
    train, test = halves(cancer, 0)
    made = project(undemanding, train=train, test=test)
    path = made.folder / "model.yaml"
    path.write_text("# ours\n" + made.document.text)
    root = made.folder.parent.parent

    def run(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        world = World({"HOME": str(Path.home())}, lambda: NOW, root, out, err)
        return main(["test", "data", "cancer", *words], world), out.getvalue(), err.getvalue()

    code, printed, _ = run("--infer")
    assert code == 0
    assert yaml.safe_load(printed)["data"]["unique"] == [["id"]]
    assert run("--infer", "--write")[:2] == (0, "wrote models/cancer/model.yaml\n")
    assert path.read_text().startswith("# ours\n")
    written = load("models/cancer/model.yaml", path.read_bytes())
    assert not written.findings
    assert Model.from_value(written.value).tests.data.unique == (("id",),)
    code, shown, _ = run()
    assert code == 0, shown
    code, _, said = run("--infer", "--write")
    assert code == 1
    assert "has `spec.tests.data` already" in said
    assert run("--write")[0] == 2


def test_a_section_holds_nothing_that_is_somebodys_or_that_nobody_sees(project: Callable[..., Project]) -> None:
    """Whoever writes data chooses names and categories, and the section is committed."""
    rows = 400
    frame = pd.DataFrame(
        {
            "plain": ["a: b", "- x", "'", '"', "null", "1", "<b>", "*a"] * 50,
            "hidden": ["a", "\u202eb", "\x85", "\n"] * 100,
            "q": ["ada@example.com", "bob@example.com"] * 200,
            "surname": ["Example", "Muster"] * 200,
            "a\u2028b": range(rows),
        }
    )
    made = project(lambda spec: spec["tests"].pop("data"), train=frame, test=frame)
    found = section(made.model, folder=made.folder, root=made.folder)
    domains = {one["name"]: one.get("domain") for one in found["columns"]}
    assert domains.pop("plain") == sorted({"a: b", "- x", "'", '"', "null", "1", "<b>", "*a"})
    assert domains == {"hidden": None, "q": None, "surname": None}
    written = with_section(made.document, ("spec", "tests", "data"), found)
    assert not load("models/cancer/model.yaml", written.encode()).findings


def test_whole_numbers_that_json_cannot_hold_have_the_next_bounds_that_it_can(
    project: Make, cancer: pd.DataFrame
) -> None:
    """Times in nanoseconds and long identifiers: a section with such a number would be no valid manifest."""
    rows = len(cancer)
    wide = cancer.assign(
        when=1_767_225_600_000_000_000 + np.random.default_rng(1).integers(0, 10**15, rows),
        below=-(10**18) - np.arange(rows) % 2,
        same=2**62 + 1,
    )
    made, found = with_inferred(project, wide, wide)
    bounds = {one["name"]: one["range"] for one in found["columns"] if one["name"] in {"when", "below", "same"}}
    assert bounds["same"]["min"] < 2**62 + 1 < bounds["same"]["max"]
    assert {type(end) for one in bounds.values() for end in one.values()} == {float}
    assert run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW).verdict is Verdict.PASS
