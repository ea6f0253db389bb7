"""What is remembered is what reading again would give: the quick answer and the slow one, while things change."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import NOW, Estate
from mlops_gitops.adapters.crew import Crew
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.shelves import LARGEST, MOST, Shelf
from mlops_gitops.errors import Failure
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, layout, publish, recall, rows, status
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.recall import Recall
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import MemoryTree, Tree
from mlops_gitops.promotion.transaction import Proposal, settle
from stores import MemoryStore

MODELS = ("bikes", "boats", "planes")
FOLDERS = ("receipts", "environments", "releases", "controls")


@dataclass
class Board:
    """A shelf in memory."""

    data: bytes | None = None
    kept: int = 0

    def load(self) -> bytes | None:
        return self.data

    def keep(self, data: bytes) -> None:
        self.data, self.kept = data, self.kept + 1


class Halves:
    """Two hands, one after the other, in this process."""

    def share(self, work: Callable[[int, int], bytes], count: int) -> list[bytes]:
        return [work(0, count // 2), work(count // 2, count)]


@pytest.fixture(autouse=True)
def everything_is_worth_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "_MANY", 1)


@dataclass
class Counted:
    """How many slots were read."""

    read: list[tuple[str, str]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = rows.read

        def counting(tree: Tree, environment: str, model: str) -> rows.Reading:
            self.read.append((environment, model))
            return plain(tree, environment, model)

        monkeypatch.setattr(rows, "read", counting)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    made.install(monkeypatch)
    return made


def start() -> MemoryStore:
    """Three models in three environments without gates, some of which run somewhere."""
    order = {"dev": {}, "staging": {"after": ["dev"]}, "prod": {"after": ["staging"]}}
    made = Estate.new({name: estate.environment(name, **spec) for name, spec in order.items()})
    for name in MODELS:
        made = made.with_files(publish.release_files(estate.release(model=name)))
    store = MemoryStore.of(made.files, NOW)
    for name, wanted in (("dev", MODELS), ("staging", MODELS[:2]), ("prod", MODELS[:1])):
        wishes = [Wish(model, name) for model in wanted]
        apply.promote(store, lambda _, wishes=wishes: wishes, signer=estate.signer("ci"), now=lambda: NOW)
    return store


STARTED = start()


def compared(store: MemoryStore, board: Board, *, hours: int = 0) -> tuple[status.Running, ...]:
    """The table with what is remembered, after it was found to be the table without."""
    now = NOW + timedelta(hours=hours)
    tree = store.trees[store.tip]
    slow = status.running(Snapshot(tree), now=now)
    shared = Recall(Board(board.data), crew=Halves())
    assert status.running(Snapshot(tree), now=now, recall=shared) == slow
    assert status.running(Snapshot(tree), now=now, recall=Recall(board)) == slow
    return slow


def write(store: MemoryStore, files: Mapping[str, bytes | None]) -> None:
    there = store.trees[store.tip].files
    kept = {path: data for path, data in files.items() if data is not None or path in there}
    settle(store, lambda _: Proposal(None, kept, "by hand\n"), now=lambda: NOW)


def copy() -> MemoryStore:
    return MemoryStore(dict(STARTED.trees), dict(STARTED.parents), STARTED.tip)


def test_what_has_not_changed_is_not_read_again(counted: Counted) -> None:
    store, board = copy(), Board()
    for expected in (9, 0, 0):
        counted.read.clear()
        status.running(Snapshot(store.trees[store.tip]), now=NOW, recall=Recall(board))
        assert len(counted.read) == expected
    assert board.kept == 1


def test_what_has_changed_is_read_again_and_nothing_else(counted: Counted) -> None:
    store, board = copy(), Board()
    compared(store, board)
    apply.promote(store, lambda _: [Wish("boats", "prod")], signer=estate.signer("ci"), now=lambda: NOW)
    counted.read.clear()
    status.running(Snapshot(store.trees[store.tip]), now=NOW, recall=Recall(board))
    assert counted.read == [("prod", "boats")]


def hold(model: str, environment: str, hours: int) -> dict[str, bytes | None]:
    said = Control(
        id="hold-0123456789ab", type="hold", by="grace", reason="no", since=NOW, until=NOW + timedelta(hours=hours)
    )
    return {layout.controls(environment, model): ControlFile(environment, model, (said,)).render()}


def broken(tree: Mapping[str, bytes], kind: str, number: int) -> dict[str, bytes | None]:
    """One file of a kind removed, cut, or replaced by another of its kind."""
    paths = sorted(path for path in tree if path.startswith(kind) and not path.endswith("environment.yaml"))
    if not paths:
        return {}
    path, other = paths[number % len(paths)], paths[(number * 7 + 3) % len(paths)]
    return {path: (None, tree[path][:-1], tree[other], b"")[number % 4]}


MODEL_NAMES, ENVIRONMENT_NAMES = st.sampled_from(MODELS), st.sampled_from(["dev", "staging", "prod"])
CHANGES = st.one_of(
    st.tuples(st.just("break"), st.sampled_from(FOLDERS), st.integers(0, 99)),
    st.tuples(st.just("hold"), MODEL_NAMES, ENVIRONMENT_NAMES, st.integers(0, 3)),
    st.tuples(st.just("trust"), st.sampled_from(["other key", "none", "back", "broken"])),
    st.tuples(st.just("policy"), ENVIRONMENT_NAMES, st.sampled_from(["PT0S", "P1D"])),
    st.tuples(st.just("release"), MODEL_NAMES),
    st.tuples(st.just("promote"), MODEL_NAMES, ENVIRONMENT_NAMES),
    st.tuples(st.just("elsewhere")),
    st.tuples(st.just("undo")),
)  # fmt: skip


def trusted(which: str) -> bytes:
    if which == "broken":
        return b"a: ["
    document = estate.trust()
    machine = document["spec"]["signers"][0]  # type: ignore[index]
    if which == "other key":
        machine["keys"] = [estate.public("ci-2")]
    if which == "none":
        machine["signs"] = [machine["signs"][0]]
    return render(document)


def apply_change(store: MemoryStore, change: tuple[object, ...]) -> None:
    tree = store.trees[store.tip].files
    match change:
        case ("break", str(kind), int(number)):
            write(store, broken(tree, kind, number))
        case ("hold", str(model), str(environment), int(hours)):
            write(store, hold(model, environment, hours))
        case ("trust", str(which)):
            write(store, {layout.TRUST: trusted(which)})
        case ("policy", str(environment), str(soak)):
            after = {"staging": ["dev"], "prod": ["staging"]}.get(environment, [])
            changed = estate.environment(environment, after=after, soak=soak)
            write(store, {layout.environment(environment): render(changed)})
        case ("release", str(model)):
            newer = estate.release("1.1.0", supersedes=estate.release(model=model).id, content="b", model=model)
            write(store, publish.release_files(newer))
        case ("promote", str(model), str(environment)):
            wish = Wish(model, environment)
            try:
                apply.promote(store, lambda _: [wish], signer=estate.signer("ci"), now=lambda: NOW)
            except Failure:
                return
        case ("elsewhere",):
            write(store, {"notes.md": str(len(tree)).encode()})
        case ("undo",):
            store.tip = store.parents[store.tip][0] or store.tip


@given(st.lists(st.tuples(CHANGES, st.integers(0, 4)), max_size=6))
@settings(max_examples=120, deadline=None)
def test_whatever_changes_the_answer_is_that_of_reading_everything(
    changes: list[tuple[tuple[object, ...], int]],
) -> None:
    store, board = copy(), Board()
    compared(store, board)
    for change, hours in changes:
        apply_change(store, change)
        compared(store, board, hours=hours)


def test_a_retired_key_that_promoted_is_remembered_too_as_long_as_the_past_stays(counted: Counted) -> None:
    store, board = copy(), Board()
    before = store.tip
    write(store, {layout.TRUST: trusted("other key")})
    assert all(one.problem is None for one in compared(store, board))
    write(store, {"notes.md": b"x"})
    counted.read.clear()
    status.running(Snapshot(store.trees[store.tip]), now=NOW, recall=Recall(board))
    assert counted.read == []
    forged = dict(store.trees[store.tip].files)
    store.tip = store.commit("", forged, message="The same files without a past", when=NOW)
    assert {one.problem is None for one in compared(store, board) if one.environment == "dev"} == {False}
    assert before != store.tip


def test_where_trust_is_broken_nothing_is_believed_that_was_believed_before() -> None:
    store, board = copy(), Board()
    compared(store, board)
    write(store, {layout.TRUST: trusted("broken")})
    assert sum(one.problem is not None for one in compared(store, board)) == 6
    write(store, {layout.TRUST: trusted("back")})
    assert sum(one.problem is not None for one in compared(store, board)) == 0


def test_what_is_broken_is_never_remembered(counted: Counted) -> None:
    store, board = copy(), Board()
    path = next(one for one in store.trees[store.tip].files if one.startswith("receipts/dev/planes/"))
    write(store, {path: b"{}"})
    for _ in range(2):
        counted.read.clear()
        found = compared(store, board)
        assert ("dev", "planes") in counted.read
        assert [one.model for one in found if one.problem] == ["planes"]


def test_what_rests_on_other_files_is_never_remembered(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    """A later version of this program may look further; then a row is read each time rather than believed wrongly."""
    plain = rows._row

    def further(snapshot: Snapshot, environment: str, model: str) -> rows.Row | str:
        snapshot.tree.read("notes.md")
        return plain(snapshot, environment, model)

    monkeypatch.setattr(rows, "_row", further)
    store, board = copy(), Board()
    for _ in range(2):
        counted.read.clear()
        status.running(Snapshot(store.trees[store.tip]), now=NOW, recall=Recall(board))
        assert len(counted.read) == 9


def test_the_past_is_asked_about_without_forgetting_the_present() -> None:
    store, board = copy(), Board()
    compared(store, board)
    kept = board.data
    old = store.trees[store.line()[1]]
    found = status.running(Snapshot(old), now=NOW, recall=Recall(board, keep=False))
    assert found == status.running(Snapshot(old), now=NOW)
    assert board.data == kept


@given(cut=st.floats(0, 1), put=st.sampled_from([b"", b"\n", b"null", b"[1]", b'{"a": 1}', b"[" * 100_000]))
@settings(max_examples=60, deadline=None)
def test_a_damaged_table_is_no_table(cut: float, put: bytes) -> None:
    store, board = copy(), Board()
    compared(store, board)
    assert board.data is not None
    position = int(len(board.data) * cut)
    board.data = board.data[:position] + put
    compared(store, board)
    assert compared(store, board)


def test_a_table_of_another_version_is_no_table(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    store, board = copy(), Board()
    compared(store, board)
    monkeypatch.setattr(recall, "_FORM", "0.0.0/0")
    counted.read.clear()
    status.running(Snapshot(store.trees[store.tip]), now=NOW, recall=Recall(board))
    assert len(counted.read) == 9


@pytest.fixture
def shelf(tmp_path: Path) -> Callable[[str], Shelf]:
    return lambda url: Shelf(tmp_path / "cache", url=url, branch="main")


def test_a_shelf_gives_what_was_put_there_and_only_for_that_repository(shelf: Callable[[str], Shelf]) -> None:
    assert shelf("a").load() is None
    shelf("a").keep(b"one")
    shelf("a").keep(b"two")
    assert (shelf("a").load(), shelf("b").load()) == (b"two", None)


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_what_others_could_have_written_is_not_believed(
    shelf: Callable[[str], Shelf], tmp_path: Path, mode: int
) -> None:
    shelf("a").keep(b"one")
    (file,) = (tmp_path / "cache" / "tables").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(mode)
    assert shelf("a").load() is None
    shelf("a").keep(b"two")
    assert shelf("a").load() == b"two"


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_to_is_not_used(
    shelf: Callable[[str], Shelf], tmp_path: Path, mode: int
) -> None:
    shelf("a").keep(b"one")
    folder = tmp_path / "cache" / "tables"
    folder.chmod(mode)
    shelf("a").keep(b"two")
    assert shelf("a").load() is None
    folder.chmod(0o700)
    assert shelf("a").load() == b"one"


def test_a_link_is_not_followed(shelf: Callable[[str], Shelf], tmp_path: Path) -> None:
    shelf("a").keep(b"one")
    (file,) = (tmp_path / "cache" / "tables").iterdir()
    (tmp_path / "elsewhere").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert shelf("a").load() is None


def test_a_shelf_holds_so_much_and_no_more(shelf: Callable[[str], Shelf], tmp_path: Path) -> None:
    shelf("large").keep(b"x" * (LARGEST + 1))
    assert shelf("large").load() is None
    for number in range(MOST + 5):
        shelf(str(number)).keep(b"x")
    assert len(list((tmp_path / "cache" / "tables").iterdir())) == MOST
    assert shelf(str(MOST + 4)).load() == b"x"


def test_where_nothing_can_be_kept_there_is_merely_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    shelf = Shelf(tmp_path / "cache", url="a", branch="main")
    shelf.keep(b"one")
    assert shelf.load() is None


def test_real_git_gives_the_same_table(tmp_path: Path) -> None:
    """The same repository in memory, through git alone, and through git with what is remembered."""
    files = STARTED.trees[STARTED.tip].files
    repository = Repository(
        str(Estate(dict(files)).bare(tmp_path)), branch="main", cache=tmp_path / "cache", environ=os.environ
    )
    expected = status.running(Snapshot(MemoryTree(files)), now=NOW)
    shelf = Shelf(tmp_path / "cache", url=repository.url, branch="main")
    for _ in range(2):
        tree = repository.fetch()
        assert status.running(Snapshot(tree), now=NOW) == expected
        assert status.running(Snapshot(tree), now=NOW, recall=Recall(shelf)) == expected
    assert json.loads((shelf.load() or b"").split(b"\n")[0])[1] == repository.fetch().commit


def test_several_processes_read_the_same_table_each_from_a_git_of_its_own(tmp_path: Path) -> None:
    damaged = layout.receipts("dev", "boats")
    files = {
        path: data[:-1] if path.startswith(damaged) else data for path, data in STARTED.trees[STARTED.tip].files.items()
    }
    repository = Repository(
        str(Estate(dict(files)).bare(tmp_path)), branch="main", cache=tmp_path / "cache", environ=os.environ
    )
    expected = status.running(Snapshot(MemoryTree(files)), now=NOW)
    assert [one.problem is not None for one in expected].count(True) == 1
    tree = repository.fetch()
    assert tree.names("releases") == MODELS  # so that git is asked here before others ask theirs

    def asked(_start: int, _end: int) -> bytes:
        assert tree.read("trust/signers.yaml") is not None
        process = tree._objects._process
        return b"%d" % process.pid if process is not None else b"none"

    first, second = Crew(2).share(asked, 2)
    assert first != second
    for hands in (2, 5):
        board = Board()
        assert status.running(Snapshot(tree), now=NOW, recall=Recall(board, crew=Crew(hands))) == expected
        assert status.running(Snapshot(tree), now=NOW, recall=Recall(board)) == expected
    assert tree.names("releases") == MODELS
