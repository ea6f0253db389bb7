"""A limit for the head of an HTTP answer: requests' own time-out is for each piece, and a head may come byte by byte.

When the time is up the connection is shut, so that whoever reads from it wakes up.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from mlops_gitops.deadlines import ended_after


class PunctualAdapter(HTTPAdapter):
    """Speaks HTTP for a session; ``late`` says whether the head of an answer was cut off.

    ``seconds`` is asked for each answer.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds, self.late = seconds, False
        super().__init__()

    def init_poolmanager(self, *words: Any, **named: Any) -> None:
        """Have connections made that keep the time."""
        super().init_poolmanager(*words, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, *words: Any, **named: Any) -> Any:
        """The same through a proxy."""
        found = super().proxy_manager_for(*words, **named)
        found.pool_classes_by_scheme = self._pools()
        return found

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        adapter = self

        class Plain(HTTPConnection):
            def getresponse(self) -> Any:
                with adapter.limited(self.sock):
                    return super().getresponse()

        class Secure(HTTPSConnection):
            def getresponse(self) -> Any:
                with adapter.limited(self.sock):
                    return super().getresponse()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}

    @contextlib.contextmanager
    def limited(self, wire: Any) -> Iterator[None]:
        """The block reads the head of an answer from ``wire``."""

        def end() -> None:
            self.late = True
            with contextlib.suppress(OSError):  # the plain call: that of TLS would change what the reader holds
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

        with ended_after(self.seconds(), end):
            yield
