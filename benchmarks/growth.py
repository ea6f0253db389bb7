"""What one promotion costs as the environment repository grows: 100, 1,000 and 10,000 models in 5 environments.

A command with the base known, each time for a model that was never promoted, against a server that answers at once.
Beside it what git alone takes for such a commit: ``fast-import`` of the same number of files, and ``push``, on another
copy of the same repository, so that neither meets what the other wrote.  A folder of git is one list of names, and a
stock server walks all folders before it takes a commit, so git's own time grows.  Drawn as a plot for the page.

    .venv/bin/python benchmarks/growth.py [--short] [--write]
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grounds import plots
from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, PAGE, Report, middle, parsed, plain, seconds
from servers.git_http import GitServer, serve

COMMAND = ".venv/bin/python benchmarks/growth.py"
PLOT = PAGE.parent / "growth.svg"


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("growth", COMMAND)
    sizes, repeat = ((10, 20), 1) if arguments.short else ((100, 1000, 10000), 9)
    with tempfile.TemporaryDirectory() as temporary, serve(Path(temporary)) as server:
        places = [Place(ground(models, fresh=200 if models >= 100 else 4), server) for models in sizes]
        rounds = [[(place.promotion(), place.git_alone()) for place in places] for _ in range(repeat + 1)][1:]
    ours, alone = ([middle(one[kind] for one in column) for column in zip(*rounds, strict=True)] for kind in (0, 1))
    for models, taken, least in zip(sizes, ours, alone, strict=True):
        report.time(f"one promotion among {models:,} models", taken)
        report.time("such a commit and push by git alone", least)
    among = f"among {sizes[-1]:,} models, of that among {sizes[0]:,}"
    report.ratio(f"the time of one promotion {among}", ours[-1] / ours[0], at_most=3)
    report.ratio(f"what is added to git's own time {among}", (ours[-1] - alone[-1]) / (ours[0] - alone[0]), at_most=2)
    if arguments.write:
        lines = {"a promotion": list(zip(sizes, ours, strict=True)), "git alone": list(zip(sizes, alone, strict=True))}
        PLOT.write_text(plots.growth(lines))
    return report.end(arguments)


class Place:
    """One size: for each of the two a copy to write to, and a cache that knows the base after the first time."""

    def __init__(self, made: Ground, server: GitServer) -> None:
        ours, theirs = f"ours-{made.models}", f"theirs-{made.models}"
        for name in (ours, theirs):
            shutil.copytree(made.bare, server.folder_of(name))
        self.mirror, self.url = server.root / f"mirror-{made.models}", server.url_of(theirs)
        seconds(["git", "init", "--quiet", "--bare", str(self.mirror)], environ=plain())
        self.git("fetch", "--quiet", self.url, "main:main")
        self.numbers = itertools.count()
        self.fresh = iter(name_of(made.models + number) for number in range(made.fresh))
        self.environ = made.environ(server.root / f"cache-{made.models}", server.url_of(ours))

    def promotion(self) -> float:
        """The time of one promotion, of a model that runs nowhere yet."""
        return seconds([OURS, "promote", next(self.fresh), "--to", "dev"], environ=self.environ)

    def git_alone(self) -> float:
        """The time of writing and pushing three more files in the same folders, without a tool."""
        number = next(self.numbers)
        parts = [b"commit refs/heads/main\nmark :1\ncommitter A <a@example.com> 1700000000 +0000\ndata 2\nx\n"]
        parts.append(b"from refs/heads/main^0\n")
        for folder in ("environments/dev", "environments/dev", "receipts/dev"):
            path = f"{folder}/peer-{number}/{len(parts)}".encode()
            parts.append(b"M 100644 inline %b\ndata 2000\n%b\n" % (path, os.urandom(1000).hex().encode()))
        start = time.perf_counter()
        self.git("fast-import", "--quiet", stdin=b"".join(parts))
        self.git("push", "--quiet", self.url, "main")
        return time.perf_counter() - start

    def git(self, *words: str, stdin: bytes | None = None) -> bytes:
        """Plain git in a repository that knows the base, too."""
        argv = ["git", "--git-dir", str(self.mirror), *words]
        return subprocess.run(argv, input=stdin, env=plain(), stdout=subprocess.PIPE, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
