"""One run in this process: what the runner is told, however it ends."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_gitops.actions import run as running
from mlops_gitops.adapters.git_credentials import header
from mlops_gitops.cli.world import World
from mlops_gitops.errors import NotYet, Refused

TOKEN = "ghs_0nly-for-the-environment-repository"
SIGNING = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n"
HOSTILE = "bad\n::error::forged\n::add-mask::production `touch pwned` <img> @airline/risk"
GIVEN = {
    "MG_INPUT_MODEL": "flight-delays",
    "MG_INPUT_TO": "dev",
    "MG_INPUT_ENVIRONMENTS": "https://git.example.com/airline/environments.git",
    "MG_INPUT_TOKEN": TOKEN,
    "MG_INPUT_SIGNING_KEY": SIGNING,
}


class Told:
    """A verb that answers what a test wants, and remembers how it was called."""

    def __init__(self, document: object, code: int = 0, *, says: str = "") -> None:
        self.document, self.code, self.says = document, code, says
        self.words: list[str] = []
        self.environ: Mapping[str, str] = {}

    def __call__(self, words: Sequence[str], world: World) -> int:
        self.words, self.environ = list(words), world.environ
        if isinstance(self.document, Exception):
            raise self.document
        world.out.write(self.document if isinstance(self.document, str) else json.dumps(self.document))
        world.err.write(self.says)
        return self.code


def promotion(**more: object) -> dict[str, object]:
    one = {
        "environment": "dev",
        "model": "flight-delays",
        "version": "1.0.0",
        "release": "a" * 64,
        "promotion": "b" * 64,
    }
    return {"result": "promoted", "commit": "c" * 40, "promotions": [{**one, "reasons": [], **more}]}


def run(
    folder: Path, verb: Told, monkeypatch: pytest.MonkeyPatch, **environ: str
) -> tuple[int, str, dict[str, str], str]:
    """Exit code, log, outputs and summary of the Action ``promote`` over ``verb``."""
    monkeypatch.setattr(running, "command_line", verb)
    event = folder / "event.json"
    event.write_text('{"after": "1"}')
    whole = {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_TEMP": str(folder),
        **GIVEN,
        **environ,
    }
    log = io.StringIO()
    code = running.run("promote", World(environ=whole, now=lambda: datetime.now(UTC), folder=folder, out=log, err=log))
    text = (folder / "output").read_text()
    values = {name: value for name, _, value in re.findall(r"(\S+?)<<(\S+)\n(.*?)\n\2\n", text, flags=re.DOTALL)}
    return code, log.getvalue(), values, (folder / "summary.md").read_text()


def test_the_inputs_become_one_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = Told(promotion())
    code, _, values, _ = run(
        tmp_path, verb, monkeypatch, MG_INPUT_RELEASE="1.0.0", MG_INPUT_DRY_RUN="true", MG_INPUT_BRANCH="main"
    )
    assert code == 0
    assert " ".join(verb.words) == (
        "promote --format json flight-delays --to dev --release 1.0.0"
        " --environments https://git.example.com/airline/environments.git --branch main"
        " --dry-run --key env:MG_SIGNING_KEY"
    )
    assert values["result"] == "promoted"
    assert (values["release"], values["promotion"], values["commit"]) == ("a" * 64, "b" * 64, "c" * 40)


def test_no_secret_is_an_argument_and_only_what_is_needed_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = Told(promotion())
    run(tmp_path, verb, monkeypatch)
    assert TOKEN not in " ".join(verb.words)
    assert not [name for name, value in verb.environ.items() if TOKEN in value]
    assert sorted(name for name in verb.environ if name.startswith("MG_")) == ["MG_SIGNING_KEY"]
    assert verb.environ["GIT_CONFIG_VALUE_1"] == header(TOKEN)
    assert verb.environ["GIT_CONFIG_KEY_1"] == "http.https://git.example.com/airline/environments.git.extraheader"


def test_an_input_that_is_not_given_hides_nothing_that_the_workflow_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``action.yml`` hands every input over, and what was not given is empty."""
    verb, named = Told(promotion()), {"MG_BRANCH": "trunk", "MG_KEY": "awskms:1", "MG_ADVISORIES": "osv"}
    empty = {f"MG_INPUT_{name.removeprefix('MG_')}": "" for name in named}
    code, _, _, _ = run(tmp_path, verb, monkeypatch, **named, **empty, MG_INPUT_SIGNING_KEY="")
    assert (code, {name: value for name, value in verb.environ.items() if name in named}) == (0, named)
    assert "--branch" not in verb.words


def test_secrets_are_masked_before_anything_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, log, _, _ = run(tmp_path, Told(promotion()), monkeypatch)
    lines = log.splitlines()
    masked = {line.removeprefix("::add-mask::") for line in lines if line.startswith("::add-mask::")}
    assert {TOKEN, header(TOKEN).rpartition(" ")[2], "MC4CAQAwBQYDK2VwBCIEIA"} <= masked
    assert not [line for line in lines if TOKEN in line and not line.startswith("::add-mask::")]
    assert [line.startswith("::add-mask::") for line in lines] == sorted(
        (line.startswith("::add-mask::") for line in lines), reverse=True
    )


