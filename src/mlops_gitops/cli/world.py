"""Everything a command may know of the outside, in one record, so that a test can be the outside."""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

if TYPE_CHECKING:  # not at run time: importing it costs a third of a bare interpreter start, and `validate` needs none
    from pathlib import Path


def _now() -> datetime:
    return datetime.now(UTC)


class World(NamedTuple):
    """The environment variables, the clock, the working folder and the three streams of one command."""

    environ: Mapping[str, str]
    now: Callable[[], datetime]
    folder: "str | PathLike[str]"
    out: TextIO
    err: TextIO

    @classmethod
    def of_process(cls) -> Self:
        """The world of this very process.

        What its terminal has no letter for is shown as an escape: a file's name may hold any byte.
        """
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(environ=dict(os.environ), now=_now, folder=os.getcwd(), out=sys.stdout, err=sys.stderr)  # noqa: PTH109

    @property
    def cwd(self) -> "Path":
        """The working folder, as a path."""
        from pathlib import Path

        return Path(self.folder)

    def print(self, text: str = "") -> None:
        """A line of result, on standard output."""
        self.out.write(text + "\n")

    def note(self, text: str) -> None:
        """A line of progress or advice, on standard error, so that results can be piped."""
        self.err.write(text + "\n")
        self.err.flush()

    def progress(self, text: str) -> None:
        """What is being done now, for a person who watches; nothing in a log."""
        if self.interactive:
            self.note(f"{text} …")

    @property
    def interactive(self) -> bool:
        """Whether a person watches: progress is drawn only then."""
        return self.err.isatty()
