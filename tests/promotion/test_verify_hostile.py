"""``verify`` against somebody who holds the promoter's key, or who knows git well."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.evidence import envelope
from mlops_gitops.manifests.control import Control
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, controls, layout, plan, pointer, receipts, restrictions
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files, Tree
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from sites import Site, in_production, site_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = site_of(Estate.new(), tmp_path_factory.mktemp("hostile"))
    in_production(made)
    return made


@pytest.fixture
def site(finished: Site, tmp_path: Path) -> Site:
    """A copy that a test may spoil."""
    copy = tmp_path / "copy.git"
    estate.git("clone", "--quiet", "--bare", str(finished.bare), str(copy), cwd=tmp_path)
    return Site(copy, Repository(str(copy), branch="main", cache=tmp_path / "cache", environ=os.environ), finished.time)


def problems(site: Site) -> set[str]:
    return {one.id for one in verify(site.repository, site.repository.fetch()).problems}


def push(site: Site, files: Files) -> None:
    settle(site.repository, lambda _: Proposal(None, files, "By hand\n"), now=site.now)


def third(site: Site) -> str:
    """A third release, with all that staging demands, that runs in dev."""
    line = site.snapshot().line(MODEL)
    about = estate.release("1.2.0", supersedes=line[-1].id, content="c")
    site.publish(about, champion=line[-1].id)
    assert site.outcome("dev") is Outcome.MOVE
    return about.id


def sealed(receipt: Receipt) -> bytes:
    return envelope.seal(receipts.statement(receipt), estate.signer("ci"))


def forged(
    site: Site, environment: str, release: str, change: Callable[[Receipt, bytes], tuple[Receipt, bytes]]
) -> None:
    """Move rightly to ``release``, but with the receipt and the pointer that ``change`` makes of the right ones."""

    def propose(tree: Tree) -> Proposal[None]:
        snapshot, moment = Snapshot(tree), site.now().replace(microsecond=0)
        case = plan.situation(snapshot, model=MODEL, environment=environment, release=release)
        decision = plan.decide(case, now=moment)
        assert decision.outcome is Outcome.MOVE
        receipt = apply.move(decision, tree=tree, now=moment, reason="")
        receipt, moved = change(receipt, pointer.render(snapshot.release(MODEL, release)))
        return Proposal(None, {layout.pointer(environment, MODEL): moved, receipt.path: sealed(receipt)}, "Promote\n")

    settle(site.repository, propose, now=site.now)


def test_a_pointer_that_its_own_receipt_covers_up_is_found_also_when_it_is_past(site: Site) -> None:
    release = third(site)

    def elsewhere(receipt: Receipt, moved: bytes) -> tuple[Receipt, bytes]:
        evil = moved.replace(b"models:/flight-delays/1", b"models:/flight-delays/666")
        assert evil != moved
        return replace(receipt, pointer=estate.publish.sha256(evil)), evil

    forged(site, "staging", release, elsewhere)
    assert "pointer" in problems(site)
    fourth = estate.release("1.3.0", supersedes=release, content="d")
    site.publish(fourth, champion=release)
    assert (site.outcome("dev"), site.outcome("staging")) == (Outcome.MOVE, Outcome.MOVE)
    assert {"pointer", "receipt-reasons"} == problems(site), "the environment points rightly again, but it did not"


LIES = {
    "what ran before": {"replaced": "0" * 64},
    "which receipt came before": {"sequence": 9},
    "the policy": {"policy": "0" * 64},
    "the pointer": {"pointer": "0" * 64},
}


@pytest.mark.parametrize("fields", LIES.values(), ids=LIES.keys())
def test_a_receipt_that_lies_in_any_field_is_found(site: Site, fields: dict[str, object]) -> None:
    forged(site, "staging", third(site), lambda receipt, moved: (replace(receipt, **fields), moved))  # type: ignore[arg-type]
    assert "receipt-reasons" in problems(site)


def test_other_words_for_the_same_reasons_are_no_problem(site: Site) -> None:
    """The wording belongs to the program's version; answers and evidence belong to the decision."""

    def reworded(receipt: Receipt, moved: bytes) -> tuple[Receipt, bytes]:
        said = tuple(replace(one, reason="in other words") for one in receipt.judgements)
        return replace(receipt, judgements=said), moved

    forged(site, "staging", third(site), reworded)
    assert problems(site) == set()


def test_a_rollback_cannot_hold_another_release_than_the_one_it_left(site: Site) -> None:
    def propose(tree: Tree) -> Proposal[None]:
        snapshot, moment = Snapshot(tree), site.now().replace(microsecond=0)
        slot = snapshot.slot("prod", MODEL)
        old = plan.last_good(slot, now=moment)
        case = plan.situation(snapshot, model=MODEL, environment="prod", release=old)
        right = apply.move(plan.decide_rollback(case, now=moment), tree=tree, now=moment, reason="r")
        receipt = replace(right, replaced="0" * 64)
        hold = Control(id=f"hold-{'0' * 12}", type="hold", release="0" * 64, by="grace", reason="r", since=moment)
        moved = pointer.render(snapshot.release(MODEL, old))
        files = {layout.pointer("prod", MODEL): moved, receipt.path: sealed(receipt), **controls.adding(slot, hold)}
        return Proposal(None, files, "Roll back\n")

    settle(site.repository, propose, now=site.now)
    assert "receipt-reasons" in problems(site)


