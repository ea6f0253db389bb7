"""The graph of objects that a pickle describes: built without making one of them, importing or calling anything.

The machine keeps stack, marks and memo as an unpickler does.  Long stretches of bytes stay in the file.  joblib writes
the raw bytes of arrays between the opcodes; they are found by the wrapper before them, and stay in the file too.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.packaging.scan.values import Global
from mlops_gitops.reproduction.contents.leaves import Unreadable
from mlops_gitops.reproduction.contents.sources import Source

Value = Any
"""A scalar, a ``tuple`` of values, ``Global``, ``Listed``, ``Keyed``, ``Made``, ``Blob``, or what a hook answered."""

MOST_OPCODES = 50_000_000
_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_LONG = 4096
_LAST_PROTOCOL = 5
_LENGTHS = {
    "BINBYTES": "<I", "BINBYTES8": "<Q", "BYTEARRAY8": "<Q", "BINUNICODE": "<I", "BINUNICODE8": "<Q",
    "BINSTRING": "<i", "LONG4": "<i", "FRAME": "<Q",
}  # fmt: skip
_BLOBS = frozenset({"BINBYTES", "BINBYTES8", "BYTEARRAY8"})
_DANGEROUS = frozenset({
    *("os", "posix", "nt", "subprocess", "sys", "importlib", "runpy", "socket", "shutil", "ctypes", "pty", "code"),
    *("codeop", "webbrowser", "multiprocessing", "threading", "asyncio", "pip", "pdb", "timeit", "ensurepip"),
    *("requests", "urllib", "http", "ftplib", "smtplib", "signal", "commands", "platform", "pickle", "_pickle"),
    *("marshal", "pydoc", "zipimport", "venv", "site"),
})  # fmt: skip
_BUILTINS = frozenset({"eval", "exec", "compile", "open", "__import__", "getattr", "setattr", "input", "breakpoint"})


@dataclass(slots=True, eq=False)
class Listed:
    """A list, a set or a frozenset, by identity: a pickle may fill it later."""

    kind: str
    items: list[Value] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Keyed:
    """A dictionary, in order."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Made:
    """What a call would return: ``maker(*args, **keywords)``, with what was set on it and added to it afterwards."""

    maker: Value
    args: Value
    keywords: Value = None
    states: list[Value] = field(default_factory=list)
    items: list[Value] = field(default_factory=list)
    pairs: list[tuple[Value, Value]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """Bytes that stay in their file."""

    source: Source
    offset: int
    size: int
    kind: str = "bytes"


Persistent = Callable[[Value], Value]
"""What a persistent id stands for."""
ArrayAfter = Callable[[Source, Made], Value]
"""What joblib's wrapper stands for; leaves the stream after the bytes of the array."""


def build(
    source: Source, *, start: int = 0, persistent: Persistent | None = None, after: ArrayAfter | None = None
) -> tuple[Value, int]:
    """The object that the pickle at ``start`` describes, and where the pickle ends.

    Raises ``Unreadable`` for what cannot be followed, and for what would call the system if it were loaded.
    """
    machine = _Machine(source, persistent, after)
    try:
        return machine.run(start)
    except (
        ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError, OverflowError, MemoryError,
        struct.error,
    ) as error:  # fmt: skip
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"it cannot be followed as a pickle: {error}") from error


