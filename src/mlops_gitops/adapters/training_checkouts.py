"""A clean copy of the code to train: one commit, or the files of the work tree as they are.

Nothing that the repository is configured to run is run: no hook, no filter, no file-system monitor.  The repository
itself is only read.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.errors import Refused, WorldFailed

_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never")
_KEPT = ("PATH", "LANG", "TMPDIR")
_SECONDS = 600


def check_out(root: Path, revision: str | None, target: Path, *, environ: Mapping[str, str]) -> None:
    """Put the files of ``revision`` into ``target``, or those of the work tree where it is ``None``.

    The work tree's files are those that git tracks, and new ones that it does not ignore.  Raises ``Refused`` where the
    revision is not there.
    """
    if revision is None:
        listed = _git(root, environ, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        for name in filter(None, listed.split("\0")):
            source, place = root / name, target / name
            if source.is_symlink() or source.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place, follow_symlinks=False)
        return
    _git(root, environ, "clone", "--quiet", "--shared", "--no-checkout", "--template=", str(root), str(target))
    try:
        _git(target, environ, "checkout", "--quiet", "--detach", revision, "--")
    except Refused as gone:
        raise Refused(
            f"commit {revision[:12]} is not in {root}: {gone.message}",
            hint="fetch it: `git fetch origin`, with the whole history",
            code="source-missing",
        ) from gone


def _git(folder: Path, environ: Mapping[str, str], *words: str) -> str:
    kept = {name: environ[name] for name in _KEPT if name in environ}
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", *_SAFE, "-C", str(folder), *words],
            env={**kept, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldFailed(
            f"git could not be run in {folder}: {error}", hint="install git; `mlops-gitops doctor` says how", code="git"
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            f"git {words[0]} failed: {said[-1] if said else 'without a word'}",
            hint="try `git fsck` in the model repository",
            code="source-missing",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
