"""Looks at a reference, where the manifest wants them counted: by the evidence of a model, or by whoever runs the test.

What is not recorded is not looked at: a look that nobody publishes is judged only by a number that somebody names.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.canonical import sha256
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.evidence import windows
from mlops_gitops.evidence.verdicts import Report
from mlops_gitops.evidence.windows import Window
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import publish as publishing
from mlops_gitops.promotion import reference_looks
from mlops_gitops.promotion.snapshot import Snapshot

if TYPE_CHECKING:
    from mlops_gitops.manifests.documents import Document
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.sharding import Counting

_DATA = "data"


class Counted:
    """The looks of one run, numbered by what was published; a ``dry`` run takes none and knows those that were."""

    def __init__(self, snapshot: Snapshot, model: Model, *, dry: bool) -> None:
        self._ledger = reference_looks.of_model(snapshot, model.name) if _wanted(model) else reference_looks.Ledger()
        self._taken: list[Window] = []
        self._dry = dry

    def count(self, window: Window) -> int | None:
        """The number of a look, which is taken by that."""
        if self._dry:
            return self._ledger.recorded(window)
        found = self._ledger.count(window)
        self._taken.append(found)
        return found.number

    def told(self, report: Report) -> Report:
        """The report with the looks that were taken for it."""
        return replace(report, details={**report.details, **windows.looked(self._taken)})


def _wanted(model: Model) -> bool:
    """Whether the manifest wants looks counted."""
    return any(one is not None and one.looks is None for one in (model.tests.data.drift, model.tests.data.skew))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``test data`` about looks."""
    group = parser.add_argument_group("with data, for looks at a reference that are counted (`looks: counted`)")
    group.add_argument("--look", metavar="N", type=int, help="this is the N-th look, as something else counts them")
    group.add_argument(
        "--release", metavar="REF", help="with --publish: the release that the data are asked of (default: its version)"
    )
    group.add_argument("--publish", action="store_true", help="count the look, sign what is found, and publish it")
    group.add_argument("--key", metavar="URI", help="with --publish: the key that signs (default: $MG_KEY)")


def check(arguments: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Raises ``Misused`` for options that do not go together."""
    hint = "`mlops-gitops test data MODEL --publish`, or `test data MODEL --look N`"
    told = arguments.look is not None or arguments.publish or arguments.release
    if told and list(kinds) != [_DATA]:
        raise Misused("--look, --release and --publish go with `test data`", hint=hint, code="test-options")
    if arguments.look is not None and (arguments.look < 1 or arguments.publish):
        raise Misused("--look takes a number from 1, and --publish counts by itself", hint=hint, code="test-options")
    if (arguments.release and not arguments.publish) or (arguments.publish and len(arguments.words) != 2):  # noqa: PLR2004
        raise Misused("--release goes with --publish, and --publish with one model", hint=hint, code="test-options")


def report(
    folder: Path,
    model: Model,
    document: Document,
    arguments: argparse.Namespace,
    world: World,
    *,
    root: Path,
    counting: Counting,
) -> Report:
    """The data tests of a model, with each look numbered as the options say; nothing is published."""
    from mlops_gitops.testing.data import suite

    number: int | None = arguments.look
    if number is not None and not _wanted(model):
        raise Misused(
            f"--look numbers a look that is counted, and {model.name} counts none",
            hint="leave it out, or say `looks: counted` under `tests.data.drift` or `skew`",
            code="test-options",
        )
    return suite.run_data_tests(
        model,
        folder=folder,
        locate=document.location,
        now=world.now(),
        root=root,
        counting=counting,
        count=lambda _: number,
    )


def published(
    folder: Path,
    model: Model,
    document: Document,
    arguments: argparse.Namespace,
    world: World,
    *,
    root: Path,
    counting: Counting,
) -> tuple[Report, str | None]:
    """The data tests of a model as evidence of its release, and the commit that holds them; looks count there.

    Raises ``NotYet`` where another look was published meanwhile, ``Refused`` for a release of another manifest.
    """
    from mlops_gitops.testing.data import suite

    now = world.now()
    repository = session.repository(arguments, world)
    snapshot = Snapshot(repository.fetch())
    signer = session.signer(arguments, world, lambda: snapshot.trust)
    about = _released(snapshot, folder, model, arguments.release or model.version)
    counted = Counted(snapshot, model, dry=False)
    found = counted.told(
        suite.run_data_tests(
            model,
            folder=folder,
            locate=document.location,
            now=now,
            root=root,
            counting=counting,
            count=counted.count,
        )
    )
    settled = publishing.release(
        repository,
        build=lambda _before: about,
        reports=(found,),
        provenance=lambda _made: {},
        signer=signer,
        renew=True,
        now=world.now,
    )
    world.note(f"{model.name}: published in commit {(settled.commit or '')[:12]}")
    return found, settled.commit


def _released(snapshot: Snapshot, folder: Path, model: Model, reference: str) -> Release:
    """The release that the data are asked of, whose manifest is the one here."""
    from mlops_gitops.cli.candidate import MANIFEST

    session.require_model(snapshot, model.name)
    about = snapshot.release(model.name, snapshot.find_release(model.name, reference))
    if about.manifest != sha256((folder / MANIFEST).read_bytes()):
        raise Refused(
            f"{model.name} {about.version} was made from another model.yaml than the one here",
            hint=f"check out {about.source.revision[:12]}, whose manifest says what the data are held against",
            code="other-manifest",
        )
    return about
