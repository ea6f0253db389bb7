"""What a long training pays for being watched: under the shim alone, and under all of ``reproduce``.

A forest grows for a minute and more: directly, under the shim that watches every run, and as ``reproduce`` trains it
(checkout, confinement, shim).  Goal: at most 5 % more for the whole.  The shim's share is measured there and on two
trainings that give it more to do: one in pure Python, and one that opens a file for every two hundred rows, as every
file that is opened is asked about.  Goal: at most 1 %.  Nothing is traced: tracing, for ``--explain``, has no goal.

    .venv/bin/python benchmarks/long_training.py [--seconds 60] [--rounds 3]

How much is trained is found first, by a short training of each kind.  Runs alternate, and the best of each counts: by
the time on the clock for the whole, by processor time for the shim, which waits for nothing.  It wants a machine with
nothing else to do, and a quarter of an hour; ``--seconds 2 --rounds 1`` shows that it works and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mlops_gitops.adapters import training_variables  # noqa: E402 - the tests' folder comes first
from mlops_gitops.adapters.trainings import SHIM  # noqa: E402
from mlops_gitops.reproduction.trainings import Order  # noqa: E402
from training_grounds import ENVIRONMENT, Ground, ground  # noqa: E402

FOREST = """\
import joblib, numpy
from sklearn.ensemble import RandomForestClassifier
generator = numpy.random.default_rng(0)
features = generator.normal(size=(20_000, 20))
truth = features[:, 0] + features[:, 1] * features[:, 2] + generator.normal(size=20_000) > 0
joblib.dump(RandomForestClassifier({amount}, random_state=0, n_jobs=1).fit(features, truth), "model.json")
"""
PYTHON = """\
import json, random
random.seed(0)
rows = [([random.gauss(0, 1) for _ in range(8)], random.random()) for _ in range(1_000)]
weights = [0.0] * 8
for _ in range({amount}):
    for inputs, target in rows:
        error = sum(one * two for one, two in zip(weights, inputs)) - target
        weights = [weight - 0.001 * error * one for weight, one in zip(weights, inputs)]
json.dump(weights, open("model.json", "w"))
"""
FILES = """\
import json, os, tempfile
folder = tempfile.mkdtemp()
for number in range(200):
    with open(f"{{folder}}/{{number}}.csv", "w") as file:
        file.write("\\n".join(f"{{number}},{{row}}" for row in range(200)))
total = 0
for _ in range({amount}):
    for number in range(200):
        with open(f"{{folder}}/{{number}}.csv") as file:
            total += sum(int(line.partition(",")[2]) for line in file)
json.dump(total, open("model.json", "w"))
"""
VARIABLES = {"OMP_NUM_THREADS": "1"}
GOAL_WHOLE, GOAL_SHIM = 0.05, 0.01


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of the processor."""

    wall: float
    cpu: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=60, help="of the forest, at least; a third of it for the others"
    )
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-bench-") as room:
        for name, text in (("forest", FOREST), ("python", PYTHON), ("files", FILES)):
            here = ground(Path(room) / name)
            here.training["environment"] = VARIABLES
            seconds = wanted.seconds if name == "forest" else wanted.seconds / 3
            amount = lasting(here, text, seconds)
            here.write("train.py", text.format(amount=amount))
            held &= measured(f"{name} of {amount:,}", here, rounds=wanted.rounds, whole=name == "forest")
    return 0 if held else 1


def lasting(here: Ground, text: str, seconds: float) -> int:
    """How much has to be trained to take at least so long: more and more, until it shows what it takes."""
    amount, enough = 4, min(4.0, seconds / 4)
    while True:
        here.write("train.py", text.format(amount=amount))
        spent = direct(here).cpu
        if spent >= enough:
            return int(1.2 * seconds / spent * amount) + 1
        amount *= 4


def measured(name: str, here: Ground, *, rounds: int, whole: bool) -> bool:
    revision = here.commit()
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for _ in range(rounds):
        for kind, spent in (("direct", direct(here)), ("shim", direct(here, shim=True))):
            wall[kind] = min(wall.get(kind, float("inf")), spent.wall)
            cpu[kind] = min(cpu.get(kind, float("inf")), spent.cpu)
        if whole:
            wall["whole"] = min(wall.get("whole", float("inf")), reproduced(here, revision))
    print(f"{name}: directly {wall['direct']:.1f} s")
    held = told_of("the shim", "processor time", cpu["shim"] / cpu["direct"] - 1, GOAL_SHIM)
    if whole:
        held &= told_of("reproduce", "time on the clock", wall["whole"] / wall["direct"] - 1, GOAL_WHOLE)
    return held


def told_of(what: str, of: str, share: float, goal: float) -> bool:
    """Print one share, and whether it holds."""
    held = share <= goal
    print(f"  under {what:<9} {share:+.2%} of {of}, goal at most {goal:.0%}: {'held' if held else 'MISSED'}")
    return held


def direct(here: Ground, *, shim: bool = False) -> Spent:
    """The entry point itself, in the model's folder."""
    environ = {"PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}", "HOME": here.environ["HOME"], **VARIABLES}
    with tempfile.TemporaryDirectory(dir=here.scratch.parent) as room:
        environ["TMPDIR"] = room
        if shim:
            environ = training_variables.watched(environ, shim=SHIM, told=told(here, Path(room)))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = time.perf_counter()
        subprocess.run([str(ENVIRONMENT / "bin" / "python"), "train.py"], cwd=here.folder, env=environ, check=True)
        wall = time.perf_counter() - before
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


def told(here: Ground, room: Path) -> Path:
    """What a run that only watches tells the shim."""
    settings = {
        "trace": str(room),
        "root": str(here.root),
        "writable": [str(here.root), str(room)],
        "inputs": [str(here.folder / "data" / "train.csv")],
        "network": False,
    }
    path = room / "shim.json"
    path.write_text(json.dumps(settings))
    return path


def reproduced(here: Ground, revision: str) -> float:
    """From the manifest to the digest of the artifact."""
    before = time.perf_counter()
    run = here.trainer(revision=revision, seconds=3600).train(Order("measured"))
    seconds = time.perf_counter() - before
    assert run.usable, (run.problems, run.log.read_text())
    return seconds


if __name__ == "__main__":
    sys.exit(main())
