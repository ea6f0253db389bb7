"""``verify`` finds every byte that was changed, from the content alone and from the history alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import MODEL, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, layout, plan, pointer, publish, receipts
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files, MemoryTree, Tree
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from sites import MemoryHistory, Site, guarded, in_production, problems_after, remembered, site_of


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = site_of(Estate.new(), tmp_path_factory.mktemp("verify"))
    in_production(made)
    made.rollback("prod")
    return made


@pytest.fixture(scope="module")
def past(site: Site) -> MemoryHistory:
    return remembered(site.repository)


def test_what_was_done_rightly_holds(site: Site, past: MemoryHistory) -> None:
    found = verify(site.repository, site.repository.fetch())
    assert found.problems == ()
    assert (found.releases, found.receipts, found.evidence) == (2, 7, 10)
    tip = past.changed[-1].commit
    assert verify(past, past.trees[tip]).problems == ()


STRIDE = 1 if os.environ.get("MG_EXHAUSTIVE") else 211


def test_a_flipped_bit_anywhere_is_found(past: MemoryHistory) -> None:
    """Every 211th byte, from another start in each file; every byte with MG_EXHAUSTIVE=1 (a quarter of an hour)."""
    tip = past.trees[past.changed[-1].commit]
    paths = guarded(tip)
    assert {path.split("/")[0] for path in paths} == {"receipts", "releases", "evidence", "environments"}
    for turn, path in enumerate(paths):
        data = tip.files[path]
        for position in range(turn * 37 % STRIDE, len(data), STRIDE):
            flipped = bytes([*data[:position], data[position] ^ (1 << (position % 8)), *data[position + 1 :]])
            assert problems_after(past, path, flipped), f"{path} at byte {position}"


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_other_content_of_a_guarded_file_is_found(past: MemoryHistory, data: st.DataObject) -> None:
    tip = past.trees[past.changed[-1].commit]
    path = data.draw(st.sampled_from(guarded(tip)))
    content = tip.files[path]
    cut = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.sampled_from([content[:cut], content + b"\n", b"", content[:cut] + b" " + content[cut:]]))
    assert problems_after(past, path, other)


def test_evidence_that_decided_and_is_gone_is_found(past: MemoryHistory) -> None:
    tip = past.trees[past.changed[-1].commit]
    approval = next(path for path in tip.files if "/approval-" in path)
    assert problems_after(past, approval, None) == {"evidence"}


def test_a_file_that_does_not_belong_is_found(past: MemoryHistory) -> None:
    tip = past.trees[past.changed[-1].commit]
    receipt = next(path for path in tip.files if path.startswith("receipts/prod/"))
    for path in (
        f"receipts/dev/{MODEL}/note.txt",
        f"receipts/prod/{MODEL}/{'0' * 64}.json",
        f"evidence/{'0' * 64}/x.json",
    ):
        assert problems_after(past, path, tip.files[receipt]), path


def rewritten(site: Site, folder: Path, files: Files) -> set[str]:
    """What ``verify`` says after somebody pushed a commit with ``files`` by hand."""
    copy = folder / "copy.git"
    estate.git("clone", "--quiet", "--bare", str(site.bare), str(copy), cwd=folder)
    repository = Repository(str(copy), branch="main", cache=folder / "cache", environ=os.environ)
    settle(repository, lambda _: Proposal(None, files, "By hand\n"), now=site.now)
    return {one.id for one in verify(repository, repository.fetch()).problems}


def test_a_pointer_moved_by_hand_is_found(site: Site, tmp_path: Path) -> None:
    dev = site.repository.fetch().read(layout.pointer("dev", MODEL)) or b""
    found = rewritten(site, tmp_path, {layout.pointer("prod", MODEL): dev})
    assert {"moved-by-hand", "pointer"} <= found


def test_a_receipt_that_was_removed_with_its_pointer_is_found(site: Site, tmp_path: Path) -> None:
    tree = site.repository.fetch()
    receipts = {f"{layout.receipts('prod', MODEL)}/{name}": None for name in tree.names(layout.receipts("prod", MODEL))}
    assert "append-only" in rewritten(site, tmp_path, {**receipts, layout.pointer("prod", MODEL): None})


def test_a_hold_that_vanished_from_a_rollback_commit_is_found(past: MemoryHistory) -> None:
    (commit,) = (one.commit for one in past.changed if any(path.startswith("controls/") for _, path in one.paths))
    tree = past.trees[commit]
    files = {path: data for path, data in tree.files.items() if not path.startswith("controls/")}
    without = MemoryHistory({**past.trees, commit: MemoryTree(files, commit)}, past.changed)
    assert "no-hold" in {one.id for one in verify(without, without.trees[past.changed[-1].commit]).problems}


def test_a_signed_receipt_that_the_evidence_did_not_allow_is_found(site: Site, tmp_path: Path) -> None:
    """The promoter's key is stolen: a receipt is signed rightly, for a release that nobody approved."""
    third = estate.release("1.2.0", supersedes=site.snapshot().line(MODEL)[-1].id, content="c")
    copy = tmp_path / "stolen.git"
    estate.git("clone", "--quiet", "--bare", str(site.bare), str(copy), cwd=tmp_path)
    repository = Repository(str(copy), branch="main", cache=tmp_path / "cache", environ=os.environ)
    settle(repository, lambda _: Proposal(None, publish.release_files(third), "Release\n"), now=site.now)

    def forge(tree: Tree) -> Proposal[None]:
        snapshot = Snapshot(tree)
        case = plan.situation(snapshot, model=MODEL, environment="prod", release=third.id)
        honest = plan.decide(case, now=site.now())
        assert honest.outcome is Outcome.PENDING
        passing = tuple(replace(one, answer=Answer.PASS) for one in honest.judgements)
        receipt = apply.move(
            replace(honest, judgements=passing), tree=tree, now=site.now().replace(microsecond=0), reason=""
        )
        files = {
            layout.pointer("prod", MODEL): pointer.render(third),
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer("ci")),
        }
        return Proposal(None, files, "Promote\n")

    settle(repository, forge, now=site.now)
    assert {one.id for one in verify(repository, repository.fetch()).problems} == {"not-allowed"}


