"""Stock Kustomize renders a slot, with nothing of ours installed, and the overlay is never written again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import estate
from estate import MODEL, Estate
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, overlay, pointer
from mlops_gitops.promotion.transaction import Proposal, settle
from regions import Regions, environments, rollout
from sites import Site, everything, site_of

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed; the development group brings it")


def rendered(files: dict[str, bytes], slot: str, folder: Path) -> list[dict[str, Any]]:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    done = subprocess.run([str(KUBECTL), "kustomize", str(folder / slot)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def offline(pattern: str) -> Release:
    document: Any = estate.release().document()
    image = {"uri": "registry.example.com/flight-delays", "digest": {"sha256": "1" * 64}}
    document = {**document, "spec": {**document["spec"], "serving": {"pattern": pattern}, "image": image}}
    return read("release", render(document), path="release.yaml")


@needs_kubectl
def test_an_online_model_becomes_an_inference_service_with_the_promoted_digest(tmp_path: Path) -> None:
    about = estate.release()
    site = site_of(Estate.new().with_release(about), tmp_path / "site")
    site.promote("dev")
    (service,) = rendered(everything(site.repository.fetch()), layout.slot("dev", MODEL), tmp_path / "tree")
    assert service["kind"] == "InferenceService"
    assert service["metadata"]["annotations"] == {
        "mlops-gitops/release": about.id,
        "mlops-gitops/artifact-digest": f"sha256:{about.artifact.digest}",
        "mlops-gitops/version": "1.0.0",
    }
    assert service["spec"]["predictor"]["model"]["storageUri"] == about.artifact.uri


@needs_kubectl
@pytest.mark.parametrize("pattern", ["batch", "stream"])
def test_another_model_becomes_a_deployment_of_its_image_by_digest(tmp_path: Path, pattern: str) -> None:
    about = offline(pattern)
    files = {layout.pointer("dev", MODEL): pointer.render(about), **overlay.files("dev", about)}
    (deployment,) = rendered(files, layout.slot("dev", MODEL), tmp_path)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert deployment["kind"] == "Deployment"
    assert container["image"] == f"registry.example.com/flight-delays@sha256:{'1' * 64}"
    assert container["env"] == [{"name": "MODEL_URI", "value": about.artifact.uri}]


@needs_kubectl
def test_each_target_renders_the_release_that_it_runs(tmp_path: Path) -> None:
    """In the middle of a rollout; people have made one target differ."""
    regions = Regions.of(environments(rollout=rollout(settle="PT0S")))
    regions.everywhere(regions.release())
    mine = layout.slot("prod", MODEL, "asia") + "/serving.yaml"
    changed = (regions.snapshot.tree.read(mine) or b"") + b"      minReplicas: 3\n"
    regions.write({mine: changed})
    second = regions.release()
    regions.promote(second)
    seen = {}
    files = everything(regions.snapshot.tree)
    for name in ("eu-west", "asia"):
        (service,) = rendered(files, layout.slot("prod", MODEL, name), tmp_path / name)
        seen[name] = service["metadata"]["annotations"]["mlops-gitops/version"]
        assert ("minReplicas" in str(service)) == (name == "asia")
    assert seen == {"eu-west": "1.1.0", "asia": "1.0.0"}
    regions.everywhere(second)
    assert regions.snapshot.tree.read(mine) == changed, "written once, and people's from then on"


def test_what_people_changed_in_the_overlay_stays(tmp_path: Path) -> None:
    first = estate.release()
    second = estate.release("1.1.0", supersedes=first.id, content="b")
    site: Site = site_of(Estate.new().with_release(first), tmp_path)
    site.promote("dev")
    mine = b"# mine\nresources: [release.yaml]\n"
    settle(site.repository, lambda _: Proposal(None, {layout.overlay("dev", MODEL): mine}, "Mine\n"), now=site.now)
    site.publish(second)
    before = everything(site.repository.fetch())
    site.promote("dev")
    after = everything(site.repository.fetch())
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert after[layout.overlay("dev", MODEL)] == mine
    assert {path.split("/")[0] for path in changed} == {"environments", "receipts"}
    assert [path for path in changed if path.startswith("environments/")] == [layout.pointer("dev", MODEL)]


@pytest.mark.parametrize("hostile", ["\"\n  evil: 'x'", "a: b", "${{ github.token }}", "{{ x }}", "\u2028#"])
def test_nothing_in_a_release_can_add_a_field_to_the_pointer(hostile: str) -> None:
    document: Any = estate.release().document()
    artifact = {**document["spec"]["artifact"], "uri": f"models:/{hostile}"}
    document = {**document, "spec": {**document["spec"], "artifact": artifact}}
    found = yaml.safe_load(pointer.render(Release.from_value(document)))
    assert found["data"]["artifactUri"] == f"models:/{hostile}"
    assert set(found["data"]) == set(yaml.safe_load(pointer.render(estate.release()))["data"])
