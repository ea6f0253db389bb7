"""A push whose first request is made while there is still something to plan.

A push over http is two requests: what does the branch point at, and the write.  The first needs nothing that has to be
decided here, so an ``Errand`` makes it at once, in git's own remote helper (gitremote-helpers(7)), with git's own
credentials; its answer is there when the commit is.

It promises to write only where the remote said, in this conversation, that the branch is at the commit that was planned
on; the remote compares again when it writes.  Everything else, other transports and every failure included, is left to
an ordinary push, which says in words what is wrong.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from mlops_gitops.adapters.git_process import NETWORK_SECONDS, SAFE, run_git, shareable
from mlops_gitops.deadlines import ended_after
from mlops_gitops.errors import WorldFailed

_REWRITTEN = r"^url\..*\.(push)?insteadof$"
_NO_SUCH_SETTING = 1
_QUIETLY = b"option progress false\noption verbosity 0\n"


class Errand:
    """One conversation with the remote at a URL, on the way from the moment it is made."""

    def __init__(self, url: str, *, environ: Mapping[str, str]) -> None:
        """``environ`` names the repository that holds what may be pushed."""
        self._url, self._environ = url, shareable(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._references: dict[str, str] = {}
        self._going = threading.Thread(target=self._go, daemon=True)
        self._going.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def tip(self, reference: str) -> str | None:
        """The commit at which the remote says that the reference is; ``None`` where it does not say."""
        self._going.join(NETWORK_SECONDS)
        return None if self._going.is_alive() else self._references.get(reference)

    def push(self, commit: str, reference: str) -> bool:
        """Whether the reference moved from ``tip`` to ``commit``, which comes after it.  ``False`` decides nothing."""
        said = self._said(f"push {commit}:{reference}\n\n".encode(), seconds=NETWORK_SECONDS)
        return f"ok {reference}" in said

    def close(self) -> None:
        """End the conversation, wherever it is."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):  # what it was still to be told
                self._process.__exit__(None, None, None)
            self._process = None

    def __del__(self) -> None:
        self.close()

    def _go(self) -> None:
        """Ask, unless the user has told git to go elsewhere with this URL: only ``git push`` knows where to."""
        with contextlib.suppress(OSError, WorldFailed):
            told = run_git(("config", "--get-regexp", _REWRITTEN), environ=self._environ, check=False)
            if told.returncode != _NO_SUCH_SETTING:
                return
            self._process = subprocess.Popen(
                ["git", *SAFE, f"remote-{self._url.partition(':')[0]}", self._url, self._url],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            listed = self._said(_QUIETLY + b"list for-push\n", seconds=NETWORK_SECONDS)
            self._references = dict(_named(listed))

    def _said(self, words: bytes, *, seconds: float) -> list[str]:
        """The lines of an answer, up to the empty one that ends it; none where it breaks off or does not come."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return []
        lines: list[str] = []
        with contextlib.suppress(OSError, ValueError), ended_after(seconds, process.kill):  # it ended, or was closed
            process.stdin.write(words)
            process.stdin.flush()
            for line in process.stdout:
                if line == b"\n":
                    return lines
                lines.append(line.decode(errors="replace").rstrip("\n"))
        return []


def _named(listed: list[str]) -> Iterator[tuple[str, str]]:
    """References by name, out of lines such as ``0123… refs/heads/main``; answers to options are among them."""
    for line in listed:
        value, _, name = line.partition(" ")
        if name.startswith("refs/"):
            yield name, value
