"""Regular expressions that cannot run away: the core of RE2, as a machine without back-tracking.

Every pattern becomes a program of at most ``MOST_STATES`` states, and a search looks at each character once with all
states at the same time (Thompson 1968), so its time is at most their product, whatever the pattern is.  The machine is
ours so that a search gives the same answer with every version of Python.  What RE2 does not have (look-around,
back-references) is refused, and so are word bounds, flags other than a leading ``(?i)``, and classes of Unicode.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.pattern_syntax import (
    MOST_STATES,
    Choice,
    Letter,
    Part,
    Ranges,
    Repeated,
    Sequence,
    Side,
    read,
)

__all__ = ["MOST_STATES", "Pattern", "compiled"]

_REMEMBERED = 2_000


class _Take(NamedTuple):
    ranges: Ranges
    target: int


class _Fork(NamedTuple):
    targets: tuple[int, ...]


class _Edge(NamedTuple):
    """Goes on only at the beginning (``end`` false) or at the end of the text."""

    end: bool
    target: int


_State = _Take | _Fork | _Edge
_ACCEPT = 0
"""The state in which a search has found something; nothing is behind it."""


class Pattern(NamedTuple):
    """A program, for searches that keep the states they are in as the bits of a number.

    ``takes`` are the states that read a character, each with the states that it leads to; ``begin`` and ``middle`` are
    those in which a search begins at the start of the text and anywhere else; ``ends`` are the bits of states that have
    found something where the text ends, ``found`` that of the state which has found something anyway.  ``empty`` says
    whether the empty text matches, and ``size`` counts the states for the price.
    """

    takes: tuple[tuple[Ranges, int], ...]
    begin: int
    middle: int
    ends: int
    found: int
    empty: bool
    size: int

    def found_in(self, text: str) -> bool:
        """Whether some part of ``text`` matches."""
        if not text:
            return self.empty
        current = self.begin
        reading: dict[str, int] = {}
        known: dict[tuple[int, str], int] = {}
        for character in text:
            if current & self.found:
                return True
            following = known.get((current, character))
            if following is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                following = known[current, character] = self._step(current, character, reading)
            current = following
        return bool(current & (self.ends | self.found))

    def _step(self, current: int, character: str, reading: dict[str, int]) -> int:
        readers = reading.get(character)
        if readers is None:
            code = ord(character)
            readers = sum(
                1 << bit
                for bit, (ranges, _) in enumerate(self.takes)
                if any(low <= code <= high for low, high in ranges)
            )
            reading[character] = readers
        live, following = current & readers, self.middle
        while live:
            lowest = live & -live
            following |= self.takes[lowest.bit_length() - 1][1]
            live ^= lowest
        return following


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """The program of a pattern.  Raises ``Faulty``."""
    builder = _Builder()
    start = builder.build(read(text), _ACCEPT)
    return _linked(tuple(builder.states), start)


def _linked(states: tuple[_State, ...], start: int) -> Pattern:
    """The program in which every state that reads knows all states behind it."""
    readers = [one for one, state in enumerate(states) if isinstance(state, _Take)]
    bits = {one: 1 << place for place, one in enumerate(readers)}
    bits[_ACCEPT] = 1 << len(readers)
    finishing = [one for one, state in enumerate(states) if isinstance(state, _Edge) and state.end]
    bits |= {one: 1 << (len(readers) + 1 + place) for place, one in enumerate(finishing)}

    def reached(one: int, *, begin: bool = False) -> int:
        return sum(bits.get(other, 0) for other in _closed(states, one, begin=begin, end=False))

    return Pattern(
        takes=tuple((state.ranges, reached(state.target)) for state in states if isinstance(state, _Take)),
        begin=reached(start, begin=True),
        middle=reached(start),
        ends=sum(bits[one] for one in finishing if _ACCEPT in _closed(states, one, begin=False, end=True)),
        found=bits[_ACCEPT],
        empty=_ACCEPT in _closed(states, start, begin=True, end=True),
        size=len(states),
    )


def _closed(states: tuple[_State, ...], start: int, *, begin: bool, end: bool) -> set[int]:
    """The states in which a search is without reading on."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        state = states[one]
        if isinstance(state, _Fork):
            waiting.extend(state.targets)
        elif isinstance(state, _Edge) and (end if state.end else begin):
            waiting.append(state.target)
    return seen


class _Builder:
    """States from the end to the beginning: each part is built knowing the state that follows it."""

    def __init__(self) -> None:
        self.states: list[_State] = [_Fork(())]
        self.built = 0

    def add(self, state: _State) -> int:
        if len(self.states) >= MOST_STATES:
            raise _too_large()
        self.states.append(state)
        return len(self.states) - 1

    def build(self, part: Part, target: int) -> int:
        self.built += 1
        if self.built > 4 * MOST_STATES:  # repetitions of nothing make no states
            raise _too_large()
        match part:
            case Letter():
                return self.add(_Take(part.ranges, target))
            case Side():
                return self.add(_Edge(part.end, target))
            case Sequence():
                for one in reversed(part.parts):
                    target = self.build(one, target)
                return target
            case Choice():
                return self.add(_Fork(tuple(self.build(one, target) for one in part.parts)))
            case Repeated():
                return self.repeat(part, target)

    def repeat(self, part: Repeated, target: int) -> int:
        if part.most is None:
            loop = self.add(_Fork(()))
            self.states[loop] = _Fork((self.build(part.part, loop), target))
            target = loop
        else:
            after = target
            for _ in range(part.most - part.least):
                target = self.add(_Fork((self.build(part.part, target), after)))
        for _ in range(part.least):
            target = self.build(part.part, target)
        return target


def _too_large() -> Faulty:
    return Faulty(f"the pattern is too large: it needs more than {MOST_STATES:,} states")
