"""What a container did, held against what the manifest declares.  Pure: one function for each thing that is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.quantities import quantity_bytes
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.infra.parity import Compared
from mlops_gitops.testing.infra.server import Answer, Attempts, Facts, Ready, State, Stopped

ROOT = frozenset({"", "0", "root"})
SKIPPED = "skipped"
_AT = ("spec", "tests", "infra")


def size(facts: Facts, limit: int | None, locate: Locate) -> Check:
    """The unpacked size against the budget."""
    message = f"the image takes {megabytes(facts.size)} unpacked"
    place = locate((*_AT, "imageSize"))
    if limit is None:
        return _check("infra.size", facts.name, f"{message}; no budget is declared", observed=facts.size, place=place)
    return _check(
        "infra.size",
        facts.name,
        f"{message}; at most {megabytes(limit)} are allowed",
        bad=facts.size > limit,
        observed=facts.size,
        limit=limit,
        place=place,
        fix="lock fewer packages, build on a smaller base, or raise `imageSize`",
    )


def user(facts: Facts, seen: str | None, locate: Locate) -> Check:
    """Whether it runs as root: what the image says, and what the process is."""
    name, _, _ = facts.user.partition(":")
    bad = name in ROOT or seen == "0"
    who = f"user {name or 'root'}" + (f" (id {seen})" if seen not in {None, name} else "")
    return _check(
        "infra.user",
        who,
        f"it runs as {who}",
        bad=bad,
        observed=seen or name or "0",
        place=locate(("spec", "serving")),
        fix="set USER to a number other than 0 in the Dockerfile; `build` does it by itself",
    )


def started(facts: Facts, ready: Ready, limit: float, locate: Locate) -> Check:
    """The time until it was ready."""
    place = locate((*_AT, "startWithin"))
    if ready.seconds is not None:
        message = f"it was ready after {ready.seconds:.1f} s; {limit:g} s are allowed"
        return _check("infra.start", facts.name, message, observed=round(ready.seconds, 3), limit=limit, place=place)
    if not ready.state.running:
        message = f"it ended before it was ready: {ready.state.words}"
        fix = "run it by hand: `docker run --rm --read-only --tmpfs /tmp IMAGE`"
    else:
        said = f"; its last words were: {ready.state.said}" if ready.state.said else ""
        message = f"it was not ready after {limit:g} s ({ready.answer.words}){said}"
        fix = "give it more resources or more time (`startWithin`), or look at its log"
    return _check("infra.start", facts.name, message, bad=True, limit=limit, place=place, fix=fix)


def loaded(model: Model, answer: Answer, locate: Locate) -> Check:
    """Whether the server has the model, by the name of the manifest."""
    known = answer.status != 404  # noqa: PLR2004 - a server that speaks only the other protocol
    message = f"the server has loaded {model.name}" if answer.good else f"{model.name} is not ready: {answer.words}"
    if not known:
        message = "the server tells nothing of its models (it does not speak v2), and is asked for predictions"
    place = locate(("spec", "artifact"))
    fix = "look at the log of the container: loading failed, or the server serves another name"
    return _check("infra.model", model.name, message, bad=known and not answer.good, place=place, fix=fix)


def signature(model: Model, wrong: Sequence[str] | None, locate: Locate) -> Check:
    """What v2's metadata say against the manifest; ``None`` where there are none."""
    place = locate(("spec", "interface"))
    if wrong is None:
        message = "the server tells no signature (v2 metadata), so that only its answers were held against the manifest"
        return _check("infra.signature", model.name, message, observed=SKIPPED, place=place)
    right = f"it serves the {len(model.interface.inputs)} inputs and the outputs that the manifest declares"
    return _check(
        "infra.signature",
        model.name,
        "; ".join(wrong[:4]) if wrong else right,
        bad=bool(wrong),
        observed=len(wrong),
        limit=0,
        place=place,
        fix="correct `spec.interface`, or save the model with the signature that is meant",
    )


