"""Attempts to get a release past the people who have to approve it, each by its name.

Every test says what an attacker, or somebody in a hurry, would try.  Each one starts from what passes: two approvals of
the head, one of them from group risk, recorded by a machine that may.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

import estate
import reviewers
from estate import NOW, Estate
from mlops_gitops import canonical
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.reading import Invalid, read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, publish
from reviewers import HEAD, OLD, PEOPLE, RELEASE, judged, look, machine, passes, person, signed, start, trust, voice

GRACE, KATHERINE, HEDY = voice("grace"), voice("katherine"), voice("hedy")
MODELS = {"repository": "airline/models", "number": 3, "promotion": None}


def waits(where: Estate, words: str = "") -> None:
    """The gate waits, nobody was refused, and the reason says why."""
    found = judged(where)
    assert found.answer is Answer.PENDING, found.reason
    assert words in found.reason


def test_two_reviewers_of_whom_one_in_the_group_pass() -> None:
    found = judged(look(start(), GRACE, KATHERINE))
    assert (found.answer, found.reason) == (Answer.PASS, "approved by grace, katherine (2 of 2)")
    assert passes(look(start(), GRACE, HEDY)), "a person without a key"
    waits(look(start(), GRACE), "still missing: 1 more of github:katherine-example or github:hedy-example")
    waits(look(start(), KATHERINE, HEDY), "1 more of group risk (github:grace-example)")


def test_self_approval() -> None:
    waits(look(start(), GRACE, voice("ada")), "ada-example wrote the release, and does not count")


def test_the_author_approves_with_another_login_of_theirs() -> None:
    people = (*PEOPLE[1:], person("ada", identities=["ada@example.com", "github:ada-example", "github:a-lovelace"]))
    where = start(trusted=trust(*reviewers.MACHINES, *people))
    waits(look(where, GRACE, voice("a-lovelace")), "wrote the release")


def test_the_author_approves_under_a_second_entry_of_trust() -> None:
    again = person("ada-at-night", identities=["github:ada-example", "github:night-owl"])
    where = start(trusted=trust(*reviewers.MACHINES, *PEOPLE, again))
    waits(look(where, GRACE, voice("night-owl")), "wrote the release")


def test_the_author_approves_under_an_entry_that_is_theirs_by_way_of_a_third() -> None:
    middle = person("ada-two", identities=["github:ada-example", "github:a-two"])
    far = person("ada-three", identities=["github:a-two", "github:a-three"])
    for order in ((middle, far), (far, middle)):
        where = start(trusted=trust(*reviewers.MACHINES, *order, *PEOPLE))
        waits(look(where, GRACE, voice("a-three")), "wrote the release")
        waits(signed(look(where, GRACE), "ada-three"), "is the author")


def test_whoever_opened_the_pull_request_approves_it() -> None:
    waits(look(start(), GRACE, KATHERINE, author="Katherine-Example"), "opened the pull request")


def test_a_co_author_approves() -> None:
    waits(look(start(), GRACE, KATHERINE, authors=("promoter[bot]", "katherine-example")), "wrote a commit of it")


def test_a_co_author_known_by_their_e_mail_address_alone_approves() -> None:
    waits(look(start(), GRACE, KATHERINE, authors=("Katherine@Example.com",)), "wrote a commit of it")


@pytest.mark.parametrize("hidden", ["12345+katherine-example", "Katherine-Example"])
def test_a_co_author_behind_an_address_that_hides_them_approves(hidden: str) -> None:
    for host in ("github.com", "forge.example.com"):
        waits(look(start(), GRACE, KATHERINE, authors=(f"{hidden}@users.noreply.{host}",)), "wrote a commit of it")


def test_the_last_pusher_approves_after_a_trailing_commit() -> None:
    waits(look(start(), GRACE, KATHERINE, pusher="katherine-example"), "pushed last")


def test_an_unknown_pusher_is_said_and_makes_nobody_else_count() -> None:
    where = look(start(), GRACE, KATHERINE, pusher=None, authors=("katherine-example",))
    waits(where, "does not say who pushed last")
    assert passes(look(start(), GRACE, KATHERINE, pusher=None))


def test_who_trained_the_model_approves() -> None:
    for trainer in ("katherine@example.com", "katherine-example", "github:katherine-example", "Katherine"):
        about = reviewers.trained_by(trainer)
        where = start(about=about)
        made = reviewers.claim(
            where,
            reviewers.review(where, GRACE, KATHERINE, promotion=reviewers.promotion_of(where, about)),
            release=about.id,
        )
        found = judged(where.with_files(estate.evidence(made, by="reviews")), about)
        assert found.answer is Answer.PENDING
        assert "katherine-example trained the model" in found.reason


def test_approval_then_a_force_push() -> None:
    waits(look(start(), voice("grace", commit=OLD), KATHERINE), "approved bbbbbbbbbbbb, which is not the head any more")


def test_an_approval_of_the_head_moved_back_to_an_older_one() -> None:
    waits(look(start(), GRACE, KATHERINE, head=OLD), "is not the head any more")


def test_approve_then_request_changes_then_comment() -> None:
    said = (GRACE, KATHERINE, HEDY, voice("grace", "changes-requested"), voice("grace", "commented"))
    found = judged(look(start(), *said))
    assert (found.answer, "grace requests changes" in found.reason) == (Answer.FAIL, True)


def test_a_request_for_changes_is_pushed_away() -> None:
    said = (voice("grace", "changes-requested", commit=OLD), KATHERINE, HEDY)
    assert judged(look(start({"quorum": 2}), *said)).answer is Answer.FAIL
    assert passes(look(start({"quorum": 2}), *said, GRACE)), "until they approve"


def test_a_request_for_changes_with_a_date_before_the_approval() -> None:
    late = replace(voice("grace", "changes-requested"), at=NOW - timedelta(days=2))
    assert judged(look(start(), GRACE, KATHERINE, late)).answer is Answer.FAIL


def test_a_dismissed_approval() -> None:
    waits(look(start(), voice("grace", "dismissed"), KATHERINE, HEDY), "grace-example was dismissed")


def test_an_approval_before_one_that_was_dismissed() -> None:
    waits(look(start(), GRACE, KATHERINE, voice("grace", "dismissed"), voice("grace", "commented")), "was dismissed")


def test_who_was_dismissed_counts_only_after_another_review() -> None:
    assert passes(look(start(), voice("grace", "dismissed"), KATHERINE, GRACE))


def test_a_bot_approves() -> None:
    robot = person("robot")
    where = start(trusted=trust(*reviewers.MACHINES, *PEOPLE, robot))
    waits(look(where, GRACE, voice("robot", bot=True)), "robot-example is a bot")


def test_a_bot_with_the_name_of_a_reviewer() -> None:
    for name in ("katherine-example[bot]", "katherine-example[BOT]"):
        waits(look(start(), GRACE, voice(name)), "is a bot")


def test_a_machine_of_trust_with_a_login_approves() -> None:
    robot = {**machine("robot", ["approval"]), "identities": ["github:robot-example"]}
    where = start(trusted=trust(*reviewers.MACHINES, *PEOPLE, robot))
    waits(look(where, GRACE, voice("robot")), "may not approve here")


@pytest.mark.parametrize("name", ["\u212aatherine-example", "k\u0430therine-example", "katherine\u2010example", ""])
def test_a_login_that_only_looks_like_one(name: str) -> None:
    """KELVIN SIGN becomes a plain k when letters are folded; a Cyrillic a looks like one."""
    waits(look(start(), GRACE, replace(KATHERINE, login=name or "katherine-example\u200b")), "is not the login")


def test_the_case_of_a_login_makes_nobody_two_people() -> None:
    waits(look(start(), GRACE, voice("Grace-Example")))
    assert passes(look(start(), GRACE, voice("KATHERINE-EXAMPLE")))


def test_somebody_whom_nobody_trusts_approves() -> None:
    waits(look(start(), GRACE, voice("passer-by")), "passer-by may not approve here")


def test_somebody_whom_nobody_trusts_requests_changes() -> None:
    assert passes(look(start(), GRACE, KATHERINE, voice("passer-by", "changes-requested")))


def test_an_approver_of_another_environment_approves() -> None:
    staging = {**person("dorothy"), "signs": [{"kinds": ["approval"], "environments": ["staging"]}]}
    where = start(trusted=trust(*reviewers.MACHINES, *PEOPLE, staging))
    waits(look(where, GRACE, voice("dorothy")), "may not approve here")


def test_a_reviewer_who_was_removed_from_trust_later() -> None:
    where = look(start(), GRACE, KATHERINE)
    gone = where.with_files({layout.TRUST: trust(*reviewers.MACHINES, PEOPLE[0], PEOPLE[1])})
    waits(gone, "katherine-example may not approve here")


def test_two_logins_of_one_person_are_one_voice() -> None:
    twice = person("grace", groups=["risk"], identities=["github:grace-example", "github:grace-two"])
    where = start(trusted=trust(*reviewers.MACHINES, PEOPLE[2], twice))
    waits(look(where, GRACE, voice("grace-two")), "approved by grace;")


def test_one_person_by_login_and_by_key_is_one_voice() -> None:
    waits(signed(look(start(), GRACE), "grace"), "approved by grace;")
    assert passes(signed(look(start(), GRACE), "katherine")), "two people, one by each way"


def test_one_person_who_says_yes_by_key_and_no_by_review() -> None:
    where = signed(look(start(), voice("grace", "changes-requested"), KATHERINE, HEDY), "grace")
    waits(where, "error: grace approved it by key and rejected it in a review")
    waits(signed(look(start(), GRACE, KATHERINE, HEDY), "grace", Verdict.FAIL), "error: grace rejected it by key")


TRANSPLANTS: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "another environment": ({}, {"environment": "staging"}, ""),
    "another policy": ({}, {"policy": "0" * 64}, "another policy"),
    "no policy": ({}, {"policy": None}, "another policy"),
    "another commit": ({}, {"head": "d" * 40}, "another commit"),
    "another promotion": ({"promotion": "e" * 64}, {}, "another promotion"),
    "no promotion": ({"promotion": None}, {}, "another promotion"),
    "the future": ({}, {"issued_at": NOW + timedelta(hours=1)}, "dated in the future"),
}


@pytest.mark.parametrize(("review", "about", "words"), TRANSPLANTS.values(), ids=TRANSPLANTS.keys())
def test_a_review_transplanted_from(review: dict[str, object], about: dict[str, object], words: str) -> None:
    waits(look(start(), GRACE, KATHERINE, about=about, **review), words)


def test_a_review_transplanted_from_another_release() -> None:
    other = estate.release("1.1.0", supersedes=RELEASE.id, content="b")
    where = look(start(), GRACE, KATHERINE)
    moved = {
        path.replace(RELEASE.id, other.id): data for path, data in where.files.items() if path.startswith("evidence/")
    }
    found = judged(where.with_files({**publish.release_files(other), **moved}), other)
    assert found.answer is Answer.PENDING


def test_the_reviews_of_a_closed_pull_request_beside_those_of_the_open_one() -> None:
    where = look(look(start(), GRACE, KATHERINE), number=8)
    waits(where, "error: 2 looks at the reviews of airline/environments#7 and airline/environments#8 differ")
    superseding = look(look(start(), GRACE, KATHERINE), GRACE, number=8, about={"supersedes": reviewers.digests(where)})
    waits(superseding, "approved by grace;")


def test_an_older_look_replayed_after_one_that_withdrew() -> None:
    first = look(start(), GRACE, KATHERINE)
    second = look(first, GRACE, about={"supersedes": reviewers.digests(first)})
    waits(second, "approved by grace;")
    again = look(second, GRACE, KATHERINE, about={"issued_at": NOW + timedelta(seconds=1)})
    waits(again, "error: 2 looks")


def test_an_older_look_after_a_later_one_that_no_longer_counts() -> None:
    """The later one was taken under another policy, which was then put back."""
    first = look(start(), GRACE, KATHERINE)
    second = look(first, GRACE, about={"supersedes": reviewers.digests(first), "policy": "0" * 64})
    waits(second, "another policy")


def test_a_look_that_silences_the_look_at_another_pull_request() -> None:
    objected = look(start(), GRACE, KATHERINE, voice("hedy", "changes-requested"))
    silenced = look(
        objected, number=9, promotion="e" * 64, about={"supersedes": reviewers.digests(objected)},
    )  # fmt: skip
    assert judged(silenced).answer is Answer.FAIL


def test_a_review_signed_by_a_machine_without_the_right() -> None:
    waits(look(start(), GRACE, KATHERINE, by="ci"), "nobody has approved yet")
    staging = machine("reviews", ["review"], ["staging"])
    waits(look(start(trusted=trust(staging, *PEOPLE)), GRACE, KATHERINE), "nobody has approved yet")


def test_a_review_signed_by_a_person() -> None:
    eve = {**person("eve"), "signs": [{"kinds": ["review"], "environments": ["*"]}]}
    waits(look(start(trusted=trust(*PEOPLE, eve)), GRACE, KATHERINE, by="eve"), "nobody has approved yet")


def test_a_review_signed_by_a_key_that_nobody_knows() -> None:
    waits(look(start(), GRACE, KATHERINE, by="stranger"), "nobody has approved yet")


def test_a_piece_of_evidence_whose_voices_were_edited() -> None:
    where = look(start(), GRACE, voice("katherine", "commented"))
    (path,) = (one for one in where.files if "/review-" in one)
    sealed = json.loads(where.files[path])
    payload = base64.b64decode(sealed["payload"])
    edited = payload.replace(b'"commented"', b'"approved"')
    assert edited != payload
    data = canonical.encode({**sealed, "payload": base64.b64encode(edited).decode()})
    for name in (path, path.replace(reviewers.digests(where)[0], canonical.sha256(data))):
        files = {one: content for one, content in where.files.items() if one != path}
        waits(Estate({**files, name: data}), "nobody has approved yet")


def test_an_approval_that_is_too_old() -> None:
    old = voice("katherine", at=NOW - timedelta(days=7))
    waits(look(start(), GRACE, old), "approved too long ago")
    assert passes(look(start(), GRACE, KATHERINE), now=NOW + timedelta(days=6))
    assert not passes(look(start(), GRACE, KATHERINE), now=NOW + timedelta(days=7))


def test_an_approval_from_the_future() -> None:
    waits(look(start(), GRACE, voice("katherine", at=NOW + timedelta(hours=1))), "still to come")


def test_an_approval_of_a_to_b_replayed_for_the_second_a_to_b() -> None:
    """The id of a promotion holds the receipt before it, so the fourth of A, B, A, B is not the second."""
    where = start()
    seen = look(where, GRACE, KATHERINE)
    assert passes(seen)
    moved = {**seen.files}
    other = estate.release("1.1.0", supersedes=RELEASE.id, content="b")
    moved |= publish.release_files(other)
    waits(reviewers.with_receipt(Estate(moved), other), "about another promotion")


def test_a_quorum_of_nought_and_a_group_of_nobody() -> None:
    for wrong in ({"quorum": 0}, {"quorum": 1, "groups": [{"name": "risk", "min": 0}]}, {"quorum": -1}):
        with pytest.raises(Invalid):
            start(wrong).policy("prod")
    from mlops_gitops.evidence import quorum
    from mlops_gitops.manifests.environment import ApprovalsGate, Group

    found = quorum.missing(ApprovalsGate(0, (Group("risk", 0),)), set(), people=(), barred=())
    assert [(one.count, one.group) for one in found] == [(1, "risk"), (1, None)]


def test_one_approval_for_a_group_that_is_named_twice() -> None:
    twice = {"quorum": 1, "groups": [{"name": "risk", "min": 1}, {"name": "risk", "min": 2}]}
    waits(look(start(twice), GRACE), "1 more of group risk")


def test_reviews_where_only_signatures_are_asked_for() -> None:
    policy = {**reviewers.APPROVALS, "sources": ["signatures"]}
    waits(look(start(policy), GRACE, KATHERINE), "nobody has approved yet")
    waits(signed(signed(start({**policy, "sources": ["reviews"]}), "grace"), "katherine"), "nobody has approved yet")


def test_the_reviews_of_the_model_where_the_policy_does_not_ask_for_them() -> None:
    where = look(start(), GRACE, KATHERINE, about={"environment": None, "policy": None}, **MODELS)
    waits(where, "nobody has approved yet")


WITH_MODELS = {**reviewers.APPROVALS, "sources": ["signatures", "reviews", "model-reviews"]}
FREELY = {"environment": None, "policy": None}


def test_the_reviews_of_a_model_count_for_the_commit_that_was_released_alone() -> None:
    assert passes(look(start(WITH_MODELS), GRACE, KATHERINE, about=FREELY, **MODELS))
    waits(look(start(WITH_MODELS), GRACE, KATHERINE, about={**FREELY, "head": "d" * 40}, **MODELS), "another commit")


def test_a_review_of_a_promotion_passed_off_as_one_of_the_model() -> None:
    where = start(WITH_MODELS)
    waits(look(where, GRACE, KATHERINE, about=FREELY, promotion="e" * 64), "are about a promotion")


def test_a_group_named_by_the_repository_of_the_model() -> None:
    policy = {**WITH_MODELS, "groups": [{"name": "risk", "min": 1, "team": "example-org/risk"}]}
    where = look(start(policy), KATHERINE, HEDY, about=FREELY, groups=(("risk", ("hedy-example",)),), **MODELS)
    waits(where, "1 more of group risk (github:grace-example)")


def test_what_was_withdrawn_from_the_promotion_is_not_taken_from_the_model() -> None:
    where = look(start(WITH_MODELS), GRACE, KATHERINE, about=FREELY, **MODELS)
    waits(look(where, voice("grace", "dismissed")), "approved by katherine;")


TEAM = {"quorum": 2, "groups": [{"name": "desk", "min": 1, "team": "example-org/desk"}]}


def test_a_team_that_the_token_cannot_read() -> None:
    waits(look(start(TEAM), GRACE, KATHERINE), "the token cannot read team example-org/desk; list the people in trust/")
    assert passes(look(start(TEAM), GRACE, KATHERINE, groups=(("desk", ("grace-example",)),)))


def test_a_member_of_the_team_whom_nobody_trusts() -> None:
    where = look(start(TEAM), GRACE, voice("passer-by"), groups=(("desk", ("passer-by",)),))
    waits(where, "1 more of group desk (nobody who may approve belongs to it)")


OWNERS = {"quorum": 1, "groups": [{"name": "owners", "min": 1, "codeowners": True}]}


def test_one_owner_for_two_files_with_different_owners() -> None:
    named = (("owners", ("grace-example",)), ("owners", ("katherine-example", "hedy-example")))
    waits(look(start(OWNERS), GRACE, groups=named), "1 more of group owners (github:katherine-example or github:hedy-")
    assert passes(look(start(OWNERS), GRACE, HEDY, groups=named))
    waits(look(start(OWNERS), GRACE), "no code owner of what changes is on record")


def test_a_claim_of_another_kind_with_voices() -> None:
    seen: Claim = reviewers.claim(start(), reviewers.review(start(), GRACE, KATHERINE))
    for kind in ("approval", "scan"):
        where = start()
        waits(where.with_files(estate.evidence(replace(seen, kind=kind), by="ci")), "nobody has approved yet")


def test_a_trainer_is_part_of_a_release_and_changes_no_older_one() -> None:
    assert "trainers" not in RELEASE.value["spec"]["source"]
    about = reviewers.trained_by("katherine@example.com")
    again = read("release", render(dict(about.value)), path="release.yaml")
    assert (again.id, again.source.trainers) == (about.id, ("katherine@example.com",))
    assert about.id != RELEASE.id
    assert about.same_content(RELEASE)
    assert not about.same_content(reviewers.trained_by("hedy@example.com"))
    assert HEAD != OLD
