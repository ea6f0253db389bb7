"""Never lost, never twice, by pull requests too: killed before and after every single call, raced, answers lost.

Each story is told once undisturbed to learn its calls, and then once for every call with something happening there.
However it went, in the end there is one receipt for each promotion in one chain, one pull request at a time, a seal
for what was merged, nothing for ``verify`` to find, and another run that writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest

from estate import MODEL
from merging_forges import WRITES
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion import controls, layout
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.store import Files
from stores import Killed
from workshops import Workshop

Story = Callable[[], Workshop]


def fresh() -> Workshop:
    """A release that nobody moved yet: into two environments directly, and a pull request opened."""
    shop = Workshop.new()
    shop.publish()
    return shop


def approved() -> Workshop:
    """A pull request that has what it needs: recorded, merged, sealed, cleaned up."""
    shop = fresh()
    shop.reconcile()
    shop.approve("grace", "katherine")
    return shop


def superseded() -> Workshop:
    """A pull request for a release that is no longer the newest: written anew."""
    shop = fresh()
    shop.reconcile()
    shop.approve("grace")
    shop.publish()
    return shop


def merged_by_hand() -> Workshop:
    """A pull request that a person merged, rightly: recorded and sealed."""
    shop = approved()
    shop.forge.merge(1, by="ada-example", style="squash")
    return shop


def vetoed() -> Workshop:
    """A pull request that the plan no longer holds: closed."""
    shop = fresh()
    shop.reconcile()
    shop.control(lambda slot: veto(shop, slot))
    return shop


def veto(shop: Workshop, slot: Slot) -> Files:
    release = shop.releases[-1].id
    said = controls.new("veto", slot, release=release, by="grace", reason="bad", since=shop.time, until=None)
    return controls.adding(slot, said)


STORIES = [fresh, approved, superseded, merged_by_hand, vetoed]


@cache
def calls(story: Story) -> list[str]:
    """What one undisturbed run calls, in order: each ``before`` and ``after``."""
    shop, seen = story(), list[str]()
    shop.remote.step = seen.append
    shop.reconcile()
    return seen


@cache
def ended(story: Story) -> Workshop:
    shop = story()
    shop.reconcile()
    return shop


EVERYWHERE = [(story, place) for story in STORIES for place in range(len(calls(story)))]
BETWEEN = [(story, place) for story, place in EVERYWHERE if calls(story)[place].startswith("before")]
"""What happens after one call happens before the next."""
WRITING = [(story, place) for story, place in EVERYWHERE if calls(story)[place].partition(" ")[2] in WRITES]
"""A read that fails is the same before and after."""


def each(places: list[tuple[Story, int]]) -> pytest.MarkDecorator:
    names = [f"{story.__name__}-{place}-{calls(story)[place].replace(' ', '-')}" for story, place in places]
    return pytest.mark.parametrize(("story", "place"), places, ids=names)


class At:
    """Does something at one call of a run, once."""

    def __init__(self, place: int, act: Callable[[], None]) -> None:
        self.left, self.act = place, act

    def __call__(self, _step: str) -> None:
        self.left -= 1
        if self.left == -1:
            self.act()


def die() -> None:
    raise Killed


def lose() -> None:
    raise WorldFailed("no answer came", hint="try again", code="lost")


def whole(shop: Workshop) -> None:
    """What holds at every moment between two runs."""
    assert shop.problems() <= {"unsealed"}
    branches = [one.branch for one in shop.forge.pulls.values() if one.state == "open"]
    assert len(branches) == len(set(branches))


def settled(shop: Workshop) -> None:
    """What holds when nothing is left to do."""
    whole(shop)
    shop.remote.step = lambda _: None
    before = list(shop.remote.writes)
    found = shop.reconcile()
    assert (found.did, found.failures, shop.remote.writes) == ((), (), before), "a second run changes something"
    assert shop.problems() == set()
    for environment in ("dev", "staging", "prod"):
        slot = shop.slot(environment)
        releases = [one.receipt.release for one in slot.receipts]
        assert len(releases) == len(set(releases)), "a promotion was made twice"
        assert not slot.unsealed
    wanted = {one.branch for one in shop.forge.pulls.values() if one.state == "open"}
    assert set(shop.remote.refs) == wanted


def same(shop: Workshop, other: Workshop) -> None:
    """Two ways to one end: the same runs everywhere, and the same is proposed."""
    for environment in ("dev", "staging", "prod"):
        assert shop.slot(environment).current == other.slot(environment).current
        chains = [[filed.receipt.id for filed in one.slot(environment).receipts] for one in (shop, other)]
        assert len(chains[0]) == len(chains[1])
    states = [sorted((one.branch, one.title) for one in each.forge.pulls.values() if one.state == "open")
              for each in (shop, other)]  # fmt: skip
    assert states[0] == states[1]


@each([*BETWEEN, *(one for one in WRITING if one not in BETWEEN)])
def test_killed_at_any_call_and_run_again(story: Story, place: int) -> None:
    shop = story()
    shop.remote.step = At(place, die)
    with pytest.raises(Killed):
        shop.reconcile()
    shop.remote.step = lambda _: None
    whole(shop)
    shop.reconcile()
    settled(shop)
    same(shop, ended(story))


@each([*BETWEEN, *(one for one in WRITING if one not in BETWEEN)])
def test_a_call_that_fails_or_whose_answer_is_lost(story: Story, place: int) -> None:
    """Where the adapter itself cannot tell any more."""
    shop = story()
    shop.remote.step = At(place, lose)
    try:
        found = shop.reconcile()
        assert found.failures, "it was told"
    except WorldFailed as failure:
        assert failure.code == "lost"  # noqa: PT017 - nothing else may fail
    shop.remote.step = lambda _: None
    whole(shop)
    shop.reconcile()
    settled(shop)
    same(shop, ended(story))


@each(BETWEEN)
def test_two_reconcilers_one_within_the_other_at_every_call(story: Story, place: int) -> None:
    shop = story()

    def other() -> None:
        shop.remote.step = lambda _: None
        shop.reconcile()

    shop.remote.step = At(place, other)
    shop.reconcile()
    shop.reconcile()
    settled(shop)
    same(shop, ended(story))


@each(BETWEEN)
def test_the_branch_moves_on_at_every_call(story: Story, place: int) -> None:
    shop = story()
    shop.remote.step = At(place, lambda: moved(shop))
    shop.reconcile()
    shop.reconcile()
    settled(shop)
    same(shop, ended(story))


def moved(shop: Workshop) -> None:
    shop.push({"docs/note.md": b"a change that concerns nobody\n"})


@each([one for one in BETWEEN if one[0] is approved])
def test_somebody_merges_at_every_call_and_leaves_the_branch(story: Story, place: int) -> None:
    """Between two readings it has no open pull request any more and a branch still: that asks for no second one."""
    shop = story()

    def merge() -> None:
        if shop.forge.pulls[1].state == "open":
            shop.forge.merge(1, by="ada-example", style="squash")

    shop.remote.step = At(place, merge)
    shop.reconcile()
    shop.remote.step = lambda _: None
    shop.reconcile()
    settled(shop)
    assert list(shop.forge.pulls) == [1]


@each(BETWEEN)
def test_a_veto_lands_at_every_call(story: Story, place: int) -> None:
    """It is obeyed, or it came too late; or it met a merge, and that is told and has no seal."""
    shop = story()
    slot = shop.slot()
    landed: list[str] = []

    def say_no() -> None:
        landed.append(shop.slot().current or "")
        shop.push(veto(shop, shop.slot()))

    shop.remote.step = At(place, say_no)
    shop.reconcile()
    shop.remote.step = lambda _: None
    shop.reconcile()
    found = shop.reconcile()
    assert found.did == ()
    release = shop.releases[-1].id
    after = shop.slot()
    if after.current == release and landed and landed[0] != release and slot.current != release:
        assert after.unsealed
        assert found.left is not None
        assert [one.filed.receipt.release for one in found.left.unsealed] == [release]
        assert shop.problems() == {"unsealed"}
    else:
        assert shop.problems() == set()


@pytest.mark.parametrize("hours", [-30, -1, 5, 24 * 3])
@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
def test_a_clock_that_jumps_in_the_middle_of_a_run(story: Story, hours: int) -> None:
    for place in range(0, len(calls(story)), 7):
        shop = story()

        def jump(shop: Workshop = shop) -> None:
            shop.time += timedelta(hours=hours)

        shop.remote.step = At(place, jump)
        shop.reconcile()
        shop.remote.step = lambda _: None
        whole(shop)
        shop.time = max(shop.time, shop.forge.time) + timedelta(hours=40)
        shop.forge.time = shop.time
        shop.reconcile()
        settled(shop)


@pytest.mark.parametrize("place", range(12))
def test_a_rollback_that_dies_anywhere_while_a_pull_request_is_open(place: int) -> None:
    shop = approved()
    shop.reconcile()
    second = shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.reconcile()
    assert shop.slot().current == second.id
    shop.publish()
    shop.reconcile()
    shop.remote.step = At(place, die)
    died = False
    try:
        shop.rollback()
    except Killed:
        died = True
    shop.remote.step = lambda _: None
    if died and shop.slot().current == second.id:
        shop.rollback()
    shop.reconcile()
    found = shop.reconcile()
    assert (found.did, shop.problems()) == ((), set())
    assert shop.slot().current == shop.releases[0].id
    assert [one.type for one in shop.slot().controls] == ["hold"]
    assert layout.promotion_branch("prod", MODEL) in shop.remote.refs, "the third release is still proposed"


def test_the_stories_meet_every_write() -> None:
    met = {step.partition(" ")[2] for story in STORIES for step in calls(story)}
    assert met >= set(WRITES)
