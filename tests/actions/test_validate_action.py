"""``validate`` in real workflows: what counts is its outputs, its JSON and its SARIF, never a log."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path

import pytest
from launcher import launch, outputs
from workflows import ROOT, Ran, pull_request, run

HOSTILE = "$(touch pwned)`touch pwned`;touch pwned ::add-mask::x"
MODEL = """\
apiVersion: mlops-gitops/v1
kind: Model
metadata:
  name: flight-delays
  verzion: "1.0.0"
"""

STEP = "- id: validate\n  uses: mlops-gitops/mlops-gitops/actions/validate@v1\n"


def validate(
    product: Path, folder: Path, files: dict[str, str | bytes], *, inputs: str = "", title: str = "A change"
) -> Ran:
    given = "".join(f"    {line}\n" for line in inputs.splitlines())
    steps = STEP + (f"  with:\n{given}" if given else "")
    return run(
        steps,
        product=product,
        folder=folder,
        event="pull_request",
        payload=pull_request(title=title, branch=title, fork=True),
        files=files,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    """What ``init model`` writes."""
    folder = tmp_path_factory.mktemp("good")
    words = [sys.executable, "-m", "mlops_gitops", "init", "model", "flight-delays"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_in_order_pass(product: Path, tmp_path: Path, good: dict[str, str | bytes]) -> None:
    ran = validate(product, tmp_path, good)
    assert ran.succeeded
    said = ran.outputs("validate")
    assert (said["result"], said["errors"]) == ("passed", "0")
    assert ran.document("validate", "sarif-path")["version"] == "2.1.0"


def test_every_finding_is_in_every_form(product: Path, tmp_path: Path) -> None:
    ran = validate(product, tmp_path, {"models/flight-delays/model.yaml": MODEL})

    assert not ran.succeeded
    said = ran.outputs("validate")
    found = ran.document("validate", "report-path")["findings"]
    assert said["result"] == "failed"
    assert int(said["findings"]) == len(found) == int(said["errors"]) + int(said["warnings"])
    (unknown,) = [one for one in found if "verzion" in one["message"]]
    assert (unknown["file"], unknown["line"]) == ("models/flight-delays/model.yaml", 5)
    (results,) = [one["results"] for one in ran.document("validate", "sarif-path")["runs"]]
    assert len(results) == len(found)


@pytest.mark.parametrize(("fail_on", "succeeded"), [("never", True), ("error", False), ("warning", False)])
def test_what_fails_the_step(product: Path, tmp_path: Path, fail_on: str, *, succeeded: bool) -> None:
    files: dict[str, str | bytes] = {"models/flight-delays/model.yaml": MODEL}
    ran = validate(product, tmp_path, files, inputs=f"fail-on: {fail_on}")
    assert ran.succeeded is succeeded
    assert int(ran.outputs("validate")["errors"]) > 0


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", {"after": "1" * 40}),
        ("merge_group", {"merge_group": {"head_sha": "1" * 40}}),
        ("workflow_dispatch", {"inputs": {}}),
        ("schedule", {"schedule": "0 6 * * 1"}),
    ],
)
def test_every_event_that_checks_are_started_by(
    product: Path, tmp_path: Path, event: str, payload: dict[str, object]
) -> None:
    files = {"models/flight-delays/model.yaml": MODEL}
    ran = run(STEP, product=product, folder=tmp_path, event=event, payload=payload, files=files)
    assert ran.outputs("validate")["result"] == "failed"


def test_an_event_that_hands_secrets_to_a_fork_is_turned_away(product: Path, tmp_path: Path) -> None:
    ran = run(STEP, product=product, folder=tmp_path, event="pull_request_target", payload=pull_request(fork=True))
    assert not ran.succeeded
    assert ran.outputs("validate")["result"] == "error"


def test_files_of_a_subfolder_are_named_from_the_root(product: Path, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"team/models/flight-delays/model.yaml": MODEL}
    ran = validate(product, tmp_path, files, inputs="working-directory: team")
    (results,) = [one["results"] for one in ran.document("validate", "sarif-path")["runs"]]
    places = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results}
    assert places == {"team/models/flight-delays/model.yaml"}


def test_hostile_names_and_text_are_shown_and_nothing_else(product: Path, tmp_path: Path) -> None:
    folder = "models/$(touch pwned)`touch pwned`;touch pwned"
    text = MODEL.replace("flight-delays", '"x\\n::error::forged\\n::add-mask::production"').replace(
        "verzion", json.dumps(HOSTILE)
    )
    files: dict[str, str | bytes] = {f"{folder}/model.yaml": text, "models/a::error::b/model.yaml": text}

    ran = validate(product, tmp_path, files, title=HOSTILE)

    assert not ran.succeeded
    assert ran.outputs("validate")["result"] == "failed"
    assert ran.pwned == ()
    assert {one["file"] for one in ran.document("validate", "report-path")["findings"]} == set(files)


def test_a_path_that_is_not_there(product: Path, tmp_path: Path) -> None:
    ran = validate(product, tmp_path, {"README.md": "# Empty\n"}, inputs="paths: models/none.yaml")
    assert not ran.succeeded
    assert ran.outputs("validate")["result"] == "error"


def annotations(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith(("::error", "::warning"))]


def test_annotations_are_few_and_say_how_many_more(product: Path, tmp_path: Path) -> None:
    """On the launcher itself, because what a runner shows is on standard output."""
    for number in range(20):
        path = tmp_path / "workspace" / "models" / f"model-{number:02}" / "model.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(MODEL.replace("flight-delays", f"model-{number:02}"))
    done = launch(product, tmp_path, "validate")
    assert done.returncode == 1
    lines = annotations(done.stdout)
    assert 1 <= len([line for line in lines if line.startswith("::error")]) <= 10
    assert len([line for line in lines if line.startswith("::warning")]) <= 10
    said = outputs(tmp_path / "output")
    assert said["result"] == "failed"
    assert int(said["findings"]) > 20
    summary = (tmp_path / "summary.md").read_text()
    assert "models/model-19/model.yaml" in html.unescape(summary)


def test_hostile_text_forges_no_annotation(product: Path, tmp_path: Path) -> None:
    path = tmp_path / "workspace" / "models" / "x" / "model.yaml"
    path.parent.mkdir(parents=True)
    path.write_text('apiVersion: mlops-gitops/v1\nkind: Model\n"\\n::error::forged\\r\\n::add-mask::x": 1\n')
    done = launch(product, tmp_path, "validate")
    assert done.returncode == 1
    assert not [line for line in done.stdout.splitlines() if line.startswith(("::error::forged", "::add-mask"))]
    assert "\n::" not in (tmp_path / "summary.md").read_text()


def test_the_product_is_what_is_tested(product: Path) -> None:
    assert (product / "uv.lock").read_bytes() == (ROOT / "uv.lock").read_bytes()
