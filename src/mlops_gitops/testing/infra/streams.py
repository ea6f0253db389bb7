"""The order of events for the image of a stream: killed, told to end, left alone; and what its broker holds afterwards.

Records are there before the server is, so that its first answer says that it is ready.  It is killed when a part of
the answers is stored, ended by SIGTERM when about half is, and started again both times.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.infra_tests import InfraTests
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.infra import checks, parity, records
from mlops_gitops.testing.infra.parity import Tolerance
from mlops_gitops.testing.infra.protocols import Row
from mlops_gitops.testing.infra.records import Got, Sent
from mlops_gitops.testing.infra.server import Answer, Attempts, Facts, Ready, State, Stopped
from mlops_gitops.testing.infra.subjects import Offline, Subject

LEAST = 1000
"""Records that are sent at least, so that there is a middle in which to kill."""
_KILL, _STOP = 0.1, 0.4
"""Shares of the answers after which it is killed, and after which it is told to end."""
_QUIET = 3.0
"""Seconds without any record, which a server has to outlive."""
_SPARE = 120.0
_NO_RECORDS = (b"{no json", b"[1]", b"\xff\xfe\x00", b'"text"', b"NaN")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the broker holds: the message id, the bytes, and whether the record was set aside."""

    id: str | None
    data: bytes
    aside: bool


class Stream(Protocol):
    """A server that reads from a broker, and that broker.  Every method ends in time."""

    def put(self, records: Sequence[bytes]) -> None:
        """Store records, which are numbered from 1."""

    def start(self) -> State:
        """Start the server, also again."""

    def wait(self, answers: int, *, seconds: float, settled: bool = False) -> int:
        """How many answers are stored, as soon as there are so many (and nothing is open), or time is up."""

    def kill(self) -> None:
        """SIGKILL."""

    def stop(self, *, within: float) -> Stopped:
        """SIGTERM, and SIGKILL after ``within`` seconds."""

    def state(self) -> State:
        """How the server is."""

    def stored(self) -> Sequence[Stored]:
        """Everything that the broker holds of answers, in order."""

    def memory(self) -> int | None:
        """The most memory that it has used since it was started, in bytes."""

    @property
    def alone(self) -> bool:
        """Whether there is nobody but the broker in its network."""

    def attempts(self) -> Attempts | None:
        """What it tried to reach beside the broker; ``None`` where that cannot be seen."""

    def user(self) -> str | None:
        """As whom it runs."""


@dataclass(frozen=True, slots=True)
class Broken:
    """When it was interrupted: so many answers of so many were stored."""

    stored: int
    total: int

    @property
    def in_the_middle(self) -> bool:
        """Whether some answers were stored, and not all."""
        return 0 < self.stored < self.total


def run(
    subject: Subject, stream: Stream, facts: Facts, infra: InfraTests, *, offline: Offline, now: Callable[[], float]
) -> Iterator[Check]:
    """Send, interrupt, wait, and judge.  Where it never answers, nothing further is asked."""
    model, locate = subject.model, subject.locate
    held_out = [offline.rows[place] for place in offline.sample]
    chosen = parity.chosen(offline.predictions, offline.sample)
    bad = (*_NO_RECORDS, *_wrong(model.interface.inputs, held_out[0]))
    all_ = records.sent(held_out, chosen, offline.probed, bad=len(bad), least=LEAST)
    stream.put(_written(model, all_, bad))
    total = len(all_.rows)
    begun = now()
    state = stream.start()
    first = stream.wait(1, seconds=infra.start_within) if state.running else 0
    ready = Ready(now() - begun if first else None, stream.state(), Answer(0, problem="no answer was stored"))
    yield checks.started(facts, ready, infra.start_within, locate)
    yield checks.user(facts, stream.user(), locate)
    yield checks.stateless(facts, locate)
    if not first:
        yield checks.memory(model, stream.memory(), stream.state(), locate)
        return
    killed = Broken(stream.wait(int(total * _KILL), seconds=_SPARE), total)
    stream.kill()
    killed = Broken(stream.wait(0, seconds=0), total)
    stream.start()
    stream.wait(int(total * _STOP), seconds=infra.start_within + _SPARE)
    yield checks.stopped(facts, stream.stop(within=infra.stop_within), infra.stop_within, locate)
    stream.start()
    stream.wait(total, seconds=infra.start_within + _SPARE, settled=True)
    stream.wait(total + 1, seconds=_QUIET)
    stream.put([_record(model.interface.inputs, held_out[0])])
    alone = stream.wait(total + 1, seconds=infra.start_within, settled=True) == total + 1
    yield checks.probe("infra.one-row", facts.name, _alone(stream.state(), alone=alone), locate(_AT), bad=not alone)
    yield _middle(facts, killed, locate)
    got = received(stream.stored(), total + 1)
    rows = Sent((*all_.rows, held_out[0]), all_.groups)
    tolerance = Tolerance(infra.relative, infra.absolute)
    yield from records.judged(model, rows, got, tolerance, locate)
    yield checks.memory(model, stream.memory(), stream.state(), locate)
    if stream.alone:
        yield checks.network(facts, stream.attempts(), locate)
    else:
        why = "the broker is one that runs already, and the server shares a network with others"
        yield checks.skipped("infra.network", facts.name, why, locate(_AT))


