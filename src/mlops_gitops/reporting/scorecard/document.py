"""A scorecard for programs: ``schemas/output/report.schema.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_gitops.canonical import JSON
from mlops_gitops.reporting.scorecard.records import Asked, Card, Reading, Remark, Score, Scorecard


def document(
    found: Scorecard,
    *,
    summary: str,
    shown: int,
    files: Sequence[str],
    comment: Mapping[str, JSON] | None,
    leaderboards: Sequence[JSON],
) -> dict[str, JSON]:
    """Everything that is known.

    ``shown`` is the number of annotations that GitHub shows; ``files`` are those that were written; ``comment`` says
    what became of the comment, and is ``None`` where none was wanted.
    """
    remarks = found.all_remarks
    return {
        "answer": found.answer.value,
        "summary": summary,
        "repository": found.run.repository,
        "pullRequest": found.run.pull_request,
        "head": found.run.head,
        "run": f"{found.run.id}.{found.run.attempt}" if found.run.id else None,
        "models": [_card(one) for one in found.cards],
        "files": found.files,
        "remarks": [_remark(one) for one in remarks],
        "annotations": {"shown": shown, "hidden": len(remarks) - shown},
        "approvals": [_asked(one) for one in found.asked],
        "troubles": [
            {"code": one.code, "message": one.message, "hint": one.hint, "retry": one.retry} for one in found.troubles
        ],
        "sources": [{"file": one.file, "kind": one.kind, "sha256": one.sha256} for one in found.sources],
        "leftOut": [{"file": one.file, "reason": one.reason} for one in found.left_out],
        "missing": list(found.missing),
        "written": list(files),
        "comment": dict(comment) if comment is not None else None,
        "leaderboards": list(leaderboards),
    }


def _card(card: Card) -> dict[str, JSON]:
    level = card.level
    return {
        "model": card.model,
        "version": card.version,
        "champions": list(card.champions),
        "answer": card.answer.value,
        "reports": [
            {
                "kind": one.kind,
                "verdict": one.verdict.value,
                "summary": one.summary,
                "checks": one.checks,
                "failed": one.failed,
                "inconclusive": one.open,
            }
            for one in card.parts
        ],
        "scores": [_score(one) for one in card.scores],
        "drift": [_reading(one) for one in card.drift],
        "serving": [_reading(one) for one in card.serving],
        "reproducibility": {
            "promised": level.promised,
            "reached": level.reached,
            "verdict": level.verdict.value,
            "summary": level.summary,
        }
        if level
        else None,
        "images": [
            {"digest": one.digest, "size": one.size, "pattern": one.pattern, "reference": one.reference}
            for one in card.images
        ],
        "moves": [
            {
                "environment": one.environment,
                "outcome": one.outcome,
                "version": one.version,
                "reasons": [{"gate": gate, "answer": answer, "words": words} for gate, answer, words in one.reasons],
            }
            for one in card.moves
        ],
    }


def _score(one: Score) -> dict[str, JSON]:
    return {
        "metric": one.metric,
        "slice": one.slice,
        "better": one.better,
        "verdict": one.verdict.value,
        "outcome": one.outcome,
        "candidate": one.candidate,
        "candidateInterval": list(one.interval) if one.interval else None,
        "against": one.against,
        "champion": one.champion,
        "change": one.change,
        "changeInterval": list(one.change_interval) if one.change_interval else None,
        "limit": one.limit,
        "rows": one.rows,
    }


def _reading(one: Reading) -> dict[str, JSON]:
    return {
        "id": one.id,
        "subject": one.subject,
        "verdict": one.verdict.value,
        "observed": one.observed,
        "limit": one.limit,
    }


def _remark(one: Remark) -> dict[str, JSON]:
    return {
        "id": one.id,
        "severity": "error" if one.error else "warning",
        "about": one.about,
        "file": one.file or None,
        "line": one.line or None,
        "column": one.column or None,
        "message": one.message,
        "fix": one.fix or None,
    }


def _asked(one: Asked) -> dict[str, JSON]:
    return {
        "about": one.about,
        "answer": one.answer.value,
        "reason": one.reason,
        "approved": list(one.approved),
        "missing": [
            {"count": gap.count, "group": gap.group, "ask": list(gap.ask), "why": gap.why} for gap in one.missing
        ],
    }
