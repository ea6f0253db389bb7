"""``build`` in a real workflow against a real registry, as its page shows it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from workflows import example_step, run, step

import image_models
from servers import base_images, image_registry

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


def test_what_is_pushed_is_what_was_tried(product: Path, tmp_path: Path) -> None:
    with image_registry.serve(tmp_path / "registry") as registry:
        base = base_images.put(registry.address, "python", base_images.tiny())
        model = image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")
        given = {name: model.shell.environ[name] for name in ("MG_CACHE", "UV_DEFAULT_INDEX", "UV_CACHE_DIR")}
        steps = [
            step("build", ident="build_dry", models="cancer", push=f"{registry.address}/team", dry_run="true"),
            example_step("build", models="cancer", push=f"{registry.address}/team"),
        ]
        ran = run(
            "".join(steps),
            product=product,
            folder=tmp_path / "run",
            event="push",
            payload={"after": "1" * 40},
            environ={**given, "PATH": model.shell.environ["PATH"]},
            clone=model.root,
        )
    dry, said = ran.outputs("build_dry"), ran.outputs("build")
    assert (dry["result"], dry["reference"], dry["count"]) == ("built", "", "1")
    assert (said["result"], said["digest"]) == ("pushed", dry["digest"])
    assert said["reference"] == f"{registry.address}/team/cancer@{said['digest']}"
    (image,) = json.loads(said["images"])
    assert (image["model"], image["digest"]) == ("cancer", said["digest"])


def test_databases_that_a_workflow_names_for_all_of_its_steps_count(product: Path, tmp_path: Path) -> None:
    """An input that is not given is handed over empty, and hides none of them; one that is given wins."""
    with image_registry.serve(tmp_path / "registry") as registry:
        base = base_images.put(registry.address, "python", base_images.tiny())
        model = image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")
        given = {name: model.shell.environ[name] for name in ("MG_CACHE", "UV_DEFAULT_INDEX", "UV_CACHE_DIR")}
        known = {name: database(tmp_path / f"{name}.zip", package) for name, package in (("of", "tool"), ("no", "x"))}
        ran = run(
            step("build", tolerant=True, models="cancer")
            + step("build", ident="build_named", models="cancer", advisories=known["no"]),
            product=product,
            folder=tmp_path / "run",
            event="push",
            payload={"after": "1" * 40},
            environ={**given, "PATH": model.shell.environ["PATH"], "MG_ADVISORIES": known["of"]},
            clone=model.root,
        )
    assert (ran.outputs("build")["result"], ran.outputs("build_named")["result"]) == ("refused", "built")
    assert "has GHSA-1111-2222-3333 (critical" in ran.document("build", "report-path")["error"]["message"]
    (image,) = ran.document("build_named", "report-path")["images"]
    assert (image["vulnerabilities"]["databases"][0]["records"], image["vulnerabilities"]["found"]) == (1, [])


def database(path: Path, package: str) -> str:
    """An archive with one record: what is critical about a package, and mended later than any version here."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}]
    record = {
        "id": "GHSA-1111-2222-3333",
        "modified": "2026-11-19T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": ranges}],
        "database_specific": {"severity": "CRITICAL"},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("record.json", json.dumps(record))
    return str(path)
