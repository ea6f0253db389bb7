"""Our one comment on a pull request, on a GitHub that forgets answers, limits rates, and lets others write too."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fakehub
from fakehub import Fault, Hub, pulls, secondary_limit
from hubs import BRANCH, NAME, Site, proposed
from mlops_gitops.adapters.github_comments import GithubComments
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.reporting.scorecard import placing, sticky
from mlops_gitops.reporting.scorecard.placing import Placed
from mlops_gitops.reporting.scorecard.sticky import Conversation, Said, Stamp

KEY = sticky.key("checks")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        served.create(NAME, {"a.txt": "one\n"})
        yield served


@pytest.fixture
def site(hub: Hub, tmp_path: Path) -> Site:
    proposed(hub)
    hub.open(NAME, BRANCH)
    for run in range(1, 10):
        ran(hub, run)
    return Site(hub, hub.token("actions", repositories=(NAME,), workflows="read"), tmp_path / "runner")


def ran(hub: Hub, run: int, *, workflow: int = 1, head: str = "", attempt: int = 3) -> None:
    """A run of a workflow, as GitHub knows it."""
    told = {"id": run, "workflow_id": workflow, "head_sha": head or hub.pull(NAME, 1).head, "run_attempt": attempt}
    hub.repository(NAME).runs[run] = told


def place(site: Site, body: str, run: int = 1, attempt: int = 1, *, name: str = "checks", head: str = "") -> Placed:
    forge = GithubComments(site.client)
    return placing.place(forge, 1, body, name=name, stamp=Stamp(run, attempt), head=head or None)


def bodies(site: Site) -> list[str]:
    """The comments without their markers."""
    return [one.body.partition("-->\n")[2] or one.body for one in site.hub.pull(NAME, 1).comments]


def marked(body: str, run: int = 1, *, name: str = "checks") -> str:
    return sticky.marked(body, key=sticky.key(name), stamp=Stamp(run, 1), head=None)


def test_one_comment_that_is_updated_in_place(site: Site) -> None:
    assert place(site, "first").result == "created"
    (made,) = site.hub.pull(NAME, 1).comments
    assert place(site, "second", 2) == Placed("updated", f"{site.hub.url}/{NAME}/pull/1#issuecomment-{made.id}")
    assert place(site, "second", 2).result == "unchanged"
    assert bodies(site) == ["second"]


def test_a_run_that_says_the_same_still_marks_it_as_newer(site: Site) -> None:
    place(site, "same", 1)
    assert place(site, "same", 3).result == "updated"
    assert place(site, "other", 2).result == "older"
    assert bodies(site) == ["same"]


def test_each_workflow_has_its_own(site: Site) -> None:
    place(site, "one", name="checks")
    place(site, "two", name="other checks")
    assert bodies(site) == ["one", "two"]


def test_a_later_attempt_wins_and_an_attempt_of_an_older_run_does_not(site: Site) -> None:
    place(site, "first", 7)
    assert place(site, "again", 7, 2).result == "updated"
    assert place(site, "late", 6, 9).result == "older"
    assert bodies(site) == ["again"]


def test_a_strangers_comment_with_our_marker_is_never_taken(site: Site) -> None:
    pulls.comment(site.hub, site.hub.pull(NAME, 1), site.hub.user("eve"), marked("mine now", 999))
    assert place(site, "ours", 1).result == "created"
    assert place(site, "ours too", 2).result == "updated"
    assert bodies(site) == ["mine now", "ours too"]


def test_a_bot_with_another_name_is_a_stranger(site: Site) -> None:
    pulls.comment(site.hub, site.hub.pull(NAME, 1), "github-actions-x[bot]", marked("mine", 999))
    place(site, "ours", 1)
    assert bodies(site) == ["mine", "ours"]


@pytest.mark.parametrize("forged", ["x", marked("silenced", 10**12), marked("ours", 10**12).replace("ours", "x")])
def test_words_that_a_maintainer_put_into_ours_count_for_nothing(site: Site, forged: str) -> None:
    place(site, "ours", 5)
    (ours,) = site.hub.pull(NAME, 1).comments
    pulls.edit_comment(ours, site.hub.user("katherine"), forged)
    place(site, "ours again", 6)
    assert "ours again" in bodies(site)
    assert "silenced" not in bodies(site)


def test_what_was_quoted_further_down_is_no_marker(site: Site) -> None:
    pulls.comment(site.hub, site.hub.pull(NAME, 1), "github-actions[bot]", f"> {marked('quoted', 99)}")
    place(site, "ours", 1)
    assert len(bodies(site)) == 2
    assert bodies(site)[1] == "ours"


def test_it_is_found_behind_two_hundred_others(site: Site) -> None:
    pull = site.hub.pull(NAME, 1)
    for index in range(150):
        pulls.comment(site.hub, pull, "eve", f"comment {index}")
    place(site, "ours", 1)
    for index in range(150):
        pulls.comment(site.hub, pull, "eve", f"more {index}")
    assert place(site, "ours, later", 2).result == "updated"
    assert [one for one in bodies(site) if one.startswith("ours")] == ["ours, later"]


def test_an_answer_that_is_lost_makes_no_second_comment(site: Site) -> None:
    site.hub.arm(Fault(lose_answer=True), method="POST", path="*/comments")
    assert place(site, "once").result == "created"
    assert bodies(site) == ["once"]


def test_a_gateway_that_fails_before_and_after(site: Site) -> None:
    site.hub.arm(Fault(status=502), method="POST", path="*/comments")
    assert place(site, "once").result == "created"
    site.hub.arm(Fault(lose_answer=True), method="PATCH", path="*/comments/*")
    assert place(site, "twice", 2).result == "updated"
    assert bodies(site) == ["twice"]


def test_a_gateway_that_only_fails_is_told(site: Site) -> None:
    site.hub.arm(Fault(status=502), method="POST", path="*/comments", times=99)
    with pytest.raises(WorldFailed) as told:
        place(site, "never")
    assert told.value.code == "github-unreachable"
    assert bodies(site) == []


def test_a_rate_limit_is_waited_for(site: Site) -> None:
    site.hub.arm(secondary_limit(7), method="POST", path="*/comments")
    assert place(site, "slowly").result == "created"
    assert site.pauses == [7.0]
    site.hub.arm(secondary_limit(3600), method="PATCH", path="*/comments/*")
    with pytest.raises(WorldFailed) as told:
        place(site, "never", 2)
    assert told.value.code == "github-rate-limit"


@pytest.mark.parametrize("kind", ["fork", "expired", "stranger"])
def test_a_token_that_may_not(hub: Hub, site: Site, kind: fakehub.Kind, tmp_path: Path) -> None:
    place(site, "before")
    other = Site(hub, hub.token(kind), tmp_path / "other")
    with pytest.raises(WorldFailed) as told:
        place(other, "after", 2)
    assert told.value.code == {"fork": "github-denied", "expired": "github-token", "stranger": "github-not-found"}[kind]
    assert bodies(site) == ["before"]


def test_there_is_no_such_pull_request(site: Site) -> None:
    forge = GithubComments(site.client)
    with pytest.raises(Misused):
        placing.place(forge, 99, "x", name="checks", stamp=Stamp(1, 1), head=None)


def test_a_run_for_a_head_that_has_moved_says_nothing(site: Site) -> None:
    head = site.hub.pull(NAME, 1).head
    assert place(site, "about the head", head=head).result == "created"
    site.hub.commit(NAME, {"new.txt": "y\n"}, branch=BRANCH, by="ada")
    found = place(site, "about the old head", 2, head=head)
    assert (found.result, bodies(site)) == ("older", ["about the head"])


def test_two_that_began_at_once_leave_one(site: Site) -> None:
    """Both saw none and wrote: the older comment stays, with the newer words."""
    pull = site.hub.pull(NAME, 1)
    pulls.comment(site.hub, pull, "github-actions[bot]", marked("newer words", 4))
    pulls.comment(site.hub, pull, "github-actions[bot]", marked("older words", 3))
    first = pull.comments[0].id
    assert place(site, "mine", 2) == Placed(
        "older", f"{site.hub.url}/{NAME}/pull/1#issuecomment-{first}", 1, "a newer run has spoken"
    )
    assert bodies(site) == ["newer words"]
    pulls.comment(site.hub, pull, "github-actions[bot]", marked("newest words", 9))
    place(site, "mine", 2)
    assert (bodies(site), [one.id for one in pull.comments]) == (["newest words"], [first])


def test_an_older_run_that_wrote_over_a_newer_one_puts_it_back(site: Site) -> None:
    place(site, "old", 1)
    newer = Site(site.hub, site.token, site.folder)
    between = Fault(before=lambda: place(newer, "newest", 9))
    site.hub.arm(between, method="PATCH", path="*/comments/*")
    assert place(site, "middle", 5).result == "older"
    assert bodies(site) == ["newest"]


def test_a_comment_that_a_person_deletes_meanwhile_is_written_again(site: Site) -> None:
    place(site, "old", 1)
    site.hub.arm(Fault(before=site.hub.pull(NAME, 1).comments.clear), method="PATCH", path="*/comments/*")
    place(site, "new", 2)
    assert bodies(site) == ["new"]


def test_many_runs_at_once_leave_the_newest_alone(hub: Hub, site: Site, tmp_path: Path) -> None:
    runs = range(1, 9)
    sites = [Site(hub, site.token, tmp_path / str(run)) for run in runs]
    gate = threading.Barrier(len(sites))

    def one(at: Site, run: int) -> None:
        gate.wait()
        place(at, f"run {run}", run)

    threads = [threading.Thread(target=one, args=pair) for pair in zip(sites, runs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies(site) == ["run 8"]


@pytest.mark.parametrize(
    "claim",
    [
        {"run": 10**17},
        {"run": 11, "workflow": 2},
        {"run": 11, "head": "0" * 40},
        {"run": 11, "attempt": 0},
        {"run": 11, "told": False},
    ],
    ids=["no such run", "another workflow", "another head", "no such attempt", "may not ask"],
)
def test_a_marker_that_names_no_newer_run_of_ours_silences_nobody(site: Site, claim: dict[str, Any]) -> None:
    """Another workflow comments as the same account, with words that a stranger asked it to write."""
    run, told = claim.pop("run"), claim.pop("told", True)
    if claim or not told:
        ran(site.hub, run, **claim)
    at = site if told else Site(site.hub, site.hub.token("actions", repositories=(NAME,)), site.folder)
    forged = marked("all is well", run)
    pulls.comment(site.hub, site.hub.pull(NAME, 1), "github-actions[bot]", forged)
    assert place(at, "not ready", 5).result == "updated"
    assert bodies(site) == ["not ready"]
    (comment,) = site.hub.pull(NAME, 1).comments
    pulls.edit_comment(comment, "github-actions[bot]", forged)
    assert place(at, "not ready", 5).result == "updated"
    assert bodies(site) == ["not ready"], "and nothing of it is put back"


class Memory:
    """A forge in memory that lets somebody else act before any of its answers."""

    def __init__(self) -> None:
        self.comments: dict[int, list[str]] = {}
        self.ids = itertools.count(1)
        self.turn: Callable[[], None] = lambda: None

    def conversation(self, _: int) -> Conversation:
        self.turn()
        return Conversation("", tuple(Said(one, said[-1], ours=True) for one, said in self.comments.items()))

    def history(self, comment: int) -> tuple[Said, ...] | None:
        self.turn()
        said = self.comments.get(comment)
        return None if said is None else tuple(Said(comment, one, ours=True) for one in said)

    def say(self, _: int, body: str) -> None:
        self.turn()
        self.comments[next(self.ids)] = [body]

    def rewrite(self, comment: int, body: str) -> bool:
        self.turn()
        if comment not in self.comments:
            return False
        self.comments[comment].append(body)
        return True

    def follows(self, later: Stamp, mine: Stamp, *, head: str) -> bool:
        self.turn()
        return later > mine and head == ""

    def remove(self, comment: int) -> None:
        self.turn()
        self.comments.pop(comment, None)


@pytest.mark.parametrize("others", [(9,), (3, 9), (9, 3), (3, 9, 7)])
@pytest.mark.parametrize("before", [None, 2])
def test_whoever_acts_between_any_two_requests_the_newest_words_stay(
    others: tuple[int, ...], before: int | None
) -> None:
    """The whole run of each other one, at every place of ours, one after the other."""
    for places in itertools.product(range(7 if len(others) < 3 else 5), repeat=len(others)):
        forge = Memory()
        if before:
            placing.place(forge, 1, f"run {before}", name="checks", stamp=Stamp(before, 1), head=None)
        step = itertools.count()

        def turn(forge: Memory = forge, places: tuple[int, ...] = places, step: Iterator[int] = step) -> None:
            now, mine = next(step), forge.turn
            forge.turn = lambda: None
            for other, at in zip(others, places, strict=True):
                if at == now:
                    placing.place(forge, 1, f"run {other}", name="checks", stamp=Stamp(other, 1), head=None)
            forge.turn = mine

        forge.turn = turn
        placing.place(forge, 1, "run 5", name="checks", stamp=Stamp(5, 1), head=None)
        turns = next(step)
        acted = [other for other, at in zip(others, places, strict=True) if at < turns]
        (left,) = forge.comments.values()
        assert left[-1].endswith(f"run {max([5, *acted])}"), places
