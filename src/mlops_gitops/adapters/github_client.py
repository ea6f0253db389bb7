"""One connection to GitHub's API, through PyGithub, with its habits tamed.

* **No long silence.**  PyGithub sleeps between requests, repeats ten times and waits an hour for a rate limit.  Here a
  request is repeated three times at most, with pauses that GitHub asks for if they are short and that add up to
  ``PATIENCE`` seconds; a longer one is a failure that says until when.
* **What may have been done is not done again.**  A read, or a write that is the same when made twice, is repeated after
  any passing trouble; another write only where GitHub surely did nothing.  Else the caller judges by reading.
* **The token is in no message**, no ``repr`` and no log.

``read`` raises; ``write`` returns a ``Rejection`` instead, so that no caller forgets to judge.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_gitops import __version__
from mlops_gitops.adapters import github_failures
from mlops_gitops.adapters.github_address import Address
from mlops_gitops.adapters.github_failures import Purpose, Trouble
from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.records import record

if TYPE_CHECKING:
    from github.Requester import Requester

TIMEOUT = 20
"""Seconds without a byte."""
ATTEMPTS = 4
PATIENCE = 45.0
"""The longest sum of pauses within one call, in seconds."""


@record
class Rejection:
    """A write without a good answer.

    ``certain``: it was not done.  ``failure`` is what to raise when nothing better is known.
    """

    failure: Failure
    status: int
    certain: bool


class Client:
    """GitHub's API for one repository."""

    def __init__(
        self,
        address: Address,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        note: Callable[[str], None] = lambda _: None,
        timeout: int = TIMEOUT,
    ) -> None:
        """``note`` is told of every pause."""
        self.address, self.repository = address, address.repository
        self.node: str | None = None  # the id that GraphQL has for it, once an answer has told
        self._where, self._graphql, self._token = address.api, address.graphql, address.token
        self._sleep, self._now, self._note = sleep, now, note
        self._lock = threading.Lock()  # PyGithub keeps the request that it makes in the connection
        self._timeout = timeout
        self._opened: Requester | None = None

    def __repr__(self) -> str:
        return f"Client({self.repository!r} at {self._where!r})"

    def read(self, path: str, purpose: Purpose, **parameters: str) -> Any:
        """A document of the REST API.  Raises ``WorldFailed``."""
        return self._certain(lambda: self._rest("GET", path, parameters=parameters), purpose)

    def pages(self, path: str, purpose: Purpose) -> Iterator[Any]:
        """Every entry of a list of the REST API, page by page.  Raises ``WorldFailed``."""
        page, size = 1, 100
        while True:
            found = self.read(path, purpose, per_page=str(size), page=str(page))
            with understood(purpose):
                yield from _listed(found)
            if len(found) < size:
                return
            page += 1

    def write(
        self, method: str, path: str, purpose: Purpose, *, body: Mapping[str, Any] | None = None, same: bool = False
    ) -> Any | Rejection:
        """Change something through the REST API.  ``same``: making the change twice is the same as once."""
        return self._asked(lambda: self._rest(method, path, body=body), purpose, repeatable=same)

    def query(self, text: str, purpose: Purpose, **variables: Any) -> dict[str, Any]:
        """The ``data`` of a GraphQL query.  Raises ``WorldFailed``."""
        found: dict[str, Any] = self._certain(lambda: self._graph(text, variables), purpose)
        return found

    def mutate(self, text: str, purpose: Purpose, **variables: Any) -> dict[str, Any] | Rejection:
        """The ``data`` of a GraphQL mutation."""
        found: dict[str, Any] | Rejection = self._asked(lambda: self._graph(text, variables), purpose, repeatable=False)
        return found

    @property
    def _requester(self) -> Requester:
        """PyGithub's connection; it takes a third of a second to import, and reading needs it never."""
        if self._opened is None:
            from github import Auth, Github

            self._opened = Github(
                auth=Auth.Token(self._token),
                base_url=self._where,
                timeout=self._timeout,
                user_agent=f"mlops-gitops/{__version__}",
                retry=0,
                seconds_between_requests=None,
                seconds_between_writes=None,
            ).requester
        return self._opened

    def pause(self, seconds: float) -> None:
        """Wait a moment, because GitHub needs one."""
        self._sleep(seconds)

    def _certain(self, send: Callable[[], Any], purpose: Purpose) -> Any:
        found = self._asked(send, purpose, repeatable=True)
        if isinstance(found, Rejection):
            raise found.failure
        return found

    def _asked(self, send: Callable[[], Any], purpose: Purpose, *, repeatable: bool) -> Any:
        waited = 0.0
        for attempt in range(1, ATTEMPTS + 1):
            found = self._sent(send)
            if not isinstance(found, Trouble):
                return found
            wait = found.wait(self._now()) or 2.0 ** (attempt - 1)
            again = found.passing and (repeatable or found.certain)
            if not again or attempt == ATTEMPTS or waited + wait > PATIENCE:
                break
            self._note(f"GitHub could not {purpose.doing} yet; trying again in {wait:.0f} seconds")
            self._sleep(wait)
            waited += wait
        failure = github_failures.failure(found, purpose, where=self._where, now=self._now())
        return Rejection(failure, found.status, found.certain)

    def _sent(self, send: Callable[[], Any]) -> Any:
        """One request, and its answer or its trouble."""
        import requests
        from github import GithubException

        try:
            with self._lock:
                return send()
        except GithubException as error:
            headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
            found = github_failures.of_answer(error.status, error.data, headers)
        except _Errors as error:
            found = error.trouble
        except requests.ConnectionError as error:
            found = Trouble(0, _plain(error), certain=_never_sent(error), passing=True)
        except (requests.RequestException, ValueError, AttributeError) as error:  # too late, broken off, or no JSON
            found = Trouble(0, _plain(error), certain=False, passing=True)
        except (AssertionError, RuntimeError) as error:  # PyGithub follows nobody to another host
            found = Trouble(0, f"GitHub sent us elsewhere: {error}", certain=True)
        said = found.said.replace(self._token, "***")
        return Trouble(found.status, said, found.headers, certain=found.certain, passing=found.passing)

    def _rest(
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: Any | None = None
    ) -> Any:
        asked = dict(parameters or {})
        headers, data = self._requester.requestJsonAndCheck(method, path, parameters=asked, input=body)
        return _json(data, headers)

    def _graph(self, text: str, variables: Mapping[str, Any]) -> Any:
        body = {"query": text, "variables": dict(variables)}
        headers, answer = self._requester.requestJsonAndCheck("POST", self._graphql, input=body)
        answer = _json(answer, headers)
        if not isinstance(answer, dict) or ("data" not in answer and "errors" not in answer):
            raise ValueError("the answer is no answer of GraphQL")
        if answer.get("errors") and not _only_absent(answer):
            raise _Errors(github_failures.of_errors(answer["errors"], headers))
        return answer["data"]


