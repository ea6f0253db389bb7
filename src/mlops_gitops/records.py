"""Frozen records whose methods are made when the first one is built.

A command loads the records of all that it may meet and builds a few.  ``dataclass`` writes and compiles the source of
six methods for each class that is defined, which is half of what a command costs before it does anything.  Here a class
is defined at a twelfth of that: what must be fast is written at the first call, and everything else is shared.

``record`` is for what ``dataclass(frozen=True, slots=True)`` would be, and reads the same: ``field``, ``fields``,
``replace``, matching by position, comparison, hashing, copying and pickling are those of a dataclass.  It never knows
keyword-only fields, an order or a ``__post_init__``: whoever needs them takes ``dataclass``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")
_EMPTY = "    pass\n"


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record(cls: type[T]) -> type[T]:
    """The class as a frozen record with slots, in the order of its annotations."""
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)

    def first(self: object, *values: object, **named: object) -> None:
        made.__init__, made.__compared__ = _compiled(made)
        made.__init__(self, *values, **named)

    made.__init__ = first
    for name, method in _SHARED.items():
        if name not in vars(cls):
            setattr(made, name, method)
    found: type[T] = made
    return found


def _compiled(made: Any) -> tuple[Any, Any]:
    """The constructor, and the values that are compared: records are built and looked up by the ten thousand."""
    known: dict[str, Any] = {"put": object.__setattr__, "MISSING": MISSING}
    parameters, puts, compared = ["self"], "", ""
    for one in dataclasses.fields(made):
        name, value = one.name, one.name
        if one.default is not MISSING:
            known[f"default_{name}"] = one.default
            parameters.append(f"{name}=default_{name}")
        elif one.default_factory is not MISSING:
            known[f"make_{name}"] = one.default_factory
            parameters.append(f"{name}=MISSING")
            value = f"make_{name}() if {name} is MISSING else {name}"
        else:
            parameters.append(name)
        puts += f"    put(self, {name!r}, {value})\n"
        compared += f"self.{name}, " if one.compare else ""
    source = (
        f"def __init__({', '.join(parameters)}):\n{puts or _EMPTY}def __compared__(self):\n    return ({compared})\n"
    )
    exec(source, known)  # noqa: S102 - names out of our own source, as ``dataclass`` does
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    return known["__init__"], known["__compared__"]


def _frozen(self: object, name: str, *value: object) -> NoReturn:  # noqa: ARG001 - the signature is Python's
    raise FrozenInstanceError(f"{name!r} of a record cannot be changed")


def _equal(self: Any, other: Any) -> Any:
    return self.__compared__() == other.__compared__() if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(self.__compared__())


def _text(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _again(self: Any) -> tuple[type, tuple[object, ...]]:
    return type(self), tuple(getattr(self, one.name) for one in dataclasses.fields(self))


_SHARED = {
    "__setattr__": _frozen, "__delattr__": _frozen, "__eq__": _equal, "__hash__": _hash, "__repr__": _text,
    "__reduce__": _again,
}  # fmt: skip
