"""One run of one Action, from environment to exit code.

The order is the promise: secrets are masked before anything is read or said; outputs are written however it ends, so
that a later ``if: always()`` step always finds a ``result``; what the verb and its programs print is never obeyed.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from mlops_gitops import __version__
from mlops_gitops.actions import access, commands, inputs, keeping, outputs, telling
from mlops_gitops.actions.declaration import REPORT, SARIF, Action, Answer, Call
from mlops_gitops.actions.events import read as read_event
from mlops_gitops.actions.inputs import Settings
from mlops_gitops.actions.telling import Outcome
from mlops_gitops.cli.main import main as command_line
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_BUG, Failure, Misused, WorldFailed
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.result import Result

ACTIONS = (
    *("plan", "validate", "test", "reproduce", "build", "gate"),
    *("release", "promote", "reconcile", "rollback", "verify", "report"),
)


def action(name: str) -> Action:
    """The declaration of one Action."""
    return cast("Action", importlib.import_module(f"mlops_gitops.actions.declared.{name}").ACTION)


def run(name: str, world: World) -> int:
    """Run the Action ``name`` and return the exit code of its step."""
    declared = action(name)
    commands.mask(_secrets(declared, world.environ), world.out)
    settings = Settings.of(world.environ, world.cwd)
    try:
        outcome = _performed(declared, settings, world)
    except Failure as failure:
        outcome = telling.stopped(name, failure)
    except Exception:  # noqa: BLE001 - a bug must not leave later steps without a result
        import traceback

        with commands.stopped(world.out, world.err):
            world.print(traceback.format_exc())
        hint = "please report it at https://github.com/mlops-gitops/mlops-gitops/issues with the lines of the log above"
        outcome = telling.failed(name, f"a bug in mlops-gitops {__version__}", hint, exit_code=EXIT_BUG)
    return _tell(declared, outcome, settings, world)


def _performed(declared: Action, settings: Settings, world: World) -> Outcome:
    call = Call(
        inputs=inputs.read(declared.inputs, world.environ),
        event=read_event(settings),
        settings=settings,
        world=_inner(declared, world),
    )
    if call.event.fork and declared.needs_secrets:
        return telling.skipped(declared)
    call = call._replace(world=call.world._replace(folder=folder(call)))
    extra = access.environ(declared, call)
    words = [declared.name, *inputs.words(declared.inputs, call.inputs, dry=call.dry), *declared.prepare(call)]
    call = call._replace(words=(*words, *access.words(declared, call)))
    if settings.debug:
        _debug(call)
    outcome = telling.outcome(declared, _asked(call, extra=extra), call)
    return outcome._replace(document={**outcome.document, "judged": _judged(call)}) if outcome.document else outcome


def _asked(call: Call, *, extra: Mapping[str, str]) -> Answer:
    """Run one verb with ``--format json`` in this process; ``extra`` is added to the environment it sees."""
    heard = io.StringIO()
    world = call.world._replace(out=heard, environ={**call.world.environ, **extra})
    with commands.stopped(call.world.out, call.world.err):
        code = command_line([call.words[0], "--format", "json", *call.words[1:]], world)
    try:
        document = json.loads(heard.getvalue())
    except ValueError:
        document = {}
    return Answer(exit_code=code, document=document if isinstance(document, dict) else {})


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


def _debug(call: Call) -> None:
    """For a run that was started again with debug logging: what is run, and where.  No secret is among the words."""
    import platform

    event = call.event
    facts = {
        "version": f"mlops-gitops {__version__}, Python {platform.python_version()}",
        "event": f"{event.name}, fork: {event.fork}, base: {event.base or '-'}, head: {event.head or '-'}",
        "folder": str(call.world.folder),
        "command": json.dumps(["mlops-gitops", *call.words]),
    }
    for name, value in facts.items():
        call.world.print(commands.debug(f"{name}: {value}"))


def _secrets(declared: Action, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every text that must not be read in a log: the secret inputs, and the form in which git sends one."""
    names = [entry.variable for entry in declared.inputs if entry.secret]
    given = [environ.get(name, "").strip() for name in (*names, *(["GITHUB_TOKEN"] if declared.shows_token else []))]
    if not any(given):
        return ()
    from mlops_gitops.adapters.git_credentials import hidden

    return tuple(form for value in given if value for form in hidden(value))


def _inner(declared: Action, world: World) -> World:
    """The world that verbs see: without the inputs of the Action, so that no secret is handed on by accident."""
    ours = {entry.variable for entry in declared.inputs}
    return world._replace(environ={name: value for name, value in world.environ.items() if name not in ours})


def _judged(call: Call) -> dict[str, object]:
    """What a report is about, so that one of another run or head is not taken for it."""
    settings, event = call.settings, call.event
    run = f"{settings.run}.{settings.attempt}" if settings.run and settings.attempt else None
    return {
        "repository": settings.repository or None,
        "pullRequest": event.pull_request or None,
        "head": event.head or None,
        "run": run,
    }


def _kept(declared: Action, outcome: Outcome, settings: Settings) -> dict[str, str]:
    """The files for later steps, by output.  Raises ``WorldFailed``."""
    from mlops_gitops.reporting import sarif

    answered = outcome.outputs.get("result") != telling.ERROR
    marks = tuple(one for one in outcome.marks if _inside(one.location.file))
    notes = [*outcome.notes, *(inert(one.message) for one in outcome.marks if one not in marks)]
    told = sarif.render(Result(marks, 0), notes=notes, answered=answered)
    files = {SARIF.name: keeping.file(f"{declared.name}.sarif", told, settings)}
    if outcome.document:
        document = json.dumps(outcome.document, indent=2)
        files[REPORT.name] = keeping.file(f"{declared.name}.json", document, settings)
    return files


def _inside(file: str) -> bool:
    """Whether this is a path within a repository: code scanning takes no other."""
    return not file.startswith("/") and ".." not in file.split("/")


def _tell(declared: Action, outcome: Outcome, settings: Settings, world: World) -> int:
    files: dict[str, str] = {}
    try:
        files = _kept(declared, outcome, settings)
    except WorldFailed as failure:  # what the verb did is done, and a failure of its own says more than this one
        outcome = outcome if outcome.exit_code else telling.stopped(declared.name, failure)
    found = {one.name: {**outcome.outputs, **files}.get(one.name, "") for one in declared.outputs}
    values, large = outputs.fitting(found)
    for line in outcome.annotations:
        world.print(line)
    for name in large:
        text = f"the output `{name}` is larger than GitHub takes, and is left empty; all of it is in `report-path`"
        world.print(commands.annotation("warning", text, title=f"mlops-gitops {declared.name}"))
    world.out.flush()
    try:
        outputs.write(values, settings.output)
        outputs.summarise(outcome.summary, settings.summary)
    except OSError as error:
        hint = "GITHUB_OUTPUT and GITHUB_STEP_SUMMARY must name files that can be written"
        world.print(commands.annotation("error", f"{error.strerror}. What to do: {hint}", title="mlops-gitops"))
        return WorldFailed.exit_code
    return outcome.exit_code
