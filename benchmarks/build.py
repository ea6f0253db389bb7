"""New weights, pushed: ``mlops-gitops build --push`` beside an engine that builds as MLflow's Dockerfile says.

Both start from the same base, the same packages and the same weights, on one engine and one registry, in one run.
``mlflow models build-docker`` itself starts from a public image and installs by apt and pip, which needs the network.
The peer here keeps its order (the model is copied, then its packages are put in place, which is checked against the
Dockerfile that this MLflow generates) and copies packages that are already installed: less work than MLflow's own.

Promises: 10 times as fast, at most 1.05 times the weights pushed; with nothing changed under 2 seconds and no layer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import numpy as np  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

import image_models  # noqa: E402 - the tests' support
from grounds.timing import Line, Report, parsed  # noqa: E402
from servers import base_images, docker_engine  # noqa: E402

COMMAND = ".venv/bin/python benchmarks/build.py"
MEGABYTES = 100
PACKAGES = ("pandas", "pyarrow", "scikit-learn", "skops")
GOAL_SPEED, GOAL_BYTES, GOAL_NOTHING = 10.0, 1.05, 2.0


def main() -> int:
    """Measure, print, and say whether the promises hold."""
    arguments, report = parsed(__doc__ or ""), Report("build", COMMAND)
    with tempfile.TemporaryDirectory(prefix="mg-build-") as name, docker_engine.serve() as engine:
        room = Path(name)
        model = _model(room, engine.registry, engine.host)
        found = _measured(model, room, engine.registry, engine)
    report.add(Line("weights, and the image, MB", f"{found['weights, MB']:.0f}, {found['image, MB']:.0f}"))
    report.time("first build and push", found["first build, s"])
    report.time("the same of the peer", found["first build of the peer, s"])
    report.time("new weights", found["new weights, s"])
    report.time("the same of the peer, new weights", found["new weights with the peer, s"])
    report.ratio("new weights, the peer's time of ours", found["times as fast"], at_least=GOAL_SPEED)
    report.count("new weights, layers pushed", found["layers pushed"], at_most=1)
    report.ratio("new weights, bytes pushed of the weights", found["bytes pushed / weights"], at_most=GOAL_BYTES)
    report.time("nothing changed", found["nothing changed, s"], at_most=GOAL_NOTHING)
    report.count("nothing changed, blobs pushed", found["nothing changed, blobs"], at_most=0)
    return report.end(arguments)


def _model(room: Path, address: str, host: str) -> image_models.ImageModel:
    base = base_images.put(address, "python", base_images.working())
    model = image_models.made(room / "repo", base=base, cache=room / "cache", wheels=room / "wheels")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_", "HOME"))}
    path = f"{Path(image_models.UV).parent}:{os.environ['PATH']}"
    model.shell.environ = {**kept, "PATH": path, "MG_CACHE": str(room / "cache"), "DOCKER_HOST": host}
    lock = [image_models.UV, "pip", "compile", "--quiet", "--generate-hashes", "--python-version", "3.11", "-"]
    done = subprocess.run(lock, input="\n".join(PACKAGES), capture_output=True, text=True, check=True)
    model.write("serving.lock", done.stdout)
    model.value["spec"]["artifact"] = {"format": "safetensors", "path": "artifact/model.safetensors"}
    (model.folder / "artifact/model.json").unlink()
    return model


def _weights(model: image_models.ImageModel, seed: int) -> int:
    path = model.folder / "artifact/model.safetensors"
    numbers = np.random.default_rng(seed).random(MEGABYTES * 1024 * 1024 // 4, dtype=np.float32)
    save_file({"weights": numbers}, path)
    model.commit(f"weights {seed}")
    return path.stat().st_size


def _build(model: image_models.ImageModel, place: str) -> Any:
    argv = [sys.executable, "-m", "mlops_gitops", "build", "--push", place, "--format", "json"]
    done = subprocess.run(argv, cwd=model.root, env=model.shell.environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["images"][0]


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = call()
    return time.perf_counter() - begun, found


def _measured(model: image_models.ImageModel, room: Path, address: str, engine: docker_engine.Engine) -> dict[str, Any]:
    place = f"{address}/ours"
    _weights(model, 1)
    first, image = _timed(lambda: _build(model, place))
    peer = _Peer(model, room, address, engine)
    peer_first, _ = _timed(peer.build)
    size = _weights(model, 2)
    ours, changed = _timed(lambda: _build(model, place))
    theirs, _ = _timed(peer.build)
    nothing, same = _timed(lambda: _build(model, place))
    peer.forget()
    return {
        "weights, MB": size / 1e6,
        "image, MB": image["size"] / 1e6,
        "first build, s": first,
        "first build of the peer, s": peer_first,
        "new weights, s": ours,
        "new weights with the peer, s": theirs,
        "times as fast": theirs / ours,
        "layers pushed": sum(one["state"] == "pushed" for one in changed["layers"]),
        "bytes pushed / weights": changed["pushed"]["bytes"] / size,
        "nothing changed, s": nothing,
        "nothing changed, blobs": same["pushed"]["blobs"],
    }


class _Peer:
    """An engine with a Dockerfile in MLflow's order."""

    def __init__(self, model: image_models.ImageModel, room: Path, address: str, engine: docker_engine.Engine) -> None:
        self.engine, self.name = engine, f"{address}/peer"
        self.context = room / "context"
        self.context.mkdir()
        base = model.value["spec"]["serving"]["image"]["base"]
        assert _copies_first(room)
        recipe = f"FROM {base}\nCOPY model /opt/ml/model\nCOPY packages /opt/packages\n"
        (self.context / "Dockerfile").write_text(recipe)
        (self.context / "model").symlink_to(model.folder / "artifact")
        (packages,) = (room / "cache/images/packages").glob("*/files")
        self.mounts = {"model": model.folder / "artifact", "packages": packages}

    def build(self) -> None:
        """Build and push, as the command line does."""
        (self.context / "model").unlink(missing_ok=True)
        for name, source in self.mounts.items():
            if not (self.context / name).exists():
                subprocess.run(["cp", "--recursive", "--link", str(source), str(self.context / name)], check=True)
        self.engine.client.images.build(path=str(self.context), tag=self.name, rm=True)
        for said in self.engine.client.images.push(self.name, stream=True, decode=True):
            assert "error" not in said, said
        subprocess.run(["rm", "-r", str(self.context / "model")], check=True)

    def forget(self) -> None:
        """Leave the engine without it."""
        self.engine.client.images.remove(self.name, force=True)


def _copies_first(room: Path) -> bool:
    """Whether the Dockerfile that this MLflow generates copies the model before it installs its environment."""
    code = (
        "import sys, mlflow.sklearn; from sklearn.linear_model import LinearRegression;"
        "made = LinearRegression().fit([[0.0]], [0.0]);"
        "mlflow.sklearn.save_model(made, sys.argv[1], pip_requirements=['scikit-learn'], serialization_format='skops');"
        "from mlflow.models import python_api, flavor_backend_registry as registry;"
        "registry.get_flavor_backend(sys.argv[1], docker_build=True, env_manager='virtualenv')"
        ".generate_dockerfile(sys.argv[1], sys.argv[2])"
    )
    argv = [sys.executable, "-c", code, str(room / "mlmodel"), str(room / "generated")]
    subprocess.run(argv, check=True, capture_output=True)
    text = (room / "generated/Dockerfile").read_text()
    return text.index("COPY model_dir") < text.index("_install_pyfunc_deps")


if __name__ == "__main__":
    sys.exit(main())
