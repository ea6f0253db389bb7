"""What would become of a release that is not published yet: what environments decide, as if its evidence were signed.

It is shown to people before a merge, and decides nothing: a promotion asks signed evidence, when it moves.  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlops_gitops import canonical
from mlops_gitops.errors import Failure
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Grant, Signer
from mlops_gitops.promotion import plan, publish
from mlops_gitops.promotion.plan import Outcome, Situation
from mlops_gitops.promotion.snapshot import Dossier, Snapshot
from mlops_gitops.records import record

PROVENANCE = "provenance"


@record
class Expected:
    """What one environment would say: an outcome of a plan, or ``failed``, and every judgement in the way."""

    environment: str
    outcome: str
    blocking: tuple[Judgement, ...] = ()


def outlook(snapshot: Snapshot, release: Release, reports: Sequence[Report], *, now: datetime) -> tuple[Expected, ...]:
    """What every environment would say of ``release``, in their order; one that does not hold together stops no other.

    Where nothing stands in the way of a move that only a person makes, that is what is missing.
    """
    dossier = _dossier(snapshot, release, reports, now=now)
    return tuple(_expected(snapshot, one, dossier, now=now) for one in snapshot.environments())


def _expected(snapshot: Snapshot, environment: Environment, dossier: Dossier, *, now: datetime) -> Expected:
    name = environment.name
    try:
        decision = plan.decide(_situation(snapshot, name, dossier), now=now)
    except Failure as failure:
        return Expected(name, "failed", (Judgement("error", Answer.FAIL, failure.message),))
    if decision.outcome is Outcome.MOVE and not environment.automatic:
        words = f"somebody promotes it: the policy of {name} is {environment.promotion}"
        return Expected(name, Outcome.PENDING.value, (Judgement("promotion", Answer.PENDING, words),))
    return Expected(name, decision.outcome.value, decision.blocking)


def _situation(snapshot: Snapshot, environment: str, dossier: Dossier) -> Situation:
    model, release = dossier.release.name, dossier.release.id
    slot = snapshot.slot(environment, model)
    seen = plan.champion(slot, release) if plan.asks_with_expressions(slot.environment) else None
    return Situation(
        slot=slot,
        upstream=tuple(snapshot.slot(name, model) for name in slot.environment.after),
        dossier=dossier,
        trust=snapshot.trust,
        previous=snapshot.release(model, seen) if seen else None,
    )


def _dossier(snapshot: Snapshot, release: Release, reports: Sequence[Report], *, now: datetime) -> Dossier:
    """The release with what is on record of it, and what would be."""
    known = release.id in snapshot.release_ids(release.name)
    said = snapshot.dossier(release.name, release.id).evidence if known else ()
    told = publish.claims(reports, release, issued_at=now, said=said, renew=False)
    built = () if known else (Claim(PROVENANCE, release.id, Verdict.PASS, now, "built from its commit"),)
    kinds = tuple({one.kind for one in (*told, *built)})
    signer = Signer("this run", "machine", (), (), (), (Grant(kinds, ("*",)),))
    made = [Evidence(canonical.digest([one.kind, at]), one, signer) for at, one in enumerate((*told, *built))]
    return Dossier(release, (*said, *made), ())
