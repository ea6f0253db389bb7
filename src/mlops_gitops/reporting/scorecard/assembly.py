"""From the documents of a run to a ``Scorecard``: what belongs to which model, and what all of it comes to.

Every document fits its published schema when it comes here, and nothing more is known of it.  What is missing, cut or
contradictory never makes the answer better: a report that was left out or is not there leaves it open, and of two
reports on the same thing the worse counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.scorecard.records import (
    Asked,
    Card,
    Gap,
    Image,
    LeftOut,
    Level,
    Move,
    Part,
    Reading,
    Remark,
    Run,
    Score,
    Scorecard,
    Told,
    Trouble,
)

KINDS = ("validate", "test", "reproduce", "build", "release", "gate", "promote", "error")
"""The verbs whose documents a scorecard understands; ``error`` is what any of them prints instead."""

_ANSWERS = {Verdict.PASS: Answer.PASS, Verdict.FAIL: Answer.FAIL, Verdict.INCONCLUSIVE: Answer.PENDING}
_WORST = (Answer.FAIL, Answer.PENDING, Answer.PASS)
_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_SLICED = re.compile(r"(?P<metric>[^\[]+)\[(?P<slice>.*)\]", re.DOTALL)
_PLACE = re.compile(r"(?P<file>.+):(?P<line>[0-9]{1,9}):(?P<column>[0-9]{1,9})", re.DOTALL)
_MODEL = re.compile(r"(?:.*/)?models/(?P<model>[^/]+)/.*", re.DOTALL)


def scorecard(
    told: Iterable[Told], *, run: Run, left_out: Sequence[LeftOut] = (), expected: Sequence[str] = ()
) -> Scorecard:
    """Everything that the documents say, by model, the worst first."""
    heap = _Heap()
    documents = list(told)
    for one in documents:
        _READERS[one.source.kind](heap, one.document)
    kinds = {one.source.kind for one in documents}
    missing = tuple(kind for kind in expected if kind not in kinds)
    heap.settle()
    cards = [_card(model, one) for model, one in heap.models.items()]
    cards.sort(key=lambda card: (_WORST.index(card.answer), card.model))
    answers = [card.answer for card in cards] + [one.answer for one in heap.asked]
    answers += [Answer.FAIL] * any(one.error for one in heap.remarks)
    answers += [Answer.PENDING] * bool(left_out or missing or not documents)
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


@dataclass(slots=True)
class _Pile:
    """What has been found about one model so far."""

    versions: list[str] = field(default_factory=list)
    champions: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    measured: dict[tuple[str, str | None], list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    compared: dict[tuple[str, str | None], list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    drift: list[Reading] = field(default_factory=list)
    serving: list[Reading] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


class _Heap:
    """What has been found so far."""

    def __init__(self) -> None:
        self.models: dict[str, _Pile] = defaultdict(_Pile)
        self.files = 0
        self.remarks: list[Remark] = []
        self.asked: list[Asked] = []
        self.troubles: list[Trouble] = []

    def settle(self) -> None:
        """Give what is wrong with a file to the model in whose folder it lies, if something else is known of it."""
        kept = []
        for one in self.remarks:
            match = _MODEL.fullmatch(one.file)
            if match and match["model"] in self.models:
                self.models[match["model"]].remarks.append(one)
            else:
                kept.append(one)
        self.remarks = kept


def _card(model: str, pile: _Pile) -> Card:
    answers = [_ANSWERS[one.verdict] for one in pile.parts]
    answers += [Answer.FAIL] * any(one.error for one in pile.remarks)
    return Card(
        model=model,
        answer=next((one for one in _WORST if one in answers), Answer.PASS),
        version=pile.versions[-1] if pile.versions else None,
        champion=pile.champions[-1] if pile.champions else None,
        parts=tuple(sorted(dict.fromkeys(pile.parts), key=lambda one: _ORDER.index(one.verdict))),
        remarks=tuple(sorted(dict.fromkeys(pile.remarks), key=lambda one: one.order)),
        scores=_scores(pile),
        drift=tuple(dict.fromkeys(pile.drift)),
        serving=tuple(dict.fromkeys(pile.serving)),
        level=min(pile.levels, key=lambda one: _ORDER.index(one.verdict), default=None),
        images=tuple(dict.fromkeys(pile.images)),
        moves=tuple(dict.fromkeys(pile.moves)),
    )


def _scores(pile: _Pile) -> tuple[Score, ...]:
    """Each metric once: the candidate's value, and the difference from the champion on the same rows.

    A name that stands twice (on two data sets, or in two reports that differ) is not put together: nobody could say
    which value belongs to which difference.
    """
    found = []
    for key in dict.fromkeys([*pile.measured, *pile.compared]):
        measured, compared = _unlike(pile.measured.get(key, [])), _unlike(pile.compared.get(key, []))
        pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]]
        if len(measured) <= 1 and len(compared) <= 1:
            pairs = [(measured[0] if measured else {}, compared[0] if compared else {})]
        else:
            pairs = [(one, {}) for one in measured] + [({}, one) for one in compared]
        found += [_score(*key, own, against) for own, against in pairs]
    return tuple(found)


def _unlike(checks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for index, one in enumerate(checks) if one not in checks[:index]]


def _score(metric: str, part: str | None, own: Mapping[str, Any], against: Mapping[str, Any]) -> Score:
    verdicts = [Verdict(one["verdict"]) for one in (own, against) if one]
    return Score(
        metric=metric,
        slice=part,
        verdict=min(verdicts, key=_ORDER.index),
        candidate=_number(own.get("observed")),
        interval=_interval(own.get("interval")),
        change=_number(against.get("observed")),
        change_interval=_interval(against.get("interval")),
        limit=_number(against.get("limit")),
        rows=against.get("rows") if against.get("rows") is not None else own.get("rows"),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _interval(value: Any) -> tuple[float, float] | None:
    return (float(value[0]), float(value[1])) if value else None


def _validate(heap: _Heap, document: Mapping[str, Any]) -> None:
    heap.files += document["files"]
    heap.remarks += [
        Remark(
            id=one["rule"],
            error=one["severity"] == "error",
            about="",
            message=one["message"],
            fix=one["fix"],
            file=one["file"],
            line=one["line"],
            column=one["column"],
            end_line=one["endLine"],
            end_column=one["endColumn"],
        )
        for one in document["findings"]
    ]


def _tests(heap: _Heap, document: Mapping[str, Any]) -> None:
    for one in document["reports"]:
        _report(heap.models[one["model"]], one)


def _release(heap: _Heap, document: Mapping[str, Any]) -> None:
    heap.models[document["model"]].versions.append(document["version"])
    _tests(heap, document)


def _report(pile: _Pile, report: Mapping[str, Any]) -> None:
    kind, checks = report["kind"], report["checks"]
    counts = [sum(one["verdict"] == word for one in checks) for word in ("fail", "inconclusive")]
    pile.parts.append(Part(kind, Verdict(report["verdict"]), report["summary"], len(checks), *counts))
    if report["champion"]:
        pile.champions.append(report["champion"])
    for one in checks:
        if one["verdict"] != "pass":
            pile.remarks.append(_remark(one))
        if one["id"] in {"model.metric", "comparison.metric"}:
            where = pile.measured if one["id"] == "model.metric" else pile.compared
            where[one["subject"], None].append(one)
        elif one["id"] in {"model.slice", "comparison.slice"} and (sliced := _SLICED.fullmatch(one["subject"])):
            where = pile.measured if one["id"] == "model.slice" else pile.compared
            where[sliced["metric"], sliced["slice"]].append(one)
        elif (observed := _number(one["observed"])) is not None:
            reading = Reading(one["id"], one["subject"], Verdict(one["verdict"]), observed, _number(one["limit"]))
            if "drift" in one["id"].split("."):
                pile.drift.append(reading)
            elif kind == "infra-tests":
                pile.serving.append(reading)


def _remark(check: Mapping[str, Any]) -> Remark:
    place = _PLACE.fullmatch(check["location"] or "")
    return Remark(
        id=check["id"],
        error=check["verdict"] == "fail",
        about=check["subject"],
        message=check["message"],
        fix=check["fix"] or "",
        file=place["file"] if place else "",
        line=int(place["line"]) if place else 0,
        column=int(place["column"]) if place else 0,
    )


def _reproduce(heap: _Heap, document: Mapping[str, Any]) -> None:
    for one in document["reproductions"]:
        pile, verdict = heap.models[one["model"]], Verdict(one["verdict"])
        pile.versions.append(one["version"])
        pile.levels.append(Level(one["promised"], one["reached"], verdict, one["summary"]))
        pile.parts.append(Part("reproduction", verdict, one["summary"]))
        causes = one["explanation"]["causes"] if one["explanation"] else []
        pile.remarks += [_told(cause, "reproduction.cause", cause["factor"]) for cause in causes]
        pile.remarks += [_told(problem, "reproduction.problem", problem["trouble"]) for problem in one["problems"]]


def _told(one: Mapping[str, Any], id_: str, about: str) -> Remark:
    place = one["place"] or {}
    return Remark(
        id=id_,
        error=bool(one.get("fatal")),
        about=about,
        message=one["message"],
        fix=one["fix"],
        file=place.get("file", ""),
        line=place.get("line", 0),
        column=1 if place else 0,
    )


def _build(heap: _Heap, document: Mapping[str, Any]) -> None:
    for one in document["images"]:
        pile, pushed = heap.models[one["model"]], one["pushed"]
        pile.versions.append(one["version"])
        pile.images.append(
            Image(one["digest"], one["size"], one["pattern"], pushed["reference"] if pushed is not None else None)
        )
        for finding in one["findings"]:
            place = _PLACE.fullmatch(finding["location"])
            pile.remarks.append(
                Remark(
                    id=finding["rule"],
                    error=finding["severity"] == "error",
                    about=one["model"],
                    message=finding["message"],
                    file=place["file"] if place else "",
                    line=int(place["line"]) if place else 0,
                    column=int(place["column"]) if place else 0,
                )
            )


def _gate(heap: _Heap, document: Mapping[str, Any]) -> None:
    heap.asked += [
        Asked(
            about=one["about"],
            answer=Answer(one["answer"]),
            reason=one["reason"],
            approved=tuple(one["approved"]),
            missing=tuple(Gap(gap["count"], gap["group"], tuple(gap["ask"]), gap["why"]) for gap in one["missing"]),
        )
        for one in document["parts"]
    ]


def _promote(heap: _Heap, document: Mapping[str, Any]) -> None:
    """What the plan says is shown and judges nothing: what may move is decided when it moves, by signed evidence."""
    for one in document["promotions"]:
        reasons = tuple(
            (reason["gate"], reason["answer"], reason["reason"])
            for reason in one["reasons"]
            if reason["answer"] != "pass"
        )
        if one["error"]:
            reasons = (("error", "fail", one["error"]["message"]), *reasons)
        heap.models[one["model"]].moves.append(Move(one["environment"], one["outcome"], one["version"], reasons))


def _error(heap: _Heap, document: Mapping[str, Any]) -> None:
    found = document["error"]
    heap.troubles.append(Trouble(found["code"], found["message"], found["hint"], found["retry"]))


_READERS = {
    "validate": _validate,
    "test": _tests,
    "release": _release,
    "reproduce": _reproduce,
    "build": _build,
    "gate": _gate,
    "promote": _promote,
    "error": _error,
}
