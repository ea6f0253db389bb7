"""Which files in ``evidence/`` are evidence at all.

A file is admitted when its name is the digest of its bytes, its signature was made by a key of ``trust/``, and its
statement is about the release in whose folder it lies.  Everything else is turned away with the reason, and counts for
nothing.  Whether an admitted piece *suffices* is for the gates to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from mlops_gitops import canonical
from mlops_gitops.evidence import envelope, statements
from mlops_gitops.evidence.signing import PublicKey
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.manifests.trust import Key, Signer, Trust

_NAME = re.compile(r"([a-z-]+)-([0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A claim whose signature holds.  ``digest`` is the SHA-256 of the file, ``signer`` who made it."""

    digest: str
    claim: Claim
    signer: Signer


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A file that is not evidence, and why."""

    name: str
    reason: str


def file_name(kind: str, data: bytes) -> str:
    """The name under which a piece of evidence is kept."""
    return f"{kind}-{canonical.sha256(data)}.json"


def public_keys(signer: Signer) -> tuple[PublicKey, ...]:
    """The keys of a signer, able to check signatures."""
    return tuple(map(public_key, signer.keys))


def public_key(key: Key) -> PublicKey:
    """A key of ``trust/``, able to check signatures."""
    return PublicKey(key.keyid, key.keytype, key.scheme, key.keyval["public"])


@lru_cache(maxsize=16384)
def signed_by(sealed: envelope.Envelope, trust: Trust) -> Signer | None:
    """The signer of ``trust/`` who made this envelope, or ``None``.  Judged once for the same bytes and trust."""
    named = trust.keys.get(sealed.keyid, ())
    return next((signer for signer, key in named if sealed.verified_by(public_key(key))), None)


def may_sign(signer: Signer, kind: str, environment: str | None) -> bool:
    """Whether trust lets ``signer`` sign this kind of evidence, for this environment (``None``: for any one)."""
    return any(
        kind in grant.kinds and (environment is None or "*" in grant.environments or environment in grant.environments)
        for grant in signer.signs
    )


def admit(name: str, data: bytes, *, release: str, trust: Trust) -> Evidence | TurnedAway:
    """Judge one file of ``evidence/<release>/``."""
    named = _NAME.fullmatch(name)
    if named is None:
        return TurnedAway(name, "its name is not <kind>-<sha256>.json")
    if canonical.sha256(data) != named[2]:
        return TurnedAway(name, "its bytes are not those that its name promises")
    try:
        sealed = envelope.parse(data)
        claim = statements.claim_of(sealed.statement)
    except ValueError as error:
        return TurnedAway(name, str(error))
    if claim.kind != named[1]:
        return TurnedAway(name, f"its name says {named[1]} and its statement {claim.kind}")
    if claim.release != release:
        return TurnedAway(name, f"it is about release {claim.release[:12]}")
    signer = signed_by(sealed, trust)
    if signer is None:
        return TurnedAway(name, f"no key of trust/ made its signature (key id {sealed.keyid[:12]!r})")
    if not may_sign(signer, claim.kind, claim.environment):
        return TurnedAway(
            name, f"{signer.name} may not sign {claim.kind} evidence for {claim.environment or 'any environment'}"
        )
    return Evidence(canonical.sha256(data), claim, signer)
