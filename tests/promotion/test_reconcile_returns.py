"""``reconcile`` takes back what evidence demands, together with everything else that there is to do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest

import estate
import regions
from estate import MODEL
from merging_forges import WRITES
from mlops_gitops.cli.reconcile import exit_code
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.pull_steps import Step
from mlops_gitops.reporting import reconcile as report
from stores import Killed
from workshops import Workshop, environments

AUTOMATIC = {"automatic": {"evidence": ["monitoring"], "within": "P7D"}}
OTHER = "flight-prices"


def directly(**more: object) -> Workshop:
    """dev, staging and prod all in direct mode, each going back by itself."""
    made = {
        name: estate.environment(name, promotion="automatic", rollback=AUTOMATIC, **after, **more)
        for name, after in (("dev", {}), ("staging", {"after": ["dev"]}), ("prod", {"after": ["staging"]}))
    }
    return Workshop.new(made)


def by_pull_request(**prod: object) -> Workshop:
    """Two releases came to prod by pull requests; the second one runs."""
    shop = Workshop.new(environments(rollback=AUTOMATIC, **prod))
    for _ in range(2):
        shop.publish()
        shop.reconcile()
        shop.approve("grace", "katherine")
        shop.reconcile()
    assert shop.slot().current == shop.releases[1].id
    shop.wait(minutes=1)
    return shop


def verbs(shop: Workshop) -> list[tuple[str, str]]:
    return [(one.verb, one.environment) for one in shop.reconcile().did]


def versions(shop: Workshop, model: str = MODEL) -> list[str | None]:
    known = {one.id: one.version for one in shop.releases}
    return [known.get(shop.slot(name, model).current or "") for name in ("dev", "staging", "prod")]


def unfit(*releases: str) -> Callable[..., None]:
    """A preflight by which these releases do not load any more."""

    def check(decision: object) -> None:
        if decision.release in releases:  # type: ignore[attr-defined]
            raise Refused("it does not load", hint="name another", code="rollback-target")

    return check


def test_what_is_due_goes_back_in_one_commit_with_the_other_moves() -> None:
    shop = directly()
    for _ in range(2):
        shop.publish()
        shop.reconcile()
    shop.wait(minutes=1)
    shop.observe("monitoring", shop.releases[1])
    shop.publish(model=OTHER)
    found = shop.reconcile()
    first = [(one.verb, one.environment, one.model) for one in found.did if one.commit == found.commits[0]]
    back = [("rolled-back", name, MODEL) for name in ("dev", "staging", "prod")]
    assert sorted(first) == sorted([*back, ("promoted", "dev", OTHER)])
    assert versions(shop) == ["1.0.0"] * 3
    assert exit_code(found) == 0
    assert (verbs(shop), shop.problems()) == ([], set())


def test_a_release_that_is_left_is_not_promoted_forward_again_and_the_next_one_is() -> None:
    shop = directly()
    for _ in range(2):
        shop.publish()
        shop.reconcile()
    shop.wait(minutes=1)
    shop.observe("monitoring", shop.releases[1])
    shop.reconcile()
    shop.wait(days=1)
    assert verbs(shop) == []
    assert versions(shop) == ["1.0.0"] * 3
    shop.publish()
    assert verbs(shop) == [("promoted", "dev"), ("promoted", "staging"), ("promoted", "prod")]
    assert shop.problems() == set()


def test_nothing_goes_into_a_slot_that_goes_back_in_the_same_round_nor_on_from_it() -> None:
    """Staging goes back, a newer release waits in dev for it, and prod was about to take what staging leaves."""
    policies = {
        "dev": estate.environment("dev", promotion="automatic"),
        "staging": estate.environment("staging", promotion="automatic", after=["dev"], rollback=AUTOMATIC),
        "prod": estate.environment("prod", promotion="automatic", after=["staging"], soak="PT1H"),
    }
    shop = Workshop.new(policies)
    shop.publish()
    shop.reconcile()
    shop.wait(hours=2)
    shop.reconcile()
    second = shop.publish()
    shop.reconcile()
    assert versions(shop) == ["1.1.0", "1.1.0", "1.0.0"]
    shop.wait(hours=2)
    shop.publish()
    shop.observe("monitoring", second)
    found = shop.reconcile()
    first = [(one.verb, one.environment) for one in found.did if one.commit == found.commits[0]]
    assert sorted(first) == [("promoted", "dev"), ("rolled-back", "staging")]
    assert second.id not in [one.receipt.release for one in shop.slot("prod").receipts]
    assert versions(shop) == ["1.2.0", "1.2.0", "1.0.0"]
    assert shop.problems() == set()


def test_an_old_release_that_does_not_load_is_told_once_and_stops_nothing_else() -> None:
    shop = directly()
    for _ in range(2):
        for model in (MODEL, OTHER):
            shop.publish(model=model)
        shop.reconcile()
    shop.wait(minutes=1)
    bad, other = (next(one for one in shop.releases[::-1] if one.name == model) for model in (MODEL, OTHER))
    shop.observe("monitoring", bad)
    shop.observe("monitoring", other)
    shop.preflight = unfit(shop.releases[0].id)
    calls: list[str] = []
    shop.remote.step = calls.append
    found = shop.reconcile()
    assert calls.count("before survey") <= 4, "it does not try for ever"
    assert {one.model for one in found.did if one.verb == "rolled-back"} == {OTHER}
    assert len(found.failures) == 3
    assert {failure.code for _, failure in found.failures} == {"rollback-target"}
    assert report.text(found, dry=False).count("→ prod: it does not load") == 1
    assert exit_code(found) == 1
    assert report.document(found, dry=False)["result"] == "failed"
    shop.remote.step = lambda _: None
    before = list(shop.remote.writes)
    assert shop.reconcile().did == ()
    assert shop.remote.writes == before
    assert shop.problems() == set()


def test_slots_that_cannot_go_back_do_not_make_the_forge_look_down() -> None:
    """Three failures of pull requests mean that the forge is down; these are none."""
    policies = environments()
    for name in ("dev", "staging"):
        policies[name]["spec"]["rollback"] = AUTOMATIC  # type: ignore[index]
    shop = Workshop.new(policies)
    for _ in range(2):
        for model in (MODEL, OTHER):
            shop.publish(model=model)
        shop.reconcile()
    shop.wait(minutes=1)
    for one in shop.releases[2:]:
        shop.observe("monitoring", one)
    shop.preflight = unfit(*(one.id for one in shop.releases[:2]))
    for number in list(shop.forge.pulls):
        shop.approve("grace", "katherine", number=number)
    found = shop.reconcile()
    assert len(found.failures) == 4
    assert [one.verb for one in found.did].count("merged") == 2


def test_a_newer_release_may_come_where_the_old_one_does_not_load() -> None:
    shop = directly()
    for _ in range(2):
        shop.publish()
        shop.reconcile()
    shop.wait(minutes=1)
    shop.observe("monitoring", shop.releases[1])
    shop.preflight = unfit(shop.releases[0].id)
    shop.publish()
    found = shop.reconcile()
    assert [one.verb for one in found.did] == ["promoted"] * 3
    assert versions(shop) == ["1.2.0"] * 3


def test_a_dry_run_says_what_would_go_back_and_changes_nothing() -> None:
    shop = by_pull_request()
    shop.observe("monitoring", shop.releases[1])
    before = list(shop.remote.writes)
    found = shop.reconcile(key=None, dry=True)
    assert "flight-delays → prod: would be rolled back" in report.text(found, dry=True)
    document = report.document(found, dry=True)
    assert (document["result"], len(document["rollbacks"])) == ("planned", 1)  # type: ignore[arg-type]
    assert shop.remote.writes == before


def test_a_rollback_is_direct_where_promotions_come_by_pull_requests_and_closes_what_is_proposed() -> None:
    shop = by_pull_request()
    shop.observe("monitoring", shop.releases[1])
    assert verbs(shop) == [("rolled-back", "prod")]
    assert shop.slot().receipts[-1].receipt.mode == "direct"
    found = shop.reconcile()
    assert [one.step for one in found.left.requests] == [Step.REFUSE]  # type: ignore[union-attr]
    assert (found.did, shop.problems()) == ((), set())


def test_a_pull_request_for_a_later_release_is_written_anew_after_the_rollback_and_asks_again() -> None:
    shop = by_pull_request()
    third = shop.publish()
    shop.reconcile()
    number, head = shop.open().number, shop.remote.refs[layout.promotion_branch("prod", MODEL)]
    shop.approve("grace", "katherine")
    shop.observe("monitoring", shop.releases[1])
    did = verbs(shop)
    assert did[0] == ("rolled-back", "prod")
    assert "merged" not in [verb for verb, _ in did]
    assert shop.open().number == number
    assert shop.remote.refs[layout.promotion_branch("prod", MODEL)] != head
    assert shop.slot().current == shop.releases[0].id
    shop.approve("grace", "katherine")
    shop.reconcile()
    assert shop.slot().current == third.id
    assert shop.problems() == set()


def test_what_came_without_a_seal_is_not_settled_and_goes_back_by_hand_only() -> None:
    shop = by_pull_request()
    third = shop.publish()
    shop.reconcile()
    shop.forge.merge(3, by="ada-example", style="squash")
    shop.wait(minutes=1)
    assert exit_code(shop.reconcile()) == 1
    shop.observe("monitoring", third)
    found = shop.reconcile()
    assert ([one.verb for one in found.did], exit_code(found)) == ([], 1)
    shop.rollback()
    assert (exit_code(shop.reconcile()), shop.problems()) == (0, set())
    assert shop.slot().current == shop.releases[1].id


def test_evidence_from_between_writing_a_receipt_and_merging_it_demands_nothing_of_what_is_sealed() -> None:
    """The release did not run there yet; and the seal that is just being written says so first."""
    shop = by_pull_request()
    third = shop.publish()
    shop.reconcile()
    shop.wait(hours=1)
    shop.observe("monitoring", third)
    shop.wait(hours=1)
    shop.approve("grace", "katherine")
    shop.forge.merge(3, by="ada-example", style="merge")
    did = verbs(shop)
    assert ("sealed", "prod") in did
    assert ("rolled-back", "prod") not in did
    assert shop.slot().current == third.id
    shop.wait(minutes=1)
    shop.observe("monitoring", third)
    assert verbs(shop) == [("rolled-back", "prod")]
    assert shop.problems() == set()


def test_a_rollout_by_pull_request_goes_back_on_every_target_that_it_moved() -> None:
    shop = Workshop.new(environments(rollback=AUTOMATIC, rollout=regions.rollout()))
    for _ in range(2):
        shop.publish()
        shop.reconcile()
        shop.approve("grace", "katherine")
        for _ in range(6 if len(shop.releases) == 1 else 2):
            shop.reconcile()
            shop.wait(minutes=16)
    moved = {one.name for one in shop.slot().targets if one.release == shop.releases[1].id}
    assert moved == {"eu-west", "us-east"}
    shop.observe("monitoring", shop.releases[1])
    assert verbs(shop) == [("rolled-back", "prod")]
    assert {one.release for one in shop.slot().targets} == {shop.releases[0].id}
    shop.wait(hours=1)
    assert (verbs(shop), shop.problems()) == ([], set())


def test_an_undisturbed_soak_proposes_nothing_and_does_not_stop_a_rollback() -> None:
    policies = environments(rollback=AUTOMATIC)
    policies["after"] = estate.environment("after", promotion="automatic", after=["prod"], soak="P1D", undisturbed=True)
    shop = Workshop.new(policies)
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.reconcile()
    shop.publish()
    shop.reconcile()
    assert [one.state for one in shop.forge.pulls.values()] == ["merged"], "it soaks"
    shop.wait(days=1, minutes=1)
    shop.reconcile()
    assert shop.slot("after").current == shop.releases[0].id
    shop.approve("grace", "katherine")
    shop.reconcile()
    assert shop.slot().current == shop.releases[1].id
    shop.publish()
    shop.wait(minutes=1)
    shop.observe("monitoring", shop.releases[1])
    assert ("rolled-back", "prod") in verbs(shop)
    assert shop.slot().current == shop.releases[0].id
    assert shop.problems() == set()


# killed, and met by another, at every call

Story = Callable[[], Workshop]


def again(story: Story) -> Workshop:
    """A story that was told once, from its end."""
    return copy.deepcopy(told(story))


@cache
def told(story: Story) -> Workshop:
    return story()


def due() -> Workshop:
    """A rollback is due while a pull request for the next release is approved."""
    shop = by_pull_request()
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.observe("monitoring", shop.releases[1])
    return shop


def a_wave() -> Workshop:
    """The first wave is approved, and the next is due as soon as it settles."""
    shop = Workshop.new(environments(rollback=AUTOMATIC, rollout=regions.rollout(settle="PT0S")))
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    return shop


STORIES = [due, a_wave]


@cache
def calls(story: Story) -> list[str]:
    shop, seen = again(story), list[str]()
    shop.remote.step = seen.append
    shop.reconcile()
    return seen


@cache
def ended(story: Story) -> list[str]:
    shop = again(story)
    shop.reconcile()
    return [one.receipt.release for one in shop.slot().receipts]


PLACES = [
    (story, place)
    for story in STORIES
    for place, call in enumerate(calls(story))
    if call.startswith("before") or call.partition(" ")[2] in WRITES  # after a read is before what comes next
]
NAMES = [f"{story.__name__}-{place}-{calls(story)[place].replace(' ', '-')}" for story, place in PLACES]


def settled(shop: Workshop, story: Story) -> None:
    shop.remote.step = lambda _: None
    before = list(shop.remote.writes)
    found = shop.reconcile()
    assert (found.did, found.failures, shop.remote.writes) == ((), (), before), "a second run changes something"
    assert [one.receipt.release for one in shop.slot().receipts] == ended(story)
    assert not shop.slot().unsealed
    assert shop.problems() == set()


@pytest.mark.parametrize(("story", "place"), PLACES, ids=NAMES)
def test_killed_at_any_call_and_run_again(story: Story, place: int) -> None:
    shop, left = again(story), [place]

    def die(_step: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    shop.remote.step = die
    with pytest.raises(Killed):
        shop.reconcile()
    shop.remote.step = lambda _: None
    assert shop.problems() <= {"unsealed"}
    shop.reconcile()
    settled(shop, story)


@pytest.mark.parametrize(("story", "place"), PLACES[::2], ids=NAMES[::2])
def test_another_runner_within_the_first_at_every_call(story: Story, place: int) -> None:
    shop, left = again(story), [place]

    def other(_step: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            shop.remote.step = lambda _: None
            shop.reconcile()

    shop.remote.step = other
    shop.reconcile()
    shop.reconcile()
    settled(shop, story)


def test_evidence_that_is_mended_in_the_middle_is_obeyed_or_came_too_late() -> None:
    for place in range(0, len(calls(due)), 2):
        shop, left = again(due), [place]

        def mend(_step: str, shop: Workshop = shop, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                shop.observe("monitoring", shop.releases[1], Verdict.PASS)

        shop.remote.step = mend
        shop.reconcile()
        shop.remote.step = lambda _: None
        shop.reconcile()
        assert shop.problems() == set()
        rolled = [one for one in shop.slot().receipts if one.receipt.action == "rollback"]
        assert len(rolled) <= 1
        assert bool(rolled) == any(one.type == "hold" for one in shop.slot().controls)
