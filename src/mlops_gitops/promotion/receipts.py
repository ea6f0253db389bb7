"""Receipts: why a pointer was allowed to move, signed, and chained per slot.

A receipt is an in-toto statement in a DSSE envelope, about the pointer file and the release it names.  It holds the
answer of every gate with the digests of the evidence that decided, the policy and the commit it was judged on, and the
digest of the receipt before it, so that none can be changed, dropped or reordered unnoticed.

The id of a promotion is made from the slot, the action, the release and the previous receipt.  So two runners that plan
the same move make the same id, and moving to A, B, A, B makes four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from mlops_gitops import canonical, times
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.statements import ATTESTATION, STATEMENT, optional, text
from mlops_gitops.promotion import layout

if TYPE_CHECKING:  # a seal is about a receipt, and not the other way round
    from mlops_gitops.promotion.seals import Seal

PREDICATE_TYPE = f"{ATTESTATION}/promotion/v1"
DIRECT, PULL_REQUEST = "direct", "pull-request"
PROMOTE, ROLLBACK = "promote", "rollback"


@dataclass(frozen=True)
class Receipt:
    """One promotion or rollback.

    ``sequence`` counts from one within the slot; ``previous`` is the SHA-256 of the receipt file before it;
    ``replaced`` the release that ran before; ``base`` the commit that was judged;
    ``pointer`` the SHA-256 of the pointer file.  ``mode`` says whether the commit was written by us or came by a pull
    request, and then a seal completes it; ``targets`` names the targets that it moves.  Both are left out of the
    statement where they say nothing.  ``whole`` says that the environment's own pointer moves, which is so but for the
    steps of a rollout that leave targets behind; the subjects of the statement say it.
    """

    action: str
    environment: str
    model: str
    release: str
    replaced: str | None
    sequence: int
    previous: str | None
    base: str
    policy: str
    pointer: str
    judgements: tuple[Judgement, ...]
    reason: str
    time: datetime
    mode: str = DIRECT
    targets: tuple[str, ...] = ()
    whole: bool = True

    @cached_property
    def id(self) -> str:
        """The promotion id."""
        return promotion_id(
            action=self.action,
            environment=self.environment,
            model=self.model,
            release=self.release,
            previous=self.previous,
        )

    @property
    def path(self) -> str:
        """Where the receipt is kept."""
        return layout.receipt(self.environment, self.model, self.id)


@dataclass(frozen=True, slots=True)
class Filed:
    """A receipt as it lies in the repository: what it says, the digest of its file, and its envelope.

    ``seal`` is what completes it, where it came by a pull request and a seal holds.
    """

    receipt: Receipt
    digest: str
    sealed: envelope.Envelope
    seal: Seal | None = None

    @property
    def stands(self) -> bool:
        """Whether the promotion was allowed as it came: one by a pull request only with its seal."""
        return self.receipt.mode == DIRECT or self.seal is not None

    @property
    def since(self) -> datetime:
        """Since when the release runs there: a receipt that waited in a pull request is older than that."""
        return self.seal.time if self.seal is not None else self.receipt.time


def promotion_id(*, action: str, environment: str, model: str, release: str, previous: str | None) -> str:
    """The id of a promotion, 64 hexadecimal digits."""
    return canonical.digest(
        {"action": action, "environment": environment, "model": model, "previousReceipt": previous, "release": release}
    )


def pointers(receipt: Receipt) -> list[str]:
    """Every pointer that the receipt's commit writes; they are the same file."""
    own = [layout.pointer(receipt.environment, receipt.model)] if receipt.whole else []
    return [*own, *(layout.pointer(receipt.environment, receipt.model, name) for name in receipt.targets)]