def types(protocol: str, wrong: Sequence[str], locate: Locate) -> Check:
    """Whether answers are of the declared types."""
    message = "; ".join(wrong[:4]) if wrong else f"{protocol}: every answer has the declared outputs, of their types"
    place = locate(("spec", "interface", "outputs"))
    fix = "declare what the model answers, or answer what is declared"
    return _check("infra.types", protocol, message, bad=bool(wrong), observed=len(wrong), limit=0, place=place, fix=fix)


def parity(id_: str, subject: str, found: Compared, problem: str, place: Location) -> Check:
    """Served against offline predictions; ``problem`` says why rows are missing from ``found``."""
    if problem:
        message = f"{subject}: served predictions cannot be compared: {problem}"
        fix = "ask the image by hand; every held-out row must get an answer"
        return _check(id_, subject, message, bad=True, rows=found.rows, place=place, fix=fix)
    if not found.differing:
        message = f"{subject}: served and offline predictions are the same in {wording.rows(found.rows)}"
        message += f" (largest difference {found.worst:.2g})" if found.worst else ""
        return _check(id_, subject, message, observed=found.worst, rows=found.rows, place=place)
    message = f"{subject}: served predictions differ in {wording.share(found.differing, found.rows)}: {found.example}"
    fix = "compare libraries and preprocessing in the image with those that the model was tested with"
    return _check(
        id_, subject, message, bad=True, observed=found.differing, limit=0, rows=found.rows, place=place, fix=fix
    )


def probe(id_: str, subject: str, message: str, place: Location, *, bad: bool) -> Check:
    """An unusual request that has one right answer, which ``message`` tells."""
    fix = "treat it in the model or its pipeline, so that it is the same offline and served"
    return _check(id_, subject, message, bad=bad, place=place, fix=fix)


def memory(model: Model, peak: int | None, state: State, locate: Locate) -> Check:
    """The most memory that was used; the limit was in force all the time."""
    limit = model.serving.memory
    place = locate(("spec", "serving", "resources", "memory") if limit is not None else ("spec", "serving"))
    fix = "declare more memory, or use less: a smaller model, fewer workers"
    if state.out_of_memory:
        message = f"it was killed for using more than the {limit or 'machine'} that is declared"
        return _check("infra.memory", model.name, message, bad=True, observed=peak, place=place, fix=fix)
    shown = "an unknown amount" if peak is None else megabytes(peak)
    if limit is None:
        message = f"it used {shown} at most; `serving.resources.memory` declares no limit"
        return _check("infra.memory", model.name, message, observed=peak, place=place)
    most = quantity_bytes(limit)
    message = f"it used {shown} at most, within the {megabytes(most)} that are declared and were enforced"
    return _check("infra.memory", model.name, message, observed=peak, limit=most, place=place)


def network(facts: Facts, seen: Attempts | None, locate: Locate) -> Check:
    """Whether it tried to reach anybody; it could not have."""
    place = locate(("spec", "serving"))
    if seen is None:
        message = "it ran without a way out; whether it tried to find one cannot be seen on this machine"
        return _check("infra.network", facts.name, message, observed=SKIPPED, place=place)
    if not seen.total:
        message = "it ran without a way out, and tried to reach nobody"
        return _check("infra.network", facts.name, message, observed=0, limit=0, place=place)
    counted = (
        (seen.datagrams, "datagrams or look-ups of names"),
        (seen.unanswered, "connections that nobody answered"),
        (seen.refused, "connections that were refused"),
        (seen.unroutable, "packets without a way"),
    )
    listed = ", ".join(f"{count} {words}" for count, words in counted if count)
    message = f"it tried to reach somebody of its own accord: {listed}"
    fix = "switch telemetry and look-ups off; what prediction needs has to be in the image or in the request"
    return _check("infra.network", facts.name, message, bad=True, observed=seen.total, limit=0, place=place, fix=fix)


