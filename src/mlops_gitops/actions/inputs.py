"""Everything that an Action reads from its environment, in two records: what the runner sets, and its inputs.

GitHub gives a composite Action no ``INPUT_…`` variables, does not enforce ``required``, and knows no types, so each
``action.yml`` hands its inputs over as ``MG_…`` and they are checked here, with a message that says how to fix them.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        )


class Kind(Enum):
    """The types of inputs."""

    TEXT = "text"
    FLAG = "true or false"
    LINES = "one path a line"
    CHOICE = "one of a few words"


class Input(NamedTuple):
    """One input of an Action, as its contract knows it."""

    name: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that ``action.yml`` hands it over in."""
        return "MG_" + self.name.upper().replace("-", "_")


class Inputs(NamedTuple):
    """The checked inputs of one run, by name."""

    texts: Mapping[str, str]
    flags: Mapping[str, bool]
    lines: Mapping[str, tuple[str, ...]]


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
        else:
            texts[entry.name] = _choice(entry, value) if entry.choices else _argument(entry, value)
    return Inputs(texts=texts, flags=flags, lines=lines)


def _flag(entry: Input, value: str) -> bool:
    if value not in {"", "true", "false"}:
        raise _wrong(entry, value, "true or false, without quotes around quotes")
    return value == "true"


def _choice(entry: Input, value: str) -> str:
    if value and value not in entry.choices:
        raise _wrong(entry, value, "one of " + ", ".join(entry.choices))
    return value or entry.choices[0]


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
