"""What the model makes of each of its inputs, as the weights of columns that are held against a reference.

``importance.json`` is committed beside the manifest, so that a test of data needs no model.  It says what the primary
metric loses when an input is shuffled (permutation importance; Breiman 2001, *Machine Learning* 45:5), by which
artifact and on which data.  Of the error that the features share, one half is shared evenly and the other half by
importance: inputs that tell the same hide each other's importance, and what is measured is never known exactly, so no
input gets less than half of an even share.  What is not an input of the model gets nothing; the target and the scores,
which are a family of their own, share evenly.

The file comes from a repository and is not trusted: it is bounded, and whatever does not add up is a ``ValueError``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.data_tests import DriftTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import shards
from mlops_gitops.testing.data.columns import Locate

FILE = "importance.json"
LARGEST = 1024 * 1024
"""Bytes of a file that is read: ten thousand inputs fit."""
_HEADER: Mapping[str, JSON] = {"apiVersion": "mlops-gitops/v1", "kind": "Importance"}
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """What ``metric`` on ``dataset`` loses by shuffling each of ``inputs``, with the artifact of that SHA-256."""

    metric: str
    dataset: str
    artifact: str
    inputs: Mapping[str, float]

    def text(self) -> str:
        """The file, with one input a line."""
        head: dict[str, JSON] = {
            **_HEADER,
            "metric": self.metric,
            "dataset": self.dataset,
            "artifact": {"sha256": self.artifact},
        }
        fields = ",\n".join(f"  {json.dumps(name)}: {canonical.encode(value).decode()}" for name, value in head.items())
        lines = ",\n".join(
            f"    {canonical.encode(name).decode()}: {canonical.encode(value).decode()}"
            for name, value in sorted(self.inputs.items())
        )
        return f'{{\n{fields},\n  "inputs": {{\n{lines}\n  }}\n}}\n'


def read(data: bytes) -> Importance:
    """What the file's bytes say.  Raises ``ValueError`` with the reason, as the end of a sentence."""
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    try:
        value: Any = json.loads(data)
        if any(value[name] != said for name, said in _HEADER.items()):
            raise ValueError("it is of another kind")
        metric, dataset, inputs = value["metric"], value["dataset"], value["inputs"]
        artifact = value["artifact"]["sha256"]
        if not all(isinstance(one, str) for one in (metric, dataset, artifact)) or not isinstance(inputs, dict):
            raise ValueError("a field is of another type")
        if not all(type(one) in {int, float} and math.isfinite(one) for one in inputs.values()):
            raise ValueError("what an input brings is a number, and a finite one")
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("it is none that `test features MODEL --write-reference` wrote") from error
    return Importance(metric, dataset, artifact, {name: float(one) for name, one in inputs.items()})


def shares(names: tuple[str, ...], inputs: Mapping[str, float]) -> dict[str, float]:
    """The share of each name, of 1: half of it even, and half by what it brings, where that is known of anything."""
    if not names:
        return {}
    largest = max((inputs.get(name, 0.0) for name in names), default=0.0)
    brought = {name: max(0.0, inputs.get(name, 0.0)) / largest if largest > 0 else 0.0 for name in names}
    total = math.fsum(brought.values())
    even = 1 / len(names)
    return {name: even if total == 0 else even / 2 + brought[name] / total / 2 for name in names}


def weighed(tests: DriftTests, model: Model, inputs: Mapping[str, float]) -> DriftTests:
    """The tests with weights of the columns that the model takes and gives, and of no other."""
    target = model.interface.target
    first = {one.name for one in model.interface.outputs} | ({target.column} if target is not None else set())
    names = tuple(one.name for one in model.interface.inputs if one.name not in first)
    return replace(tests, weights={**dict.fromkeys(first, 1.0), **shares(names, inputs)}, other=0.0)


def applied(
    tests: DriftTests, model: Model, *, folder: Path, root: Path, locate: Locate, at: tuple[str, ...]
) -> tuple[DriftTests, Iterator[Check]]:
    """The tests as they weigh columns, and what there is to say of that."""
    if not tests.by_importance:
        return tests, iter(())
    place = locate((*at, "weights"))
    write = f"write it, and commit it: `mlops-gitops test features {model.name} --write-reference`"
    names = tuple(one.name for one in model.interface.inputs)

    def check(verdict: Verdict, message: str) -> Check:
        fix = "" if verdict is Verdict.PASS else write
        return Check("data.importance", FILE, verdict, message, location=place, fix=fix)

    try:
        found = read(shards.content(FILE, folder=folder, root=root, most=LARGEST))
    except (OSError, ValueError) as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else str(error)
        message = f"what the inputs bring is not known, so all of them weigh the same: {FILE} cannot be used: {why}"
        return weighed(tests, model, {}), iter((check(Verdict.INCONCLUSIVE, message),))
    told = [check(Verdict.PASS, _words(found, names))]
    lacking = [name for name in names if name not in found.inputs]
    if lacking:
        message = f"{FILE} says nothing of {', '.join(lacking[:_TOLD])}, which weigh least for it"
        told.append(check(Verdict.INCONCLUSIVE, message))
    declared = model.artifact.digest
    if declared is not None and declared != found.artifact:
        message = f"{FILE} was measured with the artifact {found.artifact[:12]}…; the manifest names {declared[:12]}…"
        told.append(check(Verdict.INCONCLUSIVE, message))
    return weighed(tests, model, found.inputs), iter(told)


def _words(found: Importance, names: tuple[str, ...]) -> str:
    shared = sorted(shares(names, found.inputs).items(), key=lambda each: (-each[1], each[0]))
    first = ", ".join(f"{name} {wording.percent(share)}" for name, share in shared[:_TOLD])
    more = f" and {len(shared) - _TOLD} more" if len(shared) > _TOLD else ""
    return f"inputs share the errors by what they bring to {found.metric} on {found.dataset}: {first}{more}"
