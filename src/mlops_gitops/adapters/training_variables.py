"""The environment variables of a training: a handful of ours, the declared ones, and what an order varies.

Nothing of the caller's environment is passed on, so that a training can depend only on what its manifest says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.reproduction.trainings import Conditions
from mlops_gitops.times import parse_instant

THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
)
"""Every variable by which a library of numbers is told how many threads to start."""
DETERMINISTIC = {"PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""What is set besides, where deterministic settings are asked for and the manifest declares nothing else."""
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_FAKETIME = (
    "usr/lib/*/faketime/libfaketime.so.1",
    "usr/lib*/faketime/libfaketime.so.1",
    "usr/local/lib/faketime/*.so.1",
)


def variables(
    declared: Mapping[str, str], conditions: Conditions, *, path: tuple[str, ...], home: Path, tmp: Path
) -> dict[str, str]:
    """The variables of one run.  ``path`` comes before the system's; what the order varies wins over all."""
    found = {
        "HOME": str(home),
        "TMPDIR": str(tmp),
        "USER": conditions.user,
        "LOGNAME": conditions.user,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(DETERMINISTIC if conditions.deterministic else {}),
        **declared,
        "PATH": os.pathsep.join([*path, *([declared["PATH"]] if "PATH" in declared else []), *SYSTEM_PATH]),
    }
    if conditions.threads is not None:
        found |= dict.fromkeys(THREADS, str(conditions.threads))
    return {**found, **conditions.environment}


def watched(found: Mapping[str, str], *, shim: Path, told: Path) -> dict[str, str]:
    """The same, with the shim first on Python's path and the file that tells it what to do."""
    path = [str(shim), *([found["PYTHONPATH"]] if found.get("PYTHONPATH") else [])]
    return {**found, "PYTHONPATH": os.pathsep.join(path), "MLOPS_GITOPS_TRAINING": str(told)}


def clocked(words: tuple[str, ...], conditions: Conditions) -> tuple[str, ...]:
    """The command with the clock that the order asks for.

    Set by ``env`` and not for the whole run: what confines the training keeps the clock of the machine.
    """
    library = faketime()
    if conditions.clock is None or library is None:
        return words
    return ("env", *(f"{name}={value}" for name, value in clock(conditions, library).items()), *words)


def clock(conditions: Conditions, library: Path) -> dict[str, str]:
    """The variables that set a clock with libfaketime; none where the order asks for none."""
    if conditions.clock is None:
        return {}
    moment = int(parse_instant(f"{conditions.clock.removesuffix('Z')}Z").timestamp())
    return {
        "LD_PRELOAD": str(library),
        # in seconds since 1970: a time of day would be read in the time zone of the run
        "FAKETIME_FMT": "%s",
        "FAKETIME": f"{moment}" if conditions.frozen else f"@{moment}",
        # libraries wait on the monotonic clock, and would wait for ever on one that stands still
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def limited(words: tuple[str, ...], conditions: Conditions) -> tuple[str, ...]:
    """The command on so many of the processors that this process may use."""
    if conditions.cpus is None:
        return words
    allowed = sorted(os.sched_getaffinity(0))[: conditions.cpus]
    return ("taskset", "--cpu-list", ",".join(map(str, allowed)), *words)


def faketime() -> Path | None:
    """The library of libfaketime, which is on no path."""
    return next((path for pattern in _FAKETIME for path in sorted(Path("/").glob(pattern))), None)
