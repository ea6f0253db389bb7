import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mlops_gitops.demo.walk import Astray, Command, Deed, Step, surroundings, walk
from mlops_gitops.errors import WorldFailed


def taken(*deeds: Command | Deed, answers: Mapping[str, tuple[int, str]], shown: list[str] | None = None) -> list[str]:
    """What is shown when these deeds are one step; ``answers`` stand for the verbs."""
    seen: list[str] = [] if shown is None else shown

    def run(words: Sequence[str], at: Path, environ: Mapping[str, str]) -> tuple[int, str]:
        assert at.is_dir()
        assert environ["PLACE"] == "here"
        return answers[words[0]]

    step = Step("A step", "What it is for.", deeds)
    walk([step], run=run, environ={**os.environ, "PLACE": "here"}, show=seen.append, seconds=lambda: 7.4)
    return seen


def test_a_step_shows_what_is_typed_and_what_comes_back(tmp_path: Path) -> None:
    command = Command(("mlops-gitops", "say", "two words"), tmp_path)
    assert taken(command, answers={"say": (0, "one\ntwo\n")}) == [
        "\n[1/1] A step  (7 s)",
        "  What it is for.",
        "  $ mlops-gitops say 'two words'",
        "  | one",
        "  | two",
    ]


def test_an_exit_code_that_is_expected_is_shown_in_words(tmp_path: Path) -> None:
    shown = taken(Command(("mlops-gitops", "ask"), tmp_path, expected=4), answers={"ask": (4, "two approvals\n")})
    assert shown[-1] == "  exit code 4: not yet"


@pytest.mark.parametrize(("expected", "code"), [(0, 1), (1, 0), (4, 1), (0, 70)])
def test_any_other_end_stops_the_walk(tmp_path: Path, expected: int, code: int) -> None:
    later = Deed("never", lambda: pytest.fail("the walk went on"))
    command = Command(("mlops-gitops", "ask"), tmp_path, expected=expected, quiet=True)
    shown: list[str] = []
    with pytest.raises(Astray, match=f"exit code {code}, and {expected} was expected"):
        taken(command, later, answers={"ask": (code, "why it is so")}, shown=shown)
    assert "  | why it is so" in shown


def test_a_world_that_failed_is_no_bug(tmp_path: Path) -> None:
    with pytest.raises(WorldFailed, match="exit code 5"):
        taken(Command(("mlops-gitops", "fetch"), tmp_path), answers={"fetch": (5, "no network")})
    with pytest.raises(WorldFailed, match="not installed"):
        taken(Command(("no-such-program",), tmp_path), answers={})
    with pytest.raises(WorldFailed, match="exit code 1"):
        taken(Command(("git", "no-such-verb"), tmp_path), answers={})


def test_an_interrupt_of_a_command_is_one_of_the_walk(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        taken(Command(("mlops-gitops", "test"), tmp_path), answers={"test": (130, "")})


def test_other_programs_run_without_a_shell(tmp_path: Path) -> None:
    shown = taken(Command(("python", "-c", "import sys; print(sys.argv[1])", "$(id)"), tmp_path), answers={})
    assert "  | $(id)" in shown


def test_output_cannot_steer_a_terminal(tmp_path: Path) -> None:
    shown = taken(Command(("mlops-gitops", "say"), tmp_path), answers={"say": (0, "red \x1b[31m\n::error::no\n")})
    assert shown[-2:] == ["  | red \\u001b[31m", "  | ::error::no"]


def test_what_steers_git_and_mlflow_elsewhere_is_left_behind() -> None:
    theirs = {"PATH": "p", "GIT_DIR": "x", "MLFLOW_RUN_ID": "x", "MG_KEY": "x", "GITHUB_ACTOR": "x", "HOME": "h"}
    found = surroundings(theirs, {"MG_KEY": "ours"})
    assert {name: found.get(name) for name in theirs} == {
        **dict.fromkeys(theirs, None),
        "PATH": "p",
        "HOME": "h",
        "MG_KEY": "ours",
    }
