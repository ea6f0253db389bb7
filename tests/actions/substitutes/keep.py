"""Artifacts in a folder: what ``upload-artifact`` and ``download-artifact`` do, as far as our workflows ask."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import sys
from pathlib import Path

KEPT = Path(os.environ["ARTIFACTS"])


def upload(name: str, paths: list[str], missing: str) -> int:
    """GitHub refuses these characters in the name of an artifact."""
    if re.search(r'[":<>|*?\r\n\\/]', name) or not name:
        sys.stderr.write(f"no name for an artifact: {name!r}\n")
        return 1
    found = [Path(one) for one in paths if one and Path(one).exists()]
    target = KEPT / name
    shutil.rmtree(target, ignore_errors=True)
    for one in found:
        if one.is_dir():
            shutil.copytree(one, target, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, target / one.name)
    return 1 if not found and missing == "error" else 0


def download(name: str, pattern: str, path: str, *, merged: bool) -> int:
    """One artifact into a folder; or all that fit, each into a folder of its name, or ``merged`` into the one."""
    if name:
        if not (KEPT / name).is_dir():
            return 1
        shutil.copytree(KEPT / name, path, dirs_exist_ok=True)
        return 0
    Path(path).mkdir(parents=True, exist_ok=True)
    for one in KEPT.iterdir() if KEPT.is_dir() else ():
        if fnmatch.fnmatchcase(one.name, pattern):
            shutil.copytree(one, Path(path) if merged else Path(path) / one.name, dirs_exist_ok=merged)
    return 0


if __name__ == "__main__":
    given = {key: os.environ.get(f"KEEP_{key}", "") for key in ("NAME", "PATH", "MISSING", "PATTERN", "MERGED")}
    if sys.argv[1] == "upload":
        sys.exit(upload(given["NAME"], [one.strip() for one in given["PATH"].splitlines()], given["MISSING"]))
    sys.exit(download(given["NAME"], given["PATTERN"], given["PATH"], merged=given["MERGED"] == "true"))
