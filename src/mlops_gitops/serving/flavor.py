"""The MLflow flavour of a model in a format that MLflow does not load: ``loader_module`` of the image's ``MLmodel``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_gitops.serving import description, predictor


class _Model:
    """What MLflow calls."""

    def __init__(self, ask: predictor.Predictor) -> None:
        self.ask = ask

    def predict(self, frame: Any) -> Any:
        """The answer as a frame."""
        return self.ask(frame)


def _load_pyfunc(path: str) -> _Model:
    """Called by MLflow with the path of the artifact."""
    return _Model(predictor.opened(description.read(), Path(path).parent))
