"""The tests of features that a manifest declares: read once, judged, and written down for the next change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_gitops.adapters.git_changes import Clone
from mlops_gitops.cli.candidate import MANIFEST, artifact_path, read_manifest
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Report
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.model import Dataset, Model
from mlops_gitops.manifests.release import Release
from mlops_gitops.packaging import digests
from mlops_gitops.testing import reports
from mlops_gitops.testing.data import importance
from mlops_gitops.testing.data.files import data_files
from mlops_gitops.testing.data.importance import Importance
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.features import checks, figures
from mlops_gitops.testing.features.checks import Before, Table
from mlops_gitops.testing.features.subsets import MOST_FEATURES, Subsets


def dataset(model: Model) -> Dataset | None:
    """The data whose columns are looked at: those that are named, else the first training data."""
    tests = model.tests.features
    if tests is not None and tests.of is not None:
        return model.dataset(tests.of)
    return next(iter(model.of_role("training")), None)


def read(model: Model, folder: Path) -> Table | str:
    """The features of that data set, or why there are none."""
    wanted = dataset(model)
    if wanted is None:
        return "the manifest names no training data"
    files = data_files(model, folder=folder, root=folder.parent.parent, also=(wanted.name,))
    file = next((one for one in files if one.dataset.name == wanted.name), None)
    if file is None or file.source is None:
        return f"{wanted.name} cannot be read: {file.problem if file else 'there is no such file'}"
    try:
        return checks.table(model, file)
    except Refused as refused:
        return refused.message
    except Unmeasurable as reason:
        return str(reason)


def before_change(model: Model, folder: Path, reference: str, world: World) -> Before | None:
    """The model and its reference as they are in another commit; ``None`` where it has no such model.

    Raises ``Misused`` where that commit is not here.
    """
    clone = Clone(folder.parent.parent, world.environ)
    commit, place = clone.needed(reference), f"models/{folder.name}"
    manifest, wanted = clone.file(commit, f"{place}/{MANIFEST}"), dataset(model)
    if manifest is None:
        return None
    then: Model = reading.record("model", reading.opened("model", manifest, path=f"{place}/{MANIFEST}"))
    name = f"{wanted.name if wanted else ''}{checks.SUFFIX}"
    kept = clone.file(commit, f"{place}/{name}")
    known = checks.parsed(kept, name) if kept is not None else None
    inputs = tuple(one.name for one in then.interface.inputs)
    return Before(f"{model.name} at {reference}", inputs, None if isinstance(known, str) else known)


def before_release(champion: Release | None) -> Before | None:
    """What the release that runs now takes."""
    if champion is None:
        return None
    inputs = tuple(one.name for one in champion.interface.inputs)
    return Before(f"{champion.name} {champion.version}", inputs)


def report(
    model: Model,
    document: Document,
    folder: Path,
    *,
    found: Table | str,
    before: Before | None,
    powers: Mapping[str, Estimate] | None,
    told: Subsets | None = None,
) -> Report:
    """The report of what the manifest demands of its features, with figures of what is known of them besides."""
    held = checks.judged(
        model,
        folder=folder,
        root=folder.parent.parent,
        locate=document.location,
        read=found,
        before=before,
        powers=powers,
    )
    materials = ((f"data/{found.dataset}", found.digest),) if isinstance(found, Table) else ()
    drawn = [*figures.of_powers(model.primary.name, powers or {}), *figures.of_subsets(told)]
    if isinstance(found, Table) and len(found.features) <= MOST_FEATURES:
        then = before.correlations if before is not None else None
        kept = then or checks.committed(folder, found.dataset)
        drawn += figures.of_correlations(found.correlations, None if isinstance(kept, str) else kept)
    return reports.made("feature-tests", model, list(held), materials, figures=drawn)


def write_references(folders: Sequence[Path], world: World) -> list[tuple[Path, bytes]]:
    """The references of models whose manifests ask for them, or of all that are named, as files to write."""
    files = []
    for folder in folders:
        _, _, _, model = read_manifest(folder.name, world)
        tests, weighing = model.tests.features, _weighing(model)
        if weighing:
            files.append((folder / importance.FILE, _importance(model, folder, world).text().encode()))
        if (len(folders) > 1 or weighing) and (tests is None or tests.max_change is None):
            continue
        world.progress(f"{model.name}: reading the data")
        found = read(model, folder)
        if isinstance(found, str):
            raise Refused(found, hint="correct `tests.features.of`, or the data", code="feature-data")
        files.append((folder / f"{found.dataset}{checks.SUFFIX}", checks.text(found.correlations)))
    return files


def _weighing(model: Model) -> bool:
    """Whether columns weigh by what they bring when data are held against a reference."""
    wanted = (model.tests.data.drift, model.tests.data.skew)
    return any(one is not None and one.by_importance for one in wanted)


def _importance(model: Model, folder: Path, world: World) -> Importance:
    """What each input brings.  Raises ``Refused`` where that cannot be measured."""
    from mlops_gitops.cli import feature_costs

    powers = feature_costs.importances(model, folder, world)
    if not powers:
        raise Refused(
            f"what the inputs of {model.name} bring to {model.primary.name} cannot be measured",
            hint="`mlops-gitops test model` says why; or write weights by hand",
            code="feature-data",
        )
    made = digests.of_artifact(artifact_path(model, folder)).digest
    brought = {name: one.value for name, one in powers.items()}
    return Importance(model.primary.name, model.primary.dataset, made, brought)
