"""MG76x: is the serving image made of what cannot change behind our back."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.paths import escape
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, mapping, text

_BASE = "registry.example.com/python@sha256:" + "3f2a" * 16


def _image(line: str) -> str:
    return f"spec:\n  serving:\n    pattern: rest\n    image: {line}\n"


MUTABLE_BASE = Rule(
    "MG761",
    "base-not-by-digest",
    ERROR,
    "The base image is named by a tag, or by nothing.",
    "write name@sha256:…: `docker buildx imagetools inspect NAME` or `skopeo inspect docker://NAME` prints the digest",
    "A tag can be another image tomorrow, and what was tested would not be what is built.",
    _image("{base: 'registry.example.com/python:3.11'}"),
    _image(f"{{base: '{_BASE}', lock: serving.lock}}"),
)
MUTABLE_FROM = Rule(
    "MG762",
    "from-not-by-digest",
    ERROR,
    "A Dockerfile starts from an image that is not named by its digest.",
    "write FROM name@sha256:…",
    "A tag can be another image tomorrow.",
    _image("{dockerfile: Dockerfile}"),
    _image("{dockerfile: Dockerfile.pinned}"),
)
NO_HASHES = Rule(
    "MG763",
    "lock-without-hashes",
    ERROR,
    "The lock of an image has a package without a hash.",
    "lock with hashes: `uv pip compile --generate-hashes requirements.in --output-file requirements.lock`",
    "A version says what a package calls itself; only a hash says what it holds.",
    _image(f"{{base: '{_BASE}', lock: requirements.lock}}"),
    _image(f"{{base: '{_BASE}', lock: serving.lock}}"),
)
NO_SERVER = Rule(
    "MG764",
    "server-not-locked",
    ERROR,
    "The lock of an image lacks a package that serves the model.",
    "add it to serving.in, and `uv pip compile --generate-hashes --python-version 3.11 serving.in -o serving.lock`",
    "Nothing is installed in an image but what its lock names.",
    _image(f"{{base: '{_BASE}', lock: small.lock}}"),
    _image(f"{{base: '{_BASE}', lock: serving.lock}}"),
)
END_OF_LIFE = Rule(
    "MG765",
    "base-past-its-end",
    WARNING,
    "The base image is one that nobody mends any more.",
    "build on a release that still gets security updates",
    "Vulnerabilities that are found from now on stay in it.",
    _image(f"{{base: '{_BASE.replace('python@', 'python:3.8-slim-buster@')}', lock: serving.lock}}"),
    _image(f"{{base: '{_BASE}', lock: serving.lock}}"),
)
TWO_SOURCES = Rule(
    "MG766",
    "base-and-dockerfile",
    ERROR,
    "The image has both a base and a Dockerfile, or neither.",
    "keep one: `base` to have the image assembled, `dockerfile` to build it yourself",
    "Only one of them can be what is built.",
    _image("{lock: serving.lock}"),
    _image(f"{{base: '{_BASE}', lock: serving.lock}}"),
)

RULES = (MUTABLE_BASE, MUTABLE_FROM, NO_HASHES, NO_SERVER, END_OF_LIFE, TWO_SOURCES)

NEEDED = {
    "rest": ("mlflow", "mlserver", "mlserver-mlflow"),
    "batch": ("pandas", "pyarrow"),
    "stream": ("nats-py", "pandas"),
}
"""Packages that a lock must name for each pattern of serving, beside those of the model."""

ENDED = {
    "debian": {
        "8": "2020-06-30",
        "9": "2022-06-30",
        "10": "2024-06-30",
        "11": "2026-08-31",
        "jessie": "2020-06-30",
        "stretch": "2022-06-30",
        "buster": "2024-06-30",
        "bullseye": "2026-08-31",
    },
    "ubuntu": {"16.04": "2021-04-30", "18.04": "2023-05-31", "20.04": "2025-05-31"},
    "alpine": {
        "3.15": "2023-11-01",
        "3.16": "2024-05-23",
        "3.17": "2024-11-22",
        "3.18": "2025-05-09",
        "3.19": "2025-11-01",
        "3.20": "2026-04-01",
        "3.21": "2026-11-01",
    },
    "python": {
        "2.7": "2020-01-01",
        "3.6": "2021-12-23",
        "3.7": "2023-06-27",
        "3.8": "2024-10-07",
        "3.9": "2025-10-31",
        "3.10": "2026-10-31",
    },
    "centos": {"6": "2020-11-30", "7": "2024-06-30", "8": "2021-12-31"},
}
"""Releases that have ended, and the day that they did.

