"""``promote`` in real workflows, against a real git server: what counts is what the repository holds afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from airline import MODEL, airline
from workflows import Ran, pull_request, run

from mlops_gitops.adapters.git_credentials import hidden
from mlops_gitops.evidence.verdicts import Verdict
from servers.git_http import PUSH, Fault, GitServer, serve

TOKEN = "ghs_0nly-for-the-environment-repository"
HOSTILE = "$(touch pwned)`touch pwned` ::add-mask::production ::stop-commands::x | @airline/risk </details>"
SECRETS = """
    environments: ${{ env.ENVIRONMENTS }}
    token: ${{ secrets.TOKEN }}
    signing-key: ${{ secrets.KEY }}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serve(tmp_path / "served", tokens={TOKEN: "write", "reader": "read"}) as found:
        yield found


def promote(
    server: GitServer, what: str, product: Path, folder: Path, *, pem: str = "", token: str = TOKEN, event: str = "push"
) -> Ran:
    """One workflow with one step, ``what`` being its other inputs."""
    inputs = "".join(f"    {line.strip()}\n" for line in what.strip().splitlines())
    steps = f"- id: promote\n  uses: mlops-gitops/mlops-gitops/actions/promote@v1\n  with:{SECRETS}{inputs}"
    return run(
        steps,
        product=product,
        folder=folder,
        event=event,
        payload=pull_request(title=HOSTILE) if event == "pull_request" else {"after": "1" * 40},
        environ={"ENVIRONMENTS": server.url_of("environments")},
        secrets={"TOKEN": token, "KEY": pem},
    )


def verify(server: GitServer, folder: Path) -> int:
    """``mlops-gitops verify`` on what the server holds."""
    words = [sys.executable, "-m", "mlops_gitops", "verify", "--environments", str(server.folder_of("environments"))]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, check=False).returncode


def test_a_release_in_order_moves_the_pointer_and_leaves_a_receipt(
    server: GitServer, product: Path, tmp_path: Path
) -> None:
    made = airline()
    server.create("environments", made.files)

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem)

    assert ran.succeeded
    said = ran.outputs("promote")
    assert (said["result"], said["environment"], said["release"]) == ("promoted", "dev", made.release)
    assert said["commit"] == server.tip("environments")
    pointer = yaml.safe_load(server.read("environments", f"environments/dev/{MODEL}/release.yaml") or b"")
    assert pointer["data"]["release"] == made.release
    assert f"receipts/dev/{MODEL}/{said['promotion']}.json" in server.files("environments")
    assert verify(server, tmp_path) == 0
    report = ran.document("promote", "report-path")
    assert report["promotions"][0]["promotion"] == said["promotion"]
    assert json.loads(said["promotions"]) == report["promotions"]


def test_running_it_again_changes_nothing(server: GitServer, product: Path, tmp_path: Path) -> None:
    made = airline()
    server.create("environments", made.files)
    promote(server, "all: true", product, tmp_path / "first", pem=made.pem)
    tip = server.tip("environments")

    again = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "again", pem=made.pem)

    assert again.succeeded
    assert again.outputs("promote")["result"] == "nothing-to-do"
    assert again.outputs("promote")["commit"] == ""
    assert server.tip("environments") == tip


def test_a_failed_gate_is_refused_with_its_reason(server: GitServer, product: Path, tmp_path: Path) -> None:
    made = airline(verdict=Verdict.FAIL, summary=f"roc_auc is 0.51, wanted 0.70 {HOSTILE}\n::error::forged")
    tip = (server.create("environments", made.files), server.tip("environments"))[1]

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem)

    assert not ran.succeeded
    assert ran.steps["promote"]["outcome"] == "failure"
    assert ran.outputs("promote")["result"] == "refused"
    assert ran.outputs("promote")["commit"] == ""
    assert server.tip("environments") == tip
    (reason,) = ran.document("promote", "report-path")["promotions"][0]["reasons"]
    assert (reason["gate"], reason["answer"]) == ("model-tests", "fail")
    assert "0.51" in reason["reason"]
    assert ran.pwned == ()


