"""Reading ahead and listing change no answer: the same bytes as asking git for each path, whatever the tree holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.git_objects import GitTree
from mlops_gitops.errors import WorldFailed
from servers.git_http import git

NAMES = st.sampled_from(["a", "b", "release.yaml", "two words", "ü", "a.b", "-x", 'q"q'])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from([b"", b"x", b"y" * 5000, b"line\nline\n", bytes(range(256)), b"z" * 300_000])
KINDS = st.sampled_from(["100644", "100644", "100644", "100755", "120000", "160000"])
FILES = st.dictionaries(PATHS, st.tuples(KINDS, CONTENTS), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, tuple[str, bytes]]], Repository]:
    bare = tmp_path_factory.mktemp("ahead") / "environments.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    repository = Repository(str(bare), branch="main", cache=bare.parent / "cache", environ=os.environ)

    def write(files: dict[str, tuple[str, bytes]]) -> Repository:
        parts = [b"commit refs/heads/main\ncommitter A <a@example.com> 1 +0000\ndata 0\n\ndeleteall\n"]
        for path, (mode, data) in files.items():
            quoted = b'"' + path.encode().replace(b'"', b'\\"') + b'"'
            if mode == "160000":
                parts.append(b"M 160000 %s %s\n" % (b"1" * 40, quoted))
            else:
                parts.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), quoted, len(data), data))
        git("fast-import", "--quiet", "--force", folder=bare, stdin=b"".join(parts))
        return repository

    return write


def everywhere(files: dict[str, tuple[str, bytes]]) -> list[str]:
    """Every path, every folder above one, and some that are not there."""
    paths = {"", "none", "a/none", "release.yaml/x"}
    for path in files:
        parts = path.split("/")
        paths |= {"/".join(parts[:end]) for end in range(len(parts) + 1)} | {f"{path}/x", f"{path}x"}
    return sorted(paths)


def answers(tree: GitTree, paths: list[str]) -> list[object]:
    return [(path, tree.read(path), tree.names(path)) for path in paths]


@given(files=FILES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_reading_ahead_changes_no_answer(
    written: Callable[[dict[str, tuple[str, bytes]]], Repository],
    files: dict[str, tuple[str, bytes]],
    data: st.DataObject,
) -> None:
    repository = written(files)
    commit = repository.fetch().commit
    paths = everywhere(files)
    alone = [(path, repository.tree(commit).read(path), repository.tree(commit).names(path)) for path in paths]
    tree = repository.tree(commit)
    for _ in range(3):
        tree.prefetch(data.draw(st.lists(st.sampled_from(paths), max_size=6)))
        asked = data.draw(st.permutations(paths))
        assert sorted(answers(tree, asked), key=str) == sorted(alone, key=str)
    for folder in paths:
        assert tuple(sorted(tree.contents(folder))) == tree.names(folder)


@given(first=FILES, second=FILES)
@settings(max_examples=30, deadline=None)
def test_equal_ids_are_equal_content(
    written: Callable[[dict[str, tuple[str, bytes]]], Repository],
    first: dict[str, tuple[str, bytes]],
    second: dict[str, tuple[str, bytes]],
) -> None:
    before, after = written(first).fetch(), written({**first, **second}).fetch()
    for path in filter(None, everywhere(first)):
        folder, _, name = path.rpartition("/")
        if before.contents(folder).get(name) == after.contents(folder).get(name):
            assert answers(before, [path]) == answers(after, [path])


def test_a_thousand_files_are_read_in_one_conversation(tmp_path: Path) -> None:
    """More than a pipe holds, in both directions."""
    files = {f"many/{number:04}": bytes([number % 256]) * number for number in range(3000)}
    bare = tmp_path / "environments.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    parts = [b"commit refs/heads/main\ncommitter A <a@example.com> 1 +0000\ndata 0\n"]
    parts += [b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data) for path, data in files.items()]
    git("fast-import", "--quiet", folder=bare, stdin=b"".join(parts))
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    tree = repository.fetch()
    tree.prefetch(["many"])
    repository.close()
    tree._objects.get_all = None  # type: ignore[method-assign, assignment]
    assert {path: tree.read(path) for path in files} == files


def test_what_is_damaged_is_told_to_whoever_reads_it(tmp_path: Path) -> None:
    bare = estate.Estate.new().bare(tmp_path)
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    files = {"a/lost": b"lost", "a/kept": b"kept", "b/kept": b"b"}
    tree = repository.tree(repository.commit(repository.fetch().commit, files, message="x\n", when=estate.NOW))
    blob = tree.contents("a")["lost"].split()[1]
    (lost,) = (tmp_path / "cache").rglob(f"objects/{blob[:2]}/{blob[2:]}")
    lost.unlink()
    repository.close()
    tree.prefetch(["a", "b", "none/at/all"])
    assert (tree.read("a/kept"), tree.read("b/kept"), tree.read("none/at/all")) == (b"kept", b"b", None)
    with pytest.raises(WorldFailed, match="a/lost cannot be read"):
        tree.read("a/lost")
