"""Every command in the documentation is one that the program takes, and every verb is documented."""

import io
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_gitops.cli.main import VERBS, main, parser_of, verb
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_BUG, EXIT_DONE, Misused, NotYet, Refused, WorldFailed
from prose import PAGES, ROOT, fences, named

REFERENCE = ROOT / "docs" / "reference" / "cli"
CODES = {EXIT_DONE, EXIT_BUG, *(kind.exit_code for kind in (Refused, Misused, NotYet, WorldFailed))}


def commands(text: str) -> list[str]:
    """Lines of fenced blocks that call the program, without a prompt, a comment or what redirects them."""
    found = []
    for body in fences(text, "console", "bash", "yaml", ""):
        for line in body.splitlines():
            called = re.search(r"(?:^|^\$ |run: )(mlops-gitops [a-z-].*)|`(mlops-gitops [^`]+)`", line.strip())
            if called:
                found.append(re.split(r"\s(?:#|>|\|)\s", called[1] or called[2])[0])
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_parses(page: Path) -> None:
    for line in commands(page.read_text(encoding="utf-8")):
        words = shlex.split(line.replace('"$PWD"', "."))
        assert words[1] in VERBS, line
        try:
            parser_of(words[1]).parse_args(words[2:])
        except Misused as wrong:
            pytest.fail(f"{line}: {wrong.message}")


def test_commands_are_found_where_they_stand() -> None:
    text = "```console\n$ mlops-gitops status --at x > y\n```\n```yaml\n- run: mlops-gitops verify\n```\n"
    assert commands(text) == ["mlops-gitops status --at x", "mlops-gitops verify"]
    assert sum(len(commands(page.read_text(encoding="utf-8"))) for page in PAGES) > 100


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_with_an_example_and_a_page(name: str) -> None:
    printed = io.StringIO()
    world = World(environ={}, now=lambda: datetime.now(UTC), folder=ROOT, out=printed, err=printed)
    page = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# `mlops-gitops {name}`\n")
    for line in verb(name).EXAMPLE.strip().splitlines():
        assert line.startswith(f"mlops-gitops {name}"), "an example can be pasted"
        assert line in page
        assert line in parser_of(name).format_help()
    assert main([name, "--bogus"], world) == Misused.exit_code


@pytest.mark.parametrize("name", VERBS)
def test_exit_codes_of_a_page_exist(name: str) -> None:
    page = (REFERENCE / f"{name}.md").read_text(encoding="utf-8").split("## Exit codes")[1]
    said = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert said[0] == EXIT_DONE
    assert said == sorted(said)
    assert set(said) <= CODES


def test_no_page_is_about_a_verb_that_is_gone() -> None:
    assert {page.stem for page in REFERENCE.glob("*.md")} == {*VERBS, "index"}


def test_the_tables_of_exit_codes_are_whole() -> None:
    for name in ("README.md", "docs/reference/exit-codes.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} >= CODES
