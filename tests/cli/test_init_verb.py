from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

import estate
from mlops_gitops.evidence.signing import PublicKey, open_signer
from verbs import said


def files(root: Path) -> dict[str, bytes]:
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def test_what_is_written_passes_strictly(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "model", "delays")[0] == 0
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    assert said(tmp_path, "validate", "--strict") == (0, "6 files, no findings\n", "")


@pytest.mark.parametrize("names", [["only"], ["dev", "prod"], ["a", "b", "c", "d"]])
def test_any_number_of_environments_passes(tmp_path: Path, names: list[str]) -> None:
    words = [word for name in names for word in ("--environment", name)]
    assert said(tmp_path, "init", "environments", "where/they/are", *words)[0] == 0
    assert said(tmp_path / "where/they/are", "validate", "--strict")[0] == 0


@pytest.mark.parametrize("words", [["model", "delays"], ["environments", "."], ["workflows"], ["key", "ada"]])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, words: list[str]) -> None:
    assert said(tmp_path, "init", *words)[0] == 0
    written = files(tmp_path)
    first = min(written)
    assert said(tmp_path, "init", *words)[0] == 1
    assert files(tmp_path) == written
    for name in written:
        if name != first:
            (tmp_path / name).unlink()
    assert said(tmp_path, "init", *words)[0] == 1
    assert list(files(tmp_path)) == [first]


def test_a_dangling_link_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / "ada.pem").symlink_to(tmp_path / "elsewhere")
    assert said(tmp_path, "init", "key", "ada")[0] == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["../up", "UP", "a b", "", "-a"])
def test_a_bad_name_is_wrong_usage(tmp_path: Path, name: str) -> None:
    assert said(tmp_path, "init", "model", "--", name)[0] == 2
    assert files(tmp_path) == {}


def test_a_key_signs_and_what_is_printed_checks_it(tmp_path: Path) -> None:
    code, out, _ = said(tmp_path, "init", "key", "ada", "--directory", "keys")
    private = tmp_path / "keys/ada.pem"
    assert code == 0
    assert "PRIVATE" not in out
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert (tmp_path / "keys/ada.pub.yaml").read_text() == out
    (key,) = yaml.safe_load(out)
    public = PublicKey(key["keyid"], key["keytype"], key["scheme"], key["keyval"]["public"])
    signer = open_signer(f"file2:{private}", environ={}, known=tuple)
    assert signer.keyid == key["keyid"]
    assert public.verifies(signer.sign(b"yes"), b"yes")
    assert not public.verifies(signer.sign(b"yes"), b"no")


def test_the_printed_key_passes_in_signers(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    _, out, _ = said(tmp_path, "init", "key", "ci", "--format", "json")
    signer = {"name": "ci", "type": "machine", "keys": [json.loads(out)["key"]]}
    kinds = ["provenance", "scan", "data-tests", "model-tests", "comparison"]
    signer["signs"] = [{"kinds": kinds, "environments": ["*"]}]
    trust = {"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": [signer]}}
    (tmp_path / "trust/signers.yaml").write_text(yaml.safe_dump(trust))
    code, out, _ = said(tmp_path, "validate", "trust", "environments/dev", "environments/staging")
    assert (code, out) == (0, "3 files, no findings\n")
    assert "MG904" in said(tmp_path, "validate")[1]


def test_workflows_call_the_two_actions(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "workflows")[0] == 0
    for verb in ("validate", "promote"):
        workflow = yaml.safe_load((tmp_path / f".github/workflows/{verb}.yml").read_text())
        uses = [step["uses"] for step in workflow["jobs"][verb]["steps"]]
        assert uses[-1] == f"mlops-gitops/mlops-gitops/actions/{verb}@v1"
        assert workflow["permissions"] == {}
        action = yaml.safe_load((Path(__file__).parents[2] / f"actions/{verb}/action.yml").read_text())
        assert set(workflow["jobs"][verb]["steps"][-1].get("with", {})) <= set(action["inputs"])


def jobs(workflow: str) -> dict[str, Any]:
    """What a workflow does, without what only people read.  ``on`` is the boolean true to a YAML 1.1 reader."""
    read: dict[Any, Any] = yaml.safe_load(workflow)
    (job,) = read["jobs"].values()
    triggers = read[True] if isinstance(read[True], dict) else dict.fromkeys(read[True])
    return {
        "on": triggers,
        "keys": set(read) - {"name"},
        "permissions": (read["permissions"], job["permissions"]),
        "uses": [step["uses"] for step in job["steps"]],
        "secrets": set(re.findall(r"secrets\.(\w+)", workflow)),
    }


