"""What ``reproduce`` adds to a training, with its environment cached, against the same entry point run directly.

Direct: the same command in the same environment, in the model's folder, with the same variables.  Ours: the inputs
checked, the packages listed, a checkout of the commit, the confinement, the shim, and the digest of what came out.
Goal: at most 5 % or 2 s more, whichever is more.  Tracing, which only ``--explain`` asks for, is measured beside it and
has no goal.

    .venv/bin/python benchmarks/reproduce.py [--rounds 3] [--trees 60]

Runs alternate, and the best of each counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mlops_gitops.reproduction.trainings import Order  # noqa: E402 - the tests' folder comes first
from training_grounds import ENVIRONMENT, Ground, ground  # noqa: E402

NOTHING = "open('model.json', 'w').write('{}')\n"
FOREST = """\
import joblib, numpy, pandas
from sklearn.ensemble import RandomForestClassifier
generator = numpy.random.default_rng(0)
features = pandas.DataFrame(generator.normal(size=(20_000, 20)))
truth = features[0] + features[1] * features[2] + generator.normal(size=20_000) > 0
forest = RandomForestClassifier({trees}, random_state=0, n_jobs=1).fit(features, truth)
joblib.dump(forest, "model.json")
"""
VARIABLES = {"OMP_NUM_THREADS": "1"}
GOAL_SECONDS, GOAL_SHARE = 2.0, 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description="What reproduce adds to a training.")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--trees", type=int, default=60, help="trees of the forest (default: 60)")
    wanted = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-bench-") as room:
        for name, text in (("nothing", NOTHING), (f"a forest of {wanted.trees}", FOREST.format(trees=wanted.trees))):
            here = ground(Path(room) / name.replace(" ", "-"))
            here.training["environment"] = VARIABLES
            here.write("train.py", text)
            held &= measured(name, here, here.commit(), rounds=wanted.rounds)
    return 0 if held else 1


def measured(name: str, here: Ground, revision: str, *, rounds: int) -> bool:
    kinds: dict[str, Callable[[], float]] = {
        "direct": lambda: direct(here),
        "confined": lambda: ours(here, revision),
        "plain": lambda: ours(here, revision, confined=False),
        "traced": lambda: ours(here, revision, traced=True),
    }
    best: dict[str, float] = {}
    for _ in range(rounds):
        for kind, run in kinds.items():
            best[kind] = min(best.get(kind, float("inf")), run())
    print(f"training {name}: directly {best['direct']:.2f} s")
    allowed = max(GOAL_SECONDS, GOAL_SHARE * best["direct"])
    held = True
    for kind in ("confined", "plain", "traced"):
        more = best[kind] - best["direct"]
        goal = "" if kind == "traced" else f", goal at most {allowed:.2f} s: {'held' if more <= allowed else 'MISSED'}"
        held &= kind == "traced" or more <= allowed
        print(f"  {kind:<9} {best[kind]:6.2f} s   {more:+.2f} s ({more / best['direct']:+.1%}){goal}")
    return held


def direct(here: Ground) -> float:
    environ = {"PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}", "HOME": here.environ["HOME"], **VARIABLES}
    before = time.perf_counter()
    subprocess.run([str(ENVIRONMENT / "bin" / "python"), "train.py"], cwd=here.folder, env=environ, check=True)
    return time.perf_counter() - before


def ours(here: Ground, revision: str, *, confined: bool = True, traced: bool = False) -> float:
    """From the manifest to the digest of the artifact; what is looked up once for several runs is in it too."""
    before = time.perf_counter()
    run = here.trainer(revision=revision, confined=confined).train(Order("measured", traced=traced))
    seconds = time.perf_counter() - before
    assert run.usable, (run.problems, run.log.read_text())
    return seconds


if __name__ == "__main__":
    sys.exit(main())
