"""The verdict on a pull request as people and programs read it: what it needs, and whom to ask."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.quorum import Missing
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.pulls import Part
from mlops_gitops.records import record
from mlops_gitops.reporting import markdown
from mlops_gitops.reporting.inert import inert

_MARKS = {Answer.PASS: "✓", Answer.FAIL: "✗", Answer.PENDING: "…"}
_WORDS = {
    Answer.PASS: "has the reviews that it needs",
    Answer.FAIL: "is refused by its reviewers",
    Answer.PENDING: "still needs reviews",
}


@record
class Gated:
    """What ``gate`` found: the pull request, every part of the verdict, and what was recorded where."""

    repository: str
    pull: Pull
    parts: tuple[Part, ...]
    recorded: tuple[str, ...] = ()
    commit: str | None = None
    note: str | None = None

    @property
    def answer(self) -> Answer:
        """The worst of the parts; nothing to judge passes."""
        answers = {one.answer for one in self.parts}
        return next((one for one in (Answer.FAIL, Answer.PENDING) if one in answers), Answer.PASS)


def text(found: Gated) -> str:
    """For a terminal or a log."""
    lines = [f"{inert(found.repository)}#{found.pull.number} {_WORDS[found.answer]}, at {found.pull.head[:12]}"]
    for part in found.parts:
        lines.append(f"  {_MARKS[part.answer]} {inert(part.about)}: {inert(part.reason)}")
        lines += [f"      ask for {_asked(one)}" for one in part.missing]
    if found.commit:
        lines.append(f"recorded in commit {found.commit[:12]}")
    if found.note:
        lines.append(f"note: {inert(found.note)}")
    return "\n".join(lines)


def _asked(one: Missing) -> str:
    group = f" of group {one.group}" if one.group else ""
    who = " or ".join(map(inert, one.ask)) or inert(one.why)
    return f"{one.count} more{group}: {who}"


def document(found: Gated) -> dict[str, JSON]:
    """As JSON; ``schemas/output/gate.schema.json``."""
    return {
        "result": found.answer.value,
        "repository": found.repository,
        "number": found.pull.number,
        "url": found.pull.url,
        "head": found.pull.head,
        "base": found.pull.base,
        "parts": [_part(one) for one in found.parts],
        "recorded": list(found.recorded),
        "commit": found.commit,
        "note": found.note,
    }


def _part(one: Part) -> dict[str, JSON]:
    return {
        "about": one.about,
        "answer": one.answer.value,
        "reason": one.reason,
        "environment": one.environment,
        "model": one.model,
        "approved": list(one.approved),
        "missing": [
            {"count": gap.count, "group": gap.group, "ask": list(gap.ask), "why": "" if gap.ask else gap.why}
            for gap in one.missing
        ],
        "notCounted": list(one.notes),
    }


def summary(found: Gated) -> str:
    """A Markdown block for a job summary or a comment: a table of who is missing.

    Other people's words stand in it as themselves: no mark-up, no mention, no link.
    """
    title = f"### mlops-gitops gate\n\nPull request {found.pull.number} {_WORDS[found.answer]}."
    rows = [
        f"| {_MARKS[one.answer]} | {markdown.inert(one.about)} | {_cell(one.approved)} | {_cell(_gaps(one))} |"
        for one in found.parts
    ]
    if not rows:
        return title
    return "\n".join([f"{title}\n", "| | What | Approved by | Still missing |", "|---|---|---|---|", *rows])


def _gaps(part: Part) -> Sequence[str]:
    if part.missing:
        return [_asked(one) for one in part.missing]
    return [] if part.answer is Answer.PASS else [part.reason]


def _cell(words: Sequence[str]) -> str:
    return "<br>".join(map(markdown.inert, words)) or "-"
