"""Thirty-two runners that start at once on one repository, each with a cache or a clone of its own that is current.

1. Ours, as a schedule or a push starts them: each runs ``promote --all``, which drains whatever is eligible.
2. Ours, each with one model of its own: ``promote MODEL --to dev``.
3. Naive compare-and-swap with retry: each fetches, writes its own slot, commits and pushes until the push is accepted.

Goal: the first at least 5 times as fast as the third until all 32 slots have moved, on the same server.

    .venv/bin/python benchmarks/racing.py [--short] [--write]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, Report, parsed, plain, seconds
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
        drained = ours(made, server, folder / "all", [every] * runners)
        settled(server, names)
        pushed = sum(one.service == PUSH and not one.advertises for one in server.requests)
        own = ours(made, server, folder / "own", [["promote", name, "--to", "dev"] for name in names])
        settled(server, names)
        tries = sum(one.service == PUSH for one in server.requests)
        theirs = naive(made, server, folder / "naive", files)
        settled(server, names)
        report.ratio(f"{runners} runners that drain, as fast as naive retry", theirs / drained, at_least=5)
        report.count("pushes that reached the server", pushed, at_most=2)
        report.ratio(f"{runners} runners with a model each, as fast as naive retry", theirs / own)
        report.ratio("requests to push for each of those models", tries / runners)
        report.time("draining, until the last runner has ended", drained)
        report.time("a model each", own)
        report.time("naive retry", theirs)
    return report.end(arguments)


def restored(made: Ground, server: GitServer) -> str:
    """The repository as it was, on the server; its URL."""
    shutil.rmtree(server.root / "environments.git", ignore_errors=True)
    shutil.copytree(made.bare, server.root / "environments.git")
    server.requests.clear()
    return server.url_of("environments")


def together(commands: Sequence[Sequence[str]], places: Sequence[Path], environs: Sequence[Mapping[str, str]]) -> float:
    """How long it takes until the last of the commands has ended."""
    start = time.perf_counter()
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(words, cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            )
            for words, place, environ in zip(commands, places, environs, strict=True)
        ]
        for one in running:
            said, _ = one.communicate()
            assert one.returncode == 0, said.decode()[-3000:]
    return time.perf_counter() - start


def ours(made: Ground, server: GitServer, folder: Path, commands: Sequence[Sequence[str]]) -> float:
    """The race with caches of their own, all of which know the base."""
    url = restored(made, server)
    seconds([OURS, "status"], environ=made.environ(folder / "first", url))
    caches = [folder / f"cache-{number}" for number in range(len(commands))]
    for cache in caches:
        shutil.copytree(folder / "first", cache)
    server.requests.clear()
    return together(
        [[OURS, *words] for words in commands], [folder] * len(caches), [made.environ(one, url) for one in caches]
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


def naive(made: Ground, server: GitServer, folder: Path, files: Sequence[Path]) -> float:
    """The race with clones of their own."""
    url = restored(made, server)
    clones = [folder / f"clone-{number}" for number in range(len(files))]
    for clone in clones:
        seconds(["git", "clone", "--quiet", url, str(clone)], environ=plain())
    server.requests.clear()
    words = [["sh", "-c", NAIVE, "sh", str(place)] for place in files]
    return together(words, clones, [plain()] * len(clones))


def settled(server: GitServer, names: Sequence[str]) -> None:
    """Nothing was lost: each model has its one receipt."""
    there = server.files("environments")
    for name in names:
        assert sum(path.startswith(f"receipts/dev/{name}/") for path in there) == 1, name


if __name__ == "__main__":
    sys.exit(main())
