"""Every way a command can end other than well.

A command ends in one of six ways, each with an exit code that scripts may rely on.  Code that meets a failure raises
one of these; only ``cli/main.py`` turns them into words and exit codes.  A problem in a user's *file* is not an
exception but a ``Finding``; an exception that is not one of these is a bug in this program.
"""

from __future__ import annotations

from typing import ClassVar


class Failure(Exception):
    """A failure that a person can act on.

    ``message`` says what was tried and what came back; ``hint`` says what to do; ``code`` is stable and documented.
    """

    exit_code: ClassVar[int]
    retry: bool = False
    """Whether trying the same command again, unchanged, can help."""

    def __init__(self, message: str, *, hint: str, code: str, retry: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        if retry is not None:
            self.retry = retry


class Refused(Failure):
    """The answer is no: findings in a file, a failed gate, evidence that does not hold."""

    exit_code = 1


class Misused(Failure):
    """The command was called wrongly: an unknown option, a path that does not exist."""

    exit_code = 2


class NotYet(Failure):
    """Something is still missing that somebody can supply: evidence, an approval, soak time."""

    exit_code = 4
    retry = True


class WorldFailed(Failure):
    """The world did not do its part: network, authentication, disk, a missing tool."""

    exit_code = 5
    retry = True


EXIT_DONE = 0
EXIT_BUG = 70
