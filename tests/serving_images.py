"""A real model in a real image of the patterns batch and stream, with few packages, and a broker's image beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import image_models
from image_models import ImageModel
from servers import base_images
from servers.docker_engine import Engine

PACKAGES = ("nats-py", "pandas", "pyarrow", "scikit-learn", "skops")
INPUTS = (
    {"name": "height", "type": "double"},
    {"name": "weight", "type": "float", "required": False},
    {"name": "visits", "type": "long"},
    {"name": "city", "type": "string"},
)


@dataclass
class Served:
    """A model's repository, the images that were built of it by pattern, and the broker's image."""

    model: ImageModel
    broker: str
    engine: Engine
    images: dict[str, Any]

    def built(self, pattern: str) -> Any:
        """The image of a pattern, pushed and in the engine; the same each time."""
        if pattern not in self.images:
            self.model.value["spec"]["serving"]["pattern"] = pattern
            self.model.commit()
            self.images[pattern] = self.model.shell.json("build", "--load", "--push", f"{self.engine.registry}/team")[
                "images"
            ][0]
        return self.images[pattern]


@contextmanager
def made(engine: Engine, room: Path, *, base: str) -> Iterator[Served]:
    """A gradient boosting on numbers, one of which may be missing, and a category; packages come from the index."""
    broker = base_images.put(engine.registry, "nats", base_images.nats(), entrypoint=("/nats-server",))
    model = image_models.made(room / "repo", base=base, cache=room / "cache", wheels=room / "wheels", pattern="batch")
    model.shell.environ = {**model.shell.environ, "DOCKER_HOST": engine.host}
    model.lock_from_index(PACKAGES)
    frame = rows(600)
    frame["benign"] = (frame["height"] * 2 + frame["visits"] + (frame["city"] == "Uppsala")) > 4
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, ["city"]), remainder="passthrough")
    fitted = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20, random_state=0))
    fitted.fit(frame[[one["name"] for one in INPUTS]], frame["benign"])
    skops.io.dump(fitted, model.folder / "artifact/model.skops")
    (model.folder / image_models.WEIGHTS).unlink()
    for name in ("train", "test"):
        frame.to_parquet(model.folder / f"data/{name}.parquet")
    model.value["spec"]["interface"]["inputs"] = [dict(one) for one in INPUTS]
    model.value["spec"]["artifact"] = {"format": "skops", "path": "artifact/model.skops"}
    model.value["spec"]["tests"] = {"infra": {"startWithin": "PT120S"}}
    yield Served(model, broker, engine, {})
    for one in engine.client.images.list(name="cancer"):
        engine.client.images.remove(one.id, force=True)


def rows(count: int) -> pd.DataFrame:
    """Rows of the interface, where the weight is often missing."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "height": chance.random(count) + 1.0,
            "weight": chance.random(count).astype("float32"),
            "visits": chance.integers(0, 5, count),
            "city": chance.choice(["Uppsala", "Malmö", "Åre"], count),
        }
    )
    frame.loc[frame.index % 7 == 0, "weight"] = np.nan
    return frame
