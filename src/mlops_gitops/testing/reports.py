"""Checks as the report of one kind of test, with its summary: what every suite ends in.  Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_gitops.evidence.figures import Figure
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.files import DataFile

_WORDS = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "inconclusive"}


def materials(files: Sequence[DataFile]) -> tuple[tuple[str, str], ...]:
    """The data sets that were read, by digest."""
    return tuple((f"data/{file.dataset.name}", file.digest) for file in files if file.digest)


def made(
    kind: str,
    model: Model,
    checks: Sequence[Check],
    materials: tuple[tuple[str, str], ...],
    *,
    champion: str | None = None,
    figures: Sequence[Figure] = (),
) -> Report:
    """A report with the summary that people read."""
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    words = [f"{counts[Verdict.PASS]} of {wording.number(len(checks))} checks passed"]
    words += [f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict]]
    summary = f"{model.name} {model.version}: {', '.join(words)}{_reason(kind, checks)}"
    return Report(kind, tuple(checks), summary, materials, champion, figures=tuple(figures))


def _reason(kind: str, checks: Sequence[Check]) -> str:
    """What people want to hear of a comparison that passed: by how much the first metric changed."""
    passed = kind == "comparison" and all(check.verdict is Verdict.PASS for check in checks)
    return next((f": {check.message}" for check in checks if passed and check.id == "comparison.metric"), "")
