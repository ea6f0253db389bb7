"""What ``reconcile`` does in the usual and the unusual cases, step by step, with a forge in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

import estate
from estate import MODEL, NOW
from merging_forges import Style
from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, controls, layout, plan, proposals, receipts, reconcile, seals, status
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.pull_steps import Step
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.store import Files
from mlops_gitops.reporting import promotion as wording
from workshops import LOGINS, Workshop, environments, no_forge

BRANCH = layout.promotion_branch("prod", MODEL)
POINTER = layout.pointer("prod", MODEL)


def verbs(shop: Workshop) -> list[str]:
    return [one.verb for one in shop.reconcile().did]


def proposed() -> Workshop:
    """A release that waits for two people."""
    shop = Workshop.new()
    shop.publish()
    assert verbs(shop) == ["promoted", "promoted", "opened"]
    return shop


def running() -> Workshop:
    """A release in production, rightly."""
    shop = proposed()
    shop.approve("grace", "katherine")
    assert verbs(shop)[-2:] == ["sealed", "deleted"]
    return shop


def steps(shop: Workshop) -> list[tuple[Step, str]]:
    left = shop.reconcile().left
    assert left is not None
    return [(one.step, one.reason) for one in left.requests]


def test_a_release_goes_all_the_way_by_a_pull_request_that_two_people_approve() -> None:
    shop = proposed()
    assert shop.slot().current is None
    assert verbs(shop) == []
    shop.approve("grace")
    assert verbs(shop) == ["recorded", "updated"]
    assert verbs(shop) == []
    shop.approve("katherine")
    assert verbs(shop) == ["recorded", "merged", "sealed", "deleted"]
    assert (shop.slot().current, shop.slot().unsealed) == (shop.releases[0].id, False)
    assert (verbs(shop), shop.remote.refs) == ([], {})
    assert shop.problems() == set()


def test_the_branch_holds_one_commit_with_pointer_overlay_and_a_receipt_that_waits() -> None:
    shop = proposed()
    _, (branch,) = shop.remote.survey("promote/")
    found = proposals.read(branch)
    assert isinstance(found, proposals.Proposal)
    assert found.receipt.mode == "pull-request"
    assert {path.rpartition("/")[0] for path in branch.paths} == {
        layout.slot("prod", MODEL),
        layout.receipts("prod", MODEL),
    }
    assert {one.answer.value for one in found.receipt.judgements} == {"pass", "pending"}


def test_what_does_not_concern_a_proposal_keeps_its_head_and_its_approvals() -> None:
    shop = proposed()
    head = shop.open().number, shop.remote.refs[BRANCH]
    shop.approve("grace")
    shop.push({"README.md": b"another base\n"})
    shop.time += timedelta(days=3)
    verbs(shop)
    assert (shop.open().number, shop.remote.refs[BRANCH]) == head
    shop.approve("katherine")
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def test_a_later_release_supersedes_in_the_same_pull_request_and_old_approvals_are_gone() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.time += timedelta(seconds=1)
    second = shop.publish()
    did = verbs(shop)
    assert did.count("updated") >= 1
    assert "merged" not in did
    assert shop.open().number == 1
    assert second.version in shop.open().title
    assert shop.slot().current is None
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert shop.slot().current == second.id
    assert shop.problems() == set()


def test_a_veto_closes_the_pull_request_with_the_reason_and_its_end_opens_another() -> None:
    shop = proposed()
    release = shop.releases[0].id

    def veto(slot: Slot) -> Files:
        until = shop.time + timedelta(days=1)
        said = controls.new(
            "veto", slot, release=release, by="grace", reason="bad months", since=shop.time, until=until
        )
        return controls.adding(slot, said)

    shop.control(veto)
    assert verbs(shop) == ["closed"]
    assert "bad months" in shop.forge.said[0].replace("&#32;", " ")
    assert shop.remote.refs == {}
    assert verbs(shop) == []
    shop.time += timedelta(days=2)
    assert verbs(shop) == ["opened"]
    assert shop.open().number == 2


def test_requested_changes_refuse_and_close_it() -> None:
    shop = proposed()
    shop.forge.review(1, LOGINS["katherine"], "changes-requested")
    assert verbs(shop) == ["recorded", "closed"]
    assert steps(shop) == [(Step.REFUSE, steps(shop)[0][1])]


def test_a_freeze_that_begins_between_plan_and_merge_is_obeyed() -> None:
    freezes = [{"from": "2026-11-21T13:00:00Z", "until": "2026-11-22T13:00:00Z", "reason": "Holidays"}]
    shop = Workshop.new(environments(freezes=freezes))
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")

    def pass_time(step: str) -> None:
        if step == "after push":  # the reviews were recorded, and now it is judged again
            shop.time = NOW + timedelta(minutes=59, seconds=57)
        if step == "after open_pulls" and shop.time > NOW + timedelta(minutes=59):
            shop.time = NOW + timedelta(hours=1)

    shop.remote.step = pass_time
    assert "merged" not in verbs(shop)
    shop.remote.step = lambda _: None
    shop.time = shop.forge.time = NOW + timedelta(days=1, hours=2)
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def test_the_receipt_is_older_than_the_seal_by_which_the_release_counts() -> None:
    shop = proposed()
    shop.time += timedelta(days=5)
    shop.forge.time += timedelta(days=5)
    shop.approve("grace", "katherine")
    verbs(shop)
    (filed,) = shop.slot().receipts
    assert filed.since - filed.receipt.time >= timedelta(days=4)


@pytest.mark.parametrize("style", ["merge", "squash", "rebase"])
def test_a_merge_by_hand_is_sealed_if_the_reviews_before_it_were_enough(style: Style) -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="ada-example", style=style)
    assert shop.slot().unsealed
    assert verbs(shop) == ["recorded", "sealed", "deleted"]
    assert (shop.slot().unsealed, shop.problems()) == (False, set())
    assert shop.slot().receipts[-1].seal is not None


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=2), timedelta(hours=1)])
def test_an_approval_after_a_merge_by_hand_makes_it_no_better_and_a_rollback_does(late: timedelta) -> None:
    shop = running()
    shop.publish()
    shop.reconcile()
    shop.approve("grace")
    shop.forge.merge(2, by="ada-example", style="squash")
    shop.forge.time += late
    shop.time += late
    shop.approve("katherine", number=2)
    found = shop.reconcile()
    assert found.left is not None
    (unsealed,) = found.left.unsealed
    assert "did not allow it" in unsealed.reason
    assert shop.problems() == {"unsealed"}
    assert verbs(shop) == []
    shop.rollback()
    assert shop.slot().current == shop.releases[0].id
    assert shop.problems() == set()
    left = shop.reconcile().left
    assert left is not None
    assert left.unsealed == ()


def test_evidence_that_is_signed_after_a_merge_does_not_count_for_it() -> None:
    shop = running()
    release = shop.publish(tests=False)
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.forge.merge(2, by="ada-example", style="merge")
    shop.time += timedelta(hours=1)
    shop.push(estate.evidence(estate.claim("model-tests", release, issued_at=shop.time)))
    left = shop.reconcile().left
    assert left is not None
    assert ["did not allow it" in one.reason for one in left.unsealed] == [True]


def test_a_rejection_that_is_signed_after_a_merge_does_not_make_it_wrong() -> None:
    shop = proposed()
    for who in ("grace", "katherine"):
        shop.sign(who, Verdict.PASS)
    shop.reconcile(key=None, dry=True)
    shop.forge.time = shop.time
    shop.forge.merge(1, by="ada-example", style="merge")
    shop.time += timedelta(hours=1)
    shop.sign("katherine", Verdict.FAIL)
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def test_a_merge_moments_before_our_clock_is_no_soak_that_is_missing() -> None:
    shop = Workshop.new()
    shop.publish()
    shop.time += timedelta(minutes=1)
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="ada-example", style="merge")
    merged = shop.forge.pulls[1].merged
    assert merged is not None
    assert merged.at < shop.slot("staging").receipts[-1].since
    assert "sealed" in verbs(shop)


def test_nothing_goes_on_or_over_what_has_no_seal() -> None:
    policies = environments()
    policies["after"] = estate.environment("after", promotion="automatic", after=["prod"])
    shop = Workshop.new(policies)
    shop.publish()
    shop.reconcile()
    shop.approve("grace", "katherine")
    shop.reconcile()
    assert shop.slot("after").current == shop.releases[0].id
    second = shop.publish()
    shop.reconcile()
    shop.forge.merge(2, by="ada-example", style="merge")
    shop.publish()
    left = shop.reconcile().left
    assert left is not None
    (waiting,) = [one for one in left.moves if one.wish.environment == "after"]
    assert waiting.decision is not None
    assert (waiting.decision.release, waiting.decision.outcome) == (second.id, Outcome.PENDING)
    assert shop.slot("after").current == shop.releases[0].id
    assert any("has to be sealed or rolled back" in one.reason for one in left.requests)


def test_what_came_first_without_a_seal_is_let_in_by_another_pull_request() -> None:
    """There is nothing to roll back to."""
    shop = proposed()
    shop.forge.merge(1, by="ada-example", style="merge")
    assert verbs(shop) == ["opened"]
    assert shop.problems() == {"unsealed"}
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert (shop.slot().unsealed, len(shop.slot().receipts)) == (False, 2)
    assert shop.problems() == set()
    assert verbs(shop) == []


def test_a_branch_into_which_somebody_put_work_is_left_alone_and_never_merged() -> None:
    shop = proposed()
    work = shop.forge.work(BRANCH, {"docs/note.md": b"mine\n"}, by="ada-example")
    shop.approve("grace", "katherine")
    assert verbs(shop) == []
    ((step, reason),) = steps(shop)
    assert step is Step.LEAVE
    assert "other commits than the one that we write" in reason
    shop.publish()
    verbs(shop)
    assert shop.remote.refs[BRANCH] == work


@pytest.mark.parametrize(
    "files",
    [
        {POINTER: b"release: other\n"},
        {"trust/signers.yaml": b"mine: all\n"},
        {layout.environment("prod"): render(estate.environment("prod"))},
    ],
)
def test_one_commit_with_other_bytes_is_not_ours(files: Files) -> None:
    shop = proposed()
    head = shop.remote.refs[BRANCH]
    parent = shop.remote.parents[head][0]
    assert parent
    ours = {path: shop.remote.trees[head].files[path] for path in shop.remote.paths(parent, head)}
    bent = shop.remote.commit_quietly(parent, {**ours, **files}, shop.now())
    shop.remote.refs[BRANCH] = bent
    shop.approve("grace", "katherine")
    assert verbs(shop) == []
    assert steps(shop)[0][0] is Step.LEAVE


def test_a_branch_that_somebody_without_our_key_wrote_is_not_ours() -> None:
    shop = proposed()
    _, (branch,) = shop.remote.survey("promote/")
    found = proposals.read(branch)
    assert isinstance(found, proposals.Proposal)
    forged = envelope.seal(receipts.statement(found.receipt), estate.signer("mallory"))
    parent = shop.remote.parents[branch.tree.commit][0]
    assert parent
    ours = {path: shop.remote.trees[branch.tree.commit].files[path] for path in branch.paths}
    shop.remote.refs[BRANCH] = shop.remote.commit_quietly(parent, {**ours, found.receipt.path: forged}, shop.now())
    shop.approve("grace", "katherine")
    assert verbs(shop) == []
    assert "nobody who may promote" in steps(shop)[0][1]


@pytest.mark.parametrize("path", ["trust/signers.yaml", layout.environment("prod"), layout.controls("dev", MODEL)])
def test_what_rides_along_with_a_promotion_leaves_it_without_a_seal(path: str) -> None:
    """Whoever approved it: the decision would have been made by other rules than it brings."""
    shop = running()
    shop.publish()
    shop.reconcile()
    old = shop.remote.trees[shop.remote.tip].files.get(path, b"")
    shop.forge.work(BRANCH, {path: old + b"# a comment\n"}, by="ada-example")
    shop.approve("grace", "katherine")
    shop.forge.merge(2, by="grace-example", style="squash")
    found = shop.reconcile().left
    assert found is not None
    assert ["changes other files" in one.reason for one in found.unsealed] == [True]


def test_a_draft_waits_and_is_not_touched() -> None:
    shop = proposed()
    shop.forge.edit(1, draft=True)
    shop.approve("grace", "katherine")
    assert verbs(shop) == []
    assert steps(shop) == [(Step.WAIT, "the pull request is a draft")]


def test_words_that_a_person_wrote_over_ours_are_replaced_once() -> None:
    shop = proposed()
    body = shop.open().body
    shop.forge.edit(1, title="urgent!!", body="please merge")
    assert verbs(shop) == ["updated"]
    assert shop.open().body == body
    shop.forge.edit(1, body=body.replace("\n", "\r\n"))
    assert verbs(shop) == [], "a forge may change the ends of lines"


def test_a_pull_request_that_a_person_closes_is_opened_again_as_long_as_the_policy_wants_it() -> None:
    shop = proposed()
    shop.forge.close(1)
    assert verbs(shop) == ["opened"]


def test_in_a_manual_environment_somebody_asks_and_then_it_goes_on_by_itself() -> None:
    shop = Workshop.new(environments(promotion="manual"))
    shop.publish()
    assert verbs(shop) == ["promoted", "promoted"]
    asked = shop.reconcile(wishes=(Wish(MODEL, "prod"),))
    assert [one.verb for one in asked.did] == ["opened"]
    assert verbs(shop) == []
    shop.publish()
    assert verbs(shop) == ["promoted", "promoted", "updated"]
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert shop.slot().current == shop.releases[1].id


def test_an_environment_that_no_longer_wants_pull_requests_closes_what_is_open() -> None:
    shop = proposed()
    shop.push({layout.environment("prod"): render(environments(mode="direct")["prod"])})
    assert verbs(shop) == ["closed"]


def test_a_policy_that_changes_moves_the_head_so_that_people_look_again() -> None:
    shop = proposed()
    shop.approve("grace")
    verbs(shop)
    head = shop.remote.refs[BRANCH]
    policies = environments(gates=[{"approvals": {"quorum": 1, "maxAge": "P7D"}}])
    shop.push({layout.environment("prod"): render(policies["prod"])})
    assert "merged" not in verbs(shop)
    assert shop.remote.refs[BRANCH] != head


def test_a_dry_run_writes_nothing_and_says_what_it_would_do() -> None:
    shop = Workshop.new()
    shop.publish()
    found = shop.reconcile(key=None, dry=True)
    assert (found.did, shop.remote.writes) == ((), [])
    assert found.left is not None
    assert found.left.commits


def test_without_a_forge_git_does_what_it_can_and_the_rest_is_told() -> None:
    shop = Workshop.new()
    shop.publish()
    found = reconcile.reconcile(
        shop.reader(forge=no_forge), signer=estate.signer("ci"), now=shop.now, sleep=lambda _: None
    )
    assert [one.verb for one in found.did] == ["promoted", "promoted"]
    assert [failure.code for _, failure in found.failures] == ["no-forge"]


def test_a_forge_is_not_asked_where_nobody_wants_pull_requests() -> None:
    shop = Workshop.new(environments(mode="direct"))
    shop.publish()
    found = reconcile.reconcile(
        shop.reader(forge=no_forge), signer=estate.signer("ci"), now=shop.now, sleep=lambda _: None
    )
    assert found.failures == ()


def test_one_pull_request_that_the_forge_refuses_does_not_stop_the_others() -> None:
    shop = Workshop.new()
    shop.publish()
    shop.publish(model="other-model")
    real = shop.forge.open_pull

    def refuse(branch: str, **words: str) -> object:
        if branch == BRANCH:
            raise WorldFailed("422", hint="see the rules of the branch", code="github")
        return real(branch, **words)

    shop.forge.open_pull = refuse  # type: ignore[assignment,method-assign]
    found = shop.reconcile()
    assert [(place, failure.code) for place, failure in found.failures] == [(("prod", MODEL), "github")]
    assert shop.open().branch == layout.promotion_branch("prod", "other-model")


def test_a_hundred_moves_are_one_commit() -> None:
    shop = Workshop.new({"dev": environments()["dev"]})
    for number in range(100):
        shop.publish(model=f"model-{number}")
    assert [one.verb for one in shop.reconcile().did] == ["promoted"] * 100
    assert shop.remote.writes == ["push"]


def test_one_round_reads_once() -> None:
    shop = proposed()
    asked: list[str] = []
    shop.remote.step = lambda step: asked.append(step) if step.startswith("before") else None
    shop.reconcile()
    assert asked == ["before survey", "before open_pulls"]


def test_a_key_that_may_not_record_reviews_is_told() -> None:
    shop = proposed()
    shop.push({layout.TRUST: render(estate.trust())})
    shop.approve("grace")
    left = shop.reconcile().left
    assert left is not None
    assert ["may not sign review" in failure.message for _, failure in left.failures] == [True]


def test_a_direct_push_into_an_environment_of_pull_requests_is_found() -> None:
    shop = proposed()
    shop.approve("grace", "katherine")
    shop.push({layout.environment("prod"): render(environments(gates="none")["prod"])})
    snapshot = shop.snapshot()
    case = plan.situation(snapshot, model=MODEL, environment="prod", release=shop.releases[0].id)
    receipt = apply.move(plan.decide(case, now=shop.time), tree=snapshot.tree, now=shop.time, reason="")
    shop.push(apply.files(receipt, snapshot, estate.signer("ci")))
    assert shop.problems() == {"receipt-mode"}


def sealed() -> tuple[Workshop, seals.Seal]:
    shop = running()
    seal = shop.slot().receipts[-1].seal
    assert seal is not None
    return shop, seal


def forged(shop: Workshop, seal: seals.Seal, *, by: str = "ci") -> set[str]:
    """What verify says where this seal came instead of the right one."""
    line = shop.remote.line()
    before = next(one for one in reversed(line) if seal.path not in shop.remote.trees[one].files)
    files = shop.remote.trees[shop.remote.tip].files
    evidence = {path: data for path, data in files.items() if path not in shop.remote.trees[before].files}
    shop.remote.tip = before
    shop.push({**evidence, seal.path: envelope.seal(seals.statement(seal), estate.signer(by))})
    return shop.problems()


def test_a_seal_as_it_was_made_holds() -> None:
    assert forged(*sealed()) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "1" * 40},
        {"base": "1" * 40},
        {"judgements": ()},
        {"time": NOW - timedelta(days=1)},
        {"time": NOW + timedelta(days=30)},
        {"receipt": "1" * 64},
    ],
)
def test_a_seal_that_says_otherwise_is_found(changes: dict[str, object]) -> None:
    shop, seal = sealed()
    assert "seal" in forged(shop, replace(seal, **changes))  # type: ignore[arg-type]


def test_a_seal_for_another_head_is_found() -> None:
    shop, seal = sealed()
    assert forged(shop, replace(seal, pull=replace(seal.pull, head="2" * 40))) == {"seal"}


def test_a_seal_that_an_unknown_key_made_is_found_and_seals_nothing() -> None:
    shop, seal = sealed()
    assert forged(shop, seal, by="mallory") == {"seal", "unsealed"}
    assert shop.slot().unsealed


def test_a_seal_of_a_direct_receipt_is_found() -> None:
    shop, seal = sealed()
    direct = shop.slot("staging").receipts[-1]
    other = replace(
        seal, environment="staging", promotion=direct.receipt.id, receipt=direct.digest, release=direct.receipt.release
    )
    shop.push({other.path: envelope.seal(seals.statement(other), estate.signer("ci"))})
    assert shop.problems() == {"seal"}


def test_a_seal_that_is_taken_away_is_found() -> None:
    shop, seal = sealed()
    shop.push({seal.path: None})
    assert {"append-only", "unsealed"} <= shop.problems()
    with pytest.raises(Failure):
        seals.parse(b"{}", path=seal.path)


def test_the_agenda_says_the_same_twice() -> None:
    shop = proposed()
    shop.approve("grace")
    first, second = (shop.reconcile(key=None, dry=True).left for _ in range(2))
    assert first is not None
    assert second is not None
    assert replace(first, at=NOW) == replace(second, at=NOW)


def test_status_shows_what_has_no_seal_until_it_has_gone_back() -> None:
    shop = running()
    shop.publish()
    shop.reconcile()
    shop.forge.merge(2, by="ada-example", style="merge")
    shop.reconcile()
    rows = status.running(shop.snapshot(), now=shop.time)
    assert [(one.environment, one.unsealed) for one in rows] == [("dev", False), ("staging", False), ("prod", True)]
    assert "flight-delays in prod: what moved last came by a pull request and has no seal" in wording.status_text(rows)
    told = json.loads(wording.status_json("c" * 40, rows))["slots"]
    assert [one["unsealed"] for one in told] == [False, False, True]
    shop.rollback()
    assert not any(one.unsealed for one in status.running(shop.snapshot(), now=shop.time))
