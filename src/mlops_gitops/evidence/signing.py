"""Keys: where a private one is found, and how a public one checks.

A signer is named by a URI, in the scheme of securesystemslib: ``file2:/path/to/key.pem`` and ``env:VARIABLE`` (a PEM in
an environment variable) for keys that we hold ourselves, and every scheme that securesystemslib knows (``awskms:``,
``gcpkms:``, ``azurekms:``, ``hsm:``, …) for keys that we never see.  A private key is never printed, copied or cached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from mlops_gitops.errors import Failure, Misused, WorldFailed
from mlops_gitops.manifests.keys import key_id
from mlops_gitops.records import record

OWN_SCHEMES = ("file2", "env")
_EXTRAS = {"hv": "vault"}
"""What brings the packages of a key service to securesystemslib, where it is not named as its scheme."""


@record
class PublicKey:
    """A key as ``trust/`` writes it: the fields of a securesystemslib ``Key``."""

    keyid: str
    keytype: str
    scheme: str
    public: str

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is this key's signature of ``data``; an unusable key verifies nothing.

        Ed25519 is asked of ``cryptography`` directly, as securesystemslib asks it: a large repository has fifty
        thousand signatures by a handful of keys, and taking the key apart each time costs as much as the check.
        """
        if (self.keytype, self.scheme) == ("ed25519", "ed25519"):
            return _ed25519_verifies(self.public, signature, data)
        return self.verifies_slowly(signature, data)

    def verifies_slowly(self, signature: bytes, data: bytes) -> bool:
        """The same, by securesystemslib alone, for every kind of key."""
        from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
        from securesystemslib.signer import Signature

        try:
            self._sslib().verify_signature(Signature(self.keyid, signature.hex()), data)
        except (UnverifiedSignatureError, VerificationError, ValueError, KeyError, TypeError):
            return False
        return True

    def _sslib(self) -> Any:
        from securesystemslib.signer import Key

        fields = {"keytype": self.keytype, "scheme": self.scheme, "keyval": {"public": self.public}}
        return Key.from_dict(self.keyid, fields)


def _ed25519_verifies(public: str, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        _ed25519(public).verify(signature, data)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=1024)
def _ed25519(public: str) -> Any:
    """The key with these hexadecimal digits.  Raises ``ValueError`` or ``TypeError`` where they are none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))


@record
class OpenSigner:
    """A key that is ready to sign; fits ``envelope.Signer``."""

    keyid: str
    _signed: Callable[[bytes], bytes]

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``.  Raises ``WorldFailed`` where a key service does not answer."""
        try:
            return self._signed(data)
        except Exception as error:  # each key service has exceptions of its own
            raise WorldFailed(
                f"the key could not sign: {type(error).__name__}: {error}",
                hint="check that the key service can be reached and that you may use the key",
                code="signing",
            ) from error


def open_signer(uri: str, *, environ: Mapping[str, str], known: Callable[[], Iterable[PublicKey]]) -> OpenSigner:
    """The signer named by ``uri``.

    ``known`` gives the public keys of ``trust/``: a key service is asked to sign with the one whose id stands behind
    ``#`` in the URI.  Raises ``Misused`` or ``WorldFailed``; no message holds any part of a private key.
    """
    scheme, _, rest = uri.partition(":")
    if scheme in OWN_SCHEMES and rest:
        return _own(_private_pem(scheme, rest, environ), uri)
    return _service(uri, known())


def _private_pem(scheme: str, name: str, environ: Mapping[str, str]) -> bytes:
    if scheme == "env":
        value = environ.get(name)
        if not value:
            raise _no_key(f"the environment variable {name} is empty or not set")
        return value.encode()
    try:
        with open(name, "rb") as handle:  # noqa: PTH123 - a plain read
            return handle.read(64 * 1024)
    except OSError as error:
        raise _no_key(f"the key file {name} cannot be read: {error.strerror}") from error


def _own(pem: bytes, uri: str) -> OpenSigner:
    """A key that is here.  Ed25519 needs no securesystemslib, whose signers load the SDK of every cloud they find."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private: Any = load_pem_private_key(pem, None)
        if isinstance(private, Ed25519PrivateKey):
            public = private.public_key().public_bytes_raw().hex()
            return OpenSigner(key_id("ed25519", "ed25519", public), private.sign)
        return _own_of_another_kind(private)
    except Exception as error:  # noqa: BLE001 - cryptography raises many kinds; none may carry the key on
        raise _no_key(f"{uri} does not hold an unencrypted PEM private key ({type(error).__name__})") from None


def _own_of_another_kind(private: Any) -> OpenSigner:
    from securesystemslib.signer import CryptoSigner, SSlibKey

    public = SSlibKey.from_crypto(private.public_key())
    return OpenSigner(public.keyid, _signing(CryptoSigner(private, public)))


def _signing(signer: Any) -> Callable[[bytes], bytes]:
    """How a signer of securesystemslib signs."""
    return lambda data: bytes.fromhex(signer.sign(data).signature)


def _service(uri: str, known: Iterable[PublicKey]) -> OpenSigner:
    from securesystemslib.exceptions import UnsupportedLibraryError
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, Signer

    address, _, keyid = uri.partition("#")
    service = address.partition(":")[0]
    if service not in SIGNER_FOR_URI_SCHEME:
        schemes = ", ".join(f"{scheme}:" for scheme in dict.fromkeys((*OWN_SCHEMES, *sorted(SIGNER_FOR_URI_SCHEME))))
        hint = f"a key in a file is written file2:PATH; the schemes are {schemes}"
        raise Misused(f"{uri!r} does not name a key", hint=hint, code="key-uri")
    for key in known:
        if key.keyid == keyid:
            try:
                return OpenSigner(keyid, _signing(Signer.from_priv_key_uri(address, key._sslib())))  # noqa: SLF001 - same room
            except UnsupportedLibraryError as error:
                raise WorldFailed(
                    f"the key {address} cannot be used: {error}",
                    hint=f"pip install 'securesystemslib[{_EXTRAS.get(service, service)}]' beside this program; "
                    "an Action takes a Python that has both from MG_PYTHON",
                    code="signing",
                ) from error
            except Exception as error:
                raise WorldFailed(
                    f"the key {address} cannot be used: {type(error).__name__}: {error}",
                    hint="check the URI and your credentials for the key service",
                    code="signing",
                ) from error
    raise Misused(
        f"the URI of a key service must end in # and a key id of trust/, and {uri!r} does not",
        hint="write it as awskms:arn…#<keyid>, with the keyid that trust/signers.yaml lists",
        code="key-uri",
    )


def _no_key(message: str) -> Failure:
    return Misused(
        message, hint="`mlops-gitops init key NAME` makes a key; name it as file2:PATH or env:VARIABLE", code="key"
    )
