"""Invariants 6 and 7 with everything real: a runner killed by SIGKILL anywhere, and the next one run by the book.

Whatever happened, in the end there is one receipt for each promotion in one chain, one pull request, one seal, nothing
for ``verify`` to find, and a further run writes nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import fakehub
from runner_program import LASTING
from runners import EXHAUSTIVE, STORIES, Story, Theatre, whole
from servers import git_http
from servers.git_http import GitServer

KILLED = -signal.SIGKILL
FEW = ("promote by git", "rollback", "reconcile an approved one", "reconcile a vetoed one")
TOLD = [one for one in STORIES if EXHAUSTIVE or one.name in FEW]
AT = {"promote by git": [6], "reconcile a release": [28]}
"""The steps to die at where there is no time for all: about to push, and between two writes to a branch."""


def each(stories: list[Story]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("story", stories, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.fixture
def server(story: Story, tmp_path: Path) -> Iterator[GitServer]:
    with (fakehub.serve if story.github else git_http.serve)(tmp_path / "server") as started:
        yield started


@each(TOLD)
def test_runners_that_die_after_every_write_that_lasts(story: Story, theatre: Theatre, server: GitServer) -> None:
    """Each brings it one write further, and nobody learns of it."""
    place, written = theatre.begin(story, server), 0
    while place(*story.words, die=LASTING).code == KILLED:
        written += 1
        assert written < 20, "it never ends"
    assert written > 0
    whole(place)
    theatre.settled(story, place, server)


@each([one for one in STORIES if EXHAUSTIVE or one.name in AT])
def test_a_runner_killed_at_a_step(story: Story, theatre: Theatre, server: GitServer) -> None:
    """Before and after git commands and requests: a few of them, or every one with MG_EXHAUSTIVE=1."""
    _, steps = theatre.undisturbed(story, server)
    assert len(steps) > 5
    for number in range(len(steps)) if EXHAUSTIVE else AT[story.name]:
        place = theatre.begin(story, server)
        killed = place(*story.words, die=number)
        assert killed.code == KILLED, f"step {number}, {steps[number]}: {killed.said}"
        assert killed.steps == steps[: number + 1]
        whole(place)
        theatre.settled(story, place, server)
