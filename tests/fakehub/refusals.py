"""How the fake says no: with GitHub's own statuses and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """An answer other than 2xx.  ``kind`` is what GraphQL calls it."""

    def __init__(
        self, status: int, message: str, *, kind: str = "", headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.headers, self.more = status, message, kind, headers or {}, more


def not_found() -> Refused:
    return Refused(404, "Not Found", kind="NOT_FOUND")


def invalid(message: str, **error: str) -> Refused:
    text = f"Validation Failed: {message}" if error else message
    errors = [{"message": message, **error}] if error else []
    return Refused(422, "Validation Failed" if error else message, kind="UNPROCESSABLE", errors=errors, text=text)
