"""The event that started a workflow: which kind, whether it came from a fork, and between which commits it stands."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from mlops_gitops.actions.inputs import Settings
from mlops_gitops.errors import Misused

EXPECTED = {
    "pull_request": "pull_request.head.sha",
    "pull_request_review": "pull_request.head.sha",
    "push": "after",
    "merge_group": "merge_group.head_sha",
    "workflow_dispatch": "",
    "schedule": "",
}
"""The events that the Actions are made for, and the field without which the payload is not one of that kind."""

BASES = {
    "pull_request": "pull_request.base.sha",
    "pull_request_review": "pull_request.base.sha",
    "push": "before",
    "merge_group": "merge_group.base_sha",
}
"""Where the payload has the commit that the change is measured from."""

PAYLOAD_BYTES = 25 * 1024 * 1024
"""GitHub sends no payload larger than this."""


class Event(NamedTuple):
    """What an Action may know of the event.  Commits are hexadecimal and never anything else; empty where unknown."""

    name: str
    fork: bool = False
    """Whether the code is a fork's: no secret is at hand, and nothing may be written.

    GitHub treats what Dependabot starts as if it came from a fork.
    """
    base: str = ""
    head: str = ""
    pull_request: int = 0
    """The number of the pull request; of the last one of a merge group; 0 where there is none."""

    @property
    def reviewed(self) -> bool:
        """Whether it is about one pull request, which GitHub checks out as its merge with the base."""
        return self.name in {"pull_request", "pull_request_review"}


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
    event = Event(name, base=_commit(payload, BASES.get(name, "")), head=_commit(payload, EXPECTED[name]))
    if event.reviewed:
        fork = settings.actor == "dependabot[bot]" or _is_fork(payload)
        return event._replace(fork=fork, pull_request=_number(_at(payload, "pull_request.number")))
    return event._replace(pull_request=_queued(payload)) if name == "merge_group" else event


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


def _commit(payload: dict[str, Any], path: str) -> str:
    """A commit of the payload; zeros, with which GitHub says that there is none, are none."""
    found = _at(payload, path)
    text = found if isinstance(found, str) and re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", found) else ""
    return text if text.strip("0") else ""


def _queued(payload: dict[str, Any]) -> int:
    """The pull request that a merge group was made for: its branch is named ``…/pr-7-`` and the commit it stands on."""
    branch = _at(payload, "merge_group.head_ref")
    found = re.search(r"/pr-([1-9][0-9]{0,8})-[0-9a-f]{40,64}\Z", branch) if isinstance(branch, str) else None
    return int(found[1]) if found else 0


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _unexpected(message: str, *, hint: str) -> Misused:
    return Misused(message, hint=hint, code="event")
