"""The invariants where people and pull requests take part, by a machine that does anything in any order.

Releases, reviews, withdrawals, vetoes, freezes, rollbacks, people who push to the branch, merge it by any button, close
it, delete it or edit the text, monitoring that says no, clocks that jump, runners that die and runners that race; with
production as one place, or as regions in waves.  The oracle remembers who said what on which head and when, and what
stood in the way; it asks none of our decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import regions
from estate import MODEL, NOW
from merging_forges import STEPS, Style
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.reviews import Said
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import controls, layout
from mlops_gitops.promotion.receipts import Filed
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files
from stores import Killed
from workshops import LOGINS, Workshop, environments

DAY = timedelta(days=1)
FREEZE = (NOW + 4 * DAY, NOW + 5 * DAY)
BRANCH = layout.promotion_branch("prod", MODEL)
WORDS: list[Said] = ["approved", "approved", "approved", "changes-requested", "commented", "dismissed"]


@dataclass(frozen=True)
class Word:
    """One review, as the oracle remembers it."""

    number: int
    who: str
    said: Said
    head: str
    at: datetime


@dataclass(frozen=True)
class Stop:
    """A veto or hold, as the oracle remembers it: from the commit that brought it."""

    release: str
    commit: str
    until: datetime


class PullRequests(RuleBasedStateMachine):
    """One model on its way to production by pull requests."""

    @initialize(waves=st.booleans())
    def start(self, *, waves: bool) -> None:
        freezes = [
            {
                "from": f"{FREEZE[0]:%Y-%m-%dT%H:%M:%SZ}",
                "until": f"{FREEZE[1]:%Y-%m-%dT%H:%M:%SZ}",
                "reason": "Holidays",
            }
        ]
        automatic = {"automatic": {"evidence": ["monitoring"]}}
        rollout = {"rollout": regions.rollout(settle="PT2H")} if waves else {}
        self.shop = Workshop.new(environments(freezes=freezes, rollback=automatic, **rollout))
        self.observed: dict[str, list[tuple[datetime, bool]]] = {}
        self.words: list[Word] = []
        self.stops: list[Stop] = []
        self.tested: dict[str, bool] = {}
        self.line = self.shop.remote.line()
        self.checked: set[str] = set()

    # what happens

    @rule(tests=st.sampled_from([True, True, True, True, False]))
    def release(self, tests: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        made = self.shop.publish(tests=tests)
        self.tested[made.id] = tests

    @rule(fatal=st.sampled_from([None, None, None, *STEPS]), count=st.integers(1, 3))
    def reconcile(self, fatal: str | None, count: int) -> None:
        """Perhaps killed the so manyeth time that it comes to a step."""
        left = [count]

        def die(step: str) -> None:
            if step == fatal:
                left[0] -= 1
                if left[0] == 0:
                    raise Killed

        self.shop.remote.step = die
        try:
            self.shop.reconcile()
        except Killed:
            pass
        finally:
            self.shop.remote.step = lambda _: None

    @rule(place=st.integers(0, 40))
    def race(self, place: int) -> None:
        """Another runner does everything in the middle of ours."""
        left = [place]

        def other(_step: str) -> None:
            left[0] -= 1
            if left[0] == -1:
                self.shop.remote.step = lambda _: None
                self.shop.reconcile()

        self.shop.remote.step = other
        self.shop.reconcile()
        self.shop.remote.step = lambda _: None

    @precondition(lambda self: self.open())
    @rule(who=st.sampled_from(sorted(LOGINS)), said=st.sampled_from(WORDS))
    def review(self, who: str, said: Said) -> None:
        number = self.open()
        self.shop.forge.review(number, LOGINS[who], said)
        voice = self.shop.forge.pulls[number].voices[-1]
        self.words.append(Word(number, who, said, voice.commit, voice.at))

    @precondition(lambda self: self.open())
    @rule()
    def both_approve(self) -> None:
        """The usual way, so that the machine gets to production often."""
        for who in ("grace", "katherine"):
            self.review(who, "approved")

    @precondition(lambda self: self.open())
    @rule(style=st.sampled_from(["merge", "squash", "rebase"]), who=st.sampled_from(sorted(LOGINS)))
    def merge(self, style: Style, who: str) -> None:
        self.shop.forge.merge(self.open(), by=LOGINS[who], style=style)

    @precondition(lambda self: BRANCH in self.shop.remote.refs)
    @rule(who=st.sampled_from(sorted(LOGINS)))
    def push_to_the_branch(self, who: str) -> None:
        text = f"by {who}, after {len(self.line)} commits\n".encode()
        self.shop.forge.work(BRANCH, {"docs/note.md": text}, by=LOGINS[who])

    @precondition(lambda self: BRANCH in self.shop.remote.refs)
    @rule()
    def delete_the_branch(self) -> None:
        self.shop.forge.delete(BRANCH)

    @precondition(lambda self: self.open())
    @rule(what=st.sampled_from(["close", "edit", "draft", "ready"]))
    def meddle(self, what: str) -> None:
        number = self.open()
        if what == "close":
            self.shop.forge.close(number)
        elif what == "edit":
            self.shop.forge.edit(number, body="nothing to see here", title="x")
        else:
            self.shop.forge.edit(number, draft=what == "draft")

    @rule(name=st.sampled_from(["README.md", "docs/base.md", f"{layout.slot('prod', MODEL)}/patch.yaml"]))
    def push_to_the_base(self, name: str) -> None:
        self.shop.push({name: f"after {len(self.line)} commits\n".encode()})

    @precondition(lambda self: self.shop.releases)
    @rule(data=st.data(), days=st.integers(1, 5))
    def veto(self, data: st.DataObject, days: int) -> None:
        release = data.draw(st.sampled_from([one.id for one in self.shop.releases]))
        until = self.shop.time + days * DAY

        def said(slot: Slot) -> Files:
            control = controls.new(
                "veto", slot, release=release, by="grace", reason="no", since=self.shop.time - 9 * DAY, until=until
            )
            return controls.adding(slot, control)

        self.shop.control(said)
        self.stops.append(Stop(release, self.shop.remote.tip, until.replace(microsecond=0)))

    @precondition(lambda self: len(self.shop.slot().receipts) > 1)
    @rule()
    def rollback(self) -> None:
        slot = self.shop.slot()
        left = slot.in_flight or slot.current
        try:
            self.shop.rollback()
        except Refused as refused:
            assert refused.code == "no-rollback"  # noqa: PT017 - the only no that this may meet
            return
        if len(self.shop.slot().receipts) > len(slot.receipts):
            self.stops.append(Stop(left or "", self.shop.remote.tip, NOW + 9999 * DAY))

    @precondition(lambda self: self.shop.slot().receipts)
    @rule(fails=st.booleans(), newest=st.booleans())
    def monitor(self, *, fails: bool, newest: bool) -> None:
        """Monitoring says something of what came last, or of the newest release."""
        last = self.shop.slot().receipts[-1].receipt.release
        about = self.shop.releases[-1] if newest else next(one for one in self.shop.releases if one.id == last)
        self.shop.observe("monitoring", about, Verdict.FAIL if fails else Verdict.PASS)
        self.observed.setdefault(about.id, []).append((self.shop.time.replace(microsecond=0), fails))

    @rule(rounds=st.integers(1, 6))
    def deliver(self, rounds: int) -> None:
        """The usual way of a release, so that the machine gets to the last waves and has something to go back to."""
        self.release(tests=True)
        self.shop.reconcile()
        if self.open():
            self.both_approve()
        for _ in range(rounds):
            self.shop.reconcile()
            self.pass_time(3)

    @precondition(lambda self: len(self.shop.slot().receipts) > 1)
    @rule()
    def go_back_by_itself(self) -> None:
        self.pass_time(1)
        self.monitor(fails=True, newest=False)
        self.shop.reconcile()

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 3]))
    def pass_time(self, hours: int) -> None:
        self.shop.time += timedelta(hours=hours)
        self.shop.forge.time += timedelta(hours=hours)

    @rule(hours=st.sampled_from([-30, -1, 1, 30]))
    def jump(self, hours: int) -> None:
        """Our clock alone; it is set right again by the next jump that would part the two further."""
        apart = abs(self.shop.time + timedelta(hours=hours) - self.shop.forge.time)
        self.shop.time = self.shop.forge.time if apart > 2 * DAY else self.shop.time + timedelta(hours=hours)

    # what always holds

    @invariant()
    def nothing_is_lost_and_no_slot_has_two_pull_requests(self) -> None:
        line = self.shop.remote.line()
        assert line[: len(self.line)] == self.line, "a commit was lost"
        self.line = line
        branches = [one.branch for one in self.shop.forge.pulls.values() if one.state == "open"]
        assert len(branches) == len(set(branches))

    @invariant()
    def production_moves_with_a_receipt_and_what_has_a_seal_was_allowed(self) -> None:
        slot = self.shop.slot()
        ids = [one.receipt.id for one in slot.receipts]
        assert len(ids) == len(set(ids))
        for place, filed in enumerate(slot.receipts):
            before = slot.receipts[place - 1] if place else None
            assert filed.receipt.previous == (before.digest if before else None)
            if filed.receipt.id in self.checked:
                continue
            if filed.receipt.action == "promote" and filed.stands:
                self._allowed(filed, slot.receipts[: place + 1])
                self.checked.add(filed.receipt.id)
            elif filed.receipt.action == "rollback":
                self._demanded(filed, slot.receipts[:place])
                self.checked.add(filed.receipt.id)

    @invariant()
    def what_was_left_never_comes_back_by_itself(self) -> None:
        """Nobody lifts a hold here."""
        left: set[str] = set()
        for filed in self.shop.slot().receipts:
            assert filed.receipt.release not in left
            if filed.receipt.action == "rollback":
                left.add(filed.receipt.replaced or "")

    @invariant()
    def nothing_was_promoted_over_what_has_no_seal(self) -> None:
        """But where nothing lawful ever ran, the next one starts anew."""
        chain = self.shop.slot().receipts
        for place, (one, following) in enumerate(pairwise(chain)):
            lawful_before = any(earlier.stands for earlier in chain[:place])
            if not one.stands and following.stands and following.receipt.action == "promote":
                assert not lawful_before

    def teardown(self) -> None:
        self.shop.time = self.shop.forge.time = max(self.shop.time, self.shop.forge.time)
        self.shop.reconcile()
        before = list(self.shop.remote.writes)
        assert self.shop.reconcile().did == ()
        assert self.shop.remote.writes == before, "a run that changes nothing writes nothing"
        assert self.shop.problems() == ({"unsealed"} if self.shop.slot().unsealed else set())

    # the oracle

    def open(self) -> int:
        return max((one.number for one in self.shop.forge.pulls.values() if one.state == "open"), default=0)

    def _demanded(self, filed: Filed, before: tuple[Filed, ...]) -> None:
        """A rollback that nobody asked for: what came last failed since it came, by the last word about it."""
        if not any(one.gate == "automatic" for one in filed.receipt.judgements):
            return
        last = before[-1]
        assert last.receipt.action == "promote"
        since = next(one.since for one in before if one.receipt.release == last.receipt.release)
        at, fails = self.observed[last.receipt.release][-1]
        assert fails
        assert at > since or {one.receipt.id for one in before if not one.stands}

    def _allowed(self, filed: Filed, chain: tuple[Filed, ...]) -> None:
        """What the policy of production demands, said once more and simply.

        A wave that came without a pull request goes on right after one that came by one, under the same approvals.
        """
        release = filed.receipt.release
        asked = next(one for one in reversed(chain) if one.seal is not None)
        assert {one.receipt.release for one in chain[chain.index(asked) :]} == {release}
        assert {one.receipt.action for one in chain[chain.index(asked) :]} == {"promote"}
        assert asked is filed or not asked.receipt.whole
        seal = asked.seal
        assert seal is not None
        when, base = (seal.time, seal.base) if asked is filed else (filed.receipt.time, filed.receipt.base)
        assert not FREEZE[0] <= when < FREEZE[1]
        assert self.tested[release]
        before = Snapshot(self.shop.remote.trees[base])
        staging = before.slot("staging", MODEL)
        ran = {one.receipt.release for one in staging.receipts} if len(chain) > 1 else {staging.current}
        assert release in ran
        known = set(self.line[: self.line.index(base) + 1])
        assert not any(one.release == release and one.commit in known and when < one.until for one in self.stops)
        last: dict[str, Word] = {}
        for word in self.words:
            if word.number == seal.pull.number and word.at <= seal.pull.at and word.said != "commented":
                last[word.who] = word
        assert not any(word.said == "changes-requested" for word in last.values())
        for who in ("grace", "katherine"):
            assert last[who].said == "approved"
            assert last[who].head == seal.pull.head
            assert when < last[who].at + 7 * DAY


TestPullRequests = PullRequests.TestCase
TestPullRequests.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
