"""``reproduce``: train again, say how far it agrees with the record, and find what makes it differ."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import exit_code, model_names
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.evidence.verdicts import Verdict, combined

if TYPE_CHECKING:
    from mlops_gitops.reproduction.reproductions import Reproduction

EXAMPLE = """
mlops-gitops reproduce flight-delays
mlops-gitops reproduce flight-delays --twice --explain
mlops-gitops reproduce flight-delays --release 1.1.0 --publish --key file2:keys/ci.pem
"""
_KEPT = 10
"""So many reports of earlier runs are kept in the cache."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="which models below models/ (default: all)")
    parser.add_argument("--twice", action="store_true", help="train twice and compare the two, not with the record")
    parser.add_argument("--explain", action="store_true", help="find what makes trainings differ; trains several times")
    parser.add_argument("--deterministic", action="store_true", help="apply the deterministic settings of each library")
    parser.add_argument("--release", metavar="REF", help="the record is this release: a version or the start of an id")
    parser.add_argument("--publish", action="store_true", help="sign the verdict and publish it with the release")
    parser.add_argument("--renew", action="store_true", help="replace what was published before")
    parser.add_argument("--environment", metavar="DIR", help="an existing Python environment, in place of the lock")
    parser.add_argument("--report", metavar="DIR", help="where to leave report.html, summary.md and the logs")
    parser.add_argument("--allow-dirty", action="store_true", help="train the files as they are, committed or not")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Train and tell: 0 when every model is as reproducible as promised, 1 when one is not, 4 when one is not known."""
    names = arguments.models or model_names(world)
    if arguments.publish and not arguments.release:
        raise Misused("--publish needs a release to speak about", hint="name it: --release VERSION", code="no-release")
    if arguments.release and len(names) != 1:
        raise Misused("--release needs one model", hint="name the model", code="usage")
    with session.needing("models"):
        import numpy  # noqa: F401, ICN001 - asked for at once: a training that took an hour should not end in this
    results = [_one(name, arguments, world) for name in names]
    verdict = combined(one[0] for one in results)
    if arguments.format == "json":
        document = {"verdict": verdict.value, "reproductions": [one[1] for one in results]}
        world.print(json.dumps(document, indent=2))
    return exit_code(verdict)


def _one(name: str, arguments: argparse.Namespace, world: World) -> tuple[Verdict, object]:
    from mlops_gitops.adapters import trainings
    from mlops_gitops.cli import publication, retraining
    from mlops_gitops.reporting import reproduction as rendered
    from mlops_gitops.reproduction import checks

    chosen = world.cwd / arguments.environment if arguments.environment else None
    wanted = retraining.Wanted(
        twice=arguments.twice,
        explain=arguments.explain,
        deterministic=arguments.deterministic,
        allow_dirty=arguments.allow_dirty,
    )
    release = publication.released(name, arguments, world) if arguments.release else None
    subject = retraining.open_subject(name, world, wanted=wanted, release=release)
    with _room(name, arguments, world) as room, _tidied(room):
        trainer = trainings.trainer(
            subject.model,
            folder=subject.folder,
            root=subject.root,
            revision=subject.revision,
            scratch=room / "runs",
            environ=world.environ,
            lock_environments=session.cache(world) / "environments",
            environment=chosen,
            seconds=subject.model.training.timeout.total_seconds()
            if subject.model.training.timeout
            else retraining.DAY,
            progress=world.progress,
        )
        python = trainings.interpreter(trainer)
        found = retraining.reproduce(subject, trainer, world, wanted=wanted, python=python)
        report = checks.report(found, location=subject.document.location(("spec", "reproducibility")))
        made = publication.run_provenance(found.right.run, subject, world)
        _leave(room, found, publication.statements_of(found, report, made, world), world=world)
        commit = publication.publish(report, made, release, arguments, world) if arguments.publish and release else None
    if arguments.format == "text":
        world.print(rendered.text(found))
        if arguments.publish:
            world.print(f"published in commit {commit[:12]}" if commit else "published before: nothing to add")
        world.print(f"report: {room / 'report.html'}")
    return report.verdict, rendered.document(found)


@contextlib.contextmanager
def _room(name: str, arguments: argparse.Namespace, world: World) -> Iterator[Path]:
    """The folder of this reproduction, and of no other meanwhile: the one that is named, or a new one in the cache."""
    if arguments.report:
        room = world.cwd / str(arguments.report) / name
    else:
        above = session.cache(world) / "reproductions" / name
        _forget(above)
        moment = times.format_instant(world.now()).replace(":", "").replace("-", "")
        room = above / f"{moment}-{os.getpid()}"
    with contextlib.ExitStack() as held:
        try:
            room.mkdir(parents=True, exist_ok=True)
            held.enter_context(_alone(room))
            shutil.rmtree(room / "runs", ignore_errors=True)
        except BlockingIOError as busy:
            raise WorldFailed(
                f"another command is writing its report into {room}",
                hint="wait for its end, or name another folder with --report",
                code="report",
            ) from busy
        except OSError as error:
            raise WorldFailed(
                f"{room} cannot be written: {error.strerror}",
                hint="name another folder with --report, or another MG_CACHE",
                code="report",
            ) from error
        yield room


@contextlib.contextmanager
def _alone(room: Path) -> Iterator[None]:
    """Keep other commands out of a folder.  Raises ``BlockingIOError`` where one of them is in it.

    The kernel lets go of what the dead held.  Where a file system knows no such locks, nobody is kept out.
    """
    handle = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise
        yield
    finally:
        os.close(handle)


def _forget(above: Path) -> None:
    """All but the newest reports of earlier runs, whose names sort by time; not those of runs that are on."""
    if above.is_dir():
        for old in sorted(above.iterdir())[: -_KEPT + 1]:
            with contextlib.suppress(OSError), _alone(old):
                shutil.rmtree(old, ignore_errors=True)


def _leave(room: Path, found: Reproduction, statements: Mapping[str, str], *, world: World) -> None:
    """Leave the report for people and programs, and the statements that nobody has signed yet."""
    from mlops_gitops.cli.writing import replaced
    from mlops_gitops.reporting import reproduction as rendered
    from mlops_gitops.reporting import reproduction_page

    files = {
        "report.html": reproduction_page.page(found, generated=times.format_instant(world.now())),
        "ladder.svg": reproduction_page.svg(found),
        "summary.md": rendered.markdown(found),
        "report.json": json.dumps(rendered.document(found), indent=2),
        **statements,
    }
    try:
        for name, text in files.items():
            replaced(room / name, f"{text}\n".encode())
    except OSError as error:
        raise WorldFailed(
            f"{room} cannot be written: {error.strerror}", hint="name another folder with --report", code="report"
        ) from error


@contextlib.contextmanager
def _tidied(room: Path) -> Iterator[None]:
    """Keep the logs, and nothing else of the runs: checkouts and artifacts are large, and can be made again."""
    try:
        yield
    finally:
        for inner in (room / "runs").glob("*/*"):
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner, ignore_errors=True)
            elif inner.name != "log":
                inner.unlink(missing_ok=True)
