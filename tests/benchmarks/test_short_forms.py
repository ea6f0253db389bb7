"""The benchmarks run: their short forms, which measure nothing worth telling and touch every line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("promotion", "racing", "asking", "growth", "load", "actions", "profiles")


@pytest.mark.parametrize("name", NAMES)
def test_the_short_form_runs_and_counts_what_it_should(name: str, tmp_path: Path) -> None:
    environ = {**os.environ, "MG_BENCHMARKS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", "--short"],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counted = [line for line in done.stdout.splitlines() if line.startswith("requests of")]
    assert [line for line in counted if "MISSED" in line] == []
    assert bool(counted) == (name in {"promotion", "asking"})


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_a_place_for_each_and_a_command_that_repeats_it(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "performance.md").read_text()
    assert page.count(f"<!-- benchmark: {name} begin -->") == page.count(f"<!-- benchmark: {name} end -->") == 1


def test_the_plot_is_an_image() -> None:
    root = ET.fromstring((ROOT / "docs" / "reference" / "growth.svg").read_text())  # noqa: S314 - our own
    assert root.tag.endswith("svg")
