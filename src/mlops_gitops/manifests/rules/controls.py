"""MG87x: does each control say what it controls, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.policy import period
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text

_RELEASE = "3f2a" * 16
_SINCE = 'since: "2026-11-21T12:00:00Z"'


def _control(kind: str, rest: str = "", *, identity: str = "") -> str:
    return (
        f"    - {{id: {identity or f'{kind}-3f2a3f2a3f2a'}, type: {kind}, by: ada, reason: Wrong answers, {_SINCE}"
        f"{', ' if rest else ''}{rest}}}\n"
    )


def _controls(*lines: str) -> str:
    return "spec:\n  controls:\n" + "".join(lines)


_WAIVER = f'release: {_RELEASE}, gate: model-tests, evidence: {_RELEASE}, until: "2026-11-28T12:00:00Z"'

CONTROL_PATH = Rule(
    "MG871",
    "control-path",
    ERROR,
    "The file is not where its model and environment belong.",
    "move it to controls/<environment>/<model>.yaml",
    "A hold is looked for at its place only; elsewhere it holds nothing.",
    "metadata: {environment: staging, model: flight-delays}\n",
    "metadata: {environment: prod, model: flight-delays}\n",
    "Control",
)
INCOMPLETE_WAIVER = Rule(
    "MG872",
    "incomplete-waiver",
    ERROR,
    "A waiver does not say what it waives, or never ends.",
    "write release, gate, until, and the digest of the signed waiver in evidence",
    "A waiver sets one gate aside, for one release, for a time; anything wider switches the gate off.",
    _controls(_control("waiver", f"release: {_RELEASE}")),
    _controls(_control("waiver", _WAIVER)),
    "Control",
)
VETO_WITHOUT_RELEASE = Rule(
    "MG873",
    "veto-without-release",
    ERROR,
    "A veto names no release.",
    "name the release, or use a freeze to stop every one",
    "A veto is about one release that must never run here.",
    _controls(_control("veto")),
    _controls(_control("veto", f"release: {_RELEASE}")),
    "Control",
)
CONTROL_PERIOD = Rule(
    "MG874",
    "control-ends-before-it-begins",
    ERROR,
    "A control ends before it begins, or at a date that does not exist.",
    "correct the two dates",
    "It would never be in force.",
    _controls(_control("hold", 'until: "2026-11-20T12:00:00Z"')),
    _controls(_control("hold", 'until: "2026-11-28T12:00:00Z"')),
    "Control",
)
CONTROL_ID = Rule(
    "MG875",
    "control-id",
    ERROR,
    "The id is that of another type, or is there twice.",
    "let `mlops-gitops control` write the file",
    "Controls are lifted by id; one id must mean one control.",
    _controls(_control("hold", identity="veto-3f2a3f2a3f2a")),
    _controls(_control("hold")),
    "Control",
)
USELESS_FIELD = Rule(
    "MG876",
    "gate-of-no-waiver",
    WARNING,
    "A gate is named by a control that waives nothing.",
    "remove `gate` and `evidence`, or use a waiver",
    "Who reads it believes that the gate is set aside; it is not.",
    _controls(_control("hold", "gate: model-tests")),
    _controls(_control("hold")),
    "Control",
)

RULES = (CONTROL_PATH, INCOMPLETE_WAIVER, VETO_WITHOUT_RELEASE, CONTROL_PERIOD, CONTROL_ID, USELESS_FIELD)

_AT = ("spec", "controls")


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one file of controls."""
    metadata = mapping(subject.value, "metadata")
    environment, model = text(metadata, "environment"), text(metadata, "model")
    parts = subject.file.split("/")
    place = parts[-3:]
    if place[0] == "controls" and environment and model and place[1:] != [environment, f"{model}.yaml"]:
        yield CONTROL_PATH.on(
            ("metadata",), f"controls of {model} in {environment} belong in controls/{environment}/{model}.yaml"
        )
    controls = list(entries(mapping(subject.value, "spec"), "controls"))
    for index, one in controls:
        yield from _control_problems(one, (*_AT, index))
    for index, identity in repeated([(index, text(one, "id")) for index, one in controls]):
        yield CONTROL_ID.on((*_AT, index, "id"), f"there is already a control {identity}")


def _control_problems(one: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    kind, identity = text(one, "type"), text(one, "id")
    if kind == "waiver":
        missing = [key for key in ("release", "gate", "evidence", "until") if key not in one]
        if missing:
            yield INCOMPLETE_WAIVER.on(at, f"the waiver has no {', no '.join(missing)}")
    elif "gate" in one or "evidence" in one:
        yield USELESS_FIELD.on((*at, "gate" if "gate" in one else "evidence"), f"a {kind} waives nothing")
    if kind == "veto" and "release" not in one:
        yield VETO_WITHOUT_RELEASE.on(at, "the veto names no release")
    if kind and identity and not identity.startswith(f"{kind}-"):
        yield CONTROL_ID.on((*at, "id"), f"{identity} is the id of another type than {kind}")
    yield from period(text(one, "since"), text(one, "until"), at, CONTROL_PERIOD)
