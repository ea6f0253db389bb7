"""Many real processes at once on one repository, with clocks that differ: one receipt each, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import estate
import fakehub
from estate import MODEL, Estate
from mlops_gitops.promotion import publish
from runners import EXHAUSTIVE, Ended, Place, approved, merged_by_hand, proposing, race, released, twice, whole
from servers import git_http

MANY = 32
SOME = MANY if EXHAUSTIVE else 8
HOURS = (0, 0, -2, 3, 0, -26, 50, 0)
"""By how much the clocks of runners are wrong."""


@pytest.fixture
def git_place(tmp_path: Path) -> Iterator[Place]:
    with git_http.serve(tmp_path / "server") as server:
        start = Estate.new().with_release(estate.release())
        for number in range(MANY):
            start = start.with_files(publish.release_files(estate.release(model=f"model-{number}")))
        yield Place.behind_git(server, tmp_path, start)


def codes(ended: Sequence[Ended], allowed: set[int]) -> None:
    wrong = [one for one in ended if one.code not in allowed]
    assert wrong == [], wrong[0].said


def test_all_on_the_same_slot(git_place: Place) -> None:
    codes(race([git_place.orders("promote", MODEL, "--to", "dev") for _ in range(MANY)]), {0})
    assert len(git_place.slot("dev")) == 1
    whole(git_place)


def test_each_on_a_slot_of_its_own(git_place: Place) -> None:
    models = [f"model-{number}" for number in range(MANY)]
    codes(race([git_place.orders("promote", one, "--to", "dev") for one in models]), {0})
    assert [len(git_place.slot("dev", one)) for one in models] == [1] * MANY
    whole(git_place)
    assert git_place.json("verify")["receipts"] == MANY


def test_several_on_several_slots_with_clocks_that_jump(git_place: Place) -> None:
    models = [f"model-{number}" for number in range(4)] * (SOME // 4)
    jumps = [HOURS[number % len(HOURS)] * 3600 for number in range(len(models))]
    runners = [
        git_place.orders("promote", one, "--to", "dev", jump=jump) for one, jump in zip(models, jumps, strict=True)
    ]
    codes(race(runners), {0})
    assert [len(git_place.slot("dev", one)) for one in models[:4]] == [1] * 4
    whole(git_place)


def test_rollbacks_at_once(tmp_path: Path) -> None:
    """It goes back once, and not from there or further; who wrote the same in the same second takes it for its own."""
    with git_http.serve(tmp_path / "server") as server:
        place = Place.behind_git(server, tmp_path, proposing(estate.release()))
        twice(place)
        words = ("rollback", MODEL, "--in", "dev", "--reason", "late")
        ended = race([place.orders(*words) for _ in range(8)])
        codes(ended, {0, 1})
        assert 0 in {one.code for one in ended}
        assert len(place.slot("dev")) == 3
        whole(place)


@pytest.fixture
def github_place(tmp_path: Path) -> Iterator[Place]:
    with fakehub.serve(tmp_path / "hub") as hub:
        yield Place.on_github(hub, tmp_path, proposing(estate.release()))


ON_GITHUB = [released, approved, merged_by_hand]


@pytest.mark.parametrize("words", [("reconcile",), ("promote", MODEL, "--to", "prod")], ids=lambda one: one[0])
@pytest.mark.parametrize("before", ON_GITHUB if EXHAUSTIVE else [approved], ids=lambda one: one.__name__)
def test_runners_race_for_a_pull_request(before: object, words: tuple[str, ...], github_place: Place) -> None:
    place = github_place
    if before is released and words[0] == "promote":
        for environment in ("dev", "staging"):
            assert place("promote", MODEL, "--to", environment).code == 0
    before(place)  # type: ignore[operator]
    runners = [place.orders(*words, jump=60 * (number % 3 - 1)) for number in range(8)]
    codes(race(runners), {0} if before is not released or words[0] == "reconcile" else {4})
    whole(place)
    assert len(place.pulls) == 1, "one pull request"
    last = place("reconcile")
    assert last.code == 0, last.said
    refs, mark = place.refs, place.mark()
    assert place("reconcile").code == 0
    assert (place.refs, place.writes(mark)) == (refs, [])
    merged = 0 if before is released else 1
    assert (len(place.slot("prod")), len(place.seals())) == (merged, merged)
    assert [len(place.slot(one)) for one in ("dev", "staging")] == [1, 1]
    assert place.json("verify")["problems"] == []
    assert not [one for one in place.refs.split() if "mlops-gitops/writing" in one], "nothing is left beside"
