"""What an image's packages are installed for, and which lock can be installed so at all.  Pure."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_gitops import canonical
from mlops_gitops.errors import Refused
from mlops_gitops.manifests.rules.images import without_hash
from mlops_gitops.packaging.image.bases import Facts

PLACE = "/opt/mlops-gitops/packages"
"""Where they lie in the image."""

_FORMAT = 1
"""Raised whenever the same lock would be packed in another way, so that no older layer is taken for it."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_NAME = re.compile(r"[-_.]+")
_START = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*(?P<version>[^\s;\\#]+)")
_HASH = re.compile(r"--hash=(?P<kind>\w+):(?P<value>[0-9a-f]{32,128})")


@dataclass(frozen=True, slots=True)
class Target:
    """What packages are chosen for: the processor as Docker calls it, the minor version of Python, the C library."""

    architecture: str
    python: str
    musl: bool = False

    @property
    def platform(self) -> str:
        """The platform as uv calls it: glibc 2.28, which everything that is still looked after has, or musl."""
        machine = _MACHINES[self.architecture]
        return f"{machine}-unknown-linux-musl" if self.musl else f"{machine}-manylinux_2_28"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a lock names: its name as indexes compare it, its version, and the SHA-256 of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def target(architecture: str, facts: Facts, config: Mapping[str, object], *, wanted: str | None, of: str) -> Target:
    """What to install for, and that the base has it.  Raises ``Refused``."""
    if architecture not in _MACHINES:
        raise _unfit(of, f"it is for {architecture}, and packages are chosen for {' and '.join(_MACHINES)} only")
    settings = config.get("config")
    variables = settings.get("Env") if isinstance(settings, dict) else None
    stated = [str(one).partition("=")[2] for one in variables or () if str(one).startswith("PYTHON_VERSION=")]
    named = wanted or next((".".join(one.split(".")[:2]) for one in stated), None)
    if named is None and len(facts.pythons) == 1:
        named = next(iter(facts.pythons))
    if named is None or named not in facts.pythons:
        there = ", ".join(sorted(facts.pythons)) or "none"
        raise _unfit(of, f"Python {named or '3.x'} was looked for in its bin folders, and it has {there}")
    return Target(architecture, named, musl=facts.musl or facts.release.get("ID") == "alpine")


def key(lock: bytes, target: Target) -> str:
    """What the layer of a lock is kept under."""
    parts: list[canonical.JSON] = [_FORMAT, canonical.sha256(lock), target.platform, target.python]
    return canonical.digest(parts)


def refuse_without_hashes(text: str, *, lock: str) -> None:
    """Raises ``Refused`` where a lock in the form of requirements does not have a hash for every package."""
    bare = without_hash(text.splitlines())
    if bare is not None:
        number, name = bare
        raise Refused(
            f"{name} in line {number} of {lock} has no hash, and an image is made of what was locked and nothing else",
            hint="lock with hashes: `uv pip compile --generate-hashes requirements.in --output-file requirements.lock`",
            code="lock-hashes",
        )


def locked(text: str) -> tuple[Package, ...]:
    """Every package of a lock, in order of name: requirements, ``uv.lock`` or ``pylock.toml``."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return tuple(sorted(_of_requirements(text), key=lambda one: (one.name, one.version)))
    listed = document.get("package", document.get("packages", []))
    return tuple(sorted(_of_tables(listed), key=lambda one: (one.name, one.version)))


def normal(name: str) -> str:
    """The name of a package as the index compares it."""
    return _NAME.sub("-", name).lower()


def kept(lines: str) -> str:
    """A wheel's list of its files without what the installer added, sorted: the same whoever installed it."""
    found = []
    for line in lines.splitlines():
        path = line.rpartition(",")[0].rpartition(",")[0].strip('"')
        if path and not dropped(path):
            found.append(line)
    return "".join(f"{line}\n" for line in sorted(found))


def dropped(path: str) -> bool:
    """Whether a file was made by the installer and not by the package: scripts name an interpreter of this machine."""
    parts = path.split("/")
    return (
        parts[0] in {"bin", ".lock"}
        or ".." in parts
        or "__pycache__" in parts
        or (len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] in _INSTALLERS)  # noqa: PLR2004 - folder, file
    )


_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


def _of_requirements(text: str) -> list[Package]:
    found: list[Package] = []
    joined = text.replace("\\\n", " ").splitlines()
    for line in joined:
        match = _START.match(line.strip())
        if match is not None:
            hashes = tuple(sorted(one["value"] for one in _HASH.finditer(line) if one["kind"] == "sha256"))
            found.append(Package(normal(match["name"]), match["version"], hashes))
    return found


def _of_tables(listed: object) -> list[Package]:
    found: list[Package] = []
    for one in listed if isinstance(listed, list) else ():
        name, version = (one.get("name"), one.get("version")) if isinstance(one, dict) else (None, None)
        if (
            isinstance(name, str)
            and isinstance(version, str)
            and not {"editable", "virtual"} & set(one.get("source", {}))
        ):
            text = json.dumps([one.get("wheels"), one.get("sdist")], default=str)
            found.append(Package(normal(name), version, tuple(sorted(set(re.findall(r"\b[0-9a-f]{64}\b", text))))))
    return found


def _unfit(of: str, why: str) -> Refused:
    return Refused(
        f"the base image {of} does not fit: {why}",
        hint="name a base with that Python, or the version that it has under serving.image.python",
        code="image-base",
    )
