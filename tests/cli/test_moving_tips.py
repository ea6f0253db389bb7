"""The repository moves between every pair of requests of a real runner: by what concerns nobody, and by what does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import estate
import fakehub
from estate import MODEL
from fakehub import Fault, Hub
from hubs import NAME
from runners import EXHAUSTIVE, STORIES, Place, Shape, Story, Theatre, whole
from servers import git_http
from servers.git_http import GitServer

STRIDE = 1 if EXHAUSTIVE else 11
FEW = ("promote", "reconcile an approved one")
ON_GITHUB = [one for one in STORIES if one.github and (EXHAUSTIVE or one.name in FEW)]
stories = pytest.mark.parametrize("story", ON_GITHUB, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        yield served


@dataclass
class Moments:
    """Does something before one request to the API or to git, or before each."""

    act: Callable[[], object]
    at: int | None = None
    seen: int = 0
    most: int = 1000
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def on(cls, hub: Hub, act: Callable[[], object], at: int | None, *, most: int = 1000) -> Moments:
        made = cls(act, at, most=most)
        hub.arm(Fault(before=made), times=10000)
        GitServer.arm(hub, git_http.Fault(before=made), service="", advertises=None, times=10000)
        return made

    def __call__(self) -> None:
        with self._lock:
            number = self.seen
            self.seen += 1
        if number == self.at or (self.at is None and number < self.most):
            self.act()

    def off(self, hub: Hub) -> None:
        hub._faults.clear()
        hub._armed.clear()


def requests(story: Story, theatre: Theatre, hub: Hub) -> int:
    """How many requests an undisturbed run makes."""
    place = theatre.begin(story, hub)
    moments = Moments.on(hub, lambda: None, None)
    place(*story.words)
    moments.off(hub)
    return moments.seen


def unrelated(hub: Hub) -> Callable[[], object]:
    """Somebody writes what concerns no slot."""
    return lambda: hub.commit(NAME, {f"docs/note-{len(hub.calls)}-{len(hub.requests)}.md": "A note.\n"})


@stories
def test_an_unrelated_commit_between_two_requests(story: Story, theatre: Theatre, hub: Hub) -> None:
    wanted = theatre.undisturbed(story, hub)[0]
    for number in range(STRIDE % 9, requests(story, theatre, hub), STRIDE):
        place = theatre.begin(story, hub)
        moments = Moments.on(hub, unrelated(hub), number)
        ended = place(*story.words)
        moments.off(hub)
        assert ended.code == story.code, f"request {number}: {ended.said}"
        assert Shape.of(place) == wanted, f"request {number}: it said that all was done"
        theatre.settled(story, place, hub)


@pytest.mark.parametrize("story", ON_GITHUB[:1] if not EXHAUSTIVE else ON_GITHUB, ids=lambda one: one.name)
def test_an_unrelated_commit_before_each_of_many_requests(story: Story, theatre: Theatre, hub: Hub) -> None:
    place = theatre.begin(story, hub)
    moments = Moments.on(hub, unrelated(hub), None, most=25)
    ended = place(*story.words)
    moments.off(hub)
    assert ended.code == story.code, ended.said
    theatre.settled(story, place, hub)


def entered(place: Place, environment: str, release: str) -> int:
    """How often a release came into an environment; that another one does is nothing that its veto forbids."""
    told = place.json("history", MODEL, "--in", environment)["promotions"]
    return sum(one["release"] == release for one in told)


@stories
def test_a_veto_between_two_requests(story: Story, theatre: Theatre, hub: Hub) -> None:
    """It is obeyed or came too late; where it met a merge that GitHub had begun, that is told and not sealed."""
    release, until = estate.release().id, requests(story, theatre, hub)
    for number in range(STRIDE % 6, until, STRIDE):
        place = theatre.begin(story, hub)
        before = {one: entered(place, one, release) for one in ("dev", "prod")}
        landed: list[dict[str, int]] = []

        def veto(place: Place = place, landed: list[dict[str, int]] = landed) -> None:
            landed.append({one: entered(place, one, release) for one in ("dev", "prod")})
            for environment in ("dev", "prod"):
                said = place("control", "veto", MODEL, "--in", environment, "--release", release, "--reason", "no")
                assert said.code == 0, said.said

        moments = Moments.on(hub, lambda: None, None)
        moments.act, moments.at = veto, number
        ended = place(*story.words)
        moments.off(hub)
        assert landed, f"request {number} of {until} was never made"
        assert ended.code in {0, 1, 4}, f"request {number}: {ended.said}"
        last = place("reconcile")
        assert last.code in {0, 1}, last.said
        refs, mark = place.refs, place.mark()
        assert place("reconcile").code == last.code
        assert (place.refs, place.writes(mark)) == (refs, []), f"request {number}: a further run changes something"
        whole(place)
        if entered(place, "dev", release) != before["dev"] and "rollback" not in story.name:
            assert entered(place, "dev", release) == landed[0]["dev"], "moved in spite of a veto"
        if entered(place, "prod", release) != landed[0]["prod"]:
            assert place.seals() == [], "a merge that a veto forbade is not sealed"
            assert last.code == 1


@pytest.mark.parametrize("number", range(40) if EXHAUSTIVE else (9,))
def test_another_runner_does_all_of_it_between_two_requests(number: int, theatre: Theatre, hub: Hub) -> None:
    story = next(one for one in STORIES if one.name == "reconcile an approved one")
    place = theatre.begin(story, hub)
    busy: list[int] = []

    def other() -> None:
        if not busy:
            busy.append(number)
            assert place("reconcile").code == 0

    moments = Moments.on(hub, other, number)
    ended = place(*story.words)
    moments.off(hub)
    assert ended.code == 0, ended.said
    theatre.settled(story, place, hub)
