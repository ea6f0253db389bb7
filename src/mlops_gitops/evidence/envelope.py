"""Signed bytes: a statement inside a DSSE envelope.

An envelope has one byte form (RFC 8785 JSON, canonical base64, one signature) and any other is refused, so that the
digest of the file names the statement and no byte of it can change unnoticed.  Signing and verifying is done by keys;
this room never sees a private one, only a ``Signer``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAXIMUM_BYTES = 8 * 1024 * 1024

_OPENS, _GOES_ON = b'{"payload":"', f'","payloadType":"{PAYLOAD_TYPE}","signatures":[{{"keyid":"'.encode()
_SIGNS, _CLOSES = b'","sig":"', b'"}]}'
_FRAME = len(_OPENS + _GOES_ON + _SIGNS + _CLOSES)
_KEYID = re.compile(rb"[0-9a-f]{1,128}")


class Signer(Protocol):
    """Something that signs: a key file, an environment variable, a key service."""

    @property
    def keyid(self) -> str:
        """The id under which ``trust/`` knows the public key."""

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``."""


class Key(Protocol):
    """The public part: something that can check a signature."""

    @property
    def keyid(self) -> str:
        """The id that signatures carry."""

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is this key's signature of ``data``."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A statement and who claims to have signed it; nothing is believed before ``verified_by``."""

    payload: bytes
    keyid: str
    signature: bytes

    @property
    def statement(self) -> Any:
        """The parsed payload.  Raises ``ValueError`` where it is not JSON, or is nested without end."""
        try:
            return json.loads(self.payload)
        except RecursionError as error:
            raise ValueError("its statement is nested too deeply") from error

    def verified_by(self, key: Key) -> bool:
        """Whether ``key`` made the signature over exactly this payload."""
        return key.keyid == self.keyid and key.verifies(self.signature, _authenticated(self.payload))


def seal(statement: JSON, signer: Signer) -> bytes:
    """The file that says ``statement``, signed."""
    payload = canonical.encode(statement)
    return _render(Envelope(payload, signer.keyid, signer.sign(_authenticated(payload))))


def parse(data: bytes) -> Envelope:
    """The envelope in ``data``.  Raises ``ValueError`` for anything but the one byte form."""
    if len(data) > MAXIMUM_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_BYTES} bytes")
    return _cut(data) or parse_slowly(data)


def _cut(data: bytes) -> Envelope | None:
    """What ``parse_slowly`` would give, by cutting the bytes where the one byte form has to be cut.

    ``None`` where that is not certain: then nothing is said about them.  Base64 that is written again as it was holds
    no quotation mark, so the cuts are where JSON would make them.
    """
    payload, _, rest = data.removeprefix(_OPENS).partition(_GOES_ON)
    keyid, _, signature = rest.removesuffix(_CLOSES).partition(_SIGNS)
    if len(data) != len(payload) + len(keyid) + len(signature) + _FRAME or _KEYID.fullmatch(keyid) is None:
        return None
    try:
        envelope = Envelope(binascii.a2b_base64(payload), keyid.decode(), binascii.a2b_base64(signature))
    except binascii.Error:
        return None
    same = _base64(envelope.payload) == payload and _base64(envelope.signature) == signature
    return envelope if same else None


def parse_slowly(data: bytes) -> Envelope:
    """The same as ``parse``, through a JSON parser and back."""
    try:
        document = json.loads(data)
        (signature,) = document["signatures"]
        envelope = Envelope(
            payload=base64.b64decode(document["payload"], validate=True),
            keyid=str(signature["keyid"]),
            signature=base64.b64decode(signature["sig"], validate=True),
        )
        same = _render(envelope) == data
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it is not a DSSE envelope with one signature ({error})") from error
    if not same:
        raise ValueError("its bytes are not the canonical form of a DSSE envelope")
    return envelope


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _render(envelope: Envelope) -> bytes:
    return canonical.encode(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": envelope.keyid, "sig": base64.b64encode(envelope.signature).decode()}],
        }
    )


def _authenticated(payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE v1: type and payload, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
