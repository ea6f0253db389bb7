"""Containers of a serving image, good and bad ones, in a real engine: judged in time, and nothing left behind."""

from __future__ import annotations

import hashlib
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scoring_images
from mlops_gitops.adapters import predictions, serving_containers, serving_engines
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.infra import run
from mlops_gitops.testing.infra.subjects import Former, Means, Subject
from mlops_gitops.testing.models.predictions import Artifact
from scoring_images import Images
from servers.docker_engine import Engine

LIMITS = serving_containers.Limits(1_000_000_000, 96 << 20)
IMAGE = "localhost/cancer@sha256:" + "1" * 64
FORMER = "localhost/cancer@sha256:" + "2" * 64


@pytest.fixture(scope="module")
def images(engine: Engine, serving_base: str) -> Iterator[Images]:
    found = Images(engine, serving_base)
    yield found
    found.remove()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scoring")


class Bench:
    """Tests images of one model, whose offline answers are asked for once."""

    def __init__(self, engine: Engine, images: Images, room: Path) -> None:
        self.engine, self.images, self.room = engine, images, room

    def __call__(
        self,
        mode: str = "",
        *,
        user: str = "65532:65532",
        extra: str = "",
        limits: serving_containers.Limits = LIMITS,
        former: str | None = None,
        **infra: Any,
    ) -> Report:
        value = scoring_images.value(**infra)
        value["spec"]["serving"]["resources"] = {"cpu": "1", "memory": "96Mi"}
        folder = self.room / "models" / "cancer"
        scoring_images.lay_out(folder, value)
        local = {IMAGE: self.images.of(mode, user=user, extra=extra)}
        formers = []
        model = Model.from_value(value)
        if former is not None:
            local[FORMER] = self.images.of(former)
            formers = [Former("0.9.0", "production", FORMER, model.interface)]
        before = self.engine.left()
        document = load("models/cancer/model.yaml", (folder / "model.yaml").read_bytes())
        path = folder / "artifact" / "model.skops"
        artifact = Artifact(path, "skops", hashlib.sha256(path.read_bytes()).hexdigest())
        scratch = self.room / f"scratch-{time.time_ns()}"
        scratch.mkdir()
        try:
            with serving_engines.opened(
                limits=limits,
                local=local,
                registry="localhost",
                environ=scoring_images.environ(self.engine),
                progress=lambda _: None,
            ) as host:
                predict = predictions.predictor(environ=os.environ, cache=self.room / "cache")
                means = Means(predict, host, scratch, time.monotonic, lambda _: None)
                subject = Subject(model, folder, self.room, document.location, artifact, IMAGE)
                return run.run_infra_tests(subject, means, formers, why_none="nothing runs")
        finally:
            assert self.engine.left() == before


@pytest.fixture(scope="module")
def bench(engine: Engine, images: Images, room: Path) -> Bench:
    return Bench(engine, images, room)


def failed(report: Report) -> dict[str, str]:
    return {one.id: one.message for one in report.checks if one.verdict is not Verdict.PASS}


def test_a_good_image_passes_and_every_check_was_made(bench: Bench) -> None:
    report = bench(former="", latency={"p50": 1.0}, imageSize="1G")
    assert failed(report) == {}
    assert {one.id.removeprefix("infra.") for one in report.checks if one.id.startswith("infra.")} == {
        *("size", "start", "user", "state", "model", "signature", "parity", "types", "one-row", "empty", "missing"),
        *("unknown-category", "bad-request", "load", "latency", "alive", "memory", "network", "stop", "restart"),
        "rollback",
    }
    found = {one.id: one for one in report.checks}
    assert found["infra.parity"].rows == len(scoring_images.rows())
    assert found["infra.memory"].limit == 96 << 20
    assert 0 < float(found["infra.memory"].observed or 0) <= 96 << 20
    assert found["infra.network"].observed == 0
    assert found["infra.user"].observed == "65532"
    assert "0.9.0, which runs in production, still starts" in found["infra.rollback"].message
    assert dict(report.materials)["image"] == "1" * 64


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (
            "skew,deaf,calls-home",
            {
                "infra.parity": "served predictions differ in 8 of 120 rows (6.67 %): row 1 is 0.19",
                "infra.stop": "SIGTERM did not end it within 3 s, and it was killed",
                "infra.network": "it tried to reach somebody of its own accord: ",
            },
        ),
        (
            "text,counts",
            {
                "infra.types": "and declared double",
                "infra.restart": "started again, it answers otherwise than before",
            },
        ),
        ("ends", {"infra.start": "it ended before it was ready: it ended with code 1: no such model"}),
        ("greedy", {"infra.memory": "it was killed for using more than the 96Mi that is declared"}),
        ("dies", {"infra.alive": "the connection was closed before an answer came; it ended with code 3"}),
        ("never-ready", {"infra.start": "it was not ready after 3 s (status 503); its last words were: ready"}),
    ],
)
def test_a_bad_image_fails_with_what_is_wrong_with_it(bench: Bench, mode: str, words: dict[str, str]) -> None:
    report = bench(mode, startWithin="PT3S") if mode == "never-ready" else bench(mode)
    assert report.verdict is Verdict.FAIL
    found = failed(report)
    for id_, said in words.items():
        assert said in found[id_]


