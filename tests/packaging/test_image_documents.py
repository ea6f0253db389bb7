"""Names, bases, locks, bills and assembly: pure, and fed with what strangers might send."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.image import assembly, bases, packages, references
from mlops_gitops.packaging.image.assembly import Base, Descriptor, Settings
from mlops_gitops.packaging.image.bases import Facts
from mlops_gitops.packaging.image.layers import Measured
from servers import base_images

SHA = "sha256:" + "3f2a" * 16


@pytest.mark.parametrize(
    ("text", "name", "tag"),
    [
        ("python", "docker.io/library/python", None),
        ("python:3.11", "docker.io/library/python", "3.11"),
        ("team/python", "docker.io/team/python", None),
        ("localhost/a", "localhost/a", None),
        ("127.0.0.1:5000/a/b-c:v1", "127.0.0.1:5000/a/b-c", "v1"),
        ("[::1]:5000/a", "[::1]:5000/a", None),
        ("registry.example.com/a", "registry.example.com/a", None),
    ],
)
def test_names_are_read_as_container_tools_read_them(text: str, name: str, tag: str | None) -> None:
    for suffix in ("", f"@{SHA}"):
        found = references.parse(text + suffix)
        assert (found.name, found.tag, found.digest) == (name, tag, suffix[1:] or None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a@", "a@sha256:00", f"a@{SHA}@{SHA}", "UPPER", "a b", "a/../b", "http://a/b", "a:", "-a/b.c/d"),
        *("reg.example.com:port/a", "user@host/a", "a//b", "a" * 600, f"a@sha512:{'0' * 128}", "é/a"),
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        references.parse(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "mediaType",
                        "digest",
                        "size",
                        "layers",
                        "config",
                        "manifests",
                        "platform",
                        "rootfs",
                        "diff_ids",
                        "os",
                        "architecture",
                        "history",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
def test_no_document_of_a_registry_is_a_bug(value: Any) -> None:
    data = json.dumps(value).encode()
    for ask in (
        lambda: bases.opened(data, of="x"),
        lambda: bases.chosen(data, system="linux", architecture="amd64", of="x"),
        lambda: bases.base(data, (), name="x", digest=SHA),
    ):
        with contextlib.suppress(Refused):
            ask()


def test_the_platform_is_chosen_from_an_index() -> None:
    entries = [
        {"mediaType": assembly.MANIFEST, "digest": "sha256:" + f"{number:064d}", "size": 1, "platform": platform}
        for number, platform in enumerate(
            [
                {"os": "linux", "architecture": "arm", "variant": "v7"},
                {"os": "linux", "architecture": "arm64", "variant": "v8"},
            ]
        )
    ]
    data = json.dumps({"manifests": entries}).encode()
    assert bases.chosen(data, system="linux", architecture="arm64", of="x").digest.endswith("1")
    with pytest.raises(Refused, match=r"no image for linux/amd64; it has linux/arm64"):
        bases.chosen(data, system="linux", architecture="amd64", of="x")


def test_a_base_says_what_it_is() -> None:
    layer = base_images.tar(
        {
            "etc/os-release": b'ID="alpine"\nVERSION_ID=3.20.1\n# ID=no\n',
            "usr/local/bin/python3.12": b"",
            "usr/bin/python3": b"",
            "lib/ld-musl-x86_64.so.1": b"",
        }
    )
    facts = bases.looked_through([io.BytesIO(layer)], of="x")
    assert facts == Facts({"ID": "alpine", "VERSION_ID": "3.20.1"}, {"3.12": "/usr/local/bin/python3.12"}, musl=True)
    with pytest.raises(Refused, match="one of its layers cannot be read"):
        bases.looked_through([io.BytesIO(layer[:700])], of="x")
    with pytest.raises(Refused, match="one of its layers cannot be read"):
        bases.looked_through([io.BytesIO(b"no tar at all" * 100)], of="x")


def test_packages_are_chosen_for_what_the_base_has() -> None:
    facts = Facts({"ID": "debian"}, {"3.11": "/usr/bin/python3.11", "3.12": "/usr/bin/python3.12"})
    stated = {"config": {"Env": ["PYTHON_VERSION=3.12.4"]}}
    assert packages.target("amd64", facts, stated, wanted=None, of="x").python == "3.12"
    assert packages.target("arm64", facts, stated, wanted="3.11", of="x").platform == "aarch64-manylinux_2_28"
    assert packages.target("amd64", Facts({}, {"3.11": ""}, musl=True), {}, wanted=None, of="x").platform.endswith(
        "musl"
    )
    for wanted, message in ((None, "it has 3.11, 3.12"), ("3.13", r"Python 3\.13 was looked for")):
        with pytest.raises(Refused, match=message):
            packages.target("amd64", facts, {}, wanted=wanted, of="x")
    with pytest.raises(Refused, match="riscv64"):
        packages.target("riscv64", facts, {}, wanted=None, of="x")


HASH = "--hash=sha256:" + "3f2a" * 16


def test_locks_are_read_with_their_hashes() -> None:
    text = f"# a\nNum_Py==2.0 \\\n    {HASH} \\\n    --hash=sha256:{'ab' * 32}\n"
    text += f"pandas[all]==3 ; python_version > '3' {HASH}\n"
    assert [(one.name, one.version, len(one.hashes)) for one in packages.locked(text)] == [
        ("num-py", "2.0", 2),
        ("pandas", "3", 1),
    ]
    packages.refuse_without_hashes(text, lock="x.lock")
    for bad, line in ((f"{text}scipy==1.0\n", 6), ("numpy==1 \\\n  --no-binary\n", 1), ("-r other\nnumpy==1\n", 2)):
        with pytest.raises(Refused, match=f"in line {line} of x.lock has no hash"):
            packages.refuse_without_hashes(bad, lock="x.lock")
    uv = (
        '[[package]]\nname = "numpy"\nversion = "2.0"\nsource = {registry = "x"}\nwheels = [{url="u", hash="sha256:'
        + "ab" * 32
        + '"}]\n'
    )
    assert packages.locked(uv)[0].hashes == ("ab" * 32,)


def test_the_record_of_a_wheel_forgets_who_installed_it() -> None:
    record = "tool.py,sha256=x,1\ntool-1.dist-info/INSTALLER,,\n../../bin/tool,sha256=y,3\n"
    record += "bin/tool,sha256=z,3\na.py,sha256=q,2\n"
    assert packages.kept(record) == "a.py,sha256=q,2\ntool.py,sha256=x,1\n"


def test_the_base_keeps_its_layers_and_variables_and_loses_what_is_about_itself() -> None:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/bin", "HOME=/root"],
            "Labels": {"a": "b"},
            "Volumes": {"/x": {}},
            "Cmd": ["sh"],
            "User": "root",
        },
        "rootfs": {"diff_ids": [SHA]},
    }
    base = Base("r/p", SHA, config, (Descriptor(f"{assembly.TAR}+gzip", SHA, 10),))
    settings_ = Settings(("python",), {"HOME": "/tmp"}, {"title": "x"}, "2026-01-01T00:00:00Z")  # noqa: S108
    image = assembly.assemble(base, [("code", Measured("sha256:" + "0" * 64, 5))], settings_)
    told = json.loads(image.config)
    assert told["config"]["Env"] == ["PATH=/bin", "HOME=/tmp"]
    assert told["config"]["Labels"] == {"title": "x"}
    assert {"Volumes", "Cmd"}.isdisjoint(told["config"])
    assert told["rootfs"]["diff_ids"] == [SHA, "sha256:" + "0" * 64]
    assert json.loads(image.manifest)["layers"][0] == {"mediaType": f"{assembly.TAR}+gzip", "digest": SHA, "size": 10}


def test_a_bill_fits_the_schema_of_cyclonedx_and_is_the_same_each_time() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.schema._res import BOM_JSON_STRICT, JSF, SPDX_JSON
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    from cancer import manifest
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.manifests.release import Material
    from mlops_gitops.packaging import digests
    from mlops_gitops.packaging.image import bill

    schema = json.loads(Path(str(BOM_JSON_STRICT[SchemaVersion.V1_6] or "")).read_text())
    resources = [
        (name, Resource.from_contents(json.loads(Path(str(path)).read_text()), default_specification=DRAFT7))
        for name, path in (("spdx.SNAPSHOT.schema.json", SPDX_JSON), ("jsf-0.82.SNAPSHOT.schema.json", JSF))
    ]
    base_uri = schema["$id"].rpartition("/")[0]
    registry: Registry[Any] = Registry().with_resources(
        [*resources, *((f"{base_uri}/{name}", found) for name, found in resources)]
    )
    model = Model.from_value(manifest())
    image = assembly.of_config(b"{}", (), annotations={})
    artifact = digests.combined((digests.FileDigest("a", "ab" * 32, 3),))
    data = [
        Material("test", "test", "cd" * 32, "data/test.parquet"),
        Material("train", "training", "ef" * 32, "s3://b/t"),
    ]
    lock = packages.locked(f"numpy==2.0 {HASH}\npandas==3.0 {HASH}\n")
    base = Base("r/p", SHA, {}, ())
    created = "2026-01-01T00:00:00Z"
    made = [
        bill.bill(model, image, artifact=artifact, data=order, locked=lock, base=base, installed=(), created=created)
        for order in (data, data[::-1])
    ]
    assert made[0] == made[1]
    document = json.loads(made[0])
    problems = [error.message for error in Draft7Validator(schema, registry=registry).iter_errors(document)]
    assert problems == []
    document["components"][0]["type"] = "machine-learning"
    assert list(Draft7Validator(schema, registry=registry).iter_errors(document))
