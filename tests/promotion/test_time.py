"""Order and time: what must have run where and how long, when an environment is open, and that it is judged twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import MODEL, NOW
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.manifests.environment import Environment, Window
from mlops_gitops.manifests.recurrence import Recurrence
from mlops_gitops.promotion import apply, calendar, publish, wishes
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from regions import AUTOMATIC, Regions, answers, reasons

OFFICE = {"name": "office hours", "recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", "start": "2026-01-05T09:00:00",
          "duration": "PT8H", "timeZone": "Europe/Zurich"}  # fmt: skip
NIGHT = {"recurrence": "FREQ=DAILY", "start": "2026-01-05T22:00:00", "duration": "PT8H", "timeZone": "Europe/Zurich",
         "reason": "Batch runs"}  # fmt: skip


def diamond(**prod: object) -> Regions:
    """dev, then two that both follow it, then one that follows both."""
    return Regions.of({
        "dev": estate.environment("dev", promotion="automatic"),
        "load": estate.environment("load", after=["dev"], promotion="automatic"),
        "shadow": estate.environment("shadow", after=["dev"], promotion="automatic"),
        "prod": estate.environment("prod", **{"after": ["load", "shadow"], "promotion": "automatic", **prod}),
    })  # fmt: skip


def everywhere(site: Regions) -> list[set[str]]:
    """``promote --all`` until nothing moves: the environments of each commit."""
    found = []
    while True:
        settled = apply.promote(
            site.store,
            lambda snapshot: wishes.automatic(snapshot, now=site.time),
            signer=estate.signer("ci"),
            now=site.now,
        )
        if settled.commit is None:
            return found
        found.append({one.wish.environment for one in settled.result if one.receipt})


def test_fan_in_waits_for_every_environment_before_it() -> None:
    site = diamond()
    first = site.release()
    assert site.promote(first, environment="load").outcome is Outcome.MOVE
    half = site.promote(first)
    assert half.outcome is Outcome.PENDING
    assert answers(half, "after") == {Answer.PASS, Answer.PENDING}
    assert site.promote(first, environment="shadow").outcome is Outcome.MOVE
    assert site.promote(first).outcome is Outcome.MOVE


def test_fan_in_with_two_releases_before_it_moves_neither() -> None:
    site = diamond()
    first, second = site.release(), site.release()
    site.promote(second, environment="load")
    site.slot("shadow")
    assert site.promote(first, environment="shadow").outcome is Outcome.PENDING, "dev runs the second"
    assert {site.promote(one).outcome for one in (first, second)} == {Outcome.PENDING}


def test_all_takes_fan_out_in_one_commit_and_one_level_after_the_other() -> None:
    site = diamond()
    site.release()
    assert everywhere(site) == [{"load", "shadow"}, {"prod"}]
    assert site.problems() == set()


def test_soak_counts_in_each_environment_from_its_own_receipt() -> None:
    site = diamond(soak="PT1H")
    first = site.release()
    site.promote(first, environment="load")
    site.wait(minutes=30)
    site.promote(first, environment="shadow")
    site.wait(minutes=30)
    waiting = site.promote(first)
    assert reasons(waiting, "soak") == ["it must run in shadow for 1 hour; 30 minutes remain"]
    site.wait(minutes=30)
    assert site.promote(first).outcome is Outcome.MOVE


def pipeline(**prod: object) -> Regions:
    return Regions.of({
        "dev": estate.environment("dev", promotion="automatic"),
        "prod": estate.environment("prod", **{"after": ["dev"], "soak": "PT1H", "promotion": "automatic", **prod}),
    })  # fmt: skip


def test_a_release_that_comes_back_soaks_again() -> None:
    site = pipeline()
    first = site.release()
    site.wait(minutes=50)
    second = site.release()
    site.wait(minutes=5)
    assert site.promote(first, environment="dev").outcome is Outcome.MOVE
    site.wait(minutes=50)
    assert reasons(site.promote(first), "soak") == ["it must run in dev for 1 hour; 10 minutes remain"]
    assert site.promote(second).outcome is Outcome.PENDING
    site.wait(minutes=10)
    assert site.promote(first).outcome is Outcome.MOVE


def test_promoting_again_what_runs_does_not_begin_its_soak_anew() -> None:
    site = pipeline()
    first = site.release()
    for _ in range(6):
        site.wait(minutes=10)
        assert site.promote(first, environment="dev").outcome is Outcome.NOTHING
    assert site.promote(first).outcome is Outcome.MOVE


def test_soak_and_automatic_promotion_do_not_wait_for_each_other() -> None:
    """With fan-in, soak and everything automatic: the same loop that found it waiting moves it when the time is up."""
    site = diamond(soak="PT1H")
    site.release()
    assert everywhere(site) == [{"load", "shadow"}]
    for _ in range(5):
        site.wait(minutes=10)
        assert everywhere(site) == []
    site.wait(minutes=10)
    assert everywhere(site) == [{"prod"}]


@pytest.mark.parametrize(("undisturbed", "reached"), [(False, 0), (True, 4)])
def test_soak_ends_under_churn_where_automation_waits_for_it(*, undisturbed: bool, reached: int) -> None:
    """A release every ten minutes for four hours, and a soak of one hour."""
    site = pipeline(undisturbed=undisturbed)
    for _ in range(25):
        before = site.line[-1] if site.line else None
        made = estate.release(
            f"1.{len(site.line)}.0", supersedes=before.id if before else None, content=chr(97 + len(site.line))
        )
        site.write(publish.release_files(made))
        site.line.append(made)
        everywhere(site)
        site.wait(minutes=10)
    assert len(site.slot().receipts) == reached
    assert site.slot("dev").current == site.line[-1].id or undisturbed
    assert site.problems() == set()


def test_automation_waits_for_no_soak_of_a_release_that_may_not_go_on() -> None:
    site = pipeline(undisturbed=True)
    first = site.release()
    site.stop("veto", first)
    site.write(publish.release_files(estate.release("1.1.0", supersedes=first.id, content="b")))
    assert everywhere(site) == [{"dev"}]


def test_people_wait_for_nobodys_soak() -> None:
    site = pipeline(undisturbed=True)
    site.release()
    second = site.release()
    assert site.slot("dev").current == second.id


def test_a_window_is_open_or_says_when_it_opens() -> None:
    site = pipeline(soak="PT0S", windows=[OFFICE])
    first = site.release()
    assert reasons(site.promote(first), "window") == [
        "the change window of prod is closed; it opens Mon 2026-11-23 09:00 Europe/Zurich"
    ]
    site.time = datetime(2026, 11, 23, 7, 59, 59, tzinfo=UTC)
    assert site.promote(first).outcome is Outcome.PENDING
    site.wait(seconds=1)
    opened = site.promote(first)
    assert opened.outcome is Outcome.MOVE
    assert reasons(opened, "window") == ["the change window 'office hours' of prod is open"]
    assert site.problems() == set(), "verify asks again at the receipt's own time"


def test_a_window_that_closes_between_plan_and_push_is_closed() -> None:
    """The tip moves, the plan is made again, and meanwhile the office has closed."""
    site = pipeline(soak="PT0S", windows=[OFFICE])
    first = site.release()
    site.time = datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC)
    landed: list[str] = []

    def meanwhile(step: str) -> None:
        if step == "before push" and not landed:
            landed.append(step)
            site.observe("monitoring", first)
            site.wait(seconds=1)

    site.store.step = meanwhile
    late = site.promote(first)
    assert late.outcome is Outcome.PENDING
    assert "closed" in reasons(late, "window")[0]
    assert site.slot().current is None


def test_a_freeze_that_begins_between_approval_and_promotion_holds() -> None:
    begins = {"from": "2026-11-21T13:00:00Z", "until": "2026-11-22T13:00:00Z", "reason": "Sale"}
    site = pipeline(soak="PT0S", freezes=[begins], gates=[{"approvals": {"quorum": 1}}])
    first = site.release()
    policy = site.slot().environment
    site.write(estate.evidence(estate.approval(first, policy, issued_at=site.time), by="grace"))
    site.time = NOW + timedelta(hours=1)
    frozen = site.promote(first)
    assert (frozen.outcome, answers(frozen, "approvals")) == (Outcome.PENDING, {Answer.PASS})
    assert reasons(frozen, "freeze") == ["prod is frozen until 2026-11-22T13:00:00Z: Sale"]
    site.wait(days=1)
    assert site.promote(first).outcome is Outcome.MOVE


def test_a_freeze_comes_again_every_night() -> None:
    site = pipeline(soak="PT0S", freezes=[NIGHT])
    first = site.release()
    site.time = datetime(2026, 11, 24, 3, tzinfo=UTC)
    assert reasons(site.promote(first), "freeze") == [
        "prod is frozen until Tue 2026-11-24 06:00 Europe/Zurich: Batch runs"
    ]
    site.time = datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert site.promote(first).outcome is Outcome.MOVE


@pytest.mark.parametrize(("during", "wanted"), [(True, Outcome.MOVE), (False, Outcome.PENDING)])
def test_a_rollback_is_free_of_windows_and_freezes_unless_the_policy_binds_it(*, during: bool, wanted: Outcome) -> None:
    rollback = {**AUTOMATIC, "duringFreeze": during}
    site = pipeline(soak="PT0S", windows=[OFFICE], freezes=[NIGHT], rollback=rollback)
    site.time = datetime(2026, 11, 23, 8, tzinfo=UTC)
    for _ in range(2):
        assert site.promote(site.release()).outcome is Outcome.MOVE
        site.wait(minutes=1)
    site.time = datetime(2026, 11, 23, 22, tzinfo=UTC)
    decision = site.back().result.decision
    assert decision is not None
    assert decision.outcome is wanted
    assert site.problems() == set()


def test_a_policy_whose_rule_is_none_stops_its_environment_and_no_other() -> None:
    site = pipeline(windows=[{**OFFICE, "recurrence": "FREQ=WEEKLY;BYDAY=MONDAY"}])
    first = site.release()
    assert site.promote(first, environment="dev").outcome is Outcome.NOTHING
    (one,) = apply.promote(
        site.store, lambda _: [Wish(MODEL, "prod", first.id)], signer=estate.signer("ci"), now=site.now
    ).result
    assert one.failure is not None
    assert "BYDAY is a list of days" in one.failure.message


def window(rule: str, start: str, duration: str, zone: str = "Europe/Zurich") -> Window:
    value = {"recurrence": rule, "start": start, "duration": duration, "timeZone": zone}
    return Window(rule, Recurrence.from_value(value))


MOMENTS = st.integers(0, 244 * 24 * 3600).map(
    lambda seconds: datetime(2026, 3, 20, tzinfo=UTC) + timedelta(seconds=seconds)
)
WINDOWS = st.lists(
    st.builds(
        window,
        st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;COUNT=9"]),
        st.builds(lambda hour: f"2026-03-16T{hour:02}:30:00", st.integers(0, 23)),
        st.sampled_from(["PT30M", "PT8H", "P1D", "P2DT1H"]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(windows=WINDOWS, now=MOMENTS)
def test_what_is_said_of_a_window_agrees_with_itself(windows: list[Window], now: datetime) -> None:
    second = timedelta(seconds=1)
    opened, closes, following = (
        calendar.open_at(windows, now), calendar.closes_at(windows, now), calendar.next_opening(windows, now),
    )  # fmt: skip
    assert (opened is None) or closes is None or closes.at > now
    if opened is not None and closes is not None:
        assert calendar.open_at(windows, closes.at - second) is not None
        assert calendar.open_at(windows, closes.at) is None
    if opened is None:
        assert closes is None
        if following is not None:
            assert calendar.open_at(windows, following.at) is not None
            assert calendar.open_at(windows, following.at - second) is None
            quarters = int((following.at - now) / timedelta(minutes=15))
            assert all(
                calendar.open_at(windows, now + timedelta(minutes=15) * step) is None
                for step in range(0, quarters, max(1, quarters // 40))
            )


def test_a_window_that_is_always_open_never_closes() -> None:
    always = [window("FREQ=DAILY", "2026-03-16T09:00:00", "P1D")]
    assert calendar.open_at(always, NOW) is not None
    assert calendar.closes_at(always, NOW) is None


def test_a_window_that_is_over_never_opens_again() -> None:
    policy: Environment = estate.policy(
        estate.environment("prod", windows=[{**OFFICE, "recurrence": "FREQ=DAILY;UNTIL=20260201T000000Z"}])
    )
    (said,) = calendar.judgements(policy, now=NOW)
    assert (said.answer, said.reason) == (
        Answer.PENDING, "the change window of prod is closed; it never opens again",
    )  # fmt: skip