def test_what_a_verb_says_is_never_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, log, _, _ = run(
        tmp_path, Told(promotion(), says="::error::forged\n::set-output name=result::promoted\n"), monkeypatch
    )
    stop = re.search(r"^::stop-commands::(\w+)$", log, flags=re.MULTILINE)
    assert stop is not None
    inside = log[stop.end() : log.index(f"::{stop[1]}::\n")]
    assert "::error::forged" in inside
    assert "::error::forged" not in log.replace(inside, "")


def test_reasons_are_shown_inert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = [{"gate": "model-tests", "answer": "fail", "reason": HOSTILE, "evidence": []}]
    document = {**promotion(promotion=None, reasons=reasons, outcome="refused"), "result": "refused", "commit": None}
    code, log, values, summary = run(tmp_path, Told(document, 1), monkeypatch)
    assert (code, values["result"], values["commit"], values["promotion"]) == (1, "refused", "", "")
    (annotation,) = [line for line in log.splitlines() if line.startswith("::error")]
    assert annotation.startswith(
        "::error title=mlops-gitops promote%3A refused::flight-delays to dev: model-tests: bad "
    )
    (told,) = [line for line in summary.splitlines() if line.startswith("* ")]
    assert re.fullmatch(r"\* <code>(?:[A-Za-z0-9 ]|&#\d+;)*</code>", told)
    assert json.loads(values["promotions"])[0]["reasons"] == reasons


def test_many_reasons_are_one_annotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = [{"gate": f"gate-{number}", "answer": "fail", "reason": "no", "evidence": []} for number in range(40)]
    _, log, _, summary = run(tmp_path, Told({**promotion(reasons=reasons), "result": "refused"}, 1), monkeypatch)
    (annotation,) = [line for line in log.splitlines() if line.startswith("::error")]
    assert annotation.endswith("and 35 more in the summary")
    assert summary.count("\n* ") == 40


@pytest.mark.parametrize(
    ("code", "result"), [(Refused.exit_code, "refused"), (NotYet.exit_code, "pending"), (2, "error"), (5, "error")]
)
def test_a_failure_is_told_with_its_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, result: str
) -> None:
    error = {"error": {"code": "x", "message": HOSTILE, "hint": "do this", "retry": False, "exitCode": code}}
    ended, log, values, summary = run(tmp_path, Told(error, code), monkeypatch)
    assert (ended, values["result"]) == (code, result)
    (annotation,) = [line for line in log.splitlines() if line.startswith("::error")]
    assert "What to do: do this" in annotation
    assert "<code>do this</code>" in summary
    assert not [line for line in summary.splitlines() if line.startswith("::")]


@pytest.mark.parametrize(
    ("mlflow", "code", "said"),
    [
        ({"changes": [], "error": None, "configured": True}, 0, None),
        (
            {"changes": [], "error": {"code": "x", "message": HOSTILE}, "configured": True},
            5,
            "The next run puts it right.",
        ),
        ({"changes": [], "error": None, "configured": False}, 0, "give `mlflow: true`."),
    ],
)
def test_a_registry_that_lags_behind_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow: dict[str, object], code: int, said: str | None
) -> None:
    verb = Told({**promotion(), "derived": {"mlflow": mlflow}}, code)
    ended, log, values, summary = run(tmp_path, verb, monkeypatch)
    assert (ended, values["result"]) == (code, "promoted")
    warnings = [line for line in log.splitlines() if line.startswith("::warning")]
    assert len(warnings) == (said is not None)
    assert said is None or summary.rstrip().endswith(said)


@pytest.mark.parametrize("document", ["", "not JSON", "[]", "{", "null"])
def test_a_verb_that_answers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str) -> None:
    code, log, values, _ = run(tmp_path, Told(document, 70), monkeypatch)
    assert (code, values["result"]) == (70, "error")
    assert "without an answer" in log


def test_a_bug_leaves_a_result_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, log, values, _ = run(tmp_path, Told(RuntimeError(HOSTILE)), monkeypatch)
    assert (code, values["result"]) == (70, "error")
    assert "a bug in mlops-gitops" in log
    commands = [line for line in log.splitlines() if line.startswith("::error")]
    assert commands[0] == "::error::forged", "it stands in the traceback, between stop and start"
    assert log.index("::stop-commands::") < log.index("::error::forged")


def test_a_token_without_a_url_is_not_sent_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = Told(promotion())
    code, log, values, _ = run(tmp_path, verb, monkeypatch, MG_INPUT_ENVIRONMENTS="")
    assert (code, values["result"], verb.words) == (2, "error", [])
    assert "give `environments` the https:// URL" in log


def test_a_working_directory_stays_in_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = Told(promotion())
    code, log, _, _ = run(tmp_path, verb, monkeypatch, MG_INPUT_WORKING_DIRECTORY="../..")
    assert (code, verb.words) == (2, [])
    assert "the workspace has no such folder" in log


def test_a_runner_whose_files_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "command_line", Told(promotion()))
    (tmp_path / "event.json").write_text('{"after": "1"}')
    environ = {**GIVEN, "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    environ |= {"GITHUB_OUTPUT": str(tmp_path / "no" / "such" / "folder"), "RUNNER_TEMP": str(tmp_path)}
    log = io.StringIO()
    assert running.run("promote", World(environ, lambda: datetime.now(UTC), tmp_path, log, log)) == 5
    assert "GITHUB_OUTPUT" in log.getvalue()
