"""MG80x: does an environment's policy demand what it seems to demand."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, repeated, text, texts


def _gates(*lines: str) -> str:
    return "spec:\n  gates:\n" + "".join(f"    - {line}\n" for line in lines)


ENVIRONMENT_FOLDER = Rule(
    "MG801",
    "environment-folder-name",
    ERROR,
    "The environment's name is not the name of its folder.",
    "rename the folder or the environment, so that both are the same",
    "Pointers lie in the folder and evidence names the environment; with two names, neither finds the other.",
    "metadata: {name: production}\n",
    "metadata: {name: prod}\n",
    "Environment",
)
REPEATED_GATE = Rule(
    "MG802",
    "repeated-gate",
    ERROR,
    "The same gate is written twice.",
    "merge the two gates",
    "With two, it is unclear whose age or quorum counts.",
    _gates("{evidence: data-tests, maxAge: P30D}", "{evidence: data-tests, maxAge: P90D}"),
    _gates("{evidence: data-tests, maxAge: P30D}"),
    "Environment",
)
FREEZE_ORDER = Rule(
    "MG803",
    "freeze-ends-before-it-begins",
    ERROR,
    "A freeze ends before it begins, or at a date that does not exist.",
    "correct the two dates",
    "It would freeze nothing.",
    'spec:\n  freezes:\n    - {from: "2027-01-02T00:00:00Z", until: "2026-12-20T00:00:00Z", reason: Holidays}\n',
    'spec:\n  freezes:\n    - {from: "2026-12-20T00:00:00Z", until: "2027-01-02T00:00:00Z", reason: Holidays}\n',
    "Environment",
)
GROUP_ABOVE_QUORUM = Rule(
    "MG804",
    "group-above-quorum",
    WARNING,
    "A group must give more approvals than the quorum.",
    "raise the quorum to what is really needed",
    "The quorum that people read is not the number that is needed.",
    _gates("approvals: {quorum: 1, groups: [{name: risk, min: 2}]}"),
    _gates("approvals: {quorum: 2, groups: [{name: risk, min: 2}]}"),
    "Environment",
)
AFTER_ITSELF = Rule(
    "MG805",
    "after-itself",
    ERROR,
    "The environment comes after itself.",
    "remove its own name from `after`",
    "Nothing could ever run there first.",
    "spec: {after: [staging, prod]}\n",
    "spec: {after: [staging]}\n",
    "Environment",
)
SOAK_WITHOUT_AFTER = Rule(
    "MG806",
    "soak-without-after",
    ERROR,
    "A release must soak, and nowhere is said where.",
    "name the environment in `after`, or remove `soak`",
    "The wait looks like a demand and is none.",
    "spec: {after: [], soak: P1D}\n",
    "spec: {after: [staging], soak: P1D}\n",
    "Environment",
)
ZERO_AGE = Rule(
    "MG807",
    "zero-max-age",
    ERROR,
    "Evidence expires as soon as it is made.",
    "write how long it counts, such as P30D",
    "The gate could never pass.",
    _gates("{evidence: data-tests, maxAge: P0D}"),
    _gates("{evidence: data-tests, maxAge: P30D}"),
    "Environment",
)
COMPARISON_ALONE = Rule(
    "MG808",
    "comparison-alone",
    WARNING,
    "Models are compared with what runs, and never tested by themselves.",
    "add the gate `evidence: model-tests`",
    "The comparison passes where nothing runs yet: the first release would enter untested.",
    _gates("{evidence: comparison}"),
    _gates("{evidence: comparison}", "{evidence: model-tests}"),
    "Environment",
)
REPEATED_GROUP = Rule(
    "MG809",
    "repeated-group",
    ERROR,
    "The same group is demanded twice.",
    "merge the two entries",
    "With two numbers, it is unclear which counts.",
    _gates("approvals: {quorum: 2, groups: [{name: risk, min: 1}, {name: risk, min: 2}]}"),
    _gates("approvals: {quorum: 2, groups: [{name: risk, min: 2}]}"),
    "Environment",
)
PULL_REQUEST_ASKS_NOBODY = Rule(
    "MG840",
    "pull-request-asks-nobody",
    WARNING,
    "Promotions come by a pull request, and nobody has to approve it.",
    "add the gate `approvals`, or write `mode: direct`",
    "A pull request without approvals is merged as soon as the tests pass, and costs a wait that asks nobody anything.",
    "spec: {mode: pull-request, gates: [{evidence: model-tests}]}\n",
    "spec: {mode: pull-request, gates: [{evidence: model-tests}, {approvals: {quorum: 1}}]}\n",
    "Environment",
)

RULES = (
    ENVIRONMENT_FOLDER,
    REPEATED_GATE,
    FREEZE_ORDER,
    GROUP_ABOVE_QUORUM,
    AFTER_ITSELF,
    SOAK_WITHOUT_AFTER,
    ZERO_AGE,
    COMPARISON_ALONE,
    REPEATED_GROUP,
    PULL_REQUEST_ASKS_NOBODY,
)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one environment's policy."""
    spec = mapping(subject.value, "spec")
    name = text(mapping(subject.value, "metadata"), "name")
    folder = os.path.basename(subject.folder)  # noqa: PTH119 - a name, not a file
    if name is not None and subject.file.endswith("/environment.yaml") and name != folder:
        yield ENVIRONMENT_FOLDER.on(
            ("metadata", "name"), f"the environment is called {name!r} and its folder {folder!r}"
        )
    after, soak = texts(spec, "after"), text(spec, "soak")
    if name is not None and name in after:
        yield AFTER_ITSELF.on(("spec", "after", spec["after"].index(name)), f"{name} cannot come after {name}")
    if soak is not None and not _zero(soak) and not after:
        yield SOAK_WITHOUT_AFTER.on(("spec", "soak"), f"a soak of {soak}, and `after` names no environment")
    if text(spec, "mode") == "pull-request" and not any("approvals" in one for _, one in entries(spec, "gates")):
        yield PULL_REQUEST_ASKS_NOBODY.on(("spec", "mode"), "promotions come by a pull request that nobody approves")
    for index, one in entries(spec, "freezes"):
        yield from period(text(one, "from"), text(one, "until"), ("spec", "freezes", index), FREEZE_ORDER)
    yield from _all_gates(list(entries(spec, "gates")))


