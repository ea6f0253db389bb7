from __future__ import annotations

import json
import stat
from pathlib import Path

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


@pytest.mark.parametrize("words", [["model", "delays"], ["environments", "."], ["key", "ada"]])
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


@pytest.mark.parametrize("kind", ["model", "environments"])
def test_workflows_are_written_once_and_again_only_where_nobody_edited_them(tmp_path: Path, kind: str) -> None:
    words = ("init", "workflows", "--for", kind)
    assert said(tmp_path, *words)[0] == 0
    first = files(tmp_path)
    code, out, _ = said(tmp_path, *words, "--format", "json")
    assert (code, json.loads(out)["written"], files(tmp_path)) == (0, [], first)
    removed = tmp_path / min(first)
    removed.unlink()
    assert json.loads(said(tmp_path, *words, "--format", "json")[1])["written"] == [min(first)]
    assert files(tmp_path) == first
    assert said(tmp_path, *words, "--ref", "v2")[0] == 0
    changed = files(tmp_path)
    assert all(b"@v2" in data for name, data in changed.items() if "/workflows/" in name)

    edited = tmp_path / max(first)
    edited.write_bytes(changed[max(first)] + b"# mine\n")
    assert said(tmp_path, *words, "--ref", "v2")[0] == 1
    removed.unlink()
    before = files(tmp_path)
    code, _, err = said(tmp_path, *words, "--ref", "v3")
    assert code == 1
    assert f"already there: {max(first)}" in err
    assert files(tmp_path) == before, "one in the way, and none is written"


def test_a_link_in_the_place_of_a_workflow_is_left_alone(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "workflows")[0] == 0
    caller = tmp_path / ".github/workflows/model-release.yml"
    caller.rename(tmp_path / "elsewhere.yml")
    caller.symlink_to(tmp_path / "elsewhere.yml")
    assert said(tmp_path, "init", "workflows", "--ref", "v2")[0] == 1
    assert "@v1" in (tmp_path / "elsewhere.yml").read_text()


def test_what_the_repository_holds_decides_which_workflows(tmp_path: Path) -> None:
    assert said(tmp_path, "init", "environments", ".")[0] == 0
    assert said(tmp_path, "init", "workflows", "--uses", "platform/mlops")[0] == 0
    written = sorted(name for name in files(tmp_path) if name.startswith(".github"))
    assert written == [".github/workflows/environment-gate.yml", ".github/workflows/environment-reconcile.yml"]
    assert all(b"uses: platform/mlops/.github/" in files(tmp_path)[name] for name in written)


@pytest.mark.parametrize("words", [("--uses", "somewhere"), ("--uses", "a/b c"), ("--ref", "$(id)"), ("--ref", "a\nb")])
def test_a_reference_that_is_none_is_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    assert said(tmp_path, "init", "workflows", *words)[0] == 2
    assert files(tmp_path) == {}


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
