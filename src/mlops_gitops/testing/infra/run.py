"""The order of events: what is asked of an image, and when.

Every container of a ``Host`` is gone when this returns or raises.  What a container does badly is a check that failed;
``WorldFailed`` comes only from the engine.  Once a container has died, nothing further is asked of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import reports
from mlops_gitops.testing.data.files import DataFile, data_files, identity, unreadable
from mlops_gitops.testing.data.scans import Source, watched_text
from mlops_gitops.testing.infra import checks, objectives, probes, protocols, ways_back
from mlops_gitops.testing.infra.asking import BUDGET, Interview, Protocol, Silent
from mlops_gitops.testing.infra.load import Load
from mlops_gitops.testing.infra.objectives import Objective
from mlops_gitops.testing.infra.protocols import Row
from mlops_gitops.testing.infra.server import Answer, Facts, Server
from mlops_gitops.testing.infra.subjects import Former, Means, Offline, Subject
from mlops_gitops.testing.models.predictions import Failed, Job, Predictions

_LONGEST = 30.0
"""Seconds that one request may take, under load too."""
_AT = ("spec", "tests", "infra")


def run_infra_tests(subject: Subject, means: Means, formers: Sequence[Former], *, why_none: str) -> Report:
    """Test the image of ``subject``; ``why_none`` says why there are no ``formers`` to go back to."""
    model = subject.model
    facts = means.host.facts(subject.image)
    file = _held_out(subject)
    found: list[Check] = [checks.size(facts, subject.infra.image_size, subject.locate)]
    answer: Predictions | Failed | None = None
    offline: Offline | None = None
    if file is None or file.source is None:
        why = "it is in none of the tested roles" if file is None else file.problem
        message = f"served predictions cannot be compared: {model.primary.dataset} cannot be read: {why}"
        found.append(_no_parity(subject, message))
    else:
        means.progress(f"{model.name}: asking the model offline")
        found += identity(file, subject.locate)
        try:
            answer, offline = _offline(subject, means, file.source, file.digest)
        except Refused as refusal:
            found.append(unreadable(file, refusal, subject.locate))
        if isinstance(answer, Failed):
            found.append(_no_parity(subject, f"there are no offline predictions: {answer.reason}"))
    if means.records is None:
        found += _containers(subject, means, facts, offline)
    elif offline is not None and file is not None and file.source is not None:
        found += means.records(subject, facts, file.source, offline)
    means.progress(f"{model.name}: looking at the way back")
    held_out = None if offline is None or file is None else file.source
    found += ways_back.checked(subject, means, formers, held_out, why_none)
    materials = [("image", facts.digest.removeprefix("sha256:")), ("artifact", subject.artifact.digest)]
    if file is not None and file.digest:
        materials.append((f"data/{file.dataset.name}", file.digest))
    if isinstance(answer, Predictions):
        materials.append((f"predictions/{model.primary.dataset}", answer.digest))
    return reports.made("infra-tests", model, found, tuple(materials))


def _held_out(subject: Subject) -> DataFile | None:
    files = data_files(subject.model, folder=subject.folder, root=subject.root)
    return next((one for one in files if one.dataset.name == subject.model.primary.dataset), None)


def _offline(
    subject: Subject, means: Means, source: Source, digest: str
) -> tuple[Predictions | Failed, Offline | None]:
    model = subject.model
    rows = probes.rows(source, model.interface.inputs)
    found = list(probes.made(model, source, rows, means.scratch))
    jobs = [_job(subject, source, digest), *(_job(subject, one.source, one.digest) for one in found)]
    answer, *others = means.predict(jobs)
    if isinstance(answer, Failed) or len(answer.values) != len(rows) or not rows:
        if isinstance(answer, Predictions):
            answer = Failed(f"the model gives {len(answer.values)} predictions for {len(rows)} rows")
        return answer, None
    probed = [
        (one, probes.rows(one.source, model.interface.inputs), said) for one, said in zip(found, others, strict=True)
    ]
    return answer, Offline(rows, answer, probed, probes.spread(len(rows), subject.infra.most_rows))


def _job(subject: Subject, source: Source, digest: str) -> Job:
    """The very job of the model's tests, so that what was answered there is not asked again."""
    model, target = subject.model, subject.model.interface.target
    positive = "true" if target is None or target.positive is None else watched_text(target.positive)
    names = tuple(one.name for one in model.interface.inputs)
    return Job(subject.artifact, source.path, source.format, digest, names, model.task, positive)


def _no_parity(subject: Subject, message: str) -> Check:
    place = subject.locate(("spec", "metrics"))
    fix = "make the model answer offline first: `mlops-gitops test model`"
    return Check("infra.parity", subject.model.name, Verdict.FAIL, message, location=place, fix=fix)


def _containers(subject: Subject, means: Means, facts: Facts, offline: Offline | None) -> Iterator[Check]:
    locate, infra = subject.locate, subject.infra
    with means.host.serve(subject.image) as server:
        means.progress(f"{subject.model.name}: starting {facts.name}")
        ready = server.start(within=infra.start_within)
        yield checks.started(facts, ready, infra.start_within, locate)
        yield checks.user(facts, server.user() if ready.state.running else None, locate)
        yield checks.stateless(facts, locate)
        if ready.seconds is None:
            if ready.state.out_of_memory:
                yield checks.memory(subject.model, None, ready.state, locate)
            return
        spoken: Sequence[Protocol] = ()
        if offline is not None:
            spoken = yield from _served(subject, means, server, facts, offline)
        yield checks.memory(subject.model, server.memory(), server.state(), locate)
        if server.state().running:
            yield checks.network(facts, server.attempts(), locate)
            yield from _ended(subject, server, facts, offline, spoken)


