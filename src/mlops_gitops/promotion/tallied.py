"""Evidence that the ledgers tally: what stands at one commit, and what each commit of the past added.

It gives what was signed by right, and nothing else: whatever else lies there is told by those who verify.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mlops_gitops.errors import Failure
from mlops_gitops.evidence.admission import Evidence, admit
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History


def standing(snapshot: Snapshot, releases: Sequence[Release], kind: str) -> Iterator[tuple[Evidence, Release]]:
    """Every piece of one kind of evidence about some releases, in their order."""
    snapshot.tree.prefetch([layout.evidence(one.id) for one in releases])
    for about in releases:
        folder = layout.evidence(about.id)
        for name in snapshot.tree.names(folder):
            data = snapshot.tree.read(f"{folder}/{name}") if name.startswith(f"{kind}-") else None
            judged = admit(name, data, release=about.id, trust=snapshot.trust) if data is not None else None
            if isinstance(judged, Evidence):
                yield judged, about


class Added(NamedTuple):
    """A piece of evidence that a commit added; ``model`` is that of its release, where one was ever published."""

    path: str
    evidence: Evidence
    model: str | None
    snapshot: Snapshot


class Past:
    """One kind of evidence, commit by commit; they come oldest first."""

    def __init__(self, history: History, kind: str) -> None:
        self._history = history
        self._kind = kind
        self._models: dict[str, str] = {}

    def added(self, change: Change) -> Iterator[Added]:
        """What a commit added of it."""
        split = (path.split("/") for status, path in change.paths if status == "A")
        added = [parts for parts in split if len(parts) == 3]  # noqa: PLR2004 - folder, model or release, file
        self._models |= {name.removesuffix(".yaml"): model for folder, model, name in added if folder == "releases"}
        found = [one for one in added if one[0] == "evidence" and one[-1].startswith(f"{self._kind}-")]
        if not found:
            return
        snapshot = Snapshot(self._history.tree(change.commit))
        for _, release, name in found:
            path = f"evidence/{release}/{name}"
            try:
                judged = admit(name, snapshot.tree.read(path) or b"", release=release, trust=snapshot.trust)
            except Failure:
                continue
            if isinstance(judged, Evidence):
                yield Added(path, judged, self._models.get(release), snapshot)
