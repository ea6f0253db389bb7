"""Gates in CEL on a real repository: they decide, they are waived, and ``verify`` makes every decision again."""

from __future__ import annotations

from pathlib import Path

import pytest

import estate
from estate import MODEL, Estate
from mlops_gitops.evidence import expressions
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from sites import Site, in_production, site_of

SMALL = {"name": "small-enough", "expression": "release.artifact.size < 100", "message": "the model is too large"}
TESTED = {
    "name": "tested-here",
    "expression": "evidence.exists(e, e.kind == 'model-tests' && e.verdict == 'pass') && environment.name == 'staging'",
}
NEWER = {
    "name": "newer",
    "expression": "previous == null || (previous.version < release.version && now > environment.since)",
    "messageExpression": "release.version + ' is not newer than ' + previous.version",
}
HEARD = {"name": "heard", "expression": "approvals.exists(a, 'risk' in a.groups)", "whenFalse": "pending"}


def policies(**gates: list[object]) -> dict[str, dict[str, object]]:
    found = estate.environments()
    for name, more in gates.items():
        there = found[name]["spec"]["gates"]  # type: ignore[index]
        found[name]["spec"]["gates"] = [*([] if there == "none" else there), *more]  # type: ignore[index]
    return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(Estate.new(policies(dev=[SMALL], staging=[TESTED, NEWER], prod=[NEWER, HEARD])), tmp_path)


def said(site: Site, environment: str, gate: str, release: str | None = None) -> Judgement:
    (one,) = site.promote(environment, release).result
    assert one.decision is not None
    return next(judged for judged in one.decision.judgements if judged.gate == gate)


def test_releases_walk_through_expressions_and_everything_verifies(site: Site) -> None:
    in_production(site)
    site.rollback("prod")
    found = verify(site.repository, site.repository.fetch())
    assert found.problems == ()
    receipt = site.snapshot().slot("staging", MODEL).receipts[-1].receipt
    judged = {one.gate: one for one in receipt.judgements}
    assert judged["newer"] == Judgement("newer", Answer.PASS, "the expression is true")
    assert len(judged["tested-here"].evidence) == 3, "all that an expression over `evidence` saw"


def test_verify_makes_the_decision_of_an_expression_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    in_production(site)
    monkeypatch.setattr(expressions, "judge", lambda gate, _: Judgement(gate.name, Answer.FAIL, "no"))
    problems = verify(site.repository, site.repository.fetch()).problems
    assert {one.id for one in problems} == {"not-allowed"}
    assert sum("receipts/prod" in one.path for one in problems) == 2


def test_a_false_expression_refuses_and_says_why(tmp_path: Path) -> None:
    small = {**SMALL, "expression": "release.artifact.size < 1"}
    site = site_of(Estate.new(policies(dev=[small])), tmp_path)
    site.publish(estate.release())
    assert site.outcome("dev") is Outcome.REFUSED
    assert said(site, "dev", "small-enough").reason == "the model is too large"


def test_what_can_still_change_is_waited_for(site: Site) -> None:
    site.publish(estate.release())
    assert site.outcome("dev") is Outcome.MOVE
    assert site.outcome("staging") is Outcome.MOVE
    assert said(site, "prod", "heard").answer is Answer.PENDING
    site.approve("katherine")
    assert said(site, "prod", "heard").answer is Answer.PENDING
    site.approve("grace")
    assert site.outcome("prod") is Outcome.MOVE


def test_the_previous_release_and_its_time_are_those_of_the_slot(site: Site) -> None:
    first, second = in_production(site)
    older = estate.release("1.0.5", supersedes=second.id, content="c")
    site.publish(older, champion=second.id)
    assert said(site, "staging", "newer", older.id).reason == "1.0.5 is not newer than 1.1.0"
    assert first.id != second.id


def test_a_policy_whose_expression_is_broken_lets_nothing_in(tmp_path: Path) -> None:
    """It is in force all the same, and stays readable: what cannot be answered is refused."""
    site = site_of(Estate.new(policies(dev=[{"name": "broken", "expression": "release."}])), tmp_path)
    site.publish(estate.release())
    assert site.outcome("dev") is Outcome.REFUSED
    assert said(site, "dev", "broken").reason.startswith("error: the expression has no answer")


def test_a_policy_that_changes_its_expression_is_another_policy(site: Site) -> None:
    site.publish(estate.release())
    assert site.outcome("dev") is Outcome.MOVE
    changed = policies(dev=[{**SMALL, "expression": "release.artifact.size < 0"}])["dev"]
    files = {layout.environment("dev"): render(changed)}
    settle(site.repository, lambda _: Proposal(None, files, "Policy\n"), now=site.now)
    assert verify(site.repository, site.repository.fetch()).problems == (), (
        "the past is judged by the policy of its time"
    )
