"""Every reason that stands in the way has a remedy: who or what can change it, by which command, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, layout, plan
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.remedies import Remedy, remedies
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from stores import MemoryStore

ABOUT = estate.release()
LATER = NOW + timedelta(days=2)
TEST_GATES = ("data-tests", "model-tests", "comparison")


def store_of(prod: dict[str, object] | None = None, *, upto: str = "staging", **verdicts: Verdict) -> MemoryStore:
    """A release with its evidence that runs in the environments up to one, by real promotions."""
    policies = estate.environments()
    policies["prod"] = estate.environment("prod", after=["staging"], **(prod or {"gates": "none"}))
    if "model_tests" in verdicts or "data_tests" in verdicts:
        policies["staging"] = estate.environment("staging", after=["dev"])
    store = MemoryStore.of(Estate.new(policies).with_release(ABOUT, **verdicts).files, NOW)
    for name in ("dev", "staging"):
        if name == "dev" or upto == "staging":
            apply.promote(store, lambda _, to=name: [Wish(MODEL, to)], signer=estate.signer("ci"), now=lambda: NOW)
    return store


def decided(store: MemoryStore, *, now: datetime = NOW) -> Decision:
    case = plan.situation(Snapshot(store.fetch()), model=MODEL, environment="prod", release=ABOUT.id)
    return plan.decide(case, now=now)


def found(store: MemoryStore, *, now: datetime = NOW) -> dict[str, Remedy]:
    return {one.gate: one for one in remedies(decided(store, now=now), now=now)}


def control(store: MemoryStore, *said: Control) -> None:
    files = {layout.controls("prod", MODEL): ControlFile("prod", MODEL, said).render()}
    settle(store, lambda _: Proposal(None, files, "Control\n"), now=lambda: NOW)


def a(kind: str, number: int, *, until: datetime | None = None, by: str = "grace") -> Control:
    return Control(id=f"{kind}-{number:012x}", type=kind, by=by, reason="no", since=NOW, until=until)


def test_what_may_move_needs_no_remedy() -> None:
    assert found(store_of()) == {}


@pytest.mark.parametrize("kind", ["hold", "veto", "freeze"])
def test_a_control_is_lifted_by_whoever_wrote_it_or_ends(kind: str) -> None:
    store = store_of()
    control(store, a(kind, 1), a(kind, 2, until=LATER, by="katherine"))
    told = remedies(decided(store), now=NOW)
    assert [one.who for one in told] == [("grace",), ("katherine",)]
    assert [one.when for one in told] == [None, LATER]
    assert told[1].commands == (f"mlops-gitops control lift {kind}-000000000002 {MODEL} --in prod",)
    assert "2026-11-23T12:00:00Z" in told[1].what
    assert found(store, now=LATER)[kind].who == ("grace",)


def test_a_control_that_has_ended_stands_in_nobodys_way() -> None:
    store = store_of()
    control(store, a("hold", 1, until=NOW + timedelta(hours=1), by="katherine"), a("hold", 2))
    assert [one.who for one in remedies(decided(store), now=NOW)] == [("katherine",), ("grace",)]
    later = NOW + timedelta(hours=1)
    assert [one.who for one in remedies(decided(store, now=later), now=later)] == [("grace",)]


def test_a_freeze_of_the_policy_ends_by_itself_or_its_owners_change_it() -> None:
    freeze = {"from": "2026-11-21T00:00:00Z", "until": "2026-11-23T12:00:00Z", "reason": "audit"}
    told = found(store_of({"gates": "none", "freezes": [freeze]}))["freeze"]
    assert (told.when, told.who, told.commands) == (LATER, ("Grace Example",), ())


def test_a_freeze_by_hand_and_one_by_policy_are_told_apart() -> None:
    freeze = {"from": "2026-11-21T00:00:00Z", "until": "2026-11-24T00:00:00Z", "reason": "audit"}
    store = store_of({"gates": "none", "freezes": [freeze]})
    control(store, a("freeze", 1, until=LATER))
    reasons = [one.reason for one in decided(store).blocking]
    told = remedies(decided(store), now=NOW)
    assert ["by grace" in one for one in reasons] == [True, False]
    assert [bool(one.commands) for one in told] == [True, False]


def test_what_does_not_run_upstream_is_promoted_there() -> None:
    told = found(store_of(upto="dev"))["after"]
    assert told.commands == (f"mlops-gitops promote {MODEL} --to staging",)
    assert (told.who, told.when) == ((), None)


def test_a_soak_is_over_at_a_time() -> None:
    store = store_of({"gates": "none", "soak": "P2D"})
    assert found(store)["soak"].when == LATER
    assert found(store, now=LATER - timedelta(seconds=1))["soak"].when == LATER
    assert found(store, now=LATER) == {}


def test_missing_evidence_is_made_by_a_command_and_signed_by_those_who_may() -> None:
    told = found(store_of({"gates": [{"evidence": "scan"}]}))["scan"]
    assert told.commands == (f"mlops-gitops release {MODEL} --renew",)
    assert told.who == ("ci",)


def test_evidence_that_nobody_may_sign_says_so() -> None:
    store = store_of({"gates": [{"evidence": "scan"}]})
    trusted = estate.trust()
    trusted["spec"]["signers"][0]["signs"][0]["kinds"].remove("scan")  # type: ignore[index]
    files = {layout.TRUST: render(trusted)}
    settle(store, lambda _: Proposal(None, files, "Trust\n"), now=lambda: NOW)
    told = found(store)["scan"]
    assert told.who == ()
    assert "add a signer" in told.what


def test_a_failure_is_mended_or_waived_by_those_who_may_and_are_not_the_author() -> None:
    told = found(store_of({"gates": [{"evidence": "model-tests"}]}, model_tests=Verdict.FAIL))["model-tests"]
    assert told.who == ("grace", "katherine"), "ada is the author"
    assert told.commands == (
        f"mlops-gitops control waive {MODEL} --in prod --release 1.0.0 --gate model-tests --reason REASON --until TIME",
    )


def test_what_was_inconclusive_is_not_just_said_again() -> None:
    told = found(store_of({"gates": [{"evidence": "data-tests"}]}, data_tests=Verdict.INCONCLUSIVE))["data-tests"]
    assert "tested on more rows" in told.what


def approve(store: MemoryStore, who: str, verdict: Verdict = Verdict.PASS) -> None:
    policy = Snapshot(store.fetch()).environment("prod")
    files = estate.evidence(estate.approval(ABOUT, policy, verdict=verdict), by=who)
    settle(store, lambda _: Proposal(None, files, "Say\n"), now=lambda: NOW)


def test_approvals_name_those_who_have_not_approved() -> None:
    store = store_of({"gates": [{"approvals": {"quorum": 2}}]})
    assert found(store)["approvals"].who == ("grace", "katherine")
    approve(store, "grace")
    assert found(store)["approvals"].who == ("katherine",)
    assert found(store)["approvals"].commands == (f"mlops-gitops approve {MODEL} --to prod",)


def test_a_rejection_is_for_the_one_who_rejected() -> None:
    store = store_of({"gates": [{"approvals": {"quorum": 1}}]})
    approve(store, "katherine", Verdict.FAIL)
    assert found(store)["approvals"].who == ("katherine",)


CONTROLS = st.lists(
    st.builds(
        a,
        st.sampled_from(["hold", "veto", "freeze"]),
        st.integers(0, 99),
        until=st.sampled_from([None, LATER, NOW + timedelta(hours=1)]),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
DEMANDS = st.lists(
    st.sampled_from([*({"evidence": kind} for kind in (*TEST_GATES, "scan")), {"approvals": {"quorum": 1}}]),
    min_size=1,
    max_size=4,
    unique_by=str,
)


@given(
    said=CONTROLS,
    demands=DEMANDS,
    soak=st.sampled_from(["PT0S", "PT30M", "P1D"]),
    frozen=st.booleans(),
    upto=st.sampled_from(["dev", "staging"]),
    later=st.sampled_from([0, 20, 45, 90, 10_000]),
    failing=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_reason_has_exactly_one_remedy(
    said: Iterable[Control],
    demands: list[dict[str, object]],
    soak: str,
    upto: str,
    later: int,
    *,
    frozen: bool,
    failing: bool,
) -> None:
    freeze = {"from": "2026-11-21T00:00:00Z", "until": "2026-11-21T13:00:00Z", "reason": "audit"}
    policy = {"gates": demands, "soak": soak, "freezes": [freeze] if frozen else []}
    store = store_of(policy, upto=upto, **({"model_tests": Verdict.FAIL} if failing else {}))
    control(store, *said)
    now = NOW + timedelta(minutes=later)
    decision = decided(store, now=now)
    told = remedies(decision, now=now)
    assert [one.gate for one in told] == [one.gate for one in decision.blocking]
    assert (told == ()) == (decision.outcome in {Outcome.MOVE, Outcome.NOTHING})
    for reason, remedy in zip(decision.blocking, told, strict=True):
        assert remedy.who or remedy.commands or remedy.when, "somebody, or time"
        assert remedy.when is None or remedy.when > now, "what has ended stands in nobody's way"
        if reason.gate in {"hold", "veto", "freeze"} and remedy.commands:
            assert reason.reason.endswith(f"({remedy.commands[0].split()[3]})"), "each control has its own remedy"
