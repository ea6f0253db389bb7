"""The tests of one model, put together: what ``test model`` runs, and what ``release`` turns into evidence.

``run_model_tests`` and ``compare`` read the files that a manifest names, below ``root`` and nowhere
else, and answer with a ``Report``.  They never raise for what is in a file or for what a model does: that is a check
that failed.  Models are asked through ``predict``, and only by it; its artifacts must have been scanned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.evidence import holdouts
from mlops_gitops.evidence.figures import Figure
from mlops_gitops.evidence.holdouts import Look
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import intervals, reports
from mlops_gitops.testing.champions import comparison
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import DataFile, data_files, identity, in_one
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import behaviour, explanations, reliability, simpler
from mlops_gitops.testing.models import promises as model_tests
from mlops_gitops.testing.models.evaluations import evaluate, history, inputs, job, judged
from mlops_gitops.testing.models.metrics import METRICS, Sample
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predict, Predictions
from mlops_gitops.testing.models.samples import Evaluation


@dataclass(frozen=True, slots=True)
class Champion:
    """The release that runs where the challenger wants to go.

    ``inputs`` are the columns its interface takes; ``metrics`` those of its manifest, when it is at hand: their margins
    bind the challenger too.  ``version`` is what people call it.
    """

    release: str
    artifact: Artifact
    inputs: tuple[str, ...]
    metrics: tuple[Metric, ...] = ()
    version: str = ""


def run_model_tests(
    model: Model, *, folder: Path, locate: Locate, artifact: Artifact, predict: Predict, root: Path | None = None
) -> Report:
    """Test what ``artifact`` predicts on the data that the manifest's metrics, baseline and overfit gap name."""
    every = data_files(model, folder=folder, root=root or folder)
    files = [file for file in every if file.dataset.name in judged(model)]
    found: list[Check] = [check for file in files for check in identity(file, locate)]
    usable, several = in_one(files, locate)
    found.extend(several)
    jobs = {file.dataset.name: job(model, file, artifact, inputs(model)) for file in usable}
    plan = behaviour.plan(model, jobs)
    answers = predict([*jobs.values(), *plan.jobs])
    answers, asked_beside = answers[: len(jobs)], answers[len(jobs) :]
    training = history(model, folder=folder, root=root or folder)
    evaluations: dict[str, Evaluation] = {}
    for file, answer in zip(usable, answers, strict=True):
        checks, evaluation = evaluate(model, file, answer, locate, training=training)
        found.extend(checks)
        if evaluation is not None:
            evaluations[file.dataset.name] = evaluation
    found.extend(model_tests.checks(model, evaluations, locate=locate))
    found.extend(behaviour.checks(model, evaluations, plan.answered(asked_beside), locate=locate))
    found.extend(simpler.checks(model, evaluations, every, locate=locate))
    row = model.tests.model.explain_row
    if row is not None:
        place = locate(("spec", "tests", "model", "explainRow"))
        plain = dict(zip(jobs, zip(jobs.values(), answers, strict=True), strict=True))
        found.extend(explanations.declared(row, plain.get(model.primary.dataset), predict, place))
    drawn: list[Figure] = [*intervals.of_checks(found)]
    drawn += [figure for one in evaluations.values() if (figure := reliability.figure(one)) is not None]
    found_in = _materials(files, artifact=artifact, answers=(usable, answers))
    return reports.made("model-tests", model, found, found_in, figures=drawn)


def job_on(model: Model, dataset: str, artifact: Artifact, *, folder: Path, root: Path) -> Job | str:
    """What to ask ``artifact`` about one data set of the manifest, or why it cannot be asked."""
    file = _named(model, dataset, folder=folder, root=root)
    if file is None or file.source is None:
        return f"{dataset} cannot be read: {file.problem if file else 'its role is not one that is tested'}"
    return job(model, file, artifact, inputs(model))


def measured(
    model: Model, dataset: str, answer: Predictions, names: Sequence[str], *, folder: Path, root: Path
) -> dict[str, float]:
    """The values of the named metrics of predictions on one data set; those that cannot be measured are left out."""
    file = _named(model, dataset, folder=folder, root=root)
    if file is None or file.source is None:
        return {}
    training = history(model, folder=folder, root=root)
    _, evaluation = evaluate(model, file, answer, lambda _: Location(""), training=training)
    found: dict[str, float] = {}
    if evaluation is None:
        return found
    for name in names:
        metric = METRICS.get(name)
        if metric is None or model.task not in metric.tasks:
            continue
        with contextlib.suppress(Unmeasurable):
            found[name] = metric.value(evaluation.sample)
    return found


def samples(
    model: Model, dataset: str, answers: Sequence[Predictions | Failed], *, folder: Path, root: Path
) -> list[Sample | None]:
    """Labels beside each of these predictions on one data set; ``None`` where they cannot be judged."""
    file = _named(model, dataset, folder=folder, root=root)
    if file is None or file.source is None:
        return [None] * len(answers)
    training = history(model, folder=folder, root=root)
    found = [evaluate(model, file, answer, lambda _: Location(""), training=training)[1] for answer in answers]
    return [None if one is None else one.sample for one in found]


