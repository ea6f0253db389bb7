"""What a reproduction says as evidence."""

from __future__ import annotations

import re

import pytest

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.reproduction import checks, ladder
from mlops_gitops.reproduction.levels import Agreement, Answer, Level, Rung
from mlops_gitops.reproduction.reproductions import Cause, Explanation, Reproduction, Side
from mlops_gitops.reproduction.trainings import Place, Problem, Trouble
from prose import ROOT


def agreement(level: Level | None, *, open_: Level | None = None) -> Agreement:
    rungs = [
        Rung(one, Answer.HOLDS if one is level else Answer.OPEN if one is open_ else Answer.BROKEN, "a reason")
        for one in Level
    ]
    return ladder.climb("1" * 64, "2" * 64, rungs)


def found(reached: Agreement | None, demanded: Level = Level.CANONICAL, **fields: object) -> Reproduction:
    said: dict[str, object] = {
        "model": "cancer",
        "version": "1.0.0",
        "revision": "a" * 40,
        "mode": "record",
        "demanded": demanded,
        "left": Side("record", "1" * 64),
        "right": Side("first", "2" * 64),
        "agreement": reached,
    }
    return Reproduction(**{**said, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("reached", [None, *Level])
@pytest.mark.parametrize("demanded", list(Level))
def test_it_passes_exactly_when_the_level_is_as_strict_as_demanded(reached: Level | None, demanded: Level) -> None:
    report = checks.report(found(agreement(reached), demanded), location=Location("models/cancer/model.yaml", 9))
    assert (report.verdict is Verdict.PASS) == (reached is not None and reached.rank <= demanded.rank)
    (check,) = report.checks
    assert check.id == "reproduction.level"
    assert check.observed == (reached.value if reached else "none")
    assert report.materials == (("artifact", "1" * 64), ("reproduced", "2" * 64))


def test_what_could_not_be_asked_is_inconclusive_and_nothing_at_all_too() -> None:
    assert checks.verdict(found(agreement(None, open_=Level.CANONICAL))) is Verdict.INCONCLUSIVE
    assert checks.verdict(found(None)) is Verdict.INCONCLUSIVE


def test_a_run_that_went_wrong_fails_whatever_agrees() -> None:
    problem = Problem(Trouble.NETWORK, "asked for example.com:443", "declare it", place=Place("models/m/train.py", 3))
    report = checks.report(found(agreement(Level.BITWISE), problems=(problem,)))
    assert report.verdict is Verdict.FAIL
    assert [(one.id, str(one.location)) for one in report.checks[1:]] == [
        ("reproduction.network", "models/m/train.py:3:1")
    ]


def test_causes_are_told_where_the_promise_is_broken_and_only_there() -> None:
    cause = Cause("generators", "split", "a generator is unseeded", "random_state=0", Place("train.py", 4))
    explained = Explanation((), (cause,), "one cause")
    broken = checks.report(found(agreement(None), explanation=explained))
    assert [one.subject for one in broken.checks if one.id == "reproduction.cause"] == ["generators"]
    kept = checks.report(found(agreement(Level.CANONICAL), explanation=explained))
    assert kept.verdict is Verdict.PASS


def test_every_thing_that_can_be_wrong_with_a_run_is_on_the_page_of_the_verb() -> None:
    page = (ROOT / "docs" / "reference" / "cli" / "reproduce.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \| [a-z]", page, re.MULTILINE) == [one.value for one in Trouble]
