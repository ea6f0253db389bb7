# ruff: noqa: INP001 - a program of one workflow, not a package
"""What `publish.yml` decides when a tag `v1.2.3` is pushed, and what it writes.

    python .github/publish.py check v1.2.3    may this commit be published under this tag?
    python .github/publish.py build DIR       the wheel and the source archive, byte for byte the same each time
    python .github/publish.py notes v1.2.3    the changelog's section of this version, for people
    python .github/publish.py move v1.2.3     point `v1` and `v1.2` at it, where nothing newer is there

A version tag never moves.  `v1` and `v1.2` do, forward only: a correction of 1.2 after 1.3 is out moves `v1.2` and
leaves `v1` alone.  A version before 1.0.0 moves only `v0.2`, since every second number may break there.

It needs only the standard library, git, and for `build` uv.  It never uses a shell, and reads a tag's name as text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


class Version(NamedTuple):
    """A semantic version without parts after the third number: nothing else is published."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of_tag(cls, tag: str) -> Version | None:
        """``v1.2.3`` → ``(1, 2, 3)``; ``None`` for anything else."""
        match = _VERSION.fullmatch(tag)
        return cls(*map(int, match.groups())) if match else None

    def __str__(self) -> str:
        return ".".join(map(str, self))

    @property
    def lines(self) -> tuple[str, ...]:
        """The moving tags that this version belongs to."""
        minor = f"v{self.major}.{self.minor}"
        return (minor, f"v{self.major}") if self.major else (minor,)


def problems(tag: str, *, declared: str, changelog: str, on_main: bool) -> list[str]:
    """Why this commit must not be published under ``tag``, each with what to do.

    ``declared`` is the version in pyproject.toml.
    """
    version = Version.of_tag(tag)
    if version is None:
        return [f"{tag!a} is not a tag of a version: name it like v1.2.3"]
    found = []
    if declared != str(version):
        found.append(f"pyproject.toml says {declared} and the tag says {version}: correct one of them")
    if not section(changelog, version):
        found.append(f"CHANGELOG.md has no section `## {version}: YYYY-MM-DD` with something in it: write it first")
    if not on_main:
        found.append("this commit is not part of main: tag one that is")
    return found


def section(changelog: str, version: Version) -> str:
    """What the changelog says of one version, without its heading; empty where it says nothing."""
    heading = rf"^## {re.escape(str(version))}: \d{{4}}-\d{{2}}-\d{{2}}[ \t]*$"
    match = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL)
    return match[1].strip() if match else ""


def moving(version: Version, tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that follow this version: each line of which it is the newest."""
    others = [other for other in map(Version.of_tag, tags) if other is not None]
    return tuple(line for line in version.lines if version >= max(o for o in [version, *others] if line in o.lines))


def git(*words: str) -> str:
    """What git says in the project's folder; raises ``CalledProcessError``."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def check(tag: str) -> int:
    """Print every problem; 0 where there is none."""
    ancestor = subprocess.run(["git", "merge-base", "--is-ancestor", "HEAD", "origin/main"], cwd=ROOT, check=False)
    found = problems(
        tag,
        declared=tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        changelog=(ROOT / "CHANGELOG.md").read_text(),
        on_main=ancestor.returncode == 0,
    )
    for line in found:
        print(f"publish: {line}", file=sys.stderr)
    return 1 if found else 0


def build(folder: str) -> int:
    """Both archives, dated with the commit, so that anybody can make the same bytes again."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct")}
    command = ["uv", "build", "--quiet", "--no-sources", "--out-dir", folder]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def notes(tag: str) -> int:
    """Print the section; 1 where there is none."""
    version = Version.of_tag(tag)
    text = section((ROOT / "CHANGELOG.md").read_text(), version) if version else ""
    print(text)
    return 0 if text else 1


def move(tag: str) -> int:
    """Move the tags on the remote, in one push that all of them are part of or none."""
    version = Version.of_tag(tag)
    if version is None:
        return check(tag)
    listed = git("ls-remote", "--tags", "--refs", "origin").splitlines()
    names = [line.partition("refs/tags/")[2] for line in listed]
    if tag not in names:
        print(f"publish: the remote has no tag {tag}: push it first", file=sys.stderr)
        return 1
    git("fetch", "--quiet", "--no-tags", "origin", f"+refs/tags/{tag}:refs/tags/{tag}")
    if git("rev-parse", f"{tag}^{{commit}}") != git("rev-parse", "HEAD"):
        print(f"publish: {tag} is another commit on the remote than the one here: nothing follows it", file=sys.stderr)
        return 1
    wanted = [f"+refs/tags/{tag}^{{}}:refs/tags/{line}" for line in moving(version, names)]
    if wanted:
        git("push", "--quiet", "--atomic", "origin", *wanted)
    return 0


def main(words: list[str]) -> int:
    """Do one of the four and return its exit status."""
    match words:
        case ["check", tag]:
            return check(tag)
        case ["build", folder]:
            return build(folder)
        case ["notes", tag]:
            return notes(tag)
        case ["move", tag]:
            return move(tag)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
