"""Reviews as evidence: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import estate
from estate import NOW
from mlops_gitops.evidence import statements, voices
from mlops_gitops.evidence.admission import Evidence, TurnedAway, admit
from mlops_gitops.evidence.reviews import Review, Voice, claim_of_review, new_look
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.trust import Trust

RELEASE = estate.release()
PROD = estate.Estate.new().policy("prod")
HEAD = "a" * 40
GRACE = Voice("grace-example", False, "approved", HEAD, NOW - timedelta(hours=2), "1")
LOOK = Review(
    forge="https://forge.example.com",
    repository="airline/environments",
    number=7,
    head=HEAD,
    author="ada-example",
    authors=("ada-example", "ada@example.com"),
    pusher="ada-example",
    voices=(GRACE,),
    groups=(("risk", ("grace-example",)),),
    promotion="f" * 64,
)


def look(review: Review = LOOK, **fields: Any) -> Claim:
    said: dict[str, Any] = {
        "release": RELEASE.id,
        "environment": "prod",
        "policy": PROD.policy_digest,
        "head": RELEASE.source.revision,
        "verdict": Verdict.PASS,
        "issued_at": NOW,
        "summary": "approved by grace",
        **fields,
    }
    return claim_of_review(review, **said)


def trusted(kinds: list[str]) -> Trust:
    machine = {
        "name": "reviews",
        "type": "machine",
        "keys": [estate.public("reviews")],
        "signs": [{"kinds": kinds, "environments": ["*"]}],
    }
    return read("trust", render(estate.trust((machine,))), path="trust/signers.yaml")


@pytest.mark.parametrize(
    "review",
    [LOOK, replace(LOOK, pusher=None, groups=(), promotion=None, voices=(), authors=()), replace(LOOK, number=1)],
)
def test_what_is_written_is_read_back(review: Review) -> None:
    claim = look(review)
    written = json.loads(json.dumps(statements.statement(claim, model=estate.MODEL)))
    assert statements.claim_of(written) == claim
    assert written["predicateType"].endswith("/attestation/review/v1")


def test_a_claim_without_a_review_says_nothing_about_one() -> None:
    written = statements.statement(estate.claim("approval", RELEASE), model=estate.MODEL)
    assert "review" not in json.loads(json.dumps(written))["predicate"][statements.CLAIM]


BROKEN: dict[str, tuple[str, Any]] = {
    "no head": ("head", None),
    "a branch for a head": ("head", "main"),
    "a head with a line end": ("head", HEAD + "\n"),
    "a number that is a truth": ("number", True),
    "number nought": ("number", 0),
    "voices that are no list": ("voices", {}),
    "a voice that is no object": ("voices", ["grace-example"]),
    "an author that is a list": ("author", ["ada"]),
    "an empty author": ("author", ""),
    "authors of another type": ("authors", [1]),
    "an empty pusher": ("pusher", ""),
    "groups of another shape": ("groups", {"risk": ["grace-example"]}),
    "a promotion that is none": ("promotion", "the first one"),
    "an unknown field": ("verdict", "pass"),
}


@pytest.mark.parametrize(("name", "value"), BROKEN.values(), ids=BROKEN.keys())
def test_a_review_of_another_form_is_no_review(name: str, value: Any) -> None:
    said = voices.document(LOOK) | {name: value}
    with pytest.raises(ValueError, match=rf"{name[:5]}|unknown field"):
        voices.parse({key: one for key, one in said.items() if one is not None})


@pytest.mark.parametrize(
    ("name", "value"),
    [("said", "APPROVED"), ("bot", 0), ("at", "yesterday"), ("at", "2026-11-21T12:00:00"), ("commit", "x"), ("id", 3)],
)
def test_a_voice_of_another_form_is_no_voice(name: str, value: Any) -> None:
    said: Any = voices.document(LOOK)
    said["voices"][0][name] = value
    with pytest.raises(ValueError, match=r"\w"):
        voices.parse(said)


def test_the_review_and_the_kind_belong_together() -> None:
    without: Any = statements.statement(look(), model=estate.MODEL)
    del without["predicate"][statements.CLAIM]["review"]
    with pytest.raises(ValueError, match="lacks a look"):
        statements.claim_of(without)
    beside: Any = statements.statement(estate.claim("approval", RELEASE), model=estate.MODEL)
    beside["predicate"][statements.CLAIM]["review"] = voices.document(LOOK)
    with pytest.raises(ValueError, match="has a look"):
        statements.claim_of(beside)


def test_a_review_is_admitted_from_a_machine_that_may_sign_reviews() -> None:
    ((path, data),) = estate.evidence(look(), by="reviews").items()
    name = path.rpartition("/")[2]
    assert isinstance(admit(name, data, release=RELEASE.id, trust=trusted(["review"])), Evidence)
    assert isinstance(admit(name, data, release=RELEASE.id, trust=trusted(["scan", "promotion"])), TurnedAway)


def piece(claim: Claim, number: int) -> Evidence:
    (machine,) = (one for one in trusted(["review"]).signers if one.name == "reviews")
    return Evidence(f"{number:064x}", claim, machine)


def test_the_same_look_twice_is_one_piece() -> None:
    first = piece(look(), 1)
    assert new_look(look(issued_at=NOW + timedelta(days=1)), said=[first]) is None


def test_a_later_look_at_the_same_pull_request_supersedes_the_earlier_ones() -> None:
    first = piece(look(), 1)
    second = new_look(look(replace(LOOK, voices=())), said=[first])
    assert second is not None
    assert second.supersedes == (first.digest,)
    third = new_look(look(), said=[first, piece(second, 2)])
    assert third is not None
    assert third.supersedes == (first.digest, f"{2:064x}")


@pytest.mark.parametrize(
    "other",
    [
        look(replace(LOOK, number=8, promotion="e" * 64)),
        look(replace(LOOK, repository="airline/models", promotion=None)),
        look(environment="staging"),
    ],
)
def test_a_look_at_another_pull_request_supersedes_nothing(other: Claim) -> None:
    found = new_look(other, said=[piece(look(), 1)])
    assert found is not None
    assert found.supersedes == ()


def test_a_look_for_the_same_promotion_supersedes_that_at_another_pull_request() -> None:
    found = new_look(look(replace(LOOK, number=8)), said=[piece(look(), 1)])
    assert found is not None
    assert found.supersedes == (f"{1:064x}",)


def said(claim: Claim) -> Evidence:
    trust = trusted(["review"])
    return Evidence("d" * 64, claim, trust.signers[0])


def test_a_token_that_cannot_read_the_team_makes_no_new_look_and_a_withdrawal_still_does() -> None:
    """Else two runners with different tokens would answer each other without end."""
    standing = said(look())
    blind = replace(LOOK, groups=())
    assert new_look(look(blind, verdict=Verdict.INCONCLUSIVE), said=[standing]) is None
    assert new_look(look(replace(LOOK, groups=(("risk", ()),))), said=[standing]) is not None, "a member who left"
    withdrawn = replace(blind, voices=(replace(GRACE, said="changes-requested"),))
    assert new_look(look(withdrawn), said=[standing]) is not None
    assert new_look(look(), said=[said(look(blind))]) is not None, "who can read the team says so"
    assert new_look(look(blind, policy="0" * 64), said=[standing]) is not None
