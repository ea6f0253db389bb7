"""A pickle machine that runs nothing.

It keeps the stack, the marks and the memo as an unpickler would, so that it knows what each name and each call really
refers to, and complains about every name that is not on the list, every call of something that is not a listed name,
and every opcode that reaches outside the file.  What it cannot follow is a ``ValueError``: not understood, not loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mlops_gitops.packaging.scan import calls
from mlops_gitops.packaging.scan.allowed import OLD_NAMES
from mlops_gitops.packaging.scan.problems import shown
from mlops_gitops.packaging.scan.values import Global, Items, Made, Opaque, Value

_LAST_PROTOCOL: Final = 5
_CONSTANTS: Final = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
)
_EXTENSIONS: Final = ("EXT1", "EXT2", "EXT4")

Complain = Callable[[str, str], None]
"""Takes a check id and a message."""


class Machine:
    """One unpickler's state.  ``step`` is called for each opcode in order."""

    def __init__(self, *, allowed: frozenset[tuple[str, str]], storages: bool, complain: Complain) -> None:
        self.allowed = allowed
        self.storages = storages
        self.complain = complain
        self.position = 0
        self.names = 0
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.executes = False
        self.array: Made | None = None
        self.executes = False
        self._steps = self._table()

    def step(self, name: str, arg: Value, position: int) -> None:
        """Take one opcode.  Raises ``ValueError`` where the stack or the memo does not hold what it needs."""
        self.position = position
        try:
            self._steps[name](arg)
        except (IndexError, KeyError, TypeError) as error:
            raise ValueError(f"the opcode {name} at byte {position} does not find what it needs") from error

    # names and calls

    def _global(self, module: Value, name: Value) -> Global:
        if calls.is_no_text(module) or calls.is_no_text(name):
            raise ValueError(f"the opcode STACK_GLOBAL at byte {self.position} gets something that is no text")
        if not isinstance(module, str) or not isinstance(name, str):
            self._complain("scan.pickle-global", "names a global that only shows when it runs")
            return Global("", "")
        self.names += 1
        if not self._is_allowed(module, name):
            self._complain("scan.pickle-global", f"names {shown(module)}.{shown(name)}, which is not on the list")
        return Global(module, name)

    def _is_allowed(self, module: str, name: str) -> bool:
        # a test holds that no listed name is one that an unpickler translates into another
        return (OLD_NAMES.get(module, module), name) in self.allowed

    def _call(self, maker: Value, args: Value) -> Made:
        made = Made(maker if isinstance(maker, Global) else None, args)
        reason = calls.refused(maker, args)
        if reason is not None:
            self._complain("scan.pickle-call", f"calls {reason}")
        elif not self._is_allowed(maker.module, maker.name):
            self.executes = True
        wraps = calls.makes_wrapper(maker, args)
        if isinstance(maker, Global) and maker.wrapper and not wraps:
            self._complain("scan.pickle-call", f"calls {maker} in a way that joblib does not")
        if isinstance(args, tuple) and not wraps and calls.misplaced(args):
            self._complain("scan.pickle-call", "hands joblib's array wrapper to a call")
        if wraps:
            made.maker = maker if maker.wrapper else args[0]
        return made

    def _complain(self, check: str, what: str) -> None:
        self.complain(check, f"{what}, at byte {self.position}")

    # stack

    def _push(self, value: Value) -> None:
        self.stack.append(value)

    def _mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _to_mark(self) -> list[Value]:
        items = self.stack
        self.stack = self.below.pop()
        return items

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.below.pop()

    def _placed(self, values: list[Value] | tuple[Value, ...], *, reconstructs: bool = False) -> None:
        if calls.misplaced(values, reconstructs=reconstructs):
            self._complain("scan.pickle-call", "puts joblib's array wrapper where joblib does not")

    def _tuple(self, count: int) -> None:
        values = tuple(self.stack[len(self.stack) - count :]) if count <= len(self.stack) else None
        if values is None:
            raise ValueError(f"the stack is too short at byte {self.position}")
        del self.stack[len(self.stack) - count :]
        self._placed(values, reconstructs=True)
        self._push(values)

    def _marked_tuple(self) -> None:
        values = tuple(self._to_mark())
        self._placed(values, reconstructs=True)
        self._push(values)

    # containers

    def _extend(self, kind: str, values: list[Value]) -> None:
        target = self.stack[-1]
        self._placed(values)
        if isinstance(target, Items) and target.kind == kind:
            target.items.extend(values)
        else:
            self._complain("scan.pickle-call", f"adds to something that is not a plain {kind}")

    def _set_items(self, values: list[Value]) -> None:
        target = self.stack[-1]
        self._placed(values)
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if not calls.is_mapping(target):
            self._complain("scan.pickle-call", "sets items on something that is not a mapping")
        elif isinstance(target, Items):
            target.items.extend(pairs)

    def _append(self, _: Value) -> None:
        value = self.stack.pop()
        self._extend("list", [value])

    def _set_item(self, _: Value) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _dict_from_mark(self, _: Value) -> None:
        values = self._to_mark()
        self._push(Items("dict"))
        self._set_items(values)

    def _filled(self, kind: str) -> None:
        values = self._to_mark()
        self._push(Items(kind))
        self._extend(kind, values)

    # opcodes that call or name

    def _build(self, _: Value) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        reason = calls.state_refused(target, state)
        if reason is not None:
            self._complain("scan.pickle-call", reason)
        self._placed((state,))
        if isinstance(target, Made):
            target.states.append(state)
            if target.maker is not None and target.maker.wrapper:
                self.array = target
                self.stack[-1] = Opaque("array")

    def _reduce(self, _: Value) -> None:
        args, maker = self.stack.pop(), self.stack.pop()
        self._push(self._call(maker, args))

    def _new_with_keywords(self, _: Value) -> None:
        keywords, args, maker = self.stack.pop(), self.stack.pop(), self.stack.pop()
        if isinstance(maker, Global) and maker.wrapper:
            self._complain("scan.pickle-call", f"calls {maker} in a way that joblib does not")
        self._placed((keywords,))
        self._push(self._call(maker, args))

    def _object(self, _: Value) -> None:
        maker, *args = self._to_mark()
        self._push(self._call(maker, tuple(args)))

    def _named_global(self, arg: Value) -> None:
        module, separator, name = arg.partition(" ")
        if not separator or " " in name:
            raise ValueError(f"the name at byte {self.position} holds blanks")
        self._push(self._global(module, name))

    def _instance(self, arg: Value) -> None:
        args = tuple(self._to_mark())
        self._named_global(arg)
        self._push(self._call(self.stack.pop(), args))

    def _stack_global(self, _: Value) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push(self._global(module, name))

    def _persistent(self, arg: Value) -> None:
        key = self.stack.pop() if arg is None else arg
        if not (self.storages and isinstance(key, tuple) and key and key[0] == "storage"):
            self._complain("scan.pickle-opcode", "asks the loader for an object from outside the file")
        self._push(Opaque("storage"))

    def _protocol(self, number: Value) -> None:
        if number > _LAST_PROTOCOL:
            raise ValueError(f"its protocol {number} is not known")

    def _outside(self, _: Value) -> None:
        self._complain("scan.pickle-opcode", "takes an object from the extension registry or from outside the file")
        self._push(Opaque("outside"))

    def _table(self) -> dict[str, Callable[[Value], None]]:
        steps: dict[str, Callable[[Value], None]] = dict.fromkeys(_CONSTANTS, self._push)
        steps.update(dict.fromkeys((*_EXTENSIONS, "NEXT_BUFFER"), self._outside))
        steps.update(dict.fromkeys(("FRAME", "STOP", "READONLY_BUFFER"), lambda _: None))
        steps.update(dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._remember))
        steps.update(dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda arg: self._push(self.memo[arg])))
        steps.update({
            "PROTO": self._protocol,
            "NONE": lambda _: self._push(None),
            "NEWTRUE": lambda _: self._push(True),
            "NEWFALSE": lambda _: self._push(False),
            "MARK": lambda _: self._mark(),
            "POP": lambda _: self._pop(),
            "POP_MARK": lambda _: self._to_mark().clear(),
            "DUP": lambda _: self._push(self.stack[-1]),
            "MEMOIZE": lambda _: self._remember(len(self.memo)),
            "EMPTY_TUPLE": lambda _: self._push(()),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "TUPLE": lambda _: self._marked_tuple(),
            "EMPTY_LIST": lambda _: self._push(Items("list")),
            "EMPTY_DICT": lambda _: self._push(Items("dict")),
            "EMPTY_SET": lambda _: self._push(Items("set")),
            "LIST": lambda _: self._filled("list"),
            "FROZENSET": lambda _: self._filled("set"),
            "DICT": self._dict_from_mark,
            "APPEND": self._append,
            "APPENDS": lambda _: self._extend("list", self._to_mark()),
            "ADDITEMS": lambda _: self._extend("set", self._to_mark()),
            "SETITEM": self._set_item,
            "SETITEMS": lambda _: self._set_items(self._to_mark()),
            "GLOBAL": self._named_global,
            "STACK_GLOBAL": self._stack_global,
            "INST": self._instance,
            "OBJ": self._object,
            "NEWOBJ": self._reduce,
            "NEWOBJ_EX": self._new_with_keywords,
            "REDUCE": self._reduce,
            "BUILD": self._build,
            "PERSID": self._persistent,
            "BINPERSID": lambda _: self._persistent(None),
        })  # fmt: skip
        return steps

    def _remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]
