"""Waves by pull request: people are asked once, the rest goes on under what they said, and all of it verifies."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta

import pytest

import estate
import regions
from estate import MODEL
from merging_forges import Style
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, controls, layout, plan, proposals, pulls, receipts
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.pull_steps import Step
from mlops_gitops.promotion.pulls import Question
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.store import Files
from mlops_gitops.reporting import pull_request
from workshops import Workshop, environments

BRANCH = layout.promotion_branch("prod", MODEL)


def workshop(**prod: object) -> Workshop:
    shop = Workshop.new(environments(**{"rollout": regions.rollout(), **prod}))
    shop.publish()
    return shop


def verbs(shop: Workshop) -> list[str]:
    return [one.verb for one in shop.reconcile().did]


def running(shop: Workshop) -> dict[str, str | None]:
    """Target → version of what it runs; the environment's own under an empty name."""
    versions = {one.id: one.version for one in shop.releases}
    slot = shop.slot()
    own = {"": versions.get(slot.current or "")}
    return own | {one.name: versions.get(one.release or "") for one in slot.targets}


def first_wave(**prod: object) -> Workshop:
    shop = workshop(**prod)
    assert verbs(shop)[-1] == "opened"
    shop.approve("grace", "katherine")
    assert verbs(shop) == ["recorded", "merged", "sealed", "deleted"]
    assert running(shop) == {"": None, "eu-west": "1.0.0", "us-east": None, "us-west": None, "asia": None}
    return shop


def everywhere(shop: Workshop) -> list[str]:
    """Reconcile as time passes, until nothing moves any more; what it did."""
    did: list[str] = []
    for _ in range(12):
        did += verbs(shop)
        shop.wait(minutes=16)
    return did


def hold(shop: Workshop, release: str) -> None:
    def files(slot: Slot) -> Files:
        said = controls.new("hold", slot, release=release, by="grace", reason="wait", since=shop.time, until=None)
        return controls.adding(slot, said)

    shop.control(files)


def test_people_are_asked_once_and_the_waves_after_it_go_on_as_targets_settle() -> None:
    shop = first_wave()
    assert verbs(shop) == [], "nothing before it has settled"
    assert everywhere(shop) == ["promoted", "promoted", "promoted"]
    assert set(running(shop).values()) == {"1.0.0"}
    assert [one.receipt.mode for one in shop.slot().receipts] == ["pull-request", "direct", "direct", "direct"]
    assert (list(shop.forge.pulls), shop.remote.refs, shop.problems()) == ([1], {}, set())


def test_a_target_settles_since_the_merge_and_not_since_the_receipt_was_written() -> None:
    shop = workshop()
    verbs(shop)
    shop.wait(days=1)
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert verbs(shop) == []
    shop.wait(minutes=10)
    assert verbs(shop) == []
    shop.wait(minutes=6)
    assert verbs(shop) == ["promoted"]
    assert shop.problems() == set()


def test_a_rollout_in_a_manual_environment_goes_on_without_being_asked_again() -> None:
    shop = workshop(promotion="manual")
    shop.reconcile(wishes=(Wish(MODEL, "prod"),))
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert everywhere(shop).count("promoted") == 3
    assert (list(shop.forge.pulls), shop.problems()) == ([1], set())


@pytest.mark.parametrize("style", ["merge", "squash", "rebase"])
def test_a_first_wave_that_a_person_merges_is_sealed_and_goes_on(style: Style) -> None:
    shop = workshop()
    verbs(shop)
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="ada-example", style=style)
    assert verbs(shop) == ["recorded", "sealed", "deleted"]
    assert everywhere(shop).count("promoted") == 3
    assert shop.problems() == set()


def test_approvals_that_expire_in_the_middle_are_asked_for_again_by_a_pull_request() -> None:
    shop = first_wave()
    shop.wait(days=8)
    assert verbs(shop) == ["opened"]
    assert shop.open().number == 2
    assert verbs(shop) == []
    shop.approve("grace", "katherine")
    assert verbs(shop) == ["recorded", "merged", "sealed", "deleted"]
    assert running(shop)["us-east"] == "1.0.0"
    assert everywhere(shop) == ["promoted", "promoted"]
    modes = [one.receipt.mode for one in shop.slot().receipts]
    assert modes == ["pull-request", "pull-request", "direct", "direct"]
    assert shop.problems() == set()


def test_a_policy_that_changes_in_the_middle_asks_once_again() -> None:
    shop = first_wave()
    policy = environments(rollout=regions.rollout(), mlflow=None)["prod"]
    policy["spec"].pop("mlflow")  # type: ignore[attr-defined]
    policy["spec"]["soak"] = "PT1S"  # type: ignore[index]
    shop.push({layout.environment("prod"): render(policy)})
    shop.wait(minutes=16)
    assert verbs(shop) == ["opened"]
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert everywhere(shop) == ["promoted", "promoted"]
    assert shop.problems() == set()


