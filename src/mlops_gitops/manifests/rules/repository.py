"""MG90x: do the files fit each other.

These rules see every file of one run at once, and say only what the files that were given can show: a quorum is
compared with the trusted people only where both files are there.
"""

import os.path
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from mlops_gitops.manifests import schema
from mlops_gitops.manifests.rules import grants
from mlops_gitops.manifests.rules.rule import ERROR, Problem, Rule
from mlops_gitops.manifests.rules.subject import entries, mapping, number, text, texts
from mlops_gitops.manifests.rules.trust import KEY_ONE, KEY_TWO, example, example_signer

_ENVIRONMENT = (
    "# file: environments/{0}/environment.yaml\napiVersion: mlops-gitops/v1\nkind: Environment\n"
    "metadata: {{name: {0}}}\n"
)
_MODEL = "# file: models/{0}/model.yaml\napiVersion: mlops-gitops/v1\nkind: Model\nmetadata: {{name: {1}}}\n"
_TRUST = "# file: trust/signers.yaml\napiVersion: mlops-gitops/v1\nkind: Trust\n" + example(
    example_signer("ada", KEY_ONE)
)
_DEV = _ENVIRONMENT.format("dev")
_PROD = _ENVIRONMENT.format("prod")
_POLICY = "spec: {{promotion: manual, after: [{after}], soak: PT0S, gates: {gates}}}\n"


def _policy(after: str = "", gates: str = "none") -> str:
    return _POLICY.format(after=after, gates=gates)


REPEATED_MODEL = Rule(
    "MG901",
    "repeated-model",
    ERROR,
    "Two manifests have the same model name.",
    "rename one of the models",
    "Releases, evidence and pointers are kept under the name; two models would overwrite each other.",
    _MODEL.format("delays", "delays") + _MODEL.format("delays-two", "delays"),
    _MODEL.format("delays", "delays") + _MODEL.format("delays-two", "delays-two"),
)
UNKNOWN_ENVIRONMENT = Rule(
    "MG902",
    "unknown-environment",
    ERROR,
    "An environment comes after one that does not exist.",
    "correct the name, or add the environment",
    "No release could ever run there first, so none could come here.",
    _DEV + _policy() + _PROD + _policy("stagign"),
    _DEV + _policy() + _PROD + _policy("dev"),
    "Environment",
)
CIRCLE = Rule(
    "MG903",
    "environments-in-a-circle",
    ERROR,
    "Environments come after each other in a circle.",
    "remove one of the `after` entries",
    "Each would wait for the other.",
    _DEV + _policy("prod") + _PROD + _policy("dev"),
    _DEV + _policy() + _PROD + _policy("dev"),
    "Environment",
)
QUORUM = Rule(
    "MG904",
    "quorum-out-of-reach",
    ERROR,
    "More approvals are demanded than there are people who may give them.",
    "trust more people to approve, or lower the quorum; the author of a release does not count",
    "The gate could never pass, and people would look for a way around it.",
    _TRUST + _PROD + _policy(gates="[{approvals: {quorum: 2}}]"),
    _TRUST + _PROD + _policy(gates="[{approvals: {quorum: 1}}]"),
    "Environment",
)
GROUP = Rule(
    "MG905",
    "group-out-of-reach",
    ERROR,
    "A group must give more approvals than it has members who may.",
    "add people to the group in trust/signers.yaml, or lower `min`",
    "The gate could never pass.",
    _TRUST + _PROD + _policy(gates="[{approvals: {quorum: 1, groups: [{name: risk, min: 1}]}}]"),
    _TRUST.replace("      keys:", "      groups: [risk]\n      keys:")
    + _PROD
    + _policy(gates="[{approvals: {quorum: 1, groups: [{name: risk, min: 1}]}}]"),
    "Environment",
)
SHARED_ALIAS = Rule(
    "MG906",
    "shared-alias",
    ERROR,
    "Two environments set the same alias.",
    "give each environment an alias of its own",
    "Each promotion would move the alias of the other environment.",
    _DEV
    + "spec: {promotion: manual, gates: none, derived: {mlflow: {alias: live}}}\n"
    + _PROD
    + "spec: {promotion: manual, gates: none, derived: {mlflow: {alias: live}}}\n",
    _DEV
    + "spec: {promotion: manual, gates: none, derived: {mlflow: {alias: dev}}}\n"
    + _PROD
    + "spec: {promotion: manual, gates: none, derived: {mlflow: {alias: prod}}}\n",
    "Environment",
)
NOBODY_SIGNS = Rule(
    "MG907",
    "nobody-may-sign",
    ERROR,
    "A gate demands evidence that nobody may sign for this environment.",
    "grant the kind to a signer in trust/signers.yaml",
    "The gate could never pass.",
    _TRUST + _PROD + _policy(gates="[{evidence: data-tests}]"),
    _TRUST.replace("[approval]", "[data-tests]") + _PROD + _policy(gates="[{evidence: data-tests}]"),
    "Environment",
)
UNKNOWN_SIGNER = Rule(
    "MG908",
    "unknown-signer",
    ERROR,
    "A control was decided by somebody who is not a trusted signer.",
    "use the name of a signer in trust/signers.yaml",
    "Nobody knows whom to ask about it.",
    _TRUST
    + "# file: controls/prod/flight-delays.yaml\nspec:\n  controls:\n"
    + '    - {id: hold-3f2a3f2a3f2a, type: hold, by: eve, reason: Wrong answers, since: "2026-11-21T12:00:00Z"}\n',
    _TRUST
    + "# file: controls/prod/flight-delays.yaml\nspec:\n  controls:\n"
    + '    - {id: hold-3f2a3f2a3f2a, type: hold, by: ada, reason: Wrong answers, since: "2026-11-21T12:00:00Z"}\n',
    "Control",
)
NOBODY_RECORDS = Rule(
    "MG909",
    "nobody-records-reviews",
    ERROR,
    "Reviews count as approvals, and no machine may record them for this environment.",
    "grant `review` to a machine in trust/signers.yaml, or leave reviews out of `sources`",
    "A review counts once a machine has signed that it was given; without one, none ever does.",
    _TRUST.replace("[ada@example.com]", "[github:ada-example]")
    + _PROD
    + _policy(gates="[{approvals: {quorum: 1, sources: [reviews]}}]"),
    _TRUST.replace("[ada@example.com]", "[github:ada-example]")
    + example_signer("reviews", KEY_TWO, kind="machine", signs="review")
    + _PROD
    + _policy(gates="[{approvals: {quorum: 1, sources: [reviews]}}]"),
    "Environment",
)

