"""Adding to what is append-only: a release with its evidence, or one more piece of evidence.

The same transaction as a promotion: proposed on the newest commit, pushed if it still is the newest.  Nothing is ever
rewritten, so publishing twice is publishing once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_gitops.canonical import JSON, sha256
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.evidence import envelope, statements
from mlops_gitops.evidence.admission import Evidence, file_name
from mlops_gitops.evidence.personal import word
from mlops_gitops.evidence.persons import wrote
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.environment import Environment, EvidenceGate, ExpressionGate
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import controls, layout
from mlops_gitops.promotion.apply import refuse_unless_trusted
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle
from mlops_gitops.records import record


@record
class Spoken:
    """A person's word about a release: who, what, and the digest of the evidence (``None`` where it stood already).

    ``note`` says why it will not count, where it will not.
    """

    signer: str
    release: str
    version: str
    digest: str | None
    note: str | None = None


def sealed_evidence(
    claim: Claim, *, model: str, signer: envelope.Signer, predicate: Mapping[str, JSON] | None = None
) -> tuple[str, bytes]:
    """Path and bytes of a piece of evidence."""
    data = envelope.seal(statements.statement(claim, model=model, predicate=predicate), signer)
    return f"{layout.evidence(claim.release)}/{file_name(claim.kind, data)}", data


def release_files(release: Release) -> dict[str, bytes]:
    """Path and bytes of a release."""
    return {layout.release(release.name, release.id): release.render()}


def approve(
    store: Store,
    *,
    model: str,
    environment: str,
    release: str | None,
    signer: envelope.Signer,
    verdict: Verdict,
    comment: str,
    now: Callable[[], datetime],
) -> Settled[Spoken]:
    """Sign and publish an approval (``Verdict.PASS``) or a rejection (``Verdict.FAIL``)."""

    def propose(tree: Tree) -> Proposal[Spoken]:
        snapshot = Snapshot(tree)
        policy = snapshot.environment(environment)
        who = refuse_unless_trusted(snapshot.trust, signer.keyid, "approval", environment)
        chosen = snapshot.find_release(model, release) if release else snapshot.candidate(model, policy)
        dossier = snapshot.dossier(model, chosen)
        claim = word(
            "approval",
            release=chosen,
            head=dossier.release.source.revision,
            environment=environment,
            policy=policy.policy_digest,
            verdict=verdict,
            summary=comment,
            issued_at=now(),
            keyid=signer.keyid,
            said=dossier.evidence,
        )
        author = wrote(who, dossier.release.source.author) and verdict is Verdict.PASS
        note = f"{who.name} is the author of this release, whose approval does not count" if author else None
        if claim is None:
            return Proposal(Spoken(who.name, chosen, dossier.release.version, None, note), {})
        path, data = sealed_evidence(claim, model=model, signer=signer)
        verb = "Approve" if verdict is Verdict.PASS else "Reject"
        message = f"{verb} {model} {dossier.release.version} ({chosen[:12]}) for {environment}\n"
        return Proposal(Spoken(who.name, chosen, dossier.release.version, sha256(data), note), {path: data}, message)

    return settle(store, propose, now=now)


def waive(
    store: Store,
    *,
    model: str,
    environment: str,
    release: str,
    gate: str,
    signer: envelope.Signer,
    reason: str,
    until: datetime,
    now: Callable[[], datetime],
) -> Settled[str]:
    """Sign a waiver and write its control, in one commit.  The result is the control's id."""

    def propose(tree: Tree) -> Proposal[str]:
        snapshot = Snapshot(tree)
        moment = now()
        slot = snapshot.slot(environment, model)
        who = refuse_unless_trusted(snapshot.trust, signer.keyid, "waiver", environment)
        _refuse_unless_waivable(gate, slot.environment)
        chosen = snapshot.find_release(model, release)
        dossier = snapshot.dossier(model, chosen)
        claim = word(
            "waiver",
            release=chosen,
            head=dossier.release.source.revision,
            environment=environment,
            policy=slot.environment.policy_digest,
            verdict=Verdict.PASS,
            summary=reason,
            issued_at=moment,
            expires_at=until,
            gate=gate,
            keyid=signer.keyid,
            said=dossier.evidence,
        )
        files: dict[str, bytes] = {}
        if claim is None:  # signed before: only the control may be missing, where somebody lifted it
            digest = _standing_waiver(dossier.evidence, gate=gate, environment=environment, keyid=signer.keyid)
            known = [one.id for one in slot.controls if one.type == "waiver" and one.evidence == digest]
            if known:
                return Proposal(known[0], {})
        else:
            path, data = sealed_evidence(claim, model=model, signer=signer)
            files, digest = {path: data}, sha256(data)
        control = controls.new(
            "waiver",
            slot,
            release=chosen,
            by=who.name,
            reason=reason,
            since=moment,
            until=until,
            gate=gate,
            evidence=digest,
        )
        return Proposal(
            control.id,
            {**files, **controls.adding(slot, control)},
            f"Waive {gate} for {model} {dossier.release.version} in {environment}\n",
        )

    return settle(store, propose, now=now)