_AT = ("spec", "serving")


def back(
    stream: Stream, rows: Sequence[Row], inputs: Sequence[Column], *, within: float, now: Callable[[], float]
) -> tuple[str, float | None]:
    """Whether the stream of a former release still answers records: what is wrong, and the seconds until it had."""
    stream.put([_record(inputs, row) for row in rows])
    begun = now()
    state = stream.start()
    if not state.running:
        return state.words, None
    answers = stream.wait(len(rows), seconds=within)
    if answers < len(rows):
        return f"{answers} of {len(rows)} records were answered in {within:g} s; {stream.state().words}", None
    return "", now() - begun


def received(stored: Sequence[Stored], total: int) -> Got:
    """What the broker holds, by number.  An id is ``STREAM:SEQUENCE``, with ``:aside`` where it was set aside."""
    answers: dict[int, Mapping[str, Any]] = {}
    aside: dict[int, str] = {}
    twice = strange = 0
    for one in stored:
        number, value = _number(one.id), _value(one.data)
        if number is None or not 0 <= number < total or value is None:
            strange += 1
        elif number in (aside if one.aside else answers):
            twice += 1
        elif one.aside:
            aside[number] = str(value.get("reason", ""))
        else:
            answers[number] = {name: part for name, part in value.items() if name != "key"}
    return Got(answers, aside, twice, strange)


def _number(id_: str | None) -> int | None:
    sequence = (id_ or "").removesuffix(":aside").rpartition(":")[2]
    return int(sequence) - 1 if sequence.isascii() and sequence.isdecimal() and len(sequence) < 16 else None  # noqa: PLR2004


def _value(data: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _written(model: Model, sent: Sent, bad: Sequence[bytes]) -> list[bytes]:
    left = iter(bad)
    return [next(left) if row is None else _record(model.interface.inputs, row) for row in sent.rows]


def _record(inputs: Sequence[Column], row: Row) -> bytes:
    names = [one.name for one in inputs]
    return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False).encode()


def _wrong(inputs: Sequence[Column], row: Row) -> list[bytes]:
    """A row with a value of another type, and one without a value that has to be there."""
    values = dict(zip([one.name for one in inputs], row, strict=True))
    found = [json.dumps({**values, inputs[0].name: {"a": 1}}, ensure_ascii=False).encode()]
    required = next((one.name for one in inputs if one.required), None)
    if required is not None:
        found.append(json.dumps({**values, required: None}, ensure_ascii=False).encode())
    return found


def _alone(state: State, *, alone: bool) -> str:
    if alone:
        return f"after {_QUIET:g} s without any record, one alone was answered"
    return f"after {_QUIET:g} s without any record, one alone was not answered: {state.words}"


def _middle(facts: Facts, killed: Broken, locate: Locate) -> Check:
    """Whether the kill said anything."""
    count = f"{wording.number(killed.stored)} of {wording.number(killed.total)} answers were stored"
    if killed.in_the_middle:
        return Check(
            "infra.kill", facts.name, Verdict.PASS, f"it was killed when {count}, and went on", location=locate(_AT)
        )
    message = f"it could not be killed in the middle: {count}"
    fix = "run the test again on a quieter machine, or with more held-out rows"
    return Check("infra.kill", facts.name, Verdict.INCONCLUSIVE, message, location=locate(_AT), fix=fix)
