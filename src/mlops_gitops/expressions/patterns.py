"""Regular expressions that cannot run away: the core of RE2, as a machine without back-tracking.

Every pattern becomes a program of at most ``MOST_STATES`` states, and a search looks at each character once with all
states at the same time (Thompson 1968), so its time is at most their product, whatever the pattern is.  The machine is
ours so that a search gives the same answer with every version of Python.  What RE2 does not have (look-around,
back-references) is refused, and so are word bounds, flags other than a leading ``(?i)``, and classes of Unicode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mlops_gitops.expressions.faults import Faulty

MOST_STATES = 1_000
_REMEMBERED = 2_000
_DEEPEST = 32
_LAST = 0x10FFFF
_REPEAT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}")

Ranges = tuple[tuple[int, int], ...]
_DIGITS: Ranges = ((48, 57),)
_WORDS: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES: Ranges = ((9, 10), (12, 13), (32, 32))
_ANY: Ranges = ((0, 9), (11, _LAST))
_SIMPLE = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}


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
    ignore_case = text.startswith("(?i)")
    reader = _Reader(text, place=4 if ignore_case else 0, ignore_case=ignore_case)
    tree = reader.choice()
    if reader.place < len(text):
        raise reader.wrong("a closing bracket without an opening one")
    builder = _Builder()
    start = builder.build(tree, 0)
    return Pattern(tuple(builder.states), start, 0)


class _Any(NamedTuple):
    ranges: Ranges


class _Side(NamedTuple):
    end: bool


class _Sequence(NamedTuple):
    parts: tuple[_Part, ...]


class _Choice(NamedTuple):
    parts: tuple[_Part, ...]


class _Repeated(NamedTuple):
    part: _Part
    least: int
    most: int | None


_Part = _Any | _Side | _Sequence | _Choice | _Repeated


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

    def build(self, part: _Part, target: int) -> int:
        self.built += 1
        if self.built > 4 * MOST_STATES:  # repetitions of nothing make no states
            raise _too_large()
        match part:
            case _Any():
                return self.add(_Take(part.ranges, target))
            case _Side():
                return self.add(_Edge(part.end, target))
            case _Sequence():
                for one in reversed(part.parts):
                    target = self.build(one, target)
                return target
            case _Choice():
                return self.add(_Fork(tuple(self.build(one, target) for one in part.parts)))
            case _Repeated():
                return self.repeat(part, target)

    def repeat(self, part: _Repeated, target: int) -> int:
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


class _Reader:
    """Where the reading of a pattern stands."""

    def __init__(self, text: str, *, place: int, ignore_case: bool) -> None:
        self.text = text
        self.place = place
        self.depth = 0
        self.ignore_case = ignore_case

    def wrong(self, what: str) -> Faulty:
        return Faulty(f"the pattern {self.text[:40]!r} holds {what}")

    @property
    def next(self) -> str:
        return self.text[self.place : self.place + 1]

    def take(self) -> str:
        self.place += 1
        return self.text[self.place - 1 : self.place]

    def choice(self) -> _Part:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"brackets more than {_DEEPEST} deep")
        parts = [self.sequence()]
        while self.next == "|":
            self.place += 1
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def sequence(self) -> _Part:
        parts: list[_Part] = []
        while self.next not in {"", "|", ")"}:
            parts.append(self.repeated(self.atom()))
        return _Sequence(tuple(parts))

    def repeated(self, part: _Part) -> _Part:
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        counted = _REPEAT.match(self.text, self.place)
        if self.next in bounds:
            least, most = bounds[self.take()]
        elif counted is not None:
            self.place = counted.end()
            least = int(counted[1])
            most = least if counted[2] is None else (int(counted[3]) if counted[3] else None)
        else:
            return part
        if max(least, most or 0) > MOST_STATES or (most is not None and most < least):
            raise self.wrong("a number of repetitions that is too large or runs backwards")
        if self.next == "?":
            self.place += 1  # which match is found first does not matter where only one is asked for
        if self.next in bounds or _REPEAT.match(self.text, self.place):
            raise self.wrong("a repetition of a repetition; use brackets")
        return _Repeated(part, least, most)

    def atom(self) -> _Part:
        character = self.take()
        match character:
            case "(":
                return self.group()
            case "[":
                return self.bracket()
            case ".":
                return _Any(_ANY)
            case "^" | "$":
                return _Side(end=character == "$")
            case "\\":
                return self.escaped()
            case "*" | "+" | "?":
                raise self.wrong(f"{character!r} with nothing before it to repeat")
            case _:
                return _Any(self.cased(((ord(character), ord(character)),)))

    def group(self) -> _Part:
        if self.text.startswith("?:", self.place):
            self.place += 2
        elif self.text.startswith("?", self.place):
            raise self.wrong("look-around, a name or a flag, which are not understood here")
        inner = self.choice()
        if self.take() != ")":
            raise self.wrong("a bracket that is not closed")
        return inner

    def escaped(self) -> _Part:
        if self.next in {"A", "z"} and self.next:
            return _Side(end=self.take() == "z")
        return _Any(self.cased(self.escape()))

    def escape(self) -> Ranges:
        character = self.take()
        classes = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
        if character in classes:
            return classes[character]
        if character.lower() in classes and character:
            return _outside(classes[character.lower()])
        if character in _SIMPLE:
            return ((_SIMPLE[character], _SIMPLE[character]),)
        coded = _CODE.match(self.text, self.place - 1)
        if coded is not None:
            self.place = coded.end()
            code = int(coded[1] or coded[2], 16)
            return ((code, code),)
        if not character or character.isalnum():
            raise self.wrong(f"'\\{character}', which is not understood here")
        return ((ord(character), ord(character)),)

    def bracket(self) -> _Part:
        negated = self.next == "^"
        self.place += negated
        found: list[tuple[int, int]] = []
        first = True
        while first or self.next != "]":
            first = False
            low = self.member()
            if len(low) > 1 or self.next != "-" or self.text[self.place + 1 : self.place + 2] in {"]", ""}:
                found.extend(low)
                continue
            self.place += 1
            high = self.member()
            if len(high) > 1 or high[0][1] < low[0][0]:
                raise self.wrong("a range that runs backwards")
            found.append((low[0][0], high[0][1]))
        self.place += 1
        ranges = self.cased(tuple(found))
        return _Any(_outside(ranges) if negated else ranges)

    def member(self) -> Ranges:
        if not self.next:
            raise self.wrong("a class that is not closed")
        if self.text.startswith("[:", self.place):
            raise self.wrong("a named class, which is not understood here")
        character = self.take()
        return self.escape() if character == "\\" else ((ord(character), ord(character)),)

    def cased(self, ranges: Ranges) -> Ranges:
        """With ``(?i)``, the letters of ASCII in both cases."""
        if not self.ignore_case:
            return ranges
        more = list(ranges)
        for low, high in ranges:
            for first, shift in ((65, 32), (97, -32)):
                if low <= first + 25 and high >= first:
                    more.append((max(low, first) + shift, min(high, first + 25) + shift))
        return tuple(more)


def _outside(ranges: Ranges) -> Ranges:
    found, after = [], 0
    for low, high in sorted(ranges):
        if low > after:
            found.append((after, low - 1))
        after = max(after, high + 1)
    return (*found, (after, _LAST)) if after <= _LAST else tuple(found)