def _refuse_unless_waivable(gate: str, environment: Environment) -> None:
    waivable = [one.name for one in environment.gates if isinstance(one, (EvidenceGate, ExpressionGate))]
    if gate not in waivable:
        raise Misused(
            f"{environment.name} has no gate {gate!r} that could be waived",
            hint=f"its gates that can be are: {', '.join(waivable) or 'none'}",
            code="no-gate",
        )


def _standing_waiver(evidence: Sequence[Evidence], *, gate: str, environment: str, keyid: str) -> str:
    """The one waiver of this gate by the holder of ``keyid`` that none of theirs replaced."""
    mine = [
        one
        for one in evidence
        if one.claim.kind == "waiver"
        and (one.claim.gate, one.claim.environment) == (gate, environment)
        and any(key.keyid == keyid for key in one.signer.keys)
    ]
    replaced = {digest for one in mine for digest in one.claim.supersedes}
    return next(one.digest for one in mine if one.digest not in replaced)


def claims(
    reports: Sequence[Report], about: Release, *, issued_at: datetime, said: Sequence[Evidence], renew: bool
) -> tuple[Claim, ...]:
    """What the reports claim about a release and has not been said yet.

    With ``renew`` everything is said again, and supersedes what was ``said`` of the same kind, champion and anchor.
    """
    found = []
    for report in reports:
        same = (report.kind, report.champion, report.details.get("anchor"))
        before = [one for one in said if (one.claim.kind, one.claim.champion, statements.anchored(one.claim)) == same]
        if before and not renew:
            continue
        claim = statements.of_report(report, release=about.id, issued_at=issued_at)
        found.append(replace(claim, supersedes=tuple(sorted(one.digest for one in before))))
    return tuple(found)


def release(
    store: Store,
    *,
    build: Callable[[str | None], Release],
    reports: Sequence[Report],
    provenance: Callable[[Release], Mapping[str, JSON]],
    signer: envelope.Signer | None,
    renew: bool,
    now: Callable[[], datetime],
) -> Settled[Release]:
    """Publish a release with its provenance and the evidence of ``reports``, in one commit.

    ``build`` makes the release that supersedes a given one.  A release whose content is in the repository already is
    that one; then only what was not said yet is added.  Without a ``signer`` nothing is written.
    """
    from mlops_gitops.evidence import holdouts  # late: who promotes or approves counts no looks
    from mlops_gitops.promotion import ledger, reference_looks

    def propose(tree: Tree) -> Proposal[Release]:
        snapshot = Snapshot(tree)
        made = _placed(build, snapshot)
        if signer is None:
            return Proposal(made, {})
        known = made.id in snapshot.release_ids(made.name)
        said = snapshot.dossier(made.name, made.id).evidence if known else ()
        files = {} if known else release_files(made)
        told = claims(reports, made, issued_at=now(), said=said, renew=renew)
        book = ledger.of_model(snapshot, made.name, {one.holdout for found in told for one in holdouts.looks(found)})
        for found in told:
            refuse_unless_trusted(snapshot.trust, signer.keyid, found.kind, None)
            claim = (
                book.count(found, model=made.name, artifact=made.artifact.digest)
                if found.kind == ledger.KIND
                else found
            )
            reference_looks.refuse_unless_next(snapshot, made.name, claim)
            path, data = sealed_evidence(claim, model=made.name, signer=signer)
            files[path] = data
        if not known:
            refuse_unless_trusted(snapshot.trust, signer.keyid, "provenance", None)
            built = Claim("provenance", made.id, Verdict.PASS, now(), f"built from {made.source.revision[:12]}")
            path, data = sealed_evidence(built, model=made.name, signer=signer, predicate=provenance(made))
            files[path] = data
        verb = "Judge" if known else "Release"
        return Proposal(made, files, f"{verb} {made.name} {made.version} ({made.id[:12]})\n")

    return settle(store, propose, now=now)


def _placed(build: Callable[[str | None], Release], snapshot: Snapshot) -> Release:
    """The release at the end of its model's line, or the one in it that has the same content.

    Raises ``Refused`` where another content has the version already: a version means one thing for ever.
    """
    made = build(None)
    line = snapshot.line(made.name)
    for one in line:
        if made.same_content(one):
            return one
    for one in line:
        if one.version == made.version:
            raise Refused(
                f"{made.name} {made.version} was released before, as {one.id[:12]}, with another content "
                f"(from commit {one.source.revision[:12]}, artifact {one.artifact.digest[:12]})",
                hint="raise metadata.version in model.yaml; or, to judge that release again, check out its commit and "
                "put its artifact in place",
                code="version-taken",
            )
    return build(line[-1].id) if line else made
