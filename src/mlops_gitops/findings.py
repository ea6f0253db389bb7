"""What is wrong in a user's file, and where.

A ``Finding`` is made by a rule and shown by a reporter; neither knows the other.  It carries everything that a person
needs to act: file, line, column, a stable rule id, what is wrong in their words, how to fix it, and the page that says
more.  These records are named tuples, not dataclasses, because ``validate`` must start in a few tens of milliseconds
and ``import dataclasses`` alone costs a bare interpreter start.
"""

from enum import Enum
from typing import NamedTuple

DOCUMENTATION = "https://github.com/mlops-gitops/mlops-gitops/blob/main/docs/reference/rules"


class Severity(Enum):
    """How much a finding weighs: an error fails ``validate``, a warning does not."""

    ERROR = "error"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """Position when sorted worst first."""
        return 0 if self is Severity.ERROR else 1


class Location(NamedTuple):
    """A place in a file.  Lines and columns count from one; ``end_column`` is exclusive, as in SARIF."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Finding(NamedTuple):
    """One problem in one file."""

    rule: str
    severity: Severity
    location: Location
    message: str
    fix: str

    @property
    def documentation(self) -> str:
        """The page that explains the rule, with an example before and after."""
        return f"{DOCUMENTATION}/{self.rule}.md"

    @property
    def order(self) -> tuple[int, str, int, int, str]:
        """Sort key: worst first, then by place."""
        return (self.severity.rank, self.location.file, self.location.line, self.location.column, self.rule)
