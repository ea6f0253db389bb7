"""What ``plan`` takes in a repository of 1,000 models where a change touches three of them.

One names its own files, one data outside of its folder, one is reached through a shared lock.  Beside it what git alone
takes to list the files that differ.

    .venv/bin/python benchmarks/plan.py [--short] [--write]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from grounds.timing import OURS, Report, best, middle, parsed, plain, seconds
from validate import MANIFEST

COMMAND = ".venv/bin/python benchmarks/plan.py"
TOUCHED = {"model-0003", "model-0005", "model-0007"}


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("plan", COMMAND)
    count, repeat = (20, 1) if arguments.short else (1000, 9)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate(folder, count)
        words = [OURS, "plan", "--base", "HEAD^", "--format", "json"]
        told = subprocess.run(words, cwd=folder, env=plain(), capture_output=True, text=True, check=True).stdout
        found = {entry["models"] for entry in json.loads(told)["matrix"]["include"]}
        assert found == TOUCHED, found
        ours = [seconds(words, cwd=folder, environ=plain()) for _ in range(repeat)]
        alone = [seconds(["git", "diff-tree", "-r", "HEAD^", "HEAD"], cwd=folder, environ=plain()) for _ in ours]
    report.time(f"a change to 3 of {count:,} models: their matrix", middle(ours), at_most=1.0)
    report.time("the files that differ, by git alone", best(alone))
    return report.end(arguments)


def generate(folder: Path, count: int) -> None:
    """Models with all their files in one commit, and a change to three of them in the next."""
    for number in range(count):
        place = folder / "models" / f"model-{number:04}"
        text = MANIFEST.format(name=place.name, number=number)
        if number == 5:
            text = text.replace("uri: data/train.csv", "uri: ../../data/shared.csv")
        if number == 7:
            text = text.replace("lock: requirements.lock", "lock: ../../locks/seven.lock")
        (place / "data").mkdir(parents=True)
        (place / "model.yaml").write_text(text)
        for file in ("train.py", "requirements.lock", "data/train.csv", "data/test.csv"):
            (place / file).write_text("")
    git(folder, "init", "--quiet")
    commit(folder)
    for name in ("models/model-0003/train.py", "data/shared.csv", "locks/seven.lock", "README.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed")
    commit(folder)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
