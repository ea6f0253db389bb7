"""Python environments for trainings: built by uv from exactly the lock, once for each lock, and kept.

An environment is named by the digest of its lock and the version of Python, made beside its place and renamed into it,
so that two processes that want the same one do not meet.  Hashes are demanded where the lock has them.  Files are
copied out of uv's cache, never linked to it: what a training does to its packages stays with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters.predictions import printable
from mlops_gitops.canonical import sha256
from mlops_gitops.errors import Failure, Misused, Refused, WorldFailed

_SECONDS = 3600
_NETWORK = ("error sending request", "Failed to fetch", "Could not connect", "timed out", "dns error")
_TRAVELLING = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment: its folder, the version of its Python, and every package in it."""

    folder: Path
    python: str
    packages: Mapping[str, str]

    @property
    def readable(self) -> tuple[Path, ...]:
        """Every folder that has to be readable for it to work: its own, its Python's, and those it points to."""
        real = (self.folder / "bin" / "python").resolve()
        home = _settings(self.folder).get("home")
        found = [self.folder, self.folder.resolve(), real.parents[1], *([Path(home).parent] if home else [])]
        for link in sorted(path for folder in _packages(self.folder) for path in folder.glob("*.pth")):
            lines = link.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [Path(line) for line in lines if line.startswith("/")]
        return tuple(path for path in dict.fromkeys(found) if path != Path("/") and path.is_dir())


def of_lock(lock: Path, *, cache: Path, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    """The environment that ``lock`` describes, built if it is not there yet.

    Raises ``Refused`` where uv says that the lock cannot be installed, ``WorldFailed`` where there is no uv.
    """
    data = lock.read_bytes()
    version = "-".join(map(str, sys.version_info[:3]))
    place = cache / f"{sha256(data + lock.name.encode())[:32]}-{version}"
    if (place / "bin" / "python").exists():
        return place
    uv = program(environ)
    progress(f"installing {lock.name}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as room:
            made = Path(room) / "environment"
            run(uv, ["venv", "--quiet", "--relocatable", "--python", sys.executable, str(made)], environ)
            _install(uv, lock, made, environ, Path(room))
            _put(made, place, aside=Path(room) / "old")
    except OSError as error:
        raise WorldFailed(
            f"{cache} cannot be written: {error.strerror}", hint="free some space, or set MG_CACHE", code="environment"
        ) from error
    return place


def described(folder: Path) -> Environment:
    """The environment in ``folder``, from its files; an interpreter is started only where they do not say its version.

    Raises ``Misused`` where there is none.
    """
    python = interpreter(folder)
    return Environment(folder.absolute(), _version(folder) or _asked(python), installed(folder))


def interpreter(environment: Path) -> Path:
    """The Python of an environment.  Raises ``Misused`` where there is none."""
    python = environment / "bin" / "python"
    if not python.exists():
        raise Misused(
            f"{environment} is no Python environment: it has no bin/python",
            hint="name a folder that `python -m venv` or `uv venv` made",
            code="no-environment",
        )
    return python


def installed(environment: Path) -> dict[str, str]:
    """Name and version of every package in an environment, from its metadata; no interpreter is started."""
    from importlib import metadata

    found = metadata.distributions(path=[str(path) for path in _packages(environment)])
    named = [(one.metadata["Name"], one.version) for one in found]
    return {normal(name): version for name, version in sorted((n, v) for n, v in named if n and v)}


def normal(name: str) -> str:
    """The name of a package as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages(environment: Path) -> list[Path]:
    return sorted({path.resolve() for path in environment.glob("lib*/python3*/site-packages")})


def _settings(folder: Path) -> dict[str, str]:
    path = folder / "pyvenv.cfg"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in text.splitlines())}


def _version(folder: Path) -> str:
    found = _settings(folder)
    return found.get("version_info") or found.get("version") or ""


def _asked(python: Path) -> str:
    words = [str(python), "-I", "-S", "-c", "import platform; print(platform.python_version())"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, env={})
    except (OSError, subprocess.SubprocessError) as error:
        raise Misused(
            f"{python} cannot be run: {error}", hint="name a working Python environment", code="no-environment"
        ) from error
    return printable(done.stdout)


def _put(made: Path, place: Path, *, aside: Path) -> None:
    """Rename into place; whoever came first has won, unless what lies there no longer works."""
    try:
        made.rename(place)
    except OSError:
        if (place / "bin" / "python").exists():
            return
        place.rename(aside)
        made.rename(place)


def _install(uv: str, lock: Path, made: Path, environ: Mapping[str, str], room: Path) -> None:
    wanted, text = requirements(uv, lock, environ, room)
    options = ["--python", str(made / "bin" / "python"), "--link-mode", "copy", "--compile-bytecode"]
    hashes = ["--require-hashes"] if "--hash=" in text else []
    run(uv, ["pip", "sync", "--quiet", *options, *hashes, str(wanted)], environ)


def requirements(uv: str, lock: Path, environ: Mapping[str, str], room: Path) -> tuple[Path, str]:
    """A lock as a file that uv installs from, in ``room`` where it has to be made, and its text."""
    wanted, text = lock, lock.read_text(encoding="utf-8", errors="replace")
    if lock.name == "uv.lock":
        wanted = room / "requirements.txt"
        export = ["export", "--quiet", "--frozen", "--no-emit-workspace", "--no-dev", "-o", str(wanted)]
        run(uv, [*export, "--project", str(lock.parent)], environ)
        text = wanted.read_text(encoding="utf-8")
    elif lock.suffix == ".lock":
        # uv goes by the name of a file, and takes one that it does not know for a script
        wanted = room / "requirements.txt"
        wanted.write_text(text, encoding="utf-8")
    return wanted, text


def program(environ: Mapping[str, str]) -> str:
    """Where uv is.  Raises ``WorldFailed`` where there is none."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("uv", path=os.pathsep.join([environ.get("PATH", ""), beside]))
    if found is None:
        raise WorldFailed(
            "there is no uv on the PATH, which installs what a lock names",
            hint="install uv: `pip install uv`; or, to reproduce, name an environment that is there: --environment DIR",
            code="no-uv",
        )
    return found


def run(uv: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run uv.  Raises ``Refused`` where it says no, ``WorldFailed`` where it could not try."""
    settings = {name: value for name, value in environ.items() if name not in _TRAVELLING}
    settings["UV_PYTHON_DOWNLOADS"] = "never"
    try:
        done = subprocess.run(
            [uv, *words], env=settings, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldFailed(
            f"uv could not be run: {error}", hint="run the same command again", code="environment"
        ) from error
    if done.returncode:
        raise _failed(done.stderr.decode("utf-8", "replace"))


_FULL = "No space left on device"


def _failed(said: str) -> Failure:
    lines = printable(" ".join(said.strip().splitlines()[-4:]), most=500)
    if any(words in said for words in _NETWORK):
        return WorldFailed(
            f"the packages of the lock could not be fetched: {lines}", hint="run it again", code="environment"
        )
    if _FULL in said:
        return WorldFailed(
            f"the disk is full, and the packages of the lock have no room: {lines}",
            hint="free some space, or set MG_CACHE and UV_CACHE_DIR to folders that have some",
            code="disk",
        )
    return Refused(
        f"the lock cannot be installed: {lines}",
        hint="install it by hand to see more: `uv pip sync LOCK`",
        code="environment",
    )
