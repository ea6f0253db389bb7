"""What an Action costs beyond the verb that it runs, and what it costs to set up a bare runner.

1. Under act, in host mode, with the packages already there: steps that use the Action ``validate``, against steps that
   run ``mlops-gitops validate`` with the same Python in the same job.  Goal: at most 150 ms more a step.  act lays out
   the whole repository of an Action anew for every step: what that takes is told by an Action that does nothing.
2. On a runner that has Python, git and pip and nothing else, with empty caches: from the start of an Action to the
   start of its verb.  Goal: at most 3 s for the base install.  It fetches packages, so it measures the index as well.

    .venv/bin/python benchmarks/actions.py [--short] [--write]
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

from grounds.timing import ROOT, Report, best, middle, parsed

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "actions")]
from launcher import launch  # noqa: E402 - it lies beside the tests of the Actions
from workflows import run, stage  # noqa: E402 - the same

COMMAND = ".venv/bin/python benchmarks/actions.py"
FROM_OUTSIDE = ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_TRUSTED_HOST", "SSL_CERT_FILE")
"""Which index this machine uses, and whom it trusts."""
ACTION = "- uses: mlops-gitops/mlops-gitops/actions/validate@v1\n"
VERB = "- run: 'PYTHONPATH=SOURCE \"$RUNNER_TOOL_CACHE\"/mlops-gitops/*/bin/python -m mlops_gitops validate'\n"
EMPTY = """\
name: empty
description: Does nothing.
runs:
  using: composite
  steps:
    - {id: empty, shell: bash, run: "true"}
"""
CLOCK = "- run: 'date +%s%N >>\"$COLLECTED\"/clock'\n"
MODEL = {"mlops-gitops.yaml": "apiVersion: mlops-gitops/v1\nkind: Project\nspec: {environments: ../environments}\n"}


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("actions", COMMAND)
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as temporary:
        product = stage(Path(temporary) / "v1")
        steps, repeat = (1, 1) if arguments.short else (10, 5)
        actions, verbs, empty, nothing = beside(product, Path(temporary), steps=steps, repeat=repeat)
        report.time("a step that runs the verb", middle(verbs))
        report.time("a step that uses the Action, beyond that", middle(actions) - middle(verbs), at_most=0.15)
        report.time("of it what act takes for an Action that does nothing", middle(empty) - middle(nothing))
        bare = [cold(product, Path(temporary) / f"bare-{number}") for number in range(1 if arguments.short else 3)]
        report.time("set-up of a bare runner, with empty caches", best(bare), at_most=3)
    return report.end(arguments)


def outside() -> dict[str, str]:
    """What of this machine an installer has to know."""
    return {name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ}


def beside(product: Path, folder: Path, *, steps: int, repeat: int) -> list[list[float]]:
    """Seconds of one step that uses the Action, of one that runs the verb, and of both doing nothing, by turns."""
    verb = VERB.replace("SOURCE", str(product / "src"))
    (product / "actions" / "empty").mkdir()
    (product / "actions" / "empty" / "action.yml").write_text(EMPTY)
    kinds = (ACTION, verb, ACTION.replace("validate", "empty"), "- run: 'true'\n")
    turns = "".join(CLOCK + one * steps for one in kinds) * repeat + CLOCK
    ran = run(
        ACTION + verb + turns, product=product, folder=folder / "beside", event="push", payload={"after": "1" * 40},
        files=MODEL, environ={**outside(), "MG_PYTHON": "", "PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    assert ran.succeeded, "a step failed"
    clock = [int(one) / 1e9 / steps for one in (ran.collected / "clock").read_text().split()]
    taken = [after - before for before, after in itertools.pairwise(clock)]
    return [taken[number :: len(kinds)] for number in range(len(kinds))]


def cold(product: Path, folder: Path) -> float:
    """Seconds of the first run of an Action on a runner, less those of the second."""
    folder.mkdir()
    environ = {
        **outside(), "MG_PYTHON": "", "RUNNER_TOOL_CACHE": str(folder / "tools"),
        "UV_CACHE_DIR": str(folder / "uv"), "PIP_NO_CACHE_DIR": "1", "PATH": "/usr/local/bin:/usr/bin:/bin",
    }  # fmt: skip
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        done = launch(product, folder, "validate", **environ)
        taken.append(time.perf_counter() - start)
        assert done.returncode == 2, done.stdout + done.stderr
    return taken[0] - taken[1]


if __name__ == "__main__":
    sys.exit(main())