class _Machine:
    def __init__(self, source: Source, persistent: Persistent | None, after: ArrayAfter | None) -> None:
        self.source, self.stream = source, source.stream
        self.persistent, self.after = persistent, after
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        self.memo: dict[int, Value] = {}

    def run(self, start: int) -> tuple[Value, int]:
        self.stream.seek(start)
        for _ in range(MOST_OPCODES):
            opcode = _OPCODES.get(self.stream.read(1).decode("latin-1"))
            if opcode is None:
                raise Unreadable(f"there is no opcode at byte {self.stream.tell() - 1}")
            if opcode.name == "STOP":
                if len(self.stack) != 1 or self.below:
                    raise Unreadable("it does not end with exactly one object")
                return self.stack[0], self.stream.tell()
            argument = self._argument(opcode)
            step = _STEPS.get(opcode.name)
            if step is None:
                self.stack.append(argument)
            else:
                step(self, argument)
        raise Unreadable(f"it has more than {MOST_OPCODES} opcodes")

    def _argument(self, opcode: pickletools.OpcodeInfo) -> Value:
        if opcode.arg is None:
            return None
        form = _LENGTHS.get(opcode.name)
        if form is None:
            return opcode.arg.reader(self.stream)
        at = self.stream.tell()
        (length,) = struct.unpack(form, self.stream.read(struct.calcsize(form)))
        here = self.stream.tell()
        if here + length > self.source.size:
            raise Unreadable(f"what is at byte {at} is longer than the file")
        if opcode.name in _BLOBS and length > _LONG:
            self.stream.seek(here + length)
            return Blob(self.source, here, length, "bytearray" if opcode.name == "BYTEARRAY8" else "bytes")
        self.stream.seek(at)
        return opcode.arg.reader(self.stream)

    def marked(self) -> list[Value]:
        items = self.stack
        self.stack = self.below.pop()
        return items

    def push_marked(self, kind: Callable[[list[Value]], Value]) -> None:
        made = kind(self.marked())
        self.stack.append(made)

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.below.pop()

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise Unreadable("its stack is too short")
        values = tuple(self.stack[-count:])
        self.stack[-count:] = [values]

    def call(self, maker: Value, args: Value, keywords: Value = None) -> None:
        if isinstance(maker, Global):
            root = maker.module.partition(".")[0]
            plain = root in ("builtins", "__builtin__") and maker.name.partition(".")[0] in _BUILTINS
            if root in _DANGEROUS or plain:
                raise Unreadable(f"it would call {ascii(str(maker))[1:-1][:80]} when loaded")
        elif not isinstance(maker, Made):
            raise Unreadable("it calls something that is no name")
        if (str(maker) in ("copyreg._reconstructor", "copy_reg._reconstructor")
                and isinstance(args, tuple) and len(args) == 3 and args[2] is None):  # fmt: skip  # noqa: PLR2004
            maker, args = args[0], ()  # what protocol 2 and later write as NEWOBJ
        self.stack.append(Made(maker, args, keywords))

    def reduce(self) -> None:
        args, maker = self.stack.pop(), self.stack.pop()
        self.call(maker, args)

    def new_with_keywords(self) -> None:
        keywords, args, maker = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.call(maker, args, keywords if isinstance(keywords, Keyed) and keywords.pairs else None)

    def object(self) -> None:
        maker, *args = self.marked()
        self.call(maker, tuple(args))

    def instance(self, arg: str) -> None:
        args = tuple(self.marked())
        self.call(_named(arg), args)

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Unreadable("it names something by what only shows when it runs")
        self.stack.append(Global(module, name))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Made):
            raise Unreadable("it sets the state of something that no call made")
        target.states.append(state)
        if self.after is not None and isinstance(target.maker, Global) and target.maker.wrapper:
            self.stack[-1] = self.after(self.source, target)

    def extend(self, values: list[Value]) -> None:
        target = self.stack[-1]
        if not isinstance(target, Listed | Made):
            raise Unreadable("it adds to something that is no list")
        target.items.extend(values)

    def set_items(self, values: list[Value]) -> None:
        target = self.stack[-1]
        if not isinstance(target, Keyed | Made):
            raise Unreadable("it sets items on something that is no mapping")
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def dictionary(self) -> None:
        values = self.marked()
        self.stack.append(Keyed())
        self.set_items(values)

    def persist(self, key: Value) -> None:
        if self.persistent is None:
            raise Unreadable("it asks the loader for an object from outside the file")
        self.stack.append(self.persistent(key))

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def append(self) -> None:
        value = self.stack.pop()
        self.extend([value])

    def protocol(self, number: int) -> None:
        if number > _LAST_PROTOCOL:
            raise Unreadable(f"its protocol {number} is not known")

    def outside(self) -> None:
        raise Unreadable("it takes an object from outside the file")


def _named(arg: str) -> Global:
    module, _, name = arg.partition(" ")
    return Global(module, name)


def _remember(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


_STEPS: dict[str, Callable[[_Machine, Value], object]] = {
    **dict.fromkeys(("FRAME", "READONLY_BUFFER"), lambda *_: None),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, arg: m.stack.append(m.memo[arg])),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4", "NEXT_BUFFER"), lambda m, _: m.outside()),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda m, _: m.reduce()),
    "PROTO": lambda m, arg: m.protocol(arg),
    "MEMOIZE": lambda m, _: _remember(m, len(m.memo)),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "MARK": lambda m, _: m.mark(),
    "POP": lambda m, _: m.pop(),
    "POP_MARK": lambda m, _: m.marked(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "TUPLE": lambda m, _: m.push_marked(tuple),
    "EMPTY_LIST": lambda m, _: m.stack.append(Listed("list")),
    "EMPTY_DICT": lambda m, _: m.stack.append(Keyed()),
    "EMPTY_SET": lambda m, _: m.stack.append(Listed("set")),
    "LIST": lambda m, _: m.push_marked(lambda values: Listed("list", values)),
    "FROZENSET": lambda m, _: m.push_marked(lambda values: Listed("frozenset", values)),
    "DICT": lambda m, _: m.dictionary(),
    "APPEND": lambda m, _: m.append(),
    "APPENDS": lambda m, _: m.extend(m.marked()),
    "ADDITEMS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.set_item(),
    "SETITEMS": lambda m, _: m.set_items(m.marked()),
    "GLOBAL": lambda m, arg: m.stack.append(_named(arg)),
    "STACK_GLOBAL": lambda m, _: m.stack_global(),
    "INST": lambda m, arg: m.instance(arg),
    "OBJ": lambda m, _: m.object(),
    "NEWOBJ_EX": lambda m, _: m.new_with_keywords(),
    "BUILD": lambda m, _: m.build(),
    "PERSID": lambda m, arg: m.persist(arg),
    "BINPERSID": lambda m, _: m.persist(m.stack.pop()),
}  # fmt: skip
