"""Layers: sorted, normalised, and compared with their files while they are read."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.image import layers
from mlops_gitops.packaging.image.layers import File, Layer

PARTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=90).filter(
    lambda one: one not in {".", ".."}
)


def members(layer: Layer) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(layers.chunks(layer)))) as archive:
        return archive.getmembers()


@given(st.dictionaries(st.lists(PARTS, min_size=1, max_size=4).map("/".join), st.binary(max_size=1500), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_names_and_contents_come_out_as_they_went_in(files: dict[str, bytes]) -> None:
    # a path cannot be both a file and a folder
    files = {name: data for name, data in files.items() if not any(other.startswith(f"{name}/") for other in files)}
    layer = Layer("x", {f"/{name}": File(data, len(data)) for name, data in files.items()})
    whole = b"".join(layers.chunks(layer))
    measured = layers.measured(layer)
    assert (measured.size, measured.digest) == (len(whole), f"sha256:{hashlib.sha256(whole).hexdigest()}")
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        found = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    assert found == files


def test_the_order_of_files_does_not_matter_and_parents_come_first() -> None:
    files = {"/b/c/d": File(b"1", 1), "/b/a": File(b"2", 1), "/a.txt": File(b"3", 1)}
    turned = Layer("x", dict(reversed(files.items())))
    assert b"".join(layers.chunks(Layer("x", files))) == b"".join(layers.chunks(turned))
    assert [one.name for one in members(turned)] == ["a.txt", "b", "b/a", "b/c", "b/c/d"]


def test_only_a_name_that_fits_no_plain_header_gets_an_extended_one() -> None:
    long = "/".join(["folder" * 8] * 6)
    layer = Layer("x", {f"/{'a' * 99}": File(b"", 0), f"/{long}": File(b"", 0), "/é": File(b"", 0)})
    extended = [one.name for one in members(layer) if one.pax_headers]
    assert extended == [long, "é"] or set(extended) == {
        long,
        "é",
        *(name for name in extended if long.startswith(name)),
    }


def test_a_file_of_eight_gigabytes_has_a_size(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate((8 << 30) + 1)
    stream = layers.chunks(Layer("x", {"/huge": File(path, (8 << 30) + 1)}))
    header = next(stream)
    info = tarfile.TarInfo.frombuf(header[-512:], "utf-8", "strict")
    assert info.name == "huge"
    assert b"size=8589934593" in header


@pytest.mark.parametrize("change", [b"short", b"longer than it was", b"other"])
def test_a_file_that_changed_since_it_was_measured_is_refused(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"12345")
    file = File(path, 5, hashlib.sha256(b"12345").hexdigest())
    path.write_bytes(change)
    with pytest.raises(Refused, match="changed while the image was made"):
        layers.measured(Layer("x", {"/weights": file}))


def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"12345")
    (tmp_path / "weights").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused, match="symbolic link"):
        layers.measured(Layer("x", {"/weights": File(tmp_path / "weights", 5)}))
    with pytest.raises(Refused, match="symbolic link"):
        layers.of_folder(tmp_path, place="/x")
