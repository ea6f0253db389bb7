"""Model tests: what the manifest promises of a model, held against its predictions on labelled rows.

The rule, everywhere here: a check **fails** when the estimate misses the limit, **passes** when the one-sided 95 %
confidence bound clears it too, and is **inconclusive** between, with the rows that would tell.  A slice that is missing
or a sample that cannot answer never passes.  Pure functions of ``Evaluation`` records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric as Demand
from mlops_gitops.manifests.metrics import Slice
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import estimates, wording
from mlops_gitops.testing.data.columns import Locate, Place
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.limits import CONFIDENCE, mirrored, more, threshold, unmeasured
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import Evaluation, chosen, parts

MOST_UNLABELLED = 0.05
"""When a larger share of the rows has no label, the rest may not stand for them."""

_BY_RANK = frozenset({"precision", "recall", "f1", "mcc"})
"""Metrics of decisions that a constant predictor wins by calling everything positive, or does not have at all.

Ranking decides instead."""


def checks(model: Model, evaluations: Mapping[str, Evaluation], *, locate: Locate) -> Iterator[Check]:
    """Every promise of the manifest, metric by metric."""
    for one in evaluations.values():
        yield _labels(one, locate(("spec", "interface", "target")))
    for index, demand in enumerate(model.metrics):
        path = ("spec", "metrics", index)
        metric, evaluation = METRICS.get(demand.name), evaluations.get(demand.dataset)
        if metric is None or model.task not in metric.tasks:
            yield _unknown(demand, model.task, locate((*path, "name")))
        elif evaluation is None:
            message = f"{demand.name} was not measured: there are no usable predictions on {demand.dataset}"
            fix = "see the checks of the predictions"
            place = locate((*path, "dataset"))
            yield Check("model.metric", demand.name, Verdict.FAIL, message, location=place, fix=fix)
        else:
            yield from _metric(demand, metric, evaluation, lambda *rest, path=path: locate((*path, *rest)))
    yield from _baseline(model, evaluations, locate)
    yield from _overfit(model, evaluations, locate)


def _labels(evaluation: Evaluation, location: Location) -> Check:
    absent, rows = evaluation.truth.unlabelled, len(evaluation.truth.present)
    message = f"{wording.share(absent, rows)} of {evaluation.dataset} have no label and are not judged"
    share = absent / rows if rows else 1.0
    verdict = Verdict.PASS if share <= MOST_UNLABELLED else Verdict.INCONCLUSIVE
    fix = "" if verdict is Verdict.PASS else "add the labels, or test on rows that have one"
    return Check(
        "model.labels",
        evaluation.dataset,
        verdict,
        message,
        observed=share,
        limit=MOST_UNLABELLED,
        rows=rows,
        location=location,
        fix=fix,
    )


def _unknown(demand: Demand, task: str, location: Location) -> Check:
    known = ", ".join(name for name, metric in METRICS.items() if task in metric.tasks)
    message = f"the metric {demand.name} cannot be measured for the task {task}"
    fix = f"use one of {known}" if known else f"no metric of the task {task} can be measured yet"
    return Check("model.metric", demand.name, Verdict.FAIL, message, location=location, fix=fix)


def _metric(demand: Demand, metric: Metric, evaluation: Evaluation, place: Place) -> Iterator[Check]:
    on = f"{demand.name} on {demand.dataset}"
    try:
        found = metric.measure(evaluation.sample, confidence=CONFIDENCE)
    except Unmeasurable as reason:
        yield unmeasured("model.metric", demand.name, f"{on} cannot be measured: {reason}", place("threshold"))
        return
    assumed = evaluation.sample.assumed
    yield threshold("model.metric", demand.name, on, found, demand.threshold, place=place, assumed=assumed)
    if demand.claimed is not None:
        yield _claim(demand, metric, found, f"{on}, where {assumed},", place("claimed"))
    for index, wanted in enumerate(demand.slices):
        yield from _slices(demand, metric, evaluation, wanted, lambda *rest, i=index: place("slices", i, *rest))


def _claim(demand: Demand, metric: Metric, found: Estimate, on: str, location: Location) -> Check:
    claimed = demand.claimed or 0.0
    too_good = claimed > found.upper if metric.higher_is_better else claimed < found.lower
    interval = f"{wording.score(found.lower)} to {wording.score(found.upper)}"
    message = f"{on} is claimed to be {wording.score(claimed)}; measured is {wording.score(found.value)} ({interval})"
    return Check(
        "model.claim",
        demand.name,
        Verdict.FAIL if too_good else Verdict.PASS,
        message,
        observed=found.value,
        limit=claimed,
        interval=found.interval,
        rows=found.rows,
        location=location,
        fix=f"write `claimed: {found.value:.3f}`" if too_good else "",
    )


def _slices(demand: Demand, metric: Metric, evaluation: Evaluation, wanted: Slice, place: Place) -> Iterator[Check]:
    raw = evaluation.columns.get(wanted.column)
    if raw is None:
        message = f"{demand.dataset} cannot be sliced by {wanted.column}: it has no such column"
        fix = "name a column that the data have"
        yield Check("model.slice", wanted.column, Verdict.FAIL, message, location=place("column"), fix=fix)
        return
    for part in parts(raw, wanted):
        subject, on = f"{demand.name}[{part.name}]", f"{demand.name} on {demand.dataset} where {part.name}"
        if len(part.rows) < wanted.min_rows:
            reason = f"{wording.rows(len(part.rows))} are fewer than the {wanted.min_rows:,} that `minRows` wants"
            yield unmeasured("model.slice", subject, f"{on} was not judged: {reason}", place("minRows"))
            continue
        try:
            found = metric.measure(chosen(evaluation.sample, part.rows), confidence=CONFIDENCE)
        except Unmeasurable as reason:
            yield unmeasured("model.slice", subject, f"{on} cannot be measured: {reason}", place("column"))
            continue
        assumed = evaluation.sample.assumed
        yield threshold("model.slice", subject, on, found, wanted.threshold, place=place, assumed=assumed)


def _baseline(model: Model, evaluations: Mapping[str, Evaluation], locate: Locate) -> Iterator[Check]:
    """The model against the constant predictor of the training labels (their share of positives, or their mean)."""
    evaluation = evaluations.get(model.primary.dataset)
    if model.tests.model.baseline is None or evaluation is None:
        return
    location = locate(("spec", "tests", "model", "baseline"))
    name = "roc_auc" if model.primary.name in _BY_RANK else model.primary.name
    metric = METRICS.get(name)
    if metric is None or model.task not in metric.tasks:
        return
    training = next((evaluations[one.name] for one in model.of_role("training") if one.name in evaluations), evaluation)
    on = f"{name} on {evaluation.dataset}"
    try:
        constant = _constant(evaluation.sample, training.sample)
        found = metric.difference(constant, evaluation.sample, confidence=CONFIDENCE)
    except Unmeasurable as reason:
        yield unmeasured("model.baseline", name, f"{on} cannot be held against a constant: {reason}", location)
        return
    gain = found if metric.higher_is_better else mirrored(found)
    much = (
        f"{wording.score(gain.value)} better than the constant predictor "
        f"(lower 95 % bound {wording.score(gain.lower)}; {evaluation.sample.assumed})"
    )
    base = Check(
        "model.baseline",
        name,
        Verdict.PASS,
        f"{on} is {much}",
        observed=gain.value,
        limit=0.0,
        interval=gain.interval,
        rows=gain.rows,
        location=location,
    )
    if gain.value <= 0:
        message = f"{on} is no better than the constant predictor ({wording.signed(gain.value)})"
        yield replace(base, verdict=Verdict.FAIL, message=message, fix="the model learned nothing that helps here")
    elif gain.lower <= 0:
        message = f"{on} is {much}; " + more(gain, gain.value)
        yield replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="test on more rows")
    else:
        yield base


def _constant(sample: Sample, training: Sample) -> Sample:
    """The prediction that knows only the training labels, for every row of ``sample``."""
    if sample.predictions.ndim == 2:  # noqa: PLR2004 - one column per class
        classes = sample.predictions.shape[1]
        known = training.labels[training.labels >= 0].astype(np.int64)
        shares = np.bincount(known, minlength=classes) / max(1, len(known))
        return sample._replace(predictions=np.tile(shares, (len(sample.labels), 1)))
    return sample._replace(predictions=np.full(len(sample.labels), float(training.labels.mean())))


def _overfit(model: Model, evaluations: Mapping[str, Evaluation], locate: Locate) -> Iterator[Check]:
    limit, primary = model.tests.model.max_overfit_gap, model.primary
    metric = METRICS.get(primary.name)
    if limit is None or metric is None or model.task not in metric.tasks:
        return
    location = locate(("spec", "tests", "model", "maxOverfitGap"))
    training = next((evaluations[one.name] for one in model.of_role("training") if one.name in evaluations), None)
    test = evaluations.get(primary.dataset)
    if training is None or test is None:
        message = f"the overfit gap of {primary.name} needs predictions on the training data and on {primary.dataset}"
        yield unmeasured("model.overfit", primary.name, message, location)
        return
    try:
        shown, unseen = (metric.measure(one.sample, confidence=CONFIDENCE) for one in (training, test))
    except Unmeasurable as reason:
        message = f"the overfit gap of {primary.name} cannot be measured: {reason}"
        yield unmeasured("model.overfit", primary.name, message, location)
        return
    gap = estimates.apart(shown, unseen)
    found = replace(gap if metric.higher_is_better else mirrored(gap), rows=unseen.rows)
    words = f"{wording.score(shown.value)} on training rows and {wording.score(unseen.value)} on unseen ones"
    check = _gap(primary.name, f"{primary.name} is {words}", found, limit, location)
    yield replace(check, message=f"{check.message}; {test.sample.assumed}")


def _gap(name: str, words: str, found: Estimate, limit: float, location: Location) -> Check:
    value = found.value
    message = (
        f"{words}; the gap of {wording.score(value)} has the upper 95 % bound {wording.score(found.upper)}, "
        f"and at most {wording.score(limit)} is allowed"
    )
    verdict = Verdict.FAIL if value > limit else Verdict.PASS if found.upper <= limit else Verdict.INCONCLUSIVE
    fixes = {
        Verdict.FAIL: "train a simpler model, with more data or more regularisation",
        Verdict.INCONCLUSIVE: "test on more rows",
        Verdict.PASS: "",
    }
    return Check(
        "model.overfit",
        name,
        verdict,
        message,
        observed=value,
        limit=limit,
        interval=found.interval,
        rows=found.rows,
        location=location,
        fix=fixes[verdict],
    )