_SOURCES = ("signatures", "reviews")

RULES = (
    REPEATED_MODEL,
    UNKNOWN_ENVIRONMENT,
    CIRCLE,
    QUORUM,
    GROUP,
    SHARED_ALIAS,
    NOBODY_SIGNS,
    UNKNOWN_SIGNER,
    NOBODY_RECORDS,
)


class Fact(NamedTuple):
    """What the rules here need of one file: a model's name only, the whole value of the few others.

    ``scope`` is the repository that the file lies in: files of two repositories are not compared.
    """

    path: str
    kind: str
    name: str | None
    value: dict[str, Any]
    scope: str
    file: str


Placed = tuple[str, Problem]
"""A problem and the file that it is in."""


def fact(path: str, kind: str, value: dict[str, Any], scope: str, file: str) -> Fact:
    """The fact of one loaded file."""
    return Fact(path, kind, text(mapping(value, "metadata"), "name"), {} if kind == "Model" else value, scope, file)


def check(facts: Sequence[Fact]) -> Iterator[Placed]:
    """The family's problems in all files of a run."""
    for _, scoped in groupby(sorted(facts, key=lambda one: (one.scope, one.path)), key=lambda one: one.scope):
        yield from _repository(list(scoped))


def _repository(facts: list[Fact]) -> Iterator[Placed]:
    models: dict[str, str] = {}
    for one in facts:
        if one.kind == "Model" and one.name is not None:
            other = models.setdefault(one.name, one.path)
            if other != one.path:
                yield one.path, REPEATED_MODEL.on(("metadata", "name"), f"{other} is already the model {one.name!r}")
    environments = [one for one in facts if one.kind == "Environment"]
    signers = [
        signer for one in facts if one.kind == "Trust" for _, signer in entries(mapping(one.value, "spec"), "signers")
    ]
    yield from _order(environments)
    yield from _aliases(environments)
    if signers:
        for one in environments:
            yield from _gates(one, signers)
        yield from _deciders(facts, {text(signer, "name") for signer in signers})


