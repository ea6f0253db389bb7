"""MG83x: can what is demanded of reviewers ever be given, and by whom it seems to be demanded of."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, repeated, text, texts

_MEMBERS = "members: [grace-example, katherine-example]"
_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


def _review(groups: str, quorum: int = 1) -> str:
    return f"spec: {{review: {{quorum: {quorum}, groups: [{groups}]}}}}\n"


TWO_KINDS_OF_GROUP = Rule(
    "MG831",
    "team-and-codeowners",
    ERROR,
    "A group is a team and the code owners at once.",
    "make two groups of it",
    "It is unclear who belongs to it; only the code owners would count.",
    "spec:\n  gates:\n    - approvals:\n        quorum: 1\n        groups:\n"
    "          - {name: risk, min: 1, team: example-org/risk, codeowners: true}\n",
    "spec:\n  gates:\n    - approvals:\n        quorum: 1\n        groups:\n"
    "          - {name: risk, min: 1, team: example-org/risk}\n",
    "Environment",
)
NO_CODEOWNERS = Rule(
    "MG832",
    "codeowners-without-a-file",
    ERROR,
    "Code owners must approve, and the repository has no CODEOWNERS file.",
    "write .github/CODEOWNERS, or name the people of the group",
    "Nobody owns anything, so nobody could approve.",
    _review("{name: owners, min: 1, codeowners: true}"),
    _review(f"{{name: owners, min: 1, {_MEMBERS}}}"),
    "Project",
)
REVIEWERS_TOO_FEW = Rule(
    "MG833",
    "more-reviewers-than-there-are",
    ERROR,
    "More approvals of a change are demanded than there are people who may give them.",
    "name more people, or lower the number",
    "No change could ever pass, also not the one that mends this.",
    _review(f"{{name: modellers, min: 1, {_MEMBERS}}}", quorum=3),
    _review(f"{{name: modellers, min: 1, {_MEMBERS}}}"),
    "Project",
)
ONE_REVIEWER = Rule(
    "MG834",
    "nobody-left-to-review",
    WARNING,
    "Everybody who may approve is needed, and nobody approves their own change.",
    "name one person more than are needed",
    "A change by one of them could never pass.",
    _review("{name: modellers, min: 1, members: [grace-example]}"),
    _review(f"{{name: modellers, min: 1, {_MEMBERS}}}"),
    "Project",
)
SIGNED_TEAM = Rule(
    "MG835",
    "team-without-reviews",
    WARNING,
    "A team or code owners must approve, and reviews do not count here.",
    "add `reviews` to `sources`, or put the people into the group in trust/signers.yaml",
    "Who belongs to them is known from a look at a pull request only; without one, nobody does.",
    "spec:\n  gates:\n    - approvals:\n        quorum: 1\n        sources: [signatures]\n"
    "        groups: [{name: risk, min: 1, team: example-org/risk}]\n",
    "spec:\n  gates:\n    - approvals:\n        quorum: 1\n        sources: [signatures, reviews]\n"
    "        groups: [{name: risk, min: 1, team: example-org/risk}]\n",
    "Environment",
)
REPEATED_REVIEW_GROUP = Rule(
    "MG836",
    "repeated-review-group",
    ERROR,
    "Two groups of reviewers have the same name.",
    "rename one of them, or merge the two",
    "The verdict names groups; nobody would know which of the two to ask.",
    _review(f"{{name: modellers, min: 1, {_MEMBERS}}}, {{name: modellers, min: 1, team: example-org/models}}"),
    _review(f"{{name: modellers, min: 1, {_MEMBERS}}}, {{name: models, min: 1, team: example-org/models}}"),
    "Project",
)

RULES = (TWO_KINDS_OF_GROUP, NO_CODEOWNERS, REVIEWERS_TOO_FEW, ONE_REVIEWER, SIGNED_TEAM, REPEATED_REVIEW_GROUP)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in a policy, or in what a repository demands of its changes."""
    spec = mapping(subject.value, "spec")
    for index, gate in entries(spec, "gates"):
        yield from _environment(subject, mapping(gate, "approvals"), ("spec", "gates", index, "approvals"))
    yield from _project(subject, mapping(spec, "review"))


def _environment(subject: Subject, approvals: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    sources = texts(approvals, "sources") or ["reviews"]
    for index, group in entries(approvals, "groups"):
        place: Pointer = (*at, "groups", index)
        if "team" in group and "codeowners" in group:
            yield TWO_KINDS_OF_GROUP.on((*place, "team"), f"group {group.get('name')} is a team and the code owners")
        if {"team", "codeowners"} & set(group) and "reviews" not in sources:
            yield SIGNED_TEAM.on((*place, "name"), f"group {group.get('name')} is known from reviews only")
        yield from _owners(subject, group, place)


def _owners(subject: Subject, group: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    if group.get("codeowners") is True and not any(os.path.isfile(f"{subject.root}/{one}") for one in _PLACES):  # noqa: PTH113
        yield NO_CODEOWNERS.on((*at, "codeowners"), f"there is none of {', '.join(_PLACES)}")


def _project(subject: Subject, review: dict[str, Any]) -> Iterator[Problem]:
    at: Pointer = ("spec", "review")
    groups = list(entries(review, "groups"))
    for index, name in repeated([(index, text(one, "name")) for index, one in groups]):
        yield REPEATED_REVIEW_GROUP.on((*at, "groups", index, "name"), f"group {name} is already named above")
    for index, group in groups:
        place: Pointer = (*at, "groups", index)
        yield from _owners(subject, group, place)
        if "members" in group:
            yield from _enough(number(group, "min"), [group], (*place, "min"), f"of group {group.get('name')}")
    if all("members" in group for _, group in groups):
        yield from _enough(number(review, "quorum"), [group for _, group in groups], (*at, "quorum"), "people")


def _enough(wanted: float | None, groups: list[dict[str, Any]], at: Pointer, what: str) -> Iterator[Problem]:
    able = len({login.lower() for group in groups for login in texts(group, "members")})
    if wanted is None or not able:
        return
    if wanted > able:
        yield REVIEWERS_TOO_FEW.on(at, f"{wanted:g} {what} must approve, and {able} may")
    elif wanted == able:
        yield ONE_REVIEWER.on(at, f"{wanted:g} {what} must approve, and no more than {able} may")
