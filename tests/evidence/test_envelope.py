"""Envelopes have one byte form, other tools can read them, and admission believes nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as ReferenceEnvelope

import estate
from mlops_gitops import canonical
from mlops_gitops.errors import Failure, Misused
from mlops_gitops.evidence import envelope, statements
from mlops_gitops.evidence.admission import Evidence, TurnedAway, admit, file_name
from mlops_gitops.evidence.signing import open_signer
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render

RELEASE = estate.release()
TRUST = read("trust", render(estate.trust()), path="trust/signers.yaml")


def sealed(**fields: Any) -> bytes:
    said = statements.statement(estate.claim("model-tests", RELEASE, **fields), model=estate.MODEL)
    return envelope.seal(said, estate.signer("ci"))


def judged(data: bytes, *, name: str | None = None) -> Evidence | TurnedAway:
    return admit(name or file_name("model-tests", data), data, release=RELEASE.id, trust=TRUST)


def test_the_reference_implementation_of_dsse_verifies_ours() -> None:
    reference = ReferenceEnvelope.from_dict(json.loads(sealed()))
    reference.verify([estate.key("ci").public_key], 1)


def test_we_verify_what_the_reference_implementation_signed() -> None:
    payload = canonical.encode(statements.statement(estate.claim("model-tests", RELEASE), model=estate.MODEL))
    reference = ReferenceEnvelope(payload, envelope.PAYLOAD_TYPE, {})
    reference.sign(estate.key("ci"))
    assert isinstance(judged(canonical.encode(reference.to_dict())), Evidence)


def test_a_claim_survives_the_way_through_a_statement() -> None:
    claim = estate.approval(RELEASE, estate.Estate.new().policy("prod"), supersedes=("a" * 64,), expires_at=estate.NOW)
    assert statements.claim_of(statements.statement(claim, model=estate.MODEL)) == claim


def test_a_report_becomes_an_in_toto_test_result() -> None:
    checks = (
        Check("a.b", "x", Verdict.PASS, "fine"),
        Check("a.c", "y", Verdict.FAIL, "0.6 is below 0.7"),
    )
    claim = statements.of_report(
        Report("model-tests", checks, "1 of 2 passed"), release=RELEASE.id, issued_at=estate.NOW
    )
    said: Any = statements.statement(claim, model=estate.MODEL)
    assert said["predicateType"] == statements.TEST_RESULT
    predicate = said["predicate"]
    assert (predicate["result"], predicate["passedTests"], predicate["failedTests"]) == (
        "FAILED",
        ["a.b(x)"],
        ["a.c(y)"],
    )
    assert claim.summary == "1 of 2 passed: 0.6 is below 0.7"


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is not a DSSE envelope"):
        envelope.parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_type", "subject", "predicate", "digest"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_signed_nonsense_is_turned_away(value: Any) -> None:
    data = envelope.seal(value, estate.signer("ci")) if _exact(value) else b"[]"
    assert isinstance(judged(data), TurnedAway)


def _exact(value: Any) -> bool:
    try:
        canonical.encode(value)
    except ValueError:
        return False
    return True


@given(st.data())
def test_a_mutated_statement_is_turned_away_or_means_what_it_says(data: st.DataObject) -> None:
    """Signed by a trusted key but with one field replaced: never an exception."""
    said: Any = statements.statement(estate.claim("model-tests", RELEASE), model=estate.MODEL)
    path = data.draw(st.sampled_from(list(_paths(said))))
    at = said
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = data.draw(JSON)
    if _exact(said):
        judged(envelope.seal(said, estate.signer("ci")))


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from _paths(inner, (*prefix, key))


def test_every_reason_to_turn_a_file_away() -> None:
    good = sealed()
    assert isinstance(judged(good), Evidence)
    document = json.loads(good)
    spaced = json.dumps(document).encode()
    twice = canonical.encode({**document, "signatures": document["signatures"] * 2})
    other = canonical.encode({**document, "payload": base64.b64encode(b"{}").decode()})
    reasons = {
        "name": judged(good, name="model-tests.json"),
        "bytes": judged(good, name=f"model-tests-{'0' * 64}.json"),
        "canonical": judged(spaced),
        "one signature": judged(twice),
        "lacks or misuses": judged(other),
        "no key of trust": judged(
            envelope.seal(json.loads(base64.b64decode(document["payload"])), estate.signer("mallory"))
        ),
        "about release": judged(sealed(release="0" * 64)),
        "its statement": judged(good, name=file_name("data-tests", good)),
        "ci may not sign": judged_as("approval"),
    }
    for words, found in reasons.items():
        assert isinstance(found, TurnedAway), words
        assert words in found.reason, (words, found.reason)


def judged_as(kind: str) -> Evidence | TurnedAway:
    said = statements.statement(estate.claim(kind, RELEASE), model=estate.MODEL)
    data = envelope.seal(said, estate.signer("ci"))
    return admit(file_name(kind, data), data, release=RELEASE.id, trust=TRUST)


def test_a_key_from_a_file_and_from_the_environment_sign_alike(tmp_path: Any) -> None:
    path = tmp_path / "ci.pem"
    path.write_text(estate.pem("ci"))
    signers = [open_signer(uri, environ={"K": estate.pem("ci")}, known=list) for uri in (f"file2:{path}", "env:K")]
    assert {one.keyid for one in signers} == {estate.signer("ci").keyid}
    assert signers[0].sign(b"x") == signers[1].sign(b"x")


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_is_told_without_a_traceback(tmp_path: Any, content: str) -> None:
    path = tmp_path / "broken.pem"
    path.write_text(content)
    with pytest.raises(Misused, match=r"does not hold|cannot be read"):
        open_signer(f"file2:{path}", environ={}, known=list)


def test_a_service_key_needs_its_id() -> None:
    with pytest.raises(Failure, match="key id"):
        open_signer("awskms:arn:1", environ={}, known=list)


@st.composite
def nearly_sealed(draw: st.DrawFn) -> bytes:
    """An envelope, often with something changed in it."""
    payload, sig = draw(st.binary(max_size=30)), draw(st.binary(max_size=70))
    keyid = draw(st.one_of(st.just("a1" * 32), st.text(max_size=5), st.just('","sig":"'), st.just("é")))
    written = [base64.b64encode(payload).decode(), base64.b64encode(sig).decode()]
    at = draw(st.integers(0, 3))
    if at < 2:
        odd = draw(st.sampled_from(["=", "====", "!", " ", "\n", '","sig":"', "-_", "A", "AB==", "é"]))
        written[at] = odd + written[at] if draw(st.booleans()) else written[at] + odd
    kind = draw(st.sampled_from([envelope.PAYLOAD_TYPE, envelope.PAYLOAD_TYPE, "text/plain"]))
    document = {"payload": written[0], "payloadType": kind, "signatures": [{"keyid": keyid, "sig": written[1]}]}
    data = canonical.encode(document)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.sampled_from([b"", b" ", b'"', b"}", b"A", b"\\u0041"])) + data[place + 1 :]
    return data


def parsed_by(parse: Callable[[bytes], envelope.Envelope], data: bytes) -> envelope.Envelope | None:
    try:
        return parse(data)
    except ValueError:
        return None


@given(nearly_sealed() | st.binary(max_size=60))
@example(sealed())
@example(sealed() + b"\n")
@settings(max_examples=300, deadline=None)
def test_cutting_an_envelope_gives_what_a_json_parser_gives(data: bytes) -> None:
    found = parsed_by(envelope.parse, data)
    assert found == parsed_by(envelope.parse_slowly, data)
    assert found is None or data == envelope._render(found)


def test_an_envelope_of_ours_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(envelope, "parse_slowly")
    assert envelope.parse(sealed()).keyid == estate.signer("ci").keyid