def stopped(facts: Facts, found: Stopped, limit: float, locate: Locate) -> Check:
    """SIGTERM: ended by itself, in time, and well."""
    place = locate((*_AT, "stopWithin"))
    fix = "let process 1 be the server itself (an exec-form ENTRYPOINT), and end it on SIGTERM"
    good_codes = (0, 143)
    if found.killed:
        message = f"SIGTERM did not end it within {limit:g} s, and it was killed"
    elif found.exit_code not in good_codes:
        message = f"SIGTERM ended it with code {found.exit_code} after {found.seconds:.1f} s"
    else:
        message = f"SIGTERM ended it after {found.seconds:.1f} s with code {found.exit_code}; {limit:g} s are allowed"
    bad = found.killed or found.exit_code not in good_codes
    seconds = round(found.seconds, 3)
    return _check("infra.stop", facts.name, message, bad=bad, observed=seconds, limit=limit, place=place, fix=fix)


def restarted(facts: Facts, ready: Ready, same: bool | None, locate: Locate) -> Check:  # noqa: FBT001 - a fact
    """After the stop: it starts again and answers the same."""
    place = locate(("spec", "serving"))
    if ready.seconds is None:
        message = f"it does not start a second time: {ready.state.words} ({ready.answer.words})"
    elif same:
        message = f"started again, it was ready after {ready.seconds:.1f} s and answered the same"
    else:
        message = "started again, it answers otherwise than before"
    fix = "keep nothing between runs: no file outside /tmp, no counter, no cache that changes answers"
    return _check("infra.restart", facts.name, message, bad=not same, place=place, fix=fix)


def stateless(facts: Facts, locate: Locate) -> Check:
    """Nothing that it writes can outlive it."""
    place, listed = locate(("spec", "serving")), ", ".join(facts.volumes[:4])
    message = f"the image declares the volumes {listed}" if listed else "it ran with a read-only root and no volume"
    fix = "remove VOLUME from the Dockerfile; a server of predictions keeps nothing"
    return _check(
        "infra.state", facts.name, message, bad=bool(listed), observed=len(facts.volumes), place=place, fix=fix
    )


def alive(facts: Facts, state: State, answers: bool, words: str, locate: Locate) -> Check:  # noqa: FBT001 - a fact
    """Whether it still runs and answers after all that it was asked; ``words`` say how it does not."""
    good = state.running and answers
    message = "after all of this it runs and answers"
    if not good:
        message = f"it answers no more: {words}" + ("" if state.running else f"; {state.words}")
    place = locate(("spec", "serving"))
    fix = "look at the log of the container; a request must cost its sender an answer and nobody else"
    return _check("infra.alive", facts.name, message, bad=not good, place=place, fix=fix)


def skipped(id_: str, subject: str, why: str, place: Location) -> Check:
    """What there was nothing to look at for, and why."""
    return _check(id_, subject, f"skipped: {why}", observed=SKIPPED, place=place)


def no_broker(facts: Facts, locate: Locate) -> Check:
    """A stream that nobody could feed."""
    message = "the image of a stream is tested beside a real broker, and none is named"
    fix = "give --broker IMAGE@sha256:… with the image of a NATS server, or nats://HOST:4222, or set MG_TEST_BROKER"
    check = _check("infra.broker", facts.name, message, bad=True, place=locate(("spec", "serving")), fix=fix)
    return replace(check, verdict=Verdict.INCONCLUSIVE)


def rollback(version: str, where: str, problem: str, seconds: float | None, place: Location) -> Check:
    """Whether the release that runs now still starts and answers."""
    message = f"{version}, which runs in {where}, "
    message += f"cannot be gone back to: {problem}" if problem else f"still starts ({seconds or 0:.1f} s) and answers"
    fix = "keep its image in the registry; where it cannot start, there is no way back after this promotion"
    return _check("infra.rollback", version, message, bad=bool(problem), observed=seconds, place=place, fix=fix)


def megabytes(count: int) -> str:
    """``512 MB``: of a million bytes."""
    return f"{count / 1e6:,.0f} MB" if count >= 10_000_000 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004


def _check(
    id_: str,
    subject: str,
    message: str,
    *,
    place: Location,
    bad: bool = False,
    observed: float | str | None = None,
    limit: float | None = None,
    rows: int | None = None,
    fix: str = "",
) -> Check:
    verdict = Verdict.FAIL if bad else Verdict.PASS
    return Check(
        id_,
        subject,
        verdict,
        message,
        observed=observed,
        limit=limit,
        rows=rows,
        location=place,
        fix=fix if bad else "",
    )