def statement(receipt: Receipt) -> JSON:
    """The in-toto statement of a receipt."""
    written: list[JSON] = [{"name": path, "digest": {"sha256": receipt.pointer}} for path in pointers(receipt)]
    return {
        "_type": STATEMENT,
        "subject": [
            *written,
            {"name": layout.release(receipt.model, receipt.release), "digest": {"sha256": receipt.release}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "promotion": receipt.id,
            "action": receipt.action,
            "environment": receipt.environment,
            "model": receipt.model,
            "release": receipt.release,
            "replaced": receipt.replaced,
            "sequence": receipt.sequence,
            "previousReceipt": receipt.previous,
            "base": receipt.base,
            "policy": receipt.policy,
            "gates": judgements_document(receipt.judgements),
            "reason": receipt.reason,
            "time": times.format_instant(receipt.time),
            **({} if receipt.mode == DIRECT else {"mode": receipt.mode}),
            **({"targets": list(receipt.targets)} if receipt.targets else {}),
        },
    }


def judgements_document(judgements: Sequence[Judgement]) -> JSON:
    """The answers of the gates as receipts and seals keep them."""
    return [
        {"gate": one.gate, "answer": one.answer.value, "reason": one.reason, "evidence": list(one.evidence)}
        for one in judgements
    ]


@lru_cache(maxsize=4096)
def parse(data: bytes, *, path: str) -> Filed:
    """A receipt file, parsed once for the same bytes in the same place.

    Raises ``Refused`` for anything but the one byte form, or a name that is not its id.
    """
    try:
        sealed = envelope.parse(data)
        receipt = _receipt(sealed, path)
    except ValueError as error:
        raise Refused(
            f"{path} is not a receipt: {error}",
            hint="`mlops-gitops verify` shows every such place; `git log` shows who changed it",
            code="receipt",
        ) from error
    return Filed(receipt, canonical.sha256(data), sealed)


def _receipt(sealed: envelope.Envelope, path: str) -> Receipt:
    """The receipt inside an envelope.  Raises ``ValueError`` with what is wrong."""
    receipt = _read(sealed.statement)
    if canonical.encode(statement(receipt)) != sealed.payload:
        raise ValueError("its statement has other fields than a receipt")
    if not pointers(receipt):
        raise ValueError("it moves nothing")
    if receipt.path != path:
        raise ValueError(f"its content belongs to {receipt.path}")
    return receipt


def _read(document: Any) -> Receipt:
    try:
        said = document["predicate"]
        own = layout.pointer(text(said["environment"]), text(said["model"]))
        return Receipt(
            action=text(said["action"]),
            environment=text(said["environment"]),
            model=text(said["model"]),
            release=text(said["release"]),
            replaced=optional(said, "replaced"),
            sequence=count(said["sequence"]),
            previous=optional(said, "previousReceipt"),
            base=text(said["base"]),
            policy=text(said["policy"]),
            pointer=text(document["subject"][0]["digest"]["sha256"]),
            judgements=tuple(map(judgement, said["gates"])),
            reason=text(said["reason"]),
            time=times.parse_instant(said["time"]),
            mode=text(said.get("mode", DIRECT)),
            targets=_targets(said.get("targets", ())),
            whole=document["subject"][0]["name"] == own,
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"it lacks or misuses the field {error}") from error


def judgement(said: Any) -> Judgement:
    """The answer of one gate as a receipt or a seal keeps it.  Raises ``TypeError``, ``KeyError`` or ``ValueError``."""
    return Judgement(
        text(said["gate"]), Answer(said["answer"]), text(said["reason"]), tuple(map(text, said["evidence"]))
    )


def _targets(said: Any) -> tuple[str, ...]:
    """Names that become parts of paths.  Raises ``ValueError`` for one that may not, or that is there twice."""
    found = tuple(map(text, said))
    if len(set(found)) < len(found) or any(layout.NAME.fullmatch(one) is None for one in found):
        raise ValueError("its targets are not different names")
    return found


def count(value: Any) -> int:
    """``value``, which must be a whole number.  Raises ``TypeError``."""
    if type(value) is not int:  # not a bool, which Python takes for a number
        raise TypeError(f"{value!r}, which should be a whole number")
    return value


def chained(filed: list[Filed], *, environment: str, model: str) -> tuple[Filed, ...]:
    """The receipts of one slot in the order of their chain, oldest first.

    Raises ``Refused`` where they do not form one unbroken chain from the first to the last.
    """
    following = {one.receipt.previous: one for one in filed}
    chain: list[Filed] = []
    while (found := following.get(chain[-1].digest if chain else None)) is not None:
        chain.append(found)
        if found.receipt.sequence != len(chain) or len(chain) > len(filed):
            break
    whole = len(chain) == len(filed) and all(one.receipt.sequence == place for place, one in enumerate(chain, start=1))
    if not whole:
        last = f"after receipt {chain[-1].receipt.id[:12]}" if chain else "at its first receipt"
        raise Refused(
            f"the receipts of {model} in {environment} do not form one chain: it breaks {last}",
            hint="`mlops-gitops verify` shows every such place; revert the commit that brought or removed one",
            code="receipt-chain",
        )
    return tuple(chain)
