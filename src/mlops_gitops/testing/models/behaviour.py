"""The tests of a model's behaviour, put together: what is asked beside the data as they are, and every check of it.

All of it is about the data set of the primary metric, and in one plan, so that the model is started once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.models import calibration, fairness, metamorphic, numeric, segments
from mlops_gitops.testing.models.limits import unmeasured
from mlops_gitops.testing.models.predictions import Failed, Job, Predictions
from mlops_gitops.testing.models.samples import Evaluation

Answers = Sequence[Predictions | Failed]
_AT = ("spec", "tests", "model")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: one job for each metamorphic test, then those of the numeric test."""

    changed: tuple[Job, ...] = ()
    numeric: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of them, in order."""
        return (*self.changed, *self.numeric)

    def answered(self, answers: Answers) -> Answered:
        """The answers, told apart again."""
        return Answered(tuple(answers[: len(self.changed)]), tuple(answers[len(self.changed) :]))


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model said to the jobs of a plan."""

    changed: tuple[Predictions | Failed, ...] = field(default=())
    numeric: tuple[Predictions | Failed, ...] = field(default=())


def plan(model: Model, jobs: Mapping[str, Job]) -> Plan:
    """What to ask beside ``jobs``, which are the plain ones by data set."""
    base, tests = jobs.get(model.primary.dataset), model.tests.model
    if base is None:
        return Plan()
    changed = tuple(replace(base, edits=metamorphic.edits(one)) for one in tests.metamorphic)
    return Plan(changed, tuple(numeric.jobs(base)) if tests.numeric is not None else ())


def checks(
    model: Model, evaluations: Mapping[str, Evaluation], answered: Answered, *, locate: Locate
) -> Iterator[Check]:
    """Every test of behaviour that the manifest declares."""
    tests, evaluation = model.tests.model, evaluations.get(model.primary.dataset)
    if evaluation is None:
        yield from _unasked(model, locate)
        return
    if tests.search is not None:
        at = locate((*_AT, "slices", "find"))
        yield from segments.checks(evaluation, model.primary, tests.search, at)
    if tests.calibration is not None:
        yield from calibration.checks(evaluation, tests.calibration, lambda *rest: locate((*_AT, "calibration", *rest)))
    for index, one in enumerate(tests.fairness):
        yield from fairness.checks(evaluation, one, lambda *rest, i=index: locate((*_AT, "fairness", i, *rest)))
    for index, (test, answer) in enumerate(zip(tests.metamorphic, answered.changed, strict=False)):
        at_test = lambda *rest, i=index: locate((*_AT, "metamorphic", i, *rest))  # noqa: E731 - as above
        yield from metamorphic.checks(
            test,
            evaluation.predictions,
            answer,
            at_test,
            blocks=evaluation.blocks,
            assumed=evaluation.sample.assumed,
            quantiles=evaluation.sample.quantiles,
        )
    if tests.numeric is not None and answered.numeric:
        at = locate((*_AT, "numeric", "maxChange"))
        yield from numeric.checks(evaluation.predictions, list(answered.numeric), tests.numeric, at)


def _unasked(model: Model, locate: Locate) -> Iterator[Check]:
    """Without usable predictions nothing was tested, and no declared test passes in silence."""
    tests = model.tests.model
    declared = {
        "slices": tests.search,
        "calibration": tests.calibration,
        "fairness": tests.fairness,
        "metamorphic": tests.metamorphic,
        "numeric": tests.numeric,
    }
    for name in (name for name, demanded in declared.items() if demanded):
        message = f"{name} was not tested: there are no usable predictions on {model.primary.dataset}"
        yield unmeasured(f"model.{_IDS.get(name, name)}", name, message, locate((*_AT, name)))


_IDS = {"slices": "segments"}
