"""An environment goes back by itself when settled evidence made after the promotion says so, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import estate
from estate import MODEL
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import apply, layout, plan, pointer, receipts, returns, rollbacks
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.transaction import Proposal, settle
from regions import AUTOMATIC, Regions, environments, rollout
from stores import Killed

PLAIN = {
    "dev": estate.environment("dev", promotion="automatic"),
    "prod": estate.environment("prod", after=["dev"], rollback=AUTOMATIC),
}
STEPS = [f"{when} {what}" for what in ("fetch", "commit", "push") for when in ("before", "after")]


@pytest.fixture
def site() -> Regions:
    """Two releases after each other; the second runs in prod for a minute."""
    made = Regions.of(PLAIN)
    for _ in range(2):
        assert made.promote(made.release()).outcome is Outcome.MOVE
        made.wait(minutes=1)
    return made


def judged(site: Regions) -> rollbacks.Due | Judgement | None:
    return rollbacks.due(site.snapshot, environment="prod", model=MODEL, now=site.time)


def why_not(site: Regions) -> str:
    found = judged(site)
    assert isinstance(found, Judgement)
    assert site.back_if_due() == ()
    return found.reason


def test_failing_evidence_brings_the_last_good_release_back_with_a_hold(site: Regions) -> None:
    first, second = site.line
    digest = site.observe("monitoring", second)
    site.wait(minutes=1)
    (one,) = site.back_if_due()
    assert one.receipt is not None
    assert (one.receipt.action, one.receipt.release, one.receipt.replaced) == ("rollback", first.id, second.id)
    assert digest in one.receipt.reason
    (said,) = (reason for reason in one.receipt.judgements if reason.gate == "automatic")
    assert said.evidence == (digest,)
    (hold,) = site.slot().controls
    assert (hold.type, hold.release, hold.by, digest in hold.reason) == ("hold", second.id, "ci", True)
    assert site.promote(second).outcome is Outcome.REFUSED
    assert site.problems() == set()


def test_it_is_never_done_twice_and_never_to_a_rollback(site: Regions) -> None:
    first, second = site.line
    site.observe("monitoring", second)
    assert len(site.back_if_due()) == 1
    site.wait(minutes=1)
    site.observe("monitoring", first)
    assert "never rolled back" in why_not(site)
    found = judged(site)
    assert isinstance(found, Judgement)
    assert found.answer is Answer.PENDING


def test_once_lifted_and_promoted_again_old_evidence_demands_nothing(site: Regions) -> None:
    second = site.line[1]
    site.observe("monitoring", second)
    site.back_if_due()
    site.lift(site.slot().controls[0].id)
    site.wait(minutes=1)
    assert site.promote(second).outcome is Outcome.MOVE
    assert "no valid monitoring evidence" in why_not(site)
    site.wait(minutes=1)
    site.observe("monitoring", second)
    assert len(site.back_if_due()) == 1
    assert site.problems() == set()


def test_the_first_release_stays_for_there_is_nowhere_to_go() -> None:
    site = Regions.of(PLAIN)
    first = site.release()
    site.promote(first)
    site.wait(minutes=1)
    site.observe("monitoring", first)
    assert "cannot be rolled back" in why_not(site)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"verdict": Verdict.INCONCLUSIVE}, id="inconclusive"),
        pytest.param({"environment": "dev"}, id="of another environment"),
        pytest.param({"policy": "0" * 64}, id="under another policy"),
        pytest.param({"verdict": Verdict.PASS}, id="passing"),
    ],
)
def test_evidence_that_does_not_say_so_demands_nothing(site: Regions, said: dict[str, object]) -> None:
    site.observe("monitoring", site.line[1], **said)  # type: ignore[arg-type]
    why_not(site)


def test_a_kind_that_the_policy_does_not_name_demands_nothing(site: Regions) -> None:
    site.observe("data-tests", site.line[1])
    why_not(site)


def test_evidence_from_before_the_promotion_demands_nothing(site: Regions) -> None:
    third = site.release()
    site.observe("monitoring", third)
    site.wait(minutes=1)
    assert site.promote(third).outcome is Outcome.MOVE
    why_not(site)


def test_evidence_about_another_release_demands_nothing(site: Regions) -> None:
    site.observe("monitoring", site.line[0])
    why_not(site)


def test_pieces_that_disagree_demand_nothing_until_one_replaces_the_other(site: Regions) -> None:
    second = site.line[1]
    one = site.observe("monitoring", second, Verdict.PASS)
    site.wait(minutes=1)
    site.observe("monitoring", second, Verdict.FAIL)
    assert "disagree" in why_not(site)
    site.wait(minutes=1)
    site.observe("monitoring", second, Verdict.FAIL, supersedes=(one,), summary="looked again")
    assert len(site.back_if_due()) == 1


def test_a_failure_that_was_replaced_demands_nothing_even_when_the_better_word_has_expired(site: Regions) -> None:
    second = site.line[1]
    bad = site.observe("monitoring", second, Verdict.FAIL)
    site.observe(
        "monitoring", second, Verdict.PASS, supersedes=(bad,), expires_at=site.time + timedelta(minutes=5)
    )  # fmt: skip
    why_not(site)
    site.wait(minutes=6)
    assert "replaced since" in why_not(site)


def test_expired_evidence_demands_nothing(site: Regions) -> None:
    site.observe("monitoring", site.line[1], expires_at=site.time + timedelta(minutes=5))
    site.wait(minutes=5)
    assert "expired" in why_not(site)


def test_evidence_dated_in_the_future_demands_nothing(site: Regions) -> None:
    site.time += timedelta(hours=1)
    site.observe("monitoring", site.line[1])
    site.time -= timedelta(hours=1)
    assert "dated in the future" in why_not(site)


def test_evidence_that_comes_late_demands_nothing(site: Regions) -> None:
    site.wait(days=7, minutes=1)
    site.observe("monitoring", site.line[1])
    why_not(site)


def test_a_hold_or_a_veto_on_the_old_release_keeps_it_out(site: Regions) -> None:
    first, second = site.line
    control = site.stop("hold", first)
    site.observe("monitoring", second)
    assert "neither held nor vetoed" in why_not(site)
    site.lift(control)
    assert len(site.back_if_due()) == 1


def test_a_freeze_binds_it_only_where_the_policy_says_so() -> None:
    for during, wanted in ((True, Outcome.MOVE), (False, Outcome.PENDING)):
        rollback = {**AUTOMATIC, "duringFreeze": during}
        site = Regions.of({**PLAIN, "prod": estate.environment("prod", after=["dev"], rollback=rollback)})
        for _ in range(2):
            site.promote(site.release())
            site.wait(minutes=1)
        site.stop("freeze")
        site.observe("monitoring", site.line[1])
        (one,) = site.back_if_due()
        assert one.decision is not None
        assert one.decision.outcome is wanted


def test_a_rollout_in_flight_goes_back_on_all_targets_moved_so_far() -> None:
    site = Regions.of(environments(rollback=AUTOMATIC))
    site.everywhere(site.release())
    second = site.release()
    for _ in range(2):
        site.promote(second)
        site.wait(minutes=15)
    site.observe("infra-tests", second)
    assert site.promote(second).outcome is Outcome.REFUSED, "it does not go on meanwhile"
    (one,) = site.back_if_due()
    assert one.receipt is not None
    assert (one.receipt.targets, one.receipt.whole) == (("eu-west", "us-east"), False)
    assert set(site.running().values()) == {0}
    assert site.promote(second).outcome is Outcome.REFUSED
    site.wait(minutes=15)
    assert site.problems() == set()


def test_evidence_of_the_first_wave_still_counts_in_the_third() -> None:
    site = Regions.of(environments(rollback=AUTOMATIC, rollout=rollout(settle="PT0S")))
    site.everywhere(site.release())
    second = site.release()
    site.promote(second)
    site.wait(minutes=2)
    site.promote(second)
    site.wait(minutes=-1)
    site.observe("monitoring", second)  # signed between the two waves, and pushed after the second
    site.wait(minutes=2)
    assert site.promote(second).outcome is Outcome.REFUSED
    assert len(site.back_if_due()) == 1


def test_several_slots_go_back_in_one_commit() -> None:
    site = Regions.of({**PLAIN, "qa": estate.environment("qa", after=["dev"], rollback=AUTOMATIC)})
    for _ in range(2):
        release = site.release()
        site.promote(release)
        site.promote(release, environment="qa")
        site.wait(minutes=1)
    site.observe("monitoring", site.line[1])
    before = len(site.store.line())
    assert {one.wish.environment for one in site.back_if_due()} == {"prod", "qa"}
    assert len(site.store.line()) == before + 1
    assert site.problems() == set()


def test_an_old_release_that_does_not_load_is_told_and_stops_no_other() -> None:
    site = Regions.of({**PLAIN, "qa": estate.environment("qa", after=["dev"], rollback=AUTOMATIC)})
    for _ in range(2):
        release = site.release()
        site.promote(release)
        site.promote(release, environment="qa")
        site.wait(minutes=1)
    site.observe("monitoring", site.line[1])

    def gone(decision: plan.Decision) -> None:
        if decision.environment == "prod":
            raise Refused("the artifact is gone", hint="…", code="artifact")

    answered = returns.rollback_due(site.store, signer=estate.signer("ci"), now=site.now, preflight=gone).result
    assert {one.wish.environment: one.receipt is not None for one in answered} == {"prod": False, "qa": True}
    assert site.running() == {"": 1}


def test_a_plan_without_a_key_writes_nothing(site: Regions) -> None:
    site.observe("monitoring", site.line[1])
    tip = site.store.tip
    (one,) = returns.rollback_due(site.store, signer=None, now=site.now, preflight=lambda _: None).result
    assert one.decision is not None
    assert (one.decision.outcome, one.receipt, site.store.tip) == (Outcome.MOVE, None, tip)


@pytest.mark.parametrize("fatal", STEPS)
def test_killed_at_any_step_it_ends_the_same_when_run_again(site: Regions, fatal: str) -> None:
    site.observe("monitoring", site.line[1])

    def die(step: str) -> None:
        if step == fatal:
            raise Killed

    site.store.step = die
    with pytest.raises(Killed):
        site.back_if_due()
    site.store.step = lambda _: None
    site.back_if_due()
    assert site.running() == {"": 0}
    assert len(site.slot().receipts) == 3
    assert site.back_if_due() == ()
    assert site.problems() == set()


def test_evidence_that_changes_between_plan_and_push_is_judged_again(site: Regions) -> None:
    second = site.line[1]
    bad = site.observe("monitoring", second)
    landed = []

    def better(step: str) -> None:
        if step == "before push" and not landed:
            landed.append(step)
            site.wait(seconds=1)
            site.observe("monitoring", second, Verdict.PASS, supersedes=(bad,))

    site.store.step = better
    assert site.back_if_due() == ()
    assert site.running() == {"": 1}


def test_a_rollback_that_says_falsely_that_evidence_demanded_it_is_found(site: Regions) -> None:
    """The promoter's key is real, and the evidence that its receipt names demands nothing."""
    first, second = site.line
    digest = site.observe("monitoring", second, Verdict.PASS)

    def forge(tree: Tree) -> Proposal[None]:
        snapshot = Snapshot(tree)
        case = plan.situation(snapshot, model=MODEL, environment="prod", release=first.id)
        honest = plan.decide_rollback(case, now=site.time)
        said = Judgement(rollbacks.GATE, Answer.PASS, "monitoring failed", (digest,))
        decision = replace(honest, judgements=(said, *honest.judgements))
        receipt = apply.move(decision, tree=tree, now=site.time, reason="…")
        files = {
            layout.pointer("prod", MODEL): pointer.render(first),
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer("ci")),
        }
        return Proposal(None, files, "Roll back\n")

    settle(site.store, forge, now=site.now)
    assert "not-demanded" in site.problems()


def test_a_rollback_to_another_release_than_evidence_demands_is_found(site: Regions) -> None:
    """Evidence demands a rollback, to the second release; the promoter takes it further back."""
    first, second = site.line
    third = site.release()
    site.promote(third)
    site.wait(minutes=1)
    site.observe("monitoring", third)

    def forge(tree: Tree) -> Proposal[None]:
        snapshot = Snapshot(tree)
        due = rollbacks.due(snapshot, environment="prod", model=MODEL, now=site.time)
        assert isinstance(due, rollbacks.Due)
        assert due.target == second.id
        decision = rollbacks.decide(snapshot, replace(due, target=first.id), now=site.time)
        receipt = apply.move(decision, tree=tree, now=site.time, reason="…")
        files = {
            layout.pointer("prod", MODEL): pointer.render(first),
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer("ci")),
        }
        return Proposal(None, files, "Roll back\n")

    settle(site.store, forge, now=site.now)
    assert "not-demanded" in site.problems()


def test_a_rollback_by_a_person_needs_no_evidence_and_holds(site: Regions) -> None:
    site.back()
    assert site.problems() == set()