class _Errors(Exception):
    """GraphQL answered 200, and errors."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.said)
        self.trouble = trouble


@contextmanager
def understood(purpose: Purpose) -> Iterator[None]:
    """Reading a document of GitHub's; one of another shape is ``WorldFailed``, and not a bug."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise WorldFailed(
            f"could not {purpose.doing}: GitHub's answer has another shape than documented ({type(error).__name__})",
            hint="run the command again; if it stays so, report it with the version of your GitHub Enterprise Server",
            code="github-answer",
        ) from error


def _json(data: Any, headers: Mapping[str, Any]) -> Any:
    """``data``, unless it is a page that somebody put between: PyGithub hands text on as ``{"data": text}``."""
    kind = str(headers.get("content-type", "json"))
    if (
        isinstance(data, dict)
        and set(data) <= {"data", "url"}
        and isinstance(data.get("data"), str)
        and "json" not in kind
    ):
        raise ValueError(f"the answer is no JSON but {data['data'][:80]!r}")
    return data


def _only_absent(answer: Mapping[str, Any]) -> bool:
    """Whether the repository was found, and what is an error is that something in it was not; there stands a null."""
    data, errors = answer.get("data"), answer["errors"]
    found = isinstance(data, dict) and isinstance(data.get("repository"), dict) and isinstance(errors, list)
    return found and all(isinstance(one, dict) and one.get("type") == "NOT_FOUND" for one in errors)


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("no list")
    return found


def _plain(error: Exception) -> str:
    """The reason at the bottom, without the object addresses that ``requests`` puts around it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(reason or error)
    return text.rsplit(">: ", 1)[-1]


def _never_sent(error: Exception) -> bool:
    """Whether no connection was made at all, so that GitHub cannot have seen the request."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
