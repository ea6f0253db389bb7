"""MG85x: does each signature stand for one person or machine, and for no more than it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.keys import key_id
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, texts
from mlops_gitops.manifests.rules.subject import text as text_of

_ONE = "4fd3c81f4e04289b6b5bb17bd92968b9cf2f8194353e0bc11efd6b0ee646208f"
_ONE_PUBLIC = "a48f634ce1122d68fc792b371bd0028b71929b85b8ab9f64c82de05b38293f6e"
_TWO = "0756ac1fc1a241a65c2264c82f0c06b556a92dda41c12ec73f0968b8d74e90d3"
_TWO_PUBLIC = "975672989cb41d1418283b2d9b6bd3a43cdf966d8d89089c3f75ca70bef2ab09"


def _key(keyid: str, public: str, scheme: str = "ed25519") -> str:
    return f"{{keyid: {keyid}, keytype: ed25519, scheme: {scheme}, keyval: {{public: {public}}}}}"


def example_signer(name: str, key: str, *, kind: str = "person", signs: str = "approval", identity: str = "") -> str:
    """One signer, for an example."""
    who = identity or (f"{name}@example.com" if kind == "person" else "")
    return (
        f"    - name: {name}\n      type: {kind}\n      identities: [{who}]\n      keys:\n        - {key}\n"
        f'      signs: [{{kinds: [{signs}], environments: ["*"]}}]\n'
    )


def example(*signers: str) -> str:
    """A list of signers, for an example."""
    return "spec:\n  signers:\n" + "".join(signers)


KEY_ONE = _key(_ONE, _ONE_PUBLIC)
KEY_TWO = _key(_TWO, _TWO_PUBLIC)
_ADA = example_signer("ada", KEY_ONE)

MACHINE_APPROVES = Rule(
    "MG851",
    "machine-approves",
    ERROR,
    "A machine may sign approvals or waivers.",
    "let people sign them; remove these kinds from the machine",
    "An approval says that a person looked. A machine that approves makes every gate for people pass by itself.",
    example(example_signer("ci", KEY_ONE, kind="machine")),
    example(example_signer("ci", KEY_ONE, kind="machine", signs="data-tests")),
    "Trust",
)
REPEATED_SIGNER = Rule(
    "MG852",
    "repeated-signer",
    ERROR,
    "Two signers have the same name.",
    "give each signer a name of its own",
    "Receipts and controls name signers; with two of one name, it is unclear who it was.",
    example(_ADA, example_signer("ada", KEY_TWO, identity="ada.two@example.com")),
    example(_ADA, example_signer("grace", KEY_TWO)),
    "Trust",
)
SHARED_KEY = Rule(
    "MG853",
    "shared-key",
    ERROR,
    "Two signers have the same key.",
    "make a key for each: `mlops-gitops init key NAME --directory DIR`",
    "One signature would count as that of either; a quorum of two could be one person.",
    example(_ADA, example_signer("grace", KEY_ONE)),
    example(_ADA, example_signer("grace", KEY_TWO)),
    "Trust",
)
SHARED_IDENTITY = Rule(
    "MG854",
    "shared-identity",
    ERROR,
    "Two signers have the same identity.",
    "give each identity to one signer",
    "An author could approve their own work under the other name.",
    example(_ADA, example_signer("grace", KEY_TWO, identity="ada@example.com")),
    example(_ADA, example_signer("grace", KEY_TWO)),
    "Trust",
)
PRIVATE_KEY = Rule(
    "MG855",
    "private-key",
    ERROR,
    "A private key stands where a public one belongs.",
    "revoke this key, make a new one, and write its public part",
    "Everyone who can read the repository can now sign as this signer.",
    example(example_signer("ada", _key(_ONE, '"-----BEGIN PRIVATE KEY-----"'))),
    example(_ADA),
    "Trust",
)
KEY_FORM = Rule(
    "MG856",
    "key-of-another-form",
    ERROR,
    "Key type, scheme and public value do not fit together.",
    "write the key as `mlops-gitops init key` prints it",
    "No signature could be checked with this key.",
    example(example_signer("ada", _key(_ONE, _ONE_PUBLIC, "rsassa-pss-sha256"))),
    example(_ADA),
    "Trust",
)
KEY_ID = Rule(
    "MG857",
    "key-id-of-another-key",
    WARNING,
    "The key id is not that of the key.",
    "write the key id as the message gives it",
    "A signature names its key by id; with the wrong id a good signature is not found.",
    example(example_signer("ada", _key(_TWO, _ONE_PUBLIC))),
    example(_ADA),
    "Trust",
)
NO_IDENTITY = Rule(
    "MG858",
    "approver-without-identity",
    ERROR,
    "A person who may approve has no identity.",
    "add their e-mail addresses and their `github:login`",
    "An author is recognised by these; without them, nobody notices that they approve their own work.",
    example(_ADA.replace("[ada@example.com]", "[]")),
    example(_ADA),
    "Trust",
)
NO_KEY = Rule(
    "MG859",
    "signer-without-key",
    WARNING,
    "A signer has no key, and no login by which they could review.",
    "add a key; or the `github:login` of a person who reviews; or remove the signer",
    "Nothing that they sign can be checked, so they cannot sign.",
    example(_ADA.replace(f"      keys:\n        - {KEY_ONE}\n", "      keys: []\n")),
    example(
        _ADA.replace(f"      keys:\n        - {KEY_ONE}\n", "      keys: []\n").replace(
            "@example.com]", "@example.com, github:ada-example]"
        )
    ),
    "Trust",
)
PERSON_RECORDS = Rule(
    "MG837",
    "person-records-reviews",
    ERROR,
    "A person may sign what was seen on a forge.",
    "let a machine sign `review`; people sign `approval`",
    "Whoever signs a look says what others said. One person could write a whole quorum; no gate believes them.",
    example(example_signer("ada", KEY_ONE, signs="review")),
    example(example_signer("reviews", KEY_ONE, kind="machine", signs="review")),
    "Trust",
)

RULES = (
    MACHINE_APPROVES,
    REPEATED_SIGNER,
    SHARED_KEY,
    SHARED_IDENTITY,
    PRIVATE_KEY,
    KEY_FORM,
    KEY_ID,
    NO_IDENTITY,
    NO_KEY,
    PERSON_RECORDS,
)

_PERSONAL = {"approval", "waiver"}
_SCHEMES = {"ed25519": ("ed25519",), "ecdsa": ("ecdsa-",), "rsa": ("rsassa-",)}
_HEX_64 = 64


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in ``trust/signers.yaml``."""
    seen: dict[tuple[str, str], str] = {}
    for index, signer in entries(mapping(subject.value, "spec"), "signers"):
        at: Pointer = ("spec", "signers", index)
        name = text_of(signer, "name") or f"signer {index}"
        if seen.setdefault(("name", name), str(index)) != str(index):
            yield REPEATED_SIGNER.on((*at, "name"), f"there is already a signer {name!r}")
        yield from _rights(signer, name, at)
        for place, identity in enumerate(texts(signer, "identities")):
            other = seen.setdefault(("identity", identity.lower()), name)
            if other != name:
                yield SHARED_IDENTITY.on((*at, "identities", place), f"{identity} is already {other}")
        for place, key in entries(signer, "keys"):
            yield from _key_problems(key, name, seen, (*at, "keys", place))


