"""``reproduce`` from the command line, on real learners and real data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retrainings import ENVIRONMENT, LEARNERS, repository
from time_limits import until
from torch_folder import torch_folder

SEEDED = [name for name in LEARNERS if name != "torch-state-dict"]


def told(text: str) -> dict[str, Any]:
    (one,) = json.loads(text)["reproductions"]
    return dict(one)


@pytest.mark.parametrize("learner", SEEDED)
def test_a_seeded_training_agrees_with_its_record(tmp_path: Path, learner: str) -> None:
    place = repository(tmp_path, learner)
    place.train()
    assert place("cancer") == 0, place.out + place.err
    assert place.out.startswith("✓")
    assert "bitwise" in place.out


@pytest.mark.parametrize("learner", SEEDED)
def test_another_seed_is_not_the_same_model(tmp_path: Path, learner: str) -> None:
    place = repository(tmp_path, learner)
    place.train()
    text, _ = LEARNERS[learner]
    place.write("train.py", text.format(seed=8))
    assert place("cancer", "--format", "json") == 1, place.out + place.err
    one = told(place.out)
    assert one["reached"] is None
    assert any(tensor["differing"] for tensor in one["agreement"]["tensors"])


def test_twice_needs_no_record(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    assert place("cancer", "--twice") == 0, place.out + place.err
    unseeded = repository(tmp_path / "other", "sklearn-pickle", seed="None")
    assert unseeded("cancer", "--twice") == 1, unseeded.out + unseeded.err


def test_deterministic_seeds_what_nobody_seeded(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle", seed="None")
    assert place("cancer", "--twice", "--deterministic") == 0, place.out + place.err


def test_several_seeds_are_equivalent_within_the_margin(tmp_path: Path) -> None:
    promise = {
        "class": "statistical",
        "churn": 0.15,
        "metrics": [{"name": "roc_auc", "margin": 0.05}],
        "seeds": 4,
        "seed": {"variable": "SEED"},
    }
    place = repository(
        tmp_path,
        "sklearn-pickle",
        seed='int(__import__("os").environ.get("SEED", "0"))',
        spec={"reproducibility": promise},
    )
    place.train()
    text, _ = LEARNERS["sklearn-pickle"]
    place.write("train.py", text.format(seed='1 + int(__import__("os").environ.get("SEED", "0"))'))
    assert place("cancer", "--format", "json") == 0, place.out + place.err
    one = told(place.out)
    assert one["reached"] == "statistical"
    assert len(one["agreement"]["metrics"][0]["values"]) == 4


FAILURES = {
    "crashed": "raise SystemExit('no such column')\n",
    "no-artifact": "print('nothing')\n",
    "network": "import socket\nsocket.getaddrinfo('data.example.com', 443)\n",
    "wrote-outside": "open('/etc/mlops-gitops-was-here', 'w').write('x')\n",
    "changed-input": "open('data/train.csv', 'a').write('1')\n",
    "unreadable": "open('model.pkl', 'wb').write(b'\\x80\\x04\\x95')\n",
    "unsafe": (
        "import os, pickle\nclass Call:\n"
        "    def __reduce__(self):\n        return os.system, ('touch /etc/mlops-gitops-was-here',)\n"
        "pickle.dump(Call(), open('model.pkl', 'wb'))\n"
    ),
    "not-a-number": (
        "import joblib, numpy\nfrom sklearn.linear_model import LogisticRegression\n"
        "model = LogisticRegression().fit([[0] * 4, [1] * 4], [0, 1])\nmodel.coef_[0, 2] = numpy.nan\n"
        "joblib.dump(model, 'model.pkl')\n"
    ),
}


@pytest.mark.parametrize("trouble", list(FAILURES))
def test_what_goes_wrong_is_a_finding_with_a_log(tmp_path: Path, trouble: str) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.train()
    before = (place.folder / "data/train.csv").read_bytes()
    place.write("train.py", FAILURES[trouble])
    assert place("cancer", "--format", "json", "--report", str(tmp_path / "report")) == 1, place.out + place.err
    one = told(place.out)
    assert trouble in {problem["trouble"] for problem in one["problems"]}, one["problems"]
    assert (tmp_path / "report/cancer/report.html").is_file()
    assert list((tmp_path / "report/cancer/runs").glob("*/log"))
    assert (place.folder / "data/train.csv").read_bytes() == before
    assert place.git("status", "--porcelain") == ""
    assert not Path("/etc/mlops-gitops-was-here").exists()


@pytest.mark.parametrize("trouble", ["unreadable", "unsafe", "not-a-number"])
def test_two_trainings_that_agree_on_what_nobody_can_use_are_not_reproducible(tmp_path: Path, trouble: str) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.write("train.py", FAILURES[trouble])
    assert place("cancer", "--twice", "--format", "json") == 1, place.out + place.err
    one = told(place.out)
    assert one["reached"] == "bitwise"
    assert [problem["trouble"] for problem in one["problems"]] == [trouble]
    assert not Path("/etc/mlops-gitops-was-here").exists()


def test_where_the_first_of_two_fails_it_is_told_once(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.write("train.py", FAILURES["crashed"])
    assert place("cancer", "--twice") == 1, place.out + place.err
    assert place.out.count("log of first") == 1
    assert "the second was not tried" in place.out


def test_a_report_is_written_by_one_command_at_a_time(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.write("train.py", "import time\nopen('begun', 'w').close()\ntime.sleep(60)\n")
    report = tmp_path / "report"
    words = [sys.executable, "-m", "mlops_gitops", "reproduce", "cancer", "--twice", "--report", str(report)]
    environ = {**place.environ, "MG_CACHE": str(tmp_path / "other-cache")}
    argv = [*words, "--environment", str(ENVIRONMENT)]
    with subprocess.Popen(argv, cwd=place.root, env=environ, stderr=subprocess.DEVNULL) as first:
        try:
            begun = report / "cancer/runs/first/work/models/cancer/begun"
            until(begun.exists)
            assert place("cancer", "--twice", "--report", str(report)) == 5, place.out + place.err
            assert "another command is writing its report" in place.err
            assert begun.exists()
        finally:
            first.kill()
    place.write("train.py", "raise SystemExit(3)")
    assert place("cancer", "--twice", "--report", str(report)) == 1, "what was killed keeps nobody out"


def test_statements_lie_beside_the_report(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.train()
    assert place("cancer", "--report", str(tmp_path / "report")) == 0, place.out + place.err
    room = tmp_path / "report/cancer"
    provenance = json.loads((room / "provenance.intoto.json").read_text())
    verdict = json.loads((room / "verdict.intoto.json").read_text())
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert verdict["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert verdict["predicate"]["result"] == "PASSED"
    assert provenance["subject"][0]["digest"] == verdict["subject"][0]["digest"]
    names = {one["name"] for one in provenance["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert names == {"source", "data/train", "data/test", "dependencies"}


def test_a_dirty_work_tree_is_refused_or_trained_as_it_is(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    place.train()
    text, _ = LEARNERS["sklearn-pickle"]
    (place.folder / "train.py").write_text(text.format(seed=8))
    assert place("cancer") == 1
    assert "in no commit" in place.err
    assert place("cancer", "--allow-dirty") == 1
    assert "✗" in place.out


def test_usage(tmp_path: Path) -> None:
    place = repository(tmp_path, "sklearn-pickle")
    assert place("nobody") == 2
    assert place("cancer", "--publish") == 2
    assert place("cancer") == 1
    assert "train it first" in place.err


def test_pytorch_agrees_with_its_record_and_leaves_its_own_predictions(tmp_path: Path) -> None:
    """A ``state_dict`` cannot be run: its decisions come from the file that training wrote."""
    torch = torch_folder()
    python = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(python)], check=True)
    (site,) = python.glob("lib/python3*/site-packages")
    (beside,) = ENVIRONMENT.glob("lib/python3*/site-packages")
    (site / "others.pth").write_text(f"{beside}\n{torch}\n")
    promise = {"class": "numeric", "tolerance": {"relative": 1e-3, "absolute": 1e-3}}
    place = repository(tmp_path, "torch-state-dict", spec={"reproducibility": promise})
    place.python = python
    (place.folder / "requirements.lock").write_text("")
    place.commit()
    place.train()
    assert place("cancer") == 0, place.out + place.err
    assert "✓ bitwise" in place.out
    text, _ = LEARNERS["torch-state-dict"]
    nudge = 'state = net.state_dict(); state["0.weight"][0, 0] += 1e-4; torch.save(state, "model.pt")\n'
    place.write("train.py", text.format(seed=7) + nudge)
    assert place("cancer", "--format", "json") == 0, place.out + place.err
    one = told(place.out)
    assert one["reached"] == "numeric"
    (moved,) = [tensor for tensor in one["agreement"]["tensors"] if tensor["differing"]]
    assert (moved["name"], moved["where"], moved["differing"]) == ("['0.weight']", [0, 0], 1)