def _order(environments: Sequence[Fact]) -> Iterator[Placed]:
    after = {one.name: texts(mapping(one.value, "spec"), "after") for one in environments}
    for one in environments:
        for index, upstream in enumerate(after[one.name]):
            at = ("spec", "after", index)
            if upstream not in after and not _exists(one, upstream):
                known = ", ".join(sorted(name for name in after if name))
                yield one.path, UNKNOWN_ENVIRONMENT.on(at, f"there is no environment {upstream!r}; there are: {known}")
            elif (
                upstream in after
                and upstream != one.name
                and one.name is not None
                and _leads(upstream, one.name, after)
            ):
                yield one.path, CIRCLE.on(at, f"{upstream} comes, in the end, after {one.name}")


def _exists(one: Fact, other: str) -> bool:
    """Whether the other environment lies beside this one, and was only not asked about."""
    return os.path.exists(os.path.join(os.path.dirname(os.path.dirname(one.file)), other, "environment.yaml"))  # noqa: PTH110, PTH118, PTH120


def _leads(start: str, goal: str, after: dict[str | None, list[str]]) -> bool:
    """Whether ``goal`` is somewhere before ``start``."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(after.get(name, ()))
    return False


def _aliases(environments: Sequence[Fact]) -> Iterator[Placed]:
    seen: dict[str, str] = {}
    for one in environments:
        alias = text(mapping(one.value, "spec", "derived", "mlflow"), "alias")
        if alias is not None and (other := seen.setdefault(alias, one.path)) != one.path:
            yield (
                one.path,
                SHARED_ALIAS.on(("spec", "derived", "mlflow", "alias"), f"{other} already sets the alias {alias!r}"),
            )


def _gates(one: Fact, signers: Sequence[dict[str, Any]]) -> Iterator[Placed]:
    kinds = schema.document("environment")["$defs"]["gate"]["properties"]["evidence"]["enum"]
    for index, gate in entries(mapping(one.value, "spec"), "gates"):
        at = ("spec", "gates", index)
        yield from _recorders(one, mapping(gate, "approvals"), signers, (*at, "approvals", "sources"))
        kind = text(gate, "evidence")
        if (
            kind is not None
            and kind in kinds
            and not any(grants.may_sign(signer, kind, one.name) for signer in signers)
        ):
            yield one.path, NOBODY_SIGNS.on((*at, "evidence"), f"no signer may sign {kind} for {one.name}")
        approvals = mapping(gate, "approvals")
        people = grants.approvers(signers, one.name, texts(approvals, "sources") or _SOURCES)
        quorum = number(approvals, "quorum")
        if quorum is not None and quorum > len(people):
            message = f"{quorum:g} approvals are demanded, and {grants.count(people)} may approve for {one.name}"
            yield one.path, QUORUM.on((*at, "approvals", "quorum"), message)
        for place, group in entries(approvals, "groups"):
            members = [signer for signer in people if group.get("name") in texts(signer, "groups")]
            least = number(group, "min")
            elsewhere = "team" in group or "codeowners" in group  # only the forge knows who that is
            if least is not None and least > len(members) and not elsewhere:
                message = f"{least:g} of group {group.get('name')} must approve, and {grants.count(members)} of it may"
                yield one.path, GROUP.on((*at, "approvals", "groups", place, "min"), message)


def _recorders(
    one: Fact, approvals: dict[str, Any], signers: Sequence[dict[str, Any]], at: tuple[str | int, ...]
) -> Iterator[Placed]:
    """Reviews that are asked for by name need a machine that records them."""
    asked = sorted({"reviews", "model-reviews"} & set(texts(approvals, "sources")))
    able = any(signer.get("type") == "machine" and grants.may_sign(signer, "review", one.name) for signer in signers)
    if asked and not able:
        yield one.path, NOBODY_RECORDS.on(at, f"{' and '.join(asked)} count, and no machine may sign review")


def _deciders(facts: Iterable[Fact], names: set[str | None]) -> Iterator[Placed]:
    for one in facts:
        if one.kind == "Control":
            for index, control in entries(mapping(one.value, "spec"), "controls"):
                by = text(control, "by")
                if by is not None and by not in names:
                    yield (
                        one.path,
                        UNKNOWN_SIGNER.on(("spec", "controls", index, "by"), f"{by!r} is not a trusted signer"),
                    )
