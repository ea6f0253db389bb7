"""Pickles of every protocol, plain or as joblib writes them, walked opcode by opcode and never loaded.

joblib writes the raw bytes of an array into the middle of a pickle.  The same file therefore means one thing to
``joblib.load`` and another to ``pickle.load``; where it holds such bytes, both readings are judged.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field

from mlops_gitops.packaging.scan import arrays
from mlops_gitops.packaging.scan.allowed import CLASSIC, TENSORS, names
from mlops_gitops.packaging.scan.machine import Machine
from mlops_gitops.packaging.scan.problems import Limits, Problem, Subject

_JUDGED = ("scan.pickle-global", "scan.pickle-call", "scan.pickle-opcode")


@dataclass(slots=True)
class Walk:
    """What one walk met: problems, the offset after STOP (or where it ended), arrays, listed names."""

    problems: list[Problem] = field(default_factory=list)
    end: int = 0
    arrays: int = 0
    names: int = 0
    executes: bool = False


def scan_pickle(subject: Subject, *, limits: Limits, tensors: bool = False) -> list[Problem]:
    """Every problem of the pickle, of what follows it, and of its second reading."""
    allowed = names(*(TENSORS if tensors else CLASSIC))
    first = walk(subject, 0, limits=limits, allowed=allowed, storages=tensors)
    problems = list(first.problems)
    if first.arrays:
        plain = walk(subject, 0, limits=limits, allowed=allowed, joblib=False)
        problems += [
            Problem(found.id, found.where, f"read as a plain pickle, it {found.message}")
            for found in plain.problems
            if found.id in _JUDGED and found not in first.problems
        ]
    if first.end < subject.size and not any(found.id == "scan.pickle-unreadable" for found in problems):
        count = subject.size - first.end
        message = f"{count} bytes follow the end of the pickle at byte {first.end}"
        problems.append(Problem("scan.pickle-trailing", subject.where, message))
        problems += walk(subject, first.end, limits=limits, allowed=allowed).problems
    return problems


def executes(subject: Subject, *, limits: Limits) -> bool:
    """Whether a file that calls itself text would call something unlisted, were it loaded as a pickle."""
    return walk(subject, 0, limits=limits, allowed=names(*CLASSIC)).executes


def walk(
    subject: Subject,
    start: int,
    *,
    limits: Limits,
    allowed: frozenset[tuple[str, str]],
    joblib: bool = True,
    storages: bool = False,
) -> Walk:
    """Walk one pickle from byte ``start``; with ``joblib``, array bytes are stepped over as ``joblib.load`` does."""
    result = Walk()

    def complain(check: str, message: str) -> None:
        if len(result.problems) < limits.problems:
            result.problems.append(Problem(check, subject.where, message))

    machine = Machine(allowed=allowed, storages=storages, complain=complain)
    try:
        _follow(subject, start, machine, result, limits=limits, allowed=allowed, joblib=joblib)
    except (ValueError, OverflowError, MemoryError, AssertionError, UnicodeError, RecursionError) as error:
        result.end = machine.position
        complain("scan.pickle-unreadable", f"cannot be followed as a pickle: {error}")
    result.names, result.executes = machine.names, machine.executes
    return result


def _follow(
    subject: Subject,
    start: int,
    machine: Machine,
    result: Walk,
    *,
    limits: Limits,
    allowed: frozenset[tuple[str, str]],
    joblib: bool,
) -> None:
    stream, frame_end = subject.stream, 0
    stream.seek(start)
    for count, (opcode, arg, position) in enumerate(pickletools.genops(stream)):
        if count > limits.opcodes or position is None:
            raise ValueError(f"it has more than {limits.opcodes} opcodes")
        if opcode.name == "FRAME":
            if frame_end > position or stream.tell() + int(arg or 0) > subject.size:
                raise ValueError(f"the frame at byte {position} does not fit")
            frame_end = stream.tell() + int(arg or 0)
        machine.step(opcode.name, arg, position)
        if machine.array is not None and joblib:
            if frame_end > stream.tell():
                raise ValueError(f"array bytes at byte {stream.tell()} start inside a frame")
            result.arrays += 1
            _skip_array(subject, machine, result, walk_nested=_nested(limits, allowed))
        machine.array = None
    result.end = stream.tell()
    if frame_end > result.end:
        raise ValueError("its last frame goes on after its end")
    if len(machine.stack) != 1 or machine.below:
        raise ValueError("it does not end with exactly one object")


def _nested(limits: Limits, allowed: frozenset[tuple[str, str]]) -> Callable[[Subject, int], Walk]:
    return lambda subject, start: walk(subject, start, limits=limits, allowed=allowed, joblib=False)


def _skip_array(
    subject: Subject, machine: Machine, result: Walk, *, walk_nested: Callable[[Subject, int], Walk]
) -> None:
    """Leave the stream where joblib goes on reading, after the bytes (or the pickle) of one array."""
    if machine.array is None:
        return
    layout, stream = arrays.of_wrapper(machine.array), subject.stream
    if layout.objects:
        inner = walk_nested(subject, stream.tell())
        result.problems.extend(inner.problems)
        if any(found.id == "scan.pickle-unreadable" for found in inner.problems):
            raise ValueError("the pickle of an object array cannot be followed")
        stream.seek(inner.end)
        return
    end = stream.tell() + layout.size
    if layout.padded:
        padding = stream.read(1)
        end += 1 + (padding[0] if padding else 0)
    if end > subject.size:
        raise ValueError("the bytes of an array end before the array does")
    stream.seek(end)
