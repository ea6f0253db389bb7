"""Thirty-two runners that start at once on one repository, each with a cache or a clone of its own that is current.

1. Ours, as a schedule or a push starts them: each runs ``promote --all``, which drains whatever is eligible.
2. Ours, each with one model of its own: ``promote MODEL --to dev``.
3. Naive compare-and-swap with retry: each fetches, writes its own slot, commits and pushes until the push is accepted.

Goal: the first at least 5 times as fast as the third until all 32 slots have moved, on the same server.  A runner that
finds that others have done its work ends a little later; that is told beside it.  All of them share the processors of
this machine with the server, where real runners have one each, so the processor time of each race is told as well: that
of 32 interpreters or of as many times git, and of what the server does for them.

    .venv/bin/python benchmarks/racing.py [--short] [--write]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, Report, parsed, plain, processor_time, seconds
from servers.git_http import PUSH, GitServer, serve

COMMAND = ".venv/bin/python benchmarks/racing.py"
NAIVE = """
until git fetch --quiet && git reset --quiet --hard origin/main && cp -r "$1/." . &&
    git add --all && git commit --quiet -m Promote && git push --quiet origin main; do :; done
"""


def main() -> int:
    arguments = parsed(__doc__ or "")
    runners = 4 if arguments.short else 32
    report = Report("racing", COMMAND)
    made = ground(8, fresh=4) if arguments.short else ground(300, fresh=32)
    names = [name_of(made.models + number) for number in range(made.fresh)]
    with tempfile.TemporaryDirectory() as temporary, serve(Path(temporary) / "served") as server:
        folder = Path(temporary)
        files = contents(made, folder, names)
        every = ["promote", "--all"]
        drained = ours(made, server, folder / "all", [every] * runners, names)
        settled(server, names)
        pushed = sum(one.service == PUSH and not one.advertises for one in server.requests)
        own = ours(made, server, folder / "own", [["promote", name, "--to", "dev"] for name in names], names)
        settled(server, names)
        tries = sum(one.service == PUSH for one in server.requests)
        theirs = naive(made, server, folder / "naive", files, names)
        settled(server, names)
        report.ratio(
            f"{runners} runners that drain, as fast as naive retry", theirs.settled / drained.settled, at_least=5
        )
        report.ratio("pushes that reached the server while they drained, of one for each runner", pushed / runners)
        report.ratio(f"{runners} runners with a model each, as fast as naive retry", theirs.settled / own.settled)
        report.ratio("requests to push for each of those models", tries / runners)
        for name, race in (("draining", drained), ("a model each", own), ("naive retry", theirs)):
            report.time(f"{name}, until all slots have moved", race.settled)
            report.time(f"{name}, until the last runner has ended", race.ended)
            report.time(f"{name}, processor time of all runners and the server", race.processor)
    return report.end(arguments)


def restored(made: Ground, server: GitServer) -> str:
    """The repository as it was, on the server; its URL."""
    shutil.rmtree(server.root / "environments.git", ignore_errors=True)
    shutil.copytree(made.bare, server.root / "environments.git")
    server.requests.clear()
    return server.url_of("environments")


class Race(NamedTuple):
    """Seconds until every slot had moved on the server, until the last runner had ended, and of the processors."""

    settled: float
    ended: float
    processor: float


def together(
    commands: Sequence[Sequence[str]],
    places: Sequence[Path],
    environs: Sequence[Mapping[str, str]],
    *,
    moved: Callable[[], bool],
) -> Race:
    """Start all commands at once, and watch the server until they have ended."""
    start, spent = time.perf_counter(), processor_time()
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(words, cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            )
            for words, place, environ in zip(commands, places, environs, strict=True)
        ]
        with ThreadPoolExecutor(1) as watch:
            settled = watch.submit(_seen, moved, alive=lambda: any(one.poll() is None for one in running))
            for one in running:
                said, _ = one.communicate()
                assert one.returncode == 0, said.decode()[-3000:]
            ended = time.perf_counter()
            return Race(settled.result() - start, ended - start, processor_time() - spent)


def _seen(moved: Callable[[], bool], *, alive: Callable[[], bool]) -> float:
    """When it was seen that everything has moved; the end of the race where that was not seen before."""
    while alive():
        at = time.perf_counter()
        if moved():
            return at
        time.sleep(0.02)
    return time.perf_counter()


def watched(server: GitServer, names: Sequence[str]) -> Callable[[], bool]:
    """Whether each model has its pointer on the server; the tree is only read when the branch has moved."""
    branch, seen = server.folder_of("environments") / "refs" / "heads" / "main", [""]

    def moved() -> bool:
        tip = branch.read_text() if branch.exists() else ""
        if tip == seen[0]:
            return False
        seen[0] = tip
        there = set(server.files("environments"))
        return all(f"environments/dev/{name}/release.yaml" in there for name in names)

    return moved


def ours(
    made: Ground, server: GitServer, folder: Path, commands: Sequence[Sequence[str]], names: Sequence[str]
) -> Race:
    """The race with caches of their own, all of which know the base."""
    url = restored(made, server)
    seconds([OURS, "status"], environ=made.environ(folder / "first", url))
    caches = [folder / f"cache-{number}" for number in range(len(commands))]
    for cache in caches:
        shutil.copytree(folder / "first", cache)
    server.requests.clear()
    return together(
        [[OURS, *words] for words in commands],
        [folder] * len(caches),
        [made.environ(one, url) for one in caches],
        moved=watched(server, names),
    )


def contents(made: Ground, folder: Path, names: Sequence[str]) -> list[Path]:
    """For each model a folder with what a promotion of it writes, made by a real one."""
    bare, places = folder / "made.git", [folder / "files" / name for name in names]
    shutil.copytree(made.bare, bare)
    seconds([OURS, "promote", "--all"], environ=made.environ(folder / "made", str(bare)))
    for name, place in zip(names, places, strict=True):
        place.mkdir(parents=True)
        kept = [f"environments/dev/{name}", f"receipts/dev/{name}"]
        packed = subprocess.run(
            ["git", "--git-dir", str(bare), "archive", "main", *kept], stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(place)], input=packed.stdout, check=True)
    return places


def naive(made: Ground, server: GitServer, folder: Path, files: Sequence[Path], names: Sequence[str]) -> Race:
    """The race with clones of their own."""
    url = restored(made, server)
    clones = [folder / f"clone-{number}" for number in range(len(files))]
    for clone in clones:
        seconds(["git", "clone", "--quiet", url, str(clone)], environ=plain())
    server.requests.clear()
    words = [["sh", "-c", NAIVE, "sh", str(place)] for place in files]
    return together(words, clones, [plain()] * len(clones), moved=watched(server, names))


def settled(server: GitServer, names: Sequence[str]) -> None:
    """Nothing was lost: each model has its one receipt."""
    there = server.files("environments")
    for name in names:
        assert sum(path.startswith(f"receipts/dev/{name}/") for path in there) == 1, name


if __name__ == "__main__":
    sys.exit(main())
