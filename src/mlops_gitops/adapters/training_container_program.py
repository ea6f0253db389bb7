"""Runs one training in a container, and ends it when it is told to (``SIGTERM``) and when its parent is gone.

A program of its own, so that a container has a process to stand for it: what ends processes then ends containers, and
nobody has to clean up after a command that was killed.  What the engine fails at is written to a file that the training
does not see; the exit code is then of no meaning.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_gitops.adapters import training_images
from mlops_gitops.adapters.training_images import Bind
from mlops_gitops.errors import Failure

PR_SET_PDEATHSIG = 1
FAILED = 125
"""The exit code where the engine failed, as ``docker run`` has it."""


def main(parent: int, settings: Mapping[str, Any]) -> int:
    """Run what ``settings`` say; ``parent`` is the process whose end is ours."""
    signal.signal(signal.SIGTERM, _stop)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return FAILED
    try:
        return training_images.run(
            training_images.opened(settings["image"], environ=os.environ),
            settings["words"],
            folder=Path(settings["folder"]),
            binds=[Bind(Path(outside), Path(inside), writable) for outside, inside, writable in settings["binds"]],
            environment=settings["environment"],
            log=sys.stdout.buffer,
            network=settings["network"],
            cpus=settings["cpus"],
        )
    except Failure as failure:
        told = {"message": failure.message, "hint": failure.hint, "code": failure.code}
        Path(settings["failed"]).write_text(json.dumps(told), encoding="utf-8")
        return FAILED


def _stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_bytes())))
