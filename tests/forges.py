"""A forge in memory: pull requests that a test writes down, and teams."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mlops_gitops.promotion.forge import Pull


@dataclass
class MemoryForge:
    """Fits ``promotion.forge.Forge``.  It merges nothing: the commit of a merge is what the test says it is."""

    repository: str = "airline/environments"
    pulls: dict[int, Pull] = field(default_factory=dict)
    teams: dict[str, frozenset[str] | None] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def open_pulls(self, prefix: str) -> tuple[Pull, ...]:
        found = (one for one in self.pulls.values() if one.state == "open" and not one.fork)
        return tuple(one for one in found if one.branch.startswith(prefix))

    def pull(self, number: int) -> Pull | None:
        return self.pulls.get(number)

    def pull_of(self, commit: str) -> Pull | None:
        return next((one for one in self.pulls.values() if one.merged and one.merged.commit == commit), None)

    def pusher(self, pull: Pull) -> str | None:
        return pull.pusher

    def open_pull(self, branch: str, *, base: str, title: str, body: str) -> Pull:
        known = next((one for one in self.open_pulls(branch) if one.branch == branch), None)
        if known is not None:
            return known
        number = max(self.pulls, default=0) + 1
        made = Pull(
            number=number, url=f"https://forge.example.com/{self.repository}/pull/{number}", title=title, body=body,
            state="open", draft=False, branch=branch, head=self.branches[branch], base=base, fork=False,
            author="promoter[bot]", authors=("promoter[bot]",), pusher="promoter[bot]", paths=(), voices=(),
        )  # fmt: skip
        self.pulls[number] = made
        return made

    def update_pull(self, number: int, *, title: str, body: str) -> None:
        self.pulls[number] = replace(self.pulls[number], title=title, body=body)

    def close_pull(self, number: int, *, comment: str) -> None:  # noqa: ARG002 - nobody reads it here
        self.pulls[number] = replace(self.pulls[number], state="closed")

    def merge_pull(self, number: int, *, head: str, title: str, message: str) -> str | None:
        raise NotImplementedError(f"{number} at {head}: {title}, {message}")

    def read_branch(self, branch: str) -> str | None:
        return self.branches.get(branch)

    def delete_branch(self, branch: str) -> None:
        self.branches.pop(branch, None)

    def members(self, team: str) -> frozenset[str] | None:
        return self.teams.get(team)