def test_a_server_that_streams_for_ever_is_left_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = serving_containers.Container.ask
    monkeypatch.setattr(
        serving_containers.Container, "ask", lambda *words, **more: ask(*words, **{**more, "most": 2.0})
    )
    found = failed(bench("streams"))
    assert "asked for the first row (invocations), no whole answer within 2 s" in found["infra.alive"]


def test_root_volumes_and_size_are_found(bench: Bench) -> None:
    found = failed(bench("ends", user="0", extra="VOLUME /kept\n", imageSize="1M"))
    assert found["infra.user"] == "it runs as user 0"
    assert found["infra.state"] == "the image declares the volumes /kept"
    assert "at most 1.0 MB are allowed" in found["infra.size"]


def test_rows_alone_and_a_release_that_does_not_start_any_more(bench: Bench) -> None:
    found = failed(bench("batchwise", former="ends"))
    assert "served predictions differ in 20 of 20 rows" in found.pop("infra.one-row")
    assert "the server answered a good one" not in "".join(found.values())
    assert found["infra.rollback"] == (
        "0.9.0, which runs in production, cannot be gone back to: it ended with code 1: no such model"
    )


def test_a_machine_that_is_too_small_and_an_engine_far_away_are_told(bench: Bench) -> None:
    with pytest.raises(WorldFailed, match="this machine is too small") as small:
        bench(limits=serving_containers.Limits(10**13, None))
    assert not small.value.retry
    with pytest.raises(Misused, match="the container engine is on another machine"):
        serving_engines._refuse_far({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, {})


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start without it
from mlops_gitops.adapters import container_owners, serving_containers, serving_engines
from mlops_gitops.cli.infra import ended_in_order
host, image = sys.argv[1:]
with ended_in_order(), serving_engines.opened(
    limits=serving_containers.Limits(), local={"x@sha256:" + "1" * 64: image}, registry="x",
    environ={"DOCKER_HOST": host}, progress=print,
) as engine, engine.serve("x@sha256:" + "1" * 64) as server:
    server.start(within=60)
    engine.client.volumes.create(labels=container_owners.labels())  # as the image of a batch has one
    print("serving", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("signal", ["INT", "TERM", "KILL"])
def test_whatever_ends_us_nothing_is_left(engine: Engine, images: Images, signal: str) -> None:
    image = images.of()
    before = engine.left()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, engine.host, image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"serving\n"
        assert engine.left() != before
        process.send_signal(signals.Signals[f"SIG{signal}"])
        process.wait(30)
    if signal != "KILL":
        for one in engine.client.volumes.list(filters={"label": "mlops-gitops.training"}):
            one.remove()
    else:  # what a killed process left goes with the next one
        bench_limits = serving_containers.Limits()
        with serving_engines.opened(
            limits=bench_limits, local={}, registry="x", environ={"DOCKER_HOST": engine.host}, progress=print
        ):
            pass
    assert engine.left() == before


RELAY = """
import asyncio, sys

async def copied(source, target):
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()

async def met(reader, writer):
    there, back = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(copied(reader, back), copied(there, writer))

async def main():
    async with await asyncio.start_unix_server(met, sys.argv[1]) as server:
        await server.serve_forever()

asyncio.run(main())
"""


def test_an_engine_that_vanishes_is_told_in_time(engine: Engine, images: Images, tmp_path: Path) -> None:
    image = images.of()
    before = engine.left()
    path = tmp_path / "relay"
    relay = subprocess.Popen([sys.executable, "-c", RELAY, str(path), engine.host.removeprefix("unix://")])
    try:
        while not path.exists():
            time.sleep(0.05)
        begun = time.monotonic()
        with (  # noqa: PT012 - what fails is the block as a whole, its end included
            pytest.raises(WorldFailed, match="the container engine"),
            serving_engines.opened(
                limits=LIMITS,
                local={IMAGE: image},
                registry="x",
                environ={"DOCKER_HOST": f"unix://{path}"},
                progress=print,
            ) as host,
            host.serve(IMAGE) as server,
        ):
            assert server.start(within=60).seconds is not None
            relay.kill()
            relay.wait()
            path.unlink()
            server.state()
        assert time.monotonic() - begun < 60
    finally:
        relay.kill()
        relay.wait()
        for one in engine.client.containers.list(filters={"label": "mlops-gitops.training"}):
            one.remove(force=True, v=True)
        for one in engine.client.networks.list(filters={"label": "mlops-gitops.training"}):
            one.remove()
    assert engine.left() == before
