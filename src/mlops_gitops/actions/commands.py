"""Workflow commands: the lines on standard output that a runner obeys.

See "Workflow commands for GitHub Actions".  Whatever is put into one is escaped, so that no text can start another.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TextIO

from mlops_gitops.reporting.github import escape_message, escape_property, shown


def annotation(level: str, message: str, *, title: str) -> str:
    """One annotation without a place: ``level`` is ``error``, ``warning`` or ``notice``."""
    return f"::{level} title={escape_property(title)}::{escape_message(shown(message))}"


def debug(message: str) -> str:
    """A line that only a run with debug logging shows."""
    return f"::debug::{escape_message(message)}"


def masks(secret: str) -> Iterator[str]:
    """The commands that hide ``secret`` in the log: one for each line, because a runner compares line by line."""
    for line in {secret.strip(), *map(str.strip, secret.splitlines())}:
        if len(line) > 3:  # noqa: PLR2004 - a shorter mask would hide half of every log
            yield f"::add-mask::{escape_message(line)}"


def mask(values: Iterable[str], out: TextIO) -> None:
    """Hide every one of ``values`` from here on.  Comes before any use of them."""
    for value in values:
        out.writelines(line + "\n" for line in masks(value))
    out.flush()


@contextlib.contextmanager
def stopped(out: TextIO, err: TextIO) -> Iterator[None]:
    """While this lasts, nothing that is printed is obeyed: it surrounds everything that other programs say.

    Both streams lead to the same place (see ``launch``).  What waits in ``err`` is sent before the end, and the word of
    the end stands on a line of its own, whatever was printed without one.
    """
    word = os.urandom(16).hex()
    out.write(f"::stop-commands::{word}\n")
    out.flush()
    try:
        yield
    finally:
        err.flush()
        out.write(f"\n::{word}::\n")
        out.flush()
