"""Provenance from real git repositories and real files; releases from what was found."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_gitops import canonical
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.release import Registered, Release
from mlops_gitops.packaging import digests, provenance, release

DATA = b"late\n1\n0\n"
MANIFEST = f"""\
apiVersion: mlops-gitops/v1
kind: Model
metadata:
  name: flights
  version: "1.0.0"
  description: Will this flight be late?
  owners:
    - {{name: Ada Example, email: ada@example.com, role: owner}}
    - {{name: Grace Example, email: grace@example.com, role: approver}}
  license: Apache-2.0
  riskTier: limited
spec:
  training:
    entrypoint: [python, train.py]
    environment: {{PYTHONHASHSEED: "0"}}
    timeout: PT30M
  dependencies: {{lock: requirements.lock}}
  data:
    - {{name: train, role: training, uri: data/train.csv, digest: {{sha256: {canonical.sha256(DATA)}}}}}
    - {{name: test, role: test, uri: data/train.csv}}
  artifact: {{format: sklearn-pickle, path: model.pkl, registry: {{mlflow: flights}}}}
  interface:
    inputs: [{{name: distance, type: double, required: true}}]
    outputs: [{{name: probability, type: double}}]
    target: {{column: late, type: boolean, positive: true}}
  task: binary-classification
  metrics:
    - {{name: roc_auc, dataset: test, primary: true, threshold: {{min: 0.7}}}}
  reproducibility: {{class: canonical}}
  serving: {{pattern: rest}}
""".encode()
ENVIRON = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def git(folder: Path, *words: str) -> str:
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in PERSON.items()}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env={**ENVIRON, **identity}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


PERSON = {"NAME": "Ada Example", "EMAIL": "ada@example.com"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A model repository with one commit; the folder of its model."""
    folder = tmp_path / "repository" / "models" / "flights"
    (folder / "data").mkdir(parents=True)
    (folder / "model.yaml").write_bytes(MANIFEST)
    (folder / "data" / "train.csv").write_bytes(DATA)
    (folder / "requirements.lock").write_text("scikit-learn==1.9.1\n")
    (folder / "model.pkl").write_bytes(b"\x80\x04}.")
    git(tmp_path, "init", "-q", "-b", "main", "repository")
    git(folder, "add", "model.yaml", "requirements.lock")
    git(folder, "commit", "-q", "-m", "A model")
    return folder


def model() -> Model:
    return read("model", MANIFEST, path="model.yaml")


PRODUCED = ("model.pkl", "data/train.csv")


def found(folder: Path, **options: str) -> provenance.Checkout:
    return provenance.checkout(folder, environ=ENVIRON, produced=PRODUCED, **options)


def test_the_commit_its_author_and_its_address(site: Path) -> None:
    checkout = found(site)
    assert checkout.root == site.parents[1]
    assert checkout.source.revision == git(site, "rev-parse", "HEAD")
    assert (checkout.source.author, checkout.source.dirty) == ("ada@example.com", False)
    assert checkout.source.repository == site.parents[1].resolve().as_uri()
    git(site, "remote", "add", "origin", "https://ada:s3cret@git.example.com/airline/models.git?x=1")
    assert found(site).source.repository == "https://git.example.com/airline/models.git"
    assert found(site, repository="https://t0ken@h/x").source.repository == "https://h/x"


@pytest.mark.parametrize("name", ["model.yaml", "new.py", "data/other.csv", "../other/train.py"])
def test_what_is_not_recorded_otherwise_makes_the_tree_dirty(site: Path, name: str) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_bytes(b"changed")
    assert found(site).source.dirty


def test_what_is_recorded_by_digest_does_not(site: Path) -> None:
    (site / "model.pkl").write_bytes(b"other")
    assert not found(site).source.dirty
    assert provenance.checkout(site, environ=ENVIRON).source.dirty


def test_nothing_that_a_repository_configures_is_run(site: Path, tmp_path: Path) -> None:
    hook, trace = tmp_path / "hook", tmp_path / "ran"
    hook.write_text(f"#!/bin/sh\ntouch {trace}\n")
    hook.chmod(0o755)
    git(site, "config", "core.fsmonitor", str(hook))
    git(site, "config", "core.hooksPath", str(tmp_path))
    git(site, "config", "gpg.program", str(hook))
    git(site, "config", "log.showSignature", "true")
    git(site, "config", "core.pager", str(hook))
    found(site)
    assert not trace.exists()


