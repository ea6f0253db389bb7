"""``test``: run the tests that the manifests declare, of data, of models and of their images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import counted_looks, counting, infra, model_tests, results, session
from mlops_gitops.cli.candidate import MANIFEST, exit_code, model_names
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.evidence.verdicts import Report, combined
from mlops_gitops.reporting.reports import check_text

if TYPE_CHECKING:
    from mlops_gitops.manifests.documents import Document
    from mlops_gitops.manifests.model import Model

FORMATS = results.FORMATS
KINDS = ("data", "model", "infra")
FEATURES = "features"
EXAMPLE = """
mlops-gitops test
mlops-gitops test data flight-delays
mlops-gitops test model flight-delays --explain-row 17
mlops-gitops test model flight-delays --keep-predictions predictions
mlops-gitops test model flight-delays --predictions predictions
mlops-gitops test infra flight-delays --image registry.example.com/models/flight-delays@sha256:…
mlops-gitops test features flight-delays --server http://127.0.0.1:8080
mlops-gitops test features flight-delays --against origin/main
mlops-gitops test data flight-delays --write-reference
mlops-gitops test data flight-delays --infer --write
mlops-gitops test --report reports
mlops-gitops test data flight-delays --shard 1/4 --partial counts
mlops-gitops test data flight-delays --merge counts
mlops-gitops test data flight-delays --publish --key file2:keys/ci.pem
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="data|model|infra|features|MODEL",
        help="what to test, then which models below models/ (default: data, model and infra of all of them)",
    )
    parser.add_argument("--report", metavar="DIR", help="leave a page with plots there, and every other form, by model")
    model_tests.add_options(parser)
    infra.add_options(parser)
    counting.add_options(parser)
    counted_looks.add_options(parser)
    costs = parser.add_argument_group(
        "with features, which measures what they cost and bring, and judges what `tests.features` demands"
    )
    costs.add_argument("--against", metavar="REF", help="the commit before the change: the base branch")
    costs.add_argument("--server", metavar="URL", help="a server of the model, to measure what requests cost")
    costs.add_argument(
        "--group", metavar="NAME=COLUMN,…", action="append", default=[], help="measure these columns together"
    )
    costs.add_argument("--plot", metavar="FILE", help="write the plot of one model there, as SVG")
    parser.add_argument(
        "--write-reference",
        action="store_true",
        help="with `data` or `features`: write what later data are held against, and test nothing",
    )
    parser.add_argument(
        "--infer",
        action="store_true",
        help="with `data`: print a section `tests.data` that a fresh sample of the training data's source passes",
    )
    parser.add_argument("--write", action="store_true", help="with --infer: put the section into the manifest")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Test, print every report, and answer 0 when all passed, 1 when one failed, 4 when one is inconclusive."""
    if arguments.words[:1] == [FEATURES]:
        with session.needing("models"):
            from mlops_gitops.cli import feature_costs, features
        if arguments.write_reference:
            files = features.write_references(_folders(arguments.words[1:], world), world)
            return _written(files, arguments.format, world)
        return feature_costs.run(_folders(arguments.words[1:], world), arguments, world)
    kinds = arguments.words[:1] if arguments.words[:1] and arguments.words[0] in KINDS else list(KINDS)
    names = arguments.words[1:] if len(kinds) == 1 else arguments.words
    if arguments.infer or arguments.write:
        return _infer(kinds, names, arguments, world)
    if arguments.write_reference:
        with counting.reached(world):
            return _write_references(kinds, names, arguments.format, world)
    counting.check(arguments, kinds)
    counted_looks.check(arguments, kinds)
    if arguments.shard or arguments.profile:
        models = [(folder, *_opened(folder)) for folder in _folders(names, world)]
        with session.needing("data"), counting.limited(arguments), counting.reached(world):
            write = counting.write_partials if arguments.shard else counting.print_profiles
            return write(models, arguments, world)
    commit: str | None = None
    with counting.limited(arguments), counting.reached(world):
        if arguments.publish:
            (folder,) = _folders(names, world)
            reports, commit = _published(folder, arguments, world)
        else:
            reports = [
                (folder.name, report)
                for folder in _folders(names, world)
                for report in _reports(folder, kinds, arguments, world)
            ]
    pages = results.leave(reports, world.cwd / arguments.report, world) if arguments.report else []
    world.print(results.rendered(reports, arguments.format, commit=commit))
    explained = [check for _, one in reports for check in one.checks if check.id == model_tests.EXPLANATION]
    if arguments.format == "text" and explained:
        world.print("\n".join(map(check_text, explained)))
    if arguments.format == "text" and pages:
        world.print("\n".join(f"report: {one}" for one in pages))
    return exit_code(combined(one.verdict for _, one in reports))


def _infer(kinds: Sequence[str], names: Sequence[str], arguments: argparse.Namespace, world: World) -> int:
    """Print the section that each model's training data suggest, or put it into the manifest; 0."""
    if kinds != ["data"] or not arguments.infer:
        hint = "`mlops-gitops test data MODEL --infer`, and with --write into the manifest"
        raise Misused("--infer goes with `test data`, and --write with --infer", hint=hint, code="test-options")
    with session.needing("data"):
        from mlops_gitops.testing.data import inference
    from mlops_gitops.manifests.insertion import dumped, with_section
    from mlops_gitops.manifests.reading import opened

    sections: dict[str, object] = {}
    written: list[str] = []
    for folder in _folders(names, world):
        model, document = _opened(folder)
        world.progress(f"{model.name}: reading the data")
        section = inference.section(model, folder=folder, root=_root(folder))
        sections[folder.name] = section
        path = f"models/{folder.name}/{MANIFEST}"
        if arguments.write:
            text = with_section(document, ("spec", "tests", "data"), section).encode()
            opened("model", text, path=path)  # what is written is a manifest, or nothing is written
            _replace(folder / MANIFEST, text)
            written.append(path)
        elif arguments.format != "json":
            world.print(f"# {path}: spec.tests.data\n{dumped({'data': section})}".rstrip())
    if arguments.format == "json":
        world.print(results.answer(written=written, inferred=sections))
    elif written:
        world.print("\n".join(f"wrote {one}" for one in written))
    return 0