def retyped(site: Site, path: str, *, mode: str = "120000", parents: tuple[str, ...] = ("main",)) -> None:
    """A commit that gives ``path`` another mode and leaves its bytes alone."""
    index = {**os.environ, "GIT_INDEX_FILE": str(site.bare / "index-of-test")}

    def git(*words: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_INDEX_FILE", index["GIT_INDEX_FILE"])
            return estate.git(*words, cwd=site.bare)

    git("read-tree", "main")
    blob = git("rev-parse", f"main:{path}")
    git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
    named = [word for parent in parents for word in ("-p", parent)]
    commit = git("commit-tree", git("write-tree"), *named, "-m", "Retype")
    estate.git("update-ref", "refs/heads/main", commit, cwd=site.bare)


@pytest.mark.parametrize("what", ["pointer", "receipt", "release", "evidence", "trust", "policy"])
def test_a_file_that_became_a_link_with_the_same_bytes_is_found(site: Site, what: str) -> None:
    tree = site.repository.fetch()
    last = site.snapshot().line(MODEL)[-1].id
    path = {
        "pointer": layout.pointer("prod", MODEL),
        "receipt": site.snapshot().slot("prod", MODEL).receipts[-1].receipt.path,
        "release": layout.release(MODEL, last),
        "evidence": f"{layout.evidence(last)}/{tree.names(layout.evidence(last))[0]}",
        "trust": layout.TRUST,
        "policy": layout.environment("prod"),
    }[what]
    retyped(site, path)
    assert "no-file" in problems(site)


def test_a_link_in_an_overlay_is_peoples_own_business(site: Site) -> None:
    retyped(site, layout.overlay("prod", MODEL))
    assert problems(site) == set()


def test_a_pointer_that_is_a_link_from_the_start_is_found(site: Site) -> None:
    """Its bytes are those of the receipt, but whoever checks the repository out follows it somewhere else."""
    release = third(site)
    before = site.repository.fetch().commit
    forged(site, "staging", release, lambda receipt, moved: (receipt, moved))
    assert problems(site) == set()
    retyped(site, layout.pointer("staging", MODEL), parents=(before,))
    assert problems(site) == {"no-file"}


def test_a_pointer_that_only_a_merge_moved_is_found(site: Site) -> None:
    before = site.repository.fetch().commit
    push(site, {"README.md": b"A side line."})
    side = site.repository.fetch().commit
    moved = site.repository.fetch().read(layout.pointer("prod", MODEL)) or b""
    push(site, {layout.pointer("prod", MODEL): moved.replace(b'"rest"', b'"batch"')})
    tree = estate.git("rev-parse", "main^{tree}", cwd=site.bare)
    merge = estate.git("commit-tree", tree, "-p", before, "-p", side, "-m", "Merge", cwd=site.bare)
    estate.git("update-ref", "refs/heads/main", merge, cwd=site.bare)
    assert {"moved-by-hand", "pointer"} <= problems(site)


def test_a_line_that_was_turned_round_by_a_merge_is_found(site: Site) -> None:
    """The first parent is somebody's side line, so the promotions come in by the merge: none was decided on it."""
    first = estate.git("rev-list", "--max-parents=0", "main", cwd=site.bare)
    tree = estate.git("rev-parse", "main^{tree}", cwd=site.bare)
    side = estate.git("commit-tree", f"{first}^{{tree}}", "-p", first, "-m", "Side", cwd=site.bare)
    merge = estate.git("commit-tree", tree, "-p", side, "-p", "main", "-m", "Merge", cwd=site.bare)
    estate.git("update-ref", "refs/heads/main", merge, cwd=site.bare)
    assert "receipt-base" in problems(site)


def test_a_history_that_begins_with_receipts_is_found(site: Site) -> None:
    tree = estate.git("rev-parse", "main^{tree}", cwd=site.bare)
    root = estate.git("commit-tree", tree, "-m", "Squashed", cwd=site.bare)
    estate.git("update-ref", "refs/heads/main", root, cwd=site.bare)
    assert problems(site) == {"receipt-base"}


def test_files_of_people_between_ours_are_no_problem(site: Site) -> None:
    push(site, {"environments/README.md": b"# Ours", "environments/base/kustomization.yaml": b"resources: []\n"})
    push(site, {"environments/prod/x/y/release.yaml": b"no pointer", "README.md": b"x"})
    assert problems(site) == set()
    push(site, {"environments/Prod/environment.yaml": render(estate.environment("prod"))})
    assert problems(site) == {"environment"}


def test_a_policy_that_was_removed_under_a_pointer_is_found(site: Site) -> None:
    push(site, {layout.environment("prod"): None})
    assert "environment" in problems(site)


def test_a_hold_binds_a_runner_whose_clock_is_behind_the_one_that_dated_it() -> None:
    hold = Control(id=f"hold-{'1' * 12}", type="hold", by="grace", reason="r", since=NOW)
    for kind, minutes, expected in (("hold", 4, True), ("freeze", 4, True), ("hold", 6, False), ("waiver", 4, False)):
        one = replace(hold, type=kind)
        assert restrictions.in_force(one, "a" * 64, now=NOW - timedelta(minutes=minutes)) is expected, (kind, minutes)
    ended = replace(hold, until=NOW)
    assert not restrictions.in_force(ended, "a" * 64, now=NOW)
    assert restrictions.in_force(ended, "a" * 64, now=NOW - timedelta(seconds=1))
