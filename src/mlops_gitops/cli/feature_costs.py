"""``test features``: what the features of a model cost a prediction, and what they bring."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import MANIFEST, artifact_path
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.reports import report_text
from mlops_gitops.testing.features import costs as feature_costs
from mlops_gitops.testing.features.costs import Cost, Costs, Group, Steps
from mlops_gitops.testing.statistics import Unmeasurable

if TYPE_CHECKING:
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.data.scans import Format
    from mlops_gitops.testing.models.metrics import Metric
    from mlops_gitops.testing.models.predictions import Artifact, Job
    from mlops_gitops.testing.statistics import Estimate

PAIRS, BUDGET, LEAST = 200, 120.0, 2.0
"""Pairs of requests for each group; seconds for all groups together, and for each at least."""


@dataclass(frozen=True)
class _Subject:
    """One model, and what is asked about it; ``notes`` grow by what could not be measured."""

    model: Model
    folder: Path
    groups: tuple[Group, ...]
    job: Job
    world: World
    notes: list[str]

    @property
    def root(self) -> Path:
        """The repository."""
        return self.folder.parent.parent


def run(folders: Sequence[Path], arguments: argparse.Namespace, world: World) -> int:
    """Measure, print, write the plot, and answer 0."""
    if arguments.plot and len(folders) != 1:
        raise Misused("a plot shows one model", hint="name the model", code="feature-plot")
    named = _named(arguments.group)
    found = [measured(folder, named, arguments.server, world) for folder in folders]
    if arguments.format == "json":
        features = [feature_costs.document(one) for one in found]
        shown = {"verdict": None, "reports": [], "written": [], "features": features}
        world.print(json.dumps(shown, indent=2))
    else:
        from mlops_gitops.reporting.feature_costs import table

        world.print("\n".join(map(table, found)))
    if arguments.plot:
        from mlops_gitops.reporting.feature_costs import plot

        (world.cwd / arguments.plot).write_text(plot(found[0]), encoding="utf-8")
    return 0


def _named(words: Sequence[str]) -> dict[str, list[str]]:
    named = {}
    for one in words:
        name, found, columns = one.partition("=")
        if not found or not name or not columns or name in named:
            hint = "write --group NAME=COLUMN,COLUMN, each name once"
            raise Misused(f"{one!r} is no group of columns", hint=hint, code="feature-group")
        named[name] = columns.split(",")
    return named


def measured(folder: Path, named: Mapping[str, Sequence[str]], server: str | None, world: World) -> Costs:
    """The costs of the model in ``folder``; ``server`` is where one of it runs, or ``None``."""
    from mlops_gitops.manifests import reading
    from mlops_gitops.testing import suite
    from mlops_gitops.testing.models.metrics import METRICS

    path = f"models/{folder.name}/{MANIFEST}"
    model: Model = reading.record(
        "model", reading.opened("model", session.document(folder / MANIFEST, within=folder.parent.parent), path=path)
    )
    groups = feature_costs.groups([one.name for one in model.interface.inputs], named)
    job = suite.job_on(
        model, model.primary.dataset, _scanned(model, folder, world), folder=folder, root=folder.parent.parent
    )
    if isinstance(job, str):
        raise Refused(job, hint="correct `spec.data` and the primary metric", code="feature-data")
    subject = _Subject(model, folder, groups, job, world, [])
    world.progress(f"{model.name}: shuffling {len(groups)} groups")
    powers, rows = _powers(subject, METRICS.get(model.primary.name))
    carried = _carried(subject, server)
    steps = _steps(subject)
    costs = [Cost(one, powers.get(one.name), carried.get(one.name), steps.get(one.name)) for one in groups]
    ordered = feature_costs.ordered(costs)
    return Costs(model.name, model.primary.name, model.primary.dataset, rows, ordered, tuple(subject.notes))


def _scanned(model: Model, folder: Path, world: World) -> Artifact:
    """The artifact, which nothing loads before it was scanned."""
    from mlops_gitops.packaging import digests
    from mlops_gitops.packaging.scan import scan
    from mlops_gitops.testing.models.predictions import Artifact

    path = artifact_path(model, folder)
    world.progress(f"{model.name}: scanning the artifact")
    found = digests.of_artifact(path)
    scanned = scan(path, format=model.artifact.format, artifact=found)
    if scanned.verdict is not Verdict.PASS:
        raise Refused(report_text(scanned), hint="only a model that passes the scan is loaded", code="feature-scan")
    return Artifact(path, model.artifact.format, found.digest)


def _powers(subject: _Subject, metric: Metric | None) -> tuple[dict[str, Estimate], int]:
    """What each group brings, and on how many labelled rows."""
    from mlops_gitops.adapters import predictions
    from mlops_gitops.testing import suite

    model, world = subject.model, subject.world
    predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
    turns = range(feature_costs.SHUFFLES)
    jobs = [replace(subject.job, shuffled=one.columns, seed=turn) for one in subject.groups for turn in turns]
    answers = predict([subject.job, *jobs])
    whole, *others = suite.samples(model, model.primary.dataset, answers, folder=subject.folder, root=subject.root)
    if whole is None or metric is None:
        subject.notes.append(f"{model.primary.name} on {model.primary.dataset} cannot be measured: see `test model`")
        return {}, 0
    found: dict[str, Estimate] = {}
    for place, one in enumerate(subject.groups):
        mine = others[place * len(turns) : (place + 1) * len(turns)]
        try:
            found[one.name] = feature_costs.power(metric, whole, [each for each in mine if each is not None])
        except Unmeasurable as reason:
            subject.notes.append(f"what {one.name} brings cannot be measured: {reason}")
    return found, len(whole.labels)


def _carried(subject: _Subject, server: str | None) -> dict[str, Estimate]:
    """What it costs a request to hold the columns once more."""
    if server is None:
        subject.notes.append("carrying was not measured: no --server is named")
        return {}
    from mlops_gitops.adapters import paired_requests
    from mlops_gitops.testing.data.scans import Source
    from mlops_gitops.testing.infra import probes, protocols

    model, job = subject.model, subject.job
    rows = probes.rows(Source(job.data, cast("Format", job.data_format)), model.interface.inputs)
    row = next((one for one in rows if None not in one), rows[0])
    names = [one.name for one in model.interface.inputs]
    plain = protocols.split(model.interface.inputs, [row])
    url, found = server.rstrip("/") + protocols.INVOCATIONS, {}
    budget = max(LEAST, BUDGET / len(subject.groups))
    for one in subject.groups:
        subject.world.progress(f"{model.name}: asking with and without {one.name}")
        again = [row[names.index(column)] for column in one.columns]
        table = {"columns": [*names, *(f"{column} again" for column in one.columns)], "data": [[*row, *again]]}
        laden = json.dumps({"dataframe_split": table}, ensure_ascii=False).encode()
        without, with_ = paired_requests.paired(url, plain, laden, pairs=PAIRS, budget=budget)
        try:
            found[one.name] = feature_costs.carrying(np.array(without), np.array(with_))
        except Unmeasurable as reason:
            subject.notes.append(f"carrying {one.name} cannot be measured: {reason}")
    return found


def _steps(subject: _Subject) -> dict[str, Steps]:
    """What the parts of the model cost that only one group needs."""
    from mlops_gitops.adapters import predictions

    subject.world.progress("timing the parts of the model")
    parts = predictions.parts(subject.job, environ=subject.world.environ)
    if isinstance(parts, str):
        subject.notes.append(f"steps were not measured: {parts}")
        return {}
    found, shared = {}, {str(part["name"]) for part in parts}
    for one in subject.groups:
        mine = [part for part in parts if set(part["columns"]) <= set(one.columns)]
        if mine:
            shared -= {str(part["name"]) for part in mine}
            times = feature_costs.middle(np.sum([part["seconds"] for part in mine], axis=0))
            working, held = (sum(int(part[key]) for part in mine) for key in ("working", "held"))
            found[one.name] = Steps(tuple(str(part["name"]) for part in mine), times, working, held)
    if shared:
        subject.notes.append(f"steps that several groups share belong to none: {', '.join(sorted(shared))}")
    return found
