"""Why a command, or a part of one, came to no answer: the same five fields wherever JSON tells it."""

from __future__ import annotations

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Failure


def failure_document(failure: Failure) -> dict[str, JSON]:
    """A failure, as JSON."""
    return {
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "retry": failure.retry,
        "exitCode": failure.exit_code,
    }
