"""``report``: what a run found about a pull request, in one picture; and the one comment that shows it there."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused, NotYet, Refused, WorldFailed
from mlops_gitops.evidence.gates import Answer

if TYPE_CHECKING:
    from mlops_gitops.reporting.scorecard.records import Run

EXAMPLE = """
mlops-gitops report reports --output shown
mlops-gitops report reports --output shown --comment --pull-request 7 --head 9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394
"""
FORMATS = ("text", "json", "github", "markdown")
_EXPECTED = ("validate", "test", "reproduce", "build", "release", "gate", "promote")
_EXITS = {Answer.PASS: EXIT_DONE, Answer.FAIL: Refused.exit_code, Answer.PENDING: NotYet.exit_code}
_SERVER = "https://github.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RUN = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,6}))?")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument(
        "folder", metavar="FOLDER", help="where the JSON reports of the run lie, in this folder or below"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="write report.json, comment.md, summary.md, annotations.txt and the pictures (*.svg) into this folder",
    )
    parser.add_argument(
        "--expect",
        metavar="VERB",
        action="append",
        choices=_EXPECTED,
        help="a verb whose report must be there; without it the answer is not yet (more than once: all of these)",
    )
    parser.add_argument(
        "--comment", action="store_true", help="write or update our one comment on the pull request (GitHub)"
    )
    parser.add_argument("--pull-request", metavar="N", type=int, help="the number of the pull request")
    parser.add_argument(
        "--head", metavar="COMMIT", help="the head that was judged; a comment is written only while it is the head"
    )
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="where the pull request is (default: $GITHUB_REPOSITORY)"
    )
    parser.add_argument(
        "--run",
        metavar="ID.ATTEMPT",
        help="which run this is: a later one wins (default: $GITHUB_RUN_ID.$GITHUB_RUN_ATTEMPT)",
    )
    parser.add_argument(
        "--name", help="whose comment it is: one for each name on a pull request (default: $GITHUB_WORKFLOW)"
    )
    parser.add_argument(
        "--leaderboard",
        action="store_true",
        help="compare the candidates of all open pull requests, by the signed evidence in the environment repository",
    )
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Read, put together, write and show; the answer is the exit code, unless the comment failed."""
    from mlops_gitops.adapters import report_files
    from mlops_gitops.cli import leaderboards, report_comment, report_forms
    from mlops_gitops.reporting.scorecard import assembly

    about = _about(arguments, world)
    told, left_out = report_files.read(world.cwd / arguments.folder)
    found = assembly.scorecard(told, run=about, left_out=left_out, expected=arguments.expect or ())
    boards = leaderboards.made(found, arguments, world) if arguments.leaderboard else []
    forms = report_forms.made(found, boards=boards)
    written = _written(forms.files, arguments, world)
    placed = report_comment.placed(forms.comment, about, arguments, world) if arguments.comment else None
    if arguments.format == "json":
        world.print(json.dumps(forms.document(written=written, comment=placed), indent=2))
    else:
        world.print(forms.printed(arguments.format))
    if placed is not None:
        world.note(report_comment.told(placed))
    return WorldFailed.exit_code if placed and placed["result"] == "failed" else _EXITS[found.answer]


def _about(arguments: argparse.Namespace, world: World) -> Run:
    """Which run this is.  Raises ``Misused`` for what cannot be one, or where a comment has no place."""
    from mlops_gitops.reporting.scorecard.records import Run

    environ = world.environ
    repository = arguments.repository or environ.get("GITHUB_REPOSITORY") or None
    if repository and not _REPOSITORY.fullmatch(repository):
        raise Misused(f"{repository!r} names no repository", hint="write it as OWNER/NAME", code="usage")
    if arguments.head and not _COMMIT.fullmatch(arguments.head):
        raise Misused(f"{arguments.head!r} is no commit", hint="give its whole id", code="usage")
    if arguments.pull_request is not None and not 0 < arguments.pull_request < 2**31:
        raise Misused(
            f"there is no pull request {arguments.pull_request}", hint="its number is 1 or more", code="usage"
        )
    given = arguments.run or f"{environ.get('GITHUB_RUN_ID') or 0}.{environ.get('GITHUB_RUN_ATTEMPT') or 1}"
    number = _RUN.fullmatch(given)
    if number is None:
        raise Misused(
            f"{given!r} names no run", hint="give --run ID.ATTEMPT in digits, as GitHub numbers them", code="usage"
        )
    identity, attempt = int(number[1]), int(number[2] or 1)
    if arguments.leaderboard and not repository:
        raise Misused(
            "a leaderboard needs to know the repository of the pull requests",
            hint="give --repository OWNER/NAME",
            code="usage",
        )
    if arguments.comment and not (repository and arguments.pull_request and identity):
        raise Misused(
            "a comment needs to know the pull request and the run",
            hint="give --pull-request N, and outside of a workflow --repository OWNER/NAME and --run ID.ATTEMPT too",
            code="usage",
        )
    server = (environ.get("GITHUB_SERVER_URL") or _SERVER).rstrip("/")
    link = f"{server}/{repository}/actions/runs/{identity}" if repository and identity else None
    return Run(
        name=arguments.name or environ.get("GITHUB_WORKFLOW") or "",
        repository=repository,
        pull_request=arguments.pull_request,
        head=arguments.head,
        id=identity,
        attempt=attempt,
        link=f"{link}/attempts/{attempt}" if link and attempt > 1 else link,
    )


def _written(files: Mapping[str, str], arguments: argparse.Namespace, world: World) -> tuple[str, ...]:
    """The names of the files that were written; none without ``--output``."""
    if arguments.output is None:
        return ()
    folder, reports = (world.cwd / arguments.output).resolve(), (world.cwd / arguments.folder).resolve()
    if folder.is_relative_to(reports):
        raise Misused(
            f"--output {arguments.output} lies in the folder of the reports, and would be read as one the next time",
            hint="name a folder beside it",
            code="usage",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _write(folder / name, text)
    except OSError as error:
        raise WorldFailed(
            f"the report cannot be written to {folder}: {error.strerror}",
            hint="--output must name a folder that can be written, on a disk with some space",
            code="report",
        ) from error
    return tuple(files)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a step that runs beside this one never sees half of a file."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)
    aside.write_text(text, encoding="utf-8", newline="\n")
    aside.replace(path)
