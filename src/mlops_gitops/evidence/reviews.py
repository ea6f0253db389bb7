"""What reviews on a forge say, as a piece of evidence.

One piece holds one look at one pull request; a later look supersedes the earlier ones.  It says what the forge answered
and judges nothing: ``evidence/gates.py`` decides which voices count, and believes only a machine whom trust lets sign
``review``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mlops_gitops.evidence import voices
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.evidence.voices import Review, Said, Voice

__all__ = ["Review", "Said", "Voice", "claim_of_review", "new_look"]


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


def new_look(claim: Claim, *, keyid: str, said: Iterable[Evidence]) -> Claim | None:
    """The claim to sign, or ``None`` where the holder of ``keyid`` has recorded this very look already.

    ``said`` is the evidence about the release; earlier looks of the same holder at the same pull request, for the same
    environment, are superseded.
    """
    mine = [one for one in said if _same_pull(one.claim, claim) and any(key.keyid == keyid for key in one.signer.keys)]
    replaced = {digest for one in mine for digest in one.claim.supersedes}
    standing = [one.claim for one in mine if one.digest not in replaced]
    if [_seen(one) for one in standing] == [_seen(claim)]:
        return None
    return claim_of_review(
        _review(claim),
        release=claim.release,
        environment=claim.environment,
        policy=claim.policy,
        head=claim.head or "",
        verdict=claim.verdict,
        issued_at=claim.issued_at,
        supersedes=(one.digest for one in mine),
        summary=claim.summary,
    )


def _same_pull(one: Claim, other: Claim) -> bool:
    if one.kind != "review" or one.review is None or one.environment != other.environment:
        return False
    return pull_request(one.review) == pull_request(_review(other))


def pull_request(review: Review) -> tuple[str, str, int]:
    """Which pull request it is about.  Letters' case does not tell two repositories apart."""
    return review.forge.casefold(), review.repository.casefold(), review.number


def _seen(claim: Claim) -> tuple[object, ...]:
    return claim.policy, claim.head, claim.verdict, voices.document(_review(claim))


def _review(claim: Claim) -> Review:
    if claim.review is None:
        raise ValueError("the claim holds no look at a pull request")
    return claim.review
