from __future__ import annotations

from pathlib import Path

from workflows import pull_request, run

PROMOTE = """
- id: promote
  uses: mlops-gitops/mlops-gitops/actions/promote@v1
  with:
"""


def test_inputs_that_say_too_little_leave_a_result(product: Path, tmp_path: Path) -> None:
    ran = run(
        PROMOTE + "    model: flight-delays\n",
        product=product,
        folder=tmp_path,
        event="push",
        payload={"after": "1" * 40},
    )
    assert not ran.succeeded
    assert ran.steps["promote"]["outcome"] == "failure"
    assert ran.outputs("promote")["result"] == "error"


def test_a_fork_is_told_and_does_not_fail(product: Path, tmp_path: Path) -> None:
    payload = pull_request(fork=True)
    ran = run(PROMOTE + "    all: true\n", product=product, folder=tmp_path, event="pull_request", payload=payload)
    assert ran.succeeded
    assert ran.outputs("promote")["result"] == "skipped"