def test_workflows_are_those_of_the_guide(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/use-the-actions.md").read_text()
    blocks = re.findall(r"```yaml\n(on:.*?)```", guide, re.DOTALL)
    assert said(tmp_path, "init", "workflows")[0] == 0
    written = [(tmp_path / f".github/workflows/{verb}.yml").read_text() for verb in ("validate", "promote")]
    assert list(map(jobs, written)) == list(map(jobs, blocks))


def test_private_keys_and_artifacts_are_not_committed(tmp_path: Path) -> None:
    estate.git("init", "--quiet", cwd=tmp_path)
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    assert said(tmp_path, "init", "key", "ada")[0] == 0
    assert said(tmp_path, "init", "key", "ci", "--directory", "keys")[0] == 0
    assert said(tmp_path, "init", "model", "delays")[0] == 0
    (tmp_path / "models/delays/artifact").mkdir()
    (tmp_path / "models/delays/artifact/model.pkl").write_bytes(b"")
    estate.git("add", "--all", cwd=tmp_path)
    added = estate.git("ls-files", cwd=tmp_path).splitlines()
    assert {"ada.pub.yaml", "keys/ci.pub.yaml", "models/delays/model.yaml", ".gitignore"} <= set(added)
    assert not [one for one in added if one.endswith((".pem", ".pkl"))]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_in_a_repository_that_would_take_it_is_warned_about(tmp_path: Path, form: str) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    (outside / "link").symlink_to(inside / "keys")
    estate.git("init", "--quiet", cwd=inside)
    words = ("init", "key", "--format", form)
    code, out, err = said(inside, *words, "ada", "--directory", "keys")
    assert code == 0
    assert err.splitlines()[0] == (
        "warning: this folder is in a git repository, and ada.pem is not ignored there: "
        "keep private keys outside, for example --directory ~/keys"
    )
    assert "warning" not in out
    assert "warning" in said(outside, *words, "grace", "--directory", "link")[2]
    assert "warning" not in said(inside, *words, "ada", "--directory", str(outside))[2]
    (inside / ".gitignore").write_text("*.pem\n")
    assert "warning" not in said(inside, *words, "ci", "--directory", "keys")[2]


def test_the_next_steps_of_a_model_are_commands_in_order(tmp_path: Path) -> None:
    _, out, _ = said(tmp_path, "init", "model", "delays", "--directory", "our models")
    assert out.splitlines()[-5:] == [
        "next, in order:",
        "  (cd 'our models/delays' && python train.py)  # needs what requirements.lock lists",
        "  mlops-gitops validate 'our models/delays'",
        "  mlops-gitops test delays",
        "  git add 'our models/delays' && git commit --message \"delays 0.1.0\"",
    ]


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "key", "ada")[0] == 0
    assert "already there: ada.pem, ada.pub.yaml" in said(tmp_path, "init", "key", "ada")[2]
    (tmp_path / "ada.pem").unlink()
    assert "already there: ada.pub.yaml" in said(tmp_path, "init", "key", "ada")[2]


def test_the_signers_in_the_comment_are_signers(tmp_path: Path) -> None:
    """The example, with keys in it and without its comment marks, passes: one signer tests, another one promotes."""
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    trust = (tmp_path / "trust/signers.yaml").read_text()
    example = "\n".join(line[1:] for line in trust.splitlines() if line.startswith("#  "))
    signers = yaml.safe_load(example)
    for one in signers:
        _, out, _ = said(tmp_path, "init", "key", one["name"], "--directory", "keys", "--format", "json")
        one["keys"] = [json.loads(out)["key"]]
    document = {"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": signers}}
    (tmp_path / "trust/signers.yaml").write_text(yaml.safe_dump(document))
    assert said(tmp_path, "validate", "--strict", "trust", "environments/dev", "environments/staging")[0] == 0
    tests, promotion = (one["signs"][0]["kinds"] for one in signers)
    assert "model-tests" in tests
    assert promotion == ["promotion"]
    assert not {"promotion"} & set(tests)
