"""The environment repository read by git and written through GitHub's API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import estate
import fakehub
from estate import MODEL, Estate
from fakehub import Fault, Hub
from hubs import BRANCH, NAME, NOW, Site, clean
from mlops_gitops.adapters.github_store import WRITING, GithubStore
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion import apply
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.store import Branches, History, Store
from mlops_gitops.promotion.verify import verify


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        served.create(NAME, {"a.txt": "one\n", "old.txt": "old\n"})
        yield served


@pytest.fixture
def site(hub: Hub, tmp_path: Path) -> Site:
    return Site(hub, hub.token("app", repositories=(NAME,)), tmp_path / "runner")


def written(store: GithubStore, content: bytes = b"two\n") -> tuple[str, str]:
    base = store.fetch().commit
    return store.commit(base, {"a.txt": content, "old.txt": None}, message="Write\n\nBody\n", when=NOW), base


def test_it_is_a_store_with_branches_and_a_history(site: Site) -> None:
    store: Store = site.store
    branches: Branches = site.store
    history: History = site.store
    assert store
    assert branches
    assert history


def test_a_commit_lands_verified_and_is_known_by_its_landed_id(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    landed = store.push(commit, base=base)
    assert landed == site.hub.tip(NAME)
    assert landed != commit
    made = fakehub.objects.commit(site.hub.folder_of(NAME), landed)
    assert (made.committer, made.parents, made.message) == (fakehub.objects.WEB_FLOW, (base,), "Write\n\nBody")
    assert (site.hub.read(NAME, "a.txt"), site.hub.read(NAME, "old.txt")) == (b"two\n", None)


def test_what_landed_is_read_without_asking_anybody(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    landed = store.push(commit, base=base)
    assert landed is not None
    before = len(site.hub.requests), len(site.hub.calls)
    tree = store.tree(landed)
    assert (tree.commit, tree.read("a.txt"), tree.names("")) == (landed, b"two\n", ("a.txt",))
    found = tree.before("a.txt")
    assert found is None
    assert (len(site.hub.requests), len(site.hub.calls)) == before
    assert store.fetch().commit == landed


def test_a_tip_that_moved_is_not_written_over(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    tip = site.hub.write(NAME, {"b.txt": "human\n"})
    assert store.push(commit, base=base) is None
    assert site.hub.tip(NAME) == tip


def test_the_tip_moves_between_the_lost_answer_and_the_reading(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    site.hub.arm(
        Fault(lose_answer=True, after=lambda: site.hub.write(NAME, {"b.txt": "human\n"})), operation="CreateCommit"
    )
    landed = store.push(commit, base=base)
    line = fakehub.objects.commits(site.hub.folder_of(NAME), "main")
    assert landed == line[1].id
    assert len(line) == 3


def test_a_twin_by_somebody_else_is_told_apart_by_its_tree(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    other = Site(site.hub, site.token, site.folder / "other").store
    theirs, _ = written(other, b"theirs\n")
    assert other.push(theirs, base=base)
    assert store.push(commit, base=base) is None


def test_runners_racing_for_one_branch_lose_no_update(site: Site) -> None:
    runners = [Site(site.hub, site.token, site.folder / str(number)) for number in range(8)]
    ready = threading.Barrier(len(runners))

    def race(number: int) -> None:
        store = runners[number].store
        ready.wait()
        while True:
            base = store.fetch().commit
            commit = store.commit(base, {f"{number}.txt": b"x\n"}, message=f"{number}\n", when=NOW)
            if store.push(commit, base=base) is not None:
                return

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(runners))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {f"{number}.txt" for number in range(8)} <= set(site.hub.files(NAME))
    assert len(fakehub.objects.commits(site.hub.folder_of(NAME), "main")) == 9


def test_a_branch_is_written_new_and_again_and_its_pull_request_stays_open(site: Site) -> None:
    store, forge = site.store, site.forge
    commit, base = written(store)
    first = store.write_branch(BRANCH, commit=commit, expected=None)
    assert first == site.hub.tip(NAME, BRANCH)
    pull = forge.open_pull(BRANCH, base="main", title="x", body="")
    site.hub.write(NAME, {"b.txt": "human\n"})
    commit, base = written(store, b"three\n")
    second = store.write_branch(BRANCH, commit=commit, expected=first)
    assert second == site.hub.tip(NAME, BRANCH)
    line = fakehub.objects.commits(site.hub.folder_of(NAME), f"main..{BRANCH}")
    assert [(one.parents, one.committer) for one in line] == [((base,), fakehub.objects.WEB_FLOW)]
    assert (site.hub.pull(NAME, pull.number).state, site.hub.pull(NAME, pull.number).head) == ("open", second)
    assert not [name for name in fakehub.objects.branches(site.hub.folder_of(NAME)) if name.startswith(WRITING)]


def test_a_branch_that_is_not_where_it_was_seen_is_left_alone(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    theirs = site.hub.commit(NAME, {"x.txt": "x\n"}, branch=BRANCH)
    assert store.write_branch(BRANCH, commit=commit, expected=None) is None
    assert store.write_branch(BRANCH, commit=commit, expected=base) is None
    assert site.hub.tip(NAME, BRANCH) == theirs
    assert set(fakehub.objects.branches(site.hub.folder_of(NAME))) == {"main", BRANCH}


def test_a_branch_that_is_gone_is_told_apart_from_one_that_was_never_there(site: Site) -> None:
    store = site.store
    commit, _ = written(store)
    assert store.write_branch(BRANCH, commit=commit, expected="f" * 40) is None
    assert store.write_branch(BRANCH, commit=commit, expected=None)


def test_what_a_killed_run_left_at_the_base_is_written_over(site: Site) -> None:
    store = site.store
    commit, base = written(store)
    site.hub.commit(NAME, {"x.txt": "x\n"}, branch="other")
    moves = [(BRANCH, fakehub.objects.ZERO, base)]
    fakehub.references.moved(site.hub, site.hub.repositories[NAME], moves, "promoter[bot]", check=True)
    assert store.write_branch(BRANCH, commit=commit, expected=base) == site.hub.tip(NAME, BRANCH)
    assert site.hub.read(NAME, "a.txt", BRANCH) == b"two\n"


def test_runners_racing_for_the_branch_of_a_slot(site: Site) -> None:
    runners = [Site(site.hub, site.token, site.folder / str(number)) for number in range(6)]
    ready, won = threading.Barrier(len(runners)), []

    def race(number: int) -> None:
        store = runners[number].store
        commit, _ = written(store, b"%d\n" % number)
        ready.wait()
        landed = store.write_branch(BRANCH, commit=commit, expected=None)
        if landed is not None:
            won.append(landed)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(runners))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert won == [site.hub.tip(NAME, BRANCH)]


@pytest.mark.parametrize("branch", ["-x", "a..b", "a b", "refs/heads/*"])
def test_branches_that_are_no_names_are_turned_away(site: Site, branch: str) -> None:
    store = site.store
    commit, _ = written(store)
    with pytest.raises(Misused):
        store.write_branch(branch, commit=commit, expected=None)


def test_a_file_that_cannot_be_read_whole_is_not_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_gitops.adapters import git_objects, github_store

    monkeypatch.setattr(git_objects, "LARGEST", 80)
    monkeypatch.setattr(github_store, "LARGEST", 80)
    store = site.store
    commit, base = written(store, b"x" * 100)
    with pytest.raises(Misused, match="larger than"):
        store.push(commit, base=base)


@pytest.fixture
def promoting(tmp_path: Path) -> Iterator[Site]:
    bare = Estate.new().with_release(estate.release()).bare(tmp_path / "made")
    folder = tmp_path / "hub" / f"{NAME}.git"
    folder.parent.mkdir(parents=True)
    bare.rename(folder)
    with fakehub.serve(tmp_path / "hub") as hub:
        hub.adopt(NAME)
        yield Site(hub, hub.token("app"), tmp_path / "runner")


def test_a_direct_promotion_is_one_call_and_two_requests_of_git(promoting: Site) -> None:
    store, hub = promoting.store, promoting.hub
    wish = [Wish(MODEL, "dev")]
    cold = len(hub.requests)
    store.fetch()
    assert len(hub.requests) - cold <= 5
    known = len(hub.requests)
    settled = apply.promote(store, lambda _: wish, signer=estate.signer("ci"), now=lambda: estate.NOW)
    assert settled.commit == hub.tip(NAME)
    assert store.tree(settled.commit).read(f"environments/dev/{MODEL}/release.yaml") is not None
    assert len(hub.requests) - known <= 2
    assert hub.asked() == ["CreateCommit"]
    assert verify(store, store.fetch()).problems == ()


def test_a_promotion_with_a_pull_request_is_four_calls(promoting: Site) -> None:
    client = promoting.client
    hub, store = promoting.hub, promoting.store
    store.client = client
    from mlops_gitops.adapters.github import GithubForge

    forge = GithubForge(client)
    base = store.fetch().commit
    known = len(hub.requests)
    assert forge.open_pulls("promote/") == ()
    commit = store.commit(base, {"x.txt": b"x\n"}, message="x\n", when=NOW)
    assert store.write_branch(BRANCH, commit=commit, expected=None)
    forge.open_pull(BRANCH, base="main", title="x", body="")
    assert hub.asked() == ["OpenPulls", "WriteAside", "MoveBranch", "CreatePull"]
    assert len(hub.requests) == known


def test_git_is_shown_the_token_where_it_has_nothing_of_its_own(site: Site) -> None:
    site.store.fetch()
    assert {one.token for one in site.hub.requests} == {site.token}
    shown = site.folder / "shown"
    shown.mkdir(parents=True)
    site.folder.joinpath(".gitconfig").write_text(
        f'[http "{site.hub.url}/"]\n\textraheader = Authorization: Bearer {site.hub.token("user")}\n'
    )
    before = len(site.hub.requests)
    Site(site.hub, "nonsense", site.folder).store.fetch()
    assert {one.token for one in site.hub.requests[before:]} != {"nonsense"}


def test_a_stranger_cannot_read(site: Site) -> None:
    stranger = Site(site.hub, site.hub.token("stranger"), site.folder / "stranger")
    with pytest.raises(WorldFailed):
        stranger.store.fetch()
    assert clean(site.folder)["HOME"] == str(site.folder)