def period(since: str | None, until: str | None, at: Pointer, rule: Rule) -> Iterator[Problem]:
    """An end that is not after its beginning, or a date that no calendar has."""
    from mlops_gitops.times import parse_instant

    try:
        moments = [parse_instant(one) for one in (since, until) if one is not None]
    except ValueError:
        yield rule.on((*at, "until"), f"{since} or {until} is not a date in UTC that exists")
        return
    if len(moments) > 1 and moments[0] >= moments[1]:
        yield rule.on((*at, "until"), f"it ends at {until}, not after it begins at {since}")


def _all_gates(gates: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    at = ("spec", "gates")
    names = [(index, text(one, "evidence") or ("approvals" if "approvals" in one else None)) for index, one in gates]
    for index, name in repeated(names):
        yield REPEATED_GATE.on((*at, index), f"there is already a gate {name}")
    kinds = {name for _, name in names}
    if "comparison" in kinds and "model-tests" not in kinds:
        index = next(index for index, name in names if name == "comparison")
        yield COMPARISON_ALONE.on((*at, index, "evidence"), "there is a comparison, and no gate for model-tests")
    for index, one in gates:
        approvals = mapping(one, "approvals")
        for holder, way in ((one, (*at, index)), (approvals, (*at, index, "approvals"))):
            age = text(holder, "maxAge")
            if age is not None and _zero(age):
                yield ZERO_AGE.on((*way, "maxAge"), f"after {age} it no longer counts")
        yield from _approvals(approvals, (*at, index, "approvals"))


def _approvals(approvals: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    quorum = number(approvals, "quorum")
    groups = list(entries(approvals, "groups"))
    for index, one in groups:
        least = number(one, "min")
        if quorum is not None and least is not None and least > quorum:
            message = f"group {one.get('name')} must give {least:g} approvals, and the quorum is {quorum:g}"
            yield GROUP_ABOVE_QUORUM.on((*at, "groups", index, "min"), message)
    for index, name in repeated([(index, text(one, "name")) for index, one in groups]):
        yield REPEATED_GROUP.on((*at, "groups", index, "name"), f"group {name} is already named above")


def _zero(duration: str) -> bool:
    return not any(digit in duration for digit in "123456789")
