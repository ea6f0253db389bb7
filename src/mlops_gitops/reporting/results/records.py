"""The reports of one run of the tests, by model, and the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_gitops.evidence.verdicts import Check, Report, Verdict, combined
from mlops_gitops.records import record

RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
WORDS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "inconclusive"}
NAMES = {
    "data-tests": "Data",
    "feature-tests": "Features",
    "model-tests": "Model",
    "history-tests": "Past releases",
    "comparison": "Champion and challenger",
    "infra-tests": "Serving",
    "scan": "Scan of the model file",
    "monitoring": "Production",
}


@record
class Results:
    """Reports with the name of the model each is about."""

    reports: tuple[tuple[str, Report], ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return combined(one.verdict for _, one in self.reports)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, each once."""
        return tuple(dict.fromkeys(model for model, _ in self.reports))

    def of(self, model: str) -> Results:
        """Those about one model."""
        return Results(tuple(one for one in self.reports if one[0] == model))

    def checks(self) -> Iterator[tuple[str, Report, Check]]:
        """Every check with its model and its report."""
        return ((model, report, check) for model, report in self.reports for check in report.checks)

    def count(self, verdict: Verdict) -> int:
        """How many checks have this verdict."""
        return sum(check.verdict is verdict for _, _, check in self.checks())


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Failed, then inconclusive, then passed, each in the order of the tests."""
    return sorted(checks, key=lambda check: RANK[check.verdict])


def sentence(results: Results) -> str:
    """The answer in a few words."""
    whole = sum(len(report.checks) for _, report in results.reports)
    parts = [f"{results.count(Verdict.PASS):,} of {whole:,} checks passed"]
    parts += [
        f"{count:,} {WORDS[verdict]}"
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
        if (count := results.count(verdict))
    ]
    return ", ".join(parts)