def test_a_rejection_by_key_stops_it_between_two_waves() -> None:
    shop = first_wave()
    shop.wait(minutes=16)
    shop.sign("katherine", Verdict.FAIL)
    found = shop.reconcile()
    assert found.did == ()
    assert [one.step for one in found.left.requests] == [Step.REFUSE]  # type: ignore[union-attr]
    assert running(shop)["us-east"] is None


def test_a_later_release_waits_until_the_rollout_that_people_let_in_is_done() -> None:
    shop = first_wave()
    shop.publish()
    shop.wait(minutes=16)
    did = everywhere(shop)
    assert did.count("opened") == 1
    assert did.index("opened") > max(place for place, verb in enumerate(did) if verb == "promoted")
    assert set(running(shop).values()) == {"1.0.0"}
    assert "1.1.0" in shop.open().title
    shop.approve("grace", "katherine")
    everywhere(shop)
    assert set(running(shop).values()) == {"1.1.0"}
    assert shop.problems() == set()


def test_a_later_release_is_proposed_at_once_where_the_rollout_is_refused_or_somebody_asks() -> None:
    held, asked = first_wave(), first_wave()
    for shop in (held, asked):
        shop.publish()
        shop.wait(minutes=16)
    hold(held, held.releases[0].id)
    assert "opened" in verbs(held)
    asked.reconcile()
    asked.wait(minutes=16)
    asked.reconcile(wishes=(Wish(MODEL, "prod", asked.releases[1].id),))
    for shop in (held, asked):
        assert "1.1.0" in shop.open().title
        before = len(shop.slot().receipts)
        shop.wait(minutes=40)
        assert verbs(shop) == [], "a rollout that is being replaced stands still"
        assert len(shop.slot().receipts) == before
        shop.approve("grace", "katherine")
        everywhere(shop)
        assert set(running(shop).values()) == {"1.1.0"}
        assert shop.problems() == set()


def test_a_wave_that_was_merged_unlawfully_stops_the_rollout_and_is_rolled_back() -> None:
    policies = environments(rollout=regions.rollout())
    policies["after"] = estate.environment("after", promotion="automatic", after=["prod"])
    shop = Workshop.new(policies)
    shop.publish()
    verbs(shop)
    shop.approve("grace", "katherine")
    everywhere(shop)
    shop.publish()
    verbs(shop)
    shop.forge.merge(2, by="ada-example", style="squash")
    shop.wait(minutes=16)
    found = shop.reconcile()
    assert [one.verb for one in found.did] == []
    assert len(found.left.unsealed) == 1  # type: ignore[union-attr]
    assert shop.problems() == {"unsealed"}
    assert (shop.slot().in_flight, shop.slot().current) == (shop.releases[1].id, shop.releases[0].id)
    case = plan.situation(shop.snapshot(), model=MODEL, environment="after", release=shop.releases[0].id)
    assert plan.decide(case, now=shop.time).outcome is Outcome.NOTHING, "what runs in prod as a whole is lawful"
    shop.rollback()
    assert set(running(shop).values()) == {"1.0.0"}
    assert shop.problems() == set()


def test_what_runs_as_a_whole_may_go_downstream_while_a_wave_of_another_has_no_seal() -> None:
    policies = environments(rollout=regions.rollout())
    policies["after"] = estate.environment("after", after=["prod"])
    shop = Workshop.new(policies)
    shop.publish()
    verbs(shop)
    shop.approve("grace", "katherine")
    everywhere(shop)
    shop.publish()
    verbs(shop)
    shop.forge.merge(2, by="ada-example", style="merge")
    assert shop.slot().unsealed
    case = plan.situation(shop.snapshot(), model=MODEL, environment="after", release=shop.releases[0].id)
    assert plan.decide(case, now=shop.time).outcome is Outcome.MOVE


def test_an_unlawful_first_wave_of_the_first_release_is_asked_for_anew_from_wave_one() -> None:
    shop = workshop()
    verbs(shop)
    shop.forge.merge(1, by="ada-example", style="merge")
    shop.wait(minutes=16)
    assert verbs(shop)[-1] == "opened"
    found = shop.remote.survey("promote/")[1][0]
    names = [path for path in found.paths if path.startswith("receipts/")]
    receipt = receipts.parse(found.tree.read(names[0]) or b"", path=names[0]).receipt
    assert receipt.targets == ("eu-west",)
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert everywhere(shop).count("promoted") == 3
    assert set(running(shop).values()) == {"1.0.0"}
    assert shop.problems() == set()


