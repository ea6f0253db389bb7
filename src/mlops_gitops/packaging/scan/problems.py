"""What a scan found, and the bounds it works within.

Scanning has no exception for "hostile": everything that is not understood becomes a ``Problem``, and one problem fails
the file.  Parsers raise ``ValueError`` inside this package only; ``files.py`` turns it into a problem.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from mlops_gitops.records import record


@record
class Problem:
    """One reason not to load a file.

    ``id`` is the stable check id; ``where`` is the file, with ``!`` before each member inside it; ``message`` names the
    exact thing and the byte; ``certain`` is false where a person has to decide.
    """

    id: str
    where: str
    message: str
    certain: bool = True


@record
class Limits:
    """How much work one file may cause.  Sizes are in bytes."""

    expanded: int = 2 << 30
    members: int = 10_000
    depth: int = 3
    opcodes: int = 20_000_000
    text: int = 64 << 20
    problems: int = 20


class Subject(NamedTuple):
    """One stream to judge: its bytes, how many there are, and what to call it."""

    stream: BinaryIO
    size: int
    where: str

    def head(self, count: int = 16) -> bytes:
        """The first bytes; the position is back at the start afterwards."""
        self.stream.seek(0)
        data = self.stream.read(count)
        self.stream.seek(0)
        return data


def shown(text: object, most: int = 80) -> str:
    """Untrusted text as one short, printable piece of a message."""
    plain = ascii(text)[1:-1] if isinstance(text, str) else ascii(text)
    return plain if len(plain) <= most else plain[:most] + "…"
