"""Events as a runner hands them over: a whole one of each kind, one that was cut, and debug logging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from workflows import Ran, pull_request, run, step

MODELS = {
    f"models/{name}/model.yaml": f"apiVersion: mlops-gitops/v1\nkind: Model\nmetadata: {{name: {name}}}\n"
    for name in ("delays", "fares")
}
TOKEN = "ghs_0nly-for-the-environment-repository"
SECOND = """\
- run: |
    echo "# more" >>models/fares/model.yaml
    git -c user.name=Ada -c user.email=ada@example.com commit --quiet --all --message "One of two"
    sed -i "s/BASE/$(git rev-parse HEAD~1)/; s/HEAD/$(git rev-parse HEAD)/" "$GITHUB_EVENT_PATH"
    cat "$GITHUB_EVENT_PATH"
"""
"""A change to one model, between two commits that the payload then names."""


def payload(event: str) -> dict[str, Any]:
    told: dict[str, dict[str, Any]] = {
        "push": {"before": "BASE", "after": "HEAD"},
        "merge_group": {"merge_group": {"base_sha": "BASE", "head_sha": "HEAD", "head_ref": "refs/heads/x"}},
        "pull_request": pull_request(),
    }
    whole = told[event]
    if event == "pull_request":
        whole["pull_request"]["head"]["sha"], whole["pull_request"]["base"]["sha"] = "HEAD", "BASE"
    return whole


@pytest.mark.parametrize("event", ["pull_request", "push", "merge_group"])
def test_plan_takes_the_commits_of_the_event(product: Path, tmp_path: Path, event: str) -> None:
    ran = run(
        SECOND + step("plan"), product=product, folder=tmp_path, event=event, payload=payload(event), files=MODELS
    )
    assert ran.succeeded
    assert json.loads(ran.outputs("plan")["models"]) == ["fares"]
    judged = ran.document("plan", "report-path")["judged"]
    assert judged["pullRequest"] == (1 if event == "pull_request" else None)
    assert len(judged["head"]) == 40


def test_a_payload_that_was_cut_or_is_gone_stops_every_action(product: Path, tmp_path: Path) -> None:
    """The file is cut under the runner's hands, so that what reads it is the Action and nothing else."""
    names = ("plan", "validate", "test", "reproduce", "build", "gate", "release", "promote", "reconcile", "rollback")
    names = (*names, "verify", "report")
    broken = '- run: head --bytes 40 "$GITHUB_EVENT_PATH" >cut && cp cut "$GITHUB_EVENT_PATH"\n'
    steps = [broken, *(step(name, tolerant=True) for name in names)]
    steps += ['- run: rm "$GITHUB_EVENT_PATH"\n', step("plan", ident="plan_gone", tolerant=True)]
    ran = run("".join(steps), product=product, folder=tmp_path, event="push", payload={"after": "1" * 40}, files=MODELS)
    for name in (*names, "plan_gone"):
        assert (ran.steps[name]["outcome"], ran.outputs(name)["result"]) == ("failure", "error")
        error = ran.document(name, "report-path")["error"]
        assert error["code"] == "event"
        assert "\n" not in error["message"] + error["hint"]
        assert "push" in error["hint"]
        (one,) = ran.document(name, "sarif-path")["runs"]
        assert one["invocations"][0]["executionSuccessful"] is False


def told(ran: Ran) -> str:
    return "".join(
        path.read_text(errors="replace") for path in ran.collected.rglob("*") if path.is_file() and path.name != "log"
    )


def test_debug_logging_leaves_no_secret_behind(product: Path, tmp_path: Path) -> None:
    """The launcher's own log is kept by a step, because a runner's is not to be read."""
    launched = (
        "- env:\n    MG_INPUT_MODEL: fares\n    MG_INPUT_TO: dev\n    MG_INPUT_ENVIRONMENTS: https://127.0.0.1:9/environments\n"
        "    MG_INPUT_TOKEN: ${{ secrets.TOKEN }}\n    RUNNER_DEBUG: '1'\n    GITHUB_OUTPUT: /dev/null\n"
        '  run: MG_INPUT_DRY_RUN=true "$PRODUCT/actions/_runtime/launch" promote >"$COLLECTED/said" || true\n'
    )
    ran = run(
        launched, product=product, folder=tmp_path, event="push", payload={"after": "1" * 40}, files=MODELS,
        environ={"PRODUCT": str(product)}, secrets={"TOKEN": TOKEN},
    )  # fmt: skip
    said = (ran.collected / "said").read_text()
    assert "::debug::command: [" in said
    assert '"promote"' in said.partition("::debug::command: ")[2]
    assert [line for line in said.splitlines() if TOKEN in line] == [f"::add-mask::{TOKEN}"]
    assert TOKEN not in told(ran).replace(f"::add-mask::{TOKEN}", "")
