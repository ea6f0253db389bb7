"""A model that is real and small, as the files of a repository: data, artifact and manifest, all committed."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

from cancer import FEATURES, manifest

MODEL = "cancer"
LOCK = "numpy==2.0.0\n"


def files(
    version: str = "1.0.0", *, name: str = MODEL, change: Callable[[dict[str, Any]], object] = lambda _: None
) -> dict[str, bytes | str]:
    """The files of the model in a version; ``change`` edits its ``spec``."""
    value = manifest()
    value["metadata"].update(name=name, version=version, riskTier="limited")
    value["spec"]["artifact"] = {"format": "skops", "path": "model.skops"}
    change(value["spec"])
    told = {"model.yaml": yaml.safe_dump(value, sort_keys=False), "train.py": "", "requirements.lock": LOCK}
    return {f"models/{name}/{path}": data for path, data in {**told, **_binary(float(version[-1]))}.items()}


@cache
def _binary(seed: float) -> dict[str, bytes]:
    """Data that never changes, and an artifact that a version has for itself."""
    import numpy as np
    import pandas as pd
    import skops.io
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(4)
    frame = pd.DataFrame({name: rng.normal(20, 3, size=3000) for name in FEATURES})
    frame["benign"] = frame[FEATURES[0]] + rng.normal(size=3000) * 3 > 20
    frame["site"], frame["id"] = "north", range(3000)
    found = {}
    for name, part in (("train", frame.head(1500)), ("test", frame.tail(1500))):
        stream = io.BytesIO()
        part.to_parquet(stream, index=False)
        found[f"data/{name}.parquet"] = stream.getvalue()
    train = frame.head(1500)
    model = LogisticRegression(C=1.0 + seed).fit(train[list(FEATURES)], train["benign"])
    return {**found, "model.skops": skops.io.dumps(model)}
