"""What one promotion costs as the environment repository grows: 100, 1,000 and 10,000 models in 5 environments.

A command with the base known, each time for a model that was never promoted, against a server that answers at once.
Drawn as a plot for the documentation.

    .venv/bin/python benchmarks/growth.py [--short] [--write]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from grounds import plots
from grounds.environments import Ground, ground, name_of
from grounds.timing import OURS, PAGE, Report, middle, parsed, seconds
from servers.git_http import serve

COMMAND = ".venv/bin/python benchmarks/growth.py"
PLOT = PAGE.parent / "growth.svg"


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("growth", COMMAND)
    sizes, repeat = ((10, 20), 1) if arguments.short else ((100, 1000, 10000), 9)
    with tempfile.TemporaryDirectory() as temporary:
        places = [
            Place(ground(models, fresh=200 if models >= 100 else 4), Path(temporary) / str(models)) for models in sizes
        ]
        for place in places:
            place.prepare()
        rounds = [[place.promotion() for place in places] for _ in range(repeat)]
    found = [middle(column) for column in zip(*rounds, strict=True)]
    for models, taken in zip(sizes, found, strict=True):
        report.time(f"one promotion among {models:,} models", taken)
    report.ratio(
        f"one promotion among {sizes[-1]:,} models, of the time among {sizes[0]:,}", found[-1] / found[0], at_most=2
    )
    if arguments.write:
        PLOT.write_text(plots.growth(list(zip(sizes, found, strict=True))))
    return report.end(arguments)


class Place:
    """One size, with a server of its own folder and a cache that knows the base."""

    def __init__(self, made: Ground, folder: Path) -> None:
        self.made, self.folder = made, folder
        self.fresh = iter(name_of(made.models + number) for number in range(made.fresh))
        self.environ = made.environ(folder / "cache", str(folder / "environments.git"))

    def prepare(self) -> None:
        """A copy to write to, fetched."""
        self.folder.mkdir()
        shutil.copytree(self.made.bare, self.folder / "environments.git")
        self.promotion()

    def promotion(self) -> float:
        """The time of one promotion, of a model that runs nowhere yet."""
        with serve(self.folder) as server:
            environ = {**self.environ, "MG_ENVIRONMENTS": server.url_of("environments")}
            return seconds([OURS, "promote", next(self.fresh), "--to", "dev"], environ=environ)


if __name__ == "__main__":
    sys.exit(main())
