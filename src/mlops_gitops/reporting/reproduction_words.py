"""The words in which every form of a reproduction says the same: the verdict, the promise, the numbers.

Names, messages and lines of code come from a training and are hostile: what is returned here as ``said`` is on one
line, without control characters, and cut; each form still escapes it for its own markup.
"""

from __future__ import annotations

import math
import shlex
import unicodedata

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.promotion import short
from mlops_gitops.reproduction import checks
from mlops_gitops.reproduction.levels import Answer, TensorComparison
from mlops_gitops.reproduction.reproductions import Reproduction
from mlops_gitops.reproduction.trainings import STAGES, Place, Run

MARKS = {Answer.HOLDS: "✓", Answer.BROKEN: "✗", Answer.OPEN: "?"}
ANSWERS = {Answer.HOLDS: "holds", Answer.BROKEN: "broken", Answer.OPEN: "not known"}
VERDICTS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}


def said(text: str, longest: int = 300) -> str:
    """Somebody else's words on one line, harmless to a terminal and to a parser, and not longer than that."""
    cut = text if len(text) <= longest else f"{text[:longest].rstrip()}…"
    known = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) == "Cn" else char for char in cut)
    return inert(known).strip()


def title(found: Reproduction) -> str:
    """The model and its version."""
    return f"{said(found.model, 80)} {said(found.version, 40)}"


def headline(found: Reproduction) -> str:
    """The verdict in a sentence, without its mark."""
    reached, promised = found.reached, found.demanded.value
    verdict = checks.verdict(found)
    if found.agreement is None:
        why = said(found.problems[0].message, 160) if found.problems else "there is nothing to compare"
        return f"{title(found)} could not be trained again: {why}"
    if verdict is Verdict.PASS and reached is not None:
        words = f"{promised} as promised" if reached is found.demanded else f"{reached.value}, {promised} was promised"
        return f"{title(found)} is reproducible: {words}"
    if reached is not None and reached.meets(found.demanded):
        why = said(found.problems[0].message, 160) if found.problems else "something was wrong with a run"
        return f"{title(found)} agrees ({reached.value}), but {why}"
    known = f"{reached.value} is reached" if reached else "no level is reached"
    if verdict is Verdict.INCONCLUSIVE:
        return f"{title(found)}: not known whether it is reproducible; {promised} is promised, {known}"
    return f"{title(found)} is not as reproducible as promised: {promised} is promised, {known}"


def suggestion(found: Reproduction) -> str:
    """What may be promised from now on, where the result is better than its promise; else nothing."""
    reached = found.reached
    if reached is None or found.problems or reached.rank >= found.demanded.rank:
        return ""
    more = f"promise more with spec.reproducibility.class: {reached.value}"
    return f"class: {found.demanded.value} is promised, {reached.value} was reached: {more}"


def compared(found: Reproduction) -> str:
    """What was held against what."""
    right = short(found.right.digest)
    if found.mode == "twice" and found.left.name == found.right.name:
        return f"the first of two trainings of revision {said(found.revision[:12])}; the second was not tried"
    if found.mode == "twice":
        return f"two trainings of revision {said(found.revision[:12])}: {short(found.left.digest)} and {right}"
    release = f" (release {said(found.release[:12])})" if found.release else ""
    left = f"the record {short(found.left.digest)}{release}"
    return f"{left} and a training of revision {said(found.revision[:12])}: {right}"


def again(found: Reproduction, *extra: str) -> str:
    """The command that does it again."""
    words = ["mlops-gitops", "reproduce", shlex.quote(said(found.model, 80))]
    words += ["--twice"] if found.mode == "twice" else []
    words += ["--release", shlex.quote(said(short(found.release)))] if found.release else []
    return " ".join([*words, *extra])


def runs(found: Reproduction) -> tuple[Run, ...]:
    """The trainings that were run, in order; one where the first of two already failed."""
    every = [one.run for one in (found.left, found.right) if one.run is not None]
    return tuple({one.name: one for one in every}.values())


def stage(name: str) -> str:
    """``features#2`` as ``the features (2)``."""
    kind, _, number = name.partition("#")
    words = STAGES.get(kind, said(kind, 60))
    return words if number in {"", "1"} else f"{words} ({said(number, 8)})"


def place(where: Place) -> str:
    """A file and its line."""
    return f"{said(where.file, 160)}:{where.line}"


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.3g}" if math.isfinite(value) else "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def span(seconds: float) -> str:
    """A time a person would say."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{seconds:.1f} s"


def largest_first(some: tuple[TensorComparison, ...]) -> list[TensorComparison]:
    """What cannot be compared, then what is outside the tolerance, then the rest, each by its largest difference."""
    return sorted(some, key=lambda one: (not one.problem, one.within, -_size(one.absolute), one.file, one.name))


def tensor(one: TensorComparison) -> str:
    """How a tensor differs."""
    if one.problem:
        return said(one.problem)
    where = f" at [{', '.join(map(str, one.where[:8]))}]" if one.where is not None else ""
    words = f"{one.differing:,} of {one.count:,} differ, at most by {number(one.absolute)}{where}, {one.ulp:,} ULP"
    return words if one.within else f"{words}, outside the tolerance"


def _size(value: float) -> float:
    return math.inf if math.isnan(value) else value
