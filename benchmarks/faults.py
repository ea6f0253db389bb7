"""How many causes ``reproduce --explain`` names rightly: every planted training, and the controls that have no cause.

Each of ``tests/reproduction/faults`` is trained as ``reproduce`` trains it, twice, and explained; the trainings are
real processes under the real shim.  Right is an explanation that names the planted factor and no other; whether the
stage and the line are right is told beside it.  For a control, right is an explanation that names nothing.

    .venv/bin/python benchmarks/faults.py [--jobs 2] [--write] [NAME ...]

``--write`` puts the table into ``docs/reference/causes.md``.  Half an hour on two cores, most of it imports.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import reproduction_faults as faults  # noqa: E402 - lies in tests, which is no package
from grounds.simulation import put  # noqa: E402 - as above
from mlops_gitops.reproduction.reproductions import Explanation  # noqa: E402 - as above

PAGE = ROOT / "docs/reference/causes.md"


@dataclass(frozen=True)
class Row:
    """One training, what is the matter with it, what was said of it, and whether that is right."""

    name: str
    planted: str
    said: str
    stage: str
    line: str
    right: bool
    runs: int
    seconds: float


def measure(name: str) -> Row:
    """Train and explain one of them."""
    fault = next((one for one in faults.FAULTS if one.name == name), None)
    training = fault.path if fault else faults.FOLDER / "controls" / f"{name}.py"
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        found, runs = faults.reproduced(training, Path(scratch))
    seconds = time.monotonic() - began
    said = ", ".join(one.factor for one in found.causes) or "nothing"
    if fault is None:
        return Row(name, "nothing", said, "", "", not found.causes, runs, seconds)
    right, stage, line = faults.named(fault, found)
    return Row(name, fault.factor, said, _stage(found, right=stage), _line(found, right=line), right, runs, seconds)


def _stage(found: Explanation, *, right: bool) -> str:
    told = " ".join((one.stage or "artifact").partition("#")[0] for one in found.causes[:1])
    return told if right else f"{told or 'none'} (wrong)"


def _line(found: Explanation, *, right: bool) -> str:
    places = [one for one in found.causes[:1] if one.place]
    seen = "seen" if any(one.certain for one in places) else "read"
    return seen if right else "wrong" if places else "none"


def table(rows: list[Row]) -> str:
    """The table as it is published."""
    planted = [one for one in rows if one.planted != "nothing"]
    controls = [one for one in rows if one.planted == "nothing"]
    stages = sum(not one.stage.endswith("(wrong)") for one in planted)
    lines = sum(one.line in {"seen", "read"} for one in planted)
    named, blameless = sum(one.right for one in planted), sum(one.right for one in controls)
    told = (
        f"{named} of {len(planted)} causes are named rightly, with no other beside; the first stage for {stages},\n"
        f"the line for {lines}. {blameless} of {len(controls)} deterministic trainings are blamed for nothing."
    )
    words = [
        told,
        "",
        "| training | planted | named | first stage | line | right | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        right = "yes" if one.right else "**no**"
        words.append(f"| `{one.name}` | {one.planted} | {one.said} | {one.stage} | {one.line} | {right} | {one.runs} |")
    return "\n".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these trainings")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    chosen = parser.parse_args()
    names = chosen.names or [*(one.name for one in faults.FAULTS), *faults.CONTROLS]
    rows = []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for row in pool.map(measure, names):
            rows.append(row)
            print(row, flush=True)
    print(table(rows))
    if chosen.write:
        put(PAGE, "faults", table(rows))


if __name__ == "__main__":
    main()
