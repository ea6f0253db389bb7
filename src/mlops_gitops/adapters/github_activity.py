"""Who pushed to a branch, as GitHub remembers it; nothing where this token, or this GitHub, does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.adapters.github_client import Client
from mlops_gitops.adapters.github_failures import Purpose
from mlops_gitops.errors import WorldFailed


def of_pull(client: Client, node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was pushed to the branch of a pull request, which may lie in another repository."""
    source = (node["headRepository"] or {}).get("nameWithOwner")
    return of_branch(client, source, str(node["headRefName"])) if source else []


def of_branch(client: Client, repository: str, branch: str) -> list[Mapping[str, Any]]:
    """What was pushed to a branch, the newest first."""
    purpose = Purpose(f"ask who pushed to {branch} of {client.repository}", "contents: read")
    try:
        told = client.read(f"/repos/{repository}/activity", purpose, ref=f"refs/heads/{branch}", per_page="30")
    except WorldFailed as failure:
        if failure.code in {"github-denied", "github-not-found", "github-refused"}:
            return []
        raise
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
