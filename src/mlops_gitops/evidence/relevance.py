"""Which evidence counts in a case: for this release, environment and policy, from whom trust lets, and not expired.

What is superseded does not count; who supersedes it has to count, or to be the person who said it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.evidence.admission import Evidence, may_sign
from mlops_gitops.evidence.statements import TEST_KINDS, anchored

if TYPE_CHECKING:  # gates.py asks this module
    from mlops_gitops.evidence.gates import Case

SKEW = timedelta(minutes=5)
"""How far a signer's clock may run ahead of ours before its evidence is taken to be dated in the future."""


def valid_evidence(case: Case) -> tuple[Evidence, ...]:
    """What machines have found and counts here and now, by kind and then in the order of time."""
    valid = [
        one
        for kind in ("provenance", *TEST_KINDS)
        for one in standing(case, kind, max_age=None)
        if flaw(one, case, max_age=None) is None
    ]
    return tuple(sorted(valid, key=lambda one: (one.claim.kind, one.claim.issued_at, one.digest)))


def standing(case: Case, kind: str, *, max_age: timedelta | None) -> tuple[Evidence, ...]:
    """The pieces of one kind, from signers who may sign it here, that no other piece that counts supersedes.

    A piece that does not count here silences nothing here: one for another environment, or one that has expired, would
    otherwise take away a failure and leave the pass before it.
    """
    found = heard(case, kind)
    replaced = {
        digest for later in found if flaw(later, case, max_age=max_age) is None for digest in later.claim.supersedes
    }
    return tuple(one for one in found if one.digest not in replaced)


def last_words(case: Case, kind: str) -> tuple[Evidence, ...]:
    """What each person said last about this environment.

    Only the person can replace it, and does so also with a word that no longer counts: who approved and then rejected
    has not approved, whatever became of the rejection.
    """
    found = [one for one in heard(case, kind) if one.claim.environment == case.environment]
    replaced = {(one.signer.name, digest) for one in found for digest in one.claim.supersedes}
    return tuple(one for one in found if (one.signer.name, one.digest) not in replaced)


def heard(case: Case, kind: str) -> tuple[Evidence, ...]:
    """The pieces of one kind, from signers who may sign it here."""
    return tuple(
        one for one in case.evidence if one.claim.kind == kind and may_sign(one.signer, kind, case.environment)
    )


def flaw(one: Evidence, case: Case, *, max_age: timedelta | None) -> str | None:
    """Why an admitted piece does not count in this case, or ``None``."""
    claim = one.claim
    short = f"{claim.kind} {one.digest[:12]}"
    if claim.release != case.release:
        return f"{short} is about another release"
    if claim.environment not in {None, case.environment}:
        return f"{short} is for environment {claim.environment}"
    if claim.policy not in {None, case.policy}:
        return f"{short} was made under another policy of {case.environment}"
    if claim.kind == "comparison" and claim.champion != case.champion:
        return f"{short} compares with {_short(claim.champion)}, and {_short(case.champion)} runs here"
    if claim.kind == "comparison" and anchored(claim) != case.anchor:
        return f"{short} has {_short(anchored(claim))} as its anchor, and here it is {_short(case.anchor)}"
    if claim.issued_at > case.now + SKEW:
        return f"{short} is dated in the future, {times.format_instant(claim.issued_at)}"
    ends = [
        end for end in (claim.expires_at, claim.issued_at + max_age if max_age is not None else None) if end is not None
    ]
    if ends and case.now >= min(ends):
        return f"{short} expired at {times.format_instant(min(ends))}"
    return None


def _short(release: str | None) -> str:
    return f"release {release[:12]}" if release else "nothing"
