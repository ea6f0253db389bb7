"""Whatever people may rightly do, in any order, ``verify`` finds nothing but what waits for a seal.

Regions in waves, both modes and the switch between them in the middle of a rollout, policies and trust that change,
targets that come and go, reviews that are taken back or dismissed, merges by hand, rollbacks, and time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import workshops
from merging_forges import Style
from mlops_gitops.errors import Failure
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.forge import Dismissal
from workshops import LOGINS, Workshop

WAVES: dict[str, Any] = {"settle": "PT15M", "targets": [{"name": "eu"}, {"name": "us", "wave": 2}]}
ASIA: dict[str, Any] = {**WAVES, "targets": [*WAVES["targets"], {"name": "asia", "wave": 3}]}
WITHOUT_EU: dict[str, Any] = {**WAVES, "targets": WAVES["targets"][1:]}
MODES = ({}, {"mode": "direct"})
ROLLOUTS: tuple[dict[str, Any], ...] = ({}, {"rollout": WAVES}, {"rollout": ASIA}, {"rollout": WITHOUT_EU})
QUORUMS = ({}, {"gates": [{"evidence": "model-tests"}, {"approvals": {"quorum": 1}}]})


class Honest(RuleBasedStateMachine):
    """One model, three environments, and people who keep to the rules."""

    @initialize(rollout=st.sampled_from(ROLLOUTS))
    def start(self, rollout: dict[str, Any]) -> None:
        self.shop = Workshop.new(workshops.environments(**rollout))

    @rule()
    def release(self) -> None:
        self.shop.publish()

    @rule()
    def reconcile(self) -> None:
        found = self.shop.reconcile()
        assert found.failures == ()

    @rule(mode=st.sampled_from(MODES), rollout=st.sampled_from(ROLLOUTS), quorum=st.sampled_from(QUORUMS))
    def policy(self, mode: dict[str, Any], rollout: dict[str, Any], quorum: dict[str, Any]) -> None:
        prod = workshops.environments(**mode, **rollout, **quorum)["prod"]
        self.shop.push({layout.environment("prod"): render(prod)})

    @rule(gone=st.sampled_from(["", "grace", "katherine"]))
    def trust(self, gone: str) -> None:
        """Somebody leaves, or is back."""
        told: Any = workshops.trust()
        told["spec"]["signers"] = [one for one in told["spec"]["signers"] if one["name"] != gone]
        self.shop.push({layout.TRUST: render(told)})

    @precondition(lambda self: self.open())
    @rule(who=st.sampled_from(sorted(LOGINS)), said=st.sampled_from(["approved", "approved", "changes-requested"]))
    def review(self, who: str, said: Any) -> None:
        self.shop.forge.review(self.open(), LOGINS[who], said)

    @precondition(lambda self: self.open())
    @rule()
    def both_approve(self) -> None:
        self.shop.approve("grace", "katherine", number=self.open())

    @rule(who=st.sampled_from(["grace", "katherine"]), verdict=st.sampled_from([Verdict.PASS, Verdict.FAIL]))
    def sign(self, who: str, verdict: Verdict) -> None:
        try:
            self.shop.sign(who, verdict)
        except Failure as failure:
            assert failure.code in {"no-release", "not-upstream", "not-trusted", "untrusted-key"}  # noqa: PT017

    @precondition(lambda self: any(one.voices for one in self.shop.forge.pulls.values()))
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        """Also after the merge."""
        forge = self.shop.forge
        number = data.draw(st.sampled_from([one.number for one in forge.pulls.values() if one.voices]))
        pull = forge.pulls[number]
        place = data.draw(st.integers(0, len(pull.voices) - 1))
        voice = pull.voices[place]
        if voice.said == "dismissed":
            return
        voices = [*pull.voices]
        voices[place] = replace(voice, said="dismissed")
        gone = Dismissal(voice.id, voice.said, forge.now())
        forge.edit(number, voices=tuple(voices), dismissals=(*pull.dismissals, gone))

    @precondition(lambda self: self.open())
    @rule(style=st.sampled_from(["merge", "squash", "rebase"]))
    def merge(self, style: Style) -> None:
        self.shop.forge.merge(self.open(), by="ada-example", style=style)

    @precondition(lambda self: len(self.shop.slot().receipts) > 1)
    @rule()
    def rollback(self) -> None:
        try:
            self.shop.rollback()
        except Failure as failure:
            assert failure.code == "no-rollback"  # noqa: PT017

    @rule(minutes=st.sampled_from([1, 20, 60, 60 * 24, 60 * 24 * 8]))
    def wait(self, minutes: int) -> None:
        self.shop.time += timedelta(minutes=minutes)
        self.shop.forge.time = self.shop.time

    @invariant()
    def verify_finds_nothing_but_a_seal_that_is_missing(self) -> None:
        problems = self.shop.problems()
        assert problems <= {"unsealed"}, problems
        assert bool(problems) == self.shop.slot().unsealed

    def teardown(self) -> None:
        self.shop.reconcile()
        before = list(self.shop.remote.writes)
        assert self.shop.reconcile().did == ()
        assert self.shop.remote.writes == before

    def open(self) -> int:
        return max((one.number for one in self.shop.forge.pulls.values() if one.state == "open"), default=0)


TestHonest = Honest.TestCase
TestHonest.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
