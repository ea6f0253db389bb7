"""``validate``: every problem of every file in one run, each with its line and its fix."""

from __future__ import annotations

import argparse
import os.path
from collections.abc import Callable
from functools import partial

from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.manifests import checking
from mlops_gitops.reporting.result import Result

FORMATS = ("text", "json", "github", "sarif", "markdown")
EXAMPLE = """
mlops-gitops validate
mlops-gitops validate models/flight-delays --format github
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help=f"files or folders (default: {', '.join(checking.DEFAULTS)})"
    )
    parser.add_argument("--strict", action="store_true", help="warnings fail too")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Check the files, print the report; 1 where an error was found."""
    cwd = str(world.folder)
    paths = arguments.paths or [one for one in checking.DEFAULTS if os.path.exists(f"{cwd}/{one}")]  # noqa: PTH110
    try:
        files = checking.targets(paths, cwd=cwd)
    except FileNotFoundError as missing:
        raise Misused(f"there is no file or folder {missing}", hint="check the path", code="no-such-path") from None
    if not files:
        raise Misused(
            "there is nothing to validate here",
            hint="run it in a folder with models/ or environments/, name a path, or start with `mlops-gitops init`",
            code="nothing-to-validate",
        )
    result = Result(tuple(checking.check(files, cwd=cwd)), len(files))
    world.print(_reporter(arguments.format, cwd)(result))
    failed = result.errors or (arguments.strict and result.warnings)
    return Refused.exit_code if failed else 0


def _reporter(name: str, cwd: str) -> Callable[[Result], str]:
    """The reporter, imported when it is asked for."""
    match name:
        case "json":
            from mlops_gitops.reporting import json

            return json.render
        case "github":
            from mlops_gitops.reporting import github

            return github.render
        case "sarif":
            from mlops_gitops.reporting import sarif

            return sarif.render
        case "markdown":
            from mlops_gitops.reporting import markdown

            return markdown.render
        case _:
            from mlops_gitops.reporting import text

            return partial(text.render, line=_Lines(cwd).line)


class _Lines:
    """The lines of files, each file read once."""

    def __init__(self, cwd: str) -> None:
        self.cwd = cwd
        self.files: dict[str, list[str]] = {}

    def line(self, path: str, number: int) -> str | None:
        """Line ``number`` of a file; ``None`` where there is none."""
        if path not in self.files:
            self.files[path] = self.lines(os.path.join(self.cwd, path))  # noqa: PTH118
        lines = self.files[path]
        return lines[number - 1] if 0 < number <= len(lines) else None

    def lines(self, file: str) -> list[str]:
        try:
            return checking.content(file, self.cwd).decode("utf-8", "replace").split("\n")
        except (OSError, ValueError):
            return []
