"""People who review on a forge, and an environment that asks them: for tests of approvals.

``prod`` wants two approvals, one of them of group risk, not older than a week.  ada wrote the release; grace (of risk),
katherine and hedy (who has no key) may approve; the machine ``reviews`` records what they said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import estate
from estate import NOW, Estate
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.reviews import Review, Said, Voice, claim_of_review
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, layout, plan, pointer, publish, pulls, receipts
from mlops_gitops.promotion.snapshot import Snapshot

HEAD, OLD = "a" * 40, "b" * 40
RELEASE = estate.release()
APPROVALS: dict[str, Any] = {"quorum": 2, "groups": [{"name": "risk", "min": 1}], "maxAge": "P7D"}
LONG_AGO = timedelta(days=8)


def person(
    name: str, *, groups: Iterable[str] = (), keys: bool = True, identities: Iterable[str] = ()
) -> dict[str, Any]:
    """A person of ``trust/`` with an address, a login, and whatever else."""
    return {
        "name": name,
        "type": "person",
        "identities": [*(identities or (f"{name}@example.com", f"github:{name}-example"))],
        "groups": list(groups),
        "keys": [estate.public(name)] if keys else [],
        "signs": [{"kinds": ["approval"], "environments": ["prod", "staging"]}],
    }


def machine(name: str, kinds: Iterable[str], environments: Iterable[str] = ("*",)) -> dict[str, Any]:
    """A machine of ``trust/``."""
    grants = [{"kinds": list(kinds), "environments": list(environments)}]
    return {"name": name, "type": "machine", "keys": [estate.public(name)], "signs": grants}


PEOPLE = (
    person("ada"),
    person("grace", groups=["risk"]),
    person("katherine"),
    person("hedy", keys=False),
)
MACHINES = (machine("reviews", ["review"]), machine("ci", ["scan", "promotion"]))


def trust(*signers: dict[str, Any]) -> bytes:
    """A trust document; the people and machines above where none are given."""
    some = list(signers or (*MACHINES, *PEOPLE))
    return render({"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": some}})


def start(approvals: dict[str, Any] | None = None, *, trusted: bytes | None = None, about: Release = RELEASE) -> Estate:
    """An environment repository with prod and the release."""
    policy = estate.environment("prod", gates=[{"approvals": approvals or APPROVALS}])
    files = {layout.TRUST: trusted or trust(), **publish.release_files(about)}
    return Estate.new({"prod": policy}).with_files(files)


def voice(
    who: str, said: Said = "approved", *, commit: str = HEAD, at: datetime | None = None, bot: bool = False
) -> Voice:
    """One review.  A plain name is that of a person above."""
    login = who if "-" in who or "[" in who or not who.isascii() else f"{who}-example"
    return Voice(login, bot, said, commit, at or NOW - timedelta(hours=1), f"{login}/{said}")


def promotion_of(where: Estate, about: Release = RELEASE, environment: str = "prod") -> str:
    """The id of the promotion that would come next."""
    case = plan.situation(Snapshot(where.tree()), model=about.name, environment=environment, release=about.id)
    found = plan.gate_case(case, now=NOW).promotion
    assert found is not None
    return found


def review(where: Estate, *voices: Voice, **fields: Any) -> Review:
    """A look at the pull request that proposes the release for prod."""
    said: dict[str, Any] = {
        "forge": "https://forge.example.com",
        "repository": "airline/environments",
        "number": 7,
        "head": HEAD,
        "author": "promoter[bot]",
        "authors": ("promoter[bot]",),
        "pusher": "promoter[bot]",
        "voices": voices,
        **({} if "promotion" in fields else {"promotion": promotion_of(where)}),
        **fields,
    }
    return Review(**said)


def claim(where: Estate, seen: Review, **fields: Any) -> Claim:
    """What the evidence of a look says."""
    policy: Environment = where.policy("prod")
    said: dict[str, Any] = {
        "release": RELEASE.id,
        "environment": "prod",
        "policy": policy.policy_digest,
        "head": RELEASE.source.revision,
        "verdict": Verdict.PASS,
        "issued_at": NOW,
        "summary": "seen",
        **fields,
    }
    return claim_of_review(seen, **said)


def look(
    where: Estate, *voices: Voice, by: str = "reviews", about: dict[str, Any] | None = None, **fields: Any
) -> Estate:
    """The repository with a look on record; ``fields`` change the review, ``about`` the claim."""
    made = claim(where, review(where, *voices, **fields), **(about or {}))
    return where.with_files(estate.evidence(made, by=by))


def digests(where: Estate) -> tuple[str, ...]:
    """The digests of the looks on record."""
    names = [path.rpartition("/")[2] for path in where.files if "/review-" in path]
    return tuple(sorted(one.removeprefix("review-").removesuffix(".json") for one in names))


def judged(where: Estate, about: Release = RELEASE, *, now: datetime = NOW) -> Judgement:
    """What the approvals gate of prod says, as everything else in the program would hear it."""
    case = plan.situation(Snapshot(where.tree()), model=about.name, environment="prod", release=about.id)
    (found,) = (one for one in plan.decide(case, now=now).judgements if one.gate == "approvals")
    return found


def passes(where: Estate, about: Release = RELEASE, *, now: datetime = NOW) -> bool:
    """Whether the approvals gate lets the release in."""
    return judged(where, about, now=now).answer is Answer.PASS


def signed(where: Estate, who: str, verdict: Verdict = Verdict.PASS, **fields: Any) -> Estate:
    """The repository with a person's signature."""
    said = estate.approval(RELEASE, where.policy("prod"), verdict=verdict, **fields)
    return where.with_files(estate.evidence(said, by=who))


def trained_by(*names: str) -> Release:
    """The release with trainers on record."""
    value = {**RELEASE.value, "spec": {**RELEASE.value["spec"]}}
    value["spec"]["source"] = {**value["spec"]["source"], "trainers": list(names)}
    return replace(RELEASE, value=value, source=replace(RELEASE.source, trainers=names))


REVIEW: dict[str, Any] = {
    "quorum": 1,
    "groups": [{"name": "platform", "min": 1, "members": ["hedy-example", "dorothy-example"]}],
}


def project(review: Any = REVIEW) -> dict[str, bytes]:
    """mlops-gitops.yaml of a repository."""
    spec = {"environments": "https://git.example.com/airline/environments.git"}
    spec |= {} if review is None else {"review": review}
    return {pulls.PROJECT: render({"apiVersion": "mlops-gitops/v1", "kind": "Project", "spec": spec})}


def with_receipt(where: Estate, running: Release, *, by: str = "ci") -> Estate:
    """The repository in which ``running`` came to prod meanwhile."""
    snapshot = Snapshot(where.tree())
    case = plan.situation(snapshot, model=running.name, environment="prod", release=running.id)
    decision = replace(plan.decide(case, now=NOW), outcome=plan.Outcome.MOVE)
    receipt = apply.move(decision, tree=snapshot.tree, now=NOW, reason="")
    return where.with_files(
        {
            receipt.path: envelope.seal(receipts.statement(receipt), estate.signer(by)),
            layout.pointer("prod", running.name): pointer.render(running),
        }
    )
