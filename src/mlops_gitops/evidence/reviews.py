"""What reviews on a forge say, as a piece of evidence.

One piece holds one look at one pull request; a later look supersedes the earlier ones.  It says what the forge answered
and judges nothing: ``evidence/gates.py`` decides which voices count, and believes only a machine whom trust lets sign
``review``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from mlops_gitops.evidence import voices
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.evidence.voices import Review, Said, Voice, last_words

__all__ = ["Review", "Said", "Voice", "claim_of_review", "last_words", "new_look", "replaces"]


def claim_of_review(
    review: Review,
    *,
    release: str,
    environment: str | None,
    policy: str | None,
    head: str,
    verdict: Verdict,
    issued_at: datetime,
    supersedes: Iterable[str] = (),
    summary: str,
) -> Claim:
    """The claim of one look at a pull request.

    ``environment`` and ``policy`` are ``None`` for a pull request in a model repository; ``head`` is the commit that
    the release was made from.  ``verdict`` is for readers: gates count the voices themselves.
    """
    return Claim(
        kind="review",
        release=release,
        verdict=verdict,
        issued_at=issued_at,
        summary=summary,
        environment=environment,
        policy=policy,
        head=head,
        supersedes=tuple(sorted(supersedes)),
        review=review,
    )


def new_look(claim: Claim, *, said: Iterable[Evidence]) -> Claim | None:
    """The claim to sign, or ``None`` where this very look is on record and stands.

    ``said`` is the evidence about the release.  Earlier looks at the same pull request, or for the same promotion, are
    superseded, whoever recorded them: of what people say, one look stands.  One that differs only in that its token
    could not read a team is no new look: else two runners with different tokens would answer each other without end.
    """
    before = [one for one in said if replaces(claim, one.claim)]
    replaced = {digest for one in before for digest in one.claim.supersedes}
    standing = [one.claim for one in before if one.digest not in replaced]
    if [_seen(one) for one in standing] == [_seen(claim)]:
        return None
    if len(standing) == 1 and _sees_less(claim, standing[0]):
        return None
    return replace(claim, supersedes=tuple(sorted(one.digest for one in before)))


def replaces(claim: Claim, other: Claim) -> bool:
    """Whether one look may supersede another: for one environment, and of one pull request or for one promotion."""
    if claim.review is None or other.review is None or claim.environment != other.environment:
        return False
    same = claim.review.promotion is not None and claim.review.promotion == other.review.promotion
    return same or _pull_request(claim.review) == _pull_request(other.review)


def _pull_request(review: Review) -> tuple[str, str, int]:
    """Which pull request it is about.  Letters' case does not tell two repositories apart."""
    return review.forge.casefold(), review.repository.casefold(), review.number


def _sees_less(claim: Claim, other: Claim) -> bool:
    """Whether a look is the other one without groups whose members nobody told it."""
    mine, theirs = claim.review, other.review
    if mine is None or theirs is None or (claim.policy, claim.head) != (other.policy, other.head):
        return False
    names = {name for name, _ in mine.groups}
    told = tuple(one for one in theirs.groups if one[0] in names)
    return len(told) < len(theirs.groups) and voices.document(mine) == voices.document(replace(theirs, groups=told))


def _seen(claim: Claim) -> tuple[object, ...]:
    return claim.policy, claim.head, claim.verdict, voices.document(claim.review) if claim.review else None
