"""Rollouts by a machine that does anything in any order, with an oracle that knows only what was moved and when.

Releases, waves, evidence, holds, rollbacks asked for and not, clocks that run on, policies that change, runners that
die and runners that race; and after every commit: no more targets are unavailable than may be, no wave begins before
those before it have settled, and the environment's own pointer moves with the last target only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from estate import MODEL, Estate
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import layout, receipts
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.store import MemoryTree
from regions import AUTOMATIC, SETTLE, Regions, environments, rollout
from stores import Killed

STEPS = [f"{when} {what}" for what in ("fetch", "commit", "push") for when in ("before", "after")]
SOME = st.sampled_from([None, None, None, *STEPS])


@dataclass(frozen=True)
class Moved:
    """What a target runs, since when, and whether it came forward."""

    release: str
    at: datetime
    forward: bool


class Rollouts(RuleBasedStateMachine):
    """Four regions in three waves."""

    @initialize(most=st.integers(1, 3), evidence=st.booleans())
    def start(self, most: int, *, evidence: bool) -> None:
        self.most = most
        self.kinds = ["infra-tests"] if evidence else []
        more = {"evidence": self.kinds} if evidence else {}
        self.targets = rollout()["targets"]
        self.regions = Regions.of(environments(rollout=rollout(maxUnavailable=most, **more), rollback=AUTOMATIC))
        self.seen = self.regions.store.line()
        self.moved: dict[str, Moved] = {}
        self.own: str | None = None
        self.good: list[tuple[str, datetime]] = []

    @rule()
    def release(self) -> None:
        self.regions.release()

    @precondition(lambda self: self.regions.line)
    @rule(fatal=SOME, release=st.integers(0, 3))
    def promote(self, fatal: str | None, release: int) -> None:
        chosen = None if release else self.regions.line[-1]
        self.dying(fatal, lambda: self.promoted(chosen))

    @precondition(lambda self: self.regions.line)
    @rule(steps=st.integers(1, 5), observed=st.booleans())
    def walk(self, steps: int, *, observed: bool) -> None:
        """The usual way of a good release, so that the machine gets to the end of rollouts often."""
        for _ in range(steps):
            self.promoted(None)
            self.regions.wait(minutes=16)
            if observed:
                self.said("infra-tests", self.regions.line[-1], Verdict.PASS)
                self.regions.wait(minutes=1)

    @precondition(lambda self: self.regions.line)
    @rule()
    def race(self) -> None:
        """Another runner moves between our plan and our push."""
        entered: list[str] = []

        def meanwhile(step: str) -> None:
            if step == "before push" and not entered:
                entered.append(step)
                self.regions.wait(seconds=1)
                self.promoted(None)

        self.regions.store.step = meanwhile
        self.promoted(None)
        self.regions.store.step = lambda _: None

    @precondition(lambda self: self.regions.line)
    @rule(kind=st.sampled_from(["infra-tests", "monitoring"]), fails=st.booleans(), newest=st.booleans())
    def observe(self, kind: str, *, fails: bool, newest: bool) -> None:
        about = self.regions.line[-1 if newest else max(0, len(self.regions.line) - 2)]
        self.regions.wait(seconds=1)
        self.said(kind, about, Verdict.FAIL if fails else Verdict.PASS)

    @precondition(lambda self: self.regions.line)
    @rule(fatal=SOME)
    def go_back_if_due(self, fatal: str | None) -> None:
        self.dying(fatal, self.regions.back_if_due)

    @precondition(lambda self: self.regions.line)
    @rule(fatal=SOME)
    def go_back(self, fatal: str | None) -> None:
        def back() -> None:
            try:
                self.regions.back()
            except Refused as refused:
                assert refused.code == "no-rollback"  # noqa: PT017 - the only no that this may meet

        self.dying(fatal, back)

    @rule(minutes=st.sampled_from([1, 7, 14, 15, 16, 60, 60 * 24 * 8]))
    def wait(self, minutes: int) -> None:
        self.regions.wait(minutes=minutes)

    @rule(wave=st.integers(1, 3))
    def another_target_or_one_less(self, wave: int) -> None:
        """The policy names one target more, or gives the last one up again."""
        self.targets = self.targets[:4] if len(self.targets) > 4 else [*self.targets, {"name": "africa", "wave": wave}]
        more = {"evidence": self.kinds} if self.kinds else {}
        self.regions.policy(
            after=["dev"], rollback=AUTOMATIC, rollout=rollout(targets=self.targets, maxUnavailable=self.most, **more)
        )

    @invariant()
    def every_new_commit_is_as_the_oracle_allows(self) -> None:
        if not hasattr(self, "regions"):
            return
        line = self.regions.store.line()
        assert line[: len(self.seen)] == self.seen, "a commit was lost"
        for commit in line[len(self.seen) :]:
            parent, when = self.regions.store.parents[commit]
            old, new = self.regions.store.trees[parent or ""], self.regions.store.trees[commit]
            folder = layout.receipts("prod", MODEL)
            fresh = set(new.names(folder)) - set(old.names(folder))
            assert len(fresh) <= 1
            for name in fresh:
                path = f"{folder}/{name}"
                self.check(receipts.parse(new.read(path) or b"", path=path).receipt, old, when)
            self.pointers_are_the_oracles(new)
        self.seen = line

    def check(self, receipt: Receipt, old: MemoryTree, when: datetime) -> None:
        forward = receipt.action == "promote"
        policy = Estate(dict(old.files)).policy("prod")
        assert policy.rollout is not None
        waves = {one.name: one.wave for one in policy.rollout.targets}
        if forward and receipt.targets:
            assert {waves[name] for name in receipt.targets} == {waves[receipt.targets[0]]}, "one wave at a time"
            wave = waves[receipt.targets[0]]
            for name, its in waves.items():
                if its < wave:
                    assert self.moved[name].release == receipt.release
                    assert self.settled(name, receipt.release, when)
            away = {name for name in waves if not self.settled(name, receipt.release, when)}
            assert len(away | set(receipt.targets)) <= max(self.most, len(away)), "too many at once"
        for name in receipt.targets:
            self.moved[name] = Moved(receipt.release, when, forward)
        if receipt.whole:
            self.own = receipt.release
            ran = {name: self.moved[name].release for name in waves if name in self.moved}
            assert set(ran.values()) <= {receipt.release}, "the environment goes last"
            assert not forward or set(ran) == set(waves)

    def settled(self, name: str, release: str, when: datetime) -> bool:
        """As the policy says, of a target that may run this release or what one left behind."""
        moved = self.moved.get(name)
        if moved is None:
            return True
        if when < moved.at + SETTLE:
            return False
        if not self.kinds or moved.release != release or not moved.forward or self.own == release:
            return True
        return any(about == release and at > moved.at for about, at in self.good)

    def pointers_are_the_oracles(self, tree: MemoryTree) -> None:
        for name, moved in self.moved.items():
            data = tree.read(layout.pointer("prod", MODEL, name))
            assert data is None or moved.release.encode() in data
        own = tree.read(layout.pointer("prod", MODEL))
        assert (own is None) == (self.own is None)
        assert own is None or (self.own or "").encode() in own

    def teardown(self) -> None:
        """Whatever happened, the rest of the way is found from git alone, and everything verifies."""
        if not hasattr(self, "regions") or not self.regions.line:
            return
        newest = self.regions.release()
        for _ in range(12):
            self.promoted(newest)
            self.regions.wait(minutes=16)
            for kind in ("infra-tests", "monitoring"):
                self.regions.observe(kind, newest, Verdict.PASS)
            self.good.append((newest.id, self.regions.time))
            self.regions.wait(minutes=1)
        wanted = {"", *(one["name"] for one in self.targets)}
        running = {name: number for name, number in self.regions.running().items() if name in wanted}
        assert running == dict.fromkeys(wanted, len(self.regions.line) - 1)
        assert self.regions.problems() == set()

    def promoted(self, release: Release | None) -> None:
        self.regions.promote(release)

    def said(self, kind: str, about: Release, verdict: Verdict) -> None:
        """Evidence that replaces all that was said before of its kind, so that the newest word counts."""
        before = self.regions.snapshot.dossier(MODEL, about.id).evidence
        old = tuple(sorted(one.digest for one in before if one.claim.kind == kind))
        self.regions.observe(kind, about, verdict, supersedes=old)
        if kind == "infra-tests":
            if verdict is Verdict.PASS:
                self.good.append((about.id, self.regions.time))
            else:
                self.good = [one for one in self.good if one[0] != about.id]

    def dying(self, fatal: str | None, act: object) -> None:
        def die(step: str) -> None:
            if step == fatal:
                raise Killed

        self.regions.store.step = die
        try:
            act()  # type: ignore[operator]
        except Killed:
            pass
        finally:
            self.regions.store.step = lambda _: None


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
