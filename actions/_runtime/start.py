# ruff: noqa: INP001 - `launch` points Python at this folder; it is no package
"""From a bare Python on a runner to the Action: the packages of ``uv.lock``, once a runner, then the code beside them.

The packages lie in the runner's tool cache, in a folder named by the digest of the lock file, the extras and the
Python, so a second step, job or run finds them.  A note beside it says so to ``launch``, which then needs no Python to
find a Python.  The code is always the one of this very checkout.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

RUNTIME = Path(__file__).resolve().parent
ROOT = RUNTIME.parents[1]
sys.path.insert(0, str(RUNTIME))

import provision  # noqa: E402 - it lies beside this file

EXTRAS = {
    "test": ("data",),
    "reproduce": ("models",),
    "build": ("build",),
    "release": ("models",),
    "reconcile": ("models",),
    "rollback": ("models",),
}
"""What an Action needs beyond the base, by its name: an extra of ``pyproject.toml`` each.  Others need nothing."""
INSTALLING = {"reproduce", "build"}
"""The Actions that install what a model's lock names, with uv."""


def extras(action: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The extras to install: the Action's own, and what its inputs ask for."""
    infra = action == "test" and environ.get("MG_INPUT_KIND") not in {"data", "model", "features"}
    image = infra or (action == "release" and environ.get("MG_INPUT_IMAGE"))
    models = action == "test" and environ.get("MG_INPUT_KIND") != "data"
    asked = {"mlflow": environ.get("MG_INPUT_MLFLOW") == "true", "build": image, "models": models}
    return tuple(sorted({*EXTRAS.get(action, ()), *(name for name, wanted in asked.items() if wanted)}))


def key(lock: bytes, wanted: tuple[str, ...]) -> str:
    """The name of the folder for these packages."""
    parts = [hashlib.sha256(lock).hexdigest(), *wanted, sys.implementation.cache_tag, platform.machine()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def cache(environ: Mapping[str, str]) -> Path:
    """The first folder of the runner that can be written and is ours: what lies in it is run with the secrets."""
    named = [environ.get("RUNNER_TOOL_CACHE"), environ.get("RUNNER_TEMP"), tempfile.gettempdir()]
    for name in filter(None, named):
        folder = Path(name) / "mlops-gitops"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == os.geteuid():
                return folder
    raise provision.Unable("no folder of this runner can be written", hint="set RUNNER_TOOL_CACHE or RUNNER_TEMP")


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """While this lasts, what installers print is shown, and no line of it is obeyed."""
    word = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{word}\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stdout.write(f"\n::{word}::\n")
        sys.stdout.flush()


def install(home: Path, wanted: tuple[str, ...], *, tools: Path, environ: Mapping[str, str]) -> None:
    """Fill ``home`` with the packages."""
    with unheard():
        uv = provision.uv(tools, environ)
        provision.sync(ROOT, provision.Selection(home, extras=wanted, project=False), uv=uv, environ=environ)


def prepared(action: str, environ: Mapping[str, str]) -> Path:
    """The Python that has the packages.  Two jobs that start together on one machine install them once."""
    wanted = extras(action, environ)
    folder = cache(environ)
    home = folder / key((ROOT / "uv.lock").read_bytes(), wanted)
    python, done = home / "bin" / "python", home / ".complete"
    if not done.exists():
        with home.with_suffix(".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not done.exists():
                install(home, wanted, tools=folder / f"uv-{provision.PINNED_UV}", environ=environ)
                shutil.copyfile(ROOT / "uv.lock", home / "uv.lock")
                done.touch()
    if wanted == extras(action, {}) and action not in INSTALLING:
        note(folder / f"ready-{action}", home)
    return python


def note(place: Path, home: Path) -> None:
    """Leave word of where the packages of an Action are: the whole of it or nothing, and never through a link."""
    aside = place.with_name(f".{place.name}-{os.getpid()}")
    with contextlib.suppress(OSError):  # it only saves time
        aside.unlink(missing_ok=True)
        aside.write_text(f"{home}\n", encoding="utf-8")
        aside.replace(place)


def search(action: str, environ: Mapping[str, str]) -> str:
    """The ``PATH`` of an Action: those that install what a model's lock names find a uv on it."""
    named = environ.get("PATH", "")
    if action not in INSTALLING:
        return named
    with unheard():
        found = provision.uv(cache(environ) / f"uv-{provision.PINNED_UV}", environ)
    return named if shutil.which("uv", path=named) == found else os.pathsep.join([named, str(Path(found).parent)])


def unable(problem: provision.Unable) -> int:
    """Say what is wrong where a person looks; `launch` has left a result for later steps."""
    text = f"{problem.message}. What to do: {problem.hint}".replace("%", "%25").replace("\n", "%0A")
    sys.stdout.write(f"::error title=mlops-gitops set-up::{text}\n")
    return 5


def main(words: list[str], environ: Mapping[str, str]) -> int:
    """Find or make a Python that has the packages, and become it."""
    try:
        action = words[0] if words else ""
        python, path = prepared(action, environ), search(action, environ)
    except provision.Unable as problem:
        return unable(problem)
    sys.stdout.flush()
    argv = [str(python), "-I", str(RUNTIME / "ready.py"), *words]
    return os.execve(python, argv, {**environ, "PATH": path})  # noqa: S606 - argv, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
