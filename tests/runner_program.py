"""What a runner is in tests: the real program in a process of its own, which can be told when to die.

A fork server imports this once, so that a process costs a fork and not a second of imports.  Around the program are
only its outermost calls counted: each git command, and each request to GitHub's API.  ``Orders.die`` kills the process
by its own SIGKILL there; nothing of it gets to run any more.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import github  # noqa: F401 - so that no process has to import it
import requests  # noqa: F401

from mlops_gitops.adapters import git, git_past, git_process, mlflow, predictions  # noqa: F401
from mlops_gitops.adapters.git_errand import Errand
from mlops_gitops.adapters.github_client import Client
from mlops_gitops.cli import preflight
from mlops_gitops.cli.main import VERBS, main
from mlops_gitops.cli.world import World

for _verb in VERBS:
    importlib.import_module(f"mlops_gitops.cli.{_verb}")

LASTING = r"git push|api (Create|Move|POST|PUT|PATCH|DELETE).*"
"""A pattern for the steps that bring something to where it will stay."""
_LOCAL = ("rev-parse", "merge-base", "log", "for-each-ref", "rev-list", "diff-tree", "show", "init", "ls-remote")
"""git commands that change nothing anywhere."""


class Orders(NamedTuple):
    """One command, its environment, how far its clock is from the machine's, and where to die, if it has to.

    ``die`` is the number of a step in the order of ``before``, ``after``; or a pattern: after the first such step.
    """

    words: tuple[str, ...]
    environ: dict[str, str]
    folder: str
    name: str
    shift: float = 0.0
    die: int | str | None = None


def run(orders: Orders, begin: Any = None) -> None:
    """The whole life of one runner; ``begin`` is a barrier at which a race starts."""
    here = Path(orders.folder)
    os.chdir(here)
    os.environ.clear()
    os.environ.update(orders.environ)
    counted = _Counted(here / f"{orders.name}.steps", orders.die)
    _watch(counted)
    preflight.loads = lambda _: lambda _: None  # these releases have no files that could be loaded
    with (here / f"{orders.name}.out").open("w") as out, (here / f"{orders.name}.err").open("w") as err:
        world = World(
            orders.environ, lambda: datetime.fromtimestamp(time.time() + orders.shift, UTC), here, out, err
        )  # fmt: skip
        if begin is not None:
            begin.wait()
        code = main(orders.words, world)
    sys.exit(code)


class _Counted:
    """Counts steps, writes them down, and dies where it was told to."""

    def __init__(self, log: Path, die: int | str | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._die, self._count = die, 0

    def __call__(self, when: str, what: str) -> None:
        os.write(self._log, f"{when} {what}\n".encode())
        place = self._count
        self._count += 1
        fits = isinstance(self._die, str) and when == "after" and re.fullmatch(self._die, what)
        if place == self._die or fits:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: Callable[..., str], call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            what = name(*arguments)
            if what.removeprefix("git ") in _LOCAL:
                return call(*arguments, **named)
            self("before", what)
            answer = call(*arguments, **named)
            self("after", what)
            return answer

        return counted


def _watch(counted: _Counted) -> None:
    git_past.run_git = counted.around(lambda words: f"git {words[0]}", git_process.run_git)  # type: ignore[assignment]
    Errand.push = counted.around(lambda *_: "git push", Errand.push)  # type: ignore[method-assign]
    Client._rest = counted.around(lambda _, method, path: f"api {method} {path}", Client._rest)  # type: ignore[method-assign]
    Client.__init__.__kwdefaults__["sleep"] = lambda _: None  # pauses are tested elsewhere
    Client._graph = counted.around(lambda _, text, __: f"api {_operation(text)}", Client._graph)  # type: ignore[method-assign]


def _operation(text: str) -> str:
    found = re.match(r"\s*(?:query|mutation) (\w+)", text)
    return found[1] if found else "?"
