"""A scorecard as annotations: the worst remarks on their lines, within GitHub's caps.

A step shows ten errors and ten warnings.  A path that leaves the repository, or a place that nobody knows, makes an
annotation without a line.  Nothing in a remark can become a command: see ``reporting.github``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from mlops_gitops.reporting.github import escape_message, escape_property
from mlops_gitops.reporting.scorecard import words
from mlops_gitops.reporting.scorecard.records import Remark

SHOWN = 10
"""Of each severity."""
_MESSAGE = 1000
_TITLE = 120


def chosen(remarks: Sequence[Remark]) -> tuple[Remark, ...]:
    """Those that GitHub shows, of remarks that stand worst first."""
    errors = [one for one in remarks if one.error][:SHOWN]
    return (*errors, *[one for one in remarks if not one.error][:SHOWN])


def render(remarks: Sequence[Remark]) -> str:
    """The workflow commands, one a line, and how many more there are."""
    shown = chosen(remarks)
    lines = [_command(one) for one in shown]
    if len(remarks) > len(shown):
        lines.append(f"::notice title=mlops-gitops::and {len(remarks) - len(shown):,} more in the summary of this job")
    return "".join(f"{line}\n" for line in lines)


def _command(one: Remark) -> str:
    properties = {}
    if _inside(one.file) and one.line:
        properties = {"file": one.file, "line": str(one.line)}
        if one.column and one.end_line in {0, one.line}:
            properties["col"] = str(one.column)
            if one.end_column > one.column:
                properties["endColumn"] = str(one.end_column)
    about = f": {words.plain(one.about, _TITLE)}" if one.about else ""
    properties["title"] = f"{words.plain(one.id, _TITLE)}{about}"
    written = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    message = words.plain(one.message, _MESSAGE) + (f"\nfix: {words.plain(one.fix, _MESSAGE)}" if one.fix else "")
    return f"::{'error' if one.error else 'warning'} {written}::{escape_message(message)}"


def _inside(file: str) -> bool:
    """Whether this is plainly a file of the repository."""
    path = PurePosixPath(file)
    plain = file.isprintable() and re.fullmatch(r"[^\\]+", file) is not None
    return bool(file) and plain and not path.is_absolute() and ".." not in path.parts
