"""A release with its image in a registry that wants to know who asks, through the workflow that `init` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from committed import MODEL, files
from company import MODELS, reusable
from test_reusable_workflows import ADA, Airline

import fakehub
import image_models
from servers import base_images, image_registry

USERS = "ada:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"
"""htpasswd's own example of bcrypt: the password is U*U."""
LOCKED = ("numpy", "pandas", "pyarrow", "scikit_learn", "scipy", "skops")

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture
def airline(tmp_path: Path) -> Iterator[Airline]:
    with fakehub.serve(tmp_path / "hub") as hub:
        made = Airline(hub, tmp_path, reusable(tmp_path / "product"))
        made.open_for_business()
        yield made


def test_an_image_is_pushed_and_released_with_the_same_credentials(airline: Airline, tmp_path: Path) -> None:
    hub, before, wheels = airline.hub, airline.hub.tip(MODELS), tmp_path / "wheels"
    locked = [image_models.wheel(wheels, one, "1.0.0", {f"{one}/__init__.py": ""}) for one in LOCKED]
    with (
        image_registry.serve(tmp_path / "open") as public,
        image_registry.serve(tmp_path / "guarded", users=USERS) as guarded,
    ):
        base = base_images.put(public.address, "python", base_images.tiny())

        def served(spec: dict[str, Any]) -> None:
            spec["serving"] = {"pattern": "batch", "image": {"base": base, "lock": "serving.lock"}}

        caller = (hub.read(MODELS, ".github/workflows/model-release.yml") or b"").decode()
        secrets = ("REGISTRY_USER", "REGISTRY_PASSWORD")
        passed = "".join(f'{one}: "${{{{ secrets.{one} }}}}", ' for one in secrets)
        caller = caller.replace("prepare: true", f'prepare: true, registry: "{guarded.address}/team"')
        caller = caller.replace("secrets: {", f"secrets: {{{passed}")
        lock = "".join(map(image_models.line, locked))
        changed = {**files("1.0.1", change=served), f"models/{MODEL}/serving.lock": lock}
        hub.commit(MODELS, {**changed, ".github/workflows/model-release.yml": caller}, by=ADA)
        environ = {"UV_DEFAULT_INDEX": (wheels / "simple").as_uri(), "UV_CACHE_DIR": str(tmp_path / "uv")}
        environ["PATH"] = f"{tmp_path / 'shells'}:{Path(image_models.UV).parent}:/usr/local/bin:/usr/bin:/bin"
        ran = airline.release(before, environ=environ, known={"REGISTRY_USER": "ada", "REGISTRY_PASSWORD": "U*U"})
        built, released = (ran.job("release").outputs(one) for one in ("build", "release"))
        assert ran.succeeded, ran.said[-3000:]
        assert built["digest"].removeprefix("sha256:") in guarded.manifests(f"team/{MODEL}")
        assert (released["result"], released["image"]) == ("released", built["reference"])
