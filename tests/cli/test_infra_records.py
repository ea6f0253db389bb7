"""``test infra`` of a batch and of a stream: the real image, a real engine, a real broker; killed, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import image_models
import serving_images
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
    wanted = {"parity", "types", "missing", "unknown-category", "one-row", "lost", "twice", "aside", "kill", "stop"}
    assert {f"infra.{one}" for one in wanted} <= set(told)
    assert served.engine.left() == before


def test_a_stream_without_a_broker_by_digest_is_told(served: Served) -> None:
    served.built("stream")
    served.model.value["spec"]["serving"]["pattern"] = "stream"
    served.model.commit()
    error = served.model.shell.json("test", "infra", "cancer", "--broker", "nats:2")["error"]
    assert (error["code"], error["exitCode"]) == ("infra-broker", 2)
