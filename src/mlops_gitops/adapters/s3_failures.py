"""What it means that a store of objects does not give one: the world's failure, or that the object is not there.

Each says what was asked of whom and as whom, what came back, what to do, and whether the same again can help.  Only
that an object does not exist is about the data, and a finding (``ValueError``).  Nothing secret is in a message.
"""

from __future__ import annotations

import errno
import re
from http import HTTPStatus
from typing import NamedTuple

import requests
from urllib3.exceptions import HTTPError

from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Misused, WorldFailed

_AGAIN = frozenset({408, 425, 429})
_AUTHENTICATION = frozenset({400, 401, 403})
_LATER = frozenset({"RequestTimeout", "SlowDown", "ServiceUnavailable"})
"""Words with which a store asks to come again, whatever the status says."""
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_LONGEST = 64 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.EMFILE})


class Asked(NamedTuple):
    """One request: the object, the host that was asked for it, and whether as somebody."""

    what: str
    host: str
    signed: bool

    def __str__(self) -> str:
        """In words."""
        who = "with the key of AWS_ACCESS_KEY_ID" if self.signed else "as nobody, since AWS_ACCESS_KEY_ID is not set"
        return f"asked {self.host} for {self.what}, {who}"

    def unreachable(self, error: Exception) -> WorldFailed:
        """Nobody answered, or not to the end."""
        return self.broken(_reason(error))

    def broken(self, words: str) -> WorldFailed:
        """What came is no whole answer."""
        return WorldFailed(
            f"{self}: {words}",
            hint="look whether the store runs and can be reached from here (AWS_ENDPOINT_URL_S3, AWS_REGION); then run "
            "the same command again",
            code="data-store-unreachable",
        )

    def strange(self, words: str) -> WorldFailed:
        """What came is not what a store of S3's protocol says."""
        return WorldFailed(
            f"{self}: {words}",
            hint="look whether AWS_ENDPOINT_URL_S3 names a store with S3's protocol, and no proxy answers in its place",
            code="data-store",
            retry=False,
        )

    def refused(self, answer: requests.Response) -> Exception:
        """The failure that an answer other than the object means; ``ValueError`` where there is no such object."""
        status, code = answer.status_code, _code(answer)
        said = f"HTTP {status} {code or _phrase(status)}".rstrip()
        if status == HTTPStatus.NOT_FOUND:
            return ValueError(f"{self.what} cannot be fetched: it does not exist ({said} from {self.host})")
        if status in _AGAIN or code in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return WorldFailed(
                f"{self}: {said}", hint="the store is busy or ill: run the same command again", code="data-store-busy"
            )
        if status in _AUTHENTICATION:
            return WorldFailed(
                f"{self}: {said}",
                hint="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION of somebody who "
                "may read it (s3:GetObject, s3:ListBucket). Who may not list is told this of what does not exist, too",
                code="data-store-auth",
                retry=False,
            )
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return WorldFailed(
                f"{self}: {said}, and credentials do not follow a redirect",
                hint="set AWS_REGION to the region of the bucket, or AWS_ENDPOINT_URL_S3 to the store's own address",
                code="data-store",
                retry=False,
            )
        return self.strange(said)


def misnamed(variable: str, wanted: str) -> Misused:
    """What the environment names is none."""
    return Misused(
        f"{variable} is no {wanted}", hint=f"set {variable} to one, or leave it out", code="data-store-named"
    )


def unwritten(what: str, error: OSError) -> WorldFailed | None:
    """The failure of a disk that takes no more; ``None`` for any other, which is about the name of the object."""
    if error.errno not in _FULL:
        return None
    return WorldFailed(
        f"{what} cannot be kept here: {error.strerror}",
        hint="free some space, or let TMPDIR name a folder on a larger disk",
        code="disk",
    )


def _code(answer: requests.Response) -> str:
    """The word of the store for what is wrong, where it says one."""
    try:
        body = answer.raw.read(_LONGEST, decode_content=False)
    except (OSError, HTTPError):  # it is only told; the status says enough
        return ""
    found = _CODE.search(body)
    return found[1].decode("ascii") if found else ""


def _phrase(status: int) -> str:
    return next((one.phrase for one in HTTPStatus if one == status), "")


def _reason(error: BaseException) -> str:
    """The innermost words of an error of requests, which says the same thing three times."""
    while isinstance(below := getattr(error, "reason", None) or error.__cause__ or _first(error), BaseException):
        error = below
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(words or type(error).__name__, most=200)


def _first(error: BaseException) -> object:
    return next((one for one in error.args if isinstance(one, BaseException)), None)
