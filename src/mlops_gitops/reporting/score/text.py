"""The score for a terminal, and for programs."""

from __future__ import annotations

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.score.rubric import SECTIONS, meaning
from mlops_gitops.evidence.score.scoring import How, Line, Score
from mlops_gitops.reporting.inert import inert

MARKS = {How.AUTOMATIC: "●", How.BY_HAND: "◐", How.NOT: "○"}
POSSIBLE = 7


def points(value: float) -> str:
    """Points as people write them: 3, 2.5."""
    return f"{value:g}"


def text(score: Score) -> str:
    """Section by section, every test with its reason, and what earns the next point."""
    release = score.release
    about = f"{inert(release.name)} {inert(release.version)} ({release.id[:12]})"
    lines = [f"ML Test Score of {about}: {points(score.total)} of {POSSIBLE}, {meaning(score.total)}"]
    for name, title in SECTIONS.items():
        lines += ["", f"{title}: {points(score.section(name))}{'  ← holds the score' * (name in score.weakest)}"]
        lines += [
            f"  {MARKS[one.how]} {one.test.id}: {one.test.title}\n      {inert(one.reason)}" for one in of(score, name)
        ]
    wanted = upcoming(score)
    if wanted:
        lines += ["", "For the next point:"]
        lines += [f"  {one.test.id}: {inert(one.next)}" for one in wanted]
    return "\n".join(lines)


def of(score: Score, section: str) -> list[Line]:
    """The tests of one section."""
    return [one for one in score.lines if one.test.section == section]


def upcoming(score: Score) -> list[Line]:
    """What would raise the score: tests of the weakest sections that have points to earn, automatic ones first."""
    able = [one for one in score.lines if one.next and one.test.section in score.weakest]
    return sorted(able, key=lambda one: (not one.test.automatic, score.lines.index(one)))


def document(score: Score) -> dict[str, JSON]:
    """The score as ``schemas/output/score.schema.json`` has it."""
    return {
        "model": score.release.name,
        "version": score.release.version,
        "release": score.release.id,
        "score": score.total,
        "possible": POSSIBLE,
        "meaning": meaning(score.total),
        "sections": [
            {"name": name, "title": title, "points": score.section(name), "weakest": name in score.weakest}
            for name, title in SECTIONS.items()
        ],
        "tests": [
            {
                "id": one.test.id,
                "title": one.test.title,
                "how": one.how.value,
                "points": one.how.points,
                "reason": one.reason,
                "evidence": list(one.evidence),
                "next": one.next,
            }
            for one in score.lines
        ],
        "next": [one.test.id for one in upcoming(score)],
    }
