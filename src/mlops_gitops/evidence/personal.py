"""What a person signs: an approval, a rejection, a waiver.

A person's word binds to one release, one commit, one environment and one policy.  What they sign later about the same
release and environment names what it replaces, so that the last word counts without trusting any clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict


def word(
    kind: str,
    *,
    release: str,
    head: str,
    environment: str,
    policy: str,
    verdict: Verdict,
    summary: str,
    issued_at: datetime,
    keyid: str,
    said: Iterable[Evidence],
    expires_at: datetime | None = None,
    gate: str | None = None,
) -> Claim | None:
    """The claim to sign, or ``None`` where this very word stands already.

    ``said`` is the evidence about the release; what the holder of ``keyid`` said before is superseded.
    """
    mine = [
        one
        for one in said
        if one.claim.kind == kind
        and one.claim.environment == environment
        and one.claim.gate == gate
        and any(key.keyid == keyid for key in one.signer.keys)
    ]
    replaced = {digest for one in mine for digest in one.claim.supersedes}
    standing = [one.claim for one in mine if one.digest not in replaced]
    same = (verdict, head, policy, expires_at)
    if [(one.verdict, one.head, one.policy, one.expires_at) for one in standing] == [same]:
        return None
    return Claim(
        kind=kind,
        release=release,
        verdict=verdict,
        issued_at=issued_at,
        expires_at=expires_at,
        summary=summary,
        environment=environment,
        policy=policy,
        head=head,
        gate=gate,
        supersedes=tuple(sorted(one.digest for one in mine)),
    )
