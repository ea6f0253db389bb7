"""``test features``: what features cost a prediction and bring, and whether they are as the manifest demands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from mlops_gitops.cli import results, session
from mlops_gitops.cli.candidate import artifact_path, exit_code, read_manifest
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.evidence.verdicts import Report, Verdict, combined
from mlops_gitops.reporting.reports import report_document, report_text
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.features import costs as feature_costs
from mlops_gitops.testing.features import subsets
from mlops_gitops.testing.features.costs import Cost, Costs, Group, Steps

if TYPE_CHECKING:
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.data.scans import Format
    from mlops_gitops.testing.estimates import Estimate
    from mlops_gitops.testing.features.checks import Table
    from mlops_gitops.testing.features.subsets import Subsets
    from mlops_gitops.testing.models.metrics import Metric
    from mlops_gitops.testing.models.predictions import Artifact, Job

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
    """Measure, judge what the manifests demand, print, and write the plot; 0 where nothing is demanded."""
    from mlops_gitops.cli import features

    if arguments.plot and len(folders) != 1:
        raise Misused("a plot shows one model", hint="name the model", code="feature-plot")
    named = _named(arguments.group)
    found: list[Costs] = []
    seen: list[tuple[str, Report]] = []
    reports: list[tuple[str, Report]] = []
    for folder in folders:
        _, _, document, model = read_manifest(folder.name, world)
        read = features.read(model, folder)
        costs, powers = measured(model, folder, named, arguments.server, world)
        told = _told(read)
        found.append(replace(costs, subsets=told))
        then = arguments.against
        before = features.before_change(model, folder, then, world) if then else None
        held = features.report(model, document, folder, found=read, before=before, powers=powers, told=told)
        seen.append((folder.name, held))
        if model.tests.features is not None:
            reports.append((folder.name, held))
    verdict = combined(one.verdict for _, one in reports) if reports else None
    pages = results.leave(seen, world.cwd / arguments.report, world) if arguments.report else []
    if arguments.format == "json":
        documents = [feature_costs.document(one) for one in found]
        judged = [report_document(one, model=name) for name, one in reports]
        world.print(results.answer(verdict=verdict.value if verdict else None, reports=judged, features=documents))
    else:
        from mlops_gitops.reporting.feature_costs import table

        world.print("\n".join([*map(table, found), *(report_text(one) for _, one in reports)]))
        if pages:
            world.print("\n".join(f"report: {one}" for one in pages))
    if arguments.plot:
        from mlops_gitops.reporting.feature_costs import plot

        (world.cwd / arguments.plot).write_text(plot(found[0]), encoding="utf-8")
    return exit_code(verdict) if verdict else 0


def _told(read: Table | str) -> Subsets | None:
    """What a plain learner finds, where it can be told."""
    if isinstance(read, str) or read.target is None:
        return None
    try:
        return subsets.found(read.features, read.target)
    except Unmeasurable:
        return None


def _named(words: Sequence[str]) -> dict[str, list[str]]:
    named = {}
    for one in words:
        name, found, columns = one.partition("=")
        if not found or not name or not columns or name in named:
            hint = "write --group NAME=COLUMN,COLUMN, each name once"
            raise Misused(f"{one!r} is no group of columns", hint=hint, code="feature-group")
        named[name] = columns.split(",")
    return named


def measured(
    model: Model, folder: Path, named: Mapping[str, Sequence[str]], server: str | None, world: World
) -> tuple[Costs, dict[str, Estimate]]:
    """The costs of the model in ``folder``, and what each input brings; ``server`` is where one runs, or ``None``."""
    from mlops_gitops.testing.models.metrics import METRICS

    subject = _subject(model, folder, named, world)
    world.progress(f"{model.name}: shuffling {len(subject.groups)} groups")
    powers, rows = _powers(subject, METRICS.get(model.primary.name))
    carried = _carried(subject, server)
    steps = _steps(subject)
    costs = [Cost(one, powers.get(one.name), carried.get(one.name), steps.get(one.name)) for one in subject.groups]
    ordered = feature_costs.ordered(costs)
    told = Costs(model.name, model.primary.name, model.primary.dataset, rows, ordered, tuple(subject.notes))
    return told, _of_inputs(subject.groups, powers)


def importances(model: Model, folder: Path, world: World) -> dict[str, Estimate]:
    """What each input brings, and nothing of what it costs."""
    from mlops_gitops.testing.models.metrics import METRICS

    subject = _subject(model, folder, {}, world)
    return _powers(subject, METRICS.get(model.primary.name))[0]


def _of_inputs(groups: Sequence[Group], powers: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {column: powers[one.name] for one in groups for column in one.columns if one.name in powers}


def _subject(model: Model, folder: Path, named: Mapping[str, Sequence[str]], world: World) -> _Subject:
    from mlops_gitops.testing import suite

    groups = feature_costs.groups([one.name for one in model.interface.inputs], named)
    job = suite.job_on(
        model, model.primary.dataset, _scanned(model, folder, world), folder=folder, root=folder.parent.parent
    )
    if isinstance(job, str):
        raise Refused(job, hint="correct `spec.data` and the primary metric", code="feature-data")
    return _Subject(model, folder, groups, job, world, [])


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
            packages = tuple(sorted({str(name) for part in mine for name in part["packages"]}))
            found[one.name] = Steps(tuple(str(part["name"]) for part in mine), times, working, held, packages)
    if shared:
        subject.notes.append(f"steps that several groups share belong to none: {', '.join(sorted(shared))}")
    return found
