"""What people try, or do by mistake, around the pull requests of promotions: nothing moves by it, and it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import estate
from estate import MODEL
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.evidence.reviews import Review
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, proposals, reconcile
from mlops_gitops.promotion.forge import Dismissal, Pull
from mlops_gitops.promotion.pull_steps import Step
from mlops_gitops.promotion.pulls import PROJECT
from mlops_gitops.promotion.verify import verify
from workshops import Workshop, environments

BRANCH = layout.promotion_branch("prod", MODEL)


def verbs(shop: Workshop) -> list[str]:
    return [one.verb for one in shop.reconcile().did]


def proposed() -> Workshop:
    """A release that waits for two people."""
    shop = Workshop.new()
    shop.publish()
    shop.reconcile()
    return shop


def unsealed(shop: Workshop) -> list[str]:
    left = shop.reconcile().left
    assert left is not None
    return [one.reason for one in left.unsealed]


def promotion(shop: Workshop) -> str:
    _, (branch,) = shop.remote.survey("promote/")
    found = proposals.read(branch)
    assert isinstance(found, proposals.Proposal)
    return found.receipt.id


def looks(shop: Workshop) -> list[Review]:
    dossier = shop.snapshot().dossier(MODEL, shop.releases[-1].id)
    return [one.claim.review for one in dossier.evidence if one.claim.review is not None]


def meanwhile(shop: Workshop, what: object) -> None:
    """Do something between the judgement and the merge."""
    real = shop.reader().forge().merge_pull
    asked = shop.forge.pull

    def first(number: int) -> Pull | None:
        shop.forge.pull = asked  # type: ignore[method-assign]
        what()  # type: ignore[operator]
        return asked(number)

    shop.forge.pull = first  # type: ignore[method-assign]
    assert real == shop.forge.merge_pull


def test_an_objection_between_judging_and_merging_is_heard() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    meanwhile(shop, lambda: shop.forge.review(1, "grace-example", "changes-requested"))
    assert "merged" not in verbs(shop)
    assert (shop.slot().current, shop.forge.pulls[1].state) == (None, "closed")


@pytest.mark.parametrize("change", [{"draft": True}, {"base": "elsewhere"}])
def test_a_pull_request_that_changes_between_judging_and_merging_is_judged_again(change: dict[str, object]) -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    meanwhile(shop, lambda: shop.forge.edit(1, **change))
    assert "merged" not in verbs(shop)
    assert shop.slot().current is None


def test_who_pushed_last_is_asked_where_the_list_knows_what_the_commit_claims_only() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.pusher = lambda _: "grace-example"  # type: ignore[method-assign]
    real = shop.forge.pull
    shop.forge.pull = lambda number: replace(real(number), pusher="grace-example")  # type: ignore[method-assign,type-var]
    assert "merged" not in verbs(shop)
    assert {one.pusher for one in looks(shop)} == {"grace-example"}
    assert verbs(shop) == [], "and the record says so, once"


def test_an_objection_that_is_dismissed_after_a_merge_by_hand_stood_when_it_was_merged() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.review(1, "ada-example", "changes-requested")
    shop.forge.merge(1, by="ada-example", style="merge")
    pull = shop.forge.pulls[1]
    last = pull.voices[-1]
    gone = Dismissal(last.id, "changes-requested", shop.forge.now())
    shop.forge.edit(1, voices=(*pull.voices[:-1], replace(last, said="dismissed")), dismissals=(gone,))
    assert ["did not allow it" in one for one in unsealed(shop)] == [True]


def test_an_approval_that_is_dismissed_or_taken_back_after_a_merge_by_hand_was_one() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="ada-example", style="merge")
    pull = shop.forge.pulls[1]
    gone = Dismissal(pull.voices[0].id, "approved", shop.forge.now())
    shop.forge.edit(1, voices=(replace(pull.voices[0], said="dismissed"), *pull.voices[1:]), dismissals=(gone,))
    shop.forge.review(1, "katherine-example", "changes-requested")
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def test_somebody_who_comments_without_end_makes_no_record() -> None:
    shop = proposed()
    for _ in range(3):
        shop.forge.review(1, "passer-by", "commented")
        assert verbs(shop) == []
    shop.forge.review(1, "passer-by", "approved")
    shop.forge.review(1, "passer-by", "changes-requested")
    shop.reconcile()
    assert [len(one.voices) for one in looks(shop)] == [1]


def test_three_pull_requests_that_cannot_be_merged_do_not_starve_the_others() -> None:
    shop = Workshop.new()
    for name in ("a-model", "b-model", "c-model", "d-model"):
        shop.publish(model=name)
    shop.reconcile()
    for number in shop.forge.pulls:
        shop.approve("grace", "katherine", number=number)
    real = shop.forge.merge_pull

    def refuse(number: int, **words: str) -> str | None:
        if number < 4:
            raise WorldFailed("a required check is missing", hint="add it", code="github-not-mergeable")
        return real(number, **words)

    shop.forge.merge_pull = refuse  # type: ignore[assignment,method-assign]
    found = shop.reconcile()
    assert len(found.failures) == 3
    assert shop.slot(model="d-model").current is not None


def test_a_forge_that_is_down_is_not_asked_about_every_pull_request() -> None:
    shop = Workshop.new()
    for number in range(reconcile.FAILING + 3):
        shop.publish(model=f"model-{number}")

    def down(branch: str, **_: str) -> Pull:
        raise WorldFailed(f"no answer about {branch}", hint="wait", code="github-unreachable")

    shop.forge.open_pull = down  # type: ignore[assignment,method-assign]
    assert len(shop.reconcile().failures) == reconcile.FAILING


def test_a_pull_request_that_is_told_in_part_is_left_alone_and_stops_no_other() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.edit(1, partial="it has 5000 commits or files")
    shop.publish(model="other-model")
    found = shop.reconcile()
    assert found.left is not None
    steps = {one.model: (one.step, one.reason) for one in found.left.requests}
    assert steps[MODEL][0] is Step.LEAVE
    assert "5000 commits" in steps[MODEL][1]
    assert steps["other-model"][0] is Step.WAIT
    assert looks(replace(shop, releases=shop.releases[:1])) == []


def test_a_file_in_the_place_of_a_seal_is_not_overwritten() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    path = layout.seal("prod", MODEL, promotion(shop))
    shop.push({path: b"{}"})
    assert "sealed" not in verbs(shop)
    assert ["is there already" in one for one in unsealed(shop)] == [True]
    assert "append-only" not in shop.problems()
    shop.push({path: None})
    assert "sealed" in verbs(shop)
    assert not shop.slot().unsealed


@pytest.mark.parametrize("path", [PROJECT, "CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS"])
def test_who_is_asked_does_not_change_together_with_a_promotion(path: str) -> None:
    shop = proposed()
    shop.forge.work(BRANCH, {path: b"* @ada-example\n"}, by="ada-example")
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="grace-example", style="squash")
    assert ["which says who is asked" in one for one in unsealed(shop)] == [True]


def test_a_pull_request_into_another_branch_seals_nothing_here() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="grace-example", style="merge")
    shop.forge.edit(1, base="elsewhere")
    assert ["the merge of no pull request" in one for one in unsealed(shop)] == [True]


def test_an_old_pull_request_merged_after_a_to_c_to_a_stops_the_slot_until_it_is_reverted() -> None:
    """Nothing conflicts: what the old one changes is again as it was."""
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.reconcile()
    shop.publish()
    shop.reconcile()
    old = shop.remote.refs[BRANCH]
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.reconcile()
    shop.rollback()
    sound = shop.remote.tip
    shop.remote.refs[BRANCH] = old
    again = shop.forge.opened(BRANCH, title="x", body="y", by="ada-example")
    shop.approve("grace", "katherine", number=again.number)
    landed = shop.forge.merge(again.number, by="ada-example", style="merge")
    with pytest.raises(Refused, match="do not form one chain") as refused:
        shop.slot()
    assert "revert the commit" in refused.value.hint
    found = verify(shop.remote, shop.remote.trees[shop.remote.tip]).problems
    assert ("receipt-chain", landed) in {(one.id, one.commit) for one in found}
    assert landed is not None
    files = shop.remote.trees[sound].files
    shop.push({path: files.get(path) for path in shop.remote.paths(sound, landed)})
    assert shop.slot().current == shop.releases[0].id
    assert shop.reconcile().failures == ()


WAVES = {"settle": "PT15M", "targets": [{"name": "eu"}, {"name": "us", "wave": 2}]}


def in_waves(**prod: object) -> Workshop:
    """The first wave is merged rightly, days after it was proposed."""
    shop = Workshop.new(environments(rollout=WAVES, **prod))
    shop.publish()
    shop.reconcile()
    shop.time += timedelta(days=3)
    shop.forge.time = shop.time
    shop.approve("grace", "katherine")
    return shop


def test_a_wave_settles_from_its_merge_and_not_from_its_proposal() -> None:
    shop = in_waves()
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()
    place = {one.name: one.release for one in shop.slot().targets}
    assert place == {"eu": shop.releases[0].id, "us": None}
    left = shop.reconcile().left
    assert left is not None
    waits = [reason.reason for one in left.moves if one.decision is not None for reason in one.decision.blocking]
    assert any("eu settles in" in one for one in waits)
    assert verbs(shop) == [], "nothing moves before the first target has settled"
    shop.time += timedelta(minutes=20)
    shop.forge.time = shop.time
    assert verbs(shop) == ["promoted"], "people were asked once for the rollout"
    assert (shop.slot().current, shop.problems()) == (shop.releases[0].id, set())


def test_a_wave_that_was_proposed_and_is_not_due_when_it_is_merged_has_no_seal() -> None:
    shop = in_waves()
    policy = environments(rollout={**WAVES, "targets": [{"name": "us"}, {"name": "eu", "wave": 2}]})["prod"]
    shop.push({layout.environment("prod"): render(policy)})
    shop.forge.merge(1, by="ada-example", style="squash")
    assert ["another state of the environment" in one for one in unsealed(shop)] == [True]


def test_evidence_from_before_the_merge_demands_no_rollback_and_later_evidence_is_in_time() -> None:
    automatic = {"automatic": {"evidence": ["monitoring"], "within": "P1D"}}
    shop = Workshop.new(environments(rollback=automatic))
    shop.publish()
    shop.reconcile()
    first = shop.releases[0]
    shop.approve("grace", "katherine")
    shop.reconcile()
    second = shop.publish()
    shop.reconcile()
    shop.time += timedelta(hours=1)
    shop.push(estate.evidence(estate.claim("monitoring", second, verdict=Verdict.FAIL, issued_at=shop.time)))
    shop.time += timedelta(days=2)
    shop.forge.time = shop.time
    shop.approve("grace", "katherine")
    shop.reconcile()
    assert shop.slot().current == second.id, "what it did elsewhere says nothing of this place"
    shop.time += timedelta(hours=1)
    shop.push(
        estate.evidence(
            estate.claim("monitoring", second, verdict=Verdict.FAIL, issued_at=shop.time, summary="and here")
        )
    )
    shop.reconcile()
    assert shop.slot().current == first.id
    assert shop.problems() == set()
