"""The order of events for the image of a batch: killed, told to end, run, run again; and what its output holds.

The input holds the held-out rows several times, the probes, and rows without a value that has to be there, each with
its number in a column of its own, which the output has to bring along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.infra_tests import InfraTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.infra import checks, records
from mlops_gitops.testing.infra.parity import Tolerance
from mlops_gitops.testing.infra.records import Got, Sent
from mlops_gitops.testing.infra.server import Answer, Attempts, Facts, Ready, State, Stopped
from mlops_gitops.testing.infra.subjects import Offline, Subject

LEAST = 10_000
"""Rows of the input at least, so that there is a middle in which to kill."""
NUMBER = "mlops_gitops_row"
IN, OUT, ASIDE = "in.parquet", "out.parquet", "out.parquet.rejected"
_BAD = 3
_LONGEST = 600.0
_ROWS = "32"
_AT = ("spec", "serving")


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: how it ended, the seconds, the last line of its output, and whether it was still at work when hit."""

    state: State
    seconds: float
    told: str = ""
    in_the_middle: bool = False


class Batch(Protocol):
    """An image that reads and writes files in one folder of its own.  Every method ends in time."""

    def put(self, name: str, path: Path) -> None:
        """A file into the folder."""

    def run(self, *words: str, within: float, hit: str | None = None) -> Ran:
        """Run with the folder's files as words; ``hit`` is the signal that is sent when it says how far it is."""

    def names(self) -> set[str]:
        """What lies in the folder."""

    def get(self, name: str, path: Path) -> bool:
        """A file out of the folder; whether there is one."""

    def memory(self) -> int | None:
        """The most memory that a run used, in bytes, where it is known."""

    def attempts(self) -> Attempts | None:
        """What runs tried to reach, as far as they were looked at while they ran; ``None`` where that is not seen."""


def run(
    subject: Subject,
    batch: Batch,
    facts: Facts,
    infra: InfraTests,
    *,
    held_out: Source,
    offline: Offline,
    scratch: Path,
) -> Iterator[Check]:
    """Run it in every way, and judge.  Where it does not come to an end, nothing further is asked."""
    model, locate = subject.model, subject.locate
    bad = _BAD if any(one.required for one in model.interface.inputs) else 0
    sent = records.sent(offline.rows, offline.predictions, offline.probed, bad=bad, least=LEAST)
    _write(model, sent, held_out, scratch / "in", part=None)
    _write(model, sent, held_out, scratch / "one", part=1)
    _write(model, sent, held_out, scratch / "none", part=0)
    (scratch / "noise").write_bytes(b"PAR1 this is none")
    for name, file in ((IN, "in"), ("one", "one"), ("none", "none"), ("noise", "noise")):
        batch.put(name, scratch / file)
    there = batch.names()
    yield checks.user(facts, None, locate)
    yield checks.stateless(facts, locate)
    yield from _hit(subject, batch, facts, infra, there)
    done = batch.run(IN, OUT, "--rows", _ROWS, within=_LONGEST)
    good = done.state.exit_code == 0 and batch.get(OUT, scratch / OUT) and batch.get(ASIDE, scratch / ASIDE)
    ready = Ready(done.seconds if good else None, done.state, Answer(0, problem="there is no output"))
    if not good:
        yield checks.started(facts, ready, _LONGEST, locate)
        return
    extra = batch.names() - there - {OUT, ASIDE}
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in one[:60]) for one in sorted(extra)[:4])
    said = "it left nothing but its two outputs" if not extra else f"it left {shown}"
    yield checks.probe("infra.left", facts.name, said, locate(_AT), bad=bool(extra))
    try:
        got = received(model, scratch / OUT, scratch / ASIDE, total=len(sent.rows))
    except Refused as refusal:
        yield checks.probe("infra.parity", facts.name, f"the output cannot be read: {refusal}", locate(_AT), bad=True)
        return
    yield from records.judged(model, sent, got, Tolerance(infra.relative, infra.absolute), locate)
    yield _counts(facts, done.told, got, locate(_AT))
    yield from _again(batch, facts, scratch, locate(_AT))
    yield checks.memory(model, batch.memory(), done.state, locate)
    yield checks.network(facts, batch.attempts(), locate)


