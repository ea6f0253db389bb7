"""What a runner is told of every Action's answer: as golden files, with hostile words, and when there is no answer.

``MG_GOLDEN=write pytest tests/actions`` writes the golden files again; read them before committing.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import answers
import pytest
from launcher import outputs as read_outputs
from workflows import REPOSITORY, pull_request

from mlops_gitops import __version__
from mlops_gitops.actions import outputs
from mlops_gitops.actions import run as running
from mlops_gitops.actions.events import EXPECTED
from mlops_gitops.actions.run import ACTIONS
from mlops_gitops.cli.world import World
from scorecard_examples import PIECES

GOLDEN = Path(__file__).parent / "golden"
TOKEN = "ghs_0nly-for-the-environment-repository"
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n"
GIVEN = {
    "release": {"MG_INPUT_MODEL": "flight-delays"},
    "promote": {"MG_INPUT_MODEL": "flight-delays", "MG_INPUT_TO": "dev"},
    "rollback": {"MG_INPUT_DUE": "true"},
    "gate": {"MG_INPUT_PULL_REQUEST": "7"},
}
RUN = {"GITHUB_RUN_ID": "19000000001", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_REPOSITORY": REPOSITORY}
PAYLOADS: dict[str, dict[str, Any]] = {
    "pull_request": pull_request(),
    "pull_request_review": pull_request(),
    "push": {"before": "2" * 40, "after": "1" * 40},
    "merge_group": {"merge_group": {"head_sha": "1" * 40, "base_sha": "2" * 40, "head_ref": ""}},
    "workflow_dispatch": {"inputs": {}},
    "schedule": {"schedule": "0 6 * * 1"},
}


class Told(NamedTuple):
    """What is left of a run."""

    code: int
    log: str
    values: dict[str, str]
    summary: str
    words: Sequence[str]

    def document(self, output: str) -> Any:
        return json.loads(Path(self.values[output]).read_text(encoding="utf-8"))

    @property
    def obeyed(self) -> list[str]:
        """The lines of the log that a runner looks at: those between stop and start are not."""
        parts = re.split(r"(?ms)^::stop-commands::(\w+)$.*?^::\1::$", self.log)
        return [line for part in parts[::2] for line in part.split("\n") if line]


def told(name: str, folder: Path, answer: Any, code: int, monkeypatch: pytest.MonkeyPatch, **given: str) -> Told:
    """One run of an Action whose verb gives ``answer``."""
    words: list[str] = []

    def verb(asked: Sequence[str], world: World) -> int:
        words.extend(asked)
        if name == "report":
            (Path(asked[list(asked).index("--output") + 1]) / "summary.md").write_text("The page.\n")
        world.out.write(json.dumps(answer))
        return code

    monkeypatch.setattr(running, "command_line", verb)
    if "GITHUB_EVENT_PATH" not in given:
        (folder / "event.json").write_text(json.dumps(PAYLOADS[given.get("GITHUB_EVENT_NAME", "push")]))
    environ = {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_TEMP": str(folder),
        **RUN,
        **GIVEN.get(name, {}),
        **given,
    }
    log = io.StringIO()
    world = World(environ=environ, now=lambda: datetime.now(UTC), folder=folder, out=log, err=log)
    ended = running.run(name, world)
    found = (folder / "summary.md").read_text(encoding="utf-8")
    return Told(ended, log.getvalue(), read_outputs(folder / "output"), found, words)


@functools.cache
def ends(name: str) -> dict[str, tuple[Any, int, dict[str, str]]]:
    """How a run of an Action can end, by the end of its golden file's name: the verb's answer, exit code, inputs.

    It is done; the answer is no; the verb refuses; the world failed; an input is wrong; a fork has no secrets.
    """
    protected = "could not write to https://github.com/airline/environments.git: the branch main is protected"
    world = answers.failure("push-refused", protected, "let the App pass the rule of the branch", 5)
    refused = answers.failure("scan", "the artifact does not pass the scan", "save it in a safe format", 1)
    fork = {"GITHUB_EVENT_NAME": "pull_request"}
    found: dict[str, tuple[Any, int, dict[str, str]]] = {
        "done": (answers.well(name), 0, {}),
        "no": (answers.badly(name), 1, {}),
        "refused": (refused, 1, {}),
        "world": (world, 5, {}),
        "input": (answers.well(name), 0, {"MG_INPUT_WORKING_DIRECTORY": "nowhere"}),
        "fork": (answers.well(name), 0, fork),
    }
    left_out = {"plan": {"no"}, "build": {"no"}, "validate": {"refused"}}.get(name, set())
    left_out = left_out | (set() if running.action(name).needs_secrets else {"fork"})
    return {end: one for end, one in found.items() if end not in left_out}


@pytest.mark.parametrize(("name", "end"), [(name, end) for name in ACTIONS for end in ends(name)])
def test_golden(name: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, code, given = ends(name)[end]
    if end == "fork":
        (tmp_path / "fork.json").write_text(json.dumps(pull_request(fork=True)))
        given = {**given, "GITHUB_EVENT_PATH": str(tmp_path / "fork.json")}
    found = told(name, tmp_path, answer, code, monkeypatch, **given)
    shown = re.sub(r"-[0-9a-f]{16}\b", "-…", "\n".join(f"{key}: {value}" for key, value in found.values.items()))
    sarif = json.dumps(found.document("sarif-path"), indent=2).replace(f'"{__version__}"', '"…"')
    parts = {
        "exit code": str(found.code),
        "annotations": "\n".join(found.obeyed),
        "summary": found.summary,
        "outputs": shown.replace(str(tmp_path), "…"),
        "SARIF": sarif,
    }
    text = "".join(f"# {name}\n{part.rstrip()}\n\n" for name, part in parts.items())
    file = GOLDEN / f"{name}.{end}.txt"
    if os.environ.get("MG_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("name", ACTIONS)
def test_hostile_words_are_inert_and_cut_wherever_they_come_out(
    name: str, piece: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, reasons, messages, comments and what models say, in log, annotations, summary, outputs and files."""
    words = PIECES[piece]
    found = told(name, tmp_path, answers.hostile(name, words), 1, monkeypatch)
    for line in found.obeyed:
        assert re.match(r"::(?:error|warning|notice) ", line), line[:200]
        assert len(line) < 64_000
        assert "##[" not in line
        head, _, message = line.partition(" ")[2].partition("::")
        assert not set("\r\x1b\x00") & set(message), "a runner shows it"
        assert not set("\r\n") & set(head)
    assert len(found.summary.encode()) <= outputs.SUMMARY_BYTES
    outside = re.sub(r"<code>(?:[A-Za-z0-9 ]|&#\d+;|<!-- -->)*</code>|^\| .*$", "", found.summary, flags=re.MULTILINE)
    for sign in ("@", "${{", "$(", "<img", "<script", "](", "evil", "::"):
        ours = r"\]\(https://github\.com/(?:mlops-gitops/|airline/environments/pull/7\))"
        assert sign not in re.sub(ours, "", outside), sign
    assert all(char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"} for char in found.summary)
    assert not re.search(r"^\s*(?:::|##\[)", found.summary, re.MULTILINE)
    assert all(len(value.encode()) <= outputs.OUTPUT_BYTES for value in found.values.values())
    assert set(found.values) == {one.name for one in running.action(name).outputs}, "none was forged, none is missing"
    assert found.document("report-path")["judged"]["head"] == "1" * 40
    for run in found.document("sarif-path")["runs"]:
        for one in run["results"]:
            assert ".." not in one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].split("/")


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("event", EXPECTED)
@pytest.mark.parametrize("payload", ["missing", "cut", "another kind"])
def test_an_event_that_is_none_is_one_line_that_says_what_was_expected(
    name: str, event: str, payload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.dumps(PAYLOADS[event])
    text = {"missing": None, "cut": whole[: len(whole) // 2], "another kind": "[]" if not EXPECTED[event] else "{}"}
    path = tmp_path / "payload.json"
    if text[payload] is not None:
        path.write_text(str(text[payload]))
    given = {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(path)}
    found = told(name, tmp_path, answers.typical(name), 0, monkeypatch, **given)
    assert (found.code, found.values["result"], found.words) == (2, "error", [])
    (line,) = found.obeyed
    assert line.startswith(f"::error title=mlops-gitops {name}::")
    assert event in line
    assert "What to do: " in line
    assert found.document("report-path")["error"]["code"] == "event"
    (run,) = found.document("sarif-path")["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    for one in running.action(name).outputs:
        assert one.name in found.values, "written, also on failure"


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("event", EXPECTED)
def test_every_event_is_one_that_every_action_takes(
    name: str, event: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(name, tmp_path, answers.typical(name), 0, monkeypatch, GITHUB_EVENT_NAME=event)
    assert found.words[0] == name
    judged = found.document("report-path")["judged"]
    assert judged["head"] == (None if event in {"schedule", "workflow_dispatch"} else "1" * 40)
    assert judged["pullRequest"] == (1 if event.startswith("pull_request") else None)
    assert judged["run"] == "19000000001.1"


DAILY = {"MG_INPUT_KIND": "data", "MG_INPUT_MODELS": "fares"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "test --format json --report DIR"),
        ({"MG_INPUT_KIND": "data", "MG_INPUT_MODELS": "fares\ndelays"},
         "test --format json data fares delays --report DIR"),
        ({"MG_INPUT_KIND": "infra", "MG_INPUT_IMAGE": "r/x@sha256:0", "MG_INPUT_TO": "prod"},
         "test --format json --image r/x@sha256:0 --to prod infra --report DIR"),
        ({"MG_INPUT_KIND": "features", "MG_INPUT_MODELS": "fares", "MG_INPUT_AGAINST": "main"},
         "test --format json --against main features fares"),
        ({"MG_INPUT_KIND": "data", "MG_INPUT_IMAGE": "r/x@sha256:0"}, ""),
        ({"MG_INPUT_KIND": "everything"}, ""),
        ({**DAILY, "MG_INPUT_PUBLISH": "true"}, "test --format json --publish data fares --report DIR"),
        ({**DAILY, "MG_INPUT_PUBLISH": "true", "MG_INPUT_RELEASE": "1.2.0"},
         "test --format json --publish --release 1.2.0 data fares --report DIR"),
        ({**DAILY, "MG_INPUT_PUBLISH": "true", "MG_INPUT_RELEASE": "1.2.0", "MG_INPUT_DRY_RUN": "true"},
         "test --format json data fares --report DIR"),
        ({**DAILY, "MG_INPUT_LOOK": "41"}, "test --format json --look 41 data fares --report DIR"),
        ({**DAILY, "MG_INPUT_LOOK": "0"}, ""),
        ({**DAILY, "MG_INPUT_LOOK": "41", "MG_INPUT_KIND": "all"}, ""),
        ({**DAILY, "MG_INPUT_LOOK": "41", "MG_INPUT_PUBLISH": "true"}, ""),
        ({**DAILY, "MG_INPUT_RELEASE": "1.2.0"}, ""),
        ({**DAILY, "MG_INPUT_PUBLISH": "true", "MG_INPUT_KIND": "model"}, ""),
        ({**DAILY, "MG_INPUT_PUBLISH": "true", "MG_INPUT_MODELS": ""}, ""),
        ({**DAILY, "MG_INPUT_PUBLISH": "true", "MG_INPUT_MODELS": "fares\ndelays"}, ""),
    ],
)  # fmt: skip
def test_the_kinds_of_tests(given: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = told("test", tmp_path, {**answers.typical("test"), "verdict": None}, 0, monkeypatch, **given)
    assert re.sub(r"--report \S+", "--report DIR", " ".join(found.words)) == words
    assert found.values["result"] == ("measured" if words else "error")


def test_no_file_of_the_checkout_says_which_branch_is_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull request could lead to one with rules of its own, and change its base once it has passed."""
    given = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "airline/environments"}
    for branch, words in (("", "--branch main"), ("trunk", "--branch trunk")):
        found = told("gate", tmp_path, answers.typical("gate"), 0, monkeypatch, MG_INPUT_BRANCH=branch, **given)
        assert " ".join(found.words).count(words) == " ".join(found.words).count("--branch") == 1


@pytest.mark.parametrize("name", ACTIONS)
def test_debug_says_what_is_run_and_no_secret(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {one.name for one in running.action(name).inputs}
    given = {"MG_INPUT_TOKEN": TOKEN, "MG_INPUT_ENVIRONMENTS": "https://git.example.com/x"} if "token" in inputs else {}
    given |= {"MG_INPUT_SIGNING_KEY": KEY} if "signing-key" in inputs else {}
    given["GITHUB_TOKEN"] = f"{TOKEN}-of-the-job"
    quiet = told(name, tmp_path, answers.typical(name), 0, monkeypatch, **given)
    assert not [line for line in quiet.obeyed if line.startswith("::debug::")]
    (tmp_path / "output").unlink()
    found = told(name, tmp_path, answers.typical(name), 0, monkeypatch, RUNNER_DEBUG="1", **given)
    said = [line for line in found.obeyed if line.startswith("::debug::")]
    assert [line.split(":")[4] for line in said] == ["version", "event", "folder", "command"]
    assert f'["mlops-gitops", "{name}"' in said[-1]
    for secret in (TOKEN, KEY.splitlines()[1]):
        assert not [line for line in found.obeyed if secret in line and not line.startswith("::add-mask::")]
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert kept == []
