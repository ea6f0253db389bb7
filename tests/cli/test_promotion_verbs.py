"""The verbs around promotion, as a person or a script calls them."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

import estate
from estate import MODEL, Estate
from shells import Shell

FIRST = estate.release()


def to_production(shell: Shell) -> None:
    assert shell("promote", "--all") == 0
    assert shell("promote", MODEL, "--to", "staging") == 0
    assert shell("approve", MODEL, "--to", "prod", key="grace") == 0
    assert shell("approve", MODEL, "--to", "prod", key="katherine") == 0
    assert shell("promote", MODEL, "--to", "prod") == 0


def test_the_way_to_production(shell: Shell) -> None:
    assert shell("promote", MODEL, "--to", "prod") == 4
    to_production(shell)
    assert "approved by grace, katherine (2 of 2)" in shell.out
    assert shell("promote", MODEL, "--to", "prod") == 0
    assert "nothing to do" in shell.out
    assert shell("verify") == 0
    assert "everything holds" in shell.out


def test_all_says_what_moved_and_is_content_with_nothing(shell: Shell) -> None:
    told = shell.json("promote", "--all")
    assert told["result"] == "promoted"
    assert [(one["environment"], one["outcome"]) for one in told["promotions"]] == [("dev", "move")]
    assert shell.json("promote", "--all")["result"] == "nothing-to-do"


def test_a_dry_run_changes_nothing(shell: Shell) -> None:
    before = shell.json("status")["commit"]
    told = shell.json("promote", MODEL, "--to", "dev", "--dry-run")
    assert (told["result"], told["commit"]) == ("planned", None)
    assert shell.json("status")["commit"] == before


def test_pending_and_refused_have_their_exit_codes_and_reasons(shell_of: Callable[[Estate], Shell]) -> None:
    from mlops_gitops.evidence.verdicts import Verdict

    shell = shell_of(Estate.new().with_release(FIRST, model_tests=Verdict.FAIL))
    shell("promote", "--all")
    assert shell("promote", MODEL, "--to", "staging") == 1
    assert "✗ model-tests" in shell.out
    told = shell.json("promote", MODEL, "--to", "staging")
    assert told["result"] == "refused"


def test_rollback_holds_and_the_hold_can_be_lifted(shell_of: Callable[[Estate], Shell]) -> None:
    second = estate.release("1.1.0", supersedes=FIRST.id, content="b")
    shell = shell_of(Estate.new({"dev": estate.environment("dev")}).with_release(FIRST).with_release(second))
    for version in ("1.0.0", "1.1.0"):
        assert shell("promote", MODEL, "--to", "dev", "--release", version) == 0
    # The artifact of the estate is in no registry, so the preflight says no, and nothing moves.
    assert shell("rollback", MODEL, "--in", "dev", "--reason", "late") != 0
    assert shell.json("status")["slots"][0]["version"] == "1.1.0"
    assert shell("control", "hold", MODEL, "--in", "dev", "--release", "1.0.0", "--reason", "audit") == 0
    held = shell.json("status")["slots"][0]["controls"]
    assert shell("promote", MODEL, "--to", "dev", "--release", "1.0.0") == 1
    assert "hold by grace: audit" in shell.out
    assert shell("control", "lift", held[0], MODEL, "--in", "dev") == 0
    assert shell("promote", MODEL, "--to", "dev", "--release", "1.0.0") == 0


def test_a_waiver_opens_one_gate_for_one_release_and_is_signed(shell_of: Callable[[Estate], Shell]) -> None:
    from mlops_gitops.evidence.verdicts import Verdict

    shell = shell_of(Estate.new().with_release(FIRST, model_tests=Verdict.FAIL))
    shell("promote", "--all")
    words = ("control", "waive", MODEL, "--in", "staging", "--release", "1.0.0", "--gate", "model-tests")
    ends = ("--reason", "measured by hand", "--until", "2026-12-01T00:00:00Z")
    assert shell(*words, *ends, key="ada") == 0, "the author signs"
    assert shell("promote", MODEL, "--to", "staging") == 1, "and it does not count"
    assert shell(*words, *ends, key="ci") == 1, "a machine may not"
    assert shell(*words, *ends, key="grace") == 0
    assert shell("promote", MODEL, "--to", "staging") == 0
    assert "waived by grace until 2026-12-01T00:00:00Z" in shell.out
    assert shell("verify") == 0


def test_status_of_the_past_by_commit_and_by_time(shell: Shell) -> None:
    before = shell.json("status")["commit"]
    shell("promote", "--all")
    moment = shell.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    shell("promote", MODEL, "--to", "staging")
    running = {at: [one["release"] for one in shell.json("status", "--at", at)["slots"]] for at in (before, moment)}
    assert running == {before: [None] * 3, moment: [FIRST.id, None, None]}
    assert shell("status", "--at", "1999-01-01T00:00:00Z") == 2
    assert "no commit at" in shell.err


def test_history_and_explain_give_the_reasons(shell: Shell) -> None:
    to_production(shell)
    assert shell("history", MODEL, "--in", "prod") == 0
    assert "✓ approvals" in shell.out
    assert len(shell.json("history", MODEL)["promotions"]) == 3
    assert shell("explain", MODEL, "prod") == 0
    assert "it runs there already" in shell.out
    assert shell.json("explain", MODEL, "prod", "--release", "1.0.0")["outcome"] == "nothing"


def test_explain_says_who_can_change_it(shell: Shell) -> None:
    shell("promote", "--all")
    shell("promote", MODEL, "--to", "staging")
    told = shell.json("explain", MODEL, "prod")
    assert told["outcome"] == "pending"
    approve = f"mlops-gitops approve {MODEL} --to prod"
    assert told["remedies"] == [
        {
            "gate": "approvals",
            "remedy": f"`{approve}`, signed by grace or katherine",
            "who": ["grace", "katherine"],
            "commands": [approve],
            "when": None,
        }
    ]


def test_a_rejection_withdraws_an_approval(shell: Shell) -> None:
    to_production(shell)
    shell_time = shell.json("explain", MODEL, "prod")["outcome"]
    assert shell_time == "nothing"
    assert (
        shell("approve", MODEL, "--to", "prod", "--release", "1.0.0", "--reject", "--comment", "nights", key="grace")
        == 0
    )
    assert (
        shell("approve", MODEL, "--to", "prod", "--release", "1.0.0", "--reject", "--comment", "nights", key="grace")
        == 0
    )
    assert "nothing to do" in shell.out


def test_drift_lists_what_lags(shell: Shell) -> None:
    shell("promote", "--all")
    told = shell.json("drift")
    assert [(one["ahead"]["environment"], one["behind"]["environment"]) for one in told["differences"]] == [
        ("dev", "staging")
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("promote",), 2),
        (("promote", MODEL), 2),
        (("promote", MODEL, "--to", "nowhere"), 2),
        (("promote", "no-such-model", "--to", "dev"), 2),
        (("promote", "../../etc", "--to", "dev"), 2),
        (("promote", MODEL, "--to", "../dev"), 2),
        (("promote", MODEL, "--to", "dev", "--release", "9.9.9"), 2),
        (("approve", MODEL, "--to", "prod"), 1),
        (("history", "no-such-model"), 2),
        (("explain", MODEL, "nowhere"), 2),
        (("control", "lift", "hold-000000000000", MODEL, "--in", "dev"), 2),
        (("control", "freeze", MODEL, "--in", "dev", "--reason", "x", "--until", "tomorrow"), 2),
        (("rollback", MODEL, "--in", "dev", "--reason", "x"), 1),
        (("status", "--at", "-x"), 2),
        (("status", "--at=--upload-pack=touch pwned"), 2),
        (("status", "--at", "yesterday"), 2),
        (("verify", "0000000"), 2),
        (("status", "--environments", "/no/such/folder"), 5),
        (("status", "--environments", "ext::sh -c touch% pwned"), 2),
        (("status", "--environments", "--upload-pack=x"), 2),
        (("promot", MODEL), 2),
        (("promote", "--all", "--to", "dev"), 2),
        (("promote", "--all", MODEL), 2),
        (("rollback", MODEL, "--in", "dev", "--reason", " \n"), 2),
        (("control", "hold", MODEL, "--in", "dev", "--reason", ""), 2),
        (("control", "hold", "no-such-model", "--in", "dev", "--reason", "x"), 2),
        (("control", "freeze", MODEL, "--in", "dev", "--reason", "x", "--until", "2020-01-01T00:00:00Z"), 2),
        (("status", "--branch", "no-such-branch"), 2),
    ],
)
def test_wrong_words_are_told_apart_and_change_nothing(shell: Shell, words: tuple[str, ...], code: int) -> None:
    before = estate.git("rev-parse", "main", cwd=shell.bare)
    assert shell(*words) == code, shell.err
    assert shell.out == "" or "what to do" in shell.out
    assert "Traceback" not in shell.err
    assert estate.git("rev-parse", "main", cwd=shell.bare) == before
    assert shell(*words, "--format", "json") == code


@pytest.mark.parametrize(
    "path", ["trust/signers.yaml", "environments/staging/environment.yaml", f"releases/{MODEL}/{FIRST.id}.yaml"]
)
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"a: &a [*a]", b"- 1\n", b"kind: Trust\nkind: Trust\n", b"{" * 5000]
)
def test_a_broken_repository_is_refused_and_left_alone(
    shell_of: Callable[[Estate], Shell], path: str, content: bytes
) -> None:
    good = Estate.new().with_release(FIRST)
    shell = shell_of(good.with_files({path: content}))
    before = estate.git("rev-parse", "main", cwd=shell.bare)
    named = ("--release", FIRST.id)
    promote, explain = ("promote", MODEL, "--to", "staging", *named), ("explain", MODEL, "staging", *named)
    for words in (promote, ("status",), explain, ("verify",)):
        expected = {0, 1} if words == ("status",) else {1}  # what runs nowhere needs neither trust nor its release
        assert shell(*words) in expected, (words, shell.out, shell.err)
        assert "Traceback" not in shell.err
    assert estate.git("rev-parse", "main", cwd=shell.bare) == before


def test_secrets_in_a_url_are_never_shown(shell: Shell) -> None:
    assert shell("status", "--environments", "http://ada:hunter2@127.0.0.1:1/x.git") == 5
    assert "hunter2" not in shell.out + shell.err
    assert "***@127.0.0.1" in shell.err


def test_a_key_that_is_no_key_is_told_without_its_content(shell: Shell) -> None:
    shell.environ["SECRET"] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    assert shell("promote", MODEL, "--to", "dev", "--key", "env:SECRET") == 2
    assert "c2VjcmV0" not in shell.out + shell.err
    for uri in ("file2:/no/such/key.pem", "env:MISSING", "magic:1", "awskms:arn"):
        assert shell("promote", MODEL, "--to", "dev", "--key", uri) == 2, uri


def test_a_waiver_for_a_gate_that_is_not_there_is_not_written(shell: Shell) -> None:
    words = ("control", "waive", MODEL, "--in", "staging", "--release", "1.0.0", "--reason", "x")
    for gate in ("comparsion", "approvals", "soak", "scan", ""):
        assert shell(*words, "--gate", gate, "--until", "2026-12-01T00:00:00Z", key="grace") == 2, gate
        assert "data-tests, model-tests, comparison" in shell.err
    assert shell("explain", MODEL, "staging", "--release", "1.0.0") == 0


def test_an_author_is_told_that_the_approval_will_not_count(shell: Shell) -> None:
    assert shell("approve", MODEL, "--to", "prod", "--release", "1.0.0", key="ada") == 0
    assert "ada is the author of this release" in shell.out
    assert shell.json("approve", MODEL, "--to", "prod", "--release", "1.0.0", key="grace")["note"] is None


def test_what_cannot_be_read_any_more_is_found(shell_of: Callable[[Estate], Shell]) -> None:
    """A file that every decision reads is looked at by verify too, whether or not a receipt needs it."""
    shell = shell_of(Estate.new().with_release(FIRST))
    for path, data in (("controls/dev/flight-delays.yaml", b"x: y\n"), ("trust/signers.yaml", None)):
        broken = shell.folder / "broken"
        estate.git("clone", "--quiet", str(shell.bare), str(broken), cwd=shell.folder)
        if data is None:
            (broken / path).unlink()
        else:
            (broken / path).parent.mkdir(parents=True)
            (broken / path).write_bytes(data)
        estate.git("add", "--all", cwd=broken)
        estate.git("commit", "--quiet", "--message", "By hand", cwd=broken)
        assert shell("verify", "--environments", str(broken)) == 1, path
        assert path in shell.out
        shutil.rmtree(broken)
