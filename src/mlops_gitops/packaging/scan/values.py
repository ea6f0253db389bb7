"""What a pickle would build, described without building it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from mlops_gitops.records import record

Value = Any
"""A literal (``str``, ``int``, …), a ``tuple`` of values, or one of the classes below."""

WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")


@record
class Global:
    """An importable thing, by its exact name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def wrapper(self) -> bool:
        """Whether this is the class after which joblib writes raw array bytes."""
        return (self.module, self.name) == WRAPPER


@dataclass(slots=True, eq=False)
class Items:
    """A list, a set, or a dictionary (``items`` are then pairs), by identity: a pickle may fill it later."""

    kind: str
    items: list[Value] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Made:
    """What a call returned: ``maker`` was called with ``args``; ``states`` were set on it afterwards."""

    maker: Global | None
    args: Value
    states: list[Value] = field(default_factory=list)


@record
class Opaque:
    """A value that is known to be harmless in itself, and unknown otherwise."""

    what: str
