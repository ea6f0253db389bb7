"""A command line whose outside world is the test."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import estate
import outputs
from estate import NOW
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World


@dataclass
class Shell:
    """Runs commands in a folder against one environment repository, with the keys of the estate."""

    folder: Path
    bare: Path
    environ: dict[str, str]
    time: datetime = field(default=NOW)
    out: str = ""
    err: str = ""

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def __call__(self, *words: str, key: str = "ci") -> int:
        out, err = io.StringIO(), io.StringIO()
        environ = {**self.environ, "MG_KEY": f"env:KEY_{key.upper()}", f"KEY_{key.upper()}": estate.pem(key)}
        code = main(words, World(environ=environ, now=self.now, folder=self.folder, out=out, err=err))
        self.out, self.err = out.getvalue(), err.getvalue()
        if outputs.asked_for(words):
            outputs.checked(words, code, self.out)
        return code

    def json(self, *words: str, key: str = "ci") -> Any:
        asked = (*words, "--format", "json")
        return outputs.checked(asked, self(*asked, key=key), self.out)
