"""Who may sign what, out of the plain values of a file of trust that may have other problems."""

from collections.abc import Sequence
from typing import Any

from mlops_gitops.manifests.rules.subject import entries, texts


def approvers(signers: Sequence[dict[str, Any]], environment: str | None, sources: Sequence[str]) -> list[object]:
    """The people who may approve for an environment in one of these ways: with a key, or under a login."""
    ways = {"keys" if source == "signatures" else "login" for source in sources}
    return [
        signer
        for signer in signers
        if signer.get("type") == "person" and may_sign(signer, "approval", environment) and ways & _ways(signer)
    ]


def _ways(signer: dict[str, Any]) -> set[str]:
    logins = any(one.startswith("github:") for one in texts(signer, "identities"))
    return ({"keys"} if signer.get("keys") else set()) | ({"login"} if logins else set())


def count(people: Sequence[object]) -> str:
    """How many people, in words."""
    return {0: "nobody", 1: "one person"}.get(len(people), f"{len(people)} people")


def may_sign(signer: dict[str, Any], kind: str, environment: str | None) -> bool:
    """Whether a grant names the kind and the environment."""
    return any(
        kind in texts(grant, "kinds") and bool({"*", environment} & set(texts(grant, "environments")))
        for _, grant in entries(signer, "signs")
    )
