"""A server that answers slowly ends the test of it within its time, whatever it is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cancer import manifest
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.infra.asking import BUDGET, Interview, Silent, both
from mlops_gitops.testing.infra.server import Answer
from mlops_gitops.testing.models.predictions import Predictions

ROWS = [(1.0, 2.0, 3.0, 4.0)] * 4000


@dataclass
class Slow:
    """A server whose every answer is right and takes its time on a clock of its own."""

    seconds: float
    now: float = 0.0
    asked: int = 0

    def ask(self, _: str, body: bytes | None = None, **__: Any) -> Answer:
        self.now, self.asked = self.now + self.seconds, self.asked + 1
        table = json.loads(body or b"{}").get("dataframe_split", {"data": []})
        return Answer(200, json.dumps({"predictions": [{"probability": 0.5}] * len(table["data"])}).encode())

    def wrong(self, _: Any) -> Answer:
        self.now += self.seconds
        return Answer(400)


def interview(server: Slow) -> Interview:
    model = Model.from_value(manifest())
    return Interview(server, model, lambda _: Location("model.yaml"), lambda: server.now, BUDGET)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["held out", "one by one", "bad"])
def test_nothing_is_asked_after_the_time_for_all_of_it(how: str) -> None:
    server = Slow(29.0)
    about = interview(server)
    protocol = both(about.model)[0]
    offline = Predictions(np.full(len(ROWS), 0.5), "probability", "0" * 64)
    places = range(len(ROWS))
    ways = {
        "held out": lambda: [*about.held_out(protocol, ROWS, offline, places)] * 3,
        "one by one": lambda: list(about.one_by_one(protocol, ROWS, offline, places)),
        "bad": lambda: list(about.bad(ROWS[0])),
    }
    with pytest.raises(Silent, match="it answers too slowly: after 600 s"):
        [ways[how]() for _ in range(20)]
    assert server.now < BUDGET + 3 * server.seconds


def test_a_quick_server_is_asked_everything() -> None:
    server = Slow(0.001)
    about = interview(server)
    offline = Predictions(np.full(len(ROWS), 0.5), "probability", "0" * 64)
    checks = list(about.held_out(both(about.model)[0], ROWS, offline, range(len(ROWS))))
    assert [one.verdict.value for one in checks] == ["pass", "pass"]
    assert checks[0].rows == len(ROWS)
