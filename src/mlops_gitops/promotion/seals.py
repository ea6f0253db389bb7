"""Seals: what completes the receipt of a promotion that came by a pull request.

Such a receipt is written before people have said yes, and merged by a forge, which may squash, rebase or merge.  So it
cannot say by which commit it came, nor which approvals counted.  The seal says that, afterwards: the pull request, the
commit that brought the receipt into the branch with the commit before it, and the answer of every gate when the
decision was made again.  It is an in-toto statement in a DSSE envelope, about the receipt's file and the release, and
lies in the tree, where no squash can lose it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlops_gitops import canonical, times
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Judgement
from mlops_gitops.evidence.statements import ATTESTATION, STATEMENT, text
from mlops_gitops.promotion import layout, receipts
from mlops_gitops.records import record

PREDICATE_TYPE = f"{ATTESTATION}/seal/v1"


@record
class PullRequest:
    """The pull request that brought a promotion: ``head`` was merged by ``by`` at ``at``, by the forge's clock."""

    repository: str
    number: int
    head: str
    by: str
    at: datetime


@record
class Seal:
    """The end of one promotion by pull request.

    ``receipt`` is the SHA-256 of the receipt's file; ``commit`` brought it into the branch, and ``base`` is the commit
    before that one, on which the decision was made again at ``time``.
    """

    environment: str
    model: str
    promotion: str
    release: str
    receipt: str
    commit: str
    base: str
    pull: PullRequest
    judgements: tuple[Judgement, ...]
    time: datetime

    @property
    def path(self) -> str:
        """Where the seal is kept."""
        return layout.seal(self.environment, self.model, self.promotion)


@record
class FiledSeal:
    """A seal as it lies in the repository: what it says, and its envelope."""

    seal: Seal
    sealed: envelope.Envelope


def completes(seal: Seal, filed: receipts.Filed) -> bool:
    """Whether a seal is about this receipt, byte for byte."""
    one = filed.receipt
    return (seal.environment, seal.model, seal.promotion, seal.release, seal.receipt) == (
        one.environment, one.model, one.id, one.release, filed.digest,
    )  # fmt: skip


def statement(seal: Seal) -> JSON:
    """The in-toto statement of a seal."""
    pull = seal.pull
    return {
        "_type": STATEMENT,
        "subject": [
            {
                "name": layout.receipt(seal.environment, seal.model, seal.promotion),
                "digest": {"sha256": seal.receipt},
            },
            {"name": layout.release(seal.model, seal.release), "digest": {"sha256": seal.release}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "promotion": seal.promotion,
            "environment": seal.environment,
            "model": seal.model,
            "release": seal.release,
            "commit": seal.commit,
            "base": seal.base,
            "pullRequest": {
                "repository": pull.repository,
                "number": pull.number,
                "head": pull.head,
                "mergedBy": pull.by,
                "mergedAt": times.format_instant(pull.at),
            },
            "gates": receipts.judgements_document(seal.judgements),
            "time": times.format_instant(seal.time),
        },
    }


def parse(data: bytes, *, path: str) -> FiledSeal:
    """A seal file.  Raises ``Refused`` for anything but the one byte form, or a name that is not its promotion's."""
    try:
        sealed = envelope.parse(data)
        seal = _read(sealed.statement)
        if canonical.encode(statement(seal)) != sealed.payload:
            raise ValueError("its statement has other fields than a seal")  # noqa: TRY301 - one place says what is wrong
        if seal.path != path:
            raise ValueError(f"its content belongs to {seal.path}")  # noqa: TRY301
    except ValueError as error:
        raise Refused(
            f"{path} is not a seal: {error}",
            hint="`mlops-gitops verify` shows every such place; `git log` shows who changed it",
            code="seal",
        ) from error
    return FiledSeal(seal, sealed)


def _read(document: Any) -> Seal:
    try:
        said = document["predicate"]
        pull = said["pullRequest"]
        return Seal(
            environment=text(said["environment"]),
            model=text(said["model"]),
            promotion=text(said["promotion"]),
            release=text(said["release"]),
            receipt=text(document["subject"][0]["digest"]["sha256"]),
            commit=text(said["commit"]),
            base=text(said["base"]),
            pull=PullRequest(
                repository=text(pull["repository"]),
                number=receipts.count(pull["number"]),
                head=text(pull["head"]),
                by=text(pull["mergedBy"]),
                at=times.parse_instant(pull["mergedAt"]),
            ),
            judgements=tuple(map(receipts.judgement, said["gates"])),
            time=times.parse_instant(said["time"]),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"it lacks or misuses the field {error}") from error
