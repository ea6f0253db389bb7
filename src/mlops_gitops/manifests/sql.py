"""The part of SQL that a rule of a manifest may use: which functions, and how much of it.

A closed list.  Every function on it looks at one row, gives the same answer at any time on any machine, needs time
and room in proportion to what it is given, and touches nothing outside.  What is missing here is refused, whatever it
does.  ``testing/engines/expressions.py`` holds expressions to it; this module imports nothing.
"""

FUNCTIONS = frozenset(
    (  # noqa: SIM905 - a list of sixty lines reads worse
        "abs ceil ceiling floor round trunc sign sqrt ln log10 exp least greatest isnan isfinite isinf "
        "length strlen lower upper trim ltrim rtrim starts_with ends_with contains left right "
        "substring regexp_matches regexp_full_match nullif ifnull coalesce "
        "year month day hour minute second dayofweek isodow dayofyear week quarter date_part date_trunc date_diff "
        "datediff to_days to_hours to_minutes to_seconds"
    ).split()
)
"""Functions that a rule may call by name."""

PATTERNS = frozenset({"regexp_matches", "regexp_full_match", "~~", "!~~", "~~*", "!~~*"})
"""Functions and operators whose last argument is a pattern, which must stand there as text."""

OPERATORS = frozenset({"+", "-", "*", "/", "//", "%", "||", *(PATTERNS - FUNCTIONS)})

TYPES = frozenset({"BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "TIME"})
"""Types that a value may be converted to."""

LONGEST = 1000
"""Characters of an expression."""
DEEPEST = 32
"""Levels of brackets."""
MOST_PARTS = 200
"""Columns, values, operators and calls in one expression."""
LONGEST_PATTERN = 100
"""Characters of a pattern."""
MOST_WILDCARDS = 4
"""``%`` and ``_`` in a pattern of ``LIKE``."""
