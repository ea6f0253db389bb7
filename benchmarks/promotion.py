"""What one promotion costs, against cloning the environment repository to make the same change.

1. One promotion with the base known, as a command, against ``git clone``, edit, ``git commit``, ``git push`` of the
   same files, on a repository of 6,000 files and 5,000 commits, each request delayed by 50 ms.  Goal: at least 5 times
   as fast.  Requests are counted by the server.
2. A hundred promotions: one push, and at most 3 times the time of one.

    .venv/bin/python benchmarks/promotion.py [--short] [--write]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, Report, best, parsed, plain, seconds
from servers.git_http import PUSH, Fault, GitServer, serve

DELAY = 0.05
COMMAND = ".venv/bin/python benchmarks/promotion.py"


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("promotion", COMMAND)
    made = ground(20, fresh=12, commits=50) if arguments.short else ground(300, fresh=120, commits=5000)
    repeat, many = (1, 10) if arguments.short else (5, 100)
    with tempfile.TemporaryDirectory() as temporary, serve(Path(temporary) / "served") as server:
        server.arm(Fault(delay=DELAY), service="", advertises=None, times=10**9)
        race(made, server, Path(temporary), report, repeat=repeat, many=many)
    return report.end(arguments)


def race(made: Ground, server: GitServer, folder: Path, report: Report, *, repeat: int, many: int) -> None:
    shutil.copytree(made.bare, server.root / "environments.git")
    shutil.copytree(made.bare, server.root / "before.git")
    url = server.url_of("environments")
    environ = made.environ(folder / "cache", url)
    fresh = iter(name_of(made.models + number) for number in range(made.fresh))
    promote = [OURS, "promote"]
    cold = seconds([*promote, next(fresh), "--to", "dev"], environ=environ)
    report.count("requests of a promotion from nothing", spent(server), at_most=5)
    ours, theirs = [], []
    for number in range(repeat):
        name = next(fresh)
        ours.append(seconds([*promote, name, "--to", "dev"], environ=environ))
        if not number:
            report.count("requests of a promotion with the base known", spent(server), at_most=2)
        change = changed(server.folder_of("environments"))
        theirs.append(cloned(server.url_of("before"), change, folder / f"clone-{number}"))
    report.ratio("one promotion, as fast as clone, edit, commit, push", best(theirs) / best(ours), at_least=5)
    report.ratio("the same from nothing, on a machine that never saw the repository", best(theirs) / cold)
    server.requests.clear()
    together = seconds([*promote, "--all"], environ=environ)
    pushes = sum(one.service == PUSH and not one.advertises for one in server.requests)
    report.count(f"pushes of {made.fresh - 1 - repeat} promotions", pushes, at_most=1)
    report.count(f"requests of {made.fresh - 1 - repeat} promotions", spent(server), at_most=2)
    assert made.fresh - 1 - repeat >= many
    report.ratio(f"{made.fresh - 1 - repeat} promotions, of the time of one", together / best(ours), at_most=3)


def spent(server: GitServer) -> int:
    count = len(server.requests)
    server.requests.clear()
    return count


def changed(bare: Path) -> dict[str, bytes]:
    """The files that the newest commit wrote."""

    def git(*words: str) -> bytes:
        return subprocess.run(["git", "--git-dir", str(bare), *words], capture_output=True, check=True).stdout

    names = git("diff-tree", "-r", "--name-only", "--no-commit-id", "main").decode().split()
    return {name: git("cat-file", "blob", f"main:{name}") for name in names}


def cloned(url: str, change: dict[str, bytes], work: Path) -> float:
    """Clone, write the same files, commit, push."""
    environ = plain()
    taken = seconds(["git", "clone", "--quiet", url, str(work)], environ=environ)
    for path, data in change.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    for words in (["add", "--all"], ["commit", "--quiet", "-m", "Promote"], ["push", "--quiet", "origin", "main"]):
        taken += seconds(["git", *words], cwd=work, environ=environ)
    return taken


if __name__ == "__main__":
    sys.exit(main())