@pytest.mark.parametrize("allowed", [False, True])
def test_a_missing_approval_is_pending(server: GitServer, product: Path, tmp_path: Path, *, allowed: bool) -> None:
    made = airline()
    server.create("environments", made.files)
    promote(server, "all: true", product, tmp_path / "dev", pem=made.pem)
    tip = server.tip("environments")

    what = f"model: {MODEL}\nto: prod\nallow-pending: {str(allowed).lower()}"
    ran = promote(server, what, product, tmp_path / "run", pem=made.pem)

    assert ran.succeeded is allowed
    assert ran.outputs("promote")["result"] == "pending"
    assert server.tip("environments") == tip


def test_a_dry_run_pushes_nothing_and_needs_no_key(server: GitServer, product: Path, tmp_path: Path) -> None:
    made = airline()
    server.create("environments", made.files)

    ran = promote(server, f"model: {MODEL}\nto: dev\ndry-run: true", product, tmp_path / "run", token="reader")

    assert ran.succeeded
    assert ran.outputs("promote")["result"] == "planned"
    assert not [request for request in server.requests if request.service == PUSH]


def test_a_push_whose_answer_is_lost_is_found_to_have_happened(
    server: GitServer, product: Path, tmp_path: Path
) -> None:
    made = airline()
    server.create("environments", made.files)
    server.arm(Fault(lose_answer=True))

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem)

    assert ran.succeeded
    assert ran.outputs("promote")["result"] == "promoted"
    assert ran.outputs("promote")["commit"] == server.tip("environments")
    assert len([name for name in server.files("environments") if name.startswith("receipts/")]) == 1


def test_a_repository_that_moves_meanwhile_is_planned_on_again(
    server: GitServer, product: Path, tmp_path: Path
) -> None:
    made = airline()
    server.create("environments", made.files)
    server.arm(Fault(before=lambda: server.write("environments", {"README.md": "Somebody was faster.\n"})))

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem)

    assert ran.succeeded
    assert ran.outputs("promote")["commit"] == server.tip("environments")
    assert server.read("environments", "README.md") == b"Somebody was faster.\n"
    assert len([name for name in server.files("environments") if name.startswith("receipts/")]) == 1


def test_the_token_is_shown_to_the_server_and_lies_in_no_file(server: GitServer, product: Path, tmp_path: Path) -> None:
    made = airline()
    server.create("environments", made.files)

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem)

    assert ran.succeeded
    assert {request.token for request in server.requests} == {TOKEN}
    hiding = [*hidden(TOKEN), made.pem.splitlines()[1]]
    left = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and path.name != "secrets"]
    assert left
    for path in left:
        content = path.read_bytes()
        assert not [text for text in hiding if text.encode() in content], path


@pytest.mark.parametrize(("token", "result"), [("reader", "error"), ("expired", "error")])
def test_a_token_that_may_not_push(server: GitServer, product: Path, tmp_path: Path, token: str, result: str) -> None:
    made = airline()
    server.create("environments", made.files)
    tip = server.tip("environments")

    ran = promote(server, f"model: {MODEL}\nto: dev", product, tmp_path / "run", pem=made.pem, token=token)

    assert not ran.succeeded
    assert ran.outputs("promote")["result"] == result
    assert ran.document("promote", "report-path")["error"]["retry"] is True
    assert server.tip("environments") == tip


def test_inputs_that_say_too_little_leave_a_result(server: GitServer, product: Path, tmp_path: Path) -> None:
    ran = promote(server, f"model: {MODEL}", product, tmp_path / "run")
    assert not ran.succeeded
    assert ran.outputs("promote")["result"] == "error"
    assert server.requests == []


def test_a_fork_is_told_and_does_not_fail(product: Path, tmp_path: Path) -> None:
    steps = "- id: promote\n  uses: mlops-gitops/mlops-gitops/actions/promote@v1\n  with: {all: true}\n"
    payload = pull_request(fork=True, title=HOSTILE, branch=HOSTILE)
    ran = run(steps, product=product, folder=tmp_path, event="pull_request", payload=payload)
    assert ran.succeeded
    assert ran.outputs("promote")["result"] == "skipped"
    assert ran.pwned == ()
