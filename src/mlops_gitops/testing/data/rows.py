"""Checks that look at rows and not only at a profile: rows in two data sets, and features that know the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model, Target
from mlops_gitops.testing.data import columns as data
from mlops_gitops.testing.data import lateness, leakage
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.relations import HERE, Relations
from mlops_gitops.testing.data.scans import Scan
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines.labelled import Labelled, labelled
from mlops_gitops.testing.estimates import Unmeasurable

_FEWEST_OF_A_CLASS = 30
_MOST_CLASSES = 20


def overlaps(
    model: Model, files: Sequence[DataFile], rows: Mapping[str, int], relations: Relations, locate: Locate
) -> Iterator[Check]:
    """Test rows that some training row shares its key with; ``rows`` are the rows of each data set."""
    demand, place = model.tests.data.overlap, locate(("spec", "tests", "data", "overlap"))
    training = [file for file in files if file.dataset.role == "training"]
    unseen = [file for file in files if file.dataset.role != "training"]
    if demand is None:
        return
    if not training or not unseen:
        message = "the overlap of training and test data cannot be counted without both"
        fix = "add a data set of each role"
        yield Check("data.overlap", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for one in training:
        for other in unseen:
            subject = f"{other.dataset.name} ∩ {one.dataset.name}"
            try:
                shared = relations.overlap(one, other, demand.key)
            except Refused:
                message = f"{subject} cannot be counted: the key {', '.join(demand.key)} is not in both, alike"
                fix = "name columns that both files have, of the same type"
                yield Check("data.overlap", subject, Verdict.FAIL, message, location=place, fix=fix)
                continue
            except Unmeasurable as reason:
                message = f"{subject} cannot be counted: {reason}"
                yield Check("data.overlap", subject, Verdict.INCONCLUSIVE, message, location=place, fix=HERE)
                continue
            count = rows[other.dataset.name]
            yield data.overlap(shared, count, subject=subject, key=demand.key, limit=demand.max, location=place)


def leaks(
    model: Model, files: Sequence[DataFile], scans: Mapping[str, Scan], relations: Relations, locate: Locate
) -> Iterator[Check]:
    """The power of each feature alone, and whether each is known in time, as far as the manifest limits them."""
    limit, known_at = model.tests.leakage.max_single_feature_power, model.tests.leakage.known_at
    places = {one.name: locate((*data.INPUTS, i, "name")) for i, one in enumerate(model.interface.inputs)}
    if limit is not None:
        place = locate(("spec", "tests", "leakage", "maxSingleFeaturePower"))
        try:
            yield from _power(model, files, limit, places, relations)
        except (Refused, Unmeasurable) as reason:
            message, fix = f"the power of single features cannot be measured: {reason}", "provide labelled rows"
            yield Check("leakage.power", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for feature, column in (known_at or {}).items():
        place = places.get(feature) or locate(("spec", "tests", "leakage", "knownAt", feature))
        yield from lateness.checks(feature, column, files, scans, relations, place=place)


def _power(
    model: Model,
    files: Sequence[DataFile],
    limit: float,
    places: Mapping[str, Location],
    relations: Relations,
) -> Iterator[Check]:
    target = model.interface.target
    order = sorted(files, key=lambda file: file.dataset.role != "training")
    if target is None or not order:
        raise Unmeasurable("there is no target, or no data that can be read")
    file = order[0]
    source = relations.source(file)
    present = engine.columns(source)
    names = [name for name in places if name in present]
    if target.column not in present:
        raise Unmeasurable(f"{file.dataset.name} has no column {target.column}")
    with labelled(source, target.column, names) as sample:
        targets = _targets(sample, target, model.task)
        yield from leakage.strength(sample, names, targets, dataset=file.dataset.name, limit=limit, places=places)


def _targets(sample: Labelled, target: Target, task: str) -> dict[str, str]:
    """The questions that a feature alone is asked: the binary one, each class against the rest, or above the median."""
    column = target.column
    if task == "binary-classification":
        return {column: sample.is_class(True if target.positive is None else target.positive)}
    if task == "multiclass":
        classes = sample.classes(least=_FEWEST_OF_A_CLASS, most=_MOST_CLASSES)
        return {f"{column} = {name}": label for name, label in classes.items()}
    return {f"{column} above its median": sample.above_median()}
