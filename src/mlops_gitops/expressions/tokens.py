"""Text → tokens, with every escape of CEL's strings resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.values import MAX_INT, MAX_UINT, UInt

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n\f]+|//[^\n]*)+)
    |(?P<string>[rRbB]{0,2}(?:\"\"\"|\'\'\'|["\']))
    |(?P<double>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)
    |(?P<int>0[xX][0-9a-fA-F]+[uU]?|[0-9]+[uU]?)
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<sign>\|\||&&|[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)
_PREFIXES = {"", "r", "b", "rb", "br"}
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, **{one: ord(one) for one in "\\?\"'`"}}
_CODED = re.compile(r"x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})")
_SURROGATES, _LAST = range(0xD800, 0xE000), 0x10FFFF


class Token(NamedTuple):
    """``kind`` is ``literal``, ``name``, ``sign`` or ``end``; ``value`` what a literal means; ``text`` as written."""

    at: int
    kind: str
    text: str
    value: object = None


def tokens(text: str) -> Iterator[Token]:
    """The tokens of an expression, the last of them ``end``.  Raises ``Faulty``."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Faulty(f"{text[at]!r} has no meaning here", at)
        kind, written, start = found.lastgroup, found[0], at
        at = found.end()
        if kind == "string":
            value, at = _string(text, start, written)
            yield Token(start, "literal", text[start:at], value)
        elif kind in {"int", "double"}:
            if at < len(text) and (text[at].isalnum() or text[at] == "_"):
                raise Faulty(f"{written}{text[at]} is not a number", start)
            yield Token(start, "literal", written, _int(written, start) if kind == "int" else _double(written, start))
        elif kind == "name":
            yield _word(written, start)
        elif kind == "sign":
            yield Token(start, "sign", written)
    yield Token(len(text), "end", "the end")


def _word(written: str, at: int) -> Token:
    constants = {"true": True, "false": False, "null": None}
    if written in constants:
        return Token(at, "literal", written, constants[written])
    if written in RESERVED:
        raise Faulty(f"{written!r} is a reserved word of CEL", at)
    return Token(at, "sign" if written == "in" else "name", written)


def _int(written: str, at: int) -> object:
    unsigned = written[-1] in "uU"
    digits = written[:-1] if unsigned else written
    value = int(digits, 16) if digits[:2] in {"0x", "0X"} else int(digits[:40])
    if value > (MAX_UINT if unsigned else MAX_INT + 1) or len(digits) > 40:  # noqa: PLR2004 - more than 64 bits hold
        raise Faulty(f"{written[:24]} does not fit into 64 bits", at)
    return UInt(value) if unsigned else value


def _double(written: str, at: int) -> float:
    value = float(written)
    if value == float("inf"):
        raise Faulty(f"{written[:24]} is more than a double can hold", at)
    return value


def _string(text: str, at: int, opening: str) -> tuple[str | bytes, int]:
    """A string or bytes literal that begins at ``at``, and where it ends."""
    quote = opening.lstrip("rRbB")
    prefix = opening[: -len(quote)].lower()
    if prefix not in _PREFIXES:
        raise Faulty(f"{prefix!r} is not a prefix of strings", at)
    pieces: list[int] = []
    place = at + len(opening)
    while not text.startswith(quote, place):
        if place >= len(text) or (text[place] in "\r\n" and len(quote) == 1):
            raise Faulty("the string does not end", at)
        if text[place] == "\\" and "r" not in prefix:
            code, place = _escape(text, place, binary="b" in prefix)
            pieces.append(code)
        else:
            pieces.extend(text[place].encode() if "b" in prefix else (ord(text[place]),))
            place += 1
    return bytes(pieces) if "b" in prefix else "".join(map(chr, pieces)), place + len(quote)


def _escape(text: str, at: int, *, binary: bool) -> tuple[int, int]:
    simple = _ESCAPES.get(text[at + 1 : at + 2])
    if simple is not None:
        return simple, at + 2
    found = _CODED.match(text, at + 1)
    if found is None or (binary and text[at + 1] in "uU"):
        raise Faulty(f"{text[at : at + 2]!r} is not an escape of CEL", at)
    digits = next(one for one in found.groups() if one is not None)
    code = int(digits, 8 if found.lastindex == 5 else 16)  # noqa: PLR2004 - the fifth alternative is octal
    if code in _SURROGATES or code > _LAST:
        raise Faulty(f"{text[at : found.end()]!r} is not a character", at)
    return code, found.end()
