"""Which promotions a pull request proposes, and the look at its reviews that evidence keeps of each.

What is proposed is read from the head and believed only where it fits the base branch: the receipt continues the
slot's chain there and was signed by somebody who may promote, the release is there, and the pointer is the one that
this release gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_gitops import canonical, records
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import codeowners, envelope
from mlops_gitops.evidence.admission import may_sign, signed_by
from mlops_gitops.evidence.gates import Case
from mlops_gitops.evidence.quorum import Named
from mlops_gitops.evidence.reviews import Review, claim_of_review, new_look
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import Group
from mlops_gitops.promotion import layout, pointer, publish, receipts
from mlops_gitops.promotion.apply import refuse_unless_trusted
from mlops_gitops.promotion.forge import Forge
from mlops_gitops.promotion.plan import Action
from mlops_gitops.promotion.receipts import Filed
from mlops_gitops.promotion.scope import Scope
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle


@records.record
class Proposed:
    """One promotion that a pull request proposes."""

    environment: str
    model: str
    release: str
    promotion: str


def of_pull(scope: Scope, base: Snapshot, head: Tree) -> tuple[Proposed, ...]:
    """The promotions that are proposed, one for each slot.  Raises ``Refused`` for what fits no promotion."""
    found = tuple(_proposed(environment, model, scope, base, head) for environment, model in scope.pointers)
    known = {layout.receipt(one.environment, one.model, one.promotion) for one in found}
    for path in scope.receipts:
        if path not in known:
            raise refused(f"it adds the receipt {path!a} and does not move the pointer of that slot")
    return found


def _proposed(environment: str, model: str, scope: Scope, base: Snapshot, head: Tree) -> Proposed:
    slot = base.slot(layout.name(environment, "an environment"), layout.name(model, "a model"))
    path = layout.slot(environment, model)
    mine = [one for one in scope.receipts if one.startswith(f"{layout.receipts(environment, model)}/")]
    if len(mine) != 1:
        raise refused(f"it moves {path} with {len(mine) or 'no'} receipts; a promotion has one")
    filed = receipts.parse(head.read(mine[0]) or b"", path=mine[0])
    said = filed.receipt
    if said.action != Action.PROMOTE.value:
        raise refused(f"{mine[0]} is a rollback, which needs no pull request")
    if said.previous != (slot.receipts[-1].digest if slot.receipts else None):
        raise refused(f"{mine[0]} does not follow the last receipt of {model} in {environment} on the base branch")
    if not _may_promote(filed, base):
        raise refused(f"nobody who may promote to {environment} signed {mine[0]}")
    if sorted(receipts.pointers(said)) != [one for one in scope.moved if one.startswith(f"{path}/")]:
        raise refused(f"{mine[0]} names other pointers than those that move")
    for one in receipts.pointers(said):
        if head.read(one) != pointer.render(base.release(model, said.release)):
            raise refused(f"{one} is not the pointer that its receipt names")
    return Proposed(environment, model, said.release, said.id)


def _may_promote(filed: Filed, base: Snapshot) -> bool:
    signer = signed_by(filed.sealed, base.trust)
    return signer is not None and may_sign(signer, "promotion", filed.receipt.environment)


def look(case: Case, review: Review, *, verdict: Verdict, summary: str, issued_at: datetime) -> Claim:
    """What evidence says of the reviews of the promotion that ``case`` is about."""
    return claim_of_review(
        replace(review, promotion=case.promotion),
        release=case.release,
        environment=case.environment,
        policy=case.policy,
        head=case.head,
        verdict=verdict,
        issued_at=issued_at,
        summary=summary,
    )


def named_groups(
    groups: Iterable[Group], *, forge: Forge, owners: Sequence[codeowners.Line] | None, paths: Sequence[str]
) -> Named:
    """The groups that the forge and CODEOWNERS name, with their members now; without those that cannot be read."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for group in groups:
        if group.team is not None and (logins := forge.members(group.team)) is not None:
            found.append((group.name, tuple(sorted(logins))))
        if group.codeowners and owners is not None:
            for some in codeowners.sets_of(paths, owners):
                members = {login for one in some for login in _logins(one, forge)}
                found.append((group.name, tuple(sorted(members))))
    return tuple(dict.fromkeys(found))


def _logins(owner: str, forge: Forge) -> Iterable[str]:
    """The people behind an owner: a login, an e-mail address, or the members of a team that can be read."""
    if not owner.startswith("@"):
        return (owner,)
    return (forge.members(owner[1:]) or ()) if "/" in owner else (owner[1:],)


def record(
    store: Store, claims: Sequence[tuple[str, Claim]], *, signer: envelope.Signer, now: Callable[[], datetime]
) -> Settled[tuple[str, ...]]:
    """Sign and publish looks, each about a release of a model; the result is the digests of what is new.

    A look that is on record and stands is not recorded again.  Raises ``Refused`` for a key that is not a machine's
    with the right to sign reviews.
    """

    def propose(tree: Tree) -> Proposal[tuple[str, ...]]:
        snapshot = Snapshot(tree)
        files: dict[str, bytes] = {}
        for model, claim in claims:
            who = refuse_unless_trusted(snapshot.trust, signer.keyid, "review", claim.environment)
            if who.type != "machine":
                raise Refused(
                    f"{who.name} is a person, and what people saw on a forge is recorded by a machine",
                    hint="use the key of a machine that may sign review; people sign with `mlops-gitops approve`",
                    code="not-trusted",
                )
            made = new_look(claim, said=snapshot.dossier(model, claim.release).evidence)
            if made is not None:
                files |= [publish.sealed_evidence(made, model=model, signer=signer)]
        about = claims[0][1].review if claims else None
        message = f"Record the reviews of pull request {about.number}\n" if about else ""
        return Proposal(tuple(canonical.sha256(data) for data in files.values()), files, message)

    return settle(store, propose, now=now)


def refused(why: str) -> Refused:
    """A pull request that is no promotion as we make one."""
    return Refused(
        f"the pull request is refused: {why}",
        hint="close it, and let `mlops-gitops promote` make the promotion anew",
        code="pull-request",
    )
