"""Candidates on open pull requests, with signed evidence about them."""

from __future__ import annotations

from typing import Any

import estate
from estate import Estate
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import publish

ROWS, OTHER_ROWS = "5e77" * 16, "0aa0" * 16
CHAMPION = "8c1d" * 16


def head(number: int) -> str:
    return f"{number:x}".rjust(40, "0")


def made(number: int, version: str = "", supersedes: str | None = None) -> Release:
    document = estate.release(
        version or f"1.{number}.0", content=f"{number}{version}", supersedes=supersedes
    ).document()
    document["spec"]["source"]["revision"] = head(number)
    return Release.from_value(document)


def details(
    value: Any, *, half: float = 0.01, rows: str = ROWS, id_: str = "model.metric", **more: Any
) -> dict[str, Any]:
    interval = [value - half, value + half] if isinstance(value, float) else more.pop("interval", [0.1, 0.2])
    check = {"id": id_, "subject": "roc_auc", "verdict": "pass", "observed": value, "interval": interval, **more}
    return {"checks": [check], "materials": [{"name": "data/test", "digest": {"sha256": rows}}]}


def entered(
    where: Estate, number: int, value: Any, *, by: str = "ci", change: float | None = None,
    about: Release | None = None, claimed: dict[str, Any] | None = None, **more: Any,
) -> Estate:  # fmt: skip
    """And a candidate of an open pull request, with signed evidence."""
    release = about or made(number)
    said = estate.claim("model-tests", release, details=details(value, **more), **(claimed or {}))
    files = dict(publish.release_files(release)) | estate.evidence(said, by=by)
    if change is not None:
        compared = details(change, id_="comparison.metric", limit=-0.005)
        files |= estate.evidence(estate.claim("comparison", release, details=compared, champion=CHAMPION))
    return where.with_files(files)
