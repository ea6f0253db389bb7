"""Two artifacts of one model, held against each other from the strictest level down.

What costs little is asked first, and what is looser only where the stricter is broken: files of the same bytes are not
opened, and no model is run whose tensors already tell.  Models are asked for decisions through ``ask`` and only by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_gitops.manifests.model import Model, Reproducibility
from mlops_gitops.packaging import digests
from mlops_gitops.reproduction import ladder
from mlops_gitops.reproduction.levels import Agreement, Answer, Level, PredictionComparison, Rung
from mlops_gitops.reproduction.trainings import Run
from mlops_gitops.testing.models.predictions import Failed, Predictions


@dataclass(frozen=True, slots=True)
class Made:
    """What one training made: the artifact, its files by digest, and the declared file of predictions, if any."""

    path: Path
    files: digests.Artifact
    predictions: Path | None = None


def made_by(run: Run, model: Model) -> Made:
    """What a usable run made.  Raises ``ValueError`` for one that made nothing."""
    if run.artifact is None:
        raise ValueError(f"run {run.name} made nothing")
    predictions = model.reproducibility.predictions
    written = run.outputs.get(predictions) if predictions else None
    return Made(run.artifact, digests.of_artifact(run.artifact), written)


Ask = Callable[[Sequence[Made]], Sequence[Predictions | Failed]]
"""What each of several models says about the probe."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The rows on which decisions are compared.  ``tolerance`` is how far numbers of a regression may lie apart."""

    dataset: str
    task: str
    ask: Ask
    tolerance: float = 1e-6


def agree(left: Made, right: Made, *, promised: Reproducibility, probe: Probe | str, deep: bool = True) -> Agreement:
    """How far two artifacts agree, but for the statistical level, which needs more trainings.

    ``probe`` is a text where no decisions can be compared: why not.  Without ``deep``, nothing looser than canonical is
    asked.
    """
    rungs = [ladder.bitwise(left.files, right.files)]
    if rungs[0].answer is Answer.HOLDS:
        return ladder.climb(left.files.digest, right.files.digest, rungs)
    from mlops_gitops.reproduction import canonical, numbers

    compared_files = canonical.compare(left.path, right.path, left_files=left.files, right_files=right.files)
    files = tuple(replace(one, name=_shown(one.name, right)) for one in compared_files)
    rungs.append(ladder.canonical(files))
    if rungs[1].answer is Answer.HOLDS or not deep:
        return ladder.climb(left.files.digest, right.files.digest, rungs, files=files)
    names = [one.name for one in compared_files if not one.same and one.left is not None and one.right is not None]
    tensors = numbers.compare(
        left.path, right.path, names=names, relative=promised.relative, absolute=promised.absolute
    )
    tensors = tuple(replace(one, file=_shown(one.file, right)) for one in tensors)
    compared, unasked = _decisions(left, right, probe)
    missing = [one.name for one in files if one.left is None or one.right is None]
    numeric = ladder.numeric(tensors, compared, unasked=unasked)
    if missing:
        numeric = Rung(Level.NUMERIC, Answer.BROKEN, f"{missing[0]} is there on one side only")
    rungs.append(numeric)
    found = ladder.climb(
        left.files.digest, right.files.digest, rungs, files=files, tensors=tensors, predictions=compared
    )
    return replace(found, settings=_settings(promised, probe))


def _settings(promised: Reproducibility, probe: Probe | str) -> dict[str, float]:
    """The limits that were stated, for whoever draws them."""
    stated = {
        "relative": promised.relative,
        "absolute": promised.absolute,
        "churn": promised.churn,
        "predictions": None if isinstance(probe, str) else probe.tolerance,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _shown(name: str, made: Made) -> str:
    """A file as people call it: the one file of an artifact has no name inside it."""
    return made.path.name if name == digests.SINGLE else name


def _decisions(left: Made, right: Made, probe: Probe | str) -> tuple[tuple[PredictionComparison, ...], str]:
    if isinstance(probe, str):
        return (), probe
    from mlops_gitops.reproduction import probes

    first, second = probe.ask((left, right))
    if isinstance(first, Failed):
        return (), first.reason
    if isinstance(second, Failed):
        return (), second.reason
    try:
        compared = probes.compare(first, second, dataset=probe.dataset, task=probe.task, tolerance=probe.tolerance)
    except ValueError as error:
        return (), str(error)
    return (compared,), ""