def _served(
    subject: Subject, means: Means, server: Server, facts: Facts, offline: Offline
) -> Generator[Check, None, Sequence[Protocol]]:
    """Everything that is asked of a server that is ready, and the protocols in which it still answers at the end."""
    model, locate = subject.model, subject.locate
    interview = Interview(server, model, locate, means.now, means.now() + BUDGET)
    try:
        yield checks.loaded(model, server.ask(f"{protocols.V2}/models/{model.name}/ready"), locate)
        described = server.ask(f"{protocols.V2}/models/{model.name}")
        wrong = None
        if described.good:
            wrong = protocols.wrong_metadata(described.body, model.interface.inputs, model.interface.outputs)
        yield checks.signature(model, wrong, locate)
        spoken = interview.spoken(offline.rows[0])
        if not spoken:
            yield _no_parity(subject, "the server speaks neither /invocations nor v2")
            return ()
        means.progress(f"{model.name}: comparing served with offline predictions")
        for protocol in spoken:
            yield from _compared(interview, protocol, offline)
        whole = next((row for row in offline.rows if None not in row), None)
        if whole is not None:
            means.progress(f"{model.name}: sending bad requests")
            yield from interview.bad(whole)
        yield from _load(subject, means, server, offline, spoken[0])
        answer = _one(server, model, offline.rows[0], spoken)
        yield checks.alive(facts, server.settled(), answer.good, answer.words, locate)
    except Silent as silent:
        yield checks.alive(facts, server.settled(), False, str(silent), locate)
        return ()
    return spoken if answer.good else ()


def _compared(interview: Interview, protocol: Protocol, offline: Offline) -> Iterator[Check]:
    """All that one protocol is asked; what is unusual says nothing where the usual differs already."""
    alone = probes.spread(len(offline.rows), probes.ROWS)
    found = []
    for check in interview.held_out(protocol, offline.rows, offline.predictions, offline.sample):
        found.append(check)
        yield check
    if any(one.id == "infra.parity" and one.verdict is not Verdict.PASS for one in found):
        return
    yield from interview.one_by_one(protocol, offline.rows, offline.predictions, alone)
    yield interview.empty(protocol)
    yield from interview.unusual(protocol, offline.probed)


def _load(subject: Subject, means: Means, server: Server, offline: Offline, protocol: Protocol) -> Iterator[Check]:
    infra = subject.infra
    load = Load(infra.concurrency, infra.seconds, infra.warm_up, infra.rate, _LONGEST)
    means.progress(f"{subject.model.name}: {load.words}")
    rows = [offline.rows[place % len(offline.rows)] for place in range(infra.rows)]
    body = protocol.write(subject.model.interface.inputs, rows)
    samples = server.load(protocol.path, body, load)
    yield from objectives.checks(samples, _objectives(subject), location=subject.locate((*_AT, "load")))


def _objectives(subject: Subject) -> list[Objective]:
    """The limits, each with the line that demands it."""
    stated = subject.model.value["spec"].get("tests", {}).get("infra", {})
    found = []
    for share, limit in subject.infra.latency.items():
        name = f"p{100 * share:g}"
        own = name in stated.get("latency", {})
        place = (*_AT, "latency", name) if own else ("spec", "serving", "objective", "latencyP95")
        found.append(Objective(limit, share, subject.locate(place)))
    if subject.infra.throughput is not None:
        place = (*_AT, "throughput") if "throughput" in stated else ("spec", "serving", "objective", "throughput")
        found.append(Objective(subject.infra.throughput, None, subject.locate(place)))
    return found


def _ended(
    subject: Subject, server: Server, facts: Facts, offline: Offline | None, spoken: Sequence[Protocol]
) -> Iterator[Check]:
    """SIGTERM, and the second start."""
    model, locate, infra = subject.model, subject.locate, subject.infra
    before = _one(server, model, offline.rows[0], spoken) if offline is not None and spoken else None
    yield checks.stopped(facts, server.stop(within=infra.stop_within), infra.stop_within, locate)
    again = server.start(within=infra.start_within)
    same: bool | None = None
    if again.seconds is not None:
        same = before is None or offline is None or _same(model, before, server, offline, spoken)
    yield checks.restarted(facts, again, same, locate)


def _same(model: Model, before: Answer, server: Server, offline: Offline, spoken: Sequence[Protocol]) -> bool:
    """Whether the answer is the same, number for number; what else is in it, such as an id, may differ."""
    after = _one(server, model, offline.rows[0], spoken)
    if not (spoken and before.good and after.good):
        return before.status == after.status
    try:
        read = [spoken[0].read(one.body, model.interface.outputs) for one in (before, after)]
    except protocols.Unreadable:
        return before.body == after.body
    return read[0].values == read[1].values


def _one(server: Server, model: Model, row: Row, spoken: Sequence[Protocol]) -> Answer:
    if not spoken:
        return server.ask(protocols.READY[0])
    return server.ask(spoken[0].path, spoken[0].write(model.interface.inputs, [row]))
