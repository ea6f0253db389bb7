"""Simulations: how often a statistic errs, as tables that are printed, and put into a page where that is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def simulated(description: str, tables: Callable[[int], str], *, draws: int, page: Path, name: str) -> None:
    """The command line of a simulation: ``tables`` of so many draws; ``--write`` puts them into ``page``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=draws)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = tables(asked.draws)
    sys.stdout.write(text + "\n")
    if asked.write:
        put(page, name, text)


def put(page: Path, name: str, text: str) -> None:
    """``text`` between the marks of ``name`` in the page, in place of what stood there."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    whole = page.read_text(encoding="utf-8")
    before, after = whole.split(begin)[0], whole.split(end)[1]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
