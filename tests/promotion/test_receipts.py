"""A receipt file that means harm is refused in words: wrong types, endless nesting, times that do not exist."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import estate
from estate import MODEL, NOW
from mlops_gitops import times
from mlops_gitops.canonical import sha256
from mlops_gitops.errors import Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.admission import TurnedAway, admit
from mlops_gitops.evidence.envelope import Envelope
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import receipts
from mlops_gitops.promotion.receipts import Receipt, promotion_id

GOOD = Receipt(
    action="promote",
    environment="prod",
    model=MODEL,
    release="a" * 64,
    replaced=None,
    sequence=1,
    previous=None,
    base="b" * 40,
    policy="c" * 64,
    pointer="d" * 64,
    judgements=(Judgement("scan", Answer.PASS, "clean", ("e" * 64,)),),
    reason="",
    time=NOW,
)


def filed(**fields: object) -> tuple[str, bytes]:
    """A receipt with other fields, signed and under the name that they give it."""
    document: Any = receipts.statement(GOOD)
    said = document["predicate"]
    said.update(fields)
    named = {name: said[name] for name in ("action", "environment", "model", "release")}
    said["promotion"] = promotion_id(**named, previous=said["previousReceipt"])
    document["subject"][1]["name"] = f"releases/{said['model']}/{said['release']}.yaml"
    document["subject"][1]["digest"]["sha256"] = said["release"]
    path = f"receipts/{said['environment']}/{said['model']}/{said['promotion']}.json"
    return path, envelope.seal(document, estate.signer("ci"))


def test_a_receipt_is_read_as_it_was_written() -> None:
    path, data = filed()
    assert receipts.parse(data, path=path).receipt == GOOD


@pytest.mark.parametrize(
    "fields",
    [
        {"previousReceipt": []},
        {"previousReceipt": {}},
        {"release": ["a"]},
        {"base": 5},
        {"sequence": "1"},
        {"sequence": True},
        {"reason": [[[["deep"]]]]},
        {"policy": None},
        {"gates": [{"gate": [], "answer": "pass", "reason": "", "evidence": []}]},
        {"gates": [{"gate": "scan", "answer": "pass", "reason": "", "evidence": [[]]}]},
        {"time": "0001-01-01T00:00:00+14:00"},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused(fields: dict[str, object]) -> None:
    path, data = filed(**fields)
    with pytest.raises(Refused, match="is not a receipt"):
        receipts.parse(data, path=path)


def nested() -> bytes:
    signer = estate.signer("ci")
    payload = b"[" * 100_000 + b"]" * 100_000
    return envelope._render(Envelope(payload, signer.keyid, signer.sign(envelope._authenticated(payload))))


def test_a_statement_that_is_nested_without_end_is_refused() -> None:
    data = nested()
    with pytest.raises(Refused, match="nested too deeply"):
        receipts.parse(data, path=f"receipts/prod/{MODEL}/{'0' * 64}.json")
    trust = estate.read("trust", render(estate.trust()), path="trust/signers.yaml")
    found = admit(f"scan-{sha256(data)}.json", data, release="a" * 64, trust=trust)
    assert isinstance(found, TurnedAway)
    assert "nested too deeply" in found.reason


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time in UTC"):
        times.parse_instant(text)
    assert times.parse_instant("2026-11-21T13:00:00+01:00") == NOW + timedelta(0)
