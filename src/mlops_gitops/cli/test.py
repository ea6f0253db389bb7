"""``test``: run the tests that the manifests declare, of data, of models and of their images."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import infra, session
from mlops_gitops.cli.candidate import MANIFEST, artifact_path, exit_code, model_names
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused
from mlops_gitops.evidence.verdicts import Report, Verdict, combined
from mlops_gitops.reporting.reports import report_document, report_text

if TYPE_CHECKING:
    from mlops_gitops.manifests.documents import Document
    from mlops_gitops.manifests.model import Model

KINDS = ("data", "model", "infra")
EXAMPLE = """
mlops-gitops test
mlops-gitops test data flight-delays
mlops-gitops test infra flight-delays --image registry.example.com/models/flight-delays@sha256:…
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="data|model|infra|MODEL",
        help="what to test, then which models below models/ (default: everything of all of them)",
    )
    infra.add_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Test, print every report, and answer 0 when all passed, 1 when one failed, 4 when one is inconclusive."""
    kinds = arguments.words[:1] if arguments.words[:1] and arguments.words[0] in KINDS else list(KINDS)
    names = arguments.words[1:] if len(kinds) == 1 else arguments.words
    reports = [
        (folder.name, report)
        for folder in _folders(names, world)
        for report in _reports(folder, kinds, arguments, world)
    ]
    verdict = combined(one.verdict for _, one in reports)
    if arguments.format == "json":
        documents = [report_document(one, model=model) for model, one in reports]
        world.print(json.dumps({"verdict": verdict.value, "reports": documents}, indent=2))
    else:
        world.print("\n".join(report_text(one) for _, one in reports))
    return exit_code(verdict)


def _folders(names: Sequence[str], world: World) -> list[Path]:
    models = session.models_folder(world)
    found = [models / name for name in names or model_names(world)]
    for folder in found:
        if folder.parent != models or folder.name in {"", ".", ".."} or not (folder / MANIFEST).is_file():
            raise Misused(
                f"there is no models/{folder.name}/{MANIFEST} here",
                hint="run this in a model repository, and name models as their folders are named",
                code="no-model",
            )
    return found


def _reports(folder: Path, kinds: Sequence[str], arguments: argparse.Namespace, world: World) -> Iterator[Report]:
    from mlops_gitops.manifests import reading

    shown = f"models/{folder.name}/{MANIFEST}"
    data = (folder / MANIFEST).read_bytes()
    document = reading.opened("model", data, path=shown)
    model: Model = reading.record("model", document)
    with session.needing("data"):
        from mlops_gitops.testing import suite
    if "data" in kinds:
        world.progress(f"{model.name}: testing the data")
        yield suite.run_data_tests(model, folder=folder, locate=document.location, root=_root(folder))
    if "model" in kinds:
        yield from _model_reports(folder, model, document, world)
    asked = kinds == ["infra"]
    if "infra" in kinds and (asked or model.tests.infra is not None):
        found = infra.report(folder.name, arguments, world, asked=asked)
        if found is not None:
            yield found


def _model_reports(folder: Path, model: Model, document: Document, world: World) -> Iterator[Report]:
    """The scan, when it finds something, and otherwise the tests: what did not pass the scan is never loaded."""
    from mlops_gitops.adapters import predictions
    from mlops_gitops.packaging import digests
    from mlops_gitops.packaging.scan import scan
    from mlops_gitops.testing import suite
    from mlops_gitops.testing.predictions import Artifact

    path = artifact_path(model, folder)
    world.progress(f"{model.name}: scanning the artifact")
    measured = digests.of_artifact(path)
    scanned = scan(path, format=model.artifact.format, artifact=measured)
    if scanned.verdict is not Verdict.PASS:
        yield scanned
        return
    world.progress(f"{model.name}: testing the model")
    artifact = Artifact(path, model.artifact.format, measured.digest)
    predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
    yield suite.run_model_tests(
        model, folder=folder, locate=document.location, artifact=artifact, predict=predict, root=_root(folder)
    )


def _root(folder: Path) -> Path:
    """The repository: what ``models/`` lies in."""
    return folder.parent.parent
