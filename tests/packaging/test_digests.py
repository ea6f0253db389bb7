from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.digests import Artifact, FileDigest

# Computed once by `model_signing` 1.1.1: hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False).hash(…),
# then the subject of its in-toto payload.  a-b and a/… show that the order is by path parts, not by characters.
TREE = {"a/b.txt": b"one", "a-b": b"two", "a/c/d.bin": bytes(3000), ".gitattributes": b"x", "Z": b"", "é.txt": b"u"}
TREE_DIGEST = "08d0ad5a2423b7f32ad46a39e9538f30970c82fd91ca6868bd700ca948c63ffc"
FILE_DIGEST = "fe8d7a873dc48961a6af334c996b2cb3ce37149d5ce9c9253952a54c6a92c1ad"


def laid_out(folder: Path) -> Path:
    for name, data in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_digest_of_a_folder_is_that_of_model_signing(tmp_path: Path) -> None:
    artifact = digests.of_artifact(laid_out(tmp_path))
    assert artifact.digest == TREE_DIGEST
    assert [file.name for file in artifact.files] == [".gitattributes", "Z", "a/b.txt", "a/c/d.bin", "a-b", "é.txt"]
    assert artifact.size == sum(map(len, TREE.values()))


def test_the_digest_of_a_file_is_that_of_model_signing(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"one")
    artifact = digests.of_artifact(tmp_path / "model.bin")
    assert (artifact.digest, [file.name for file in artifact.files]) == (FILE_DIGEST, ["."])


def test_the_digest_does_not_depend_on_place_order_or_threads(tmp_path: Path) -> None:
    one, two = laid_out(tmp_path / "one"), tmp_path / "two"
    for name in reversed(TREE):
        (two / name).parent.mkdir(parents=True, exist_ok=True)
        (two / name).write_bytes(TREE[name])
    (two / "empty folder").mkdir()
    assert digests.of_artifact(one, workers=1) == digests.of_artifact(two, workers=8)


@given(st.lists(st.tuples(st.from_regex(r"[a-z.-]{1,3}(/[a-z-]{1,3}){0,2}", fullmatch=True), st.binary()), min_size=1))
def test_order_in_does_not_matter_and_any_change_does(entries: list[tuple[str, bytes]]) -> None:
    from mlops_gitops.canonical import sha256

    files = tuple(FileDigest(name, sha256(data), len(data)) for name, data in dict(entries).items())
    whole = digests.combined(files)
    assert whole == digests.combined(files[::-1])
    changed = (FileDigest(files[0].name, sha256(b"other" + files[0].digest.encode()), files[0].size), *files[1:])
    assert digests.combined(changed).digest != whole.digest


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "Z").write_bytes(b"1"),
        lambda folder: (folder / "new").write_bytes(b""),
        lambda folder: (folder / "Z").unlink(),
        lambda folder: (folder / "Z").rename(folder / "Y"),  # the root digest alone would not notice
    ],
)
def test_verify_notices_every_change(tmp_path: Path, spoil: object) -> None:
    artifact = digests.of_artifact(laid_out(tmp_path))
    digests.verify(tmp_path, artifact)
    assert callable(spoil)
    spoil(tmp_path)
    with pytest.raises(Refused) as refused:
        digests.verify(tmp_path, artifact)
    assert refused.value.code == "artifact-digest"


def test_links_are_refused_wherever_they_lead(tmp_path: Path) -> None:
    (tmp_path / "model" / "inside").mkdir(parents=True)
    (tmp_path / "model" / "a").write_bytes(b"")
    for target in ("/etc/hostname", "a", "nowhere", "inside"):
        link = tmp_path / "model" / "link"
        link.symlink_to(target)
        with pytest.raises(Refused) as refused:
            digests.of_artifact(tmp_path / "model")
        assert refused.value.code == "artifact-special"
        link.unlink()
    (tmp_path / "other").symlink_to("model")
    with pytest.raises(Refused):
        digests.of_artifact(tmp_path / "other")


def test_special_files_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused):
        digests.of_artifact(tmp_path)
    with pytest.raises(Refused):
        digests.of_file(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(Refused):
            digests.of_file(tmp_path / "socket")
    with pytest.raises(Refused):
        digests.of_file(Path("/dev/null"))


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"a\\b", "e\u0301".encode(), "a\u202eb".encode(), b"a\x7f"])
def test_names_that_do_not_survive_are_refused(tmp_path: Path, name: bytes) -> None:
    with Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).open("wb"):
        pass
    with pytest.raises(Refused) as refused:
        digests.of_artifact(tmp_path)
    assert refused.value.code == "artifact-name"


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        digests.of_artifact(tmp_path)
    assert refused.value.code == "artifact-empty"
    with pytest.raises(Refused) as refused:
        digests.of_artifact(tmp_path / "gone")
    assert refused.value.code == "artifact-missing"


def test_an_unreadable_file_is_a_failure_of_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root reads everything, so the refusal has to be made
    with pytest.raises(WorldFailed) as failed:
        digests.of_artifact(tmp_path)
    assert failed.value.code == "artifact-unreadable"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    real = digests.hashlib.sha256

    def touching() -> object:
        with path.open("ab") as stream:
            stream.write(b"more")
        return real()

    monkeypatch.setattr(digests.hashlib, "sha256", touching)
    with pytest.raises(Refused) as refused:
        digests.of_file(path)
    assert refused.value.code == "artifact-changed"


def test_the_difference_names_the_file() -> None:
    one = digests.combined((FileDigest("a", "00" * 32, 1),))
    assert digests.difference(one, Artifact((), "", 0)) == "a is missing"
    assert digests.difference(Artifact((), "", 0), one) == "a was added"
