"""MG77x: can the declared tests of the serving image be made, and can they fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, mapping, number, text

_BASE = "registry.example.com/python@sha256:" + "3f2a" * 16
_REST = f"  serving: {{pattern: rest, image: {{base: '{_BASE}', lock: serving.lock}}}}\n"


def _infra(line: str, *, serving: str = _REST) -> str:
    return f"spec:\n{serving}  tests:\n    infra: {line}\n"


TIME = Rule(
    "MG771",
    "time-that-no-test-can-use",
    ERROR,
    "A time of the tests of the image is zero, or longer than a test can wait.",
    "write a time that a person would wait for, such as PT60S; an hour is the longest",
    "Nothing starts in no time, and a test that waits for a day tells nobody anything.",
    _infra("{startWithin: P1D}"),
    _infra("{startWithin: PT60S}"),
)
PERCENTILES = Rule(
    "MG772",
    "percentiles-that-contradict",
    ERROR,
    "A higher percentile of the latency may be shorter than a lower one.",
    "let p50, p95 and p99 rise",
    "A request among the slowest one per cent is never faster than the median: the lower limit can never be reached.",
    _infra("{latency: {p50: 0.2, p95: 0.1}}"),
    _infra("{latency: {p50: 0.1, p95: 0.2}}"),
)
LOOSER = Rule(
    "MG773",
    "test-looser-than-the-promise",
    ERROR,
    "The tests of the image ask for less than `serving.objective` promises.",
    "write the stricter one, or remove the one under `tests.infra`, which then is that of the objective",
    "An image that passes could break what users are promised.",
    _infra("{latency: {p95: 0.5}}", serving=_REST.replace("rest,", "rest, objective: {latencyP95: 0.1},")),
    _infra("{latency: {p95: 0.05}}", serving=_REST.replace("rest,", "rest, objective: {latencyP95: 0.1},")),
)
RATE_BELOW = Rule(
    "MG774",
    "load-below-the-throughput",
    ERROR,
    "The load sends fewer requests than must be answered.",
    "raise `load.rate` above the throughput, or leave it out",
    "No server can answer more than it is asked: the test can never pass.",
    _infra("{throughput: 100, load: {rate: 50}}"),
    _infra("{throughput: 100, load: {rate: 120}}"),
)
TOO_SHORT = Rule(
    "MG775",
    "load-too-short-to-tell",
    WARNING,
    "The load sends too few requests for the percentile that is demanded.",
    "raise `load.duration` or `load.rate`: p99 takes at least 299 requests, p95 59",
    "With fewer requests nothing bounds the percentile, and the check stays inconclusive for ever.",
    _infra("{latency: {p99: 0.5}, load: {rate: 5, duration: PT10S}}"),
    _infra("{latency: {p99: 0.5}, load: {rate: 50, duration: PT10S}}"),
)
NOT_REST = Rule(
    "MG776",
    "load-of-no-server",
    WARNING,
    "A load, a latency or a throughput is tested of a model that answers no requests.",
    "remove `latency`, `throughput` and `load`, or serve the model with `rest`",
    "Nothing of it is tested: a batch and a stream have no requests to time.",
    _infra("{load: {rate: 50}}", serving="  serving: {pattern: batch}\n"),
    _infra("{load: {rate: 50}}"),
)
NO_IMAGE = Rule(
    "MG777",
    "tests-of-no-image",
    WARNING,
    "Tests of an image are declared, and the manifest does not say what the image is made of.",
    "add `serving.image`: docs/how-to/build-an-image.md",
    "Only an image that was made of this very manifest is tested, and there can be none.",
    _infra("{startWithin: PT60S}", serving="  serving: {pattern: rest}\n"),
    _infra("{startWithin: PT60S}"),
)
TOLERANCE = Rule(
    "MG778",
    "parity-that-cannot-fail",
    ERROR,
    "A served prediction may differ from the offline one by as much as it likes.",
    "write a tolerance that rounding explains, such as 0.000001",
    "With a relative tolerance of 0.1 or more, other predictions pass as the same.",
    _infra("{parity: {relative: 1}}"),
    _infra("{parity: {relative: 0.00001}}"),
)

RULES = (TIME, PERCENTILES, LOOSER, RATE_BELOW, TOO_SHORT, NOT_REST, NO_IMAGE, TOLERANCE)

_AT: Pointer = ("spec", "tests", "infra")
_HOUR = 3600
_WIDEST = 0.1
_NAMES = ("p50", "p95", "p99")
FEWEST = {"p50": 5, "p95": 59, "p99": 299}
"""Independent requests that it takes to bound a percentile at 95 %: ``testing/infra/load.py`` says how."""
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS = (604_800, 86_400, 3600, 60, 1)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    if "infra" not in mapping(spec, "tests"):
        return
    infra, serving = mapping(spec, "tests", "infra"), mapping(spec, "serving")
    if "image" not in serving:
        yield NO_IMAGE.on_key(_AT, "`serving.image` is not written")
    if serving.get("pattern", "rest") != "rest":
        for key in ("latency", "throughput", "load"):
            if key in infra:
                yield NOT_REST.on_key((*_AT, key), f"a model of the pattern {serving['pattern']} answers no requests")
    yield from _times(infra)
    yield from _latencies(infra, mapping(serving, "objective"))
    yield from _load(infra, mapping(serving, "objective"))
    parity = mapping(infra, "parity")
    relative = number(parity, "relative")
    if relative is not None and relative >= _WIDEST:
        yield TOLERANCE.on((*_AT, "parity", "relative"), f"{relative} lets other predictions pass")


def _times(infra: dict[str, Any]) -> Iterator[Problem]:
    load = mapping(infra, "load")
    places = [((*_AT, key), text(infra, key), False) for key in ("startWithin", "stopWithin")]
    places += [((*_AT, "load", key), text(load, key), key == "warmUp") for key in ("duration", "warmUp")]
    for at, words, may_be_zero in places:
        found = None if words is None else seconds(words)
        if found is not None and (found > _HOUR or (found == 0 and not may_be_zero)):
            yield TIME.on(at, f"{words} is {'no time' if found == 0 else 'longer than an hour'}")


def _latencies(infra: dict[str, Any], objective: dict[str, Any]) -> Iterator[Problem]:
    limits, promised = mapping(infra, "latency"), number(objective, "latencyP95")
    p95 = number(limits, "p95")
    if p95 is not None and promised is not None and p95 > promised:
        yield LOOSER.on((*_AT, "latency", "p95"), f"{p95} s is longer than the {promised} s of `serving.objective`")
    given = {name: number(limits, name) for name in _NAMES}
    if given["p95"] is None:
        given["p95"] = promised
    before: tuple[str, float] | None = None
    for name in _NAMES:
        value = given[name]
        if value is None:
            continue
        if before is not None and value < before[1]:
            where = name if name in limits else before[0]
            yield PERCENTILES.on(
                (*_AT, "latency", where), f"{name} may be {value} s and {before[0]} {before[1]} s, which is longer"
            )
        before = (name, value)


def _load(infra: dict[str, Any], objective: dict[str, Any]) -> Iterator[Problem]:
    load, promised = mapping(infra, "load"), number(objective, "throughput")
    wanted, rate = number(infra, "throughput"), number(load, "rate")
    if wanted is not None and promised is not None and wanted < promised:
        yield LOOSER.on((*_AT, "throughput"), f"{wanted} a second are fewer than the {promised} of `serving.objective`")
    wanted = promised if wanted is None else wanted
    if rate is None:
        return
    if wanted is not None and rate < wanted:
        yield RATE_BELOW.on((*_AT, "load", "rate"), f"{rate} requests a second are sent and {wanted} must be answered")
    length = seconds(text(load, "duration") or "PT10S")
    for name in _NAMES:
        limited = name in mapping(infra, "latency") or (name == "p95" and "latencyP95" in objective)
        if limited and length is not None and rate * length < FEWEST[name]:
            yield TOO_SHORT.on(
                (*_AT, "load", "rate"), f"{rate * length:g} requests cannot tell {name}, {FEWEST[name]} are the least"
            )


def seconds(words: str) -> int | None:
    """The length of an ISO 8601 duration; ``None`` for what is none, of which the schema has told."""
    match = _DURATION.fullmatch(words)
    if match is None or len(words) > 60:  # noqa: PLR2004 - no duration is so long
        return None
    return sum(int(part or 0) * unit for part, unit in zip(match.groups(), _UNITS, strict=True))
