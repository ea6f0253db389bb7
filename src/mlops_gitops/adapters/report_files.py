"""The reports of a run, read from a folder that a pull request's own jobs have filled.

Nobody can be trusted to have written a file there: it may be cut, enormous, deep, a pipe, or a link to somewhere else.
Each is read within bounds, parsed strictly, and held against the published schema of every verb that a scorecard
understands.  What fits none is left out and told with its reason; nothing that lies in the folder raises.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_gitops.errors import Misused
from mlops_gitops.manifests import schema
from mlops_gitops.reporting.scorecard.assembly import KINDS
from mlops_gitops.reporting.scorecard.records import LeftOut, Source, Told

LARGEST = 16 * 1024**2
"""Bytes of one report: a reproduction with every tensor of a large model takes a few."""
TOGETHER = 64 * 1024**2
MOST = 2000
"""Files and folders that are looked at."""
_DEEPEST = 8
_DIGITS = 18
"""Of a whole number: all of them fit into 64 bits."""


def read(folder: Path) -> tuple[tuple[Told, ...], tuple[LeftOut, ...]]:
    """Every report below ``folder``, and every other file that ends in ``.json`` with the reason it is none.

    The same bytes count once.  Raises ``Misused`` where there is no such folder.
    """
    if not folder.is_dir():
        raise Misused(
            f"there is no folder {folder}", hint="name the folder that holds the JSON reports", code="no-such-path"
        )
    told: list[Told] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    room = TOGETHER
    for path, name in _files(folder, left_out):
        try:
            data = _content(path, min(LARGEST, room))
            room -= len(data)
            digest = hashlib.sha256(data).hexdigest()
            if digest in seen:
                continue
            document = _parsed(data)
            told.append(Told(Source(name, _kind(document), digest), document))
            seen.add(digest)
        except OSError as error:
            left_out.append(LeftOut(name, f"it cannot be read: {error.strerror}"))
        except (ValueError, RecursionError, MemoryError) as error:
            left_out.append(LeftOut(name, _why(error)))
    return tuple(told), tuple(left_out)


def _files(folder: Path, left_out: list[LeftOut]) -> Iterator[tuple[Path, str]]:
    """Files by name, links not followed."""
    count, waiting = 0, [(folder, 0)]
    while waiting:
        here, depth = waiting.pop(0)
        try:
            with os.scandir(here) as listed:
                entries = sorted(listed, key=lambda one: one.name)
        except OSError as error:
            left_out.append(LeftOut(str(here.relative_to(folder)), f"it cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            count += 1
            if count > MOST:
                left_out.append(LeftOut(".", f"the folder holds more than {MOST:,} files; the rest was not looked at"))
                return
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST:
                    waiting.append((path, depth + 1))
                else:
                    left_out.append(LeftOut(str(path.relative_to(folder)), "the folder lies too deep"))
            elif entry.name.endswith(".json"):
                yield path, str(path.relative_to(folder))


def _content(path: Path, most: int) -> bytes:
    """The bytes of a plain file.  Opened without waiting, so that a pipe without a writer holds nobody up."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no plain file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is too large: reports may have {LARGEST // 1024**2} MiB, {TOGETHER // 1024**2} together")
    return data


def _parsed(data: bytes) -> dict[str, Any]:
    """Strict JSON: each name once, only finite numbers, and an object on top."""
    try:
        found = json.loads(
            data.decode("utf-8"),
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no whole JSON, at line {error.lineno}") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - what is wrong is the file
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it holds a number beyond all bounds")
    return value


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("it holds a number beyond all bounds")
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it gives one name twice")
    return found


def _kind(document: dict[str, Any]) -> str:
    """What printed it: the verb whose schema it fits; they are closed, so it can be one only."""
    for kind in KINDS:
        if schema.check(f"output/{kind}")(document):
            return kind
    for kind in KINDS:
        if set(document) - {"judged"} == set(schema.document(f"output/{kind}")["required"]):
            from mlops_gitops.manifests.wording import validator

            first = next(validator(f"output/{kind}").iter_errors(document), None)
            where = first.json_path if first is not None else "$"
            raise ValueError(f"it does not fit the schema of `{kind}` at {where}")
    raise ValueError(f"it fits the schema of none of {', '.join(KINDS)}")


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    return str(error)
