# ruff: noqa: INP001 - `launch` points Python at this folder; it is no package
"""Provision: uv, and a Python environment that holds exactly what ``uv.lock`` says.

``./dev`` and the Actions start on machines that have Python, git and pip and nothing else, so this module needs only
the standard library.  It promises that every package comes in the version and with the hash of the lock file, whichever
index serves it.  It never installs into the system's Python, never needs ``python3-venv``, and never uses a shell.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PINNED_UV = "0.13.9"
MINIMUM_UV = (0, 9, 0)
"""The oldest uv that was seen to read this lock file.  An older one on the ``PATH`` is passed over, not used."""


class Unable(Exception):
    """The environment could not be made; ``hint`` says what to do about it."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Selection(NamedTuple):
    """Which parts of the lock file to install, and where."""

    environment: Path
    extras: tuple[str, ...] = ()
    all_extras: bool = False
    development: bool = False
    project: bool = True
    """Whether the package itself is installed; an Action runs it from its own checkout instead."""

    @property
    def options(self) -> list[str]:
        """As ``uv sync`` and ``uv export`` both understand them."""
        chosen = ["--all-extras"] if self.all_extras else [word for name in self.extras for word in ("--extra", name)]
        return chosen + ([] if self.development else ["--no-dev"])


def version_of(text: str) -> tuple[int, int, int] | None:
    """``uv 0.13.9 (x86_64…)`` → ``(0, 13, 9)``; ``None`` for anything else."""
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def mirror(environ: Mapping[str, str]) -> str | None:
    """The index that this machine wants in place of the one that the lock file names, or ``None``."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if environ.get(name):
            return environ[name]
    return None


def hint_for(output: str) -> str:
    """What a person can do about a failed installation, from the words of the installer.

    Only advice is read out of those words; that it failed is known from the exit status.
    """
    low = output.lower()
    if "no space left" in low or "disk quota" in low:
        return "the disk is full: free some space, or point UV_CACHE_DIR and TMPDIR at a larger disk"
    if "--locked" in low and "lockfile" in low:
        return "uv.lock does not match pyproject.toml: run `uv lock` and commit the result"
    if "externally-managed" in low:
        return "pip refused to install beside this Python; put uv on the PATH and try again"
    if any(word in low for word in ("certificate", "ssl:")):
        return "the certificate of the package index is not trusted here: set SSL_CERT_FILE to your company's bundle"
    if any(word in low for word in ("401 ", "403 ", "unauthorized", "forbidden")):
        return "the package index refused this machine: check the credentials in its URL"
    if any(
        word in low for word in ("dns error", "connection", "timed out", "network", "failed to fetch", "no matching")
    ):
        return "the package index was not reached: check the network, or name a mirror in UV_DEFAULT_INDEX"
    return "the lines above are the installer's own; the same command can be run again"


def _run(argv: Sequence[str], environ: Mapping[str, str], *, cwd: Path) -> None:
    """Run an installer with its output shown as it comes (on standard error), and fail with a hint."""
    with subprocess.Popen(
        argv, cwd=cwd, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            sys.stderr.write(line)
    if process.returncode != 0:
        raise Unable(f"`{Path(argv[0]).name} {argv[1]}` failed ({process.returncode})", hint=hint_for("".join(said)))


def _works(uv: str | Path, environ: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            [str(uv), "--version"], env=dict(environ), capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return (version_of(done.stdout) or (0, 0, 0)) >= MINIMUM_UV


def uv(local: Path, environ: Mapping[str, str]) -> str:
    """A uv that works: the one on the ``PATH`` if it is new enough, else the pinned one, fetched by pip into ``local``.

    ``pip install --target`` leaves the system's Python alone, so an externally managed one (PEP 668) does not mind.
    """
    found = shutil.which("uv", path=environ.get("PATH"))
    if found is not None and _works(found, environ):
        return found
    mine = local / "bin" / "uv"
    if not _works(mine, environ):
        shutil.rmtree(local, ignore_errors=True)
        pip = [sys.executable, "-I", "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True, env=dict(environ), check=False).returncode != 0:
            raise Unable(f"neither uv nor pip for {sys.executable}", hint="install one: `apt-get install python3-pip`")
        quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-input"]
        _run([*pip, "install", *quiet, "--target", str(local), f"uv=={PINNED_UV}"], environ, cwd=Path.cwd())
        if not _works(mine, environ):
            raise Unable(f"uv {PINNED_UV} was installed but does not run", hint="put a working uv on the PATH")
    return str(mine)


def sync(root: Path, selection: Selection, *, uv: str, environ: Mapping[str, str]) -> None:
    """Make ``selection.environment`` hold what ``root/uv.lock`` says.  Running it again costs little.

    The lock file names an index.  Where the environment names another (a company's mirror), the same versions with the
    same hashes are taken from there.
    """
    settings = {**environ, "UV_PROJECT_ENVIRONMENT": str(selection.environment), "UV_PYTHON_DOWNLOADS": "never"}
    settings.pop("VIRTUAL_ENV", None)
    python = [] if (selection.environment / "bin" / "python").exists() else ["--python", sys.executable]
    other = mirror(environ)
    if other is None:
        whole = [] if selection.project else ["--no-install-project"]
        keep = [] if selection.all_extras else ["--inexact"]
        words = ["sync", "--locked", "--compile-bytecode", *keep, *whole, *selection.options, *python]
        _run([uv, *words], settings, cwd=root)
        return
    settings["UV_DEFAULT_INDEX"] = other
    if python:
        _run([uv, "venv", "--quiet", *python, str(selection.environment)], settings, cwd=root)
    target = ["--python", str(selection.environment / "bin" / "python")]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        _run(
            [uv, "export", "--quiet", "--frozen", "--no-emit-project", *selection.options, "-o", str(wanted)],
            settings,
            cwd=root,
        )
        install = [uv, "pip", "install", "--compile-bytecode", *target]
        _run([*install, "--require-hashes", "-r", str(wanted)], settings, cwd=root)
    if selection.project:
        _run([*install, "--no-deps", "--editable", str(root)], settings, cwd=root)
