"""The statistical level: trainings with other seeds, each held against the record on the same rows.

A metric alone never decides: the share of changed decisions must be within its budget as well.  What cannot be found
out (no seed to set, a training that fails, predictions of another shape) leaves the level open, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mlops_gitops.manifests.model import Reproducibility
from mlops_gitops.reproduction import equivalence, ladder, probes
from mlops_gitops.reproduction.comparison import Made, Probe
from mlops_gitops.reproduction.levels import Agreement, Answer, PredictionComparison, Rung
from mlops_gitops.reproduction.trainings import Conditions, Order, Run, Trainer
from mlops_gitops.testing.models.predictions import Failed, Predictions

Metrics = Callable[[Predictions], Mapping[str, float]]
"""The metrics of an answer for which a margin is stated; those that cannot be measured are left out."""


class _Open(Exception):
    """The level cannot be asked; the text says why."""


def over_seeds(
    agreement: Agreement,
    reference: Made,
    *,
    promised: Reproducibility,
    probe: Probe | str,
    trainer: Trainer,
    made: Callable[[Run], Made],
    metrics: Metrics,
    base: Conditions,
) -> Agreement:
    """``agreement`` with its statistical level answered, by as many trainings as the manifest promises seeds."""
    try:
        compared, before, after = _asked(
            reference, promised=promised, probe=probe, trainer=trainer, made=made, metrics=metrics, base=base
        )
        found = _judged(compared, before, after, promised)
    except (_Open, ValueError) as reason:  # ValueError: other shapes, or a metric that is no number
        return _with(agreement, ladder.statistical(None, unasked=str(reason)))
    rung = ladder.statistical(found)
    measured = {one.metric for one in found.metrics}
    missing = [name for name, _ in promised.margins if name not in measured]
    if missing and rung.answer is Answer.HOLDS:
        rung = replace(rung, answer=Answer.OPEN, message=f"{missing[0]} could not be measured")
    return replace(_with(agreement, rung), churn=found.shares, metrics=found.metrics)


def _asked(
    reference: Made,
    *,
    promised: Reproducibility,
    probe: Probe | str,
    trainer: Trainer,
    made: Callable[[Run], Made],
    metrics: Metrics,
    base: Conditions,
) -> tuple[list[PredictionComparison], Mapping[str, float], list[Mapping[str, float]]]:
    """Train with each seed: the changed decisions, the record's metrics, and those of each training."""
    if isinstance(probe, str):
        raise _Open(probe)
    if promised.churn is None or not promised.margins:
        raise _Open("the manifest states no churn and no margins")
    if promised.seed_argument is None and promised.seed_variable is None:
        raise _Open("the manifest does not say how training takes its seed: add reproducibility.seed")
    record = _said(probe, reference)
    compared, after = [], []
    for seed in range(1, promised.seeds + 1):
        run = trainer.train(_order(seed, promised, base))
        if not run.usable:
            why = run.problems[0].message if run.problems else "it made nothing"
            raise _Open(f"training with seed {seed} failed: {why}")
        answer = _said(probe, made(run))
        compared.append(
            probes.compare(record, answer, dataset=probe.dataset, task=probe.task, tolerance=probe.tolerance)
        )
        after.append(metrics(answer))
    return compared, metrics(record), after


def _said(probe: Probe, made: Made) -> Predictions:
    answer = probe.ask([made])[0]
    if isinstance(answer, Failed):
        raise _Open(answer.reason)
    return answer


def _judged(
    compared: list[PredictionComparison],
    before: Mapping[str, float],
    after: list[Mapping[str, float]],
    promised: Reproducibility,
) -> ladder.Statistics:
    tested = tuple(
        equivalence.tost(name, record=before[name], values=[one[name] for one in after], margin=margin)
        for name, margin in promised.margins
        if name in before and all(name in one for one in after)
    )
    answer, message = equivalence.churn(compared, budget=promised.churn or 0.0)
    return ladder.Statistics(answer, message, tuple(one.churn for one in compared), tested)


def _order(seed: int, promised: Reproducibility, base: Conditions) -> Order:
    arguments = (promised.seed_argument, str(seed)) if promised.seed_argument else ()
    environment = {promised.seed_variable: str(seed)} if promised.seed_variable else {}
    conditions = replace(base, environment={**base.environment, **environment})
    return Order(f"seed-{seed}", conditions, arguments=arguments)


def _with(agreement: Agreement, rung: Rung) -> Agreement:
    return replace(agreement, rungs=tuple(rung if one.level is rung.level else one for one in agreement.rungs))
