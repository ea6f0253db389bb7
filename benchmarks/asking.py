"""What it costs to ask what runs where.

1. ``status`` at 10,000 entries (2,000 models in 5 environments) against ``gto show`` with 10,000 tags, both on a
   repository that is on this machine.  Goal: at least 50 times as fast.  gto is installed into an environment of its
   own by uv.
2. ``status`` of 10,000 models in 5 environments: with the table remembered (goal: at most 1 s), after one promotion
   elsewhere, with everything fetched and nothing remembered, and from nothing.

    .venv/bin/python benchmarks/asking.py [--short] [--write]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, ROOT, Report, best, parsed, plain, seconds
from servers.git_http import serve

COMMAND = ".venv/bin/python benchmarks/asking.py"
GTO = "gto==1.10.1"


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("asking", COMMAND)
    few, many = (
        (ground(20, fresh=2), ground(30, fresh=4)) if arguments.short else (ground(2000), ground(10000, fresh=200))
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not arguments.short:
            peer(few, folder, report)
        large(many, folder / "large", report, repeat=1 if arguments.short else 5)
    return report.end(arguments)


def peer(made: Ground, folder: Path, report: Report) -> None:
    """Against ``gto show``."""
    environ = made.environ(folder / "cache")
    seconds([OURS, "status"], environ=environ)
    ours = best(seconds([OURS, "status"], environ=environ) for _ in range(5))
    entries = made.models * 5
    theirs = seconds([gto(folder), "show"], cwd=tagged(folder / "tags", entries), environ=plain())
    report.ratio(f"status of {entries} slots, as fast as gto show with {entries} tags", theirs / ours, at_least=50)


def gto(folder: Path) -> str:
    """The peer, in an environment of its own."""
    uv = shutil.which("uv") or next(map(str, (ROOT / ".uv").rglob("bin/uv")), "uv")
    seconds([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "peer")])
    seconds([uv, "pip", "install", "--quiet", "--python", str(folder / "peer" / "bin" / "python"), GTO])
    return str(folder / "peer" / "bin" / "gto")


def tagged(work: Path, entries: int) -> Path:
    """A repository in which gto finds so many versions: of models of ours' number, five of each."""
    seconds(["git", "init", "--quiet", "--initial-branch=main", str(work)], environ=plain())
    seconds(["git", "commit", "--quiet", "--allow-empty", "-m", "Start"], cwd=work, environ=plain())
    tip = (
        subprocess.run(["git", "rev-parse", "HEAD"], cwd=work, capture_output=True, check=True).stdout.decode().strip()
    )
    said = []
    for number in range(entries):
        name = f"{name_of(number // 5)}@v0.0.{number % 5 + 1}"
        message = f"Register {name}"
        said.append(
            f"tag {name}\nfrom {tip}\ntagger Ada Example <ada@example.com> {1_700_000_000 + number} +0000\n"
            f"data {len(message)}\n{message}\n"
        )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=work, input="".join(said).encode(), check=True)
    return work


def large(made: Ground, folder: Path, report: Report, *, repeat: int) -> None:
    """Five environments of as many models as there are, behind a server that counts."""
    with serve(folder / "served") as server:
        shutil.copytree(made.bare, server.root / "environments.git")
        environ = made.environ(folder / "cache", server.url_of("environments"))
        what = f"status of {made.models + made.fresh} models in 5 environments"
        nothing = seconds([OURS, "status"], environ=environ)
        asked = len(server.requests)
        shutil.rmtree(folder / "cache" / "tables")
        fetched = seconds([OURS, "status"], environ=environ)
        warm = best(seconds([OURS, "status"], environ=environ) for _ in range(repeat))
        machine = best(seconds([OURS, "status", "--format", "json"], environ=environ) for _ in range(repeat))
        seconds([OURS, "promote", name_of(made.models), "--to", "dev"], environ=environ)
        moved = seconds([OURS, "status"], environ=environ)
    report.count(f"requests of {what}, from nothing", asked, at_most=5)
    report.time(f"{what}, fetched and asked before", warm, at_most=1)
    report.time("the same as JSON", machine, at_most=1)
    report.time("the same after a promotion of one of them", moved)
    report.time("the same, fetched and never asked before", fetched)
    report.time("the same, from nothing: fetched, checked by git, and every slot judged", nothing)


if __name__ == "__main__":
    sys.exit(main())
