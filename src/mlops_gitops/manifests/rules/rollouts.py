"""MG81x: does a rollout over targets limit what it seems to limit, and can an automatic rollback happen."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, repeated, text

_TWO = "targets: [{name: eu-west, wave: 1}, {name: us-east, wave: 2}]"

REPEATED_TARGET = Rule(
    "MG811",
    "repeated-target",
    ERROR,
    "The same target is named twice.",
    "name each target once",
    "A target has one pointer and belongs to one wave.",
    "spec: {rollout: {targets: [{name: eu-west, wave: 1}, {name: eu-west, wave: 2}], settle: PT15M}}\n",
    f"spec: {{rollout: {{{_TWO}, settle: PT15M}}}}\n",
    "Environment",
)
NOTHING_SETTLES = Rule(
    "MG812",
    "rollout-without-settling",
    WARNING,
    "Targets settle as soon as they are moved.",
    "write `settle`, or the kinds of `evidence` that must pass",
    "One wave then follows the other at once, and `maxUnavailable` limits nothing.",
    f"spec: {{rollout: {{{_TWO}}}}}\n",
    f"spec: {{rollout: {{{_TWO}, settle: PT15M}}}}\n",
    "Environment",
)
ALL_UNAVAILABLE = Rule(
    "MG813",
    "all-targets-unavailable",
    WARNING,
    "As many targets may be unavailable as there are.",
    "lower `maxUnavailable`",
    "A bad release could reach every target of a wave at once.",
    f"spec: {{rollout: {{{_TWO}, settle: PT15M, maxUnavailable: 2}}}}\n",
    f"spec: {{rollout: {{{_TWO}, settle: PT15M, maxUnavailable: 1}}}}\n",
    "Environment",
)
NEVER_WITHIN = Rule(
    "MG814",
    "rollback-within-no-time",
    ERROR,
    "Evidence never comes in time to demand a rollback.",
    "write how long after a promotion it counts, such as P7D",
    "The environment would seem to go back by itself, and never would.",
    "spec: {rollback: {automatic: {evidence: [monitoring], within: P0D}}}\n",
    "spec: {rollback: {automatic: {evidence: [monitoring], within: P7D}}}\n",
    "Environment",
)

RULES = (REPEATED_TARGET, NOTHING_SETTLES, ALL_UNAVAILABLE, NEVER_WITHIN)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one environment's policy."""
    spec = mapping(subject.value, "spec")
    rollout, at = mapping(spec, "rollout"), ("spec", "rollout")
    targets = list(entries(rollout, "targets"))
    for index, name in repeated([(index, text(one, "name")) for index, one in targets]):
        yield REPEATED_TARGET.on((*at, "targets", index, "name"), f"target {name} is already named above")
    if targets and _nothing(text(rollout, "settle")) and not rollout.get("evidence"):
        yield NOTHING_SETTLES.on_key(at, "there is neither `settle` nor `evidence`")
    most = number(rollout, "maxUnavailable")
    if len(targets) > 1 and most is not None and most >= len(targets):
        yield ALL_UNAVAILABLE.on((*at, "maxUnavailable"), f"{most:g} of {len(targets)} targets may be unavailable")
    within = text(mapping(spec, "rollback", "automatic"), "within")
    if within is not None and _nothing(within):
        yield NEVER_WITHIN.on(("spec", "rollback", "automatic", "within"), f"{within} after the promotion is at once")


def _nothing(duration: str | None) -> bool:
    return duration is None or not any(digit in duration for digit in "123456789")
