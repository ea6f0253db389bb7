"""The reviews of promotion pull requests, signed as evidence: one piece for each look that sees something new.

A look at an open pull request says how its reviews are now; one at a merged pull request how they were when it was
merged, and is dated so.  What was looked at and is on record as it is, is not recorded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.relevance import SKEW
from mlops_gitops.evidence.reviews import Review, last_words, new_look
from mlops_gitops.manifests.environment import REVIEWS, ApprovalsGate, Environment
from mlops_gitops.promotion import plan, publish, pulls
from mlops_gitops.promotion.apply import refuse_unless_trusted
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record


@record
class Seen:
    """A pull request with its reviews, the receipt that it brings, and the time for which it was looked at."""

    pull: Pull
    review: Review
    receipt: Receipt
    at: datetime


@record
class Look:
    """A look that is to be recorded: what it is about, and the file of the evidence."""

    receipt: Receipt
    pull: Pull
    files: Mapping[str, bytes]


def counting(environment: Environment) -> ApprovalsGate | None:
    """The gate that counts reviews of the pull requests of promotions, if one does."""
    found = [one for one in environment.gates if isinstance(one, ApprovalsGate) and REVIEWS in one.sources]
    return found[0] if found else None


def new(snapshot: Snapshot, seen: Seen, *, present: Snapshot, signer: envelope.Signer) -> Look | None:
    """The look to record, or ``None`` where it is on record, or nobody has said anything yet.

    ``snapshot`` is what the promotion is judged on, ``present`` where evidence is recorded now.  Raises ``Refused``
    where trust does not let the key sign reviews.
    """
    receipt, gate = seen.receipt, counting(snapshot.environment(seen.receipt.environment))
    if gate is None:
        return None
    evidence = present.dossier(receipt.model, receipt.release).evidence
    known = tuple(one for one in evidence if one.claim.issued_at <= seen.at + SKEW)
    before = any(one.claim.review is not None and one.claim.review.promotion == receipt.id for one in known)
    review = _by_then(seen)
    if not review.voices and not before:
        return None
    case = plan.situation(snapshot, model=receipt.model, environment=receipt.environment, release=receipt.release)
    case = replace(case, anew=True)
    judged = replace(plan.gate_case(case, now=seen.at), evidence=known)
    claim = pulls.weighed(gate, judged, review, at=seen.at).claim
    fresh = new_look(claim, said=known)
    if fresh is None:
        return None
    refuse_unless_trusted(present.trust, signer.keyid, "review", receipt.environment)
    path, data = publish.sealed_evidence(fresh, model=receipt.model, signer=signer)
    return Look(receipt, seen.pull, {path: data})


def _by_then(seen: Seen) -> Review:
    """The reviews as they were when the pull request was merged, where it was: also those that were dismissed later."""
    merged = seen.pull.merged
    if merged is None:
        return seen.review
    later = {one.review: one.said for one in seen.pull.dismissals if one.at > merged.at}
    voices = (replace(one, said=later.get(one.id, one.said)) for one in seen.pull.voices if one.at <= merged.at)
    return replace(seen.review, voices=last_words(voices))
