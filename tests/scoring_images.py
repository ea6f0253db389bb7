"""A model with numbers and texts, its data, and small images that serve it: well, or as badly as is wanted."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from cancer import manifest
from image_models import ImageModel
from mlops_gitops.manifests import rendering
from servers.docker_engine import Engine
from shells import Shell

PROGRAM = Path(__file__).parent / "servers" / "scoring_program.py"
NUMBERS = ("mean texture", "mean smoothness", "mean symmetry")
SITES = ("north", "south", "wést")
QUICK = {"duration": "PT1S", "warmUp": "PT0S", "concurrency": 2}


@functools.cache
def rows() -> pd.DataFrame:
    """Held-out rows; some lack a number."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({name: random.normal(size=120) for name in NUMBERS})
    frame["site"] = random.choice(SITES, size=120)
    frame["benign"] = frame[NUMBERS[0]] + (frame["site"] == "north") + random.normal(size=120) * 0.3 > 0.3
    frame.loc[::17, NUMBERS[1]] = np.nan
    return frame


@functools.cache
def fitted() -> Any:
    """The estimator."""
    numbers = ("numbers", SimpleImputer(), list(NUMBERS))
    texts = ("texts", OneHotEncoder(handle_unknown="ignore"), ["site"])
    frame = rows()
    return make_pipeline(ColumnTransformer([numbers, texts]), LogisticRegression()).fit(
        frame[[*NUMBERS, "site"]], frame["benign"]
    )


def weights(model: str = "cancer") -> dict[str, Any]:
    """What the server knows of the estimator."""
    estimator = fitted()
    columns, regression = estimator[0], estimator[-1]
    means = columns.named_transformers_["numbers"].statistics_
    sites = columns.named_transformers_["texts"].categories_[0]
    factors = regression.coef_[0]
    return {
        "model": model,
        "inputs": [
            *({"name": one, "datatype": "FP64", "shape": [-1, 1]} for one in NUMBERS),
            {"name": "site", "datatype": "BYTES", "shape": [-1, 1]},
        ],
        "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1, 1]}],
        "intercept": float(regression.intercept_[0]),
        "numbers": {name: [float(factors[i]), float(means[i])] for i, name in enumerate(NUMBERS)},
        "texts": {"site": {str(one): float(factors[len(NUMBERS) + i]) for i, one in enumerate(sites)}},
    }


def value(**infra: Any) -> dict[str, Any]:
    """The manifest, with tests of the image."""
    found = manifest()
    spec = found["spec"]
    spec["interface"]["inputs"] = [
        *({"name": one, "type": "double", "required": one != NUMBERS[1]} for one in NUMBERS),
        {"name": "site", "type": "string", "required": True},
    ]
    spec["artifact"] = {"format": "skops", "path": "artifact/model.skops"}
    spec["tests"] = {"infra": {"startWithin": "PT20S", "stopWithin": "PT3S", "load": dict(QUICK), **infra}}
    spec["serving"] = {"pattern": "rest", "image": {"dockerfile": "Dockerfile"}}
    return found


def lay_out(folder: Path, document: dict[str, Any]) -> None:
    """The model's folder."""
    for name in ("data", "artifact"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        rows().to_parquet(folder / "data" / f"{name}.parquet", index=False)
    skops.io.dump(fitted(), folder / "artifact" / "model.skops")
    (folder / "weights.json").write_text(json.dumps(weights()))
    (folder / "server.py").write_bytes(PROGRAM.read_bytes())
    (folder / "requirements.lock").write_text("numpy==2.0.0\n")
    (folder / "train.py").write_text("")
    (folder / "model.yaml").write_bytes(rendering.render(document))


def recipe(base: str, *, mode: str = "", user: str = "65532:65532", extra: str = "") -> str:
    """A Dockerfile of the server."""
    return (
        f"FROM {base}\nCOPY weights.json server.py /\n{extra}ENV MODE={mode}\nUSER {user}\nEXPOSE 8080\n"
        'ENTRYPOINT ["/usr/bin/python", "/server.py"]\n'
    )


@dataclass
class Images:
    """Images of the server in an engine, each built once; ``base`` has Python and declares nothing."""

    engine: Engine
    base: str

    def __post_init__(self) -> None:
        self.built: dict[str, str] = {}

    def of(self, mode: str = "", *, user: str = "65532:65532", extra: str = "") -> str:
        """The engine's id of one."""
        words = recipe(self.base, mode=mode, user=user, extra=extra)
        if words not in self.built:
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w") as archive:
                for name, data in (
                    ("Dockerfile", words.encode()),
                    ("weights.json", json.dumps(weights()).encode()),
                    ("server.py", PROGRAM.read_bytes()),
                ):
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = len(data), 0o644
                    archive.addfile(info, io.BytesIO(data))
            stream.seek(0)
            image, _ = self.engine.client.images.build(fileobj=stream, custom_context=True, rm=True)
            self.built[words] = image.id
        return self.built[words]

    def remove(self) -> None:
        """All of them, and the base that they brought."""
        for one in self.built.values():
            self.engine.client.images.remove(one, force=True)
        if self.built:
            self.engine.client.images.remove(self.base, force=True)


def environ(engine: Engine) -> dict[str, str]:
    """The variables that lead to the engine."""
    return {"PATH": os.environ["PATH"], "DOCKER_HOST": engine.host}


@contextmanager
def repository(engine: Engine, base: str, folder: Path, **more: str) -> Iterator[ImageModel]:
    """A committed model with a Dockerfile of its own, whose command line has ``more`` in its environment."""
    root = folder / "models-repository"
    variables = {**environ(engine), "HOME": str(folder), "MG_CACHE": str(folder / "cache"), **more}
    document = value(load={**QUICK, "concurrency": 1})
    made = ImageModel(root, Shell(root, Path(), variables), document)
    lay_out(made.folder, document)
    made.write("Dockerfile", recipe(base))
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, env={**os.environ, **variables})
    made.commit()
    engine.client.images.pull(base)  # an own Dockerfile's base stays in the engine, as with `docker build`
    yield made
    for one in engine.client.images.list(name="cancer"):
        engine.client.images.remove(one.id, force=True)
    engine.client.images.remove(base, force=True)
