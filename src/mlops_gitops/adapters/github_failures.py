"""What GitHub's refusals mean, and what a person can do about each; pure.

GitHub's words are somebody else's: they are shown on one line, cut, without control characters, and never interpreted.
Decisions are made from the status, the headers and the ``type`` of a GraphQL error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from mlops_gitops import times
from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.records import record
from mlops_gitops.reporting.inert import inert

SHOWN = 300
_STATUSES = {
    "NOT_FOUND": 404,
    "FORBIDDEN": 403,
    "INSUFFICIENT_SCOPES": 403,
    "RATE_LIMITED": 429,
    "RATE_LIMIT": 429,
    "STALE_DATA": 409,
    "UNPROCESSABLE": 422,
    "SERVICE_UNAVAILABLE": 503,
    "INTERNAL": 500,
}
_LIMITS = ("rate limit", "please wait a few minutes before you try again", "please retry your request again later")


@record
class Purpose:
    """What was tried, in words, and the permission that it takes."""

    doing: str
    permission: str


@record
class Trouble:
    """One answer that was none: ``status`` is 0 where nothing came back.

    ``certain``: GitHub has not done what it was asked, so that asking again does it once.  ``passing``: the same
    request can succeed later.
    """

    status: int
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)
    certain: bool = True
    passing: bool = False

    @property
    def limited(self) -> bool:
        """Whether this is a rate limit, primary or secondary."""
        if self.status not in {403, 429}:
            return False
        spent = self.headers.get("x-ratelimit-remaining") == "0"
        return self.status == 429 or spent or "retry-after" in self.headers or _is_limit(self.said)  # noqa: PLR2004

    def wait(self, now: datetime) -> float | None:
        """For how many seconds GitHub asks to be left alone, if it says."""
        asked, reset = self.headers.get("retry-after", ""), self.headers.get("x-ratelimit-reset", "")
        if asked.isascii() and asked.isdigit():
            return float(asked)
        if self.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
            return max(0.0, int(reset) - now.timestamp()) + 1
        return None


def of_answer(status: int, document: Any, headers: Mapping[str, str]) -> Trouble:
    """Trouble from a REST answer of 400 or more."""
    said = _said(document)
    found = Trouble(status, said, headers)
    if found.limited:
        return Trouble(status, said, headers, certain=True, passing=True)
    broken = status >= 500  # noqa: PLR2004 - the class of statuses
    return Trouble(status, said, headers, certain=not broken, passing=broken)


def of_errors(errors: Any, headers: Mapping[str, str]) -> Trouble:
    """Trouble from the ``errors`` of a GraphQL answer, which comes with status 200."""
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said, kind = str(first.get("message", "")), str(first.get("type", ""))
    if kind in _STATUSES:
        return of_answer(_STATUSES[kind], {"message": said}, headers)
    if _is_limit(said):
        return of_answer(429, {"message": said}, headers)
    if said.startswith("Something went wrong while executing your query"):  # GitHub's words for its own timeout
        return of_answer(502, {"message": said}, headers)
    return of_answer(400, {"message": said}, headers)


def failure(trouble: Trouble, purpose: Purpose, *, where: str, now: datetime) -> Failure:
    """The trouble as an error that a person can act on."""
    tried = f"could not {purpose.doing} at {where}"
    told = f"GitHub answered {trouble.status}" if trouble.status else "no answer came"
    message = f"{tried}; {told}: {shown(trouble.said) or 'without a word'}"
    if trouble.limited:
        wait = trouble.wait(now)
        until = f", until {_clock(now, wait)}" if wait is not None else ""
        return WorldFailed(
            message,
            hint=f"the token's rate limit is used up{until}; run the command again then, or give a token of its own",
            code="github-rate-limit",
        )
    if trouble.status == 401:  # noqa: PLR2004 - HTTP's statuses are read best as numbers
        return WorldFailed(
            message,
            hint="the token is expired, revoked or mistyped: set another in MG_GITHUB_TOKEN",
            code="github-token",
            retry=False,
        )
    if "x-github-sso" in trouble.headers:
        return WorldFailed(
            message,
            hint="the organisation demands single sign-on: authorise this token for it, under Settings, Developer "
            "settings, Personal access tokens, Configure SSO",
            code="github-sso",
            retry=False,
        )
    if trouble.status == 403:  # noqa: PLR2004
        return WorldFailed(
            message,
            hint=f"the token needs the permission `{_permission(trouble, purpose)}` here; in a workflow, under "
            "`permissions:`. GITHUB_TOKEN may open pull requests only where the settings of the repository allow it",
            code="github-denied",
            retry=False,
        )
    if trouble.status == 404:  # noqa: PLR2004
        return WorldFailed(
            message,
            hint="check the URL of the environment repository; GitHub answers the same where the App is not installed "
            f"on it, or the token may not see it (it needs `{purpose.permission}`)",
            code="github-not-found",
            retry=False,
        )
    if trouble.passing:
        return WorldFailed(
            message,
            hint="check the network and https://www.githubstatus.com, then run the command again; it is safe to",
            code="github-unreachable",
        )
    if trouble.status == 409:  # noqa: PLR2004
        return WorldFailed(
            message, hint="something moved meanwhile; run the command again", code="github-conflict", retry=True
        )
    return WorldFailed(
        message,
        hint="see what GitHub says; a rule of the repository may forbid it, or a GitHub Enterprise Server may be too "
        "old (3.16 is known to do)",
        code="github-refused",
        retry=False,
    )


def shown(text: str) -> str:
    """What GitHub says, on one line that cannot do anything."""
    line = inert(" ".join(text.split()))
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _said(document: Any) -> str:
    if not isinstance(document, dict):
        return str(document or "")
    said = [str(document.get("message") or document.get("data") or "")]
    errors = document.get("errors")
    said += [
        str(one.get("message") or one.get("code") or "") if isinstance(one, dict) else str(one)
        for one in (errors if isinstance(errors, list) else [])
    ]
    return ": ".join(dict.fromkeys(part for part in said if part))


def _is_limit(said: str) -> bool:
    return any(words in said.lower() for words in _LIMITS)


def _permission(trouble: Trouble, purpose: Purpose) -> str:
    """GitHub's own word on what was missing, where it says."""
    told = trouble.headers.get("x-accepted-github-permissions", "")
    return shown(told.replace("=", ": ").replace("_", "-")) or purpose.permission


def _clock(now: datetime, wait: float) -> str:
    return times.format_instant(datetime.fromtimestamp(min(now.timestamp() + wait, 4102444800), UTC))
