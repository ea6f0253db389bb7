"""``build --advisories``: what is known of the packages of an image keeps it back, or is told, or was accepted."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

import image_models
from image_models import ImageModel
from servers import base_images
from servers.docker_engine import Engine
from servers.image_registry import ImageRegistry

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")
STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2

Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib (1:1.2.13.dfsg-1)
Version: 1:1.2.13.dfsg-1
"""
SITE = "usr/lib/python3.11/site-packages/pip-23.0.1.dist-info/METADATA"
ROOT = Path(__file__).parents[2]


def record(identity: str, ecosystem: str, package: str, fixed: str | None, severity: str | None) -> dict[str, Any]:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    words = {"database_specific": {"severity": severity}} if severity else {}
    return {"id": identity, "modified": "2026-11-19T00:00:00Z", "affected": [affected], **words}


SEVERE = record("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1~deb12u1", "HIGH")
UNMENDED = record("CVE-2026-2", "Debian:12", "zlib", None, "CRITICAL")
MENDED = record("CVE-2026-3", "Debian:12", "zlib", "1:1.2.12", "CRITICAL")
OF_LOCK = record("GHSA-1111-2222-3333", "PyPI", "tool", "2.0.1", "CRITICAL")
OF_PIP = record("PYSEC-2026-5", "PyPI", "pip", "23.3", "LOW")


@pytest.fixture(scope="module")
def base(served: ImageRegistry) -> str:
    files = {"etc/os-release": base_images.OS_RELEASE.encode(), "usr/bin/python3.11": b"", SITE: b""}
    return base_images.put(served.address, "python", base_images.tar({**files, "var/lib/dpkg/status": STATUS.encode()}))


@pytest.fixture
def model(tmp_path: Path, base: str) -> ImageModel:
    return image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")


def database(model: ImageModel, *documents: dict[str, Any]) -> str:
    path = model.root.parent / f"osv-{len(documents)}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, one in enumerate(documents):
            archive.writestr(f"{number}.json", json.dumps(one))
    return str(path)


def accept(model: ImageModel, *accepted: dict[str, str]) -> None:
    model.value["spec"]["serving"]["image"]["accepted"] = list(accepted)
    model.commit()


def test_what_is_severe_and_mended_keeps_the_image_back_with_the_place_and_the_version_that_mends_it(
    model: ImageModel, registry: ImageRegistry
) -> None:
    place = f"{registry.address}/kept"
    words = ("build", "--push", place, "--advisories", database(model, SEVERE, UNMENDED, MENDED, OF_LOCK, OF_PIP))
    error = model.shell.json(*words)["error"]
    assert (error["code"], error["exitCode"]) == ("invalid-document", 1)
    said = error["message"]
    assert "openssl 3.0.11-1~deb12u2 (libssl3) in /var/lib/dpkg/status has CVE-2026-1 (high, fixed in 3.0.15-" in said
    assert "tool 2.0.0 in /opt/mlops-gitops/packages has GHSA-1111-2222-3333 (critical, fixed in 2.0.1)" in said
    manifest = (model.folder / "model.yaml").read_text().splitlines()
    places = [manifest[int(line) - 1].partition(":")[0].strip() for line in re.findall(r"model\.yaml:(\d+):", said)]
    assert {"base", "lock"} <= set(places)
    assert registry.manifests("kept/cancer") == [], "nothing of it was pushed"


def test_what_is_lesser_is_told_with_the_age_of_the_database(model: ImageModel, registry: ImageRegistry) -> None:
    path = database(model, UNMENDED, MENDED, OF_PIP)
    image = model.shell.json("build", "--push", f"{registry.address}/told", "--advisories", path)["images"][0]
    schema = json.loads((ROOT / "schemas/output/build.schema.json").read_text())
    jsonschema.validate({"images": [image]}, schema)
    assert [(one["rule"], one["severity"]) for one in image["findings"]] == [("MG791", "warning")] * 2
    known = image["vulnerabilities"]
    assert [(one["package"], one["advisory"], one["severity"], one["fixed"]) for one in known["found"]] == [
        ("pip", "PYSEC-2026-5", "low", "23.3"),
        ("zlib", "CVE-2026-2", "critical", None),
    ]
    assert known["found"][1]["installed"] == ["pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=debian-12"]
    assert known["packages"] == 6
    assert known["databases"][0]["records"] == 3
    assert model.shell("build", "--advisories", path) == 0
    assert "compared 6 packages with" in model.shell.out
    assert "days old" in model.shell.out
    assert "2 known vulnerabilities" in model.shell.out
    assert model.shell.json("build")["images"][0]["vulnerabilities"] is None, "nothing is said to be well"


