"""What a batch or stream server did, judged: every planted fault is found, and a sound one passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cancer import manifest
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.infra import records, streams
from mlops_gitops.testing.infra.parity import Tolerance
from mlops_gitops.testing.infra.probes import Probe
from mlops_gitops.testing.infra.records import Got, Sent
from mlops_gitops.testing.infra.streams import Broken, Stored
from mlops_gitops.testing.models.predictions import Failed, Predictions

VALUES = np.array([0.25, 0.5, 0.75])
TOLERANCE = Tolerance(1e-6, 1e-9)


@pytest.fixture
def model() -> Model:
    value = manifest()
    value["spec"]["serving"] = {"pattern": "stream"}
    return Model.from_value(value)


def sent(*, probe: Predictions | Failed, strict: bool = True) -> Sent:
    offline = Predictions(VALUES, "probability", "0" * 64)
    asked = Probe("infra.missing", "mean texture", Source(Path("none"), "parquet"), "0" * 64, strict)
    rows = [(1.0, 2.0, 3.0, 4.0)] * 3
    return records.sent(rows, offline, [(asked, rows[:1], probe)], bad=2, least=5)


def sound(all_: Sent) -> Got:
    answers = {number: {"probability": float(VALUES[number % 3])} for number in range(6)} | {6: {"probability": 0.5}}
    return Got(answers, dict.fromkeys(all_.bad, "it is no JSON"))


def failing(model: Model, all_: Sent, got: Got) -> dict[str, str]:
    found = records.judged(model, all_, got, TOLERANCE, lambda _: Location("model.yaml"))
    return {one.id: one.message for one in found if one.verdict is not Verdict.PASS}


ONE = Predictions(np.array([0.5]), "probability", "0" * 64)


def test_a_sound_server_passes(model: Model) -> None:
    all_ = sent(probe=ONE)
    assert [len(one.numbers) for one in all_.groups] == [3, 3, 1]
    assert all_.bad == {7, 8}
    assert failing(model, all_, sound(all_)) == {}


@pytest.mark.parametrize(
    ("plant", "id_", "words"),
    [
        (lambda got: got.answers.pop(4), "infra.lost", "1 of 9 records were lost, the first is number 5"),
        (lambda got: got.aside.pop(8), "infra.lost", "number 9"),
        (lambda got: got.answers.update({4: {"probability": 0.6}}), "infra.parity", "is 0.5 offline and 0.6 served"),
        (lambda got: got.answers.update({4: {"chance": 0.5}}), "infra.parity", "row 2 is 0.5 offline and nan served"),
        (lambda got: got.answers.update({4: {"probability": "0.5"}}), "infra.types", "probability"),
        (lambda got: got.aside.update({4: "it broke"}) or got.answers.pop(4), "infra.parity", "set aside: it broke"),
        (lambda got: got.aside.update({4: "it broke"}), "infra.twice", "1 records were answered twice"),
        (lambda got: got.answers.update({7: {"probability": 0.5}}) or got.aside.pop(7), "infra.aside", "1 were"),
        (lambda got: got.aside.update({7: " "}), "infra.aside", "1 have no reason"),
        (lambda got: got.answers.update({6: {"probability": 0.1}}), "infra.missing", "without a value"),
    ],
)  # fmt: skip
def test_every_fault_is_found(model: Model, plant: Callable[[Any], Any], id_: str, words: str) -> None:
    all_ = sent(probe=ONE)
    got = sound(all_)
    plant(got)
    assert words in failing(model, all_, got)[id_]


def test_counts_of_what_came_twice_and_without_a_record(model: Model) -> None:
    all_ = sent(probe=ONE)
    found = failing(model, all_, replace(sound(all_), twice=2, strange=1))
    assert set(found) == {"infra.twice", "infra.keys"}


def test_what_has_no_answer_offline_may_have_none_served(model: Model) -> None:
    all_ = sent(probe=Failed("the model raised ValueError"))
    assert "offline there is none" in failing(model, all_, sound(all_))["infra.missing"]
    got = sound(all_)
    del got.answers[6]  # type: ignore[attr-defined]
    assert failing(model, all_, replace(got, aside={**got.aside, 6: "x"})) == {}
    loose = sent(probe=ONE, strict=False)
    assert failing(model, loose, replace(got, aside={**got.aside, 6: "x"})) == {}


def test_what_a_broker_holds_is_told_apart_by_its_ids() -> None:
    def stored(id_: str | None, value: object, *, aside: bool = False) -> Stored:
        return Stored(id_, value if isinstance(value, bytes) else json.dumps(value).encode(), aside)

    got = streams.received(
        [
            stored("IN:1", {"key": "IN:1", "probability": 0.5}),
            stored("IN:1", {"key": "IN:1", "probability": 0.5}),
            stored("IN:2:aside", {"reason": "no"}, aside=True),
            stored("IN:9", {"probability": 0.5}),
            stored(None, {"probability": 0.5}),
            stored("IN:3", b"{"),
            stored("IN:" + "9" * 4000, {}),
        ],
        3,
    )
    assert got == Got({0: {"probability": 0.5}}, {1: "no"}, 1, 4)


@pytest.mark.parametrize(("stored", "middle"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_kill_counts_only_in_the_middle(stored: int, middle: bool) -> None:  # noqa: FBT001 - a parameter
    assert Broken(stored, 10).in_the_middle is middle
