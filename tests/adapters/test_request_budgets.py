"""How often the remote is asked, counted by a real git server: what each command may cost, and that it asks enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.errors import Misused
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.promotion import apply, layout, publish, status
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Settled
from mlops_gitops.promotion.verify import verify
from servers.git_http import PUSH, READ, Fault, GitServer, serve
from stores import MemoryStore

MANY = [f"model-{number:03}" for number in range(100)]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    start = Estate.new().with_release(estate.release())
    for name in MANY:
        start = start.with_files(publish.release_files(estate.release(model=name)))
    return start.bare(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def server(origin: Path, tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "served"
    root.mkdir()
    estate.git("clone", "--quiet", "--bare", str(origin), str(root / "environments.git"), cwd=root)
    with serve(root) as running:
        yield running


@pytest.fixture
def runner(server: GitServer, tmp_path: Path) -> Iterator[Callable[[str], Repository]]:
    """Repositories by name, each with a cache of its own: machines that know nothing of each other."""
    made: list[Repository] = []

    def named(name: str) -> Repository:
        url = server.url_of("environments")
        made.append(Repository(url, branch="main", cache=tmp_path / name, environ=os.environ))
        return made[-1]

    yield named
    for one in made:
        one.close()


def promote(repository: Repository, *models: str) -> Settled[tuple[Answered, ...]]:
    wishes = [Wish(model, "dev") for model in models or (MODEL,)]
    return apply.promote(repository, lambda _: wishes, signer=estate.signer("ci"), now=lambda: NOW)


def outcomes(settled: Settled[tuple[Answered, ...]]) -> set[Outcome]:
    return {one.decision.outcome for one in settled.result if one.decision is not None}


def spent(server: GitServer) -> int:
    """How many requests there were since the last question."""
    count = len(server.requests)
    server.requests.clear()
    return count


def test_a_promotion_with_the_base_known_takes_two_requests(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    runner("cache").fetch()
    spent(server)
    settled = promote(runner("cache"))
    assert spent(server) == 2
    assert settled.commit == server.tip("environments")


def test_the_base_is_known_after_a_push_of_ours(server: GitServer, runner: Callable[[str], Repository]) -> None:
    promote(runner("cache"))
    spent(server)
    promote(runner("cache"), MANY[0])
    assert spent(server) == 2
    assert verify(runner("cache"), runner("cache").fetch()).problems == ()


def test_a_promotion_from_nothing_takes_five_requests(server: GitServer, runner: Callable[[str], Repository]) -> None:
    settled = promote(runner("cache"))
    assert spent(server) == 5
    assert settled.commit == server.tip("environments")


def test_a_hundred_promotions_are_one_push(server: GitServer, runner: Callable[[str], Repository]) -> None:
    runner("cache").fetch()
    spent(server)
    settled = promote(runner("cache"), *MANY)
    pushes = [one for one in server.requests if one.service == PUSH and not one.advertises]
    assert (spent(server), len(pushes)) == (2, 1)
    assert sum(one.receipt is not None for one in settled.result) == 100
    assert verify(runner("cache"), runner("cache").fetch()).receipts == 100


def test_a_pack_of_megabytes_takes_no_request_more(server: GitServer, runner: Callable[[str], Repository]) -> None:
    repository = runner("cache")
    base = repository.fetch().commit
    spent(server)
    commit = repository.commit(base, {"large": os.urandom(3 << 20)}, message="Large\n", when=NOW)
    assert repository.push(commit, base=base) == commit
    assert spent(server) == 2


def test_status_takes_three_requests_from_nothing_and_two_where_nothing_is_new(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    for most in (3, 2, 2):
        assert len(status.running(Snapshot(runner("cache").fetch()), now=NOW)) == 101 * 3
        assert spent(server) == most


def test_where_another_was_first_the_plan_is_made_again(server: GitServer, runner: Callable[[str], Repository]) -> None:
    runner("cache").fetch()
    other = promote(runner("other"), MANY[0])
    spent(server)
    settled = promote(runner("cache"))
    assert spent(server) <= 6
    assert settled.base.commit == other.commit
    assert [one.receipt.base for one in settled.result if one.receipt is not None] == [other.commit]


def test_that_there_is_nothing_to_do_is_said_only_by_the_remote(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    """What is known here says that it runs there; meanwhile it was replaced there."""
    promote(runner("cache"))
    newer = estate.release("1.1.0", supersedes=estate.release().id, content="b")
    server.write("environments", publish.release_files(newer))
    spent(server)
    settled = promote(runner("cache"))
    assert outcomes(settled) == {Outcome.MOVE}
    assert [one.receipt.release for one in settled.result if one.receipt is not None] == [newer.id]
    spent(server)
    assert outcomes(promote(runner("cache"))) == {Outcome.NOTHING}
    assert spent(server) == 2


def test_what_is_not_known_here_is_asked_for_before_it_is_missed(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    runner("cache").fetch()
    server.write("environments", publish.release_files(estate.release(model="newcomer")))
    assert outcomes(promote(runner("cache"), "newcomer")) == {Outcome.MOVE}
    spent(server)
    settled = promote(runner("cache"), "nobody")
    assert isinstance(settled.result[0].failure, Misused)
    assert spent(server) == 2


def test_a_veto_that_is_not_known_here_stops_what_is_planned_here(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    runner("cache").fetch()
    veto = Control(id="veto-0123456789ab", type="veto", by="grace", reason="no", since=NOW)
    said = ControlFile("dev", MODEL, (veto,))
    server.write("environments", {layout.controls("dev", MODEL): said.render()})
    assert outcomes(promote(runner("cache"))) == {Outcome.REFUSED}


@pytest.mark.parametrize("lost", [PUSH, READ])
def test_a_lost_answer_with_the_base_known_ends_with_one_receipt(
    server: GitServer, runner: Callable[[str], Repository], lost: str
) -> None:
    runner("cache").fetch()
    server.arm(Fault(lose_answer=True), service=lost)
    settled = promote(runner("cache"))
    assert settled.commit == server.tip("environments")
    folder = layout.receipts("dev", MODEL)
    assert len([one for one in server.files("environments") if one.startswith(folder)]) == 1
    assert outcomes(promote(runner("cache"))) == {Outcome.NOTHING}


def test_what_another_process_has_seen_since_stays_known(
    server: GitServer, runner: Callable[[str], Repository]
) -> None:
    """Two processes on one cache: the slower one remembers its push after the faster one has fetched a newer tip."""
    slow, quick = runner("cache"), runner("cache")
    base = slow.fetch().commit
    commit = slow.commit(base, {"a": b"a"}, message="A\n", when=NOW)
    newer: list[str] = []

    def meanwhile() -> None:
        newer.append(server.write("environments", {"b": b"b"}))
        assert quick.fetch().commit == newer[0]

    server.arm(Fault(lose_answer=True), service=PUSH)
    assert slow.push(commit, base=base) == commit
    meanwhile()
    slow._remember(commit, base=base)
    known = slow.known()
    assert known is not None
    assert known.commit == newer[0]


STEPS = [f"{when} {what}" for what in ("commit", "push") for when in ("before", "after")]


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("crowd", [0, 1, 3])
def test_planning_on_what_is_known_ends_where_asking_first_ends(crowd: int, *, stale: bool) -> None:
    """In memory, with others who push just before us: the same receipts, each on the commit that was its base."""
    files = Estate.new().with_release(estate.release()).files
    store = MemoryStore.of(files, NOW)
    store.seen = store.tip
    if stale:
        store.tip = store.commit(store.tip, {"elsewhere": b"x"}, message="x", when=NOW)
    others = list(range(crowd))

    def push(step: str) -> None:
        if step == "before push" and others:
            name = f"other-{others.pop()}"
            store.tip = store.commit(store.tip, {name: b"x"}, message=name, when=NOW)

    store.step = push
    settled = apply.promote(store, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    receipt = settled.result[0].receipt
    assert receipt is not None
    assert receipt.base == store.parents[settled.commit or ""][0]
    assert len(store.line()) == 2 + stale + crowd
    store.step = lambda _: None
    assert verify(store, store.fetch()).problems == ()


@pytest.mark.parametrize("fatal", STEPS)
def test_a_runner_that_dies_while_it_trusts_what_it_knows_leaves_all_or_nothing(fatal: str) -> None:
    store = MemoryStore.of(Estate.new().with_release(estate.release()).files, NOW)
    store.seen = first = store.tip

    def die(step: str) -> None:
        if step == fatal:
            raise KeyboardInterrupt

    def promoted() -> Sequence[Answered]:
        wishes = [Wish(MODEL, "dev")]
        return apply.promote(store, lambda _: wishes, signer=estate.signer("ci"), now=lambda: NOW).result

    store.step = die
    with pytest.raises(KeyboardInterrupt):
        promoted()
    assert (store.tip == first) == (fatal != "after push")
    store.step, store.seen = lambda _: None, first
    promoted()
    assert len(store.trees[store.tip].names(layout.receipts("dev", MODEL))) == 1
    assert len(store.line()) == 2
