"""The tutorial is the demo, step by step.  That its output is the demo's is held by a test beside the demo."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_gitops.demo import pages
from mlops_gitops.demo.folder import Folder
from mlops_gitops.demo.story import Story
from mlops_gitops.demo.walk import Command, Deed, Step
from prose import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial" / "first-promotion.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def steps() -> tuple[Step, ...]:
    story = Story(Folder(Path(pages.FOLDER)), lambda: NOW)
    story._remember()
    return story.steps()


def blocks() -> dict[str, list[str]]:
    found = re.findall(r"<!-- demo: (.+?) -->\n```console\n(.*?)```\n<!-- demo: end -->", TUTORIAL, re.DOTALL)
    return {title: body.splitlines() for title, body in found}


def typed(deed: Command | Deed) -> str:
    if isinstance(deed, Deed):
        return f"# {deed.shown}"
    words = deed.words() if callable(deed.words) else deed.words
    return f"$ {shlex.join(words)}"


def test_every_step_is_there_in_its_place(steps: tuple[Step, ...]) -> None:
    assert list(blocks()) == [step.title for step in steps]
    assert re.findall(r"^## (\d+)\. ", TUTORIAL, re.MULTILINE) == [str(n) for n in range(1, len(steps) + 1)]


def test_every_command_is_shown_as_it_is_run(steps: tuple[Step, ...]) -> None:
    for step in steps:
        shown = [line for line in blocks()[step.title] if line.startswith(("$ ", "# ")) and "exit code" not in line]
        shown = [line for line in shown if not line.startswith("# An entry for `keys:`")]
        assert list(map(undated, shown)) == [undated(typed(deed)) for deed in step.deeds], step.title


def test_exit_codes_are_those_that_are_expected(steps: tuple[Step, ...]) -> None:
    for step in steps:
        wanted = [str(deed.expected) for deed in step.deeds if isinstance(deed, Command) and deed.expected]
        shown = re.findall(r"^# exit code (\d+):", "\n".join(blocks()[step.title]), re.MULTILINE)
        assert shown == wanted, step.title


def test_an_excerpt_is_cut_out_of_what_was_printed() -> None:
    printed = (
        "Everything happens in /x y/z.\n\n"
        "[1/2] One  (0 s)\n  Words.\n  $ git a '/x y/z/b' file:///x%20y/z\n  | said\n  $ b\n  exit code 4: not yet\n\n"
        "[2/2] Two; or more?  (3 s)\n  # somebody writes\n"
    )
    page = "<!-- demo: Two; or more? + One #2 -->\nold\n<!-- demo: end -->\n<!-- demo: One -->\n<!-- demo: end -->\n"
    assert pages.filled(page, printed) == (
        "<!-- demo: Two; or more? + One #2 -->\n```console\n# somebody writes\n$ b\n# exit code 4: not yet\n```\n"
        "<!-- demo: end -->\n<!-- demo: One -->\n```console\n"
        f"$ git a {pages.FOLDER}/b file://{pages.FOLDER}\nsaid\n$ b\n# exit code 4: not yet\n```\n<!-- demo: end -->\n"
    )
    with pytest.raises(KeyError):
        pages.filled("<!-- demo: Three -->\n<!-- demo: end -->", printed)


def test_a_short_excerpt_keeps_the_first_place() -> None:
    printed = f"[1/1] One  (0 s)\n  $ a\n  | {'word ' * 40}[a.yaml:1:2]; more [b.yaml:3:4]\n"
    lines = pages.filled("<!-- demo short: One -->\n<!-- demo: end -->", printed).splitlines()[2:-2]
    assert max(map(len, lines)) <= pages.WIDTH
    assert lines[-1].endswith("[a.yaml:1:2]; …")


def undated(line: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", line)
