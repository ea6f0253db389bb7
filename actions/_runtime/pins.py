# ruff: noqa: INP001 - a program of its own, not part of a package
"""Which commit of ours the reusable workflows take our Actions from: ``pins.py COMMIT VERSION`` writes it.

GitHub resolves ``uses: ./…`` in a reusable workflow against the repository that calls it, and a commit cannot name
itself.  So a version is two commits: the code, and one after it that pins the first in the workflows and changes
nothing else.  The tag stands on the second.  ``pins.py --published`` says whether that holds for what is checked out.

In a copy of this repository under another name, such as on a GitHub Enterprise Server, the workflows have to name the
copy: ``pins.py --copy OWNER/NAME`` writes that, and leaves the commit as it is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"
PIN = re.compile(rf"(uses: {REPOSITORY}/actions/[a-z]+)@([0-9a-f]{{40}}) # (v[0-9.]+)")
WORKFLOWS = ".github/workflows"
PUBLISHED = ("actions", "src", "schemas", "pyproject.toml", "uv.lock")
"""What an Action consists of: it has to be the same in the pinned commit and in the tagged one."""


def files(root: Path) -> list[Path]:
    """The workflows that use Actions of ours."""
    return [path for path in sorted((root / WORKFLOWS).glob("*.yml")) if PIN.search(path.read_text(encoding="utf-8"))]


def pins(root: Path) -> set[tuple[str, str]]:
    """Every commit that is pinned, with its version; one, where all is well."""
    return {(found[2], found[3]) for path in files(root) for found in PIN.finditer(path.read_text(encoding="utf-8"))}


def write(root: Path, commit: str, version: str) -> None:
    """Pin ``commit`` everywhere."""
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        path.write_text(PIN.sub(rf"\1@{commit} # {version}", text), encoding="utf-8")


def copy(root: Path, repository: str) -> None:
    """Take the Actions from another repository."""
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        named = PIN.sub(lambda pin: re.sub(REPOSITORY, repository, pin[0], count=1), text)
        path.write_text(named, encoding="utf-8")


def problem(root: Path) -> str | None:
    """Why what is checked out cannot be tagged; ``None`` where it can."""
    found = pins(root)
    if len(found) != 1:
        return f"the workflows pin {len(found)} commits of ours, and it has to be one"
    ((commit, _),) = found
    words = ["git", "-C", str(root), "diff", "--quiet", commit, "HEAD", "--", *PUBLISHED]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        return f"the workflows pin {commit}, and the Actions have changed since, or it is not there"
    return None


def main(words: list[str], root: Path = ROOT) -> int:
    """``COMMIT VERSION`` pins, ``--copy OWNER/NAME`` names a copy; ``--published`` only asks."""
    if words == ["--published"]:
        said = problem(root)
        if said is not None:
            sys.stderr.write(f"{said}; run `actions/_runtime/pins.py COMMIT VERSION` and commit\n")
        return 0 if said is None else 1
    if len(words) == 2 and words[0] == "--copy" and re.fullmatch(REPOSITORY, words[1]):  # noqa: PLR2004 - one option
        copy(root, words[1])
        return 0
    if len(words) != 2 or not PIN.fullmatch(f"uses: mlops-gitops/mlops-gitops/actions/x@{words[0]} # {words[1]}"):  # noqa: PLR2004 - COMMIT VERSION
        sys.stderr.write(
            "usage: pins.py COMMIT VERSION, such as 9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394 v1.2.3, "
            "or pins.py --copy OWNER/NAME\n"
        )
        return 2
    write(root, words[0], words[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
