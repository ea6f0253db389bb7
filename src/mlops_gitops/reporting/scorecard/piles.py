"""What each document of a run says about which model: one reader for each verb, and the piles that they fill.

Every document fits its published schema when it comes here, and nothing more is known of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict, combined
from mlops_gitops.reporting.scorecard.records import (
    Asked,
    Gap,
    Image,
    Level,
    Move,
    Part,
    Reading,
    Remark,
    Trouble,
)

_SLICED = re.compile(r"(?P<metric>[^\[]+)\[(?P<slice>.*)\]", re.DOTALL)
_MEASURED = {"model.metric", "model.slice", "comparison.metric", "comparison.slice"}
_PLACE = re.compile(r"(?P<file>.+):(?P<line>[0-9]{1,9}):(?P<column>[0-9]{1,9})", re.DOTALL)
_MODEL = re.compile(r"(?:.*/)?models/(?P<model>[^/]+)/.*", re.DOTALL)


@dataclass(slots=True)
class Pile:
    """What has been found about one model so far."""

    versions: list[str] = field(default_factory=list)
    champions: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    measured: dict[tuple[str, str | None], list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    compared: dict[tuple[str, str | None, str | None], list[Mapping[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    drift: list[Reading] = field(default_factory=list)
    serving: list[Reading] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


class Heap:
    """What has been found so far."""

    def __init__(self) -> None:
        self.models: dict[str, Pile] = defaultdict(Pile)
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


def number(value: Any) -> float | None:
    """A JSON number; ``None`` for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def answer(kind: str, document: Mapping[str, Any]) -> Answer:
    """What a document says of itself, whatever stands in it: it may not be better than that."""
    if kind == "validate":
        return Answer.FAIL if document["errors"] else Answer.PASS
    said = document.get("verdict", document["result"] if kind == "gate" else "pass")
    return {"fail": Answer.FAIL, "pass": Answer.PASS}.get(said, Answer.PENDING)


def empty(kind: str, document: Mapping[str, Any]) -> bool:
    """Whether it fits the schema and reports nothing: such as ``test --write-reference`` prints."""
    listed = {"test": "reports", "release": "reports", "reproduce": "reproductions", "build": "images"}.get(kind)
    return listed is not None and not document[listed]


def _validate(heap: Heap, document: Mapping[str, Any]) -> None:
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


def _tests(heap: Heap, document: Mapping[str, Any]) -> None:
    for one in document["reports"]:
        _report(heap.models[one["model"]], one)


def _release(heap: Heap, document: Mapping[str, Any]) -> None:
    pile, version = heap.models[document["model"]], document["version"]
    pile.versions.append(version)
    for one in document["outlook"]:
        reasons = tuple((reason["gate"], reason["answer"], reason["reason"]) for reason in one["reasons"])
        pile.moves.append(Move(one["environment"], one["outcome"], version, reasons))
    _tests(heap, document)


def _report(pile: Pile, report: Mapping[str, Any]) -> None:
    kind, checks = report["kind"], report["checks"]
    counts = [sum(one["verdict"] == word for one in checks) for word in ("fail", "inconclusive")]
    verdict = combined([Verdict(report["verdict"]), *(Verdict(one["verdict"]) for one in checks)])
    pile.parts.append(Part(kind, verdict, report["summary"], len(checks), *counts))
    if report["champion"]:
        pile.champions.append(report["champion"])
    for one in checks:
        if one["verdict"] != "pass":
            pile.remarks.append(_remark(one))
        if one["id"] in _MEASURED:
            sliced = _SLICED.fullmatch(one["subject"]) if one["id"].endswith(".slice") else None
            name = (sliced["metric"], sliced["slice"]) if sliced else (one["subject"], None)
            if one["id"].startswith("model."):
                pile.measured[name].append(one)
            else:
                pile.compared[*name, report["champion"]].append(one)
        elif (observed := number(one["observed"])) is not None:
            reading = Reading(one["id"], one["subject"], Verdict(one["verdict"]), observed, number(one["limit"]))
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


def _reproduce(heap: Heap, document: Mapping[str, Any]) -> None:
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


def _build(heap: Heap, document: Mapping[str, Any]) -> None:
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


def _gate(heap: Heap, document: Mapping[str, Any]) -> None:
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


def _promote(heap: Heap, document: Mapping[str, Any]) -> None:
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


def _error(heap: Heap, document: Mapping[str, Any]) -> None:
    found = document["error"]
    heap.troubles.append(Trouble(found["code"], found["message"], found["hint"], found["retry"]))


READERS: Mapping[str, Callable[[Heap, Mapping[str, Any]], None]] = {
    "validate": _validate,
    "test": _tests,
    "release": _release,
    "reproduce": _reproduce,
    "build": _build,
    "gate": _gate,
    "promote": _promote,
    "error": _error,
}
