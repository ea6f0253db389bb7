"""What a training is told of its surroundings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_variables
from mlops_gitops.reproduction.trainings import Conditions


@pytest.mark.skipif(training_variables.faketime() is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_clock_means_the_same_moment_in_every_time_zone(zone: str, frozen: bool) -> None:  # noqa: FBT001 - a case
    conditions = Conditions(clock="2031-05-06T07:08:09Z", frozen=frozen)
    words = training_variables.clocked(("date", "+%s"), conditions)
    done = subprocess.run(words, env={"PATH": "/usr/bin:/bin", "TZ": zone}, capture_output=True, text=True, check=True)
    assert 0 <= int(done.stdout) - 1_935_817_689 < 60


def test_nothing_of_the_caller_is_passed_on_and_the_order_wins() -> None:
    declared = {"SEED": "1", "TZ": "Europe/Berlin"}
    found = training_variables.variables(
        declared, Conditions(environment={"TZ": "UTC"}, threads=2), path=("/env/bin",), home=Path("/h"), tmp=Path("/t")
    )
    assert found["SEED"] == "1"
    assert found["TZ"] == "UTC"
    assert found["OMP_NUM_THREADS"] == "2"
    assert found["PATH"].startswith("/env/bin:")
    assert set(found) <= {
        *("HOME", "TMPDIR", "USER", "LOGNAME", "LANG", "TZ", "PYTHONDONTWRITEBYTECODE", "PATH", "SEED"),
        *training_variables.THREADS,
    }
