from __future__ import annotations

import html
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_gitops.actions import commands, outputs
from mlops_gitops.actions.events import EXPECTED
from mlops_gitops.actions.events import read as read_event
from mlops_gitops.actions.inputs import Input, Kind, Settings
from mlops_gitops.actions.inputs import read as read_inputs
from mlops_gitops.errors import Misused


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.of(environ, folder)


def event(folder: Path, name: str, payload: bytes | None) -> Settings:
    path = folder / "event.json"
    if payload is not None:
        path.write_bytes(payload)
    return settings(folder, GITHUB_EVENT_NAME=name, GITHUB_EVENT_PATH=str(path))


# inputs


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    contract = (Input("dry-run", kind=Kind.FLAG),)
    assert read_inputs(contract, {"MG_INPUT_DRY_RUN": "true"}).flags == {"dry-run": True}
    assert read_inputs(contract, {"MG_INPUT_DRY_RUN": "false"}).flags == {"dry-run": False}
    assert read_inputs(contract, {}).flags == {"dry-run": False}
    for wrong in ("True", "yes", "1", "'true'"):
        with pytest.raises(Misused, match="`dry-run` is") as caught:
            read_inputs(contract, {"MG_INPUT_DRY_RUN": wrong})
        assert "true or false" in caught.value.hint


def test_a_choice_has_its_first_word_as_default() -> None:
    contract = (Input("fail-on", choices=("error", "warning")),)
    assert read_inputs(contract, {}).texts == {"fail-on": "error"}
    with pytest.raises(Misused) as caught:
        read_inputs(contract, {"MG_INPUT_FAIL_ON": "errors"})
    assert "one of error, warning" in caught.value.hint


@pytest.mark.parametrize("value", ["--key=file2:/etc/shadow", "-x", "a\nb", "a\x1b[2J", "a\u202eb"])
def test_no_input_can_be_taken_for_an_option_or_more_than_a_word(value: str) -> None:
    with pytest.raises(Misused, match="the input `model`"):
        read_inputs((Input("model"),), {"MG_INPUT_MODEL": value})


def test_lines_are_words_of_their_own() -> None:
    contract = (Input("paths", kind=Kind.LINES),)
    assert read_inputs(contract, {"MG_INPUT_PATHS": " a b \n\n c\n"}).lines == {"paths": ("a b", "c")}
    with pytest.raises(Misused, match="the input `paths`"):
        read_inputs(contract, {"MG_INPUT_PATHS": "a\n--format=json"})


def test_a_secret_is_not_judged_and_never_told() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
    assert (
        read_inputs((Input("signing-key", secret=True),), {"MG_INPUT_SIGNING_KEY": key}).texts["signing-key"]
        == key.strip()
    )


# events


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("push", {"after": "1" * 40}),
        ("merge_group", {"merge_group": {"head_sha": "1" * 40}}),
        ("workflow_dispatch", {"inputs": None}),
        ("schedule", {"schedule": "0 0 * * *"}),
    ],
)
def test_every_supported_event(tmp_path: Path, name: str, payload: dict[str, object]) -> None:
    found = read_event(event(tmp_path, name, json.dumps(payload).encode()))
    assert (found.name, found.fork) == (name, False)


@pytest.mark.parametrize(
    ("head", "fork"),
    [({"full_name": "airline/models"}, False), ({"full_name": "stranger/models"}, True), (None, True)],
)
def test_a_head_in_another_repository_or_in_none_is_a_fork(tmp_path: Path, head: object, *, fork: bool) -> None:
    ours = {"repo": {"full_name": "airline/models"}}
    payload = {"number": 1, "pull_request": {"head": {"sha": "1" * 40, "repo": head}, "base": ours}}
    assert read_event(event(tmp_path, "pull_request", json.dumps(payload).encode())).fork is fork


def test_what_dependabot_starts_has_no_secrets_either(tmp_path: Path) -> None:
    ours = {"sha": "1" * 40, "repo": {"full_name": "airline/models"}}
    found = event(tmp_path, "pull_request", json.dumps({"pull_request": {"head": ours, "base": ours}}).encode())
    assert read_event(found).fork is False
    assert read_event(found._replace(actor="dependabot[bot]")).fork is True


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", None),
        ("pull_request", b""),
        ("pull_request", b'{"pull_request": {"head": {"sha": "1'),
        ("pull_request", b"[]"),
        ("pull_request", b"\xff\xfe"),
        ("pull_request", b"[" * 100_000),
        ("pull_request", b'{"pull_request": []}'),
        ("pull_request", b'{"pull_request": {"head": {"sha": 7}}}'),
        ("push", b'{"pull_request": {"head": {"sha": "1"}}}'),
        ("merge_group", b"{}"),
        ("schedule", b"null"),
        ("pull_request_target", b"{}"),
        ("issue_comment", b"{}"),
        ("", b"{}"),
    ],
)
def test_a_payload_that_is_missing_cut_or_of_the_wrong_kind(tmp_path: Path, name: str, payload: bytes | None) -> None:
    with pytest.raises(Misused) as caught:
        read_event(event(tmp_path, name, payload))
    assert "\n" not in caught.value.message + caught.value.hint
    assert name == "" or name in caught.value.message + caught.value.hint


