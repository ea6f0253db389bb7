"""Packages of an image: installed by uv from a lock with hashes, for the image's platform, once for each lock.

Wheels only: nothing is built, so that no build tool and no code of a package runs here, and what is installed does not
depend on this machine.  What the installer adds (scripts that name its interpreter, notes of who installed) is taken
away.  A folder is kept under the digest of lock, platform and Python, and appears whole or not at all.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters import training_environments as environments
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.packaging.image import layers, packages
from mlops_gitops.packaging.image.layers import Layer, Measured

_FILES, _MEASURES = "files", "layer.json"
_NO_WHEEL: tuple[str, ...] = (
    "no usable wheels",
    "no wheels are available",
    "building source distributions is disabled",
    "has no wheels with a matching",
    "marked as `--no-build`",
    "has no usable wheels",
)


@dataclass(frozen=True, slots=True)
class Installed:
    """The packages of a lock as a layer, with its measures and what the lock says of each."""

    layer: Layer
    measured: Measured


def of_lock(
    lock: Path, target: packages.Target, *, cache: Path, environ: Mapping[str, str], progress: Callable[[str], None]
) -> Installed:
    """The layer of a lock, installed if it is not kept yet.

    Raises ``Refused`` where the lock cannot be installed so, ``WorldFailed`` where packages cannot be fetched or kept.
    """
    data = lock.read_bytes()
    place = cache / packages.key(data + lock.name.encode(), target)
    title = f"dependencies of {lock.name}"
    if not (place / _MEASURES).is_file():
        progress(f"installing {lock.name} for {target.platform}, Python {target.python}")
        try:
            _make(place, lock, target, environ)
        except OSError as error:
            raise WorldFailed(
                f"{cache} cannot be written: {error.strerror}",
                hint="free some space, or set MG_CACHE",
                code="image-cache",
            ) from error
    layer = Layer(title, layers.of_folder(place / _FILES, place=packages.PLACE))
    kept = json.loads((place / _MEASURES).read_text(encoding="utf-8"))
    return Installed(layer, Measured(kept["digest"], kept["size"]))


def _make(place: Path, lock: Path, target: packages.Target, environ: Mapping[str, str]) -> None:
    uv = environments.program(environ)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="making-") as name:
        room = Path(name)
        wanted, text = environments.requirements(uv, lock, environ, room)
        packages.refuse_without_hashes(text, lock=lock.name)
        made = room / "made"
        folder = made / _FILES
        folder.mkdir(parents=True)
        _install(uv, wanted, folder, target, environ)
        _clean(folder)
        layer = Layer("", layers.of_folder(folder, place=packages.PLACE))
        measured = layers.measured(layer)
        (made / _MEASURES).write_text(json.dumps({"digest": measured.digest, "size": measured.size}), encoding="utf-8")
        try:
            made.rename(place)
        except OSError:
            if not (place / _MEASURES).is_file():  # who came first has won
                raise


def _install(uv: str, wanted: Path, folder: Path, target: packages.Target, environ: Mapping[str, str]) -> None:
    options = ["--target", str(folder), "--python-platform", target.platform, "--python-version", target.python]
    options += ["--only-binary", ":all:", "--require-hashes", "--no-compile-bytecode", "--link-mode", "copy"]
    try:
        environments.run(uv, ["pip", "sync", "--quiet", "--allow-empty-requirements", *options, str(wanted)], environ)
    except Refused as refused:
        raise _explained(refused, target) from refused


def _explained(refused: Refused, target: packages.Target) -> Refused:
    said = " ".join(refused.message.lower().split())
    if any(words in said for words in _NO_WHEEL):
        return Refused(
            f"a package of the lock has no wheel for {target.platform} and Python {target.python}, "
            f"and nothing is built for an image: {refused.message}",
            hint="lock a version that has one, choose another base, or put a wheel that you built into an index",
            code="image-wheel",
        )
    if "hash mismatch" in said or ("sha256:" in said and "computed:" in said):
        return Refused(
            f"the index gives another file than the one that was locked: {refused.message}",
            hint="find out why before you lock again: a released file does not change",
            code="lock-hashes",
        )
    return refused


def _clean(folder: Path) -> None:
    """Leave what the wheels hold, and nothing of the installer."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif packages.dropped(name):
            path.unlink()
        elif name.endswith(".dist-info/RECORD"):
            path.write_text(packages.kept(path.read_text(encoding="utf-8")), encoding="utf-8")