def _hit(subject: Subject, batch: Batch, facts: Facts, infra: InfraTests, there: set[str]) -> Iterator[Check]:
    """SIGKILL and SIGTERM in the middle: no output has its name."""
    place = subject.locate(_AT)
    for signal in ("SIGKILL", "SIGTERM"):
        ran = batch.run(IN, OUT, "--rows", _ROWS, within=_LONGEST, hit=signal)
        if not ran.in_the_middle:
            message = f"{signal} came too late to be in the middle: {ran.state.words}"
            fix = "run the test again on a quieter machine; the server says how far it is on standard error"
            yield Check("infra.kill", facts.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
            continue
        half = (batch.names() - there) & {OUT, ASIDE}
        message = f"{signal} in the middle left no output" if not half else f"{signal} left half of {min(half)}"
        yield checks.probe("infra.kill", facts.name, message, place, bad=bool(half))
        if signal == "SIGTERM":
            found = Stopped(ran.state.exit_code or 0, ran.seconds, ran.seconds > infra.stop_within)
            yield checks.stopped(facts, found, infra.stop_within, subject.locate)


def _again(batch: Batch, facts: Facts, scratch: Path, place: Location) -> Iterator[Check]:
    """The same once more, one row, no row, and a file that is none."""
    ran = batch.run(IN, OUT, "--rows", _ROWS, within=_LONGEST)
    same = ran.state.exit_code == 0 and batch.get(OUT, scratch / "again")
    same = same and (scratch / "again").read_bytes() == (scratch / OUT).read_bytes()
    message = "run again, it gives the same file" if same else f"run again, its output is another: {ran.state.words}"
    yield checks.probe("infra.restart", facts.name, message, place, bad=not same)
    for id_, name, rows in (("infra.one-row", "one", 1), ("infra.empty", "none", 0)):
        ran = batch.run(name, f"{name}.out", within=_LONGEST)
        found = _rows(batch, f"{name}.out", scratch) if ran.state.exit_code == 0 else None
        message = f"a file of {rows} rows gives {found} predictions" if found is not None else ran.state.words
        yield checks.probe(id_, facts.name, f"{name}: {message}", place, bad=found != rows)
    ran = batch.run("noise", "noise.out", within=_LONGEST)
    refused = ran.state.exit_code not in {0, None} and not any(one.startswith("noise.") for one in batch.names())
    said = f"a file that is none is refused (code {ran.state.exit_code}), and nothing is written"
    said = said if refused else f"a file that is none is not refused: {ran.state.words}"
    yield checks.probe("infra.refused", facts.name, said, place, bad=not refused)


def received(model: Model, good: Path, aside: Path, *, total: int) -> Got:
    """What the two outputs hold, by number.  Raises ``Refused`` where they cannot be read."""
    answers: dict[int, Mapping[str, Any]] = {}
    reasons: dict[int, str] = {}
    twice = strange = 0
    names = [one.name for one in model.interface.outputs]
    for number, *values in _table(good, [NUMBER, *names], most=2 * total):
        if not _is_number(number, total):
            strange += 1
        elif number in answers:
            twice += 1
        else:
            answers[number] = dict(zip(names, values, strict=True))
    for number, reason in _table(aside, [NUMBER, "reason"], most=2 * total):
        if not _is_number(number, total):
            strange += 1
        elif number in reasons:
            twice += 1
        else:
            reasons[number] = str(reason or "")
    return Got(answers, reasons, twice, strange)


def _is_number(number: Any, total: int) -> bool:
    """Whether this is the number of a row that was sent: an image may write anything there."""
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < total


def _table(path: Path, names: list[str], *, most: int) -> Iterator[tuple[Any, ...]]:
    """The rows of some columns; an output that has a column of the input's name is called ``predicted_…``.

    Raises ``Refused`` where there are more than ``most``: a small file can say that it has any number of them.
    """
    source = Source(path, "parquet")
    present = engine.columns(source)
    rows = int(engine.arrays(source, {"n": "count(*)"})["n"][0])
    if rows > most:
        raise Refused(f"it has {rows:,} rows", hint="write a row for each that was read", code="infra-output")
    chosen = {one: engine.quoted(f"predicted_{one}" if f"predicted_{one}" in present else one) for one in names}
    raw = engine.arrays(source, chosen)
    lists = []
    for name in names:
        gone = np.ma.getmaskarray(raw[name]).tolist()
        data = np.ma.getdata(raw[name]).tolist()
        lists.append([None if lacks else one for one, lacks in zip(data, gone, strict=True)])
    yield from zip(*lists, strict=True)


def back(batch: Batch, source: Source, *, within: float, scratch: Path) -> tuple[str, float | None]:
    """Whether the batch of a former release still reads a file and writes one row for each of its: what is wrong."""
    batch.put(IN, source.path)
    ran = batch.run(IN, OUT, within=within)
    if ran.state.exit_code != 0:
        return ran.state.words, None
    counted = [_rows(batch, name, scratch, column=None) or 0 for name in (OUT, ASIDE)]
    sent = int(engine.arrays(source, {"n": "count(*)"})["n"][0])
    if sum(counted) != sent:
        return f"of {sent} rows it wrote {counted[0]} and set {counted[1]} aside", ran.seconds
    return "", ran.seconds


def _rows(batch: Batch, name: str, scratch: Path, *, column: str | None = NUMBER) -> int | None:
    """How many rows an output has, and, of a ``column``, values; ``None`` where there is none that can be read."""
    if not batch.get(name, scratch / name):
        return None
    counted = "count(*)" if column is None else f"count({engine.quoted(column)})"
    try:
        return int(engine.arrays(Source(scratch / name, "parquet"), {"n": counted})["n"][0])
    except Refused:
        return None


def _counts(facts: Facts, told: str, got: Got, place: Location) -> Check:
    """What it says of itself: rows that were predicted and set aside."""
    try:
        found = json.loads(told)
        counts = (int(found["predicted"]), int(found["rejected"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return checks.probe("infra.counts", facts.name, "its last line does not count its rows", place, bad=True)
    right = counts == (len(got.answers), len(got.aside))
    message = f"it counts {counts[0]:,} rows that it predicted and {counts[1]:,} that it set aside"
    message += "" if right else f"; its output holds {len(got.answers):,} and {len(got.aside):,}"
    return checks.probe("infra.counts", facts.name, message, place, bad=not right)


def _write(model: Model, sent: Sent, held_out: Source, path: Path, *, part: int | None) -> None:
    """The input; ``part`` takes so many of the held-out rows and nothing else."""
    names = [one.name for one in model.interface.inputs]
    plain = {name: engine.quoted(name) for name in names}
    if part is not None:
        engine.derive(held_out, path, {NUMBER: "0", **plain}, rows=part)
        return
    parts: list[tuple[Source, Mapping[str, str]]] = [
        (
            held_out if group.probe is None else group.probe.source,
            {NUMBER: f"{group.numbers.start} + {{row}}", **plain},
        )
        for group in sent.groups
    ]
    required = next((one.name for one in model.interface.inputs if one.required), None)
    if sent.bad and required is not None:
        first = path.with_name("first")
        engine.derive(held_out, first, plain, rows=1)
        gone = {**plain, required: f"CASE WHEN false THEN {plain[required]} END"}
        parts += [(Source(first, "parquet"), {NUMBER: str(number), **gone}) for number in sorted(sent.bad)]
    engine.joined(parts, path)
