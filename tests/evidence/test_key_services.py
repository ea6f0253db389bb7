"""A key that never leaves its service: AWS KMS as moto answers it, through the SDK that securesystemslib uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from securesystemslib.signer import AWSSigner, _aws_signer

from mlops_gitops.errors import WorldFailed
from mlops_gitops.evidence.signing import PublicKey, open_signer


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in (("ACCESS_KEY_ID", "ada"), ("SECRET_ACCESS_KEY", "ada"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        yield boto3.client("kms")


@pytest.fixture
def named(kms: Any) -> tuple[str, PublicKey]:
    """URI and public half, as the guide gets them from the service."""
    kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
    (key,) = kms.list_keys()["Keys"]
    uri, public = AWSSigner.import_(key["KeyId"])
    return f"{uri}#{public.keyid}", PublicKey(public.keyid, public.keytype, public.scheme, public.keyval["public"])


def test_a_service_signs_the_digest_of_what_is_sealed(named: tuple[str, PublicKey]) -> None:
    """moto takes the digest that it is sent for a message, so what verifies it here is one digest further."""
    uri, public = named
    signer = open_signer(uri, environ={}, known=lambda: [public])
    signature = signer.sign(b"a statement")
    assert signer.keyid == public.keyid
    assert public.verifies(signature, hashlib.sha256(b"a statement").digest())
    assert not public.verifies(signature, hashlib.sha256(b"another").digest())


def test_a_key_that_is_not_there_and_packages_that_are_missing(
    named: tuple[str, PublicKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, public = named
    with pytest.raises(WorldFailed, match="could not sign: NotFoundException"):
        open_signer(f"awskms:alias/gone#{public.keyid}", environ={}, known=lambda: [public]).sign(b"x")
    monkeypatch.setattr(_aws_signer, "AWS_IMPORT_ERROR", "boto3 is not here")
    with pytest.raises(WorldFailed, match="boto3 is not here") as failure:
        open_signer(uri, environ={}, known=lambda: [public])
    assert "pip install 'securesystemslib[awskms]'" in failure.value.hint
