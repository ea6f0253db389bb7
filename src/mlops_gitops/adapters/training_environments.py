"""Python environments for trainings: built by uv from exactly the lock, once for each lock, and kept.

An environment is named by the digest of its lock and the version of Python, made beside its place and renamed into it,
so that two processes that want the same one do not meet.  Hashes are demanded where the lock has them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_gitops.canonical import sha256
from mlops_gitops.errors import Misused, Refused, WorldFailed

_SECONDS = 3600
_PIN = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\#]+)", re.MULTILINE)


def of_lock(lock: Path, *, cache: Path, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    """The environment that ``lock`` describes, built if it is not there yet.

    Raises ``Refused`` where uv says that the lock cannot be installed, ``WorldFailed`` where there is no uv.
    """
    data = lock.read_bytes()
    version = "-".join(map(str, sys.version_info[:3]))
    place = cache / f"{sha256(data + lock.name.encode())[:32]}-{version}"
    if (place / "bin" / "python").exists():
        return place
    uv = _uv(environ)
    progress(f"installing {lock.name}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as room:
        made = Path(room) / "environment"
        _run([uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(made)], environ)
        _install(uv, lock, made, environ, Path(room))
        try:
            made.rename(place)
        except OSError:
            if not (place / "bin" / "python").exists():
                raise
    return place


def pinned(lock: Path) -> dict[str, str]:
    """Name and version of every package that a requirements file pins, names as PyPI compares them."""
    text = lock.read_text(encoding="utf-8", errors="replace")
    if lock.suffix in {".lock", ".toml"} and text.lstrip().startswith(("version =", "lock-version", "[[")):
        import tomllib

        packages = tomllib.loads(text).get("package", [])
        return {_name(one["name"]): one["version"] for one in packages if "version" in one and _from_index(one)}
    return {_name(name): version for name, version in _PIN.findall(text)}


def installed(environment: Path) -> dict[str, str]:
    """Name and version of every package in an environment, from its metadata; no interpreter is started."""
    from importlib import metadata

    folders = sorted(str(path) for path in environment.glob("lib*/python3*/site-packages"))
    found = metadata.distributions(path=folders)
    return {_name(one.metadata["Name"]): one.version for one in found if one.metadata["Name"]}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _from_index(package: Mapping[str, object]) -> bool:
    source = package.get("source")
    return not (isinstance(source, dict) and ("editable" in source or "virtual" in source))


def _install(uv: str, lock: Path, made: Path, environ: Mapping[str, str], room: Path) -> None:
    wanted, text = lock, lock.read_text(encoding="utf-8", errors="replace")
    if lock.name == "uv.lock":
        wanted = room / "requirements.txt"
        export = [uv, "export", "--quiet", "--frozen", "--no-emit-project", "--no-dev", "-o", str(wanted)]
        _run([*export, "--project", str(lock.parent)], environ)
        text = wanted.read_text(encoding="utf-8")
    python = ["--python", str(made / "bin" / "python")]
    hashes = ["--require-hashes"] if "--hash=" in text else []
    _run([uv, "pip", "sync", "--quiet", *python, *hashes, str(wanted)], environ)


def _uv(environ: Mapping[str, str]) -> str:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("uv", path=os.pathsep.join([environ.get("PATH", ""), beside]))
    if found is None:
        raise WorldFailed(
            "there is no uv on the PATH, which builds the environment of a training from its lock",
            hint="install uv, or name an environment that is there: --environment DIR",
            code="no-uv",
        )
    return found


def _run(argv: list[str], environ: Mapping[str, str]) -> None:
    settings = {**environ, "UV_PYTHON_DOWNLOADS": "never"}
    settings.pop("VIRTUAL_ENV", None)
    try:
        done = subprocess.run(argv, env=settings, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldFailed(
            f"uv could not be run: {error}", hint="run the same command again", code="environment"
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            f"the lock cannot be installed: {' '.join(said[-3:])[:500]}",
            hint="install it by hand to see more: `uv pip sync LOCK`; a network that fails is worth another try",
            code="environment",
        )


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
