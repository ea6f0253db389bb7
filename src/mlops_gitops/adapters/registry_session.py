"""A conversation with one container registry over the OCI distribution API: requests, tokens, retries.

Promises: a request that got no answer, or 429 or 5xx, is tried again a few times, waiting as the registry asks; every
wait has an end; secrets go to the registry and to the token service that it names, which has to be reached by HTTPS
where the registry is; what a failure says never holds one.  Registries on this machine are spoken to by plain HTTP, as
container tools do; all others by HTTPS.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from mlops_gitops import __version__
from mlops_gitops.adapters.answer_heads import PunctualAdapter
from mlops_gitops.adapters.answer_limits import limited
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.adapters.registry_credentials import Credentials
from mlops_gitops.errors import Failure, Refused, WorldFailed
from mlops_gitops.packaging.image.references import HUB, is_local

ATTEMPTS = 4
_CONNECT, _READ = 15.0, 60.0
_LONGEST_WAIT = 20.0
_LARGEST_ANSWER = 8 << 20
_LONGEST_ANSWER = 120.0
"""Seconds until a small answer has to be whole, however it drips."""
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_PULL, _PUSH = "pull", "pull,push"

Waiting = Callable[[float], None]


@dataclass
class Session:
    """A registry, as whom it is asked, and the tokens it gave.  ``wait`` is how a pause is made."""

    registry: str
    credentials: Credentials | None = None
    writes: bool = False
    wait: Waiting = time.sleep
    web: requests.Session = field(default_factory=requests.Session, repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _punctual: PunctualAdapter = field(default_factory=lambda: PunctualAdapter(lambda: _LONGEST_ANSWER), repr=False)

    def __post_init__(self) -> None:
        """Say who asks; netrc files and the like are not read, since they would answer for any host."""
        self.web.headers.update({"User-Agent": f"mlops-gitops/{__version__}", "Accept-Encoding": "identity"})
        self.web.trust_env = not is_local(self.registry)
        self.web.auth = _unchanged
        for start in ("http://", "https://"):
            self.web.mount(start, self._punctual)

    @property
    def root(self) -> str:
        """Where the API starts."""
        host = "registry-1.docker.io" if self.registry == HUB else self.registry
        return f"{'http' if is_local(host) else 'https'}://{host}/v2/"

    def ask(
        self,
        method: str,
        path: str,
        *,
        repository: str,
        headers: Mapping[str, str] | None = None,
        data: Callable[[], Any] | None = None,
        stream: bool = False,
        repeat: bool = True,
        also: str | None = None,
    ) -> requests.Response:
        """One request, repeated where that can help; any answer but "come back later" and "who are you" is returned.

        ``path`` is below the root, or a whole address that the registry gave.  ``data`` makes the body anew for each
        attempt.  ``also`` is another repository that must be read for it.  Raises ``WorldFailed``.
        """
        address = urljoin(self.root, path)
        attempts = ATTEMPTS if repeat else 1
        for attempt in range(1, attempts + 1):
            try:
                answer = self._once(method, address, repository, headers, data, stream=stream, also=also)
            except requests.RequestException as error:
                if attempt == attempts:
                    raise self.unreachable(error) from error
                self.wait(_pause(attempt, None))
                continue
            if answer.status_code not in _AGAIN or attempt == attempts:
                return answer
            answer.close()
            self.wait(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("the last attempt answers or raises")

    def unreachable(self, error: Exception) -> WorldFailed:
        """The failure of a registry that does not answer."""
        return WorldFailed(
            f"the registry {self.registry} does not answer: {_reason(error)}",
            hint="look whether it runs and can be reached from here; then run the same command again",
            code="registry-unreachable",
        )

    def failed(self, answer: requests.Response, what: str) -> Failure:
        """The failure that an answer means."""
        told = _told(answer)
        if answer.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            who = "as the user that was given" if self.credentials else "without a user"
            return WorldFailed(
                f"the registry {self.registry} does not let us {what}, {who}: {told}",
                hint="log in (`docker login`), or set MG_REGISTRY_USER and MG_REGISTRY_PASSWORD, as somebody who may",
                code="registry-auth",
                retry=False,
            )
        if answer.status_code in _AGAIN:
            return WorldFailed(
                f"the registry {self.registry} could not {what}: {told}",
                hint="run the same command again; what was pushed already is not pushed again",
                code="registry",
            )
        return Refused(
            f"the registry {self.registry} refuses to {what}: {told}",
            hint="look at the registry's rules: names, quotas, types of content that it takes",
            code="registry-refused",
        )

    def _once(
        self,
        method: str,
        address: str,
        repository: str,
        headers: Mapping[str, str] | None,
        data: Callable[[], Any] | None,
        *,
        stream: bool,
        also: str | None,
    ) -> requests.Response:
        scope = f"repository:{repository}:{_PUSH if self.writes else _PULL}"
        if also is not None:
            scope = f"{scope} repository:{also}:{_PULL}"
        for last in (False, True):
            own = urlsplit(address).netloc == urlsplit(self.root).netloc
            proof = {"Authorization": self.tokens[scope]} if own and scope in self.tokens else {}
            body = data() if data is not None else None
            answer = self._answered(method, address, whole=not stream, headers={**(headers or {}), **proof}, data=body)
            if last or not own or answer.status_code != _UNAUTHORIZED or not self._authorized(answer, scope):
                return answer
            answer.close()
        raise AssertionError("the second answer is returned")

    def _answered(self, method: str, address: str, *, whole: bool, **named: Any) -> requests.Response:
        """One answer: all of it where it is ``whole`` or says no, else its head.  Neither takes for ever."""
        adapter = self._punctual
        adapter.late = False
        try:
            answer = self.web.request(method, address, stream=True, timeout=(_CONNECT, _READ), **named)
        except requests.RequestException:
            if not adapter.late:
                raise
        if adapter.late:  # half a head may look like a whole one
            raise slow(f"the head of an answer was not there after {_LONGEST_ANSWER:,.0f} s")
        if whole or not answer.ok:
            answer._content = content(answer)  # noqa: SLF001 - as requests keeps what it has read
        return answer

    def _authorized(self, answer: requests.Response, scope: str) -> bool:
        """Get what the challenge of an answer wants, if we can."""
        challenge = answer.headers.get("WWW-Authenticate", "")
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self.credentials is not None and not self.credentials.identity:
            self.tokens[scope] = _basic(self.credentials)
            return True
        if kind.lower() != "bearer":
            return False
        token = self._bought(dict(_PARAMETER.findall(rest)), scope)
        if token is not None:
            self.tokens[scope] = f"Bearer {token}"
        return token is not None

    def _bought(self, challenge: Mapping[str, str], scope: str) -> str | None:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme != "https" and not (is_local(self.registry) and is_local(urlsplit(realm).netloc)):
            return None
        wanted = {"service": challenge.get("service", ""), "scope": scope.split(" ")}
        who = self.credentials
        if who is not None and who.identity:
            form = {**wanted, "scope": scope, "grant_type": "refresh_token", "refresh_token": who.identity}
            answer = self._answered("POST", realm, whole=True, data={**form, "client_id": "mlops-gitops"})
        else:
            proof = {} if who is None else {"Authorization": _basic(who)}
            answer = self._answered("GET", realm, whole=True, params=wanted, headers=proof)
        try:
            said = answer.json() if answer.ok else {}
            token = said.get("token") or said.get("access_token")
        except (ValueError, AttributeError):
            return None
        return token if isinstance(token, str) and token.isprintable() else None


def content(answer: requests.Response, *, most: int = _LARGEST_ANSWER) -> bytes:
    """The body of a streamed answer that has to be small, and soon there.  Raises ``WorldFailed`` where it is not."""
    found = bytearray()
    try:
        with whole(answer, _LONGEST_ANSWER, "a document"):
            for chunk in answer.iter_content(1 << 16):
                found += chunk
                if len(found) > most:
                    raise WorldFailed(
                        f"the registry answers with more than {most} bytes where a document was asked for",
                        hint="look whether the address is that of a registry",
                        code="registry",
                    )
    except requests.RequestException as error:
        raise WorldFailed(
            f"an answer of the registry broke off: {_reason(error)}",
            hint="look whether it runs and can be reached from here; then run the same command again",
            code="registry-unreachable",
        ) from error
    return bytes(found)


@contextmanager
def whole(answer: requests.Response, seconds: float, what: str) -> Iterator[None]:
    """The block reads all of a streamed answer.  Raises ``WorldFailed`` where it drips for longer than ``seconds``."""
    with limited(seconds) as limit:
        limit.watch(answer)
        try:
            yield
        except requests.RequestException:
            if limit.up:
                raise slow(f"{what} was not there after {seconds:,.0f} s") from None
            raise


def slow(what: str) -> WorldFailed:
    """The failure of a registry that goes on for ever, a little at a time."""
    return WorldFailed(
        f"the registry is too slow: {what}",
        hint="look at the connection and at the registry; then run the same command again",
        code="registry-slow",
    )


def _basic(who: Credentials) -> str:
    """User and password as RFC 7617 has them, in UTF-8."""
    return f"Basic {base64.b64encode(f'{who.user}:{who.password}'.encode()).decode('ascii')}"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _pause(attempt: int, asked: str | None) -> float:
    wanted = float(asked) if asked is not None and asked.isdecimal() else 0.5 * 2**attempt
    return min(wanted, _LONGEST_WAIT)


def _reason(error: Exception) -> str:
    """The innermost words of an error of requests, which says the same thing three times."""
    inner: BaseException = error
    while (below := getattr(inner, "reason", None) or inner.__cause__) is not None and isinstance(below, BaseException):
        inner = below
    return printable(str(inner) or type(inner).__name__, most=200)


def _told(answer: requests.Response) -> str:
    """Status and words of a refusal, as the distribution API has them."""
    try:
        said = answer.json()["errors"][0]
        words = " ".join(str(said[key]) for key in ("code", "message", "detail") if said.get(key))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, requests.RequestException):
        words = ""
    return printable(f"{answer.status_code} {words or answer.reason}", most=300)
