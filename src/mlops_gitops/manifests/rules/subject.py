"""What a rule looks at: one document of the right kind, and the folder that it lies in.

The functions reach into a value that may have any shape: what is missing or of another type is answered with nothing,
because the schema has already said so.
"""

import os.path
from collections.abc import Iterator
from typing import Any, NamedTuple


class Subject(NamedTuple):
    """``path`` as findings name it, ``file`` and ``root`` absolute; paths in the document may not leave ``root``."""

    path: str
    value: dict[str, Any]
    file: str
    root: str

    @property
    def folder(self) -> str:
        """The absolute folder of the file: relative paths in the document start here."""
        return os.path.dirname(self.file)  # noqa: PTH120 - pathlib is ten times slower, and this runs for every path


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """The mapping at a path of keys, or an empty one."""
    for key in keys:
        value = value.get(key) if value.__class__ is dict else None
    return value if value.__class__ is dict else {}


def items(value: Any, key: str) -> list[Any]:
    """The list under ``key``, or an empty one."""
    found = value.get(key)
    return found if found.__class__ is list else []


def entries(value: Any, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in the list under ``key``, each with its index."""
    for index, one in enumerate(items(value, key)):
        if one.__class__ is dict:
            yield index, one


def text(value: Any, key: str) -> str | None:
    """The text under ``key``."""
    found = value.get(key)
    return found if found.__class__ is str else None


def texts(value: Any, key: str) -> list[str]:
    """The texts in the list under ``key``."""
    return [one for one in items(value, key) if one.__class__ is str]


def number(value: Any, key: str) -> float | None:
    """The number under ``key``; ``true`` is not one."""
    found = value.get(key)
    return found if found.__class__ is int or found.__class__ is float else None


def repeated(values: Iterator[tuple[int, Any]] | list[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Those that were there before, each with its index; ``None`` does not count."""
    seen = set()
    for index, value in values:
        if value is not None and value in seen:
            yield index, value
        seen.add(value)
