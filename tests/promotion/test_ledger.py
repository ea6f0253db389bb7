"""The ledger of looks: none is forgotten, none is counted twice, and the gate lets pass what is within its share."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence import holdouts
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.holdouts import Look
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests.environment import Holdout
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import apply, layout, ledger, plan, publish
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Decision
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from mlops_gitops.reporting import looks as told
from mlops_gitops.testing.champions.paired import Proportions
from stores import MemoryStore

DATA, FRESH = "d" * 64, "d473" * 16
"""The first is the file that every release of the estate names."""
APPROVED = {"approvals": {"quorum": 1}}


def report(
    champion: str, chance: float = 0.001, *, data: str = DATA, anchor: str | None = None, asked: str | None = None
) -> Report:
    check = Check("comparison.metric", "roc_auc", Verdict.PASS, "roc_auc rose", observed=0.01, interval=(0.0, 0.02))
    details = holdouts.looked([Look(data, chance, asked=asked)], anchor=anchor)
    return Report("comparison", (check,), "no worse", champion=champion, details=details)


class Site:
    """An environment repository in memory, and whoever publishes and promotes in it."""

    def __init__(self, *gates: dict[str, Any]) -> None:
        policy = {"prod": estate.environment("prod", gates=list(gates) or "none")}
        self.store, self.moment, self.made = MemoryStore.of(Estate.new(policy).files, NOW), NOW, 0

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(self.store.fetch())

    def release(self, *reports: Report, content: str | None = None, renew: bool = False, model: str = MODEL) -> Release:
        """Publish the next release; ``content`` of an earlier one makes that one again."""
        self.made += content is None
        word = content or f"{self.made}"
        made = publish.release(
            self.store,
            build=lambda before: estate.release(f"1.{word}.0", supersedes=before, content=word, model=model),
            reports=reports,
            provenance=lambda _: {},
            signer=estate.signer("ci"),
            renew=renew,
            now=self.now,
        )
        return made.result

    def decision(self, about: Release) -> Decision:
        case = plan.situation(self.snapshot, model=MODEL, environment="prod", release=about.id)
        return plan.decide(case, now=self.now())

    def judged(self, about: Release) -> tuple[Answer, str]:
        (one,) = (each for each in self.decision(about).judgements if each.gate == "comparison")
        return one.answer, one.reason

    def promote(self, about: Release, *, approved: bool = False) -> None:
        if approved:
            policy = self.snapshot.environment("prod")
            files = estate.evidence(estate.approval(about, policy, issued_at=self.moment), by="grace")
            settle(self.store, lambda _: Proposal(None, files, "Approve\n"), now=self.now)
        wishes = [Wish(MODEL, "prod", about.id)]
        done = apply.promote(self.store, lambda _: wishes, signer=estate.signer("ci"), now=self.now).result
        assert done[0].receipt is not None, done[0].decision

    def numbers(self, model: str = MODEL) -> list[tuple[str, int | None]]:
        return [(one.version, one.number) for one in ledger.entries(self.snapshot, model)]

    def shown(self) -> str:
        """The ledger as people read it."""
        holdout = self.snapshot.environment("prod").gates[0].holdout  # type: ignore[union-attr]
        taken = {name: len(one) for name, one in ledger.of_model(self.snapshot, MODEL, [DATA, FRESH]).taken.items()}
        return told.text(ledger.entries(self.snapshot, MODEL), {"prod": holdout}, taken)

    def problems(self) -> list[tuple[str, str]]:
        return [(one.id, one.message) for one in verify(self.store, self.store.fetch()).problems]


def gate(**holdout: Any) -> dict[str, Any]:
    return {"evidence": "comparison", "holdout": {"looks": 3, **holdout}}


@pytest.fixture
def site() -> Site:
    made = Site(gate())
    made.promote(made.release())
    return made


def champion(site: Site) -> str:
    found = site.snapshot.slot("prod", MODEL).current
    assert found is not None
    return found


def test_each_release_that_is_compared_is_a_look_and_the_data_wear_out() -> None:
    site = Site(gate(data=[DATA, FRESH]))
    site.promote(site.release())
    for number in (1, 2, 3):
        answer, why = site.judged(site.release(report(champion(site))))
        assert (answer, f"look {number} of 3 at data dddddddddddd" in why) == (Answer.PASS, True), why
    assert "fresh data are due for the next" in why
    answer, why = site.judged(site.release(report(champion(site))))
    assert answer is Answer.PENDING
    assert "it was look 4 at data dddddddddddd, which may judge 3: fresh data are due" in why
    assert site.judged(site.release(report(champion(site), data=FRESH)))[0] is Answer.PASS
    assert site.problems() == []
    shown = site.shown()
    assert "prod, data dddddddddddd: 4 of 3 looks are taken, fresh data are due; each may pass by luck with 0.017" in (
        shown
    )
    assert "prod, data d473d473d473: 1 of 3 looks are taken, 2 left" in shown


def test_who_adds_a_row_does_not_begin_anew_unless_the_policy_names_the_file(site: Site) -> None:
    first = champion(site)
    for number in range(1, 4):
        answer, why = site.judged(site.release(report(first, data=f"{number}" * 64)))
        assert (answer, f"look {number} of 3" in why) == (Answer.PASS, True), why
    answer, why = site.judged(site.release(report(first, data="4" * 64)))
    assert answer is Answer.PENDING
    assert "it was comparison 4 of this model, and the policy lets 3 judge and names no data: fresh data are due" in why
    assert "prod, data 444444444444: 4 of 3 looks are taken, fresh data are due" in site.shown()
    assert site.problems() == []


def test_another_name_for_the_model_does_not_give_fresh_looks_at_the_same_file() -> None:
    site = Site(gate(data=[DATA]))
    site.promote(site.release())
    other = site.release(model="delays-of-flights")
    for _ in range(3):
        site.release(report(other.id), model="delays-of-flights")
    answer, why = site.judged(site.release(report(champion(site))))
    assert answer is Answer.PENDING
    assert "it was look 4 at data dddddddddddd, which may judge 3" in why
    assert "3 more by other models" in site.shown()
    assert site.numbers("delays-of-flights")[-1][1] == 3
    assert site.problems() == []


def test_a_model_that_answers_otherwise_when_it_is_asked_again_takes_another_look(site: Site) -> None:
    first = champion(site)
    for number, asked in enumerate(("a", "b", "c", "d"), start=1):
        about = site.release(report(first, asked=asked), content="9", renew=True)
        answer, why = site.judged(about)
        assert (answer is Answer.PASS) is (number <= 3), why
    assert "it was look 4" in why
    site.release(report(first, asked="d"), content="9", renew=True)
    assert site.numbers()[-1][1] == 4, "the same questions with the same answers are the same look"
    assert site.problems() == []


def test_looks_that_were_cut_out_of_the_repository_make_no_room(site: Site) -> None:
    first = champion(site)
    looked = [site.release(report(first)) for _ in range(3)]
    gone = [path for path in site.store.fetch().files if "/comparison-" in path and looked[0].id in path]  # type: ignore[attr-defined]
    settle(site.store, lambda _: Proposal(None, dict.fromkeys(gone), "Tidy up\n"), now=site.now)
    answer, why = site.judged(site.release(report(first)))
    assert (answer, "it was look 4" in why) == (Answer.PENDING, True), why
    assert [kind for kind, _ in site.problems()] == ["append-only"]


@pytest.mark.parametrize("chance", [float("nan"), -0.5, 2, 10**400])
def test_what_is_no_chance_does_not_pass(chance: float) -> None:
    details: dict[str, Any] = {"looks": [{"holdout": DATA, "chance": chance, "number": 1, "total": 1}]}
    short = holdouts.short_of(Holdout(looks=3), estate.claim("comparison", "0" * 64, details=details))
    assert short is not None
    sound = {"holdout": FRESH, "chance": 0.001, "number": 1, "total": 1}
    details["looks"].append(sound)
    short = holdouts.short_of(Holdout(looks=3), estate.claim("comparison", "0" * 64, details=details))
    assert short is not None, "one look that counts does not stand for one that says nothing"
    assert holdouts.short_of(Holdout(3), estate.claim("comparison", "0" * 64, details={"looks": [sound]})) is None
    sound["number"] = 0
    assert holdouts.short_of(Holdout(3), estate.claim("comparison", "0" * 64, details={"looks": [sound]})) is not None


def test_a_look_has_to_be_surer_than_its_share(site: Site) -> None:
    assert site.judged(site.release(report(champion(site), 0.05 / 3)))[0] is Answer.PASS
    answer, why = site.judged(site.release(report(champion(site), 0.017)))
    assert answer is Answer.PENDING
    assert "look 2 of 3 at data dddddddddddd may pass by luck with a chance of 0.017" in why


def test_the_same_look_made_again_is_counted_once_and_another_champion_is_another_look(site: Site) -> None:
    first = champion(site)
    second = site.release(report(first))
    site.release(report(first), content="2", renew=True)
    third = site.release(report(first))
    assert site.numbers() == [("1.2.0", 1), ("1.3.0", 2)]
    site.promote(second)
    site.release(report(second.id), content="3")
    assert site.numbers() == [("1.2.0", 1), ("1.3.0", 2), ("1.3.0", 3)]
    assert site.judged(third)[0] is Answer.PASS
    assert site.problems() == []


def test_a_look_that_was_not_counted_or_at_other_data_than_the_policy_names_does_not_pass(site: Site) -> None:
    about = site.release()
    claim = estate.claim("comparison", about, champion=champion(site), details=dict(report("").details))
    settle(site.store, lambda _: Proposal(None, estate.evidence(claim), "By hand\n"), now=site.now)
    assert "was not counted when it was published" in site.judged(about)[1]
    bare = site.release()
    claim = estate.claim("comparison", bare, champion=champion(site))
    settle(site.store, lambda _: Proposal(None, estate.evidence(claim), "By hand\n"), now=site.now)
    answer, why = site.judged(bare)
    assert (answer, "does not say which data it looked at" in why) == (Answer.PENDING, True)
    strict = Site(gate(data=[FRESH]))
    strict.promote(strict.release())
    answer, why = strict.judged(strict.release(report(champion(strict))))
    assert (answer, "which the policy does not name" in why) == (Answer.PENDING, True)
    assert strict.judged(strict.release(report(champion(strict), data=FRESH)))[0] is Answer.PASS


def test_two_at_once_never_have_the_same_number(site: Site) -> None:
    first, racing = champion(site), [True]

    def other(step: str) -> None:
        if step == "before push" and racing:
            racing.clear()
            site.release(report(first))

    site.store.step = other
    site.release(report(first))
    assert sorted(number or 0 for _, number in site.numbers()) == [1, 2]
    assert site.problems() == []


def test_verify_counts_again_and_finds_a_number_that_was_made_up(site: Site) -> None:
    first = champion(site)
    for _ in range(3):
        site.release(report(first))
    about = site.release()
    claim = estate.claim("comparison", about, champion=first, details=dict(report("").details))
    forged = holdouts.numbered(claim, [1], total=1)
    files = estate.evidence(forged)
    settle(site.store, lambda _: Proposal(None, files, "By hand\n"), now=site.now)
    assert site.judged(about)[0] is Answer.PASS, "who may sign comparisons could sign any verdict too"
    assert site.problems() == [
        ("look", "it says that it was look 1 at data dddddddddddd, and it was 4"),
        ("look", "it says that it was comparison 1 of flight-delays, and it was 4"),
    ]
    site.release(report(first))
    assert len(site.problems()) == 2, "who comes after a forger is not blamed"
    about = site.release()
    claim = estate.claim("comparison", about, champion=first, details=dict(report("").details))
    files = estate.evidence(holdouts.numbered(claim, [9], total=9))
    settle(site.store, lambda _: Proposal(None, files, "By hand\n"), now=site.now)
    site.release(report(first))
    assert site.numbers()[-1][1] == 10, "counting goes on from the highest number"
    assert len(site.problems()) == 4, "nor is who comes after one that was too high"


def test_details_may_hold_anything(site: Site) -> None:
    for said in ("x", [1, {"holdout": 3}, {"holdout": DATA, "chance": True}, {"holdout": DATA, "chance": "0"}], None):
        about = site.release()
        claim = estate.claim("comparison", about, champion=champion(site), details={"looks": said, "anchor": [said]})
        settle(site.store, lambda _, one=claim: Proposal(None, estate.evidence(one), "By hand\n"), now=site.now)
        assert site.judged(about)[0] is Answer.PENDING
    assert site.problems() == []


@pytest.mark.parametrize(
    ("answers", "quiet"), [({}, True), ({"answers": "verdict"}, True), ({"answers": "numbers"}, False)]
)
def test_numbers_of_a_look_are_told_only_where_the_policy_says_so(answers: dict[str, str], quiet: bool) -> None:  # noqa: FBT001 - a table
    rule = Holdout.from_value({"looks": 3, **answers})
    assert rule is not None
    assert rule.quiet is quiet


def test_a_quiet_look_tells_whether_it_passed_and_nothing_else() -> None:
    passed = report("a" * 64)
    assert holdouts.quiet(passed) is passed
    worse = replace(passed.checks[0], verdict=Verdict.INCONCLUSIVE, message="rose by 0.0123")
    said = holdouts.quiet(replace(passed, checks=(worse,)))
    claim = publish.claims([said], estate.release(), issued_at=NOW, said=(), renew=False)[0]
    assert "0.0" not in claim.summary
    assert "0.001" not in str(claim.details)
    assert "interval" not in str(claim.details)
    assert [one.holdout for one in holdouts.looks(claim)] == [DATA], "it is a look all the same"


def test_a_look_is_quiet_unless_the_policy_says_otherwise() -> None:
    for answers, quiet in (({}, True), ({"answers": "verdict"}, True), ({"answers": "numbers"}, False)):
        found = estate.policy(estate.environment("prod", gates=[gate(**answers)])).comparison
        assert found is not None
        assert found.holdout is not None
        assert found.holdout.quiet is quiet


def test_where_looks_are_quiet_the_model_tests_do_not_tell_what_the_comparison_keeps() -> None:
    passed = report("a" * 64)
    unsure = replace(passed, checks=(replace(passed.checks[0], verdict=Verdict.INCONCLUSIVE),))
    measured = Check(
        "model.metric", "roc_auc", Verdict.PASS, "roc_auc is 0.8731", observed=0.8731, interval=(0.86, 0.88)
    )
    healthy = Check("model.finite", "test", Verdict.PASS, "every prediction on test is a finite number", observed=0)
    tested = Report("model-tests", (measured, healthy), "1 of 1 checks passed")
    assert holdouts.hushed([tested, passed]) == (tested, passed)
    told, _ = holdouts.hushed([tested, unsure])
    assert told.verdict is Verdict.PASS
    assert "87" not in str([one.document() for one in told.checks])
    assert told.checks[1] == healthy


def test_the_anchor_is_the_first_or_the_last_that_people_approved() -> None:
    for anchor, expected in (("first", "1.1.0"), ("approved", "1.2.0")):
        site = Site({"evidence": "comparison", "anchor": anchor}, APPROVED)
        site.promote(site.release(), approved=True)
        first = champion(site)
        second = site.release(report(first))
        assert plan.anchor(site.snapshot.slot("prod", MODEL), second.id) is None, "it is the champion"
        site.promote(second, approved=True)
        third = site.release(report(second.id), report(second.id, anchor=first))
        anchored = plan.anchor(site.snapshot.slot("prod", MODEL), third.id)
        versions = {one.id: one.version for one in site.snapshot.line(MODEL)}
        assert versions[anchored or champion(site)] == expected
        assert site.judged(third)[0] is Answer.PASS
        assert site.problems() == []


def test_a_comparison_without_the_anchor_does_not_count() -> None:
    site = Site({"evidence": "comparison", "anchor": "first"})
    first = site.release()
    site.promote(first)
    second = site.release(report(first.id))
    site.promote(second)
    third = site.release(report(second.id))
    answer, why = site.judged(third)
    assert answer is Answer.PENDING
    assert f"has nothing as its anchor, and here it is release {first.id[:12]}" in why
    site.release(report(second.id, anchor=first.id), content="3")
    assert site.judged(third)[0] is Answer.PASS
    assert len(site.snapshot.tree.names(layout.evidence(third.id))) == 3, "one of either, and the provenance"


def test_twenty_equal_tries_rarely_win_and_a_better_one_does() -> None:
    """By the gate's own words; without looks every third such team wins by luck (the long form: benchmarks)."""
    rule, plain = Holdout(looks=20), Holdout(looks=1)
    rng, luck, unguarded, better = np.random.default_rng(20), 0, 0, 0

    def wins(rule: Holdout, gained: int, lost: int, number: int) -> bool:
        chance = Proportions(1_800 - lost, gained, lost, 200 - gained).chance(0.0)
        claim = estate.claim("comparison", "0" * 64, details=dict(report("", chance).details))
        return holdouts.short_of(rule, holdouts.numbered(claim, [number], total=number)) is None

    for _ in range(150):
        # 160 rows on which the champion tossed a coin, and each try tosses again
        heads = int(rng.binomial(160, 0.5))
        gained, lost = rng.binomial(160 - heads, 0.5, 20), rng.binomial(heads, 0.5, 20)
        luck += any(wins(rule, *one, number=at) for at, one in enumerate(zip(gained, lost, strict=True), start=1))
        unguarded += any(wins(plain, *one, number=1) for one in zip(gained, lost, strict=True))
        better += wins(rule, int(rng.binomial(160 - heads, 0.75)), int(rng.binomial(heads, 0.25)), 20)
    assert luck <= 14, "5 % of 150 are 7 or 8; more than 14 come once in a hundred times at worst"
    assert unguarded >= 25
    assert better >= 120
