"""One command in a folder, with nothing else around it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import outputs
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World


def said(cwd: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    code = main(words, World(environ={}, now=lambda: datetime.now(UTC), folder=cwd, out=out, err=err))
    if outputs.asked_for(words):
        outputs.checked(words, code, out.getvalue())
    return code, out.getvalue(), err.getvalue()
