"""A real browser without a network: Debian's chromium, spoken to over a pipe in its DevTools protocol.

It shows a page as a reader would have it: as wide as a desk or a phone, light or dark, on a screen or on paper; and
runs in it what measures the page.  The project does not install it: where there is no chromium, tests are skipped.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
    "--proxy-server=0.0.0.0:1",
)  # fmt: skip
_TALL = 30_000
"""So that the whole of a page is in sight, and what lies at a point can be asked everywhere."""
_HANDED = (
    "import os, sys; _, read, write, *argv = sys.argv; os.dup2(int(read), 3); os.dup2(int(write), 4); "
    "os.execv(argv[0], argv)"
)
"""The browser reads at 3 and writes at 4."""
_PHONE = 600


class Browser:
    """One tab.  ``asked`` holds every address that the page shown last asked for, but its own."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = os.fdopen(read, "rb"), os.fdopen(write, "wb", buffering=0)
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.asked: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        parts = bytearray()
        while (char := self._read.read(1)) not in {b"\0", b""}:
            parts += char
        if not parts:
            raise EOFError("the browser has ended")
        found: dict[str, Any] = json.loads(parts)
        if found.get("method") == "Network.requestWillBeSent":
            self.asked.append(found["params"]["request"]["url"])
        return found

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._write.write(json.dumps({"id": number, "method": method, "params": given, **session}).encode() + b"\0")
        while (found := self._message()).get("id") != number:
            pass
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        result: dict[str, Any] = found["result"]
        return result

    def show(self, file: Path, *, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Open a file at a width in CSS pixels, as a reader of a light or dark page, on a screen or in print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)
        size = {"width": width, "height": _TALL, "deviceScaleFactor": 1, "mobile": width < _PHONE}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self.asked = []
        self._call("Page.navigate", url=file.as_uri())
        while self._message().get("method") != "Page.loadEventFired":
            pass
        self.asked = [one for one in self.asked if one != file.as_uri()]

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, as JSON can hold it."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"]))
        return found["result"].get("value")


def _pipe() -> tuple[int, int]:
    """A pipe, neither end of which has a number that the browser wants."""
    ends = os.pipe()
    reading, writing = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in ends)
    for one in ends:
        os.close(one)
    return reading, writing


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser of one's own, which ends with the block."""
    assert CHROMIUM is not None
    (theirs, write), (read, answers) = _pipe(), _pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", _HANDED, str(theirs), str(answers), CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(answers)
        try:
            yield Browser(read, write)
        finally:
            process.kill()
            process.wait()
