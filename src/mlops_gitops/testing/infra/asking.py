"""Asking a server for predictions in both protocols, and holding the answers against those of the model offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.infra import bad_requests, checks, parity, protocols
from mlops_gitops.testing.infra.parity import NOTHING, Tolerance
from mlops_gitops.testing.infra.probes import Probe
from mlops_gitops.testing.infra.protocols import Columns, Row, Unreadable
from mlops_gitops.testing.infra.server import Answer, Server
from mlops_gitops.testing.models.predictions import Failed, Predictions

_BATCH = 500
"""Rows of one request; large enough to be quick, small enough for every server's limits."""
BUDGET = 600.0
"""Seconds after which nothing further is asked: a server that answers slowly ends the test, and not the patience."""
_SHOWN = 200
_MOST_BAD = 10
"""So many bad requests may be answered badly before no further ones are sent."""


class Silent(Exception):
    """The server gave no answer at all, so that nothing further is asked; the text says to what, and how."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to ask: its name, path, how a request is written, how an answer is read, and which rows it can say."""

    name: str
    path: str
    write: Callable[[Sequence[Column], Sequence[Row]], bytes]
    read: Callable[[bytes, Sequence[Column]], Columns]
    says: Callable[[Sequence[Column], Row], bool]


def both(model: Model) -> tuple[Protocol, Protocol]:
    """MLflow's protocol and v2."""
    return (
        Protocol("invocations", protocols.INVOCATIONS, protocols.split, protocols.predictions, lambda _, __: True),
        Protocol("v2", protocols.infer(model.name), protocols.tensors, protocols.outputs_of, protocols.has_tensors),
    )


