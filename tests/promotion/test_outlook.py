"""What a release would meet, before it is published: the same as it meets afterwards."""

from __future__ import annotations

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.promotion import layout, plan
from mlops_gitops.promotion.outlook import outlook
from mlops_gitops.promotion.snapshot import Snapshot

RELEASE = estate.release("1.0.0")
TESTS = [{"evidence": "model-tests"}, {"evidence": "provenance"}]
POLICIES = {
    "dev": estate.environment("dev", promotion="automatic", gates=TESTS),
    "lab": estate.environment("lab", gates=TESTS),
    "prod": estate.environment("prod", after=["dev"], gates=[*TESTS, {"approvals": {"quorum": 2}}]),
}
BASE = Estate.new(POLICIES)


def found(verdict: Verdict) -> list[Report]:
    return [Report("model-tests", (Check("model.metric", "roc_auc", verdict, "0.9"),), "one check")]


def test_each_environment_says_what_it_would_and_why() -> None:
    dev, lab, prod = outlook(Snapshot(BASE.tree()), RELEASE, found(Verdict.PASS), now=NOW)
    assert (dev.environment, dev.outcome, dev.blocking) == ("dev", "move", ())
    assert (lab.outcome, [one.gate for one in lab.blocking]) == ("pending", ["promotion"]), "a person moves it"
    assert (prod.outcome, [one.gate for one in prod.blocking]) == ("pending", ["after", "approvals"])


@pytest.mark.parametrize("verdict", Verdict)
def test_it_is_what_the_plan_says_once_all_is_signed(verdict: Verdict) -> None:
    signed = [estate.claim("model-tests", RELEASE, verdict=verdict), estate.claim("provenance", RELEASE)]
    after = BASE.with_release(RELEASE, model_tests=verdict)
    for one in signed:
        after = after.with_files(estate.evidence(one))
    expected = outlook(Snapshot(BASE.tree()), RELEASE, found(verdict), now=NOW)[0]
    case = plan.situation(Snapshot(after.tree()), model=MODEL, environment="dev", release=RELEASE.id)
    assert expected.outcome == plan.decide(case, now=NOW).outcome.value


def test_an_environment_that_does_not_hold_together_stops_no_other() -> None:
    broken = BASE.with_files({layout.pointer("lab", MODEL): b"nonsense"})
    dev, lab, _ = outlook(Snapshot(broken.tree()), RELEASE, found(Verdict.PASS), now=NOW)
    assert (lab.outcome, dev.outcome) == ("failed", "move")


def test_what_was_published_before_is_not_forgotten() -> None:
    published = BASE.with_release(RELEASE).with_files(estate.evidence(estate.claim("provenance", RELEASE)))
    dev, *_ = outlook(Snapshot(published.tree()), RELEASE, (), now=NOW)
    assert dev.outcome == "move"
    dev, *_ = outlook(Snapshot(BASE.with_release(RELEASE).tree()), RELEASE, (), now=NOW)
    assert [one.gate for one in dev.blocking] == ["provenance"], "it is not signed anew"
