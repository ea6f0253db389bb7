"""``build`` in a real workflow against a real registry, as its page shows it."""

from __future__ import annotations

import json
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
