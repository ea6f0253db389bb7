"""Invariants 6 and 7: killed at any step, two at once, an answer lost, a tip that moves: one end, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion import apply, controls, layout, publish, returns
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from servers.git_http import PUSH, Fault, serve
from sites import everything, in_production, site_of
from stores import Killed, MemoryStore

STEPS = [f"{when} {what}" for what in ("fetch", "commit", "push") for when in ("before", "after")]


def start() -> MemoryStore:
    return MemoryStore.of(Estate.new().with_release(estate.release()).files, NOW)


def promote(store: MemoryStore, *, now: datetime = NOW) -> Outcome:
    settled = apply.promote(store, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: now)
    (one,) = settled.result
    assert one.decision is not None
    return one.decision.outcome


def receipts(store: MemoryStore) -> tuple[str, ...]:
    return store.trees[store.tip].names(layout.receipts("dev", MODEL))


@pytest.mark.parametrize("fatal", STEPS)
def test_a_promotion_killed_at_any_step_ends_the_same_when_run_again(fatal: str) -> None:
    undisturbed = start()
    promote(undisturbed)
    store = start()

    def die(step: str) -> None:
        if step == fatal:
            raise Killed

    store.step = die
    with pytest.raises(Killed):
        promote(store)
    assert store.tip in {start().tip, undisturbed.tip}, "as it was, or moved; never between"
    store.step = lambda _: None
    promote(store)
    assert store.trees[store.tip].files == undisturbed.trees[undisturbed.tip].files
    assert len(receipts(store)) == 1
    assert promote(store) is Outcome.NOTHING
    assert verify(store, store.fetch()).problems == ()


@pytest.mark.parametrize("fatal", STEPS)
def test_a_rollback_killed_at_any_step_never_leaves_a_pointer_without_its_hold(fatal: str, tmp_path: Path) -> None:
    made = site_of(Estate.new(), tmp_path)
    first, second = in_production(made)
    store = MemoryStore.of(everything(made.repository.fetch()), NOW)

    def back() -> None:
        returns.rollback(
            store, Wish(MODEL, "prod"), signer=estate.signer("ci"), by="grace", reason="x", now=lambda: made.time,
            preflight=lambda _: None,
        )  # fmt: skip

    def die(step: str) -> None:
        if step == fatal:
            raise Killed

    store.step = die
    with pytest.raises(Killed):
        back()
    store.step = lambda _: None
    slot = Snapshot(store.fetch()).slot("prod", MODEL)
    assert (slot.current == first.id) == bool(slot.controls)
    if slot.current == second.id:
        back()
    slot = Snapshot(store.fetch()).slot("prod", MODEL)
    assert (slot.current, len(slot.controls)) == (first.id, 1)


def test_a_veto_that_lands_between_plan_and_push_is_obeyed() -> None:
    store = start()
    release = estate.release().id
    landed = []

    def veto(step: str) -> None:
        if step == "before push" and not landed:
            landed.append(step)
            slot = Snapshot(store.trees[store.tip]).slot("dev", MODEL)
            said = controls.new("veto", slot, release=release, by="grace", reason="no", since=NOW, until=None)
            settle(store, lambda _: Proposal(None, controls.adding(slot, said), "Veto\n"), now=lambda: NOW)

    store.step = veto
    assert promote(store) is Outcome.REFUSED
    assert receipts(store) == ()


def test_two_runners_with_the_same_plan_make_one_receipt() -> None:
    store = start()
    entered = []

    def other(step: str) -> None:
        if step == "before push" and not entered:
            entered.append(step)
            assert promote(store, now=NOW + timedelta(seconds=1)) is Outcome.MOVE

    store.step = other
    assert promote(store) is Outcome.NOTHING
    assert len(receipts(store)) == 1


def test_a_to_b_to_a_to_b_is_four_promotions(tmp_path: Path) -> None:
    made = site_of(Estate.new(), tmp_path)
    first, second = in_production(made)
    for release in (first, second):
        made.promote("dev", release.id)
    chain = made.snapshot().slot("dev", MODEL).receipts
    assert [one.receipt.release for one in chain] == [first.id, second.id, first.id, second.id]
    assert len({one.receipt.id for one in chain}) == 4
    assert verify(made.repository, made.repository.fetch()).problems == ()


def test_many_runners_on_one_repository_lose_nothing(tmp_path: Path) -> None:
    """Real git, one cache per runner: eight models, each wanted by two runners at once."""
    models = [f"model-{number}" for number in range(8)]
    start = Estate.new()
    for name in models:
        start = start.with_files(publish.release_files(estate.release(model=name)))
    bare = start.bare(tmp_path)

    def run(number: int) -> None:
        repository = Repository(str(bare), branch="main", cache=tmp_path / f"cache-{number}", environ=os.environ)
        wish = Wish(models[number % 8], "dev")
        apply.promote(repository, lambda _: [wish], signer=estate.signer("ci"), now=lambda: NOW)
        repository.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(16)))
    repository = Repository(str(bare), branch="main", cache=tmp_path / "reader", environ=os.environ)
    tip = repository.fetch()
    assert [len(tip.names(layout.receipts("dev", name))) for name in models] == [1] * 8
    found = verify(repository, tip)
    assert (found.problems, found.receipts) == ((), 8)


def test_a_push_whose_answer_was_lost_is_found_on_the_tip(tmp_path: Path) -> None:
    Estate.new().with_release(estate.release()).bare(tmp_path)
    with serve(tmp_path) as server:
        repository = Repository(
            server.url_of("environments"), branch="main", cache=tmp_path / "cache", environ=os.environ
        )
        server.arm(Fault(lose_answer=True), service=PUSH)
        settled = apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
        assert settled.commit == repository.fetch().commit
        assert settled.result[0].receipt is not None


def test_a_server_that_refuses_the_push_is_told_and_nothing_moved(tmp_path: Path) -> None:
    bare = Estate.new().with_release(estate.release()).bare(tmp_path)
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    repository = Repository(f"file://{bare}", branch="main", cache=tmp_path / "cache", environ=os.environ)
    before = repository.fetch().commit
    with pytest.raises(WorldFailed, match="branch is protected"):
        apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    assert repository.fetch().commit == before


def test_a_process_killed_at_random_times_leaves_a_repository_that_verifies(tmp_path: Path) -> None:
    """A real process, real git, a real SIGKILL, at ten moments spread over its life."""
    bare = Estate.new().with_release(estate.release()).bare(tmp_path)
    program = textwrap.dedent(f"""
        import os, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from mlops_gitops.cli.main import main
        from mlops_gitops.cli.world import World
        sys.exit(main(["promote", "{MODEL}", "--to", "dev"], World.of_process()))
    """)
    environ = {
        **os.environ,
        "MG_ENVIRONMENTS": str(bare),
        "MG_CACHE": str(tmp_path / "cache"),
        "MG_KEY": "env:KEY",
        "KEY": estate.pem("ci"),
    }
    began = time.monotonic()
    copy = tmp_path / "measure.git"
    estate.git("clone", "--quiet", "--bare", str(bare), str(copy), cwd=tmp_path)
    subprocess.run(
        [sys.executable, "-c", program],
        env={**environ, "MG_ENVIRONMENTS": str(copy)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    life = time.monotonic() - began
    for moment in range(10):
        process = subprocess.Popen([sys.executable, "-c", program], env=environ, stdout=subprocess.DEVNULL)
        time.sleep(life * (moment + 1) / 10)
        process.send_signal(signal.SIGKILL)
        process.wait()
        repository = Repository(str(bare), branch="main", cache=tmp_path / "reader", environ=os.environ)
        assert verify(repository, repository.fetch()).problems == ()
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, stdout=subprocess.DEVNULL)
    tip = repository.fetch()
    assert len(tip.names(layout.receipts("dev", MODEL))) == 1
    assert verify(repository, tip).problems == ()
