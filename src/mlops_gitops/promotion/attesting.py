"""A person's signed word that a test of the ML Test Score was made by hand on one release: what was done, what came.

Evidence like any other: append-only, about one release, from a key that ``trust/`` lets sign it.  What the same key
said before about the same test is superseded, so that a pass can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mlops_gitops.canonical import JSON, sha256
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope, statements
from mlops_gitops.evidence.score.rubric import BY_HAND, Criterion
from mlops_gitops.evidence.score.scoring import check_id
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.promotion.apply import refuse_unless_trusted
from mlops_gitops.promotion.publish import Spoken, sealed_evidence
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle


def attest(
    store: Store,
    *,
    model: str,
    release: str,
    manifest: str,
    test: Criterion,
    procedure: str,
    found: str,
    verdict: Verdict,
    signer: envelope.Signer,
    now: Callable[[], datetime],
) -> Settled[Spoken]:
    """Sign and publish it.  ``manifest`` is the digest of the manifest in which ``procedure`` stands.

    Raises ``Refused`` where the release was made from another manifest, or where the signer is no person.
    """

    def propose(tree: Tree) -> Proposal[Spoken]:
        snapshot = Snapshot(tree)
        who = refuse_unless_trusted(snapshot.trust, signer.keyid, BY_HAND, None)
        if who.type != "person":
            raise Refused(f"{who.name} is a machine", hint="use the key of whoever made the test", code="not-trusted")
        dossier = snapshot.dossier(model, snapshot.find_release(model, release))
        about = dossier.release
        if about.manifest != manifest:
            raise Refused(
                f"{model} {about.version} was made from another model.yaml than the one here",
                hint=f"check out {about.source.revision[:12]}, whose manifest says how the test is made",
                code="other-manifest",
            )
        name = check_id(test)
        mine = [
            one
            for one in dossier.evidence
            if one.claim.kind == BY_HAND and one.signer.name == who.name and statements.answers(one.claim, name)
        ]
        check = Check(name, test.id, verdict, found)
        details: dict[str, JSON] = {"checks": [check.document()], "procedure": procedure}
        claim = Claim(
            BY_HAND,
            about.id,
            verdict,
            now(),
            f"{test.title}: {found}",
            supersedes=tuple(sorted(one.digest for one in mine)),
            details=details,
        )
        path, data = sealed_evidence(claim, model=model, signer=signer)
        message = f"Attest {test.id} of {model} {about.version} ({about.id[:12]})\n"
        return Proposal(Spoken(who.name, about.id, about.version, sha256(data)), {path: data}, message)

    return settle(store, propose, now=now)
