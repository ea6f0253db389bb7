"""The event that started a workflow: which kind, and whether it came from a fork."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from mlops_gitops.actions.inputs import Settings
from mlops_gitops.errors import Misused

EXPECTED = {
    "pull_request": "pull_request.head.sha",
    "push": "after",
    "merge_group": "merge_group.head_sha",
    "workflow_dispatch": "",
    "schedule": "",
}
"""The events that the Actions are made for, and the field without which the payload is not one of that kind."""

PAYLOAD_BYTES = 25 * 1024 * 1024
"""GitHub sends no payload larger than this."""


class Event(NamedTuple):
    """What an Action may know of the event."""

    name: str
    fork: bool = False
    """Whether the code is a fork's: no secret is at hand, and nothing may be written.

    GitHub treats what Dependabot starts as if it came from a fork.
    """


def read(settings: Settings) -> Event:
    """The event of this run.  Raises ``Misused`` with one line that says what was expected."""
    name = settings.event_name
    if name == "pull_request_target":
        raise _unexpected(
            "pull_request_target gives a fork's code the secrets of this repository",
            hint="start the workflow with `on: pull_request`; a fork's pull request needs no secret here",
        )
    if name not in EXPECTED:
        raise _unexpected(
            f"GITHUB_EVENT_NAME is {name[:80]!r}", hint="start the workflow with one of " + ", ".join(EXPECTED)
        )
    payload = _payload(settings)
    if EXPECTED[name] and not isinstance(_at(payload, EXPECTED[name]), str):
        raise _unexpected(
            f"the payload of {name} in GITHUB_EVENT_PATH has no {EXPECTED[name]}",
            hint=f"the file must be the {name} payload as GitHub sends it",
        )
    fork = name == "pull_request" and (settings.actor == "dependabot[bot]" or _is_fork(payload))
    return Event(name=name, fork=fork)


def _payload(settings: Settings) -> dict[str, Any]:
    hint = f"GITHUB_EVENT_PATH must name the JSON payload of {settings.event_name}"
    if settings.event_path is None:
        raise _unexpected("GITHUB_EVENT_PATH is not set", hint=hint)
    try:
        with settings.event_path.open("rb") as handle:
            text = handle.read(PAYLOAD_BYTES + 1)
        payload = json.loads(text)
    except OSError as error:
        raise _unexpected(f"the event payload cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise _unexpected("the event payload is not whole JSON", hint=hint) from error
    if not isinstance(payload, dict):
        raise _unexpected("the event payload is no JSON object", hint=hint)
    return payload


def _is_fork(payload: dict[str, Any]) -> bool:
    """A head without a repository is a fork that was deleted."""
    head, base = (_at(payload, f"pull_request.{side}.repo.full_name") for side in ("head", "base"))
    return head is None or head != base


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _unexpected(message: str, *, hint: str) -> Misused:
    return Misused(message, hint=hint, code="event")