def _write_references(kinds: Sequence[str], names: Sequence[str], style: str, world: World) -> int:
    """Write the reference of each model, whole or not at all; 0."""
    if kinds != ["data"]:
        raise Misused(
            "--write-reference goes with `test data`",
            hint="`mlops-gitops test data MODEL --write-reference`",
            code="test-options",
        )
    from mlops_gitops.testing.data.reference import SUFFIX

    with session.needing("data"):
        from mlops_gitops.testing.data import references
    files: list[tuple[Path, bytes]] = []
    for folder in _folders(names, world):
        model, _ = _opened(folder)
        wished = references.wished(model)
        if names and not wished:
            raise references.unwished()
        for of in wished:
            world.progress(f"{model.name}: reading {of}")
            reference = references.made(model, of, folder=folder, root=_root(folder))
            files.append((folder / f"{of}{SUFFIX}", reference.text().encode()))
    return _written(files, style, world)


def _written(files: Sequence[tuple[Path, bytes]], style: str, world: World) -> int:
    """Write references and tell which; 0."""
    written = []
    for path, data in files:
        _replace(path, data)
        written.append(f"models/{path.parent.name}/{path.name}")
    if style == "json":
        world.print(results.answer(written=written))
    else:
        world.print("\n".join(f"wrote {one}" for one in written) or "no manifest asks for a reference")
    return 0


def _replace(path: Path, data: bytes) -> None:
    """The whole file or the old one, and never through a link."""
    from mlops_gitops.cli.writing import replaced

    try:
        replaced(path, data)
    except OSError as error:
        raise WorldFailed(
            f"{path.name} cannot be written: {error.strerror or error}",
            hint="check the folder and the disk",
            code="disk",
        ) from error


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


def _opened(folder: Path) -> tuple[Model, Document]:
    from mlops_gitops.manifests import reading

    document = reading.opened(
        "model", session.document(folder / MANIFEST, within=_root(folder)), path=f"models/{folder.name}/{MANIFEST}"
    )
    model: Model = reading.record("model", document)
    return model, document


def _published(
    folder: Path, arguments: argparse.Namespace, world: World
) -> tuple[list[tuple[str, Report]], str | None]:
    """The data tests of one model, published as evidence, and the commit that holds them."""
    model, document = _opened(folder)
    with session.needing("data"):
        import mlops_gitops.testing.data.suite  # noqa: F401 - says what to install
    world.progress(f"{model.name}: testing the data")
    how = counting.counting(arguments, world)
    found, commit = counted_looks.published(folder, model, document, arguments, world, root=_root(folder), counting=how)
    return [(folder.name, found)], commit


def _reports(folder: Path, kinds: Sequence[str], arguments: argparse.Namespace, world: World) -> Iterator[Report]:
    model, document = _opened(folder)
    with session.needing("models" if {*kinds} - {"data"} else "data"):
        import mlops_gitops.testing.data.suite

        if "model" in kinds:
            import mlops_gitops.testing.suite  # noqa: F401 - says what to install
    if "data" in kinds:
        world.progress(f"{model.name}: testing the data")
        how = counting.counting(arguments, world)
        yield counted_looks.report(folder, model, document, arguments, world, root=_root(folder), counting=how)
    if "model" in kinds:
        yield from model_tests.reports(folder, model, document, arguments, world)
    asked = kinds == ["infra"]
    if "infra" in kinds and (asked or model.tests.infra is not None):
        found = infra.report(folder.name, arguments, world, asked=asked)
        if found is not None:
            yield found


def _root(folder: Path) -> Path:
    """The repository: what ``models/`` lies in."""
    return folder.parent.parent
