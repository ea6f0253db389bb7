"""Invariants 1 to 5, 9 and 10, by a machine that does anything in any order, with an oracle of its own.

The oracle knows only what was signed and when; it does not call the gates.  Clocks jump, runners die, two race, people
push by hand nothing: what people may do by hand is for ``test_verify``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import apply, controls, layout, publish, returns
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from stores import Killed, MemoryStore

ENVIRONMENTS = ("dev", "staging", "prod")
STEPS = [f"{when} {what}" for what in ("fetch", "commit", "push") for when in ("before", "after")]
KINDS = ("data-tests", "model-tests")
DAY = timedelta(days=1)
MOSTLY_PASS = st.sampled_from([*[Verdict.PASS] * 8, Verdict.FAIL, Verdict.INCONCLUSIVE])


@dataclass(frozen=True)
class Said:
    """One thing that was signed, as the oracle remembers it."""

    kind: str
    by: str
    release: str
    verdict: Verdict
    at: datetime
    champion: str | None = None
    environment: str | None = None


@dataclass(frozen=True)
class Stopped:
    """A hold or veto, as the oracle remembers it."""

    environment: str
    release: str
    at: datetime
    until: datetime


class Promotions(RuleBasedStateMachine):
    """Releases, evidence, approvals, promotions, rollbacks, controls, time, death and races."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore.of(Estate.new().files, NOW)
        self.clock = NOW
        self.said: list[Said] = []
        self.releases: list[str] = []
        self.stopped: list[Stopped] = []
        self.line: list[str] = self.store.line()

    def now(self) -> datetime:
        return self.clock

    def slot(self, environment: str) -> Slot:
        return Snapshot(self.store.trees[self.store.tip]).slot(environment, MODEL)

    @rule(
        passing=st.fixed_dictionaries(dict.fromkeys((*KINDS, "comparison"), MOSTLY_PASS)),
        stale=st.sampled_from([False, False, False, True]),
    )
    def release(self, passing: dict[str, Verdict], stale: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self._release(passing, stale=stale)

    def _release(self, passing: dict[str, Verdict], *, stale: bool) -> None:
        """A release whose tests said anything, compared with what runs, or with something else."""
        before = self.releases[-1] if self.releases else None
        made = estate.release(f"1.{len(self.releases)}.0", supersedes=before, content=chr(97 + len(self.releases) % 26))
        files = publish.release_files(made)
        running = {self.slot("staging").current, self.slot("prod").current}
        for kind, verdict in passing.items():
            for champion in ({"7" * 64} if stale else running) if kind == "comparison" else {None}:
                claim = estate.claim(kind, made, verdict=verdict, champion=champion, issued_at=self.clock)
                files |= estate.evidence(claim)
                self.said.append(Said(kind, "ci", made.id, verdict, self.clock, champion))
        settle(self.store, lambda _: Proposal(None, files, f"Release {made.version}\n"), now=self.now)
        self.releases.append(made.id)

    @precondition(lambda self: self.releases)
    @rule(
        data=st.data(),
        who=st.sampled_from(["ada", "grace", "katherine"]),
        verdict=st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.FAIL]),
    )
    def approve(self, data: st.DataObject, who: str, verdict: Verdict) -> None:
        self._approve(data.draw(st.sampled_from(self.releases)), who, verdict)

    def _approve(self, release: str, who: str, verdict: Verdict) -> None:
        settled = publish.approve(
            self.store, model=MODEL, environment="prod", release=release, signer=estate.signer(who), verdict=verdict,
            comment="…", now=self.now,
        )  # fmt: skip
        if settled.commit:
            self.said.append(Said("approval", who, release, verdict, self.clock, environment="prod"))

    @rule(
        upto=st.sampled_from(["staging", "prod", "prod"]),
        people=st.sampled_from([{"grace", "katherine"}, {"grace", "katherine"}, {"ada", "grace"}, {"katherine"}]),
        stale=st.sampled_from([False, False, False, True]),
        fresh=st.sampled_from([True, True, True, False]),
    )
    def walk(self, upto: str, people: set[str], *, stale: bool, fresh: bool) -> None:
        """The usual way of a good release, so that the machine gets to production often."""
        if fresh:
            self._release(dict.fromkeys((*KINDS, "comparison"), Verdict.PASS), stale=stale)
        for environment in ENVIRONMENTS[: ENVIRONMENTS.index(upto) + 1] if self.releases else ():
            for who in sorted(people) if environment == "prod" else ():
                self._approve(self.releases[-1], who, Verdict.PASS)
            self._promote(Wish(MODEL, environment, self.releases[-1]))

    @precondition(lambda self: self.releases)
    @rule(data=st.data(), environment=st.sampled_from(ENVIRONMENTS), fatal=st.sampled_from([None, None, *STEPS]))
    def promote(self, data: st.DataObject, environment: str, fatal: str | None) -> None:
        release = data.draw(st.sampled_from([None, *self.releases]))
        self._with_death(fatal, lambda: self._promote(Wish(MODEL, environment, release)))

    @precondition(lambda self: self.releases)
    @rule(data=st.data(), first=st.sampled_from(ENVIRONMENTS), second=st.sampled_from(ENVIRONMENTS))
    def race(self, data: st.DataObject, first: str, second: str) -> None:
        """Another runner moves something between our plan and our push."""
        other = Wish(MODEL, second, data.draw(st.sampled_from([None, *self.releases])))
        entered: list[str] = []

        def meanwhile(step: str) -> None:
            if step == "before push" and not entered:
                entered.append(step)
                self._promote(other)

        self.store.step = meanwhile
        self._promote(Wish(MODEL, first))
        self.store.step = lambda _: None

    @precondition(lambda self: self._movable())
    @rule(data=st.data(), fatal=st.sampled_from([None, None, None, *STEPS]))
    def rollback(self, data: st.DataObject, fatal: str | None) -> None:
        environment = data.draw(st.sampled_from(self._movable()))
        before = self.slot(environment)
        self._with_death(fatal, lambda: self._rollback(environment))
        after = self.slot(environment)
        if after.current != before.current:
            assert before.receipts[-1].receipt.action == "promote", "a rollback was rolled back"
            assert after.current in {one.receipt.release for one in before.receipts}
            assert any(one.type == "hold" and one.release == before.current for one in after.controls)
            self.stopped.append(Stopped(environment, before.current or "", self.clock, self.clock + 9999 * DAY))

    @precondition(lambda self: self.releases)
    @rule(
        data=st.data(),
        environment=st.sampled_from(ENVIRONMENTS),
        kind=st.sampled_from(["hold", "veto"]),
        days=st.integers(1, 9),
    )
    def stop(self, data: st.DataObject, environment: str, kind: str, days: int) -> None:
        release = data.draw(st.sampled_from(self.releases))
        slot = self.slot(environment)
        control = controls.new(
            kind, slot, release=release, by="grace", reason="…", since=self.clock, until=self.clock + days * DAY
        )
        settle(self.store, lambda _: Proposal(None, controls.adding(slot, control), "Stop\n"), now=self.now)
        self.stopped.append(Stopped(environment, release, self.clock, self.clock + days * DAY))

    @rule(hours=st.sampled_from([-30, -1, 1, 5, 24 * 3, 24 * 8, 24 * 31]))
    def pass_time(self, hours: int) -> None:
        """Clocks jump, backwards too."""
        self.clock += timedelta(hours=hours)

    @precondition(lambda self: self.releases)
    @rule()
    def promote_again_changes_nothing(self) -> None:
        """A change that changes nothing advances nothing: not in the slot, and not downstream."""
        for environment in ENVIRONMENTS:
            current = self.slot(environment).current
            tip = self.store.tip
            if current is not None:
                answered = self._promote(Wish(MODEL, environment, current))
                assert answered[0].receipt is None
                assert self.store.tip == tip

    @invariant()
    def the_newest_release_is_the_last_one_in_line(self) -> None:
        """Whatever the clocks said when they were made."""
        line = [one.id for one in Snapshot(self.store.trees[self.store.tip]).line(MODEL)]
        assert line == self.releases

    @invariant()
    def every_new_commit_that_moves_a_pointer_holds_its_receipt_and_was_allowed(self) -> None:
        line = self.store.line()
        assert line[: len(self.line)] == self.line, "a commit was lost"
        for commit in line[len(self.line) :]:
            parent, when = self.store.parents[commit]
            self._check(commit, parent or "", when)
        self.line = line

    def teardown(self) -> None:
        assert verify(self.store, self.store.trees[self.store.tip]).problems == ()

    def _check(self, commit: str, parent: str, when: datetime) -> None:
        old, new = self.store.trees[parent], self.store.trees[commit]
        for environment in ENVIRONMENTS:
            path = layout.pointer(environment, MODEL)
            fresh = set(new.names(layout.receipts(environment, MODEL))) - set(
                old.names(layout.receipts(environment, MODEL))
            )
            assert len(fresh) == (old.read(path) != new.read(path)), "one promotion, one commit, one receipt"
            if not fresh:
                continue
            before, after = Snapshot(old).slot(environment, MODEL), Snapshot(new).slot(environment, MODEL)
            assert after.receipts[:-1] == before.receipts
            assert after.receipts[-1].receipt.previous == (before.receipts[-1].digest if before.receipts else None)
            if after.receipts[-1].receipt.action == "promote":
                self._allowed(environment, after.current or "", before.current, when, Snapshot(old))

    def _allowed(self, environment: str, release: str, champion: str | None, when: datetime, old: Snapshot) -> None:
        """What the policies of the estate demand, said once more and simply."""
        assert not any(
            (one.environment, one.release) == (environment, release) and one.at <= when < one.until
            for one in self.stopped
        )
        if environment == "dev":
            return
        upstream = {"staging": "dev", "prod": "staging"}[environment]
        assert old.slot(upstream, MODEL).current == release
        about = [one for one in self.said if one.release == release]
        for kind in KINDS:
            (said,) = (one for one in about if one.kind == kind)
            assert said.verdict is Verdict.PASS
        (data_tests,) = (one for one in about if one.kind == "data-tests")
        assert data_tests.at - timedelta(minutes=5) <= when < data_tests.at + 30 * DAY
        compared = [one.verdict for one in about if (one.kind, one.champion) == ("comparison", champion)]
        assert champion is None or compared == [Verdict.PASS]
        if environment == "prod":
            words = {one.by: one for one in about if one.kind == "approval"}  # the last word of each
            assert {words[name].verdict for name in ("grace", "katherine")} == {Verdict.PASS}
            assert all(
                words[name].at - timedelta(minutes=5) <= when < words[name].at + 7 * DAY
                for name in ("grace", "katherine")
            )

    def _promote(self, wish: Wish) -> tuple[Answered, ...]:
        return apply.promote(self.store, lambda _: [wish], signer=estate.signer("ci"), now=self.now).result

    def _movable(self) -> list[str]:
        """Environments in which more than one thing happened."""
        tree = self.store.trees[self.store.tip]
        return [name for name in ENVIRONMENTS if len(tree.names(layout.receipts(name, MODEL))) > 1]

    def _rollback(self, environment: str) -> None:
        try:
            returns.rollback(
                self.store, Wish(MODEL, environment), signer=estate.signer("ci"), by="grace", reason="…", now=self.now,
                preflight=lambda _: None,
            )  # fmt: skip
        except Refused as refused:
            assert refused.code == "no-rollback"  # noqa: PT017 - the only no that this may meet

    def _with_death(self, fatal: str | None, act: object) -> None:
        def die(step: str) -> None:
            if step == fatal:
                raise Killed

        self.store.step = die
        try:
            act()  # type: ignore[operator]
        except Killed:
            pass
        finally:
            self.store.step = lambda _: None


TestPromotions = Promotions.TestCase
TestPromotions.settings = settings(
    max_examples=400 if os.environ.get("MG_EXHAUSTIVE") else 70, stateful_step_count=40, deadline=None
)
