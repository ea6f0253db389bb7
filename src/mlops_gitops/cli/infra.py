"""``test infra``: which image is tested, what it may use, and which releases one could go back to."""

from __future__ import annotations

import argparse
import contextlib
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlops_gitops.cli import built_images, past_releases, session
from mlops_gitops.cli.candidate import Candidate, artifact_path, open_candidate
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused
from mlops_gitops.evidence.verdicts import Check, Report
from mlops_gitops.manifests.quantities import nano_processors, quantity_bytes
from mlops_gitops.manifests.release import Image
from mlops_gitops.packaging.image import references
from mlops_gitops.promotion.snapshot import Snapshot

if TYPE_CHECKING:
    from mlops_gitops.adapters.serving_engines import Engine
    from mlops_gitops.manifests.infra_tests import InfraTests
    from mlops_gitops.testing.data.scans import Source
    from mlops_gitops.testing.infra.server import Facts
    from mlops_gitops.testing.infra.subjects import Back, Former, Offline, Records, Subject

NO_REPOSITORY = "no environment repository is named that can be read from here, so there is no release to go back to"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``test`` that are about images."""
    parser.add_argument(
        "--image",
        metavar="REF",
        help="infra: the image to test, NAME@sha256:… (default: what `build` made of the same, else the release's)",
    )
    parser.add_argument(
        "--to", metavar="ENV", help="infra: the environment whose release must still start (default: all of them)"
    )
    parser.add_argument(
        "--broker",
        metavar="IMAGE",
        help="infra, streams: a NATS server, its image by digest or its nats:// URL (default: MG_TEST_BROKER)",
    )
    session.add_repository_options(parser)


def declared(candidate: Candidate) -> bool:
    """Whether a model asks for these tests."""
    return candidate.model.tests.infra is not None


def report(name: str, arguments: argparse.Namespace, world: World, *, asked: bool) -> Report | None:
    """The report on the image of a model.  ``asked`` says that a person wants it; otherwise there may be none.

    Raises ``Misused`` where no image of the model is known, or no broker for a stream.
    """
    candidate = open_candidate(name, world, allow_dirty=True)
    if not asked and not declared(candidate):
        return None
    broker = arguments.broker or world.environ.get("MG_TEST_BROKER")
    if asked or broker:
        _refuse_without_broker(candidate.model.serving.pattern, broker)
    snapshot = past_releases.known(arguments, world)
    image, local = _image(candidate, arguments.image, snapshot, world)
    if image is None:
        if not asked:
            world.note(f"{name}: its image is not tested: none is known that was made of this very model")
            return None
        raise Misused(
            f"no image is known that was made of this manifest, artifact, data, lock and commit of {name}",
            hint=f"make it: `mlops-gitops build {name} --load`; or name it: --image NAME@sha256:…",
            code="no-image",
        )
    formers = [] if snapshot is None else running(snapshot, name, arguments.to)
    why = NO_REPOSITORY if snapshot is None else _nothing_runs(name, arguments.to)
    return tested(candidate, image, world, formers=formers, why_none=why, local=local, broker=arguments.broker)


def of_release(candidate: Candidate, snapshot: Snapshot, world: World) -> tuple[Report, ...]:
    """The report that becomes evidence of a release which names its image and declares these tests."""
    if candidate.image is None or not declared(candidate):
        return ()
    name = candidate.model.name
    known = built_images.recalled(candidate.made_of.digest, world)
    local = {candidate.image.reference: known.id} if known is not None and _is(known, candidate.image) else {}
    formers = running(snapshot, name, None)
    return (
        tested(
            candidate,
            candidate.image,
            world,
            formers=formers,
            why_none=_nothing_runs(name, None),
            local=local,
            broker=None,
        ),
    )


def tested(
    candidate: Candidate,
    image: Image,
    world: World,
    *,
    formers: Sequence[Former],
    why_none: str,
    local: dict[str, str],
    broker: str | None,
) -> Report:
    """Run the tests, in containers that are gone afterwards, whatever ends this process but SIGKILL."""
    with session.needing("models"):
        from mlops_gitops.adapters import predictions
        from mlops_gitops.testing.infra import run
        from mlops_gitops.testing.infra.subjects import Means, Subject
        from mlops_gitops.testing.models.predictions import Artifact
    with session.needing("build"):
        from mlops_gitops.adapters import serving_containers, serving_engines

    model, serving = candidate.model, candidate.model.serving
    limits = serving_containers.Limits(
        None if serving.cpu is None else nano_processors(serving.cpu),
        None if serving.memory is None else quantity_bytes(serving.memory),
    )
    artifact = Artifact(artifact_path(model, candidate.folder), model.artifact.format, candidate.artifact.digest)
    subject = Subject(model, candidate.folder, candidate.root, candidate.document.location, artifact, image.reference)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_in_order())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-gitops-")))
        host = stack.enter_context(
            serving_engines.opened(
                limits=limits,
                local=local,
                registry=references.parse(image.reference).registry,
                environ=world.environ,
                progress=world.progress,
            )
        )
        predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
        broker = broker or world.environ.get("MG_TEST_BROKER")
        probes = scratch / "probes"
        probes.mkdir()
        means = Means(
            predict,
            host,
            probes,
            time.monotonic,
            world.progress,
            _records(model.serving.pattern, host, scratch, broker),
            _back(host, subject.infra, scratch, broker),
        )
        return run.run_infra_tests(subject, means, formers, why_none=why_none)


def _records(pattern: str, host: Engine, scratch: Path, broker: str | None) -> Records | None:
    """How images of a batch or a stream are tested; a stream without a broker is not, and that is inconclusive."""
    from mlops_gitops.adapters import serving_batches, serving_streams
    from mlops_gitops.testing.infra import batches, checks, streams

    def batch(subject: Subject, facts: Facts, held_out: Source, offline: Offline) -> Iterator[Check]:
        with serving_batches.served(host, subject.image) as served:
            yield from batches.run(
                subject, served, facts, subject.infra, held_out=held_out, offline=offline, scratch=scratch
            )

    def stream(subject: Subject, facts: Facts, _: Source, offline: Offline) -> Iterator[Check]:
        if broker is None:
            yield checks.no_broker(facts, subject.locate)
            return
        with serving_streams.served(host, subject.image, broker) as served:
            yield from streams.run(subject, served, facts, subject.infra, offline=offline, now=time.monotonic)

    return {"batch": batch, "stream": stream}.get(pattern)


def _back(host: Engine, infra: InfraTests, scratch: Path, broker: str | None) -> dict[str, Back]:
    """How former releases are tried that answer no requests."""
    from mlops_gitops.adapters import serving_batches, serving_streams
    from mlops_gitops.testing.infra import batches, probes, streams

    def batch(former: Former, source: Source) -> tuple[str, float | None]:
        with serving_batches.served(host, str(former.image)) as served:
            return batches.back(served, source, within=infra.start_within, scratch=scratch)

    def stream(former: Former, source: Source) -> tuple[str, float | None]:
        inputs = former.interface.inputs
        with serving_streams.served(host, str(former.image), str(broker)) as served:
            rows = probes.rows(source, inputs)
            return streams.back(served, rows, inputs, within=infra.start_within, now=time.monotonic)

    return {"batch": batch} if broker is None else {"batch": batch, "stream": stream}


def _refuse_without_broker(pattern: str, broker: str | None) -> None:
    named = (broker or "").startswith(("nats://", "tls://")) or "@sha256:" in (broker or "")
    if pattern == "stream" and not named:
        raise Misused(
            "the image of a stream is tested beside a real broker, and none is named by its digest or URL",
            hint="name the image of a NATS server, or one that runs: --broker docker.io/library/nats@sha256:…, "
            "--broker nats://HOST:4222, or MG_TEST_BROKER",
            code="infra-broker",
        )


def running(snapshot: Snapshot, model: str, environment: str | None) -> list[Former]:
    """The releases of a model that run now, in one environment or in all, each once."""
    from mlops_gitops.testing.infra.subjects import Former

    names = [snapshot.environment(environment).name] if environment else [one.name for one in snapshot.environments()]
    places: dict[str, list[str]] = {}
    for name in names:
        current = snapshot.slot(name, model).current
        if current is not None:
            places.setdefault(current, []).append(name)
    found = []
    for release, where in places.items():
        about = snapshot.release(model, release)
        image = about.image.reference if about.image is not None else None
        found.append(Former(about.version, " and ".join(where), image, about.interface, about.serving_pattern))
    return found


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP end us as Ctrl-C does, so that what we started is ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, _interrupted) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _image(
    candidate: Candidate, text: str | None, snapshot: Snapshot | None, world: World
) -> tuple[Image | None, dict[str, str]]:
    """The image, and what the engine calls it where that is known."""
    known = built_images.recalled(candidate.made_of.digest, world)
    if text is not None:
        with session.needing("build"):
            from mlops_gitops.cli import building
        image = building.released(candidate, text, world)
        return image, {image.reference: known.id} if known is not None and _is(known, image) else {}
    if known is not None:
        image = Image(known.pushed or _local(candidate), known.digest.removeprefix("sha256:"))
        return image, {image.reference: known.id}
    return _released(candidate, snapshot), {}


def _released(candidate: Candidate, snapshot: Snapshot | None) -> Image | None:
    """The image of the release that was made of the same."""
    if snapshot is None:
        return None
    for one in reversed(snapshot.line(candidate.model.name)):
        if one.image is not None and replace(candidate, image=one.image).release(supersedes=None).same_content(one):
            return one.image
    return None


def _local(candidate: Candidate) -> str:
    """What an image is called that is in no registry."""
    return f"localhost/{candidate.model.name}"


def _is(known: built_images.BuiltImage, image: Image) -> bool:
    return known.digest == f"sha256:{image.digest}"


def _nothing_runs(model: str, environment: str | None) -> str:
    return f"no release of {model} runs in {environment or 'any environment'}, so there is none to go back to"
