"""Everything that an Action reads from its environment, in two records: what the runner sets, and its inputs.

GitHub gives a composite Action no ``INPUT_…`` variables, does not enforce ``required``, and knows no types, so each
``action.yml`` hands its inputs over as ``MG_INPUT_…`` and they are checked here, with a message that says how to fix
them.  An input that is not given is handed over empty, so none has the name of a variable that a verb reads: it would
hide what a workflow sets for all of its steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from mlops_gitops.errors import Misused


class Settings(NamedTuple):
    """What the runner sets.  A path is ``None`` where the runner names none."""

    event_name: str
    event_path: Path | None
    workspace: Path
    temporary: Path
    output: Path | None
    summary: Path | None
    actor: str
    server: str = ""
    repository: str = ""
    run: str = ""
    attempt: str = ""
    debug: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str], cwd: Path) -> Settings:
        """The settings of this run."""

        def path(name: str) -> Path | None:
            return Path(environ[name]) if environ.get(name) else None

        return cls(
            event_name=environ.get("GITHUB_EVENT_NAME", ""),
            event_path=path("GITHUB_EVENT_PATH"),
            workspace=path("GITHUB_WORKSPACE") or cwd,
            temporary=path("RUNNER_TEMP") or cwd,
            output=path("GITHUB_OUTPUT"),
            summary=path("GITHUB_STEP_SUMMARY"),
            actor=environ.get("GITHUB_ACTOR", ""),
            server=environ.get("GITHUB_SERVER_URL", ""),
            repository=environ.get("GITHUB_REPOSITORY", ""),
            run=_digits(environ.get("GITHUB_RUN_ID", "")),
            attempt=_digits(environ.get("GITHUB_RUN_ATTEMPT", "")),
            debug=environ.get("RUNNER_DEBUG") == "1",
        )

    @property
    def home(self) -> str:
        """The https URL of the repository that the workflow runs in; empty where the runner does not say."""
        return f"{self.server.rstrip('/')}/{self.repository}.git" if self.server and self.repository else ""


def _digits(text: str) -> str:
    return text if re.fullmatch("[0-9]{1,18}", text, re.ASCII) else ""


class Kind(Enum):
    """The types of inputs."""

    TEXT = "text"
    FLAG = "true or false"
    LINES = "one a line"
    NUMBER = "a whole number"


class Input(NamedTuple):
    """One input of an Action, as its contract knows it.

    ``argument`` is where it stands in the command line: an option, ``""`` for a word of its own, ``None`` for what the
    Action reads itself.  What ``changes`` something is left out of a dry run, and of what a fork's pull request starts.
    """

    name: str
    argument: str | None = None
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    secret: bool = False
    changes: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that ``action.yml`` hands it over in."""
        return "MG_INPUT_" + self.name.upper().replace("-", "_")


class Inputs(NamedTuple):
    """The checked inputs of one run, by name."""

    texts: Mapping[str, str]
    flags: Mapping[str, bool]
    lines: Mapping[str, tuple[str, ...]]

    def __contains__(self, name: object) -> bool:
        """Whether an input was given and says something."""
        return bool(self.texts.get(str(name)) or self.flags.get(str(name)) or self.lines.get(str(name)))


def read(contract: tuple[Input, ...], environ: Mapping[str, str]) -> Inputs:
    """Check every input of ``contract``.  Raises ``Misused``, naming the input and what it may be."""
    texts: dict[str, str] = {}
    flags: dict[str, bool] = {}
    lines: dict[str, tuple[str, ...]] = {}
    for entry in contract:
        value = environ.get(entry.variable, "").strip()
        if entry.kind is Kind.FLAG:
            flags[entry.name] = _flag(entry, value)
        elif entry.kind is Kind.LINES:
            lines[entry.name] = tuple(_argument(entry, line.strip()) for line in value.splitlines() if line.strip())
        elif entry.secret:
            texts[entry.name] = value
        elif entry.kind is Kind.NUMBER:
            texts[entry.name] = _number(entry, value)
        else:
            texts[entry.name] = _choice(entry, value) if entry.choices else _argument(entry, value)
    return Inputs(texts=texts, flags=flags, lines=lines)


def words(contract: tuple[Input, ...], inputs: Inputs, *, dry: bool) -> list[str]:
    """The words of a command line that these inputs stand for: first those without an option.

    ``dry`` leaves out what would change something.
    """
    used = [one for one in contract if one.argument is not None and not (dry and one.changes)]
    first = [word for one in used if one.argument == "" for word in _words(one, inputs)]
    return first + [word for one in used if one.argument for word in _words(one, inputs)]


def _words(entry: Input, inputs: Inputs) -> Iterator[str]:
    option = [entry.argument] if entry.argument else []
    if entry.kind is Kind.FLAG:
        yield from option if inputs.flags[entry.name] else []
    elif entry.kind is Kind.LINES:
        for line in inputs.lines[entry.name]:
            yield from [*option, line]
    elif inputs.texts[entry.name]:
        yield from [*option, inputs.texts[entry.name]]


def _flag(entry: Input, value: str) -> bool:
    if value not in {"", "true", "false"}:
        raise _wrong(entry, value, "true or false, without quotes around quotes")
    return value == "true"


def _choice(entry: Input, value: str) -> str:
    if value and value not in entry.choices:
        raise _wrong(entry, value, "one of " + ", ".join(entry.choices))
    return value or entry.choices[0]


def _number(entry: Input, value: str) -> str:
    if value and not re.fullmatch("[1-9][0-9]{0,8}", value):
        raise _wrong(entry, value, "a whole number such as 7")
    return value


def _argument(entry: Input, value: str) -> str:
    """A word of a command line that cannot be taken for an option."""
    if value.startswith("-"):
        raise _wrong(entry, value, "a value that does not start with -; write ./ in front of such a path")
    if any(not letter.isprintable() for letter in value):
        raise _wrong(entry, value, "one line of printable text")
    return value


def _wrong(entry: Input, value: str, wanted: str) -> Misused:
    return Misused(
        f"the input `{entry.name}` is {value[:80]!r}",
        hint=f"under `with:`, give `{entry.name}` {wanted}",
        code="input",
    )


def contradiction(message: str, hint: str) -> Misused:
    """Inputs that are each right and do not go together."""
    return Misused(message, hint=f"under `with:`, {hint}", code="input")
