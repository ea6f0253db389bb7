"""``trust/signers.yaml`` as a frozen record: who may sign which kind of evidence for which environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_gitops.records import record


@record
class Key:
    """A public key in the form of securesystemslib: ``keyval["public"]`` is hexadecimal for ed25519, else PEM."""

    keyid: str
    keytype: str
    scheme: str
    keyval: Mapping[str, str]

    def __hash__(self) -> int:
        return hash(self.keyid)


@record
class Grant:
    """The kinds of evidence that may be signed, and for which environments (``*``: every one)."""

    kinds: tuple[str, ...]
    environments: tuple[str, ...]


@record
class Signer:
    """A person or a machine.  Whoever has one of ``identities`` (e-mail, ``github:login``) is this signer.

    A person who only reviews on the forge has no key.
    """

    name: str
    type: str
    identities: tuple[str, ...]
    groups: tuple[str, ...]
    keys: tuple[Key, ...]
    signs: tuple[Grant, ...]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Signer:
        """From one entry of ``spec.signers``."""
        return cls(
            value["name"],
            value["type"],
            tuple(value.get("identities", ())),
            tuple(value.get("groups", ())),
            tuple(Key(one["keyid"], one["keytype"], one["scheme"], dict(one["keyval"])) for one in value["keys"]),
            tuple(Grant(tuple(one["kinds"]), tuple(one["environments"])) for one in value["signs"]),
        )


@dataclass(frozen=True)
class Trust:
    """Every signer whose signature counts."""

    signers: tuple[Signer, ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.signers)

    @cached_property
    def keys(self) -> Mapping[str, tuple[tuple[Signer, Key], ...]]:
        """Key id → every signer who has a key with that id, with the key, in the order of the file."""
        found: dict[str, tuple[tuple[Signer, Key], ...]] = {}
        for signer in self.signers:
            for key in signer.keys:
                found[key.keyid] = (*found.get(key.keyid, ()), (signer, key))
        return found

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Trust:
        """From a document that fits the schema."""
        return cls(tuple(map(Signer.from_value, value["spec"]["signers"])))
