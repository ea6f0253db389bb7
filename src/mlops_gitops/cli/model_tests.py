"""``test model``: scan the artifact, ask it (or files of what it said), test, and explain one row where asked."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import past_releases, session
from mlops_gitops.cli.candidate import artifact_path
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict

if TYPE_CHECKING:
    from mlops_gitops.adapters.prediction_files import Recorded
    from mlops_gitops.findings import Location
    from mlops_gitops.manifests.documents import Document
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.models.predictions import Job, Predict

EXPLANATION = "model.explanation"
_DAY = 86_400.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of model tests."""
    options = parser.add_argument_group("with model")
    options.add_argument("--explain-row", metavar="N", type=int, help="model: which inputs moved the N-th prediction")
    options.add_argument(
        "--keep-predictions", metavar="DIR", help="model: write every prediction there, as Parquet named by digest"
    )
    options.add_argument(
        "--predictions", metavar="DIR", help="model: test the predictions kept there; the model is not loaded"
    )
    options.add_argument(
        "--trust-artifact",
        action="store_true",
        help="model: load it though the scan refuses it, and run whatever code it holds; it still cannot be released",
    )
    options.add_argument(
        "--within",
        metavar="SECONDS",
        type=_seconds,
        default=600.0,
        help="model: how long it may take to answer (default: 600)",
    )


def _seconds(text: str) -> float:
    """Raises what argparse tells."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < _DAY:
        raise argparse.ArgumentTypeError(f"seconds are a number above 0 and below a day, and not {text!r}")
    return found


def reports(
    folder: Path, model: Model, document: Document, arguments: argparse.Namespace, world: World
) -> Iterator[Report]:
    """The scan where it finds something, and the tests; what did not pass the scan is loaded only if it is trusted."""
    from mlops_gitops.adapters import prediction_files, predictions
    from mlops_gitops.packaging import digests
    from mlops_gitops.packaging.scan import scan
    from mlops_gitops.testing import suite
    from mlops_gitops.testing.models.predictions import Artifact

    predict: Predict
    if arguments.predictions is not None:
        files = prediction_files.recorded(_there(arguments.predictions, world))
        digest = _digest(model, folder, files)
        artifact, predict = Artifact(folder / model.artifact.path, model.artifact.format, digest), files
    else:
        path = artifact_path(model, folder)
        measured = digests.of_artifact(path)
        artifact = Artifact(path, model.artifact.format, measured.digest)
        world.progress(f"{model.name}: scanning the artifact")
        scanned = scan(path, format=model.artifact.format, artifact=measured)
        if scanned.verdict is not Verdict.PASS:
            yield scanned
            if not arguments.trust_artifact:
                return
            world.note(f"{model.name}: the artifact is loaded as if it had passed the scan, because you trust it")
        cache = session.cache(world) / "predictions"
        predict = predictions.predictor(environ=world.environ, cache=cache, seconds=arguments.within)
    if arguments.keep_predictions is not None:
        predict = prediction_files.kept(predict, world.cwd / arguments.keep_predictions)
    world.progress(f"{model.name}: testing the model")
    root = folder.parent.parent
    found = suite.run_model_tests(
        model, folder=folder, locate=document.location, artifact=artifact, predict=predict, root=root
    )
    if arguments.explain_row is not None:
        job = suite.job_on(model, model.primary.dataset, artifact, folder=folder, root=root)
        if not isinstance(job, str):
            place = document.location(("spec", "artifact"))
            found = _explained(found, model, job, predict, row=arguments.explain_row - 1, place=place)
    yield found
    if past_releases.declared(model):
        snapshot = past_releases.known(arguments, world)
        yield past_releases.report(model, artifact, predict, snapshot, world, folder=folder, locate=document.location)


def _there(name: str, world: World) -> Path:
    path: Path = world.cwd / name
    if not path.exists():
        raise Misused(
            f"there are no predictions at {name}",
            hint="`mlops-gitops test model MODEL --keep-predictions DIR` writes them",
            code="no-predictions",
        )
    return path


def _digest(model: Model, folder: Path, files: Recorded) -> str:
    """Of the artifact if it is here, else what the manifest says, else what all files are about."""
    from mlops_gitops.packaging import digests

    if (folder / model.artifact.path).exists():
        return digests.of_artifact(artifact_path(model, folder)).digest
    return model.artifact.digest or (min(files.artifacts) if len(files.artifacts) == 1 else "")


def _explained(found: Report, model: Model, job: Job, predict: Predict, *, row: int, place: Location) -> Report:
    """The report with the explanation of one row of the data of the primary metric, where they can be asked about."""
    from mlops_gitops.testing.models import explanations
    from mlops_gitops.testing.models.predictions import Predictions

    [plain] = predict([job])
    if not isinstance(plain, Predictions):
        return found
    check = explanations.check(job, row, plain, predict, place)
    return _with(found, model, (check,))


def _with(found: Report, model: Model, checks: Sequence[Check]) -> Report:
    """The report with more checks, counted anew."""
    from mlops_gitops.testing import reports

    made = reports.made(found.kind, model, (*found.checks, *checks), found.materials)
    return replace(made, details=found.details, figures=found.figures)
