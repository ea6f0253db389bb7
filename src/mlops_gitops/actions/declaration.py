"""An Action as data: which inputs become which words of the command line, which outputs come from where in its answer.

One runner (``run.py``) performs every Action by its declaration.  What is odd about one of them is a small function
beside its declaration, in the module of its name; nothing here decides anything about models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from mlops_gitops.actions.events import Event
from mlops_gitops.actions.inputs import Input, Inputs, Kind, Settings
from mlops_gitops.cli.world import World
from mlops_gitops.findings import Finding

Document = Mapping[str, Any]
"""What a verb prints with ``--format json``."""


class Call(NamedTuple):
    """What an Action is given: checked inputs, the event, and the world it may use."""

    inputs: Inputs
    event: Event
    settings: Settings
    world: World
    words: tuple[str, ...] = ()
    """The command line, once it is known."""

    @property
    def dry(self) -> bool:
        """Whether nothing may be changed: by a dry run, or because a fork's pull request has no secrets."""
        return self.event.fork or bool(self.inputs.flags.get("dry-run"))


class Answer(NamedTuple):
    """What a verb answered with ``--format json``."""

    exit_code: int
    document: dict[str, Any]

    @property
    def error(self) -> dict[str, Any] | None:
        """The failure that ended the verb, if one did."""
        found = self.document.get("error")
        return found if isinstance(found, dict) else None


class Take(Enum):
    """How a value of the answer becomes the text of an output."""

    TEXT = "as it is; empty for null"
    COUNT = "how many there are"
    JSON = "as JSON in one line"


class Output(NamedTuple):
    """One output: its name, and where it stands in the answer (dotted); ``""`` where the Action itself says it."""

    name: str
    path: str = ""
    take: Take = Take.TEXT

    def text(self, document: Document) -> str:
        """The output of this answer; empty where it has nothing to say of it."""
        found: Any = document
        for part in self.path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if self.take is Take.JSON:
            return json.dumps(found if self.path and found is not None else [])
        if self.take is Take.COUNT:
            return str(len(found)) if isinstance(found, list | dict) else "" if found is None else str(found)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and self.path else ""


RESULT, REPORT, SARIF = Output("result"), Output("report-path"), Output("sarif-path")
"""Outputs that the runner writes for every Action that names them."""


def nothing(_call: Call) -> list[str]:
    """No words but those of the inputs."""
    return []


class Action(NamedTuple):
    """One Action.  ``README.md`` and ``action.yml`` of its folder say the same to people and to GitHub.

    ``prepare`` gives the words that follow from more than one input or from the event, and raises ``Misused`` where the
    inputs contradict each other.  ``values`` gives outputs that are not simply there in the answer, ``reasons`` what a
    person has to read in an annotation, ``findings`` what has a line in a file of the repository.  ``judge`` gives
    ``result`` and exit code where these are not the verb's own.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    answers: str = "result"
    """Where the verb's word for the whole stands in its answer."""
    results: Mapping[str, str] = {}
    """The word of the Action for the verb's, where they differ."""
    needs_secrets: bool = False
    """A fork's pull request is told so and passes: it can do nothing here."""
    at_home: bool = False
    """The environment repository is the one that the workflow runs in, unless ``environments`` names another."""
    shows_token: bool = False
    """Reads the forge with the token that every workflow has, where no other is given."""
    prepare: Callable[[Call], list[str]] = nothing
    values: Callable[[Document, Call], Mapping[str, str]] | None = None
    reasons: Callable[[Document], list[str]] | None = None
    findings: Callable[[Document], tuple[Finding, ...]] | None = None
    marks: Callable[[Document], tuple[Finding, ...]] | None = None
    """What has a line of a file, from the root of its repository, and is for code scanning alone."""
    summary: Callable[[Document, str], str] | None = None
    page: Callable[[Call], str] | None = None
    """A whole summary in place of the usual one."""
    judge: Callable[[Answer, Call], tuple[str, int]] | None = None


WORKING_DIRECTORY = Input("working-directory")
DRY_RUN = Input("dry-run", "--dry-run", Kind.FLAG)
ALLOW_PENDING = Input("allow-pending", kind=Kind.FLAG)
ENVIRONMENTS = (Input("environments", "--environments"), Input("branch", "--branch"), Input("token", secret=True))
KEYS = (Input("signing-key", secret=True), Input("key"))
MODELS = Input("models", "", Kind.LINES)
MLFLOW = Input("mlflow", kind=Kind.FLAG)
