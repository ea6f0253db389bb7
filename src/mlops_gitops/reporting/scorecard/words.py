"""Words and numbers of a scorecard: everybody's text inert and cut, numbers as long as people read them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting import markdown
from mlops_gitops.reporting.inert import inert as escaped
from mlops_gitops.reporting.scorecard.records import Card, Interval, Scorecard
from mlops_gitops.testing import wording

KINDS = {
    "scan": "Model file",
    "data-tests": "Data",
    "feature-tests": "Features",
    "model-tests": "Model",
    "history-tests": "Past releases",
    "infra-tests": "Serving",
    "comparison": "Comparison",
    "reproduction": "Reproducibility",
}
"""Kinds of evidence, as people say them."""
RULE = re.compile(r"MG[0-9]{3}")
LONGEST = 240
"""Characters of somebody else's text, unless another length is asked for."""
_PILED = 2
"""Marks that may stand on one letter: a tower of hundreds covers the lines above."""
_READABLE = 1e6
_NONE = "\N{EN DASH}"
_BOUND = "\N{NO-BREAK SPACE}"

Show = Callable[[str], str]


def plain(text: str, longest: int = LONGEST) -> str:
    """Somebody else's words on one line, for a terminal, a log or JSON's readers."""
    return _cut(escaped(_unpiled(text[: 4 * longest])), longest)


def code(text: str, longest: int = LONGEST) -> str:
    """The same as code in Markdown: no mention, no link, no tag, no reference, no expression that anybody expands."""
    # an address is found after entities are resolved, but not across two nodes
    return markdown.inert(_cut(_unpiled(text[: 4 * longest]), longest)).replace("&#64;", "&#64;<!-- -->")


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _unpiled(text: str) -> str:
    """At most two combining marks in a row, and nothing that is no character at all."""
    if text.isascii():
        return text
    kept = []
    known = (char if unicodedata.category(char) != "Cn" else "\N{REPLACEMENT CHARACTER}" for char in text)
    for piled, group in groupby(known, key=lambda char: unicodedata.category(char) in {"Mn", "Me"}):
        chars = "".join(group)
        kept.append(chars[:_PILED] if piled else chars)
    return "".join(kept)


def value(number: float | None) -> str:
    """A metric, a size or a distance."""
    if number is None:
        return _NONE
    if abs(number) >= _READABLE:
        return f"{number:.4g}".replace("-", wording.MINUS)
    return wording.score(number)


def signed(number: float) -> str:
    """A difference, with its sign."""
    text = value(number)
    return text if text.startswith(wording.MINUS) else f"+{text}"


def between(interval: Interval | None, show: Callable[[float], str] = value) -> str:
    """An interval."""
    return f"{show(interval[0])}{_BOUND}…{_BOUND}{show(interval[1])}" if interval else ""


def duration(seconds: float) -> str:
    """Milliseconds where that is how people say it."""
    return f"{amount(1000 * seconds)} ms" if abs(seconds) < 1 else f"{amount(seconds)} s"


def amount(number: float | None) -> str:
    """What was measured against a limit, in any unit: four digits at most."""
    if number is None:
        return _NONE
    return wording.number(float(f"{number:.4g}")) if abs(number) < _READABLE else value(number)


def size(count: int) -> str:
    """Bytes, as people say them."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{count / least:,.1f} {unit}" if count < 10**15 else f"{count:.3g} bytes"
    return f"{count} bytes"


def many(count: int, noun: str) -> str:
    """``1 check``, ``12 checks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def release(digest: str | None) -> str:
    """The first digits of a digest, as people say it."""
    return digest.removeprefix("sha256:")[:12] if digest else _NONE


def named(card: Card, show: Show) -> str:
    """A model with its version."""
    return show(card.model[:80]) + (f" {show(card.version[:40])}" if card.version else "")


def headline(found: Scorecard, show: Show) -> str:
    """The answer in one sentence; ``show`` makes names harmless."""
    failing = [one for one in found.cards if one.answer is Answer.FAIL]
    if found.answer is Answer.FAIL:
        if len(failing) == 1:
            return f"{named(failing[0], show)} is not ready: {', '.join(_failing(failing[0]))}"
        if failing:
            return f"{len(failing)} of {many(len(found.cards), 'model')} are not ready"
        errors = sum(one.error for one in found.remarks)
        if errors:
            return f"This is not ready: {many(errors, 'error')} in files"
        if any(one.answer is Answer.FAIL for one in found.asked):
            return "This is not ready: a reviewer who may approve objects"
        return "This is not ready: a check came to no answer"
    if found.answer is Answer.PENDING:
        return f"Nothing fails, and something is open: {listed(open_points(found)) or 'a person has to look'}"
    if not found.cards:
        return "Everything passes that was looked at"
    checks = sum(part.checks for card in found.cards for part in card.parts)
    what = named(found.cards[0], show) if len(found.cards) == 1 else many(len(found.cards), "model")
    verb = "passes" if len(found.cards) == 1 else "pass"
    return f"{what} {verb}" + (f" all {many(checks, 'check')}" if checks > 1 else "")


def _failing(card: Card) -> Sequence[str]:
    """What fails, in words of ours."""
    kinds = [KINDS.get(one.kind, "a test").lower() for one in card.parts if one.verdict is Verdict.FAIL]
    errors = sum(one.error and RULE.fullmatch(one.id) is not None for one in card.remarks)
    said = list(dict.fromkeys(kinds))
    parts = [f"{listed(said)} {'fails' if len(said) == 1 else 'fail'}"] if said else []
    return parts + ([f"{many(errors, 'error')} in its files"] if errors else [])


def listed(points: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(one for one in (", ".join(points[:-1]), points[-1] if points else "") if one)


def open_points(found: Scorecard) -> Sequence[str]:
    """What keeps the answer from being yes, though nothing fails; words of ours only."""
    points = []
    undecided = sum(part.open for card in found.cards for part in card.parts)
    if undecided:
        points.append(f"{many(undecided, 'check')} cannot tell")
    if any(one.answer is Answer.PENDING for one in found.asked):
        points.append("approval is missing")
    if found.missing:
        points.append(f"no report of {' and '.join(found.missing)}")
    if found.left_out:
        points.append(f"{many(len(found.left_out), 'report')} could not be read")
    if any(one.retry for one in found.troubles):
        points.append("a check could not be run")
    if not found.sources:
        points.append("there are no reports")
    return points


def repository_link(text: str | None) -> str | None:
    """An address of ours to show as a link; ``None`` for anything that is not plainly one."""
    return text if text and re.fullmatch(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._~-]+)*/?", text) else None
