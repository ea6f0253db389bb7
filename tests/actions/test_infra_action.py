"""``build`` and then ``test`` with ``kind: infra`` in a real workflow, with a real container engine and registry."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from workflows import run, step

import scoring_images
from servers.docker_engine import Engine


def test_what_was_built_is_tested_by_its_digest(
    engine: Engine, serving_base: str, product: Path, tmp_path: Path
) -> None:
    with scoring_images.repository(engine, serving_base, tmp_path) as model:
        before = engine.left()
        ran = run(
            step("build", models="cancer", push=engine.registry)
            + step("test", kind="infra", models="cancer", image="${{ steps.build.outputs.reference }}"),
            product=product,
            folder=tmp_path / "run",
            event="push",
            payload={"after": "1" * 40},
            environ={name: model.shell.environ[name] for name in ("PATH", "DOCKER_HOST", "MG_CACHE")},
            clone=model.root,
        )
        assert ran.failures() == {}
        said, report = ran.outputs("test"), ran.document("test", "report-path")["reports"][0]
        assert (said["result"], said["failed"], report["kind"]) == ("passed", "0", "infra-tests")
        assert report["materials"][0]["digest"]["sha256"] == ran.outputs("build")["digest"].removeprefix("sha256:")
        kept = ran.collected / Path(said["pages-path"]).name / "cancer" / "junit.xml"
        assert ET.parse(kept).getroot().attrib["tests"] == said["checks"]  # noqa: S314 - our own
        assert engine.left() == before