def test_a_key_that_was_retired_does_not_make_the_past_unreadable(site: Site, tmp_path: Path) -> None:
    new = estate.trust()
    machine = new["spec"]["signers"][0]  # type: ignore[index]
    machine["keys"] = [estate.public("ci-of-next-year")]
    assert rewritten(site, tmp_path, {layout.TRUST: render(new)}) == set()


def test_a_retired_key_moves_nothing_more_whatever_base_it_claims(site: Site, tmp_path: Path) -> None:
    """The old key of ci was retired.  Its thief claims to have decided on a commit at which it still counted."""
    copy = tmp_path / "retired.git"
    estate.git("clone", "--quiet", "--bare", str(site.bare), str(copy), cwd=tmp_path)
    repository = Repository(str(copy), branch="main", cache=tmp_path / "cache", environ=os.environ)
    old = repository.fetch()
    new = estate.trust()
    new["spec"]["signers"][0]["keys"] = [estate.public("ci-of-next-year")]  # type: ignore[index]
    settle(repository, lambda _: Proposal(None, {layout.TRUST: render(new)}, "Rotate\n"), now=site.now)
    assert Snapshot(repository.fetch()).slot("prod", MODEL).current, "what the old key moved stays"

    def forge(tree: Tree) -> Proposal[None]:
        snapshot = Snapshot(tree)
        first, second = snapshot.line(MODEL)
        case = plan.situation(snapshot, model=MODEL, environment="dev", release=first.id)
        decision = replace(plan.decide(case, now=site.now()), outcome=Outcome.MOVE)
        receipt = apply.move(decision, tree=old, now=site.now().replace(microsecond=0), reason="")
        files = {
            layout.pointer("dev", MODEL): pointer.render(first),
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer("ci")),
        }
        assert snapshot.slot("dev", MODEL).current == second.id
        return Proposal(None, files, "Promote\n")

    settle(repository, forge, now=site.now)
    with pytest.raises(Refused, match="nobody who may promote"):
        Snapshot(repository.fetch()).slot("dev", MODEL)
    assert {"receipt-base", "receipt-signature"} & {one.id for one in verify(repository, repository.fetch()).problems}
