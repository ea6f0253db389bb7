"""``build`` and then ``test`` with ``kind: infra`` in a real workflow, with a real container engine and registry."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from workflows import Ran, run, step

import scoring_images
from image_models import ImageModel
from servers.docker_engine import Engine


def ran(model: ImageModel, product: Path, folder: Path, registry: str) -> Ran:
    return run(
        step("build", models="cancer", push=registry)
        + step("test", tolerant=True, kind="infra", models="cancer", image="${{ steps.build.outputs.reference }}"),
        product=product,
        folder=folder,
        event="push",
        payload={"after": "1" * 40},
        environ={name: model.shell.environ[name] for name in ("PATH", "DOCKER_HOST", "MG_CACHE")},
        clone=model.root,
    )


def test_an_image_is_tested_by_its_digest(engine: Engine, serving_base: str, product: Path, tmp_path: Path) -> None:
    """A good one passes and leaves its pages; one that answers otherwise than offline is told by annotation and file."""
    with scoring_images.repository(engine, serving_base, tmp_path) as model:
        before = engine.left()
        good = ran(model, product, tmp_path / "good", engine.registry)
        assert good.failures() == {}
        said, report = good.outputs("test"), good.document("test", "report-path")["reports"][0]
        assert (said["result"], said["failed"], report["kind"]) == ("passed", "0", "infra-tests")
        assert report["materials"][0]["digest"]["sha256"] == good.outputs("build")["digest"].removeprefix("sha256:")
        kept = good.collected / Path(said["pages-path"]).name / "cancer" / "junit.xml"
        assert ET.parse(kept).getroot().attrib["tests"] == said["checks"]  # noqa: S314 - our own
        assert engine.left() == before

        model.write("Dockerfile", scoring_images.recipe(serving_base, mode="skew"))
        model.commit()
        bad = ran(model, product, tmp_path / "bad", engine.registry)
        assert (bad.outputs("test")["result"], bad.outputs("test")["failed"]) == ("failed", "1")
        (parity,) = [one for one in bad.document("test", "report-path")["reports"][0]["checks"] if one["verdict"] == "fail"]
        assert (parity["id"], bad.steps["test"]["outcome"]) == ("infra.parity", "failure")
