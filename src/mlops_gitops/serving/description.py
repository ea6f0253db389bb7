"""What the image says of its model: written when it is built, read when it starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLACE = Path("/opt/mlops-gitops/server/model.json")
MODEL = Path("/model")


@dataclass(frozen=True)
class Description:
    """The model's name and format, its task and positive class, and its columns as ``{name, type, required}``."""

    name: str
    version: str
    format: str
    task: str
    positive: str | None
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    artifact: str

    @property
    def path(self) -> Path:
        """Where the model lies."""
        return MODEL

    @property
    def names(self) -> list[str]:
        """The names of the inputs, in order."""
        return [one["name"] for one in self.inputs]


def read(path: Path = PLACE) -> Description:
    """The description of this image."""
    value = json.loads(path.read_text(encoding="utf-8"))
    return Description(
        value["name"],
        value["version"],
        value["format"],
        value["task"],
        value["positive"],
        tuple(value["inputs"]),
        tuple(value["outputs"]),
        value["artifact"],
    )