@pytest.mark.parametrize("tree", [".", "../.."])
def test_files_of_a_model_that_look_like_a_repository_are_not_entered(site: Path, tmp_path: Path, tree: str) -> None:
    """They can be committed, and would name the commit and its author, and a program to run."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "other")
    trace, inner = tmp_path / "ran", tmp_path / "other"
    for name, value in (("core.bare", "false"), ("core.worktree", tree), ("filter.x.clean", f"touch {trace}; cat")):
        git(inner, "config", name, value)
    for name in ("HEAD", "config", "objects", "refs"):
        (inner / name).rename(site / name)
    (site / ".gitattributes").write_text("* filter=x\n")
    spoof = ["--git-dir", str(site), "--work-tree", str(site.parents[1])]
    git(tmp_path, *spoof, "add", "models/flights/model.yaml")
    git(tmp_path, *spoof, "commit", "-q", "-m", "Another history")
    (site / "model.yaml").write_bytes(MANIFEST + b"# changed\n")
    trace.unlink()
    with pytest.raises(Refused, match="bare repository"):
        found(site)
    assert not trace.exists()


def test_the_callers_git_variables_do_not_lead_elsewhere(site: Path, tmp_path: Path) -> None:
    lost = {**ENVIRON, "GIT_DIR": str(tmp_path / "elsewhere"), "GIT_WORK_TREE": "/"}
    assert provenance.checkout(site, environ=lost, produced=PRODUCED) == found(site)


def test_without_a_commit_or_without_git_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        provenance.checkout(tmp_path, environ=ENVIRON)
    assert refused.value.code == "source-missing"
    git(tmp_path, "init", "-q")
    with pytest.raises(Refused):
        provenance.checkout(tmp_path, environ=ENVIRON)
    with pytest.raises(WorldFailed):
        provenance.checkout(tmp_path, environ={"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ada:s3cret@example.com:8443/m.git", "https://example.com:8443/m.git"),
        ("https://t0ken@example.com/m.git#frag", "https://example.com/m.git"),
        ("ssh://git:pw@example.com/m.git", "ssh://git@example.com/m.git"),
        ("git@example.com:airline/m.git", "git@example.com:airline/m.git"),
        ("/srv/git/m.git", "/srv/git/m.git"),
        ("file:///srv/git/m.git", "file:///srv/git/m.git"),
        ("example.com:airline/m.git", "example.com:airline/m.git"),
    ],
)
def test_addresses_lose_their_credentials(address: str, shown: str) -> None:
    assert provenance.without_credentials(address) == shown


@given(st.from_regex(r"[A-Za-z0-9%:_-]{8,20}", fullmatch=True), st.sampled_from(["https", "http", "ftp"]))
def test_no_secret_survives(secret: str, scheme: str) -> None:
    assert secret not in provenance.without_credentials(f"{scheme}://{secret}@h.example/x")


def test_data_is_recorded_as_it_is_and_must_be_as_declared(site: Path) -> None:
    train, test = provenance.materials(model(), folder=site, root=site.parents[1])
    assert (train.name, train.role, train.uri) == ("train", "training", "data/train.csv")
    assert train.digest == test.digest == canonical.sha256(DATA)
    (site / "data" / "train.csv").write_bytes(DATA + b"1\n")
    with pytest.raises(Refused) as refused:
        provenance.materials(model(), folder=site, root=site.parents[1])
    assert refused.value.code == "data-digest"
    assert canonical.sha256(DATA) in refused.value.message


@pytest.mark.parametrize(
    ("uri", "code"),
    [("../../../secret", "path-outside"), ("/etc/hostname", "path-outside"), ("link", "path-outside"),
     ("gone.csv", "path-missing"), ("https://example.com/train.csv", "data-digest")],
)  # fmt: skip
def test_data_elsewhere_is_refused(site: Path, tmp_path: Path, uri: str, code: str) -> None:
    (tmp_path / "secret").write_bytes(b"")
    (site / "link").symlink_to("/etc/hostname")
    whole = model()
    changed = replace(whole, data=(replace(whole.data[0], uri=uri, digest=None),))
    with pytest.raises(Refused) as refused:
        provenance.materials(changed, folder=site, root=site.parents[1])
    assert refused.value.code == code


def built(site: Path, **changed: object) -> Release:
    inputs: dict[str, object] = {
        "manifest": MANIFEST,
        "artifact": digests.of_artifact(site / "model.pkl"),
        "source": found(site).source,
        "data": provenance.materials(model(), folder=site, root=site.parents[1]),
        "dependencies": provenance.dependencies(model(), folder=site, root=site.parents[1]),
        "registered": Registered("flights", "1", "abc"),
    }
    return release.assemble(model(), **{**inputs, **changed})  # type: ignore[arg-type]


def test_a_release_is_a_document_that_reads_back(site: Path) -> None:
    made = built(site)
    assert Release.parse(made.render()) == made
    assert made.artifact.uri == "models:/flights/1"
    assert made.manifest == canonical.sha256(MANIFEST)
    assert made.dependencies == canonical.sha256((site / "requirements.lock").read_bytes())
    assert made.supersedes is None
    assert built(site).id == made.id


def test_only_the_place_in_the_order_is_not_content(site: Path) -> None:
    made = built(site)
    after = built(site, supersedes="ab" * 32)
    assert made.id != after.id
    assert made.same_content(after)
    (site / "model.pkl").write_bytes(b"\x80\x04].")
    for other in (built(site), built(site, dependencies="00" * 32), built(site, registered=Registered("flights", "2"))):
        assert not made.same_content(other)


def test_a_release_does_not_contradict_its_manifest(site: Path) -> None:
    whole = model()
    declared = replace(whole, artifact=replace(whole.artifact, digest="00" * 32))
    made = built(site)
    inputs = {
        "manifest": MANIFEST, "artifact": digests.of_artifact(site / "model.pkl"), "source": made.source,
        "data": made.data, "dependencies": made.dependencies,
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        release.assemble(declared, **inputs, registered=made.registered)
    assert refused.value.code == "artifact-digest"
    for registered in (None, Registered("others", "1")):
        with pytest.raises(Refused) as refused:
            release.assemble(whole, **inputs, registered=registered)
        assert refused.value.code == "registry-version"
    unregistered = replace(whole, artifact=replace(whole.artifact, registered=None))
    assert release.assemble(unregistered, **inputs).artifact.uri == "model.pkl"


def test_the_predicate_is_slsa_provenance(site: Path) -> None:
    made = built(site)
    start, end = datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 13, tzinfo=UTC)
    told = provenance.predicate(
        model(), made, builder="https://ci.example.com", invocation="7", started=start, finished=end
    )
    build, run = json.loads(canonical.encode(told)).values()
    assert build["buildType"].startswith("https://github.com/mlops-gitops/mlops-gitops/")
    assert build["externalParameters"]["entrypoint"] == ["python", "train.py"]
    assert [(one["name"], *one["digest"].values()) for one in build["resolvedDependencies"]] == [
        ("source", made.source.revision),
        ("data/test", canonical.sha256(DATA)),
        ("data/train", canonical.sha256(DATA)),
        ("dependencies", made.dependencies),
    ]
    assert run == {
        "builder": {"id": "https://ci.example.com"},
        "metadata": {"invocationId": "7", "startedOn": "2026-11-21T12:00:00Z", "finishedOn": "2026-11-21T13:00:00Z"},
    }


def test_those_who_trained_the_model_are_part_of_its_release() -> None:
    value = copy.deepcopy(dict(model().value))
    value["metadata"]["owners"].append({"name": "Hedy Example", "email": "hedy@example.com", "role": "trainer"})
    owned = Model.from_value(value)
    assert release.trainers(owned, None) == ("hedy@example.com",)
    assert release.trainers(owned, "katherine") == ("hedy@example.com", "katherine")
    assert release.trainers(model(), None) == ()
