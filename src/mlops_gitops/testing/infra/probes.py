"""The rows that an image is asked about: the held-out data, and what production sends that they lack.

Each probe is a data file of its own, made from the first held-out rows, so that the model is asked offline about the
very same; the files lie in a folder of the caller's.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mlops_gitops.canonical import sha256
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.infra.protocols import Row

ROWS = 20
"""Rows of a probe, and rows that are asked one by one."""
MOST_COLUMNS = 40
"""So many columns are tried without a value, and so many with an unknown category."""
UNKNOWN = "no such category \N{LATIN SMALL LETTER O WITH DIAERESIS}\N{SNOWMAN}"


@dataclass(frozen=True, slots=True)
class Probe:
    """``id`` is the check that it is for, ``subject`` the column; ``strict`` where the server may not refuse it."""

    id: str
    subject: str
    source: Source
    digest: str
    strict: bool


def rows(source: Source, inputs: Sequence[Column]) -> list[Row]:
    """Every row of a file, as JSON has it.  Raises ``Refused`` where it cannot be read."""
    raw = engine.arrays(source, {one.name: engine.quoted(one.name) for one in inputs})
    return list(zip(*(_values(raw[one.name], one.type) for one in inputs), strict=True))


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` rows, evenly."""
    if count <= most:
        return list(range(count))
    return sorted({int(one) for one in np.linspace(0, count - 1, most)})


def made(model: Model, held_out: Source, sample: Sequence[Row], folder: Path) -> Iterator[Probe]:
    """The probes of a model; ``sample`` are all the held-out rows.  Raises ``Refused`` where they cannot be read."""
    inputs = model.interface.inputs
    plain = {one.name: engine.quoted(one.name) for one in inputs}
    places = [
        place
        for place, one in enumerate(inputs)
        if not one.required or any(row[place] is None for row in sample) or one.type in {"float", "double"}
    ]
    for place in places[:MOST_COLUMNS]:
        one = inputs[place]
        strict = not one.required or any(row[place] is None for row in sample)
        missing = f"CASE WHEN false THEN {plain[one.name]} END"
        yield _probe("infra.missing", one.name, held_out, {**plain, one.name: missing}, folder, strict=strict)
    texts = [one for one in inputs if one.type == "string"]
    for one in texts[:MOST_COLUMNS]:
        unknown = {**plain, one.name: "'" + UNKNOWN + "'"}
        yield _probe("infra.unknown-category", one.name, held_out, unknown, folder, strict=True)


def _probe(id_: str, name: str, held_out: Source, expressions: dict[str, str], folder: Path, *, strict: bool) -> Probe:
    path = folder / f"probe-{len(list(folder.iterdir()))}.parquet"
    engine.derive(held_out, path, expressions, rows=ROWS)
    return Probe(id_, name, Source(path, "parquet"), sha256(path.read_bytes()), strict)


def _values(raw: Any, type_: str) -> list[Any]:
    """A column as JSON has it, of its declared type."""
    absent, data = np.ma.getmaskarray(raw), np.ma.getdata(raw)
    if data.dtype.kind == "M":  # finer than microseconds, numpy has no times but numbers
        data = data.astype("datetime64[us]")
    return [None if gone else _value(value, type_) for value, gone in zip(data.tolist(), absent.tolist(), strict=True)]


def _value(value: Any, type_: str) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if type_ in {"float", "double"}:
        return float(value)
    if type_ in {"integer", "long"}:
        return int(value) if float(value).is_integer() else value
    if type_ == "boolean":
        return bool(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
