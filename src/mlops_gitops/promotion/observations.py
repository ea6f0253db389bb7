"""What evidence says about a release since it runs in an environment.

Evidence of the tests before a promotion says whether a release may come; what is signed afterwards says whether it may
stay.  The rules are those of the gates, asked of the pieces only that were made after a receipt: missing, expired,
inconclusive and disagreeing evidence is pending, and pending demands nothing.
"""

from __future__ import annotations

from datetime import datetime

from mlops_gitops.evidence import gates
from mlops_gitops.evidence.gates import Answer, Case, Judgement
from mlops_gitops.manifests.environment import Environment, EvidenceGate
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion.snapshot import Dossier


def observed(
    kind: str,
    *,
    dossier: Dossier,
    environment: Environment,
    trust: Trust,
    since: datetime,
    until: datetime | None = None,
    now: datetime,
) -> Judgement:
    """What evidence of one kind says that was made after ``since`` and not after ``until``."""
    heard = tuple(
        one
        for one in dossier.evidence
        if one.claim.kind == kind and one.claim.issued_at > since and (until is None or one.claim.issued_at <= until)
    )
    judged = gates.judge(
        EvidenceGate(kind),
        Case(
            release=dossier.release.id,
            environment=environment.name,
            policy=environment.policy_digest,
            champion=None,
            head=dossier.release.source.revision,
            author=dossier.release.source.author,
            evidence=heard,
            waivers=(),
            trust=trust,
            now=now,
        ),
    )
    later = {digest for one in dossier.evidence if one.claim.kind == kind for digest in one.claim.supersedes}
    if judged.answer is Answer.FAIL and later & set(judged.evidence):  # by a word that does not count, or not any more
        return Judgement(kind, Answer.PENDING, f"{kind} evidence that failed was replaced since", judged.evidence)
    return judged