def test_a_draft_of_other_targets_is_never_sealed() -> None:
    """Somebody with the key writes a branch that moves a wave that is not due, and people approve and merge it."""
    shop = workshop()
    verbs(shop)
    case = plan.situation(shop.snapshot(), model=MODEL, environment="prod", release=shop.releases[0].id)
    decision = replace(plan.decide(case, now=shop.time), targets=("asia",))
    tree = shop.remote.trees[shop.remote.tip]
    receipt = apply.move(decision, tree=tree, now=shop.time, reason="", mode="pull-request")
    files = apply.files(receipt, shop.snapshot(), estate.signer("ci"))
    shop.remote.refs[BRANCH] = shop.remote.commit_quietly(tree.commit, files, shop.now())
    shop.approve("grace", "katherine")
    shop.forge.merge(1, by="ada-example", style="merge")
    found = shop.reconcile()
    (unsealed,) = found.left.unsealed  # type: ignore[union-attr]
    assert "another one" in unsealed.reason


def test_a_later_wave_written_directly_without_enough_approvals_is_found() -> None:
    """Signed by a key that may promote, and what people said for the first wave counts no more."""
    shop = first_wave()
    shop.wait(days=8)  # the approvals have expired
    tree = shop.remote.trees[shop.remote.tip]
    case = plan.situation(shop.snapshot(), model=MODEL, environment="prod", release=shop.releases[0].id)
    decision = plan.decide(case, now=shop.time)
    assert (decision.outcome, decision.mode) == (Outcome.PENDING, "pull-request")
    receipt = apply.move(decision, tree=tree, now=shop.time, reason="")
    shop.push(
        {
            **apply.moved(receipt, shop.snapshot()),
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer("ci")),
        }
    )
    assert {"not-allowed", "receipt-mode"} <= shop.problems()


def test_a_wave_needs_the_pull_request_where_approvals_are_only_signed_and_none_was_merged() -> None:
    """Signatures are enough for the gate, and the policy still asks for a pull request at the first wave."""
    shop = workshop()
    assert verbs(shop)[-1] == "opened"
    for who in ("grace", "katherine"):
        shop.sign(who, Verdict.PASS)
    assert verbs(shop) == ["merged", "sealed", "deleted"]
    assert everywhere(shop).count("promoted") == 3
    assert shop.problems() == set()


def test_nothing_is_proposed_while_no_target_may_move_and_the_text_does_not_change_by_the_minute() -> None:
    shop = first_wave()
    everywhere(shop)
    shop.publish()
    verbs(shop)
    shop.approve("grace", "katherine")
    verbs(shop)
    shop.wait(minutes=16)
    assert verbs(shop) == ["promoted"]
    shop.publish()
    hold(shop, shop.releases[1].id)
    found = shop.reconcile()
    waits = [one for one in found.left.requests if one.step is Step.WAIT]  # type: ignore[union-attr]
    assert len(waits) == 1
    assert "settles in" in waits[0].reason
    assert "opened" not in [one.verb for one in found.did]
    shop.wait(minutes=5)
    assert verbs(shop) == []
    shop.wait(minutes=11)
    assert verbs(shop) == ["opened"]
    shop.wait(minutes=5)
    assert verbs(shop) == []


def test_the_text_says_which_targets_move_and_that_the_rest_follows() -> None:
    shop = workshop()
    verbs(shop)
    said = html.unescape(shop.open().body)
    assert "| Targets | <code>eu-west</code> |" in said
    assert "without another pull request" in said


def test_a_window_that_closes_between_judging_and_merging_is_obeyed_and_the_next_one_merges() -> None:
    windows = [
        {
            "name": "day",
            "start": "2026-11-21T09:00:00",
            "timeZone": "Europe/Berlin",
            "duration": "PT5H",
            "recurrence": "FREQ=DAILY",
        }
    ]
    shop = workshop(windows=windows)
    verbs(shop)
    shop.approve("grace", "katherine")

    def late(step: str) -> None:
        if step == "after open_pulls":
            shop.time += timedelta(hours=1)

    shop.remote.step = late
    assert "merged" not in verbs(shop)
    shop.remote.step = lambda _: None
    shop.wait(hours=20)
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def test_a_rollback_in_the_middle_closes_what_is_open_and_the_release_stays_out() -> None:
    shop = first_wave()
    everywhere(shop)
    shop.publish()
    verbs(shop)
    shop.approve("grace", "katherine")
    verbs(shop)
    shop.wait(days=8)
    assert verbs(shop) == ["opened"]
    shop.rollback()
    assert verbs(shop) == ["closed"]
    assert everywhere(shop) == []
    assert set(running(shop).values()) == {"1.0.0"}
    assert shop.problems() == set()
    with pytest.raises(Refused):
        shop.rollback()


