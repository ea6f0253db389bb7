"""Columns weigh what the model makes of them: the file, the shares, and what is said where nothing is known."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cancer import FEATURES, NOW, Project
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.testing.data.importance import FILE, Importance, read, shares
from mlops_gitops.testing.data.references import made
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
BROUGHT = {FEATURES[0]: 0.4, FEATURES[1]: 0.1, FEATURES[2]: -0.01, FEATURES[3]: 0}
FOUND = Importance("roc_auc", "test", "a" * 64, BROUGHT)


def rows(seed: int, count: int = 4_000) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({name: chance.normal(20, 4, count) for name in FEATURES})
    return frame.assign(benign=chance.random(count) < 0.6, site="north", id=np.arange(count) + seed * 1_000_000)


def weighing(spec: dict[str, Any]) -> None:
    spec["tests"] = {"data": {"drift": {"of": "train", "in": ["test"], "weights": "importance"}}}


@pytest.fixture
def weighed(project: Make) -> Callable[..., dict[tuple[str, str], Check]]:
    """The checks of drift, with this file beside the manifest."""

    def checks(
        text: str | None, change: Callable[[dict[str, Any]], None] = weighing, lay: Callable[[Path], None] | None = None
    ) -> dict[tuple[str, str], Check]:
        found = project(change, train=rows(1), test=rows(2).assign(**{FEATURES[0]: 0.0, FEATURES[2]: 0.0}))
        reference = made(found.model, "train", folder=found.folder, root=found.folder)
        (found.folder / "train.profile.json").write_text(reference.text())
        if text is not None:
            (found.folder / FILE).write_text(text)
        if lay is not None:
            lay(found.folder / FILE)
        report = run_data_tests(found.model, folder=found.folder, locate=found.locate, now=NOW)
        told = {(one.id, one.subject): one for one in report.checks if one.id.startswith(("data.drift", "data.imp"))}
        assert found.line(told["data.importance", FILE].location) == "weights: importance"
        return told

    return checks


def width(check: Check) -> float:
    assert check.interval is not None
    return float(check.observed or 0) - check.interval[0]


def test_an_input_that_brings_more_is_watched_more_closely(weighed: Callable[..., Any]) -> None:
    found = weighed(FOUND.text())
    assert {subject for id_, subject in found if id_ == "data.drift"} == {
        *(f"test.{name}" for name in FEATURES),
        "test.benign",
    }, "what the model does not take is left out"
    assert found["data.importance", FILE].verdict is Verdict.PASS
    assert found["data.importance", FILE].message == (
        "inputs share the errors by what they bring to roc_auc on test: mean texture 52.5 %, "
        "mean smoothness 22.5 %, mean symmetry 12.5 % and 1 more"
    )
    assert width(found["data.drift", "test.mean texture"]) < width(found["data.drift", "test.mean symmetry"]) * 0.95


def test_where_nothing_is_known_all_inputs_weigh_the_same_and_it_is_said(weighed: Callable[..., Any]) -> None:
    found = weighed(None)
    said = found["data.importance", FILE]
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "so all of them weigh the same: importance.json cannot be used: it is not there" in said.message
    assert "test features cancer --write-reference" in said.fix
    assert found["data.drift", "test.mean texture"].verdict is Verdict.FAIL
    assert width(found["data.drift", "test.mean texture"]) == width(found["data.drift", "test.mean symmetry"])


def test_a_pipe_in_its_place_holds_nobody_up(weighed: Callable[..., Any]) -> None:
    said = weighed(None, lay=os.mkfifo)["data.importance", FILE]
    assert (said.verdict, "not a regular file" in said.message) == (Verdict.INCONCLUSIVE, True), said.message


@pytest.mark.parametrize(
    ("inputs", "declared", "why"),
    [
        ({FEATURES[0]: 1.0}, "a" * 64, "says nothing of mean smoothness, mean symmetry, texture error, which weigh"),
        (dict(FOUND.inputs), "b" * 64, "was measured with the artifact aaaaaaaaaaaa…; the manifest names bbbbbbbbbbbb"),
    ],
)
def test_a_file_of_another_model_is_told(
    weighed: Callable[..., Any], inputs: dict[str, float], declared: str, why: str
) -> None:
    def change(spec: dict[str, Any]) -> None:
        weighing(spec)
        spec["artifact"]["digest"] = {"sha256": declared}

    said = weighed(Importance("roc_auc", "test", "a" * 64, inputs).text(), change)["data.importance", FILE]
    assert (said.verdict, why in said.message) == (Verdict.INCONCLUSIVE, True), said.message


@pytest.mark.parametrize(
    "spoilt",
    [
        b"\xff",
        b"[" * 100_000,
        b" " * (1024 * 1024 + 1),
        b"[]",
        b"{}",
        FOUND.text().replace("Importance", "Profile").encode(),
        FOUND.text().replace('"roc_auc"', "3").encode(),
        FOUND.text().replace("0.4", "NaN").encode(),
        FOUND.text().replace("0.4", "true").encode(),
        FOUND.text().replace("0.4", '"0.4"').encode(),
        FOUND.text().replace("0.4", "1" + "0" * 400).encode(),
        FOUND.text().replace("0.4", "9" * 5000).encode(),
        json.dumps({**json.loads(FOUND.text()), "inputs": [1]}).encode(),
    ],
)
def test_a_file_that_somebody_spoilt_is_refused_with_a_reason(spoilt: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(spoilt)


def test_the_file_is_read_back_as_it_was() -> None:
    assert read(FOUND.text().encode()) == FOUND


@example({"a": 5e-324, "b": 1.7e308})
@example({"a": 5e-324})
@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=12))
def test_shares_are_one_together_and_none_is_less_than_half_of_an_even_one(inputs: dict[str, float]) -> None:
    names = (*inputs, "\0unknown")
    found = shares(names, inputs)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= 0.5 / len(names) * (1 - 1e-12)
    ordered = sorted(inputs, key=lambda name: max(0.0, inputs[name]))
    assert [found[name] for name in ordered] == sorted(found[name] for name in ordered)
