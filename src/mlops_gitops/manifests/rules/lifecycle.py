"""MG75x: how the model is served, watched, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, number, text


def _serving(line: str) -> str:
    return f"spec:\n  serving: {line}\n"


CANARY_STEPS = Rule(
    "MG751",
    "canary-steps",
    ERROR,
    "The steps of a canary do not rise to 100.",
    "write rising percentages that end with 100, such as [10, 50, 100]",
    "A step that does not rise moves no traffic; without 100 the new release never takes over.",
    _serving("{pattern: rest, rollout: {strategy: canary, steps: [50, 10, 100]}}"),
    _serving("{pattern: rest, rollout: {strategy: canary, steps: [10, 50, 100]}}"),
)
STEPS_WITHOUT_CANARY = Rule(
    "MG752",
    "steps-without-canary",
    ERROR,
    "Steps are written for a rollout that has none.",
    "use the strategy `canary`, or remove the steps",
    "Who reads the steps believes that traffic moves slowly; it does not.",
    _serving("{pattern: rest, rollout: {strategy: rolling, steps: [10, 100]}}"),
    _serving("{pattern: rest, rollout: {strategy: rolling}}"),
)
CANARY_WITHOUT_STEPS = Rule(
    "MG753",
    "canary-without-steps",
    WARNING,
    "A canary does not say in which steps traffic moves.",
    "add `steps`, such as [10, 50, 100]",
    "How many users meet a bad release first is then left to the platform's default.",
    _serving("{pattern: rest, rollout: {strategy: canary}}"),
    _serving("{pattern: rest, rollout: {strategy: canary, steps: [10, 100]}}"),
)
LATENCY_OF_BATCH = Rule(
    "MG754",
    "latency-of-batch",
    WARNING,
    "A latency is promised for a batch model.",
    "remove `latencyP95`, or serve the model with `rest` or `stream`",
    "Nobody waits for a single prediction of a batch.",
    _serving("{pattern: batch, objective: {latencyP95: 0.05}}"),
    _serving("{pattern: batch, objective: {throughput: 500}}"),
)
PICKLE_AT_HIGH_RISK = Rule(
    "MG755",
    "pickle-at-high-risk",
    WARNING,
    "A high-risk model is stored in a format that can run code when it is loaded.",
    "store it as skops, onnx, safetensors, or another format without code",
    "Whoever can change a pickle can run a program where the model is served.",
    "metadata: {riskTier: high}\nspec:\n  artifact: {format: sklearn-pickle, path: model.pkl}\n"
    "  monitoring: {maxAge: P90D}\n",
    "metadata: {riskTier: limited}\nspec:\n  artifact: {format: skops, path: model.skops}\n",
)
HIGH_RISK_UNWATCHED = Rule(
    "MG756",
    "high-risk-without-monitoring",
    ERROR,
    "A high-risk model is not monitored.",
    "add `monitoring` with at least `maxAge`",
    "The world changes and the model does not; without a date to look again, nobody looks.",
    "metadata: {riskTier: high}\n",
    "metadata: {riskTier: high}\nspec:\n  monitoring: {maxAge: P90D}\n"
    "  metrics:\n    - name: roc_auc\n      dataset: test\n"
    "      threshold: {min: 0.7}\n      slices: [{column: carrier, threshold: {min: 0.6}}]\n",
)
DEAF_ALARM = Rule(
    "MG757",
    "drift-limit-never-reached",
    ERROR,
    "The drift limit is one that the statistic never reaches.",
    "use a limit below 1, such as 0.1",
    "The alarm cannot ring.",
    "spec:\n  monitoring: {drift: {metric: ks, max: 1}}\n",
    "spec:\n  monitoring: {drift: {metric: ks, max: 0.1}}\n",
)
BORN_STALE = Rule(
    "MG758",
    "born-stale",
    ERROR,
    "A release is stale as soon as it is made.",
    "write how long a release stays fresh, such as P90D",
    "An alarm that always rings is switched off.",
    "spec:\n  monitoring: {maxAge: P0D}\n",
    "spec:\n  monitoring: {maxAge: P90D}\n",
)
OWN_ANCESTOR = Rule(
    "MG759",
    "own-ancestor",
    ERROR,
    "The model is derived from itself.",
    "name the version that it was derived from",
    "The lineage would run in a circle.",
    'spec:\n  lineage:\n    derivedFrom: [{name: flight-delays, version: "1.0.0"}]\n',
    'spec:\n  lineage:\n    derivedFrom: [{name: flight-delays, version: "0.9.0"}]\n',
)

RULES = (
    CANARY_STEPS,
    STEPS_WITHOUT_CANARY,
    CANARY_WITHOUT_STEPS,
    LATENCY_OF_BATCH,
    PICKLE_AT_HIGH_RISK,
    HIGH_RISK_UNWATCHED,
    DEAF_ALARM,
    BORN_STALE,
    OWN_ANCESTOR,
)

_ALL = 100


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    metadata, spec = mapping(subject.value, "metadata"), mapping(subject.value, "spec")
    serving, monitoring = mapping(spec, "serving"), mapping(spec, "monitoring")
    yield from _rollout(mapping(serving, "rollout"))
    if serving.get("pattern") == "batch" and "latencyP95" in mapping(serving, "objective"):
        yield LATENCY_OF_BATCH.on(("spec", "serving", "objective", "latencyP95"), "a batch model has no latency")
    if metadata.get("riskTier") == "high":
        yield from _high_risk(spec, monitoring)
    drift, age = mapping(monitoring, "drift"), text(monitoring, "maxAge")
    limit = number(drift, "max")
    if limit is not None and limit >= 1 and drift.get("metric") in {"ks", "js"}:
        yield DEAF_ALARM.on(("spec", "monitoring", "drift", "max"), f"{drift['metric']} is never more than 1")
    if age is not None and not any(digit in age for digit in "123456789"):
        yield BORN_STALE.on(("spec", "monitoring", "maxAge"), f"after {age} a release counts as stale")
    for index, one in entries(mapping(spec, "lineage"), "derivedFrom"):
        if (
            "name" in one
            and "version" in one
            and (one["name"], one["version"]) == (metadata.get("name"), metadata.get("version"))
        ):
            at = ("spec", "lineage", "derivedFrom", index, "name")
            yield OWN_ANCESTOR.on(at, "this is the model itself, in the same version")


def _rollout(rollout: dict[str, Any]) -> Iterator[Problem]:
    at = ("spec", "serving", "rollout")
    steps, strategy = items(rollout, "steps"), rollout.get("strategy")
    if steps and strategy != "canary":
        yield STEPS_WITHOUT_CANARY.on((*at, "steps"), f"the strategy {strategy} has no steps")
    elif strategy == "canary" and not steps:
        yield CANARY_WITHOUT_STEPS.on((*at, "strategy"), "no steps are written")
    elif steps and all(one.__class__ is int for one in steps) and (steps != sorted(set(steps)) or steps[-1] != _ALL):
        yield CANARY_STEPS.on((*at, "steps"), f"{steps} does not rise to 100")


def _high_risk(spec: dict[str, Any], monitoring: dict[str, Any]) -> Iterator[Problem]:
    storage = mapping(spec, "artifact").get("format")
    if storage in {"sklearn-pickle", "torch-state-dict"}:
        yield PICKLE_AT_HIGH_RISK.on(("spec", "artifact", "format"), f"{storage} can run code when it is loaded")
    if "maxAge" not in monitoring:
        yield HIGH_RISK_UNWATCHED.on(("spec",), "a high-risk model needs `monitoring` with `maxAge`")
