"""Real trainings under the real shim: each a process of its own, with what it noted read back."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters import training_traces
from mlops_gitops.adapters.trainings import SHIM

TABLE = "a,b,label\n" + "".join(f"{n % 17},{(n * 7) % 23}.5,{n * 7 % 23 > 11:d}\n" for n in range(120))


@dataclass(frozen=True)
class Traced:
    """How a training ended and what it noted."""

    code: int
    output: str
    trace: training_traces.Trace

    @property
    def stages(self) -> dict[str, str]:
        return {one.name: one.ordered for one in self.trace.stages}

    @property
    def calls(self) -> set[tuple[str, int]]:
        return {(one.kind, one.place.line) for one in self.trace.calls}

    def parts_at(self, other: "Traced") -> str | None:
        """The name of the first stage at which two runs part."""
        pairs = zip(self.trace.stages, other.trace.stages, strict=True)
        return next((one.name for one, two in pairs if one.ordered != two.ordered), None)


def trained(folder: Path, code: str, *, torch: Path | None = None, **settings: object) -> Traced:
    """Run ``code`` as a training in ``folder``, which is made again from nothing."""
    number = len(list(folder.iterdir())) if folder.exists() else 0
    base = folder / str(number)
    work, trace, tmp = base / "work", base / "trace", base / "tmp"
    for one in (work / "data", trace, tmp):
        one.mkdir(parents=True)
    (work / "train.py").write_text(code)
    (work / "data" / "train.csv").write_text(TABLE)
    told = {
        "trace": str(trace),
        "root": str(work),
        "writable": [str(work), str(tmp)],
        "inputs": [str(work / "data" / "train.csv")],
        "network": False,
        "traced": True,
        "seed": None,
        **dict.fromkeys(("entropy", "reverse_listing", "deterministic", "shuffle"), False),
        **settings,
    }
    (trace / "shim.json").write_text(json.dumps(told))
    path = os.pathsep.join([str(SHIM), *([str(torch)] if torch else [])])
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp),
        "TMPDIR": str(tmp),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": path,
        "MLOPS_GITOPS_TRAINING": str(trace / "shim.json"),
    }
    words = [sys.executable, "train.py"]
    done = subprocess.run(words, cwd=work, env=environ, capture_output=True, text=True, check=False, timeout=120)
    read = training_traces.read(trace, root=str(work), checkout=work)
    return Traced(done.returncode, done.stdout + done.stderr, read)