def _named(model: Model, dataset: str, *, folder: Path, root: Path) -> DataFile | None:
    return next((one for one in data_files(model, folder=folder, root=root) if one.dataset.name == dataset), None)


def compare(
    model: Model,
    *,
    folder: Path,
    locate: Locate,
    artifact: Artifact,
    champion: Champion,
    predict: Predict,
    root: Path | None = None,
    anchor: Champion | None = None,
) -> Report:
    """Hold ``artifact`` against ``champion`` on the rows that the manifest's metrics name, and against ``anchor``."""
    against = [one for one in (champion, anchor) if one is not None]
    names = {one.dataset for one in (*model.metrics, *champion.metrics) if one.compared}
    names |= {one.dataset for one in model.metrics if anchor and one.max_cumulative_regression is not None}
    files = [file for file in data_files(model, folder=folder, root=root or folder) if file.dataset.name in names]
    usable, several = in_one(files, locate)
    mine = [job(model, file, artifact, inputs(model)) for file in usable]
    theirs = [job(model, file, one.artifact, one.inputs) for one in against for file in usable]
    answers = predict([*mine, *theirs])
    found: list[Check] = [*several, *(check for file in files for check in identity(file, locate))]
    training = history(model, folder=folder, root=root or folder)
    asked_mine = zip(usable, answers, strict=False)
    evaluated = [evaluate(model, file, answer, locate, training=training) for file, answer in asked_mine]
    found.extend(check for checks, _ in evaluated for check in checks if check.verdict is not Verdict.PASS)
    results: list[comparison.Compared] = []
    guarded: list[Check] = []
    for place, one in enumerate(against, start=1):
        pairs: dict[str, comparison.Pair] = {}
        old = answers[place * len(usable) : (place + 1) * len(usable)]
        for file, answer, (_, after) in zip(usable, old, evaluated, strict=True):
            checks, before = evaluate(model, file, answer, locate, training=training)
            found.extend(_of_champion(check) for check in checks if check.verdict is not Verdict.PASS)
            if before is not None and after is not None:
                pairs[file.dataset.name] = comparison.Pair(before, after)
        held = comparison.Against(pairs, one.metrics, one.version if one is anchor else None)
        results += comparison.compared(model, held, locate=locate)
        if one is champion:
            guarded = list(comparison.slices(model, held, locate=locate))
    found.extend(one.check for one in results)
    found.extend(guarded)
    if not names:
        message = "no metric declares `maxRegression`, so nothing says what may replace the champion"
        fix = "add `maxRegression` to the primary metric: the largest loss that still passes"
        place_ = locate(("spec", "metrics"))
        found.append(Check("comparison.metric", model.name, Verdict.INCONCLUSIVE, message, location=place_, fix=fix))
    materials = _materials(files, artifact=artifact, answers=(usable, answers[: len(usable)]))
    materials += (("champion", champion.artifact.digest),)
    materials += (("anchor", anchor.artifact.digest),) if anchor is not None else ()
    chances = comparison.chances(results)
    asked = comparison.questions(results)
    looks = [
        Look(file.digest, chances[name], asked=_identity(asked[name], answers[at :: len(usable)]))
        for at, file in enumerate(usable)
        if (name := file.dataset.name) in chances
    ]
    drawn = [*intervals.of_checks(found)]
    made = reports.made("comparison", model, found, materials, champion=champion.release, figures=drawn)
    return replace(made, details=holdouts.looked(looks, anchor=anchor.release if anchor else None))


def _identity(asked: Sequence[str], answers: Sequence[Predictions | Failed]) -> str:
    """What makes a look another one: what was asked, and what each model answered on the file."""
    said = [one.digest if isinstance(one, Predictions) else "" for one in answers]
    return canonical.digest({"asked": [*asked], "answers": [*said]})


def _of_champion(check: Check) -> Check:
    """The champion cannot be asked: nobody is shown to be better, and a person has to look."""
    message = f"the champion cannot be asked: {check.message}"
    fix = "check that the champion still runs on these data; a person may waive the comparison"
    return replace(check, id="comparison.champion", verdict=Verdict.INCONCLUSIVE, message=message, fix=fix)


def _materials(
    files: Sequence[DataFile],
    *,
    artifact: Artifact | None = None,
    answers: tuple[Sequence[DataFile], Sequence[Predictions | Failed]] = ((), ()),
) -> tuple[tuple[str, str], ...]:
    found = [*reports.materials(files)]
    if artifact is not None:
        found.append(("artifact", artifact.digest))
    for file, answer in zip(*answers, strict=True):
        if isinstance(answer, Predictions):
            found.append((f"predictions/{file.dataset.name}", answer.digest))
    return tuple(found)
