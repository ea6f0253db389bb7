"""Decisions, receipts and slots as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.promotion.apply import Answered, replaced
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.reporting import targets
from mlops_gitops.reporting.failures import failure_document
from mlops_gitops.reporting.inert import inert

if TYPE_CHECKING:  # who promotes meets none of them
    from mlops_gitops.promotion.remedies import Remedy
    from mlops_gitops.promotion.rows import Standing
    from mlops_gitops.promotion.status import Difference, Running
    from mlops_gitops.promotion.verify import Verification

_MARKS = {Answer.PASS: "✓", Answer.FAIL: "✗", Answer.PENDING: "…"}
_WORDS = {
    Outcome.MOVE: "may move",
    Outcome.NOTHING: "nothing to do",
    Outcome.PENDING: "not yet",
    Outcome.REFUSED: "refused",
}
RESULTS = {
    Outcome.MOVE: "planned",
    Outcome.NOTHING: "nothing-to-do",
    Outcome.PENDING: "pending",
    Outcome.REFUSED: "refused",
}
"""What a command as a whole came to, in JSON, where it wrote nothing."""


def short(digest: str | None) -> str:
    """The first twelve digits of a digest, as people say it."""
    return digest[:12] if digest else "-"


def decision_text(decision: Decision, *, done: str | None = None) -> str:
    """A decision with its reasons, a line each; ``done`` replaces the word for what it came to."""
    release = decision.situation.dossier.release
    word = done or _WORDS[decision.outcome]
    head = f"{release.name} {release.version} ({short(release.id)}) → {decision.environment}: {word}"
    return "\n".join([head, *map(judgement_text, decision.judgements)])


def explanation_text(
    decision: Decision, found: Sequence[Remedy], places: Sequence[Standing] = (), rollback: Judgement | None = None
) -> str:
    """A decision with what runs there now and how to change what stands in the way.

    ``rollback`` is what automatic rollback says of what runs there.
    """
    current = decision.situation.slot.current
    lines = [
        decision_text(decision),
        f"{decision.environment} runs {f'release {short(current)}' if current else 'nothing'}",
    ]
    lines += [f"  {targets.text(one)}" for one in places]
    if rollback is not None:
        word = "goes back" if rollback.answer is Answer.PASS else "does not go back"
        lines.append(f"by itself it {word}: {inert(rollback.reason)}")
    if found:
        lines.append("what can change it:")
        lines += [line for one in found for line in _remedy_lines(one)]
    away = decision.situation.dossier.turned_away
    lines += [f"not counted: evidence {one.name[:40]}…: {inert(one.reason)}" for one in away]
    return "\n".join(lines)


def _remedy_lines(one: Remedy) -> list[str]:
    told = [f"  {one.gate}: {inert(one.what)}"]
    return told + [f"    {command}" for command in one.commands if f"`{command}`" not in one.what]


def explanation_document(
    decision: Decision, found: Sequence[Remedy], places: Sequence[Standing] = (), rollback: Judgement | None = None
) -> dict[str, JSON]:
    """The same, as JSON."""
    return {
        "model": decision.model,
        "environment": decision.environment,
        "outcome": decision.outcome.value,
        "release": decision.release,
        "version": decision.situation.dossier.release.version,
        "current": decision.situation.slot.current,
        "reasons": [judgement_document(one) for one in decision.judgements],
        "remedies": [
            {
                "gate": one.gate,
                "remedy": one.what,
                "who": list(one.who),
                "commands": list(one.commands),
                "when": times.format_instant(one.when) if one.when else None,
            }
            for one in found
        ],
        "turnedAway": [{"name": one.name, "reason": one.reason} for one in decision.situation.dossier.turned_away],
        "targets": targets.document(places),
        "rollback": judgement_document(rollback) if rollback else None,
    }


def judgement_text(one: Judgement) -> str:
    """One reason as a line."""
    return f"  {_MARKS[one.answer]} {one.gate:<13} {inert(one.reason)}"


def answered_text(one: Answered, *, done: str) -> str:
    """What became of one wish."""
    if one.decision is None:
        failure = one.failure
        said = f"{inert(failure.message)}\n  what to do: {inert(failure.hint)}" if failure else "no decision"
        return f"{one.wish.model} → {one.wish.environment}: {said}"
    if one.receipt is None:
        return decision_text(one.decision)
    return decision_text(one.decision, done=done) + f"\n  receipt {short(one.receipt.id)}"


def answered_document(one: Answered) -> dict[str, JSON]:
    """What became of one wish, as JSON."""
    decision = one.decision
    release = decision.situation.dossier.release if decision else None
    moves = decision is not None and decision.outcome is Outcome.MOVE
    return {
        "model": one.wish.model,
        "environment": one.wish.environment,
        "outcome": decision.outcome.value if decision else "failed",
        "release": release.id if release else None,
        "version": release.version if release else None,
        "replaced": replaced(decision) if decision and moves else None,
        "promotion": one.receipt.id if one.receipt else None,
        "reasons": [judgement_document(reason) for reason in decision.judgements] if decision else [],
        "error": failure_document(one.failure) if one.failure else None,
        "targets": list(decision.targets) if decision and moves else [],
        "whole": decision.whole if decision and moves else True,
    }


def judgement_document(one: Judgement) -> JSON:
    """One reason, as JSON."""
    return {"gate": one.gate, "answer": one.answer.value, "reason": one.reason, "evidence": list(one.evidence)}


_UNSEALED = "what moved last came by a pull request and has no seal; `mlops-gitops reconcile` says why"


def status_text(rows: Sequence[Running]) -> str:
    """What runs where: a line for each model and environment, in columns."""
    if not rows:
        return "no model has a release yet"
    several = any(one.targets for one in rows)
    head = ("MODEL", "ENVIRONMENT", "VERSION", "RELEASE", "SINCE", "BY", "CONTROLS")
    table = [(*head, "TARGETS") if several else head]
    for one in rows:
        none = "?" if one.problem else "-"
        since = times.format_instant(one.since) if one.since else none
        release = short(one.release) if one.release else none
        controls = ", ".join(one.controls) or none
        row = (one.model, one.environment, one.version or none, release, since, one.action or none, controls)
        table.append((*row, targets.progress(one)) if several else row)
    problems = [f"{one.model} in {one.environment}: {inert(one.problem)}" for one in rows if one.problem]
    unsealed = [f"{one.model} in {one.environment}: {_UNSEALED}" for one in rows if one.unsealed]
    return "\n".join([*columns(table), *problems, *unsealed])


def columns(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    line = "  ".join(f"{{:<{width}}}" for width in widths).format
    return [line(*row).rstrip() for row in table]


def status_json(commit: str, rows: Sequence[Running]) -> str:
    """What runs where, as a JSON document with a line for each slot: there may be tens of thousands."""
    lines = ",\n    ".join(map(json.dumps, map(_slot_document, rows)))
    slots = f"[\n    {lines}\n  ]" if rows else "[]"
    return f'{{\n  "commit": {json.dumps(commit)},\n  "slots": {slots}\n}}'


def _slot_document(one: Running) -> dict[str, JSON]:
    return {
        "model": one.model,
        "environment": one.environment,
        "release": one.release,
        "version": one.version,
        "since": times.format_instant(one.since) if one.since else None,
        "action": one.action,
        "controls": list(one.controls),
        "problem": one.problem,
        "unsealed": one.unsealed,
        "targets": targets.document(one.targets),
    }


def receipt_text(receipt: Receipt, *, version: str) -> str:
    """One promotion with the reasons for which it was allowed."""
    verb = "promoted to" if receipt.action == "promote" else "rolled back in"
    what = f"{receipt.model} {version} ({short(receipt.release)})"
    where = receipt.environment
    if receipt.targets:
        where += f": {', '.join(receipt.targets)}" + (", and with them the environment" if receipt.whole else "")
    lines = [f"{times.format_instant(receipt.time)}  {what} {verb} {where}"]
    lines += [f"  receipt {short(receipt.id)}, replacing {short(receipt.replaced)}"]
    if receipt.reason:
        lines.append(f"  because: {inert(receipt.reason)}")
    return "\n".join([*lines, *map(judgement_text, receipt.judgements)])


def receipt_document(receipt: Receipt, *, version: str) -> JSON:
    """One promotion, as JSON."""
    return {
        "promotion": receipt.id,
        "action": receipt.action,
        "environment": receipt.environment,
        "model": receipt.model,
        "release": receipt.release,
        "version": version,
        "replaced": receipt.replaced,
        "sequence": receipt.sequence,
        "time": times.format_instant(receipt.time),
        "reason": receipt.reason,
        "reasons": [judgement_document(one) for one in receipt.judgements],
        "targets": list(receipt.targets),
        "whole": receipt.whole,
    }


def differences_text(found: Sequence[Difference]) -> str:
    """Where environments differ."""
    if not found:
        return "every environment points at the same release as the one before it"
    table = [("MODEL", "AHEAD", "RELEASE", "BEHIND", "RELEASE")]
    table += [
        (one.model, one.ahead, short(one.ahead_release), _behind(one), short(one.behind_release)) for one in found
    ]
    return "\n".join(columns(table))


def _behind(one: Difference) -> str:
    return f"{one.behind}/{one.target}" if one.target else one.behind


def differences_document(found: Sequence[Difference]) -> JSON:
    """Where environments differ, as JSON."""
    return [
        {
            "model": one.model,
            "ahead": {"environment": one.ahead, "target": None, "release": one.ahead_release},
            "behind": {"environment": one.behind, "target": one.target, "release": one.behind_release},
        }
        for one in found
    ]


def verification_text(found: Verification) -> str:
    """What ``verify`` looked at, and every problem."""
    looked = (
        f"{_many(found.receipts, 'receipt')}, {_many(found.evidence, 'piece')} of evidence and "
        f"{_many(found.releases, 'release')} in {_many(found.commits, 'commit')} up to {short(found.tip)}"
    )
    if not found.problems:
        return f"✓ everything holds: {looked}"
    lines = [
        f"✗ {inert(one.path)}: {inert(one.message)} [{one.id}]"
        + (f" (in commit {short(one.commit)})" if one.commit else "")
        for one in found.problems
    ]
    count = len(found.problems)
    return "\n".join([*lines, f"{count} {'thing does' if count == 1 else 'things do'} not hold: {looked}"])


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def verification_document(found: Verification) -> JSON:
    """What ``verify`` found, as JSON."""
    return {
        "result": "holds" if not found.problems else "broken",
        "commit": found.tip,
        "receipts": found.receipts,
        "evidence": found.evidence,
        "releases": found.releases,
        "commits": found.commits,
        "problems": [
            {"id": one.id, "path": one.path, "message": one.message, "commit": one.commit} for one in found.problems
        ],
    }
