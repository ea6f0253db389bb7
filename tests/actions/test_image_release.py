"""A release with its image in a registry that wants to know who asks, through the workflow that `init` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import MODEL, files
from company import MODELS, reusable
from test_reusable_workflows import ADA, Airline

import fakehub
import image_models
import scoring_images
from servers import base_images, image_registry
from servers.docker_engine import Engine

USERS = "ada:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"
"""htpasswd's own example of bcrypt: the password is U*U."""
PATH = f"{Path(image_models.UV).parent}:/usr/local/bin:/usr/bin:/bin"
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
        environ["PATH"] = f"{tmp_path / 'shells'}:{PATH}"
        ran = airline.release(before, environ=environ, known={"REGISTRY_USER": "ada", "REGISTRY_PASSWORD": "U*U"})
        built, released = (ran.job("release").outputs(one) for one in ("build", "release"))
        assert ran.succeeded, ran.said[-3000:]
        assert built["digest"].removeprefix("sha256:") in guarded.manifests(f"team/{MODEL}")
        assert (released["result"], released["image"]) == ("released", built["reference"])


def test_the_image_of_a_pull_request_is_started_and_measured(
    airline: Airline, engine: Engine, serving_base: str, tmp_path: Path
) -> None:
    """What it found stands in the comment, and nothing of it stays in the engine but the image."""
    hub, name = airline.hub, ".github/workflows/model-pull-request.yml"
    caller = (hub.read(MODELS, name) or b"").decode().replace("prepare: true", "build: true, test-image: true")
    hub.commit(MODELS, {name: caller})
    with scoring_images.repository(engine, serving_base, tmp_path) as model:
        made = [path for path in model.folder.rglob("*") if path.is_file()]
        changed = {path.relative_to(model.root).as_posix(): path.read_bytes() for path in made}
        told = yaml.safe_load(changed[f"models/{MODEL}/model.yaml"])
        told["metadata"]["riskTier"] = "limited"
        told["spec"]["tests"]["infra"]["latency"] = {"p95": 5}
        changed[f"models/{MODEL}/model.yaml"] = yaml.safe_dump(told, sort_keys=False).encode()
        hub.commit(MODELS, changed, branch="change", by=ADA)
        pull = hub.open(MODELS, "change", by=ADA)
        ran = airline.check(pull, environ=scoring_images.environ(engine) | {"PATH": f"{tmp_path / 'shells'}:{PATH}"})
        check = ran.job("check")
        assert (check.outputs("build")["result"], check.outputs("test")["failed"]) == ("built", "0"), ran.said[-3000:]
        (comment,) = pull.comments
        assert re.search(r"Latency \| <code>.*p95.*</code> <b>[0-9.]+ ms</b> \(limit 5 s\)", comment.body)
        assert re.search(r"<code>size.*</code> \| <b>[0-9.]+ MB</b>", comment.body)
