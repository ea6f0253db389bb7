"""What a training ran on, so that two runs on two machines can be held beside one another."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.reproduction.trainings import Conditions

_FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_tile", "asimd", "sve", "sve2")
"""Instructions that libraries of numbers choose their code by."""


def of_run(
    variables: Mapping[str, str], conditions: Conditions, *, declared: Mapping[str, str], python: str
) -> dict[str, str]:
    """The facts of one run, in the words of a reader.  ``variables`` are those that the training was given."""
    cpu, features = _processor()
    told = {f"variable:{name}": variables[name] for name in sorted({*declared, *conditions.environment})}
    return {
        "python": python,
        "cpu": cpu,
        "cpu features": features,
        "cpus": str(conditions.cpus or len(os.sched_getaffinity(0))),
        "threads": variables.get("OMP_NUM_THREADS", "default"),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "time zone": variables.get("TZ", "UTC"),
        "locale": variables.get("LC_ALL") or variables["LANG"],
        "hash seed": variables.get("PYTHONHASHSEED", "random"),
        **told,
    }


@functools.cache
def _processor() -> tuple[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.machine(), ""
    first = dict(_pair(line) for line in text.partition("\n\n")[0].splitlines() if ":" in line)
    has = set((first.get("flags") or first.get("Features") or "").split())
    name = first.get("model name") or platform.machine()
    return name, " ".join(one for one in _FEATURES if one in has)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
