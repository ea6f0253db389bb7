"""A regular expression in the core of RE2, taken apart; what is not in it is refused with words."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops_gitops.expressions.faults import Faulty

MOST_STATES = 1_000
"""How large the program of a pattern may be, and how often a part may be repeated."""
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


def read(text: str) -> Part:
    """The parts of a pattern.  Raises ``Faulty``."""
    ignore_case = text.startswith("(?i)")
    reader = _Reader(text, place=4 if ignore_case else 0, ignore_case=ignore_case)
    tree = reader.choice()
    if reader.place < len(text):
        raise reader.wrong("a closing bracket without an opening one")
    return tree


class Letter(NamedTuple):
    """One character in one of these ranges."""

    ranges: Ranges


class Side(NamedTuple):
    """The beginning or the end of the text."""

    end: bool


class Sequence(NamedTuple):
    """One part after the other."""

    parts: tuple[Part, ...]


class Choice(NamedTuple):
    """One of several parts."""

    parts: tuple[Part, ...]


class Repeated(NamedTuple):
    """A part so many times; ``most`` of ``None`` is without end."""

    part: Part
    least: int
    most: int | None


Part = Letter | Side | Sequence | Choice | Repeated


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

    def choice(self) -> Part:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"brackets more than {_DEEPEST} deep")
        parts = [self.sequence()]
        while self.next == "|":
            self.place += 1
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Part:
        parts: list[Part] = []
        while self.next not in {"", "|", ")"}:
            parts.append(self.repeated(self.atom()))
        return Sequence(tuple(parts))

    def repeated(self, part: Part) -> Part:
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
        return Repeated(part, least, most)

    def atom(self) -> Part:
        character = self.take()
        match character:
            case "(":
                return self.group()
            case "[":
                return self.bracket()
            case ".":
                return Letter(_ANY)
            case "^" | "$":
                return Side(end=character == "$")
            case "\\":
                return self.escaped()
            case "*" | "+" | "?":
                raise self.wrong(f"{character!r} with nothing before it to repeat")
            case _:
                return Letter(self.cased(((ord(character), ord(character)),)))

    def group(self) -> Part:
        if self.text.startswith("?:", self.place):
            self.place += 2
        elif self.text.startswith("?", self.place):
            raise self.wrong("look-around, a name or a flag, which are not understood here")
        inner = self.choice()
        if self.take() != ")":
            raise self.wrong("a bracket that is not closed")
        return inner

    def escaped(self) -> Part:
        if self.next in {"A", "z"} and self.next:
            return Side(end=self.take() == "z")
        return Letter(self.cased(self.escape()))

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

    def bracket(self) -> Part:
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
        return Letter(_outside(ranges) if negated else ranges)

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
