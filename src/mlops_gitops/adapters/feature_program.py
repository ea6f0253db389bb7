"""The program that times the parts of a model: it opens a model, asks its column transformer part by part, and ends.

Run like ``prediction_program``, in a process of its own without network or secrets, on an artifact that was scanned.
"""

from __future__ import annotations

import json
import pickle
import random
import sys
import time
import tracemalloc
from importlib import metadata
from pathlib import Path
from typing import Any

from mlops_gitops.adapters import prediction_program as program
from mlops_gitops.adapters import prediction_warden

ROUNDS = 200
WARM_UP = 20


def main(path: str) -> None:
    """Do the one job of the file at ``path`` and write the result beside it."""
    prediction_warden.guarded(lambda: _answer(path))


def _answer(path: str) -> None:
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    prediction_warden.confine(order["memory"], Path(path).parent)
    (job,) = order["jobs"]
    try:
        result: dict[str, Any] = {"parts": _timed(job)}
    except program.Unusable as error:
        result = {"problem": str(error)}
    except BaseException as error:  # noqa: BLE001 - a model may raise anything; it becomes a note
        result = {"problem": program.raised(error)}
    program.write(order["results"], [result])


def _timed(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Each part of the column transformer: its name, columns, seconds of each round, and bytes."""
    model = program._load(Path(job["artifact"]), job["format"])  # noqa: SLF001
    row = program._frame(job["data"], job["dataFormat"], job["columns"]).head(1)  # noqa: SLF001
    found = [(name, part, _columns(chosen, job["columns"])) for name, part, chosen in _parts(model)]
    times: dict[str, list[float]] = {name: [] for name, _, _ in found}
    order = random.Random(0)  # noqa: S311 - an order, no secret
    for turn in range(WARM_UP + ROUNDS):
        for name, part, columns in order.sample(found, len(found)):
            given = row[columns]
            begun = time.perf_counter()
            part.transform(given)
            taken = time.perf_counter() - begun
            if turn >= WARM_UP:
                times[name].append(taken)
    return [
        {
            "name": name,
            "columns": columns,
            "seconds": times[name],
            "working": _working(part, row[columns]),
            "held": len(pickle.dumps(part)),
            "packages": _packages(part),
        }
        for name, part, columns in found
    ]


def _parts(model: Any) -> list[tuple[str, Any, Any]]:
    """The parts of the model's first step, where that is a column transformer."""
    step = model.steps[0][1] if getattr(model, "steps", None) else model
    parts = getattr(step, "transformers_", None)
    if parts is None:
        raise program.Unusable("the model does not begin with a column transformer, so that no step belongs to a group")
    return [(name, part, chosen) for name, part, chosen in parts if not isinstance(part, str) and len(chosen)]


def _columns(chosen: Any, names: list[str]) -> list[str]:
    return [one if isinstance(one, str) else names[int(one)] for one in chosen]


def _packages(part: Any) -> list[str]:
    """The packages whose code a part runs: of its own class, and of those inside it."""
    owners = metadata.packages_distributions()
    inside = [part, *(step for _, step in getattr(part, "steps", []))]
    modules = {type(one).__module__.split(".")[0] for one in inside}
    found = {name for module in modules for name in owners.get(module, [module])}
    return sorted(found - {"builtins"})


def _working(part: Any, given: Any) -> int:
    """The most bytes that are allocated for one row."""
    tracemalloc.start()
    try:
        part.transform(given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main(sys.argv[1])
