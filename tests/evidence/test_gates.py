"""Invariants 2, 3 and 8: evidence counts only for what it names, and a gate has three answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import estate
from estate import NOW, Estate
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.gates import Answer, Case, Waiver, judge
from mlops_gitops.evidence.relevance import SKEW
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import ApprovalsGate, Demand, EvidenceGate, Group
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.trust import Grant, Signer, Trust

RELEASE = estate.release()
PROD = Estate.new().policy("prod")
TRUST: Trust = read("trust", render(estate.trust()), path="trust/signers.yaml")
TESTS = EvidenceGate("model-tests", max_age=timedelta(days=30))
COMPARISON = EvidenceGate("comparison")
TWO = ApprovalsGate(quorum=2, groups=(Group("risk", 1),), max_age=timedelta(days=7))
CHAMPION = "9" * 64


def who(name: str) -> Signer:
    return next(one for one in TRUST.signers if one.name == name)


def piece(claim: Claim, by: str = "ci", number: int = 0) -> Evidence:
    """Evidence as admission would hand it on; the digest only has to differ."""
    return Evidence(f"{number:064x}", claim, who(by))


def case(*evidence: Evidence, **fields: object) -> Case:
    said: dict[str, object] = {
        "release": RELEASE.id,
        "environment": "prod",
        "policy": PROD.policy_digest,
        "champion": CHAMPION,
        "head": RELEASE.source.revision,
        "author": estate.AUTHOR,
        "evidence": evidence,
        "waivers": (),
        "trust": TRUST,
        "now": NOW,
        **fields,
    }
    return Case(**said)  # type: ignore[arg-type]


def judged(**fields: object) -> Claim:
    return estate.claim("model-tests", RELEASE, **fields)


def approval(**fields: object) -> Claim:
    return estate.approval(RELEASE, PROD, **fields)


def test_a_pass_passes() -> None:
    assert judge(TESTS, case(piece(judged()))).answer is Answer.PASS
    named = judged(environment="prod", policy=PROD.policy_digest)
    assert judge(TESTS, case(piece(named))).answer is Answer.PASS


ELSEWHERE = {
    "another release": {"release": "0" * 64},
    "another environment": {"environment": "staging"},
    "another policy": {"policy": "0" * 64},
    "expired": {"expires_at": NOW},
    "too old for the gate": {"issued_at": NOW - timedelta(days=30)},
    "dated in the future": {"issued_at": NOW + SKEW + timedelta(seconds=1)},
}


@pytest.mark.parametrize("fields", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_evidence_that_names_something_else_counts_for_nothing(fields: dict[str, object]) -> None:
    for verdict in Verdict:
        answer = judge(TESTS, case(piece(judged(verdict=verdict, **fields))))
        assert answer.answer is Answer.PENDING
        assert answer.evidence == ()


def test_a_comparison_with_another_champion_counts_for_nothing() -> None:
    said = estate.claim("comparison", RELEASE, champion="8" * 64)
    assert judge(COMPARISON, case(piece(said))).answer is Answer.PENDING
    assert judge(COMPARISON, case(piece(replace(said, champion=CHAMPION)))).answer is Answer.PASS
    assert judge(COMPARISON, case(piece(replace(said, champion=None)))).answer is Answer.PENDING
    assert judge(COMPARISON, case(champion=None)).answer is Answer.PASS


def test_who_may_not_sign_a_kind_here_is_not_heard() -> None:
    elsewhere = replace(who("ci"), signs=(Grant(("model-tests",), ("dev",)),))
    assert judge(TESTS, case(Evidence("a" * 64, judged(), elsewhere))).answer is Answer.PENDING
    assert judge(TESTS, case(piece(judged(), by="grace"))).answer is Answer.PENDING


@given(
    st.lists(
        st.tuples(st.sampled_from(Verdict), st.integers(-40, 40), st.booleans(), st.sampled_from(["ci", "grace"])),
        max_size=5,
    )
)
def test_only_unanimous_valid_passes_pass(said: list[tuple[Verdict, int, bool, str]]) -> None:
    """The oracle: valid pieces are those of ci, issued in the last thirty days, for prod; they must all say pass."""
    pieces = [
        piece(
            judged(verdict=verdict, issued_at=NOW + timedelta(days=days), environment="prod" if here else "dev"),
            by,
            number,
        )
        for number, (verdict, days, here, by) in enumerate(said)
    ]
    valid = {verdict for verdict, days, here, by in said if -30 < days <= 0 and here and by == "ci"}
    expected = {
        frozenset({Verdict.PASS}): Answer.PASS,
        frozenset({Verdict.FAIL}): Answer.FAIL,
    }.get(frozenset(valid), Answer.PENDING)
    found = judge(TESTS, case(*pieces))
    assert found.answer is expected
    assert ("disagree" in found.reason) == (len(valid) > 1)


def test_a_piece_that_supersedes_another_replaces_it() -> None:
    failed = piece(judged(verdict=Verdict.FAIL), number=1)
    again = piece(judged(supersedes=(failed.digest,)), number=2)
    assert judge(TESTS, case(failed, again)).answer is Answer.PASS
    by_nobody = piece(judged(supersedes=(failed.digest,)), by="grace", number=3)
    assert judge(TESTS, case(failed, by_nobody)).answer is Answer.FAIL


DEMANDS = EvidenceGate(
    "model-tests", metrics=(Demand("roc_auc", Threshold(min=0.75)), Demand("log_loss", Threshold(max=0.5)))
)


def numbers(**values: object) -> Claim:
    checks = [
        {"id": "model.metric", "subject": name, "verdict": "pass", "observed": value} for name, value in values.items()
    ]
    return judged(details={"checks": checks})


@pytest.mark.parametrize(
    ("claim", "answer", "words"),
    [
        (numbers(roc_auc=0.75, log_loss=0.5), Answer.PASS, "model-tests said so"),
        (numbers(roc_auc=0.734, log_loss=0.4), Answer.FAIL, "roc_auc is 0.734; prod demands at least 0.75"),
        (numbers(roc_auc=0.8, log_loss=0.51), Answer.FAIL, "log_loss is 0.510; prod demands at most 0.5"),
        (numbers(roc_auc=0.8), Answer.PENDING, "log_loss, which was not measured"),
        (judged(), Answer.PENDING, "roc_auc, which was not measured"),
        (numbers(roc_auc="0.9", log_loss=0.1), Answer.FAIL, "roc_auc is nan"),
        (numbers(roc_auc=None, log_loss=0.1), Answer.FAIL, "roc_auc is nan"),
        (judged(details={"checks": [1, None, {"id": "model.metric"}]}), Answer.PENDING, "not measured"),
        (judged(details={"checks": 7}), Answer.PENDING, "not measured"),
    ],
)
def test_what_the_environment_demands_of_the_numbers(claim: Claim, answer: Answer, words: str) -> None:
    """The manifest passed its own thresholds each time; a model repository cannot lower these."""
    found = judge(DEMANDS, case(piece(claim)))
    assert (found.answer, words in found.reason) == (answer, True), found.reason


def test_every_piece_must_meet_the_demands() -> None:
    both = (piece(numbers(roc_auc=0.9, log_loss=0.1), number=1), piece(numbers(roc_auc=0.7, log_loss=0.1), number=2))
    assert judge(DEMANDS, case(*both)).answer is Answer.FAIL
    assert judge(DEMANDS, case(*reversed(both))).answer is Answer.FAIL


def test_a_release_that_failed_its_own_tests_is_not_asked_for_numbers() -> None:
    failed = piece(replace(numbers(roc_auc=0.9, log_loss=0.1), verdict=Verdict.FAIL))
    assert judge(DEMANDS, case(failed)).reason == "model-tests said so"


def test_two_people_of_whom_one_in_the_group() -> None:
    grace, katherine = piece(approval(), "grace", 1), piece(approval(), "katherine", 2)
    assert judge(TWO, case(grace, katherine)).answer is Answer.PASS
    assert judge(TWO, case(grace)).answer is Answer.PENDING
    assert "1 more of katherine" in judge(TWO, case(grace)).reason
    assert "1 more of group risk (grace)" in judge(TWO, case(katherine)).reason


UNHEARD = {
    "the author": (piece(approval(), "ada", 3), "the author"),
    "a machine": (Evidence("3" * 64, approval(), replace(who("ci"), signs=who("grace").signs)), "may not approve"),
    "another commit": (piece(approval(head="b" * 40), "grace", 3), "another commit"),
    "another policy": (piece(approval(policy="0" * 64), "grace", 3), "another policy"),
    "another release": (piece(approval(release="0" * 64), "grace", 3), "another release"),
    "an old one": (piece(approval(issued_at=NOW - timedelta(days=7)), "grace", 3), "expired"),
    "no policy at all": (piece(approval(policy=None), "grace", 3), "another policy"),
    "no commit at all": (piece(approval(head=None), "grace", 3), "another commit"),
    "a second key of the same person": (piece(approval(), "katherine", 3), ""),
}


@pytest.mark.parametrize(("extra", "why"), UNHEARD.values(), ids=UNHEARD.keys())
def test_what_does_not_count_as_a_second_approval(extra: Evidence, why: str) -> None:
    one = ApprovalsGate(quorum=2, max_age=timedelta(days=7))
    found = judge(one, case(piece(approval(), "katherine", 1), extra))
    assert found.answer is Answer.PENDING
    assert why in found.reason


def test_an_approval_for_elsewhere_is_not_even_mentioned() -> None:
    found = judge(TWO, case(piece(approval(environment="staging"), "grace")))
    assert (found.answer, found.evidence) == (Answer.PENDING, ())


def test_a_rejection_fails_until_the_same_person_replaces_it() -> None:
    others = (piece(approval(), "katherine", 1), piece(approval(), "ada", 2))
    no = piece(approval(verdict=Verdict.FAIL, summary="not at night"), "grace", 3)
    assert judge(TWO, case(*others, no)).answer is Answer.FAIL
    assert "not at night" in judge(TWO, case(*others, no)).reason
    by_another = piece(approval(supersedes=(no.digest,)), "katherine", 4)
    assert judge(TWO, case(*others, no, by_another)).answer is Answer.FAIL
    yes = piece(approval(supersedes=(no.digest,)), "grace", 5)
    assert judge(TWO, case(*others, no, yes)).answer is Answer.PASS
    assert judge(TWO, case(*others, no, replace(yes, claim=approval()))).answer is Answer.PENDING


def waiver(by: str = "grace", **fields: object) -> tuple[Waiver, Evidence]:
    named = {"gate": "model-tests", "environment": "prod", "policy": PROD.policy_digest}
    said = {**named, "expires_at": NOW + timedelta(days=2), **fields}
    signed = piece(estate.claim("waiver", RELEASE, **said), by, 7)
    return Waiver("model-tests", by, NOW + timedelta(days=1), signed.digest), signed


def test_a_waiver_opens_its_gate_only_with_a_signature_of_somebody_who_may() -> None:
    failed = piece(judged(verdict=Verdict.FAIL), number=1)
    control, signed = waiver()
    assert judge(TESTS, case(failed, signed, waivers=(control,))).answer is Answer.PASS
    assert judge(TESTS, case(failed, waivers=(control,))).answer is Answer.FAIL, "a control alone"
    assert judge(TESTS, case(failed, signed)).answer is Answer.FAIL, "a signature alone"
    for by, fields in (
        ("ada", {}),
        ("ci", {}),
        ("grace", {"gate": "data-tests"}),
        ("grace", {"environment": "staging"}),
        ("grace", {"expires_at": None}),
        ("grace", {"expires_at": NOW}),
    ):
        control, signed = waiver(by, **fields)
        assert judge(TESTS, case(failed, signed, waivers=(control,))).answer is Answer.FAIL, (by, fields)
    control, signed = waiver()
    ended = replace(control, until=NOW)
    assert judge(TESTS, case(failed, signed, waivers=(ended,))).answer is Answer.FAIL


def test_a_waiver_is_told_under_the_name_of_who_signed_it() -> None:
    control, signed = waiver()
    found = judge(TESTS, case(signed, waivers=(replace(control, by="the board"),)))
    assert found.answer is Answer.PASS
    assert found.reason.startswith("waived by grace until ")


SILENCERS = {
    "for another environment": {"environment": "dev"},
    "under another policy": {"policy": "0" * 64},
    "expired": {"expires_at": NOW},
    "dated in the future": {"issued_at": NOW + SKEW + timedelta(seconds=1)},
}


@pytest.mark.parametrize("fields", SILENCERS.values(), ids=SILENCERS.keys())
def test_a_piece_that_does_not_count_here_silences_no_failure(fields: dict[str, object]) -> None:
    before = piece(judged(), number=1)
    failed = piece(judged(verdict=Verdict.FAIL), number=2)
    silencer = piece(judged(supersedes=(failed.digest,), **fields), number=3)
    assert judge(TESTS, case(before, failed, silencer)).answer is Answer.PENDING
    assert judge(TESTS, case(failed, silencer)).answer is Answer.FAIL


def test_a_comparison_with_another_champion_silences_none_with_this_one() -> None:
    lost = piece(estate.claim("comparison", RELEASE, champion=CHAMPION, verdict=Verdict.FAIL), number=1)
    won = piece(estate.claim("comparison", RELEASE, champion="8" * 64, supersedes=(lost.digest,)), number=2)
    assert judge(COMPARISON, case(lost, won)).answer is Answer.FAIL


def test_who_withdrew_has_withdrawn_even_when_the_withdrawal_no_longer_counts() -> None:
    one = ApprovalsGate(quorum=1, max_age=timedelta(days=7))
    yes = piece(approval(), "grace", 1)
    no = piece(approval(verdict=Verdict.FAIL, supersedes=(yes.digest,), policy="0" * 64), "grace", 2)
    assert judge(one, case(yes, no)).answer is Answer.PENDING
    elsewhere = replace(no, claim=approval(verdict=Verdict.FAIL, supersedes=(yes.digest,), environment="staging"))
    assert judge(one, case(yes, elsewhere)).answer is Answer.PASS


@pytest.mark.parametrize("author", ["Ada@Example.com", "ADA@EXAMPLE.COM", " ada@example.com "])
def test_the_author_is_known_in_any_spelling(author: str) -> None:
    one = ApprovalsGate(quorum=1)
    mine = piece(approval(), "ada", 1)
    assert judge(one, case(mine, author="somebody@example.com")).answer is Answer.PASS
    found = judge(one, case(mine, author=author))
    assert found.answer is Answer.PENDING
    assert "ada is the author" in found.reason


def test_two_entries_of_one_person_are_one_voice() -> None:
    two = ApprovalsGate(quorum=2)
    again = replace(who("grace"), name="grace-at-night", identities=("Grace@example.com", "github:grace"))
    pieces = (piece(approval(), "grace", 1), Evidence("2" * 64, approval(), again))
    assert judge(two, case(*pieces, trust=Trust((*TRUST.signers, again)))).answer is Answer.PENDING
    other = replace(again, identities=("hedy@example.com",))
    pieces = (pieces[0], Evidence("2" * 64, approval(), other))
    assert judge(two, case(*pieces, trust=Trust((*TRUST.signers, other)))).answer is Answer.PASS


REPRODUCED = EvidenceGate("reproduction", level="canonical")


@pytest.mark.parametrize(
    ("observed", "answer"),
    [
        ("bitwise", Answer.PASS),
        ("canonical", Answer.PASS),
        ("numeric", Answer.FAIL),
        ("statistical", Answer.FAIL),
        ("identical", Answer.PENDING),
        (7, Answer.PENDING),
        (None, Answer.PENDING),
    ],
)
def test_an_environment_demands_a_level_whatever_the_manifest_promises(observed: object, answer: Answer) -> None:
    check = {"id": "reproduction.level", "subject": "cancer", "verdict": "pass", "observed": observed}
    said = estate.claim("reproduction", RELEASE, details={"checks": [check]})
    verdict = judge(REPRODUCED, case(piece(said)))
    assert verdict.answer is answer
    assert "prod demands" in verdict.reason or answer is Answer.PASS
    assert judge(replace(REPRODUCED, level=None), case(piece(said))).answer is Answer.PASS


def test_the_loosest_of_several_levels_counts() -> None:
    checks = [
        {"id": "reproduction.level", "subject": name, "verdict": "pass", "observed": level}
        for name, level in (("a", "bitwise"), ("b", "numeric"))
    ]
    said = estate.claim("reproduction", RELEASE, details={"checks": checks})
    assert judge(REPRODUCED, case(piece(said))).answer is Answer.FAIL
