"""A forge and a store on a fake GitHub, with pauses that are counted and not slept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fakehub import Hub
from mlops_gitops.adapters import git_credentials
from mlops_gitops.adapters.github import GithubForge
from mlops_gitops.adapters.github_address import Address
from mlops_gitops.adapters.github_client import Client
from mlops_gitops.adapters.github_store import GithubStore

NAME = "org/environments"
BRANCH = "promote/prod/flight-delays"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@dataclass
class Site:
    """One runner with a token, as a workflow is."""

    hub: Hub
    token: str
    folder: Path
    timeout: int = 20
    pauses: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def client(self) -> Client:
        where = Address(NAME, self.hub.api_url, self.hub.graphql_url, self.token)
        return Client(
            where, sleep=self.pauses.append, now=lambda: NOW, note=self.notes.append, timeout=self.timeout
        )  # fmt: skip

    @property
    def forge(self) -> GithubForge:
        return GithubForge(self.client)

    @property
    def store(self) -> GithubStore:
        url = self.hub.git_url(NAME)
        environ = git_credentials.beside(url, self.token, clean(self.folder))
        return GithubStore(url, branch="main", cache=self.folder / "cache", environ=environ, client=self.client)


def clean(home: Path) -> dict[str, str]:
    """An environment without this machine's settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def proposed(hub: Hub, *, branch: str = BRANCH, by: str = "ada", path: str = "new.txt", content: str = "x\n") -> str:
    """A branch that holds one commit of ``by`` on top of main; the commit."""
    return hub.commit(NAME, {path: content}, branch=branch, by=by, message=f"Propose {path}\n")
