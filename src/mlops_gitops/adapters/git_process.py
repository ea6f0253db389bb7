"""git as a process: one command at a time, without a shell, hooks, questions or anything left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_gitops.errors import WorldFailed

NETWORK_SECONDS = 300
LOCAL_SECONDS = 60
SAFE = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.ext.allow=never",
    "-c", "fetch.fsckObjects=true",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "log.showSignature=false",
    "-c", f"http.postBuffer={64 * 1024 * 1024}",  # a pack that does not fit costs one more request, to ask beforehand
)  # fmt: skip
"""What every command of ours is told, whatever the user has configured."""
WITHIN = ("-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit")
"""And what is said in a work tree that others fill: it is not watched by a program, and files of it that look like a
repository of their own (`HEAD`, `config`, `objects/`, `refs/`) are not entered."""
_LOCATING = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_PREFIX"),
    *("GIT_REPLACE_REF_BASE", "GIT_DEFAULT_HASH"),
)
"""What a hook or a test around us may have set, and which would lead git to another repository than ours."""


def shareable(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is no business of git, nor of what git starts: private keys, and our own token.

    The token reaches git as a header for one URL (``git_credentials``).  Others are left: credential helpers use them.
    """
    return {
        name: value for name, value in environ.items() if name != "MG_GITHUB_TOKEN" and "PRIVATE KEY-----" not in value
    }


def located(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which git sees the repository in ``folder`` and no other, asks nothing, and speaks English."""
    return {
        **{name: value for name, value in shareable(environ).items() if name not in _LOCATING},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_DIR": str(folder),
        "LC_ALL": "C",
    }


def masked(text: str) -> str:
    """``text`` with the user part of every URL hidden, so that a token never reaches a log."""
    return re.sub(r"(\w://)[^/\s]+@", r"\1***@", text)


def run_git(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: bytes | None = None,
    seconds: int = LOCAL_SECONDS,
    check: bool = True,
) -> subprocess.CompletedProcess[bytes]:
    """One git command without a shell, hooks or questions.  Raises ``WorldFailed`` where it cannot run."""
    try:
        done = _finished(["git", *SAFE, *arguments], environ=shareable(environ), stdin=stdin, seconds=seconds)
    except FileNotFoundError as error:
        raise WorldFailed("git is not installed", hint="apt-get install git", code="git-missing") from error
    except subprocess.TimeoutExpired as error:
        raise WorldFailed(
            f"git {arguments[0]} gave no answer in {seconds} seconds",
            hint="check the network, then run the command again; nothing was changed",
            code="git-timeout",
        ) from error
    if check and done.returncode != 0:
        raise WorldFailed(
            f"git {arguments[0]} failed: {masked(done.stderr.decode(errors='replace').strip())}",
            hint="if this goes on, remove the cache folder; it is made again",
            code="git-local",
        )
    return done


def _finished(
    argv: Sequence[str], *, environ: Mapping[str, str], stdin: bytes | None, seconds: int
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, in a session of its own: it has no terminal to ask on, and what it started ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv,
        env=dict(environ),
        stdin=subprocess.DEVNULL if stdin is None else pipe,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)
