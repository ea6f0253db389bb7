"""One run of one Action, from environment to exit code.

The order is the promise: secrets are masked before anything is read or said; outputs are written however it ends, so
that a later ``if: always()`` step always finds a ``result``; what the verb and its programs print is never obeyed.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from mlops_gitops import __version__
from mlops_gitops.actions import commands, outputs
from mlops_gitops.actions.events import Event
from mlops_gitops.actions.events import read as read_event
from mlops_gitops.actions.inputs import Input, Inputs, Settings
from mlops_gitops.actions.inputs import read as read_inputs
from mlops_gitops.adapters.git_credentials import hidden
from mlops_gitops.cli.main import main as command_line
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_BUG, Failure, Misused, WorldFailed

ACTIONS = ("validate", "promote")
ERROR = "error"


class Call(NamedTuple):
    """What an Action is given: checked inputs, the event, and the world it may use."""

    inputs: Inputs
    event: Event
    settings: Settings
    world: World


class Outcome(NamedTuple):
    """What an Action answers.  ``annotations`` are whole workflow commands."""

    exit_code: int
    outputs: Mapping[str, str]
    summary: str = ""
    annotations: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What a verb answered with ``--format json``."""

    exit_code: int
    document: dict[str, Any]

    @property
    def error(self) -> dict[str, Any] | None:
        """The failure that ended the verb, if one did."""
        found = self.document.get("error")
        return found if isinstance(found, dict) else None


class Action(Protocol):
    """What each module ``actions/<name>.py`` offers."""

    INPUTS: tuple[Input, ...]
    OUTPUTS: tuple[str, ...]

    def perform(self, call: Call) -> Outcome:
        """Do it.  Raises ``Failure`` where it cannot even be tried."""


def action(name: str) -> Action:
    """The module of one Action."""
    return cast("Action", importlib.import_module(f"mlops_gitops.actions.{name}"))


def run(name: str, world: World) -> int:
    """Run the Action ``name`` and return the exit code of its step."""
    module = action(name)
    commands.mask(_secrets(module, world.environ), world.out)
    settings = Settings.of(world.environ, world.cwd)
    try:
        call = Call(
            inputs=read_inputs(module.INPUTS, world.environ),
            event=read_event(settings),
            settings=settings,
            world=_inner(module, world),
        )
        outcome = module.perform(call)
    except Failure as failure:
        outcome = failed(name, failure.message, failure.hint, exit_code=failure.exit_code)
    except Exception:  # noqa: BLE001 - a bug must not leave later steps without a result
        with commands.stopped(world.out):
            world.print(traceback.format_exc())
        hint = "please report it at https://github.com/mlops-gitops/mlops-gitops/issues with the lines of the log above"
        outcome = failed(name, f"a bug in mlops-gitops {__version__}", hint, exit_code=EXIT_BUG)
    return _tell(module, outcome, settings, world)


def failed(name: str, message: str, hint: str, *, exit_code: int, result: str = ERROR) -> Outcome:
    """The outcome of a run that came to no answer: the cause and what to do, as annotation and as summary."""
    cause, advice = outputs.code(message), outputs.code(hint)
    return Outcome(
        exit_code=exit_code,
        outputs={"result": result},
        summary=f"### {name}: {result}\n\n{cause}\n\nWhat to do: {advice}\n",
        annotations=(commands.annotation("error", f"{message}\nWhat to do: {hint}", title=f"mlops-gitops {name}"),),
    )


def ask(words: Sequence[str], call: Call, *, extra: Mapping[str, str] | None = None) -> Answer:
    """Run one verb with ``--format json`` in this process; ``extra`` is added to the environment it sees."""
    heard = io.StringIO()
    world = call.world._replace(out=heard, environ={**call.world.environ, **(extra or {})})
    with commands.stopped(call.world.out):
        code = command_line([words[0], "--format", "json", *words[1:]], world)
    try:
        document = json.loads(heard.getvalue())
    except ValueError:
        document = {}
    return Answer(exit_code=code, document=document if isinstance(document, dict) else {})


def kept(name: str, content: str, call: Call) -> str:
    """Keep ``content`` in a new file of the runner's temporary folder, and return its path.

    The folder is the runner's and the name is new, so a repository cannot have put a link in its place.
    """
    stem, _, ending = name.rpartition(".")
    try:
        handle, path = tempfile.mkstemp(
            prefix=f"mlops-gitops-{stem}-", suffix=f".{ending}", dir=call.settings.temporary
        )
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
    except OSError as error:
        raise WorldFailed(
            f"a report cannot be written to {call.settings.temporary}: {error.strerror}",
            hint="RUNNER_TEMP must name a folder that can be written, on a disk with some space",
            code="report",
        ) from error
    return path


def folder(call: Call) -> Path:
    """The input ``working-directory``, which must lie in the workspace."""
    asked = call.inputs.texts["working-directory"] or "."
    found = (call.settings.workspace / asked).resolve()
    if not found.is_dir() or not found.is_relative_to(call.settings.workspace.resolve()):
        raise Misused(
            f"the input `working-directory` is {asked!r}, and the workspace has no such folder",
            hint="name a folder of the checked-out repository, and check that a step before this one checks it out",
            code="input",
        )
    return found


def _secrets(module: Action, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every text that must not be read in a log: the secret inputs, and the form in which git sends one."""
    given = [environ.get(entry.variable, "").strip() for entry in module.INPUTS if entry.secret]
    return tuple(form for value in given if value for form in hidden(value))


def _inner(module: Action, world: World) -> World:
    """The world that verbs see: without the inputs of the Action, so that no secret is handed on by accident."""
    ours = {entry.variable for entry in module.INPUTS}
    return world._replace(environ={name: value for name, value in world.environ.items() if name not in ours})


def _tell(module: Action, outcome: Outcome, settings: Settings, world: World) -> int:
    for line in outcome.annotations:
        world.print(line)
    world.out.flush()
    values = {name: outcome.outputs.get(name, "") for name in module.OUTPUTS}
    try:
        outputs.write(values, settings.output)
        outputs.summarise(outcome.summary, settings.summary)
    except OSError as error:
        hint = "GITHUB_OUTPUT and GITHUB_STEP_SUMMARY must name files that can be written"
        world.print(commands.annotation("error", f"{error.strerror}. What to do: {hint}", title="mlops-gitops"))
        return WorldFailed.exit_code
    return outcome.exit_code
