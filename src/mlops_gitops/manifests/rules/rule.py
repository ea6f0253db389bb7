"""The record that a rule is, and what it says about one place.

Everything a person reads about a rule is written here once: the finding and the documentation page are both made from
it.  Ids are grouped by family (``MG0xx`` documents, ``MG1xx`` schema, …), are never reused and never change meaning.
"""

from typing import NamedTuple

from mlops_gitops.findings import Finding, Location, Severity

ERROR = Severity.ERROR
WARNING = Severity.WARNING

Pointer = tuple[str | int, ...]
"""A path into a document: ``("spec", "metrics", 0, "name")``."""


class Rule(NamedTuple):
    """One thing that can be wrong.

    ``before`` triggers the rule and ``after`` does not; both are YAML, the smallest that shows it.  A line
    ``# file: PATH`` starts another file; without one, the example is the document ``kind`` in its usual place.
    """

    id: str
    name: str
    severity: Severity
    summary: str
    fix: str
    why: str
    before: str
    after: str
    kind: str = "Model"

    def at(self, location: Location, message: str, fix: str = "") -> Finding:
        """This rule, broken at ``location``."""
        return Finding(self.id, self.severity, location, message, fix or self.fix)

    def on(self, pointer: Pointer, message: str, fix: str = "") -> "Problem":
        """This rule, broken at a place whose line is not looked up yet."""
        return Problem(self, pointer, message, fix)

    def inside(self, pointer: Pointer, within: int, message: str, fix: str = "") -> "Problem":
        """This rule, broken inside a text, ``within`` characters from its beginning."""
        return Problem(self, pointer, message, fix, within=within)

    def on_key(self, pointer: Pointer, message: str, fix: str = "") -> "Problem":
        """This rule, broken by the key of a place and not by its value."""
        return Problem(self, pointer, message, fix, key=True)


class Problem(NamedTuple):
    """A finding before its line is known: lines are looked up only when there is something to say.

    ``key`` says that the key at ``pointer`` is to be shown, whatever its value is; ``within``, how many characters into
    the text at ``pointer`` the problem is.
    """

    rule: Rule
    pointer: Pointer
    message: str
    fix: str = ""
    key: bool = False
    within: int | None = None
