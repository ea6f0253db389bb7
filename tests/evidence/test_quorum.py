"""The quorum held against a small oracle, and what no further voice may change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

import reviewers
from estate import NOW
from mlops_gitops.evidence import persons, quorum
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.gates import Answer, Case, judge, voices
from mlops_gitops.evidence.reviews import Review, Voice
from mlops_gitops.manifests.environment import ApprovalsGate
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import plan
from mlops_gitops.promotion.snapshot import Snapshot
from reviewers import HEAD, OLD, RELEASE

TRUST: Trust = read("trust", reviewers.trust(), path="trust/signers.yaml")
START = reviewers.start()
(MACHINE,) = (one for one in TRUST.signers if one.name == "reviews")
CASE = plan.gate_case(
    plan.situation(Snapshot(START.tree()), model=RELEASE.name, environment="prod", release=RELEASE.id), now=NOW
)
NAMES = ("ada", "grace", "katherine", "hedy")
RISK = {"grace"}

said = st.builds(
    lambda who, words, commit, days: reviewers.voice(who, words, commit=commit, at=NOW - timedelta(days=days)),
    st.sampled_from(NAMES),
    st.sampled_from(["approved", "approved", "approved", "changes-requested", "commented", "dismissed"]),
    st.sampled_from([HEAD, HEAD, HEAD, OLD]),
    st.integers(0, 9),
)
some = st.lists(said, max_size=8)
barred = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)


def case(review: Review) -> Case:
    return replace(CASE, evidence=(Evidence("1" * 64, reviewers.claim(START, review), MACHINE),))


def seen(voices: list[Voice], authors: list[str]) -> Review:
    return reviewers.review(START, *voices, authors=tuple(f"{one}-example" for one in authors))


def oracle(voices: list[Voice], authors: list[str], quorum: int, least: int) -> Answer:
    """The rules of the documentation, one by one."""
    approve, refuse = set(), set()
    for name in NAMES:
        words = [one for one in voices if one.login == f"{name}-example" and one.said != "commented"]
        if not words:
            continue
        last = words[-1]
        if last.said == "changes-requested":
            refuse.add(name)
        fresh = last.commit == HEAD and NOW - last.at < timedelta(days=7)
        if last.said == "approved" and fresh and name != "ada" and name not in authors:
            approve.add(name)
    if refuse:
        return Answer.FAIL
    return Answer.PASS if len(approve) >= quorum and len(approve & RISK) >= least else Answer.PENDING


def gate(quorum: int, least: int) -> ApprovalsGate:
    groups = [{"name": "risk", "min": least}] if least else []
    return ApprovalsGate.from_value({"quorum": quorum, "groups": groups, "maxAge": "P7D"})


@given(some, barred, st.integers(1, 3), st.integers(0, 1))
def test_the_gate_agrees_with_the_oracle(voices: list[Voice], authors: list[str], quorum: int, least: int) -> None:
    found = judge(gate(quorum, least), case(seen(voices, authors)))
    assert found.answer is oracle(voices, authors, quorum, least), found.reason


@given(some, barred, st.data())
def test_a_voice_that_is_no_word_changes_nothing(voices: list[Voice], authors: list[str], data: st.DataObject) -> None:
    policy = gate(2, 1)
    silent = data.draw(
        st.sampled_from(
            [
                reviewers.voice("grace", "commented"),
                reviewers.voice("passer-by"),
                reviewers.voice("passer-by", "changes-requested"),
                reviewers.voice("grace-example[bot]"),
                reviewers.voice("katherine", bot=True),
                replace(reviewers.voice("grace"), login="gr\u0430ce-example"),
            ]
        )
    )
    at = data.draw(st.integers(0, len(voices)))
    more = [*voices[:at], silent, *voices[at:]]
    before, after = (judge(policy, case(seen(one, authors))) for one in (voices, more))
    assert (before.answer, before.reason.split(" (")[0]) == (after.answer, after.reason.split(" (")[0])


@given(some, barred, st.integers(1, 3), st.integers(0, 1))
def test_those_who_are_asked_can_open_the_gate(said: list[Voice], authors: list[str], quorum: int, least: int) -> None:
    """When everybody who is named approves, it passes; unless a gap names nobody, or somebody objects."""
    policy = gate(quorum, least)
    heard = voices(policy, case(seen(said, authors)))
    logins = {one.removeprefix("github:") for gap in heard.missing for one in gap.ask}
    answer = judge(policy, case(seen([*said, *map(reviewers.voice, sorted(logins))], authors))).answer
    able = all(len(gap.ask) >= gap.count for gap in heard.missing)
    others = set(heard.object) - {one.removesuffix("-example") for one in logins}
    assert answer is (Answer.FAIL if others else Answer.PASS if able else Answer.PENDING)


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=6))
def test_entries_that_share_an_identity_are_one_person(sets: list[list[str]]) -> None:
    entries = [
        reviewers.person(f"p{place}", keys=False, identities=[f"github:{one}" for one in dict.fromkeys(some)])
        for place, some in enumerate(sets)
    ]
    trust: Trust = read("trust", reviewers.trust(*entries, reviewers.MACHINES[0]), path="trust/signers.yaml")
    groups: list[set[str]] = []
    for letters in map(set, sets):
        touching = [one for one in groups if one & letters]
        groups = [one for one in groups if not one & letters] + [letters.union(*touching)]
    found = {frozenset(one.removeprefix("github:") for one in person.identities if "github" in one)
             for person in persons.approvers(trust, "prod")}  # fmt: skip
    assert found == {frozenset(one) for one in groups}


def test_known_as() -> None:
    assert persons.known_as("Grace@Example.com") == {"grace@example.com"}
    assert persons.known_as("1+Grace-E@users.noreply.github.com") >= {"github:grace-e"}
    assert persons.known_as("github:Grace-E") == persons.known_as("grace-e") == {"github:grace-e"}
    assert persons.known_as("grace_acme") == {"github:grace_acme"}
    for nobody in ("", "grace example", "-grace", "grace[bot]", "\u212aate", "a" * 41, "name:grace"):
        assert persons.known_as(f"github:{nobody}") == frozenset(), nobody


def test_many_who_could_be_asked_are_not_all_named() -> None:
    gap = quorum.Missing(1, None, tuple(f"github:p{one}" for one in range(20)))
    assert gap.words.endswith("github:p7 or 12 others")
