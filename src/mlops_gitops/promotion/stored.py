"""The documents of the environment repository, each read once for its bytes.

``verify`` meets the same policy in a thousand commits, and five environments run the same release.  So what is read is
kept under the bytes that it was read from, and under nothing that could stay behind when they change.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.admission import may_sign, signed_by
from mlops_gitops.evidence.envelope import Envelope
from mlops_gitops.manifests import reading, rendered, schema
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.store import Tree


@lru_cache(maxsize=4096)
def document(kind: Any, data: bytes, *, path: str) -> Any:
    """The record in a document.  Raises ``Refused``."""
    return reading.read(kind, data, path=path)


@lru_cache(maxsize=4096)
def release(data: bytes, *, path: str) -> tuple[Release, str | None]:
    """A release, and the id that its bytes have a right to: ``None`` where it would be written otherwise.

    Raises ``Refused`` where the bytes are no release at all.
    """
    value = rendered.value_of(data)
    if value is not None and schema.check("release")(value):  # then it is written as it would be, by what was read
        found: Release = reading.record("release", Document(path, value, (), data.decode()))
        return found, found.id
    found = reading.read("release", data, path=path)
    return found, found.id if found.render() == data else None


def trust(tree: Tree) -> Trust:
    """Who may sign what, by one commit.  Raises ``Refused``."""
    data = tree.read(layout.TRUST)
    if data is None:
        raise broken(layout.TRUST, "it is missing, so no signature can be trusted")
    found: Trust = document("trust", data, path=layout.TRUST)
    return found


def may_promote(sealed: Envelope, environment: str, trusted: Trust) -> bool:
    """Whether somebody whom trust lets promote into the environment signed this."""
    signer = signed_by(sealed, trusted)
    return signer is not None and may_sign(signer, "promotion", environment)


def broken(path: str, why: str) -> Refused:
    """What does not hold together, and where."""
    return Refused(
        f"the environment repository does not hold together at {path}: {why}",
        hint="`mlops-gitops verify` shows every such place; `git log` of that path shows who changed it",
        code="environment-repository",
    )
