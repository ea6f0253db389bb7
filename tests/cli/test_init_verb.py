from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from mlops_gitops.evidence.signing import PublicKey, open_signer
from verbs import said


def files(root: Path) -> dict[str, bytes]:
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def test_what_is_written_passes_strictly(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "model", "delays")[0] == 0
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    assert said(tmp_path, "validate", "--strict") == (0, "5 files, no findings\n", "")


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
