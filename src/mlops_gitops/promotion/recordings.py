"""The reviews of a pull request, signed as evidence: one piece for each look that sees something new.

A look at an open pull request says how its reviews are now; one at a merged pull request how they were when it was
merged, and is dated so.  What was looked at and is on record as it is, is not recorded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import SKEW
from mlops_gitops.evidence.reviews import Review, claim_of_review, new_look
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import REVIEWS, ApprovalsGate, Environment
from mlops_gitops.promotion import publish
from mlops_gitops.promotion.apply import refuse_unless_trusted
from mlops_gitops.promotion.forge import Pull, review_of
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Snapshot

FORGE = "github"
Groups = Callable[[Pull, Environment], "Iterable[tuple[str, frozenset[str]]]"]
"""The groups whose members only the forge knows, for one pull request into one environment."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A pull request of a repository, the receipt that it proposes, and the time for which it is looked at."""

    pull: Pull
    repository: str
    receipt: Receipt
    at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """A look that is to be recorded: which promotion it is about, and the file of the evidence."""

    receipt: Receipt
    pull: Pull
    files: Mapping[str, bytes]


def wanted(environment: Environment) -> bool:
    """Whether any gate counts reviews of the pull requests of promotions."""
    return any(isinstance(gate, ApprovalsGate) and REVIEWS in gate.sources for gate in environment.gates)


def new(snapshot: Snapshot, seen: Seen, *, signer: envelope.Signer, groups: Groups) -> Look | None:
    """The look to record, or ``None`` where it is on record, or nobody has said anything yet.

    Raises ``Refused`` where trust does not let the key sign reviews.
    """
    receipt, environment = seen.receipt, snapshot.environment(seen.receipt.environment)
    if not wanted(environment):
        return None
    dossier = snapshot.dossier(receipt.model, receipt.release)
    known = [one for one in dossier.evidence if one.claim.issued_at <= seen.at + SKEW]
    review = _review(seen, groups(seen.pull, environment))
    before = any(one.claim.review is not None and one.claim.review.promotion == receipt.id for one in known)
    if not review.voices and not before:
        return None
    claim = claim_of_review(
        review,
        release=receipt.release,
        environment=environment.name,
        policy=receipt.policy,
        head=dossier.release.source.revision,
        verdict=_verdict(review),
        issued_at=seen.at,
        summary=f"{len(review.voices)} reviews of pull request {seen.repository}#{review.number}",
    )
    fresh = new_look(claim, said=known)
    if fresh is None:
        return None
    refuse_unless_trusted(snapshot.trust, signer.keyid, "review", environment.name)
    path, data = publish.sealed_evidence(fresh, model=receipt.model, signer=signer)
    return Look(receipt, seen.pull, {path: data})


def _review(seen: Seen, groups: Iterable[tuple[str, frozenset[str]]]) -> Review:
    review = review_of(seen.pull, forge=FORGE, repository=seen.repository, groups=tuple(groups))
    merged = seen.pull.merged
    voices = tuple(one for one in review.voices if merged is None or one.at <= merged.at)
    return replace(review, promotion=seen.receipt.id, voices=voices)


def _verdict(review: Review) -> Verdict:
    """What the reviews say on the whole, for a reader; gates count the voices."""
    said = {one.login: one.said for one in review.voices if one.said != "commented"}
    if "changes-requested" in said.values():
        return Verdict.FAIL
    return Verdict.PASS if "approved" in said.values() else Verdict.INCONCLUSIVE
