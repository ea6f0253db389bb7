"""From the documents of a run to a ``Scorecard``: what belongs to which model, and what all of it comes to.

Every document fits its published schema when it comes here, and nothing more is known of it.  What is missing, cut or
contradictory never makes the answer better: a report that was left out or is not there leaves it open, and of two
reports on the same thing the worse counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.scorecard.piles import READERS, Heap, Pile, answer, empty, number
from mlops_gitops.reporting.scorecard.records import Card, LeftOut, Run, Score, Scorecard, Told

KINDS = tuple(READERS)
"""The verbs whose documents a scorecard understands; ``error`` is what any of them prints instead."""

_ANSWERS = {Verdict.PASS: Answer.PASS, Verdict.FAIL: Answer.FAIL, Verdict.INCONCLUSIVE: Answer.PENDING}
_WORST = (Answer.FAIL, Answer.PENDING, Answer.PASS)
_ELSEWHERE = "it is about another pull request, another head of this one, or another run"
_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def scorecard(
    told: Iterable[Told], *, run: Run, left_out: Sequence[LeftOut] = (), expected: Sequence[str] = ()
) -> Scorecard:
    """Everything that the documents say, by model, the worst first."""
    heap = Heap()
    documents, left_out = [], list(left_out)
    for one in told:
        if _elsewhere(one, run):
            left_out.append(
                LeftOut(one.source.file, "it is about another pull request, another head of this one, or another run")
            )
        else:
            documents.append(one)
    for one in documents:
        READERS[one.source.kind](heap, one.document)
    kinds = {one.source.kind for one in documents if not empty(one.source.kind, one.document)}
    missing = tuple(kind for kind in expected if kind not in kinds)
    heap.settle()
    cards = [_card(model, one) for model, one in heap.models.items()]
    cards.sort(key=lambda card: (_WORST.index(card.answer), card.model))
    answers = [card.answer for card in cards] + [one.answer for one in heap.asked]
    answers += [answer(one.source.kind, one.document) for one in documents]
    answers += [Answer.FAIL] * any(one.error for one in heap.remarks)
    answers += [Answer.PENDING] * bool(left_out or missing or not kinds)
    answers += [Answer.PENDING if one.retry else Answer.FAIL for one in heap.troubles]
    return Scorecard(
        run=run,
        answer=next((one for one in _WORST if one in answers), Answer.PASS),
        cards=tuple(cards),
        files=heap.files,
        remarks=tuple(sorted(heap.remarks, key=lambda one: one.order)),
        asked=tuple(heap.asked),
        troubles=tuple(heap.troubles),
        sources=tuple(sorted((one.source for one in documents), key=lambda one: (one.kind, one.file))),
        left_out=tuple(left_out),
        missing=missing,
    )


def _elsewhere(one: Told, run: Run) -> bool:
    """Whether a report says of itself that it is about another repository, pull request or head, or of another run.

    An older attempt of this run is this run: GitHub runs again only what failed, and keeps the rest.
    """
    judged, known = one.document.get("judged"), (run.repository, run.pull_request, run.head)
    if isinstance(judged, Mapping):
        named = (judged["repository"], judged["pullRequest"], judged["head"])
        if any(None not in pair and pair[0] != pair[1] for pair in zip(known, named, strict=True)):
            return True
        if run.id and judged["run"] and int(str(judged["run"]).partition(".")[0]) != run.id:
            return True
    if one.source.kind != "gate" or one.document["repository"] != run.repository:
        return False
    asked = (one.document["number"], one.document["head"])
    return any(mine is not None and mine != its for mine, its in zip(known[1:], asked, strict=True))


def _card(model: str, pile: Pile) -> Card:
    answers = [_ANSWERS[one.verdict] for one in pile.parts]
    answers += [Answer.FAIL] * any(one.error for one in pile.remarks)
    return Card(
        model=model,
        answer=next((one for one in _WORST if one in answers), Answer.PASS),
        version=pile.versions[-1] if pile.versions else None,
        champions=tuple(dict.fromkeys(pile.champions)),
        parts=tuple(sorted(dict.fromkeys(pile.parts), key=lambda one: _ORDER.index(one.verdict))),
        remarks=tuple(sorted(dict.fromkeys(pile.remarks), key=lambda one: one.order)),
        scores=_scores(pile),
        drift=tuple(dict.fromkeys(pile.drift)),
        serving=tuple(dict.fromkeys(pile.serving)),
        level=min(pile.levels, key=lambda one: _ORDER.index(one.verdict), default=None),
        images=tuple(dict.fromkeys(pile.images)),
        moves=tuple(dict.fromkeys(pile.moves)),
    )


def _scores(pile: Pile) -> tuple[Score, ...]:
    """Each metric once for each champion: the candidate's value, and the difference on the same rows.

    A name that stands twice (on two data sets, or in two reports that differ) is not put together: nobody could say
    which value belongs to which difference.
    """
    found: list[Score] = []
    compared: dict[tuple[str, str | None], dict[str | None, list[Mapping[str, Any]]]] = {}
    for (metric, part, who), checks in pile.compared.items():
        compared.setdefault((metric, part), {})[who] = _unlike(checks)
    for name in dict.fromkeys([*pile.measured, *compared]):
        measured = _unlike(pile.measured.get(name, []))
        by_champion = compared.get(name, {})
        if len(measured) <= 1 and all(len(checks) == 1 for checks in by_champion.values()):
            own = measured[0] if measured else {}
            found += [_score(*name, own, checks[0], who) for who, checks in by_champion.items()]
            found += [] if by_champion else [_score(*name, own, {}, None)]
        else:
            found += [_score(*name, one, {}, None) for one in measured]
            found += [_score(*name, {}, one, who) for who, checks in by_champion.items() for one in checks]
    return tuple(found)


def _unlike(checks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({json.dumps(one, sort_keys=True): one for one in checks}.values())


def _score(
    metric: str, part: str | None, own: Mapping[str, Any], against: Mapping[str, Any], champion: str | None
) -> Score:
    verdicts = [Verdict(one["verdict"]) for one in (own, against) if one]
    return Score(
        metric=metric,
        slice=part,
        verdict=min(verdicts, key=_ORDER.index),
        candidate=number(own.get("observed")),
        interval=_interval(own.get("interval")),
        change=number(against.get("observed")),
        change_interval=_interval(against.get("interval")),
        limit=number(against.get("limit")),
        rows=against.get("rows") if against.get("rows") is not None else own.get("rows"),
        against=champion,
    )


def _interval(value: Any) -> tuple[float, float] | None:
    return (float(value[0]), float(value[1])) if value else None
