"""The title and the text of the pull request that proposes a promotion, made from the decision alone.

What a reviewer needs comes first: whether it may move.  The text says nothing that changes by the mere passing of time
and nothing of who runs this, so the same plan always gives the same bytes and nothing is rewritten without a reason.
Words that others wrote are shown inert, and the whole is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.reporting.inert import inert as control_free
from mlops_gitops.reporting.markdown import inert

MARKER = "<!-- mlops-gitops: promotion -->"
"""Stands in every text that was generated."""
LONGEST = 60_000
"""Bytes; GitHub takes 65,536 characters."""
_REASON = 400
_FAREWELL = 4000
_SHOWN = 60
_REMAINS = re.compile(r";? ?(?:\d+ (?:day|hour|minute|second)s? ?){1,2}remain\b")
_MARKS = {Answer.PASS: "✓", Answer.FAIL: "✗", Answer.PENDING: "…"}
_VERDICTS = {
    Outcome.MOVE: "Every gate passes: this is merged by the next run.",
    Outcome.PENDING: "This waits. What it waits for is marked with … below.",
    Outcome.REFUSED: "This is refused.",
    Outcome.NOTHING: "There is nothing to do.",
}


def describe(decision: Decision) -> tuple[str, str]:
    """Title and text."""
    release, slot = decision.situation.dossier.release, decision.situation.slot
    title = f"Promote {release.name} {release.version} to {decision.environment}"
    champion = decision.situation.slot.current
    environment = slot.environment.name
    rows = [
        ("Model", release.name),
        ("Into", environment),
        *([("Targets", ", ".join(decision.targets))] if decision.targets else []),
        ("Release", f"{release.version} ({release.id[:12]})"),
        ("Replaces", f"release {champion[:12]}" if champion else "nothing: it never ran here"),
        ("From commit", release.source.revision[:12]),
    ]
    parts = [
        MARKER,
        f"**{_VERDICTS[decision.outcome]}**",
        _table(("", ""), [(name, inert(value)) for name, value in rows]),
        f"### Gates of {environment}",
        _table(("", "Gate", "Answer"), _gates(decision.judgements)),
        *_missing(decision),
        "### What happens",
        _next(decision),
        "### How to stop it",
        _stop(decision),
    ]
    return control_free(title)[:200], _bounded("\n\n".join(parts) + "\n", LONGEST)


def farewell(reason: str) -> str:
    """The comment with which a pull request is closed."""
    return f"{MARKER}\n\nThis is no longer proposed: {inert(_steady(reason)[:_FAREWELL])}"


def _gates(judgements: Sequence[Judgement]) -> list[tuple[str, str, str]]:
    worst = sorted(judgements, key=lambda one: (Answer.FAIL, Answer.PENDING, Answer.PASS).index(one.answer))
    rows = [(_MARKS[one.answer], inert(one.gate), inert(_steady(one.reason)[:_REASON])) for one in worst[:_SHOWN]]
    return [*rows, *([("", "", f"and {len(worst) - _SHOWN} more")] if len(worst) > _SHOWN else [])]


def _steady(reason: str) -> str:
    """A reason without what changes by the minute."""
    return _REMAINS.sub("", reason)


def _missing(decision: Decision) -> list[str]:
    asked = [one for one in decision.blocking if one.gate == "approvals"]
    return [f"### Who is still missing\n\n{inert(_steady(one.reason)[:_REASON])}" for one in asked]


def _next(decision: Decision) -> str:
    environment = decision.environment
    runs = (
        f"Then {environment} runs the release"
        if decision.whole
        else "Then these targets run the release; the other waves follow without another pull request, each when every "
        "gate passes and as long as these approvals count"
    )
    return (
        f"When every gate passes, `mlops-gitops reconcile` merges exactly this commit. {runs}. "
        "A signed seal records the approvals in the repository. Approvals count for this commit only. "
        "A commit that somebody else adds to the branch stops the merge. Merging by hand before every gate passes "
        "leaves the promotion without a seal, and it has to be rolled back."
    )


def _stop(decision: Decision) -> str:
    model, environment, release = decision.model, decision.environment, decision.release[:12]
    return (
        f"* Request changes here; or `mlops-gitops control veto {model} --in {environment} --release {release} "
        '--reason "…"`.\n'
        "* Closing this is no answer: what the policy allows is proposed again."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _bounded(text: str, longest: int) -> str:
    """A text that a forge takes.  What is cut is cut between lines, so that no mark of Markdown stays open."""
    if len(text) <= longest:
        return text
    return text[: longest - 40].rpartition("\n")[0] + "\n\nThe rest does not fit here.\n"
