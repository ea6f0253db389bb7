"""What a lock pins, and what an environment has in its place.

Reads requirements files, ``uv.lock`` and ``pylock.toml``.  A package that is pinned for some machines only, with a
marker or in a lock for every platform, may be missing; a version that no line of the lock names may not be there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.adapters.training_environments import normal

_PIN = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*={2,3}\s*(?P<version>[^\s;\\#]+)(?P<marker>\s*;)?",
    re.MULTILINE,
)


def differences(lock: Path, packages: Mapping[str, str]) -> list[str]:
    """What ``packages`` (names and versions) have that is not as locked, each in words and in order of name."""
    wanted, optional = pinned(lock)
    found = []
    for name, versions in sorted(wanted.items()):
        there = packages.get(name)
        if there is None and name in optional:
            continue
        if there not in versions:
            found.append(f"{name} {there or 'missing'} (locked: {' or '.join(sorted(versions))})")
    return found


def pinned(lock: Path) -> tuple[dict[str, set[str]], set[str]]:
    """The versions of every package that a lock names, and those that some machines do without."""
    text = lock.read_text(encoding="utf-8", errors="replace")
    packages = _tables(text)
    wanted: dict[str, set[str]] = {}
    optional: set[str] = set()
    if packages is not None:
        for one in packages:
            wanted.setdefault(normal(one["name"]), set()).add(one["version"])
        return wanted, set(wanted)
    for found in _PIN.finditer(text):
        name = normal(found["name"])
        wanted.setdefault(name, set()).add(found["version"])
        if found["marker"]:
            optional.add(name)
    return wanted, optional


def _tables(text: str) -> list[dict[str, str]] | None:
    """The packages of a lock in TOML that come from an index; ``None`` where it is no such lock."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    listed = document.get("package", document.get("packages"))
    if not isinstance(listed, list):
        return None
    return [
        {"name": one["name"], "version": one["version"]}
        for one in listed
        if isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and isinstance(one.get("version"), str)
        and not {"editable", "virtual", "directory"} & set(one.get("source", {}))
    ]
