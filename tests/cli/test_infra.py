"""``test infra`` from the command line to a gate: build, push, test by digest, release, promote, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import estate
import scoring_images
from estate import Estate
from image_models import ImageModel
from servers.docker_engine import Engine
from shells import Shell


@pytest.fixture
def model(engine: Engine, serving_base: str, tmp_path: Path) -> Iterator[ImageModel]:
    """A model with a Dockerfile of its own, beside an environment repository whose prod demands these tests."""
    policies = {
        "dev": estate.environment("dev", promotion="automatic"),
        "prod": estate.environment("prod", after=["dev"], gates=[{"evidence": "infra-tests"}]),
    }
    bare = Estate.new(policies).bare(tmp_path)
    named = {"MG_ENVIRONMENTS": bare.as_uri(), "USER": "grace"}
    with scoring_images.repository(engine, serving_base, tmp_path, **named) as made:
        yield ImageModel(made.root, Shell(made.root, bare, made.shell.environ), made.value)


def reports(told: Any) -> dict[str, Any]:
    return {one["kind"]: one for one in told["reports"]}


def bad(report: Any) -> dict[str, str]:
    return {one["id"]: one["message"] for one in report["checks"] if one["verdict"] != "pass"}


def message(report: Any, id_: str) -> str:
    return str(next(one["message"] for one in report["checks"] if one["id"] == id_))


def test_from_the_image_to_the_gate_and_back(model: ImageModel, engine: Engine) -> None:
    shell = model.shell
    error = shell.json("test", "infra")["error"]
    assert (error["code"], error["exitCode"]) == ("no-image", 2)
    assert "no image is known that was made of this manifest" in error["message"]

    # What was built and loaded is tested, without being named.
    image = shell.json("build", "--load")["images"][0]
    before = engine.left()
    report = reports(shell.json("test", "infra", "cancer"))["infra-tests"]
    assert bad(report) == {}
    assert report["materials"][0] == {"name": "image", "digest": {"sha256": image["digest"].removeprefix("sha256:")}}
    assert message(report, "infra.rollback").startswith("skipped: no release of cancer runs in any environment")
    assert engine.left() == before

    # The same by its name in a registry: pulled for the test, and gone afterwards.
    reference = shell.json("build", "--push", engine.registry)["images"][0]["pushed"]["reference"]
    engine.client.images.remove(image["loaded"], force=True)
    before = engine.left()
    assert bad(reports(shell.json("test", "infra", "--image", reference))["infra-tests"]) == {}
    assert engine.left() == before
    tagged = shell.json("test", "infra", "--image", reference.split("@")[0] + ":1.0.0")["error"]
    assert tagged["code"] == "image-tag"

    # No release names what is not that image by digest.
    tag = shell.json("release", "cancer", "--image", reference.split("@")[0] + ":1.0.0")["error"]
    gone = shell.json("release", "cancer", "--image", reference[:-4] + "0000")["error"]
    assert (tag["code"], gone["code"]) == ("image-tag", "image-missing")

    # Its release carries the verdict as evidence, which a gate demands.
    told = shell.json("release", "cancer", "--image", reference)
    assert reports(told)["infra-tests"]["verdict"] == "pass"
    assert shell("promote", "--all") == 0, shell.out
    assert shell("promote", "cancer", "--to", "prod") == 0, shell.out

    # The next version answers otherwise than offline: the gate stays shut; the way back is still there.
    model.value["metadata"]["version"] = "1.1.0"
    recipe = (model.folder / "Dockerfile").read_text()
    model.write("Dockerfile", recipe.replace("ENV MODE=", "ENV MODE=skew"))
    model.commit()
    error = shell.json("release", "cancer", "--image", reference)["error"]
    assert (error["code"], error["exitCode"]) == ("image-differs", 1), "it was made of another commit"
    reference = shell.json("build", "--push", engine.registry)["images"][0]["pushed"]["reference"]
    before = engine.left()
    report = reports(shell.json("release", "cancer", "--image", reference))["infra-tests"]
    assert engine.left() == before
    assert set(bad(report)) == {"infra.parity"}
    assert "1.0.0, which runs in dev and prod, still starts" in message(report, "infra.rollback")
    assert shell("promote", "--all") == 0, shell.out
    assert shell("promote", "cancer", "--to", "prod") == 1
    assert "infra-tests" in shell.out


def test_an_image_that_nobody_tested_is_waited_for(model: ImageModel, engine: Engine) -> None:
    """It has no evidence, and what is missing is pending."""
    del model.value["spec"]["tests"]
    model.commit()
    shell = model.shell
    reference = shell.json("build", "--push", engine.registry)["images"][0]["pushed"]["reference"]
    told = shell.json("release", "cancer", "--image", reference)
    assert told["image"] == reference
    assert "infra-tests" not in reports(told)
    assert shell("promote", "--all") == 0, shell.out
    assert shell("promote", "cancer", "--to", "prod") == 4
    assert "infra-tests" in shell.out


def test_without_an_image_everything_else_is_tested(model: ImageModel) -> None:
    model.shell("test", "cancer")
    assert "✓ infra-tests" not in model.shell.out
    assert "its image is not tested: none is known" in model.shell.err
    model.value["spec"]["serving"]["pattern"] = "batch"
    model.commit()
    error = model.shell.json("test", "infra", "cancer")["error"]
    assert (error["code"], error["exitCode"]) == ("no-image", 2)


def test_an_engine_that_is_gone_is_told_and_nothing_is_made(model: ImageModel) -> None:
    model.shell.json("build", "--load")
    model.shell.environ = {**model.shell.environ, "DOCKER_HOST": "unix:///nowhere/engine"}
    error = model.shell.json("test", "infra", "cancer")["error"]
    assert (error["code"], error["exitCode"], error["retry"]) == ("no-engine", 5, True)
