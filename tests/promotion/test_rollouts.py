"""A release reaches the targets of an environment in waves, resumed from receipts alone."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

import estate
from estate import MODEL
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, pointer, receipts
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from regions import AUTOMATIC, TARGETS, Regions, answers, environments, reasons, rollout
from stores import Killed, MemoryStore

NAMES = [one["name"] for one in TARGETS]
STEPS = [f"{when} {what}" for what in ("fetch", "commit", "push") for when in ("before", "after")]


@pytest.fixture
def regions() -> Regions:
    made = Regions.of(environments())
    made.everywhere(made.release())
    return made


def test_a_rollout_moves_wave_by_wave_and_the_environment_last(regions: Regions) -> None:
    second = regions.release()
    seen = []
    for _ in range(4):
        assert regions.promote().outcome is Outcome.MOVE
        seen.append(regions.running())
        assert regions.promote().outcome in {Outcome.PENDING, Outcome.NOTHING}, "nothing more before it settles"
        regions.wait(minutes=15)
    assert seen == [
        {"": 0, "eu-west": 1, "us-east": 0, "us-west": 0, "asia": 0},
        {"": 0, "eu-west": 1, "us-east": 1, "us-west": 0, "asia": 0},
        {"": 0, "eu-west": 1, "us-east": 1, "us-west": 1, "asia": 0},
        {"": 1, "eu-west": 1, "us-east": 1, "us-west": 1, "asia": 1},
    ]
    assert regions.promote().outcome is Outcome.NOTHING
    chain = [one.receipt for one in regions.slot().receipts[4:]]
    assert [(one.targets, one.whole) for one in chain] == [
        (("eu-west",), False), (("us-east",), False), (("us-west",), False), (("asia",), True),
    ]  # fmt: skip
    assert {one.release for one in chain} == {second.id}
    assert regions.problems() == set()


def test_pointers_of_targets_are_the_environments_own_byte_for_byte(regions: Regions) -> None:
    tree = regions.snapshot.tree
    paths = [layout.pointer("prod", MODEL, name) for name in [None, *NAMES]]
    assert len({tree.read(path) for path in paths}) == 1
    assert all(tree.read(layout.overlay("prod", MODEL, name)) for name in NAMES)
    assert tree.read(layout.overlay("prod", MODEL)) is None, "with targets, it is they that are deployed"


def test_two_may_be_unavailable_where_the_policy_says_two() -> None:
    regions = Regions.of(environments(rollout=rollout(maxUnavailable=2)))
    regions.everywhere(regions.release())
    regions.release()
    assert regions.promote().targets == ("eu-west",), "a wave is not filled up from the next"
    regions.wait(minutes=15)
    assert regions.promote().targets == ("us-east", "us-west")
    regions.wait(minutes=15)
    assert regions.promote().targets == ("asia",)


def test_what_comes_after_the_environment_goes_by_the_finished_rollout() -> None:
    policies = environments()
    regions = Regions.of({**policies, "dr": estate.environment("dr", after=["prod"], soak="PT1H")})
    first = regions.release()
    regions.promote()
    assert reasons(regions.promote(first, environment="dr"), "after") == [
        "it must run in prod first, and nothing runs there"
    ]
    regions.everywhere(first)
    assert regions.promote(first, environment="dr").outcome is Outcome.PENDING
    assert reasons(regions.promote(first, environment="dr"), "soak")
    regions.wait(hours=1)
    assert regions.promote(first, environment="dr").outcome is Outcome.MOVE
    assert regions.problems() == set()


def test_a_comparison_is_with_what_the_environment_ran_until_the_last_wave() -> None:
    gates = [{"evidence": "comparison"}]
    regions = Regions.of(environments(gates=gates))
    first = regions.release()
    regions.everywhere(first)
    second = regions.release()
    assert regions.promote().outcome is Outcome.PENDING
    regions.observe("comparison", second, Verdict.PASS, champion=first.id)
    regions.everywhere(second)
    assert set(regions.running().values()) == {1}


def test_gates_are_judged_at_every_wave() -> None:
    regions = Regions.of(environments(gates=[{"evidence": "data-tests", "maxAge": "PT20M"}]))
    first = regions.release()
    old = regions.observe("data-tests", first, Verdict.PASS)
    assert regions.promote().outcome is Outcome.MOVE
    regions.wait(minutes=25)
    assert regions.promote().outcome is Outcome.PENDING, "the evidence expired between two waves"
    regions.observe("data-tests", first, Verdict.PASS, supersedes=(old,))
    assert regions.promote().targets == ("us-east",)


@pytest.mark.parametrize("kind", ["hold", "veto", "freeze"])
def test_a_control_stops_between_waves(regions: Regions, kind: str) -> None:
    second = regions.release()
    regions.promote()
    regions.wait(minutes=15)
    control = regions.stop(kind, second)
    before = regions.running()
    wanted = Outcome.PENDING if kind == "freeze" else Outcome.REFUSED
    assert regions.promote(second).outcome is wanted
    assert regions.running() == before
    regions.lift(control)
    assert regions.promote(second).targets == ("us-east",)


def test_a_window_closes_between_waves() -> None:
    office = {"name": "day", "recurrence": "FREQ=DAILY", "start": "2026-01-05T12:00:00", "duration": "PT20M",
              "timeZone": "UTC"}  # fmt: skip
    regions = Regions.of(environments(windows=[office]))
    regions.release()
    assert regions.promote().outcome is Outcome.MOVE
    regions.wait(minutes=25)
    shut = regions.promote()
    assert shut.outcome is Outcome.PENDING
    assert reasons(shut, "window") == ["the change window of prod is closed; it opens Sun 2026-11-22 12:00 UTC"]
    regions.wait(hours=24)
    regions.time = regions.time.replace(hour=12, minute=5)
    assert regions.promote().targets == ("us-east",)


def test_evidence_settles_a_target_only_when_it_was_made_after_its_receipt() -> None:
    regions = Regions.of(environments(rollout=rollout(settle="PT0S", evidence=["infra-tests"])))
    first = regions.release()
    early = regions.observe("infra-tests", first, Verdict.PASS)
    assert regions.promote().targets == ("eu-west",)
    regions.wait(minutes=1)
    held = regions.promote()
    assert held.outcome is Outcome.PENDING
    assert "eu-west settles with infra-tests evidence" in reasons(held, "rollout")[0]
    regions.observe("infra-tests", first, Verdict.PASS, supersedes=(early,))
    assert regions.promote().targets == ("us-east",)
    assert regions.promote().outcome is Outcome.PENDING, "each wave has evidence of its own"


def test_failing_evidence_stops_the_rollout_and_says_so() -> None:
    regions = Regions.of(environments(rollout=rollout(evidence=["infra-tests"]), rollback=AUTOMATIC))
    first = regions.release()
    regions.promote()
    regions.wait(minutes=16)
    regions.observe("infra-tests", first, Verdict.FAIL)
    stopped = regions.promote()
    assert stopped.outcome is Outcome.REFUSED
    assert answers(stopped, "rollout") == {Answer.FAIL, Answer.PENDING}
    assert regions.back_if_due()[0:] == (), "the first release has nowhere to go back to"


def test_a_newer_release_supersedes_a_rollout_and_starts_again(regions: Regions) -> None:
    regions.release()
    regions.promote()
    regions.wait(minutes=15)
    regions.promote()
    regions.wait(minutes=15)
    assert regions.running() == {"": 0, "eu-west": 1, "us-east": 1, "us-west": 0, "asia": 0}
    third = regions.release()
    again = regions.promote()
    assert again.targets == ("eu-west",)
    assert f"it supersedes the rollout of {regions.line[1].id[:12]} and starts again" in reasons(again, "rollout")[0]
    regions.everywhere(third)
    assert set(regions.running().values()) == {2}
    assert regions.slot().receipts[-1].receipt.replaced == regions.line[0].id, "the one in between never ran here"
    assert regions.problems() == set()


def test_a_mended_release_is_not_kept_out_by_the_evidence_that_its_broken_forerunner_lacks() -> None:
    regions = Regions.of(environments(rollout=rollout(evidence=["infra-tests"])))
    second = regions.release()
    regions.promote()
    regions.wait(minutes=16)
    regions.observe("infra-tests", second, Verdict.PASS)
    assert regions.promote().targets == ("us-east",)
    regions.wait(minutes=16)
    assert regions.promote().outcome is Outcome.PENDING, "nothing says that us-east is well"
    third = regions.release()
    assert regions.promote(third).targets == ("eu-west",)


def test_a_rollback_of_a_rollout_goes_back_on_every_target_that_it_moved(regions: Regions) -> None:
    second = regions.release()
    regions.promote()
    regions.wait(minutes=15)
    regions.promote()
    settled = regions.back()
    receipt = settled.result.receipt
    assert receipt is not None
    assert (receipt.targets, receipt.whole, receipt.replaced) == (("eu-west", "us-east"), False, second.id)
    assert set(regions.running().values()) == {0}
    assert regions.promote(second).outcome is Outcome.REFUSED, "the hold"
    with pytest.raises(Refused, match="never rolled back by itself"):
        regions.back()
    assert regions.problems() == set()


def test_a_rollback_after_the_rollout_moves_everything_in_one_commit(regions: Regions) -> None:
    second = regions.release()
    regions.everywhere(second)
    receipt = regions.back().result.receipt
    assert receipt is not None
    assert (set(receipt.targets), receipt.whole) == (set(NAMES), True)
    assert set(regions.running().values()) == {0}
    assert regions.problems() == set()


def test_a_rollback_past_both_releases_holds_both(regions: Regions) -> None:
    second = regions.release()
    regions.everywhere(second)
    third = regions.release()
    regions.promote()
    regions.back(regions.line[0])
    assert set(regions.running().values()) == {0}
    assert {one.release for one in regions.slot().controls} == {second.id, third.id}
    assert regions.problems() == set()


def test_a_release_that_reached_only_some_targets_is_nowhere_to_go_back_to(regions: Regions) -> None:
    second = regions.release()
    regions.promote()
    third = regions.release()
    regions.wait(minutes=15)
    regions.everywhere(third)
    settled = regions.back(second)
    assert settled.result.decision is not None
    assert settled.result.decision.outcome is Outcome.REFUSED
    regions.back()
    assert set(regions.running().values()) == {0}


@pytest.mark.parametrize("fatal", STEPS)
def test_a_rollout_killed_at_any_step_is_resumed_from_git_alone(fatal: str) -> None:
    def walk(killed: bool) -> MemoryStore:  # noqa: FBT001 - one walk with, one without
        regions = Regions.of(environments())
        regions.release()

        def die(step: str) -> None:
            if step == fatal:
                raise Killed

        for _ in range(5):
            if killed:
                regions.store.step = die
                with contextlib.suppress(Killed):
                    regions.promote()
                regions.store.step = lambda _: None
            regions.promote()
            regions.wait(minutes=15)
        assert regions.problems() == set()
        return regions.store

    undisturbed, disturbed = walk(killed=False), walk(killed=True)
    assert disturbed.trees[disturbed.tip].files == undisturbed.trees[undisturbed.tip].files


def test_two_runners_at_the_same_wave_move_it_once(regions: Regions) -> None:
    second = regions.release()
    entered = []

    def other(step: str) -> None:
        if step == "before push" and not entered:
            entered.append(step)
            regions.wait(seconds=1)
            assert regions.promote(second).outcome is Outcome.MOVE

    regions.store.step = other
    assert regions.promote(second).outcome is Outcome.PENDING, "it was planned again, and eu-west has to settle"
    assert regions.running()["us-east"] == 0


def test_a_target_that_is_added_later_is_reached_without_a_new_release(regions: Regions) -> None:
    arrived = regions.slot().arrival
    more = [*rollout()["targets"], {"name": "africa", "wave": 3}]  # type: ignore[misc]
    regions.policy(after=["dev"], rollout=rollout(targets=more))
    assert regions.running()["africa"] is None
    added = regions.promote(regions.line[0])
    assert (added.outcome, added.targets, added.whole) == (Outcome.MOVE, ("africa",), False)
    assert regions.running()["africa"] == 0
    assert regions.slot().arrival == arrived, "the environment's soak downstream goes on"
    assert regions.promote(regions.line[0]).outcome is Outcome.NOTHING
    assert regions.problems() == set()


def test_a_target_that_the_policy_gives_up_is_left_alone_and_may_be_removed(regions: Regions) -> None:
    fewer = rollout()["targets"][:3]  # type: ignore[index]
    regions.policy(after=["dev"], rollout=rollout(targets=fewer))
    second = regions.release()
    regions.everywhere(second)
    assert regions.running() == {"": 1, "eu-west": 1, "us-east": 1, "us-west": 1, "asia": 0}
    path = layout.pointer("prod", MODEL, "asia")
    regions.write({path: None})
    assert "asia" not in regions.running()
    assert regions.problems() == set()


def test_an_environment_whose_rollout_ends_with_a_target_given_up_moves_its_own_pointer(regions: Regions) -> None:
    second = regions.release()
    for _ in range(3):
        regions.promote()
        regions.wait(minutes=15)
    regions.policy(after=["dev"], rollout=rollout(targets=rollout()["targets"][:3]))  # type: ignore[index]
    last = regions.promote(second)
    assert (last.targets, last.whole) == ((), True)
    assert regions.slot().current == second.id
    assert regions.problems() == set()


def test_a_policy_without_rollout_moves_the_environment_as_a_whole(regions: Regions) -> None:
    regions.policy(after=["dev"])
    second = regions.release()
    moved = regions.promote(second)
    assert (moved.targets, moved.whole) == ((), True)
    assert regions.problems() == set()
    regions.policy(after=["dev"], rollout=rollout())
    assert regions.running() == {"": 1, **dict.fromkeys(NAMES, 0)}
    assert regions.promote(second).targets == ("eu-west",), "targets that were left behind catch up"
    assert regions.problems() == set()


def test_a_targets_pointer_moved_by_hand_is_found(regions: Regions) -> None:
    other = regions.release()
    regions.write({layout.pointer("prod", MODEL, "asia"): pointer.render(other)})
    with pytest.raises(Refused, match=r"targets/asia/release\.yaml.*not the pointer that receipt"):
        regions.slot()
    assert regions.problems() == {"moved-by-hand", "pointer"}


def test_a_target_removed_by_hand_is_found_by_verify_and_reached_again(regions: Regions) -> None:
    regions.write({layout.pointer("prod", MODEL, "asia"): None})
    assert regions.problems() == {"moved-by-hand"}
    assert regions.promote(regions.line[0]).targets == ("asia",)


def test_a_pointer_for_a_target_that_no_receipt_wrote_is_found(regions: Regions) -> None:
    data = regions.snapshot.tree.read(layout.pointer("prod", MODEL, "asia"))
    regions.write({layout.pointer("prod", MODEL, "moon"): data})
    assert regions.problems() == {"moved-by-hand", "pointer"}


def test_a_step_that_moves_more_than_its_receipt_says_is_found(regions: Regions) -> None:
    """A promoter whose key is real takes two targets where one was decided."""
    second = regions.release()
    regions.promote(second)
    data = pointer.render(second)
    tip = regions.store.tip
    parent, when = regions.store.parents[tip]
    files = dict(regions.store.trees[tip].files)
    old = regions.store.trees[parent or ""].files
    changed = {path: files[path] for path in files if old.get(path) != files[path]}
    regions.store.tip = parent or ""
    regions.store.tip = regions.store.commit(
        parent or "", {**changed, layout.pointer("prod", MODEL, "asia"): data}, message="Promote\n", when=when
    )
    assert "moved-by-hand" in regions.problems()


def test_a_receipt_that_names_other_targets_than_were_decided_is_found(regions: Regions) -> None:
    second = regions.release()
    regions.promote(second)
    tip, (parent, when) = regions.store.tip, regions.store.parents[regions.store.tip]
    filed = Snapshot(regions.store.trees[tip]).slot("prod", MODEL).receipts[-1]
    greedy = replace(filed.receipt, targets=("eu-west", "asia"))
    files = {
        greedy.path: envelope.seal(receipts.statement(greedy), estate.signer("ci")),
        layout.pointer("prod", MODEL, "eu-west"): pointer.render(second),
        layout.pointer("prod", MODEL, "asia"): pointer.render(second),
    }
    regions.store.tip = parent or ""
    regions.store.tip = regions.store.commit(parent or "", files, message="Promote\n", when=when)
    assert regions.problems() == {"receipt-reasons"}


@pytest.mark.parametrize("name", ["../../dev", "a/b", "", "eu-west"])
def test_a_receipt_whose_targets_are_no_names_is_refused(regions: Regions, name: str) -> None:
    receipt = regions.slot().receipts[-1].receipt
    bad = replace(receipt, targets=("eu-west", name))
    data = envelope.seal(receipts.statement(bad), estate.signer("ci"))
    with pytest.raises(Refused, match="not different names"):
        receipts.parse(data, path=bad.path)


def test_a_receipt_that_moves_nothing_is_refused(regions: Regions) -> None:
    receipt = regions.slot().receipts[-1].receipt
    bad = replace(receipt, targets=(), whole=False)
    data = envelope.seal(receipts.statement(bad), estate.signer("ci"))
    with pytest.raises(Refused, match="not a receipt"):
        receipts.parse(data, path=bad.path)


def test_a_target_twice_in_a_policy_is_refused(regions: Regions) -> None:
    twice = estate.environment("prod", rollout={"targets": [{"name": "a"}, {"name": "a"}]})
    regions.write({layout.environment("prod"): render(twice)})
    with pytest.raises(Refused, match="there twice"):
        regions.slot()
