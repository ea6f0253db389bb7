"""What can be wrong with an expression, and how far one may go."""

from __future__ import annotations

LONGEST_EXPRESSION = 5_000
"""Characters of one expression."""
DEEPEST = 32
"""How deep an expression may be nested: brackets, operators on operators, macros in macros."""
COST_LIMIT = 2_000_000
"""The price of one evaluation, in steps, each of them one to four microseconds of one core.

``verify`` decides by it again for as long as receipts exist: it may be raised, never lowered.
"""


UNPLACED = -1


class Faulty(ValueError):
    """An expression that cannot be read or has no value.  ``at`` is the offset of the place in its text."""

    def __init__(self, message: str, at: int = UNPLACED) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


class TooCostly(Faulty):
    """An expression that may or did take more steps than one may."""


def place(text: str, at: int) -> str:
    """An offset as people count: ``line 1, column 9``."""
    before = text[: max(at, 0)]
    return f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"
