"""``test infra`` of a batch and of a stream: the real image, a real engine, a real broker; killed, and nothing left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import image_models
import serving_images
from mlops_gitops.adapters import serving_engines, serving_streams
from mlops_gitops.adapters.serving_containers import Limits
from mlops_gitops.cli import infra
from mlops_gitops.findings import Location
from mlops_gitops.manifests.infra_tests import InfraTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.infra import probes, streams, ways_back
from mlops_gitops.testing.infra.subjects import Former, Means, Subject
from mlops_gitops.testing.models.predictions import Artifact
from servers import nats_servers
from servers.docker_engine import Engine
from serving_images import Served

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture(scope="module")
def served(engine: Engine, serving_base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_images.made(engine, tmp_path_factory.mktemp("served"), base=serving_base) as found:
        yield found


@pytest.mark.parametrize("pattern", ["stream", "batch"])
def test_the_image_answers_as_offline_and_loses_nothing_when_it_is_killed(served: Served, pattern: str) -> None:
    served.built(pattern)
    before = served.engine.left()
    words = ["--broker", served.broker] if pattern == "stream" else []
    found = served.model.shell.json("test", "infra", "cancer", *words)
    assert "error" not in found, found
    (report,) = found["reports"]
    told = {one["id"]: one["message"] for one in report["checks"]}
    assert [one for one in report["checks"] if one["verdict"] != "pass"] == []
    wanted = {"memory", "network", "rollback"}
    wanted |= {"parity", "types", "missing", "unknown-category", "one-row", "lost", "twice", "aside", "kill", "stop"}
    assert {f"infra.{one}" for one in wanted} <= set(told)
    assert served.engine.left() == before


@pytest.mark.parametrize("pattern", ["stream", "batch"])
def test_the_way_back_is_tried(served: Served, pattern: str, tmp_path: Path) -> None:
    """The image as a former release, and one that does nothing of what it has to."""
    image = served.built(pattern)
    model = Model.from_value(served.model.value)
    good, bad = f"localhost/cancer@{image['digest']}", served.broker
    rows = Source(served.model.folder / "data/test.parquet", "parquet")
    before = served.engine.left()
    with serving_engines.opened(
        limits=Limits(),
        local={good: image["id"]},
        registry="localhost",
        environ=served.engine.environ,
        progress=lambda _: None,
    ) as host:
        back = infra._back(host, InfraTests(start_within=120.0), tmp_path, served.broker)
        means = Means(lambda _: [], host, tmp_path, time.monotonic, lambda _: None, back=back)
        subject = Subject(model, tmp_path, tmp_path, lambda _: Location("model.yaml"), Artifact(tmp_path, "", ""), good)
        formers = [Former(one, "prod", one, model.interface, pattern) for one in (good, bad)]
        found = list(ways_back.checked(subject, means, formers, rows, "none"))
        lacking = list(ways_back.checked(subject, replace(means, back={}), formers[:1], rows, "none"))
    assert [one.verdict.value for one in found] == ["pass", "fail"], found
    assert "still starts" in found[0].message
    assert float(found[0].observed or 0) > 0
    assert "cannot be gone back to: " in found[1].message
    assert "skipped: " in lacking[0].message
    assert served.engine.left() == before


def test_a_broker_that_runs_already_is_used_and_left_as_it_was(served: Served, tmp_path: Path) -> None:
    image = served.built("stream")
    model = Model.from_value(served.model.value)
    before = served.engine.left()
    with nats_servers.serve(tmp_path / "nats") as url:
        with (
            serving_engines.opened(
                limits=Limits(),
                local={"a": image["id"]},
                registry="localhost",
                environ=served.engine.environ,
                progress=lambda _: None,
            ) as host,
            serving_streams.served(host, "a", url) as stream,
        ):
            rows = probes.rows(Source(served.model.folder / "data/test.parquet", "parquet"), model.interface.inputs)[
                :40
            ]
            problem, seconds = streams.back(stream, rows, model.interface.inputs, within=120.0, now=time.monotonic)
            assert len(nats_servers.streams(url)) == 2
            assert len(stream.stored()) == len(rows)
            assert not stream.alone
        assert nats_servers.streams(url) == []
    assert problem == ""
    assert seconds is not None
    assert served.engine.left() == before


def test_a_stream_without_a_broker_is_told_when_asked_and_inconclusive_when_not(served: Served) -> None:
    served.images.pop("stream", None)
    served.built("stream")
    error = served.model.shell.json("test", "infra", "cancer", "--broker", "nats:2")["error"]
    assert (error["code"], error["exitCode"]) == ("infra-broker", 2)
    error = served.model.shell.json("test", "infra", "cancer")["error"]
    assert (error["code"], error["exitCode"]) == ("infra-broker", 2)
    found = served.model.shell.json("test", "cancer")
    report = next(one for one in found["reports"] if one["kind"] == "infra-tests")
    assert report["verdict"] == "inconclusive"
    told = {one["id"]: one for one in report["checks"]}
    assert told["infra.broker"]["verdict"] == "inconclusive"
    assert "--broker" in told["infra.broker"]["fix"]
