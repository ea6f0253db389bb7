"""The whole path on a real bare repository: in, onwards, back, held, and everything verified from git."""

from __future__ import annotations

from pathlib import Path

import pytest

import estate
from estate import MODEL, Estate
from mlops_gitops.errors import NotYet, Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import apply, layout, publish, returns
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from sites import Site, in_production, site_of


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(Estate.new(), tmp_path)


def test_a_release_walks_to_production_only_with_two_approvals(site: Site) -> None:
    first = estate.release()
    site.publish(first)
    assert site.outcome("staging", first.id) is Outcome.PENDING
    assert site.outcome("dev") is Outcome.MOVE
    assert site.outcome("staging") is Outcome.MOVE
    assert site.outcome("prod") is Outcome.PENDING
    site.approve("katherine")
    assert site.outcome("prod") is Outcome.PENDING
    with pytest.raises(Refused, match="not in trust"):
        site.approve("mallory")
    site.approve("ada")
    assert site.outcome("prod") is Outcome.PENDING, "the author's approval does not count"
    site.approve("grace")
    assert site.outcome("prod") is Outcome.MOVE
    assert site.outcome("prod") is Outcome.NOTHING
    found = verify(site.repository, site.repository.fetch())
    assert found.problems == ()
    assert (found.releases, found.receipts, found.evidence) == (1, 3, 6)


def test_the_pointer_is_the_same_blob_everywhere(site: Site) -> None:
    in_production(site)
    tree = site.repository.fetch()
    assert len({tree.read(layout.pointer(name, MODEL)) for name in ("dev", "staging", "prod")}) == 1


def test_a_worse_release_is_refused_with_its_number(site: Site) -> None:
    _, second = in_production(site)
    worse = estate.release("1.2.0", supersedes=second.id, content="c")
    files = Estate({}).with_release(worse).files
    files = {path: data for path, data in files.items() if "/comparison-" not in path}
    said = estate.claim("comparison", worse, verdict=Verdict.FAIL, champion=second.id, summary="roc_auc fell by 0.031")
    settle(site.repository, lambda _: Proposal(None, {**files, **estate.evidence(said)}, "Release\n"), now=site.now)
    assert site.outcome("dev") is Outcome.MOVE
    (one,) = site.promote("staging").result
    assert one.decision is not None
    assert one.decision.outcome is Outcome.REFUSED
    assert [reason.reason for reason in one.decision.blocking] == ["roc_auc fell by 0.031"]


def test_a_comparison_counts_only_against_what_runs_there(site: Site) -> None:
    first, second = in_production(site)
    third = estate.release("1.2.0", supersedes=second.id, content="c")
    site.publish(third, champion=first.id)
    assert site.outcome("dev") is Outcome.MOVE
    (one,) = site.promote("staging").result
    assert one.decision is not None
    assert one.decision.outcome is Outcome.PENDING
    assert first.id[:12] in one.decision.blocking[0].reason


def test_rollback_goes_to_the_last_good_release_and_holds_the_bad_one(site: Site) -> None:
    first, second = in_production(site)
    settled = site.rollback("prod")
    assert settled.result.receipt is not None
    slot = site.snapshot().slot("prod", MODEL)
    assert slot.current == first.id
    assert [(one.type, one.release) for one in slot.controls] == [("hold", second.id)]
    assert site.outcome("prod", second.id) is Outcome.REFUSED, "the hold"
    with pytest.raises(Refused, match="never rolled back by itself"):
        site.rollback("prod")
    assert verify(site.repository, site.repository.fetch()).problems == ()


def test_a_rollback_to_what_never_ran_there_is_refused(site: Site) -> None:
    _, second = in_production(site)
    third = estate.release("1.2.0", supersedes=second.id, content="c")
    site.publish(third, champion=second.id)
    settled = site.rollback("prod", to=third.id)
    assert settled.commit is None
    assert settled.result.decision is not None
    assert settled.result.decision.outcome is Outcome.REFUSED


def test_a_failed_preflight_leaves_everything_as_it_was(site: Site) -> None:
    in_production(site)
    before = site.repository.fetch().commit

    def gone(_: object) -> None:
        raise Refused("the artifact is gone", hint="…", code="artifact")

    with pytest.raises(Refused, match="gone"):
        returns.rollback(
            site.repository, Wish(MODEL, "prod"), signer=estate.signer("ci"), by="grace", reason="…", now=site.now,
            preflight=gone,
        )  # fmt: skip
    assert site.repository.fetch().commit == before


def test_nothing_moves_to_an_environment_whose_upstream_runs_another(site: Site) -> None:
    in_production(site)
    site.rollback("staging")
    newest = site.snapshot().line(MODEL)[-1].id
    assert site.outcome("prod", newest) is Outcome.NOTHING
    third = estate.release("1.2.0", supersedes=newest, content="c")
    site.publish(third)
    assert site.outcome("prod", third.id) is Outcome.PENDING
    site.repository.close()


def test_without_any_release_the_answer_is_not_yet(site: Site) -> None:
    (one,) = site.promote("prod").result
    assert isinstance(one.failure, NotYet)


def test_a_key_that_may_not_promote_writes_nothing(site: Site) -> None:
    site.publish(estate.release())
    before = site.repository.fetch().commit
    with pytest.raises(Refused, match="grace may not sign promotion"):
        apply.promote(site.repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("grace"), now=site.now)
    assert site.repository.fetch().commit == before


def test_a_hundred_promotions_are_one_commit(site: Site) -> None:
    models = [f"model-{number}" for number in range(100)]
    files: dict[str, bytes] = {}
    for name in models:
        files |= publish.release_files(estate.release(model=name))
    settle(site.repository, lambda _: Proposal(None, files, "Releases\n"), now=site.now)
    before = site.repository.fetch().commit
    settled = apply.promote(
        site.repository, lambda _: [Wish(name, "dev") for name in models], signer=estate.signer("ci"), now=site.now
    )
    assert settled.commit is not None
    assert [change.parent for change in site.repository.changes(settled.commit, ["receipts"])] == [before]
    assert len(settled.result) == sum(one.receipt is not None for one in settled.result) == 100
    assert verify(site.repository, site.repository.fetch()).problems == ()
