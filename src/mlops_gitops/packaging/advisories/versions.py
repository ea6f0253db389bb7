"""Which of two versions is newer, as each ecosystem itself says.  Pure.

Debian and Ubuntu: deb-version(7).  Alpine, Wolfi and Chainguard: the rules of apk-tools
(https://wiki.alpinelinux.org/wiki/Package_policies).  PyPI: PEP 440, by the ``packaging`` library.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

Order = Callable[[str], Any]
"""Makes a version comparable with others of its ecosystem.  Raises ``ValueError`` for what is no version there."""

_LONGEST = 300
_DEBIAN = re.compile(
    r"(?:(?P<epoch>\d{1,9}):)?(?P<upstream>[A-Za-z0-9.+~:-]+?)(?:-(?P<revision>[A-Za-z0-9.+~]+))?", re.ASCII
)
_PARTS = re.compile(r"(\D*)(\d*)")
_ALPINE = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)"
    r"(?:~[0-9a-f]+)?(?:-r(?P<revision>\d+))?",
    re.ASCII,
)
_SUFFIX = re.compile(r"_([a-z]+)(\d*)")
_SUFFIXES = ("alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p")


def order(ecosystem: str) -> Order | None:
    """How versions of an ecosystem (``Debian:12``, ``PyPI``) are compared; ``None`` where that is not known here."""
    return _ORDERS.get(ecosystem.partition(":")[0])


def debian(version: str) -> Any:
    """A Debian version: epoch, upstream version, revision, the last two piece by piece."""
    match = _DEBIAN.fullmatch(version) if len(version) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{version[:80]!r} is not a Debian version")
    return int(match["epoch"] or 0), _pieces(match["upstream"]), _pieces(match["revision"] or "0")


def _pieces(text: str) -> tuple[Any, ...]:
    """Text and numbers in turn; the end of a text stands before every letter and after ``~``."""
    found = [((*map(_weight, words), 0), int(number or 0)) for words, number in _PARTS.findall(text) if words or number]
    return (*found, ((0,), 0))


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256


def alpine(version: str) -> Any:
    """A version of apk."""
    match = _ALPINE.fullmatch(version) if len(version) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{version[:80]!r} is not a version of apk")
    first, *rest = match["numbers"].split(".")
    suffixes = tuple((_SUFFIXES.index(name), int(number or 0)) for name, number in _SUFFIX.findall(match["suffixes"]))
    middle = (*map(_component, rest), _END)
    return int(first), middle, match["letter"], (*suffixes, (_SUFFIXES.index(""), 0)), int(match["revision"] or 0)


def _compared(left: str, right: str) -> int:
    """Two numbers after points: with a leading zero on either side, they are compared as the digits that they are."""
    if not left or not right or left.startswith("0") or right.startswith("0"):
        return (left > right) - (left < right)
    return (int(left) > int(right)) - (int(left) < int(right))


_component = functools.cmp_to_key(_compared)
_END = _component("")


def pypi(version: str) -> Any:
    """A version of a Python package."""
    from packaging.version import Version

    if len(version) > _LONGEST:
        raise ValueError(f"{version[:80]!r} is not a version of PEP 440")
    return Version(version)


_ORDERS: dict[str, Order] = {
    "PyPI": pypi,
    "Debian": debian,
    "Ubuntu": debian,
    "Alpine": alpine,
    "Wolfi": alpine,
    "Chainguard": alpine,
}