Read on 2026-11-20 from the projects' own pages: wiki.debian.org/LTS, wiki.ubuntu.com/Releases (standard support),
alpinelinux.org/releases, devguide.python.org/versions, centos.org/centos-linux-eol.  What ended later is not in it, and
a release that is in none of these rows is not known.
"""

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
_FROM = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(?P<name>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_HASHED = re.compile(r"--hash=\w+:[0-9a-f]{32}|^\s*(?:#|-)")
_PLACE = ("spec", "serving", "image")
_LARGEST = 4 << 20
_CODENAMES = {name for name in ENDED["debian"] if name.isalpha()}


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    serving = mapping(spec, "serving")
    if "image" not in serving:
        return
    image = mapping(serving, "image")
    base, recipe = text(image, "base"), text(image, "dockerfile")
    if (base is None) == (recipe is None):
        yield TWO_SOURCES.on(
            _PLACE, "it names both" if base is not None else "it names neither `base` nor `dockerfile`"
        )
    if base is not None:
        if _DIGEST.search(base) is None:
            yield MUTABLE_BASE.on((*_PLACE, "base"), f"{base} is not named by its digest")
        ended = end_of_name(base)
        if ended is not None:
            yield END_OF_LIFE.on((*_PLACE, "base"), ended)
    if recipe is not None and not escape(recipe, subject):
        yield from _recipe(recipe, subject)
    lock = text(image, "lock") or text(mapping(spec, "dependencies"), "lock")
    if base is not None and lock is not None and not escape(lock, subject):
        at = (*_PLACE, "lock") if "lock" in image else ("spec", "dependencies", "lock")
        yield from _lock(lock, serving, spec, subject, at)


def end_of_name(base: str) -> str | None:
    """Why the name of a base says that it has ended: its repository and tag, such as ``python:3.8-slim-buster``."""
    name, _, tag = base.split("@", maxsplit=1)[0].rpartition("/")[2].partition(":")
    words = re.split(r"[-_]", tag)
    found = [(name, words[0])] if name in ENDED else []
    found += [("debian", word) for word in words if word in _CODENAMES]
    found += [("alpine", word.removeprefix("alpine")) for word in words if word.startswith("alpine3")]
    return next((said for product, version in found if (said := end_of(product, version)) is not None), None)


def end_of(product: str, version: str) -> str | None:
    """When a release has ended, in words; ``None`` where it has not, or is not known."""
    known = ENDED.get(product, {})
    parts = version.split(".")
    for length in range(len(parts), 0, -1):
        short = ".".join(parts[:length])
        if short in known:
            return f"{product} {short} has had no security updates since {known[short]}"
    return None


def unpinned(lines: list[str]) -> list[tuple[int, str]]:
    """The lines of a Dockerfile that start from an image which is not named by its digest, with what they name."""
    found, stages = [], {"scratch"}
    for number, line in enumerate(lines, start=1):
        match = _FROM.fullmatch(line)
        if match is not None:
            if match["name"].lower() not in stages and _DIGEST.search(match["name"]) is None:
                found.append((number, match["name"]))
            if match["stage"]:
                stages.add(match["stage"].lower())
    return found


def needed(pattern: str, format_: str | None) -> tuple[str, ...]:
    """Packages that the lock of an image must name."""
    extra = ("mlflow",) if format_ == "mlflow" else ()
    return tuple(dict.fromkeys((*NEEDED.get(pattern, ()), *extra)))


def _recipe(recipe: str, subject: Subject) -> Iterator[Problem]:
    for number, name in unpinned(_lines(recipe, subject) or []):
        yield MUTABLE_FROM.on((*_PLACE, "dockerfile"), f"line {number} of {recipe} starts from {name[:100]}")


def _lock(lock: str, serving: dict[str, Any], spec: dict[str, Any], subject: Subject, at: Pointer) -> Iterator[Problem]:
    lines = _lines(lock, subject)
    if lines is None:
        return
    requirements = lock.rsplit("/", 1)[-1] not in {"uv.lock", "pylock.toml"}
    bare = without_hash(lines) if requirements else None
    if bare is not None:
        yield NO_HASHES.on(at, f"{bare[1]} in line {bare[0]} of {lock} has no hash")
    wanted = needed(text(serving, "pattern") or "rest", text(mapping(spec, "artifact"), "format"))
    found = (_NAMED.match(line) for line in lines)
    named = {re.sub(r"[-_.]+", "-", one[1] or one[2]).lower() for one in found if one is not None}
    lacking = [one for one in wanted if one not in named]
    if lacking:
        yield NO_SERVER.on(at, f"{lock} does not name {', '.join(lacking)}")


_NAMED = re.compile(r'^(?:\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==|name = "([^"]+)")')


def without_hash(lines: list[str]) -> tuple[int, str] | None:
    """The first requirement of a file without a hash: its line and its name; ``None`` where all have one."""
    start, words = 0, ""
    for number, line in enumerate([*lines, ""], start=1):
        plain = line.split(" #")[0].strip()
        start = start if words else number
        words = f"{words} {plain.removesuffix(chr(92))}".strip()
        if plain.endswith("\\"):
            continue
        if words and _HASHED.search(words) is None:
            return start, words.split()[0][:60]
        words = ""
    return None


def _lines(path: str, subject: Subject) -> list[str] | None:
    try:
        with open(os.path.join(subject.folder, path), encoding="utf-8", errors="replace") as file:  # noqa: PTH118, PTH123 - runs for every manifest
            return file.read(_LARGEST).splitlines()
    except (OSError, ValueError):
        return None
