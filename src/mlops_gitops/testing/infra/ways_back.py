"""The rollback pair: whether the releases that run now can still be gone back to.

The image of each is started once more and asked about a few held-out rows, as its own interface has them: a server by a
request, a batch by a file, a stream by records.  Where it cannot be, that is a check that failed, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.infra import checks, probes, protocols
from mlops_gitops.testing.infra.subjects import Former, Means, Subject


def checked(
    subject: Subject, means: Means, formers: Sequence[Former], held_out: Source | None, why_none: str
) -> Iterator[Check]:
    """A check for each of them; ``why_none`` says why there are none, ``held_out`` are rows to ask about, if any."""
    place = subject.locate(("spec", "serving"))
    if not formers:
        yield checks.skipped("infra.rollback", subject.model.name, why_none, place)
    for one in formers:
        lacks = _lacks(one, means, held_out)
        if lacks:
            why = f"{one.version}, which runs in {one.where}, {lacks}"
            yield checks.skipped("infra.rollback", one.version, why, place)
            continue
        try:
            problem, seconds = _tried(one, means, subject, held_out)
        except Refused as gone:
            problem, seconds = gone.message, None
        yield checks.rollback(one.version, one.where, problem, seconds, place)


def _lacks(former: Former, means: Means, held_out: Source | None) -> str:
    """Why it cannot even be tried."""
    if former.image is None:
        return "was released without an image"
    if former.pattern == "rest":
        return ""
    if former.pattern not in means.back:
        return "is a stream, and no broker is named to try it with"
    if held_out is None or not _fits(former, held_out):
        return f"is a {former.pattern}, and the held-out data lack one of its columns"
    return ""


def _tried(former: Former, means: Means, subject: Subject, held_out: Source | None) -> tuple[str, float | None]:
    """What is wrong with it, and how long it took.  Raises ``Refused`` where its image is gone."""
    if former.pattern != "rest":
        assert held_out is not None  # noqa: S101 - asked above
        path = means.scratch / f"former-{len(list(means.scratch.iterdir()))}.parquet"
        plain = {one.name: engine.quoted(one.name) for one in former.interface.inputs}
        engine.derive(held_out, path, plain, rows=probes.ROWS)
        return means.back[former.pattern](former, Source(path, "parquet"))
    with means.host.serve(str(former.image)) as server:
        ready = server.start(within=subject.infra.start_within)
        if ready.seconds is None:
            return (ready.answer.words if ready.state.running else ready.state.words), None
        row = None
        if held_out is not None and _fits(former, held_out):
            row = next(iter(probes.rows(held_out, former.interface.inputs)), None)
        if row is None:
            return "", ready.seconds
        body = protocols.split(former.interface.inputs, [row])
        answer = server.ask(protocols.INVOCATIONS, body)
        if answer.status in {404, 405}:
            body = protocols.tensors(former.interface.inputs, [row])
            answer = server.ask(protocols.infer(subject.model.name), body)
        return ("" if answer.good else f"asked for a prediction, its answer is {answer.words}"), ready.seconds


def _fits(former: Former, held_out: Source) -> bool:
    """Whether the data have every column that it takes."""
    try:
        present = engine.columns(held_out)
    except Refused:
        return False
    return all(one.name in present for one in former.interface.inputs)
