"""A reproduction as people read it in a terminal and in a pull request; ``document`` is for programs.

The verdict is the first line, the ladder comes next, and then only what a reader can act on: what was wrong with a
run, the causes with their fixes, the worst of what differs.  The page (``reproduction_page``) has all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.markdown import inert as code
from mlops_gitops.reporting.reproduction_document import document
from mlops_gitops.reproduction import checks
from mlops_gitops.reproduction.levels import Agreement, Answer, Equivalence, PredictionComparison
from mlops_gitops.reproduction.reproductions import Cause, Reproduction
from mlops_gitops.reproduction.trainings import Problem

__all__ = ["document", "markdown", "text"]

_SHOWN = 2
_MARKDOWN = 3900
"""Bytes; a comment of a pull request should not be longer than what it comments on."""

_SIGNS = {Answer.HOLDS: "✅", Answer.BROKEN: "❌", Answer.OPEN: "❔"}
_RUNGS = {Answer.HOLDS: "┃━━━━━━━┃", Answer.BROKEN: "┃━━╸ ╺━━┃", Answer.OPEN: "┃┄┄┄┄┄┄┄┃"}


def text(found: Reproduction) -> str:
    """For a terminal; at most about thirty lines."""
    lines = [f"{words.VERDICTS[checks.verdict(found)]} {words.headline(found)}", f"  {words.compared(found)}"]
    if found.agreement is not None:
        lines += _ladder(found, found.agreement)
    lines += _some([line for one in found.problems[:_SHOWN] for line in _problem(one)], len(found.problems), "problem")
    lines += _causes(found)
    if found.agreement is not None:
        lines += _differences(found.agreement)
    if found.problems:
        lines += [f"  log of {words.said(one.name, 40)}: {words.said(str(one.log))}" for one in words.runs(found)]
    lines += _next(found)
    return "\n".join(lines)


def markdown(found: Reproduction) -> str:
    """For a job summary or a comment: the verdict, the ladder, and what to do; under 4 kB."""
    sign = _SIGNS[_ANSWERS[words.VERDICTS[checks.verdict(found)]]]
    blocks = [f"### {sign} {_cut(words.headline(found), 200)}"]
    if found.agreement is not None:
        blocks.append(_table(found, found.agreement))
    blocks += [_marked(f"**{one.trouble.value}**", one.message, one.fix) for one in found.problems[:_SHOWN]]
    if found.explanation is not None:
        blocks += [_marked("**Cause**", _cause(one), one.fix) for one in found.explanation.causes[:_SHOWN]]
    suggestion = words.suggestion(found)
    blocks += [f"💡 {suggestion}."] if suggestion else []
    again = f"<code>{_bare(words.again(found), 160)}</code>"
    blocks.append(f"{_cut(words.compared(found), 200)} Again: {again}")
    if found.agreement is not None:
        lines = [line.strip() for line in _differences(found.agreement)]
        folded = "\n".join(f"- {_cut(line, 160)}" for line in lines)
        blocks += [f"<details><summary>What differs</summary>\n\n{folded}\n\n</details>"] if lines else []
    return _fitting(blocks)


_ANSWERS = {mark: answer for answer, mark in words.MARKS.items()}


def _ladder(found: Reproduction, agreement: Agreement) -> Iterator[str]:
    for rung in agreement.rungs:
        promised = "  ← promised" if rung.level is found.demanded else ""
        yield f"  {words.MARKS[rung.answer]} {rung.level.value:<12}{words.said(rung.message, 160)}{promised}"


def _problem(one: Problem) -> Iterator[str]:
    where = f" ({words.place(one.place)})" if one.place else ""
    yield f"  {one.trouble.value}: {words.said(one.message)}{where}"
    yield f"      what to do: {words.said(one.fix)}"


def _causes(found: Reproduction) -> Iterator[str]:
    if found.explanation is None:
        return
    yield f"  {words.said(found.explanation.summary)}"
    shown = found.explanation.causes[:_SHOWN]
    for one in shown:
        yield f"  cause: {words.said(_cause(one), 500)}"
        if one.place is not None and one.place.text:
            yield f"      {one.place.line} | {words.said(one.place.text.strip(), 100)}"
        yield f"      what to do: {words.said(one.fix)}"
    yield from _some([], len(found.explanation.causes), "cause")


def _cause(one: Cause) -> str:
    stage = f"; it shows first in {words.stage(one.stage)}" if one.stage else ""
    seen = "at" if one.certain else "probably at"
    where = f", {seen} {words.place(one.place)}" if one.place else ""
    return f"{one.message}{stage}{where}"


def _differences(agreement: Agreement) -> Iterator[str]:
    files = sorted((one for one in agreement.files if not one.same), key=lambda one: one.canonical)
    for file in files[:_SHOWN]:
        why = file.differs if not file.canonical else f"only noise: {', '.join(file.noise) or 'the bytes alone'}"
        yield f"  {words.said(file.name, 80)}: {words.said(why or 'differs', 160)}"
    yield from _some([], len(files), "file")
    tensors = [one for one in words.largest_first(agreement.tensors) if one.differing or one.problem]
    for tensor in tensors[:_SHOWN]:
        yield f"  {words.said(tensor.name, 80)}: {words.tensor(tensor)}"
    yield from _some([], len(tensors), "tensor")
    yield from (f"  {decisions(one)}" for one in agreement.predictions[:_SHOWN])
    yield from (f"  {metric(one)}" for one in agreement.metrics[:_SHOWN])


def decisions(one: PredictionComparison) -> str:
    """How many decisions changed, and by how much the numbers moved at most."""
    share = f" ({one.churn:.2%})" if one.changed else ""
    name = words.said(one.dataset, 80)
    return f"{one.changed:,} of {one.rows:,} decisions on {name} changed{share}, largest {words.number(one.largest)}"


def metric(one: Equivalence) -> str:
    """Whether a metric is equivalent, and how sure that is."""
    low, high = one.interval
    state = {Answer.HOLDS: "equivalent", Answer.BROKEN: "moved", Answer.OPEN: "undecided"}[one.answer]
    interval = f"{words.number(one.difference)}, 90 % interval {words.number(low)} to {words.number(high)}"
    power = f"power {one.power:.0%}" + (f", {one.needed} seeds give 80 %" if one.needed else "")
    margin = f"margin ±{words.number(one.margin)}"
    return (
        f"{words.said(one.metric, 40)} {state}: difference {interval}, {margin} over {len(one.values)} seeds ({power})"
    )


def _next(found: Reproduction) -> Iterator[str]:
    suggestion = words.suggestion(found)
    if suggestion:
        yield f"  {suggestion}"
    broken = found.reached is None or not found.reached.meets(found.demanded)
    if found.agreement is not None and broken and found.explanation is None:
        yield f"  find the cause: {words.again(found, '--explain')}"


def _some(lines: Sequence[str], whole: int, noun: str) -> list[str]:
    rest = whole - _SHOWN
    return [*lines, f"  and {rest:,} more {noun}{'s' if rest > 1 else ''}"] if rest > 0 else list(lines)


def _table(found: Reproduction, agreement: Agreement) -> str:
    """The ladder as a table: its picture is made of characters, which are readable in both of GitHub's schemes."""
    rows = ["| | | Level | |", "|---|---|---|---|"]
    for rung in agreement.rungs:
        level = f"**{rung.level.value}**, promised" if rung.level is found.demanded else rung.level.value
        ladder = f"`{_RUNGS[rung.answer]}`"
        rows.append(f"| {_SIGNS[rung.answer]} | {ladder} | {level} | {_cut(rung.message, 110)} |")
    return "\n".join(rows)


def _marked(head: str, message: str, fix: str) -> str:
    return f"{head}: {_cut(message, 160)}  \nFix: {_cut(fix, 140)}"


def _cut(words_of_others: str, longest: int) -> str:
    return code(words.said(words_of_others, longest))


def _bare(words_of_others: str, longest: int) -> str:
    return _cut(words_of_others, longest).removeprefix("<code>").removesuffix("</code>")


def _fitting(blocks: Sequence[str]) -> str:
    """The blocks, in order of importance, as long as they fit whole."""
    kept: list[str] = []
    for block in blocks:
        if len("\n\n".join([*kept, block]).encode()) <= _MARKDOWN:
            kept.append(block)
    return "\n\n".join(kept)