def test_a_first_wave_merged_in_a_freeze_lets_nothing_go_on_although_two_people_approved_it() -> None:
    freezes = [{"from": "2026-11-21T12:00:00Z", "until": "2026-11-22T12:00:00Z", "reason": "Holidays"}]
    shop = workshop(freezes=freezes)
    verbs(shop)
    shop.approve("grace", "katherine")
    assert verbs(shop) == ["recorded", "updated"]
    shop.forge.merge(1, by="ada-example", style="merge")
    shop.wait(days=1, hours=1)
    assert verbs(shop) == ["opened"]
    assert verbs(shop) == []
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert everywhere(shop) == ["promoted"] * 3
    assert shop.problems() == set()


def test_a_target_that_settles_between_judging_and_merging_makes_another_step() -> None:
    targets = [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d", "wave": 2}]
    shop = workshop(rollout=regions.rollout(targets=targets, maxUnavailable=2))
    verbs(shop)
    shop.approve("grace", "katherine")
    verbs(shop)
    shop.wait(minutes=16)
    assert verbs(shop) == ["promoted"]
    hold(shop, shop.releases[0].id)
    shop.publish()
    verbs(shop)
    assert "a, c" in html.unescape(shop.open().body)
    shop.approve("grace", "katherine")
    recorded: list[str] = []

    def late(step: str) -> None:
        recorded.extend([step] if step == "after push" else [])
        if step == "after open_pulls" and len(recorded) == 1:
            recorded.append(step)
            shop.wait(minutes=15)

    shop.remote.step = late
    assert "merged" not in verbs(shop)
    shop.remote.step = lambda _: None
    assert "a, b" in html.unescape(shop.open().body)
    shop.approve("grace", "katherine")
    assert "sealed" in verbs(shop)
    assert shop.problems() == set()


def question(shop: Workshop, paths: tuple[str, ...] | None = None) -> Question:
    pull = shop.forge.pull(shop.open().number)
    assert pull is not None
    seen = replace(pull, paths=paths) if paths else pull
    return Question(seen, shop.forge, "https://forge.example.com", shop.remote.trees[shop.remote.tip], shop.time)


def test_the_gate_judges_a_wave_as_any_promotion() -> None:
    shop = workshop()
    verbs(shop)
    head = shop.remote.trees[shop.remote.refs[BRANCH]]
    (part,) = pulls.of_environments(question(shop), head=lambda: head)
    assert (part.answer, part.environment) == (Answer.PENDING, "prod")
    shop.approve("grace", "katherine")
    (part,) = pulls.of_environments(question(shop), head=lambda: head)
    assert (part.answer, part.approved) == (Answer.PASS, ("grace", "katherine"))


def test_the_gate_asks_anew_for_a_wave_that_comes_by_a_pull_request_of_its_own() -> None:
    shop = first_wave()
    shop.wait(days=8)
    verbs(shop)
    head = shop.remote.trees[shop.remote.refs[BRANCH]]
    shop.time -= timedelta(days=8)  # when the approvals of the first wave still counted
    (part,) = pulls.of_environments(question(shop), head=lambda: head)
    assert part.answer is Answer.PENDING
    assert part.claim is not None
    assert part.claim.review is not None
    found = proposals.read(shop.remote.survey("promote/")[1][0])
    assert isinstance(found, proposals.Proposal)
    assert part.claim.review.promotion == found.receipt.id, "a look at this one must not replace those at the first"


TARGET = layout.pointer("prod", MODEL, "asia")


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ((TARGET,), "0 receipts|no receipts"),
        ((TARGET, layout.environment("prod")), "together"),
        ((TARGET, "trust/signers.yaml"), "together"),
    ],
)
def test_the_gate_refuses_the_pointer_of_a_target_alone_or_with_the_rules(paths: tuple[str, ...], words: str) -> None:
    shop = workshop()
    verbs(shop)
    head = shop.remote.trees[shop.remote.refs[BRANCH]]
    with pytest.raises(Refused, match=words):
        pulls.of_environments(question(shop, paths), head=lambda: head)


def test_the_gate_refuses_a_wave_that_moves_another_target_than_its_receipt_names() -> None:
    shop = workshop()
    verbs(shop)
    head = shop.remote.trees[shop.remote.refs[BRANCH]]
    with pytest.raises(Refused, match="names other pointers"):
        pulls.of_environments(question(shop, (*question(shop).pull.paths, TARGET)), head=lambda: head)


def test_a_text_without_targets_says_nothing_of_waves() -> None:
    shop = Workshop.new()
    shop.publish()
    shop.reconcile()
    case = plan.situation(shop.snapshot(), model=MODEL, environment="prod", release=shop.releases[0].id)
    _, body = pull_request.describe(plan.decide(case, now=shop.time))
    assert "target" not in body.casefold()
