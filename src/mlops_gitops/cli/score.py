"""``score``: the ML Test Score of a release, from signed evidence; and the word of a person that a test was made."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mlops_gitops import canonical, times
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.evidence.score import rubric, scoring
from mlops_gitops.evidence.score.scoring import Score
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.promotion import short

EXAMPLE = """
mlops-gitops score
mlops-gitops score flight-delays --in prod --output site
mlops-gitops score flight-delays --attest model-3 --comment "searched depth and rate on train" --key file2:keys/ada.pem
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="which models (default: all with a release)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--release", metavar="REF", help="an id, its beginning, or a version (default: the newest)")
    chosen.add_argument("--in", dest="environment", metavar="ENV", help="the release that runs there")
    parser.add_argument("--output", metavar="DIR", help="leave score.html, badge.svg and badge.json there, by model")
    parser.add_argument(
        "--attest", metavar="TEST", choices=list(rubric.BY_ID), help="sign that this test was made by hand"
    )
    parser.add_argument("--comment", default="", help="with --attest: what was found")
    parser.add_argument("--failed", action="store_true", help="with --attest: it did not come out well")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Score, or attest and score.  A low score is an answer, not a failure: the exit code is 0."""
    if arguments.attest:
        _attest(arguments, world)
    snapshot = Snapshot(session.repository(arguments, world).fetch())
    names = arguments.models or snapshot.models()
    if arguments.release and len(names) != 1:
        raise Misused("--release needs one model", hint="name the model", code="usage")
    found = [_score(snapshot, name, arguments, world) for name in names]
    scores = [one for one in found if one is not None]
    from mlops_gitops.reporting.score import text

    if arguments.output:
        for one in scores:
            _leave(one, world.cwd / arguments.output / one.release.name, world)
    if arguments.format == "json":
        world.print(json.dumps({"scores": [text.document(one) for one in scores]}, indent=2))
    else:
        world.print("\n\n".join(map(text.text, scores)) or "nothing is released there yet")
    return 0


def _score(snapshot: Snapshot, model: str, arguments: argparse.Namespace, world: World) -> Score | None:
    session.require_model(snapshot, model)
    if arguments.environment:
        release = snapshot.slot(arguments.environment, model).current
        if release is None:
            return None
    elif arguments.release:
        release = snapshot.find_release(model, arguments.release)
    else:
        release = snapshot.line(model)[-1].id
    dossier = snapshot.dossier(model, release)
    return scoring.score(dossier.release, dossier.evidence, now=world.now())


def _attest(arguments: argparse.Namespace, world: World) -> None:
    """Sign that a test was made by hand, as the manifest says that it is made."""
    from mlops_gitops.cli.candidate import read_manifest
    from mlops_gitops.promotion import attesting

    if len(arguments.models) != 1 or not arguments.comment:
        raise Misused(
            "--attest needs one model and a --comment", hint="name the model, and say what was found", code="usage"
        )
    if arguments.environment:
        raise Misused("--attest goes with --release", hint="name the release instead of where it runs", code="usage")
    (name,) = arguments.models
    _, manifest, _, model = read_manifest(name, world)
    test = rubric.BY_ID[arguments.attest]
    procedure = next((one.procedure for one in model.tests.by_hand if one.test == test.id), None)
    if procedure is None:
        raise Misused(
            f"the manifest of {name} does not say how {test.id} is made by hand",
            hint=f"add `tests.byHand: [{{test: {test.id}, procedure: …}}]`, and release it",
            code="no-procedure",
        )
    repository = session.repository(arguments, world)
    settled = attesting.attest(
        repository,
        model=name,
        release=arguments.release or model.version,
        manifest=canonical.sha256(manifest),
        test=test,
        procedure=procedure,
        found=arguments.comment,
        verdict=Verdict.FAIL if arguments.failed else Verdict.PASS,
        signer=session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust),
        now=world.now,
    )
    said = settled.result
    world.progress(f"{said.signer} attests {test.id} of {name} {said.version}: evidence {short(said.digest)}")


def _leave(score: Score, room: Path, world: World) -> None:
    from mlops_gitops.cli.writing import replaced
    from mlops_gitops.reporting.score import badge, page

    files = {
        "score.html": page.page(score, generated=times.format_instant(world.now())),
        "badge.svg": badge.svg(score),
        "badge.json": badge.shields(score),
    }
    try:
        room.mkdir(parents=True, exist_ok=True)
        for name, written in files.items():
            replaced(room / name, f"{written}\n".encode())
    except OSError as error:
        raise WorldFailed(
            f"{room} cannot be written: {error.strerror}", hint="name another folder with --output", code="report"
        ) from error