def test_what_was_accepted_is_no_finding_until_its_day_is_over(model: ImageModel) -> None:
    words = ("build", "--advisories", database(model, SEVERE, OF_PIP))
    now = model.shell.now().date()
    fine = {"advisory": "cve-2026-1", "reason": "No TLS is spoken", "until": now.isoformat()}
    accept(model, fine, {"advisory": "CVE-2026-9", "reason": "Misspelt", "until": "2027-01-01"})
    image = model.shell.json(*words)["images"][0]
    assert sorted(one["rule"] for one in image["findings"]) == ["MG791", "MG794"]
    assert next(one["accepted"]["holds"] for one in image["vulnerabilities"]["found"] if one["package"] == "openssl")
    accept(model, {**fine, "until": now.replace(year=now.year - 1).isoformat()})
    error = model.shell.json(*words)["error"]
    assert "MG792" in error["message"]
    accept(model, {**fine, "package": "tool"})
    assert "MG790" in model.shell.json(*words)["error"]["message"]


def test_what_could_not_be_compared_is_said(model: ImageModel) -> None:
    old = {**OF_LOCK, "modified": "2025-01-01T00:00:00Z", "affected": [{**OF_LOCK["affected"][0]}]}
    old["affected"][0] = {
        "package": {"ecosystem": "PyPI", "name": "another"},
        "ranges": OF_LOCK["affected"][0]["ranges"],
    }
    image = model.shell.json("build", "--advisories", database(model, old, {}))["images"][0]
    said = " ".join(one["message"] for one in image["findings"] if one["rule"] == "MG795")
    assert "has no record of the last" in said
    assert "1 files of" in said
    assert "no vulnerability database that was given knows Debian:12" in said
    error = model.shell.json("build", "--advisories", "nowhere.zip")["error"]
    assert (error["code"], error["exitCode"]) == ("advisories", 2)
    (model.root.parent / "bad.zip").write_bytes(b"no zip")
    model.shell.environ = {**model.shell.environ, "MG_ADVISORIES": str(model.root.parent / "bad.zip")}
    error = model.shell.json("build")["error"]
    assert (error["code"], error["exitCode"]) == ("advisories", 1)


def test_the_bill_names_what_the_base_brought_and_is_the_same_whatever_is_known(
    model: ImageModel, registry: ImageRegistry
) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    place = f"{registry.address}/bills"
    first = model.shell.json("build", "--push", place)["images"][0]["pushed"]
    path = database(model, UNMENDED)
    second = model.shell.json("build", "--push", place, "--advisories", path)["images"][0]["pushed"]
    assert second["attached"] == first["attached"]
    attached = next(one for one in first["attached"] if "cyclonedx" in one["mediaType"])
    root = f"http://{registry.address}/v2/bills/cancer"
    accept_ = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    manifest = requests.get(f"{root}/manifests/{attached['digest']}", headers=accept_, timeout=30).json()
    bill = requests.get(f"{root}/blobs/{manifest['layers'][0]['digest']}", timeout=30)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.text) is None
    found = {one["name"]: one for one in bill.json()["components"]}
    assert found["libssl3"]["purl"] == "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"
    assert found["pip"]["purl"] == "pkg:pypi/pip@23.0.1"
    [image_ref] = [one["bom-ref"] for one in bill.json()["components"] if one["type"] == "container"]
    depends = {one["ref"]: one["dependsOn"] for one in bill.json()["dependencies"]}
    assert found["libssl3"]["bom-ref"] in depends[image_ref]


def test_a_dockerfile_of_ones_own_is_looked_through_as_it_was_built(model: ImageModel, engine: Engine) -> None:
    engine.client.images.pull(engine.image)  # as the build does, unless an earlier test has had it fetched
    before = engine.left()
    model.write("status", STATUS)
    model.write("os-release", 'ID=debian\nVERSION_ID="9"\n')
    recipe = f"FROM {engine.image}\nCOPY status /var/lib/dpkg/status\nCOPY os-release /etc/os-release\n"
    model.write("Dockerfile", recipe)
    model.value["spec"]["serving"]["image"] = {"dockerfile": "Dockerfile"}
    model.commit()
    model.shell.environ = {**model.shell.environ, **engine.environ}
    severe = record("CVE-2026-1", "Debian:9", "openssl", "3.0.15-1~deb12u1", "HIGH")
    error = model.shell.json("build", "--advisories", database(model, severe))["error"]
    assert "MG790" in error["message"]
    assert "openssl 3.0.11-1~deb12u2" in error["message"]
    image = model.shell.json("build")["images"][0]
    assert "debian 9 has had no security updates since" in " ".join(one["message"] for one in image["findings"])
    assert engine.left() == before
