"""What every reporter is given."""

from typing import NamedTuple

from mlops_gitops.findings import Finding, Severity


class Result(NamedTuple):
    """All findings of a run, and how many files were checked."""

    findings: tuple[Finding, ...]
    files: int

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(one.severity is Severity.ERROR for one in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.errors

    @property
    def summary(self) -> str:
        """One line: ``2 errors and 1 warning in 5 files``."""
        files = _count(self.files, "file")
        if not self.findings:
            return f"{files}, no findings"
        parts = [_count(self.errors, "error")] if self.errors else []
        if self.warnings:
            parts.append(_count(self.warnings, "warning"))
        return f"{' and '.join(parts)} in {files}"


def worst_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Errors before warnings, then by place."""
    return sorted(findings, key=lambda one: one.order)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