@dataclass(frozen=True, slots=True)
class Interview:
    """A server, the model that it should serve, and how its answers are held against those offline."""

    server: Server
    model: Model
    locate: Locate
    now: Callable[[], float]
    end: float

    @property
    def tolerance(self) -> Tolerance:
        """As the manifest has it."""
        infra = self.model.tests.infra
        return Tolerance(1e-6, 1e-9) if infra is None else Tolerance(infra.relative, infra.absolute)

    def spoken(self, sample: Row) -> tuple[Protocol, ...]:
        """The protocols that the server knows at all.  Raises ``Silent``."""
        return tuple(
            one for one in both(self.model) if self._answer(one, [sample], "the first row").status not in {404, 405}
        )

    def held_out(
        self, protocol: Protocol, rows: Sequence[Row], offline: Predictions, places: Sequence[int]
    ) -> Iterator[Check]:
        """Every row of ``places``, and the types of what comes back.  Raises ``Silent``."""
        inputs, outputs = self.model.interface.inputs, self.model.interface.outputs
        found, problem = NOTHING, ""
        wrong: list[str] = []
        said = [place for place in places if protocol.says(inputs, rows[place])]
        for start in range(0, len(said), _BATCH):
            part = said[start : start + _BATCH]
            answer = self._asked(protocol, [rows[place] for place in part], f"rows {part[0] + 1:,} to {part[-1] + 1:,}")
            if isinstance(answer, str):
                problem = f"asked for rows {part[0] + 1:,} to {part[-1] + 1:,}, {answer}"
                break
            wrong = wrong or protocols.wrong_types(answer, outputs)
            want = parity.chosen(offline, part)
            found += parity.compared(self.model, want, answer, self.tolerance, places=part)
        place = self.locate(("spec", "tests", "infra", "parity"))
        if not said:
            yield checks.skipped("infra.parity", protocol.name, "v2 has no word for the missing values here", place)
            return
        yield checks.parity("infra.parity", protocol.name, found, problem, place)
        if found.rows:
            yield checks.types(protocol.name, wrong, self.locate)

    def one_by_one(
        self, protocol: Protocol, rows: Sequence[Row], offline: Predictions, places: Sequence[int]
    ) -> Iterator[Check]:
        """Some rows alone, which answers otherwise where a model looks at its whole batch."""
        found, problem = NOTHING, ""
        inputs = self.model.interface.inputs
        for place in [one for one in places if protocol.says(inputs, rows[one])]:
            answer = self._asked(protocol, [rows[place]], f"row {place + 1:,} alone")
            if isinstance(answer, str):
                problem = f"asked for row {place + 1:,} alone, {answer}"
                break
            want = parity.chosen(offline, [place])
            found += parity.compared(self.model, want, answer, self.tolerance, places=[place])
        where = self.locate(("spec", "tests", "infra", "parity"))
        if found.rows or problem:
            yield checks.parity("infra.one-row", protocol.name, found, problem, where)

    def empty(self, protocol: Protocol) -> Check:
        """No row at all: no predictions, or a refusal; never a server that breaks."""
        answer = self._answer(protocol, [], "a batch without rows")
        rows = -1
        if answer.good:
            try:
                rows = protocol.read(answer.body, self.model.interface.outputs).rows
            except Unreadable:
                rows = -1
        message = "a batch without rows gets no predictions"
        if answer.refused:
            message = f"a batch without rows is refused (status {answer.status})"
        bad = not (answer.refused or rows == 0)
        if bad:
            message = f"a batch without rows gets {'an answer that is none' if answer.good else answer.words}"
        return checks.probe("infra.empty", protocol.name, message, self.locate(("spec", "interface")), bad=bad)

    def unusual(
        self, protocol: Protocol, probed: Sequence[tuple[Probe, Sequence[Row], Predictions | Failed]]
    ) -> Iterator[Check]:
        """Missing values and unknown categories: the same answer or the same refusal as offline."""
        place = self.locate(("spec", "interface", "inputs"))
        passed: dict[str, int] = {}
        for probe, rows, offline in probed:
            if not all(protocol.says(self.model.interface.inputs, row) for row in rows):
                continue
            problem = self._differs(protocol, probe, rows, offline)
            if problem:
                what = "without a value" if probe.id == "infra.missing" else "with an unknown category"
                message = f"{probe.subject} {what} ({protocol.name}): {problem}"
                yield checks.probe(probe.id, probe.subject, message, place, bad=True)
            else:
                passed[probe.id] = passed.get(probe.id, 0) + 1
        for id_, count in passed.items():
            what = "without a value" if id_ == "infra.missing" else "with an unknown category"
            message = f"{count} column{'' if count == 1 else 's'} {what}: the same as offline, or refused"
            yield checks.probe(id_, protocol.name, message, place, bad=False)

    def bad(self, row: Row) -> Iterator[Check]:
        """Requests that no client should send, each followed by a good one.  Raises ``Silent``."""
        place = self.locate(("spec", "interface"))
        good = both(self.model)[0]
        body = good.write(self.model.interface.inputs, [row])
        before = self.server.ask(good.path, body)
        refused, failed = 0, 0
        for one in bad_requests.requests(self.model, row):
            self._in_time("bad requests")
            answer = self.server.wrong(one)
            after = self.server.ask(good.path, body)
            if not after.status:
                raise Silent(f"after a request where {one.what}, {after.problem}")
            check = bad_requests.judged(one, answer, after, before, location=place)
            if check.verdict is Verdict.PASS:
                refused += 1
                continue
            failed += 1
            yield check
            if failed == _MOST_BAD:
                break
        message = (
            f"{refused} bad requests were refused, or allowed by a specification, and a good one answered after each"
        )
        if refused:
            yield checks.probe("infra.bad-request", "all others" if failed else "all", message, place, bad=False)

    def _differs(self, protocol: Protocol, probe: Probe, rows: Sequence[Row], offline: Predictions | Failed) -> str:
        outputs = self.model.interface.outputs
        answer = self._answer(protocol, rows, f"rows with an unusual {probe.subject}")
        if answer.refused:
            may = not probe.strict or isinstance(offline, Failed)
            return "" if may else f"it is refused, and offline it has an answer: {_excerpt(answer)}"
        if not answer.good:
            return f"the answer is no refusal but {answer.words}"
        if isinstance(offline, Failed):
            return f"it has an answer, and offline there is none: {offline.reason}"
        try:
            served = protocol.read(answer.body, outputs)
        except Unreadable as problem:
            return f"the answer cannot be read: {problem}"
        found = parity.compared(self.model, offline, served, self.tolerance, places=range(len(rows)))
        return found.example if found.differing else ""

    def _answer(self, protocol: Protocol, rows: Sequence[Row], what: str) -> Answer:
        """The answer to some rows, which ``what`` names.  Raises ``Silent`` where there is none."""
        self._in_time(what)
        answer = self.server.ask(protocol.path, protocol.write(self.model.interface.inputs, rows))
        if not answer.status:
            raise Silent(f"asked for {what} ({protocol.name}), {answer.problem}")
        return answer

    def _in_time(self, what: str) -> None:
        """Raises ``Silent`` where everything that was asked took too long already."""
        if self.now() > self.end:
            raise Silent(f"it answers too slowly: after {BUDGET:g} s, it was still to be asked for {what}")

    def _asked(self, protocol: Protocol, rows: Sequence[Row], what: str) -> Columns | str:
        """The answer as columns, or what is wrong with it."""
        answer = self._answer(protocol, rows, what)
        if not answer.good:
            return f"the answer is {answer.words}{_told(answer)}"
        try:
            return protocol.read(answer.body, self.model.interface.outputs)
        except Unreadable as problem:
            return f"the answer cannot be read: {problem}"


def _told(answer: Answer) -> str:
    said = _excerpt(answer)
    return f": {said}" if said else ""


def _excerpt(answer: Answer) -> str:
    """What a server says, harmless to print."""
    text = answer.body[: 4 * _SHOWN].decode("utf-8", "replace")
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"
