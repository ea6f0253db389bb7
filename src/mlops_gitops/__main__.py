"""The process: collects the outside world once and hands it to the command line."""

from __future__ import annotations

import gc
import sys


def run() -> None:
    """Entry point of the ``mlops-gitops`` script and of ``python -m mlops_gitops``."""
    gc.set_threshold(50_000, 20, 50)  # starting up makes no garbage, and looking for it takes a third of a bare start
    from mlops_gitops.cli.main import main
    from mlops_gitops.cli.world import World

    sys.exit(main(sys.argv[1:], World.of_process()))


if __name__ == "__main__":
    run()
