"""Records are dataclasses in everything but the time at which their methods are made."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

import pytest

from mlops_gitops.records import record

T = TypeVar("T")


class Ours:
    """What is compared with a dataclass."""

    @record
    class Point:
        """Two numbers, a secret, and what was met on the way."""

        x: int
        y: int = 0
        token: str = field(default="", repr=False)
        met: list[str] = field(default_factory=list, compare=False)

        @property
        def sum(self) -> int:
            """Both."""
            return self.x + self.y


class Theirs:
    """The peer."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """Two numbers, a secret, and what was met on the way."""

        x: int
        y: int = 0
        token: str = field(default="", repr=False)
        met: list[str] = field(default_factory=list, compare=False)


@record
class Named(Generic[T]):
    """A value of any type."""

    value: T
    name: str = ""


@record
class Numbered(Named[T]):
    """A record that extends another."""

    number: int = 0


CALLS: list[tuple[tuple[object, ...], dict[str, object]]] = [
    ((), {}), ((1,), {}), ((1, 2), {}), ((1,), {"y": 2}), ((), {"x": 1, "token": "s"}), ((1, 2, "s", ["a"]), {}),
    ((1, 2, "s", ["a"], 5), {}), ((1,), {"x": 1}), ((1,), {"z": 1}),
]  # fmt: skip


def outcome(kind: Any, values: tuple[object, ...], named: dict[str, object]) -> object:
    try:
        made = kind(*values, **named)
    except TypeError as error:
        return str(error).partition(".")[2]
    hashed = hash(made)
    shown = repr(made).partition(".")[2]
    return (made.x, made.y, made.token, made.met), hashed, shown


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_building_hashing_and_showing_are_those_of_a_dataclass(
    values: tuple[object, ...], named: dict[str, object]
) -> None:
    assert outcome(Ours.Point, values, named) == outcome(Theirs.Point, values, named)


def test_a_record_cannot_change_and_has_no_room_for_more() -> None:
    point = Ours.Point(1)
    for name in ("x", "other"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_records_are_equal_by_what_is_compared_and_by_their_class() -> None:
    assert Ours.Point(1, met=["a"]) == Ours.Point(1, met=["b"])
    assert Ours.Point(1) != Ours.Point(2)
    assert Named("a", "b") != Numbered("a", "b")
    other: object = (1, 0, "", [])
    assert Ours.Point(1) != other
    assert {Named(1): "found"}[Named(1)] == "found"


def test_each_has_lists_of_its_own() -> None:
    one, other = Ours.Point(1), Ours.Point(1)
    one.met.append("a")
    assert other.met == []


def test_what_dataclasses_offer_works_before_and_after_the_first_is_built() -> None:
    @record
    class Fresh:
        """Nobody has built one."""

        name: str
        size: int = 1

    assert [one.name for one in fields(Fresh)] == ["name", "size"]
    assert replace(Fresh("a"), size=2) == Fresh("a", 2)
    assert is_dataclass(Fresh("a"))
    match Fresh("a", 3):
        case Fresh(name, size):
            assert (name, size) == ("a", 3)


def test_a_record_extends_another() -> None:
    made: Numbered[str] = Numbered("a", number=2)
    assert (made.value, made.name, made.number) == ("a", "", 2)
    assert repr(made) == "Numbered(value='a', name='', number=2)"


def test_records_are_copied_and_pickled() -> None:
    made = Numbered(["a"], "b", 3)
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301 - our own
        assert again == made
    assert copy.deepcopy(made).value is not made.value


def test_what_a_class_says_of_itself_stays() -> None:
    @record
    class Quiet:
        """Shows nothing."""

        token: str

        def __repr__(self) -> str:
            return "Quiet()"

    assert repr(Quiet("secret")) == "Quiet()"
    assert Ours.Point(1, 2).sum == 3
