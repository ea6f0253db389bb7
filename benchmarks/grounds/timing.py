"""Measuring commands, and saying what was found: as ratios within one run, with the command that repeats it."""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OURS = str(BIN / "mlops-gitops")
PAGE = ROOT / "docs" / "reference" / "performance.md"


def seconds(
    words: Sequence[str], *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None, codes: Iterable[int] = (0,)
) -> float:
    """How long a command takes, from its start to its end."""
    start = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    assert done.returncode in codes, f"{words} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return taken


def processor_time() -> float:
    """Seconds of the processors that processes have used which were started here and have ended, servers' too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def best(found: Iterable[float]) -> float:
    """The least disturbed of some measurements."""
    return min(found)


def middle(found: Iterable[float]) -> float:
    """The median of some measurements."""
    return statistics.median(found)


@dataclass(frozen=True)
class Line:
    """One number, what it should be, and whether it is."""

    what: str
    found: str
    goal: str = ""
    met: bool = True


@dataclass
class Report:
    """What one benchmark found."""

    name: str
    command: str
    lines: list[Line] = field(default_factory=list)

    def ratio(self, what: str, value: float, *, at_least: float | None = None, at_most: float | None = None) -> None:
        """A ratio with its goal; printed at once."""
        goal = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}" if at_most else ""
        met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
        self.add(Line(what, f"{value:.2f} times" if value < 10 else f"{value:.0f} times", goal, met))

    def count(self, what: str, value: int, *, at_most: int) -> None:
        """A number of requests with its goal."""
        self.add(Line(what, str(value), f"at most {at_most}", value <= at_most))

    def time(self, what: str, value: float, *, at_most: float | None = None) -> None:
        """A time in seconds: on this machine, for what it is worth."""
        goal = f"at most {at_most:g} s" if at_most is not None else ""
        self.add(Line(what, f"{value:.2f} s", goal, at_most is None or value <= at_most))

    def add(self, line: Line) -> None:
        """Keep it and print it."""
        self.lines.append(line)
        goal = f" (goal: {line.goal}{'' if line.met else ', MISSED'})" if line.goal else ""
        print(f"{line.what}: {line.found}{goal}", flush=True)

    def table(self) -> str:
        """As Markdown."""
        rows = [f"| {one.what} | {one.found} | {one.goal or 'none'} |" for one in self.lines]
        return "\n".join([f"```console\n$ {self.command}\n```\n", "| what | found | goal |", "|---|---|---|", *rows])

    def end(self, arguments: argparse.Namespace) -> int:
        """Write the table where it was asked for, and the exit status: 1 where a goal was missed in the full form."""
        if arguments.write:
            text = PAGE.read_text()
            marks = rf"(<!-- benchmark: {self.name} begin -->\n).*?(<!-- benchmark: {self.name} end -->)"
            PAGE.write_text(re.sub(marks, lambda found: f"{found[1]}{self.table()}\n{found[2]}", text, flags=re.DOTALL))
        return 0 if arguments.short or all(one.met for one in self.lines) else 1


def parsed(description: str) -> argparse.Namespace:
    """The options that every benchmark has."""
    return options(description).parse_args()


def options(description: str) -> argparse.ArgumentParser:
    """The same, to add more."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="everything once and small: shows that it runs, no more")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    return parser


def plain() -> dict[str, str]:
    """The environment of a peer: nothing of ours, and an identity for git."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("MG_", "GIT_"))}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    who = {"NAME": "Ada Example", "EMAIL": "ada@example.com"}
    return {**found, **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}}