def _rights(signer: dict[str, Any], name: str, at: Pointer) -> Iterator[Problem]:
    kinds = {kind for _, grant in entries(signer, "signs") for kind in texts(grant, "kinds")}
    for index, grant in entries(signer, "signs"):
        personal = sorted(_PERSONAL & set(texts(grant, "kinds")))
        if signer.get("type") == "machine" and personal:
            yield MACHINE_APPROVES.on(
                (*at, "signs", index, "kinds"), f"{name} is a machine and may sign {', '.join(personal)}"
            )
        if signer.get("type") == "person" and "review" in texts(grant, "kinds"):
            yield PERSON_RECORDS.on((*at, "signs", index, "kinds"), f"{name} is a person and may sign review")
    if signer.get("type") == "person" and kinds & _PERSONAL and not texts(signer, "identities"):
        yield NO_IDENTITY.on((*at, "name"), f"{name} may approve and has no identity")
    reviews = signer.get("type") == "person" and any(one.startswith("github:") for one in texts(signer, "identities"))
    if signer.get("keys") == [] and not reviews:
        yield NO_KEY.on((*at, "keys"), f"{name} has no key")


def _key_problems(key: dict[str, Any], name: str, seen: dict[tuple[str, str], str], at: Pointer) -> Iterator[Problem]:
    public = text_of(mapping(key, "keyval"), "public")
    keyid, kind, scheme = (text_of(key, one) for one in ("keyid", "keytype", "scheme"))
    if public is None or keyid is None or kind is None or scheme is None:
        return
    if "PRIVATE" in public:
        yield PRIVATE_KEY.on((*at, "keyval"), f"{name}'s private key is in the file")
        return
    if seen.setdefault(("key", public.strip()), name) != name:
        yield SHARED_KEY.on((*at, "keyid"), f"this is already the key of {seen['key', public.strip()]}")
    if not scheme.startswith(_SCHEMES.get(kind, (kind,))) or (kind == "ed25519") != _is_hex(public):
        yield KEY_FORM.on(
            (*at, "scheme"), f"a key of type {kind} does not have the scheme {scheme} and this public value"
        )
    elif keyid != (expected := key_id(kind, scheme, public)):
        yield KEY_ID.on((*at, "keyid"), f"the id of this key is {expected}")


def _is_hex(public: str) -> bool:
    return len(public) == _HEX_64 and all(one in "0123456789abcdef" for one in public)