def test_no_event_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="GITHUB_EVENT_PATH is not set"):
        read_event(settings(tmp_path, GITHUB_EVENT_NAME="push"))


def test_the_supported_events_need_no_secret_of_a_fork() -> None:
    assert "pull_request_target" not in EXPECTED
    assert "workflow_run" not in EXPECTED


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "a" * 39, "--upload-pack=x", "1" * 40 + "\n::error::x", 7, None])
def test_only_a_commit_is_taken_for_a_commit(tmp_path: Path, hostile: object) -> None:
    payload = {"before": hostile, "after": "1" * 40}
    found = read_event(event(tmp_path, "push", json.dumps(payload).encode()))
    assert (found.base, found.head) == ("", "1" * 40)


def test_a_new_branch_has_nothing_before_it(tmp_path: Path) -> None:
    payload = {"before": "0" * 40, "after": "1" * 40}
    assert read_event(event(tmp_path, "push", json.dumps(payload).encode())).base == ""


@pytest.mark.parametrize(
    ("branch", "number"),
    [
        (f"refs/heads/gh-readonly-queue/main/pr-7-{'a' * 40}", 7),
        (f"refs/heads/gh-readonly-queue/main/pr-0-{'a' * 40}", 0),
        (f"refs/heads/gh-readonly-queue/main/pr-7-{'a' * 40}\n", 0),
        ("refs/heads/main", 0),
        (["x"], 0),
        (None, 0),
    ],
)
def test_the_pull_request_of_a_merge_group(tmp_path: Path, branch: object, number: int) -> None:
    payload = {"merge_group": {"head_sha": "1" * 40, "base_sha": "2" * 40, "head_ref": branch}}
    found = read_event(event(tmp_path, "merge_group", json.dumps(payload).encode()))
    assert (found.pull_request, found.base) == (number, "2" * 40)


@pytest.mark.parametrize(("number", "read"), [(7, 7), (True, 0), ("7", 0), (-1, 0), (None, 0)])
def test_the_number_of_a_pull_request(tmp_path: Path, number: object, read: int) -> None:
    payload = {"pull_request": {"number": number, "head": {"sha": "1" * 40}, "base": {"sha": "2" * 40}}}
    assert read_event(event(tmp_path, "pull_request_review", json.dumps(payload).encode())).pull_request == read


# workflow commands


@given(st.text(), st.text())
def test_an_annotation_is_one_line_whatever_it_says(title: str, message: str) -> None:
    line = commands.annotation("error", message, title=title)
    assert not set("\r\n") & set(line)
    head, _, rest = line.removeprefix("::error title=").partition("::")
    unescape = {"%3A": ":", "%2C": ",", "%0D": "\r", "%0A": "\n", "%25": "%"}
    assert re.sub("%(?:3A|2C|0D|0A|25)", lambda found: unescape[found[0]], head) == title
    assert re.sub("%(?:0D|0A|25)", lambda found: unescape[found[0]], rest) == message


def test_every_line_of_a_key_is_masked() -> None:
    assert set(commands.masks("first-half\nother-half\n")) == {
        "::add-mask::first-half%0Aother-half",
        "::add-mask::first-half",
        "::add-mask::other-half",
    }


def test_nothing_is_masked_that_would_hide_half_a_log() -> None:
    assert list(commands.masks("a\n\n")) == []


# outputs and summary


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")))
def test_an_output_is_read_back_as_it_was(value: str) -> None:
    text = outputs.rendered({"result": value, "errors": "0"})
    first = re.match(r"result<<(\S+)\n(.*?)\n\1\nerrors<<(\S+)\n0\n\3\n\Z", text, flags=re.DOTALL)
    assert first is not None
    assert first[2] == value
    assert first[1] != first[3], "a delimiter is used once"


def test_an_output_name_is_ours() -> None:
    with pytest.raises(ValueError, match="no output name"):
        outputs.rendered({"a\nb": ""})


@given(st.text())
def test_untrusted_text_is_code_and_nothing_else(text: str) -> None:
    inside = outputs.code(text).removeprefix("<code>").removesuffix("</code>")
    assert outputs.code(text) == f"<code>{inside}</code>"
    assert re.fullmatch(r"(?:[A-Za-z0-9 ]|&#\d+;)*", inside)
    shown = html.unescape(inside)
    assert not [letter for letter in shown if unicodedata.category(letter) in {"Cc", "Cf"}]


def test_long_text_is_cut() -> None:
    assert len(outputs.code("x" * 100_000)) < 600


def test_a_summary_is_cut_at_what_github_shows(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("from an earlier step\n")
    outputs.summarise("é" * 99 + "\n" + ("x" * 99 + "\n") * 20_000, path)
    assert path.stat().st_size <= outputs.SUMMARY_BYTES
    text = path.read_text(encoding="utf-8")
    assert text.startswith("from an earlier step\né")
    assert text.rstrip().endswith("`report-path`.")
    outputs.summarise("more\n" * 1000, path)
    assert path.stat().st_size <= outputs.SUMMARY_BYTES


def test_a_short_summary_is_whole(tmp_path: Path) -> None:
    outputs.summarise("### passed", tmp_path / "summary.md")
    assert (tmp_path / "summary.md").read_text() == "### passed\n"


def test_outside_a_runner_nothing_is_written() -> None:
    outputs.summarise("text", None)
    outputs.write({"result": "passed"}, None)
