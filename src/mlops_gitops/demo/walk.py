"""Walking a path step by step: each command is shown as a user would type it, run for real, and its output shown.

A step is data: a title, a few words, and what is done.  Commands of ``mlops-gitops`` run in this process through the
function passed in; ``git``, ``python`` and ``mlflow`` run as processes of their own, without a shell.  A command that
ends otherwise than the step expects stops the walk there: what a demo shows is never what it did not see.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.errors import WorldFailed
from mlops_gitops.reporting.inert import inert

Run = Callable[[Sequence[str], Path, Mapping[str, str]], tuple[int, str]]
"""Run one ``mlops-gitops`` command (its words after the name) in a folder; its exit code and all that it printed."""
Show = Callable[[str], None]

WIDTH = 100
MEANING = {1: "the answer is no", 2: "wrong usage", 4: "not yet", 5: "the world failed"}
_WORLD_FAILED, _INTERRUPTED = 5, 130


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is typed, where, and how it must end.

    ``words`` may be made when the command's turn comes.  ``quiet``: its output is shown only if it ends badly.
    """

    words: tuple[str, ...] | Callable[[], tuple[str, ...]]
    at: Path
    expected: int = 0
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a person does with an editor: what it is called, and what it does."""

    shown: str
    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk."""

    title: str
    words: str
    deeds: tuple[Command | Deed, ...]


class Astray(Exception):
    """A command of the walk ended otherwise than its step expects."""


def walk(
    steps: Sequence[Step], *, run: Run, environ: Mapping[str, str], show: Show, seconds: Callable[[], float]
) -> None:
    """Take every step in order.  ``seconds`` is the time since the walk began.

    Raises ``WorldFailed`` where a command says that the world failed, ``Astray`` for any other end than is expected.
    """
    for number, step in enumerate(steps, start=1):
        show(f"\n[{number}/{len(steps)}] {step.title}  ({seconds():.0f} s)")
        if step.words:
            show(textwrap.indent(textwrap.fill(" ".join(step.words.split()), WIDTH), "  "))
        for deed in step.deeds:
            if isinstance(deed, Deed):
                show(f"  # {deed.shown}")
                deed.do()
            else:
                perform(deed, run=run, environ=environ, show=show)


def perform(command: Command, *, run: Run, environ: Mapping[str, str], show: Show) -> None:
    """Run one command and show it with its output and, where it is not 0, its exit code."""
    words = command.words() if callable(command.words) else command.words
    typed, own = shlex.join(words), words[0] == "mlops-gitops"
    show(f"  $ {typed}")
    code, output = run(words[1:], command.at, environ) if own else _process(words, command.at, environ)
    if not command.quiet or code != command.expected:
        for line in output.rstrip("\n").split("\n"):
            show(f"  | {inert(line)}".rstrip())
    if code != 0:
        show(f"  exit code {code}: {MEANING.get(code, 'unexpected')}")
    if code == command.expected:
        return
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    said = f"`{typed}` ended with exit code {code}, and {command.expected} was expected"
    if code == _WORLD_FAILED or not own:
        hint = "the lines above say why; the demo can be run again in the same folder"
        raise WorldFailed(said, hint=hint, code="demo")
    raise Astray(said)


def _process(words: Sequence[str], at: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """Another program, by an argv list; Python and what is installed in it are those of this process."""
    first, *rest = words
    argv = {"python": [sys.executable], "mlflow": [sys.executable, "-m", "mlflow"]}.get(first, [first]) + rest
    try:
        done = subprocess.run(
            argv,
            cwd=at,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except FileNotFoundError:
        raise WorldFailed(
            f"{first} is not installed", hint="`mlops-gitops doctor` says how to install it", code="missing-tool"
        ) from None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def surroundings(environ: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would steer git, MLflow or this program elsewhere, and with our ``own``."""
    kept = {
        name: value for name, value in environ.items() if not name.startswith(("GIT_", "MG_", "MLFLOW_", "GITHUB_"))
    }
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **quiet, **own}
