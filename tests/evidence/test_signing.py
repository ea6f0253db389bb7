"""A signature holds or not, whichever way a key is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from mlops_gitops.evidence import signing
from mlops_gitops.evidence.admission import public_keys, signed_by
from mlops_gitops.evidence.envelope import Envelope, parse, seal
from mlops_gitops.evidence.signing import PublicKey
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.trust import Signer, Trust

TRUST = read("trust", render(estate.trust()), path="trust/signers.yaml")
PUBLIC = str(estate.key("ci").public_key.keyval["public"])
DATA = b"what was said"
SIGNATURE = estate.signer("ci").sign(DATA)
ODD_KEYS = [
    PUBLIC, PUBLIC.upper(), f" {PUBLIC[:2]} {PUBLIC[2:]} ", PUBLIC[:-2], PUBLIC + "00", "", "zz" * 32, "00" * 32,
    "ff" * 32, "01" + "00" * 31, str(estate.key("ada").public_key.keyval["public"]), "é", f"{PUBLIC}\n",
]  # fmt: skip


@given(
    public=st.sampled_from(ODD_KEYS) | st.text("0123456789abcdef ", max_size=66),
    keytype=st.sampled_from(["ed25519", "ed25519", "ed25519", "rsa", "ecdsa", ""]),
    scheme=st.sampled_from(["ed25519", "ed25519", "ed25519", "rsassa-pss-sha256", ""]),
    signature=st.sampled_from([SIGNATURE, b"", SIGNATURE[:-1], SIGNATURE + b"x", bytes(64), b"\xff" * 64])
    | st.binary(),
    data=st.sampled_from([DATA, b"", DATA + b" "]) | st.binary(),
)
@settings(max_examples=150, deadline=None)
def test_both_ways_to_ask_a_key_give_one_answer(
    public: str, keytype: str, scheme: str, signature: bytes, data: bytes
) -> None:
    key = PublicKey("a" * 64, keytype, scheme, public)
    assert key.verifies(signature, data) is key.verifies_slowly(signature, data)


@pytest.mark.parametrize("public", ODD_KEYS)
def test_the_right_signature_under_a_key_that_is_written_oddly(public: str) -> None:
    key = PublicKey("a" * 64, "ed25519", "ed25519", public)
    assert key.verifies(SIGNATURE, DATA) is key.verifies_slowly(SIGNATURE, DATA)
    assert key.verifies(SIGNATURE, DATA) is (public.replace(" ", "").strip().lower() == PUBLIC)


@pytest.mark.parametrize(("keytype", "scheme"), [("ed25519", "rsassa-pss-sha256"), ("ed25519", ""), ("", "ed25519")])
def test_a_key_of_another_kind_verifies_nothing(keytype: str, scheme: str) -> None:
    key = PublicKey("a" * 64, keytype, scheme, PUBLIC)
    assert not key.verifies(SIGNATURE, DATA)
    assert not key.verifies_slowly(SIGNATURE, DATA)


def by_every_key(sealed: Envelope, trust: Trust) -> Signer | None:
    """Every key of every signer asked, one after the other."""
    for signer in trust.signers:
        for key in public_keys(signer):
            if sealed.verified_by(key):
                return signer
    return None


@pytest.mark.parametrize("name", ["ci", "ada", "grace", "katherine", "nobody"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_signer_is_the_first_of_the_file_whose_key_it_is(name: str, order: int) -> None:
    twice = Trust((*TRUST.signers[::order], *TRUST.signers))
    sealed = parse(seal({"said": "this"}, estate.signer(name)))
    assert signed_by(sealed, twice) == by_every_key(sealed, twice)
    assert (signed_by(sealed, twice) is None) is (name == "nobody")
    forged = Envelope(sealed.payload + b" ", sealed.keyid, sealed.signature)
    assert signed_by(forged, twice) is None


def test_a_key_is_taken_apart_once_and_a_signature_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    real = signing._ed25519_verifies
    monkeypatch.setattr(signing, "_ed25519_verifies", lambda *given: asked.append(given) or real(*given))
    signing._ed25519.cache_clear()
    signed_by.cache_clear()
    sealed = [parse(seal({"number": number}, estate.signer("ci"))) for number in range(3)]
    for one in (*sealed, *sealed):
        found = signed_by(one, TRUST)
        assert found is not None
        assert found.name == "ci"
    assert len(asked) == 3
    assert signing._ed25519.cache_info().misses == 1
