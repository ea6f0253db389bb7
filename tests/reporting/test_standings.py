"""A leaderboard: signed evidence alone, the same rows or nothing, and no leader by luck."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import estate
from candidates import OTHER_ROWS, details, entered, head, made
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.scorecard import boards
from mlops_gitops.reporting.scorecard.standings import Standings, standings

GOLDEN = Path(__file__).parent / "golden" / "scorecard" / "leaderboard.md"


def board(where: Estate, *numbers: int, **more: Any) -> Standings:
    return standings(Snapshot(where.tree()), MODEL, {number: head(number) for number in numbers}, now=NOW, **more)


FIELD = Estate.new()
for _number, _value, _change in ((7, 0.753, 0.012), (9, 0.748, 0.007), (12, 0.731, -0.010)):
    FIELD = entered(FIELD, _number, _value, change=_change)


def test_the_best_first_with_intervals_that_hold_together() -> None:
    (group,) = board(FIELD, 7, 9, 12).groups
    assert [one.pull_request for one in group.entrants] == [7, 9, 12]
    for one in group.entrants:
        assert one.wide[0] < one.interval[0] < one.interval[1] < one.wide[1]
    assert group.leader is None


def test_more_that_are_looked_at_make_wider_intervals() -> None:
    alone, among = (board(FIELD, *numbers).groups[0].entrants[0] for numbers in ((7,), (7, 9, 12)))
    assert among.wide[0] < alone.wide[0] < alone.interval[0]


def test_a_leader_stands_apart_from_all_others() -> None:
    apart = entered(FIELD, 20, 0.80)
    assert board(apart, 7, 9, 20).groups[0].leader == 20
    assert board(apart, 20).groups[0].leader is None


def test_other_rows_are_another_table() -> None:
    other = entered(FIELD, 20, 0.99, rows=OTHER_ROWS)
    found = board(other, 7, 9, 20)
    assert [[one.pull_request for one in group.entrants] for group in found.groups] == [[7, 9], [20]]
    assert "nothing can be compared" in boards.markdown(found, mine=7)


def test_a_pull_request_whose_head_has_moved_is_not_on_it() -> None:
    found = standings(Snapshot(FIELD.tree()), MODEL, {7: head(99), 9: head(9)}, now=NOW)
    assert [one.pull_request for one in found.groups[0].entrants] == [9]
    assert [(one.pull_request, "no release" in one.reason) for one in found.absent] == [(7, True)]


@pytest.mark.parametrize(
    "given",
    [
        {"by": "grace"},
        {"by": "stranger"},
        {"claimed": {"expires_at": NOW - timedelta(minutes=1)}},
        {"value": "0.9"}, {"value": True}, {"value": None},
        {"id_": "model.slice"}, {"rows": None},
    ],
)  # fmt: skip
def test_what_is_not_signed_by_who_may_or_says_nothing_is_not_on_it(given: dict[str, Any]) -> None:
    where = entered(FIELD, 20, given.get("value", 0.9), **{key: one for key, one in given.items() if key != "value"})
    found = board(where, 7, 9, 20)
    assert 20 not in [one.pull_request for group in found.groups for one in group.entrants]
    assert [one.pull_request for one in found.absent] == [20]


def test_two_pieces_that_disagree_and_one_that_supersedes_them() -> None:
    release = made(20)
    pieces = [estate.evidence(estate.claim("model-tests", release, details=details(value))) for value in (0.9, 0.7)]
    where = entered(FIELD, 20, 0.9, about=release)
    for one in pieces:
        where = where.with_files(one)
    assert [one.pull_request for one in board(where, 20).absent] == [20]
    digests = tuple(path.rpartition("-")[2].removesuffix(".json") for one in pieces for path in one)
    later = entered(where, 20, 0.71, about=release, claimed={"supersedes": digests})
    assert [one.value for one in board(later, 20).groups[0].entrants] == [0.71]


def test_the_newest_release_of_a_head_counts() -> None:
    first = made(20, "1.20.0")
    where = entered(FIELD, 20, 0.70, about=first)
    where = entered(where, 20, 0.72, about=made(20, "1.20.1", supersedes=first.id))
    (entrant,) = board(where, 20).groups[0].entrants
    assert (entrant.version, entrant.value) == ("1.20.1", 0.72)


def test_a_candidate_that_fails_is_shown_as_that() -> None:
    where = entered(FIELD, 20, 0.9, claimed={"verdict": Verdict.FAIL})
    assert board(where, 20).groups[0].entrants[0].verdict is Verdict.FAIL


def test_nobody_is_referred_to() -> None:
    """A reference, or an address, would leave a mark on every pull request whenever the board is written."""
    text = boards.markdown(board(FIELD, 7, 9, 12), mine=9)
    assert "#7" not in text.replace("&#", "")
    assert "/pull/" not in text


def test_golden() -> None:
    found = board(entered(entered(FIELD, 20, 0.80, rows=OTHER_ROWS), 21, 0.79, rows=OTHER_ROWS), 7, 9, 12, 20, 21, 30)
    text = boards.markdown(found, mine=9) + "\n"
    if os.environ.get("MG_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
