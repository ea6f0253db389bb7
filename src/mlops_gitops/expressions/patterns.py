"""Regular expressions that cannot run away: the core of RE2, as a machine without back-tracking.

Every pattern becomes a program of at most ``MOST_STATES`` states, and a search looks at each character once with all
states at the same time (Thompson 1968), so its time is at most their product, whatever the pattern is.  The machine is
ours so that a search gives the same answer with every version of Python.  What RE2 does not have (look-around,
back-references) is refused, and so are word bounds, flags other than a leading ``(?i)``, and classes of Unicode.
"""

from __future__ import annotations

from collections.abc import Iterable
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


class Pattern(NamedTuple):
    """A program; ``accept`` is the state in which a search has found something."""

    states: tuple[_Take | _Fork | _Edge, ...]
    start: int
    accept: int

    def found_in(self, text: str) -> bool:
        """Whether some part of ``text`` matches."""
        current = self._closed([self.start], begin=True, end=False)
        restart = self._closed([self.start], begin=False, end=False)
        known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        for character in text:
            if self.accept in current:
                return True
            step = (current, character)
            following = known.get(step)
            if following is None:
                following = self._closed(self._taken(current, ord(character)), begin=False, end=False) | restart
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[step] = following
            current = following
        return self.accept in self._closed(current, begin=not text, end=True)

    def _taken(self, current: frozenset[int], code: int) -> list[int]:
        found = []
        for one in current:
            state = self.states[one] if one != self.accept else None
            if isinstance(state, _Take) and any(low <= code <= high for low, high in state.ranges):
                found.append(state.target)
        return found

    def _closed(self, start: Iterable[int], *, begin: bool, end: bool) -> frozenset[int]:
        seen: set[int] = set()
        waiting = list(start)
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            state = self.states[one] if one != self.accept else None
            if isinstance(state, _Fork):
                waiting.extend(state.targets)
            elif isinstance(state, _Edge) and (end if state.end else begin):
                waiting.append(state.target)
        return frozenset(seen)


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """The program of a pattern.  Raises ``Faulty``."""
    builder = _Builder()
    start = builder.build(read(text), 0)
    return Pattern(tuple(builder.states), start, 0)


class _Builder:
    """States from the end to the beginning: each part is built knowing the state that follows it."""

    def __init__(self) -> None:
        self.states: list[_Take | _Fork | _Edge] = [_Fork(())]
        self.built = 0

    def add(self, state: _Take | _Fork | _Edge) -> int:
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
