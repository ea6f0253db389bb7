"""Runners in real processes, and what they meet: an environment repository behind a git server or on a fake GitHub.

All clocks are the machine's, moved to the time of the estate: that of the forge, and that of each runner unless a test
moves it once more.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import estate
import outputs
import workshops
from estate import MODEL, NOW, Estate
from fakehub import Hub, Pull
from hubs import NAME, clean
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from runner_program import Orders, run
from servers.git_http import PUSH, GitServer, git

SHIFT = NOW.timestamp() - time.time()
EXHAUSTIVE = bool(os.environ.get("MG_EXHAUSTIVE"))
_READING = ("OpenPulls", "OnePull", "PullOf", "MoreOf", "Repository", "MergeState", "Branch", "GET ")
"""What asks and changes nothing, as the log of the forge names it."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["runner_program"])


def _fork_server() -> None:
    """Start the server from which runners are forked; before Python 3.13 it is told where to import from only so."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *([before] if before else [])])
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        os.environ |= {"PYTHONPATH": before} if before else {}


def now() -> datetime:
    """The time of everybody whose clock is right."""
    return datetime.fromtimestamp(time.time() + SHIFT, UTC)


@dataclass(frozen=True)
class Ended:
    """How a runner ended: its exit code (negative: the signal that killed it), what it said, and its steps."""

    code: int
    out: str
    err: str
    steps: tuple[str, ...]

    @property
    def said(self) -> str:
        return f"{self.out}{self.err}"


@dataclass
class Place:
    """One environment repository, on a GitHub (``hub``) or behind a plain git server, and its runners."""

    server: GitServer
    folder: Path
    name: str = NAME
    environ: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    @classmethod
    def on_github(cls, hub: Hub, folder: Path, start: Estate | None = None) -> Place:
        hub.now = now
        if start is not None:
            hub.create(NAME, start.files)
        else:
            hub.adopt(NAME)
        told = {
            "MG_GITHUB_TOKEN": hub.token("app", repositories=(NAME,)), "GITHUB_SERVER_URL": hub.url,
            "GITHUB_API_URL": hub.api_url, "GITHUB_GRAPHQL_URL": hub.graphql_url,
        }  # fmt: skip
        return cls(hub, folder, NAME, told)

    @classmethod
    def behind_git(cls, server: GitServer, folder: Path, start: Estate) -> Place:
        server.create(NAME, start.files)
        return cls(server, folder, NAME)

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, Hub)
        return self.server

    @property
    def pulls(self) -> list[Pull]:
        return list(self.hub.repositories[NAME].pulls.values()) if isinstance(self.server, Hub) else []

    @property
    def bare(self) -> Path:
        return self.server.folder_of(self.name)

    @property
    def refs(self) -> str:
        """Every branch with its commit."""
        return git("for-each-ref", "--format=%(refname) %(objectname)", folder=self.bare).stdout.decode()

    def writes(self, since: tuple[int, int] = (0, 0)) -> list[str]:
        """What was asked for that changes something, by API and by push."""
        asked = self.hub.asked(since=since[0]) if isinstance(self.server, Hub) else []
        pushes = [one for one in self.server.requests[since[1] :] if one.service == PUSH and not one.advertises]
        return [one for one in asked if not one.startswith(_READING)] + ["push"] * len(pushes)

    def mark(self) -> tuple[int, int]:
        """Where the logs of the server are now; for ``writes``."""
        return (len(self.hub.calls) if isinstance(self.server, Hub) else 0), len(self.server.requests)

    def orders(self, *words: str, key: str = "ci", die: int | str | None = None, jump: float = 0.0) -> Orders:
        """A new runner with a cache of its own, as runners have it."""
        name = f"runner-{next(self._numbers)}"
        home = self.folder / name
        home.mkdir(parents=True)
        environ = {
            **clean(home), **self.environ, "MG_ENVIRONMENTS": self.server.url_of(self.name),
            "MG_CACHE": str(home / "cache"), "MG_KEY": "env:KEY", "KEY": estate.pem(key), "USER": "ada",
        }  # fmt: skip
        return Orders(words, environ, str(home), name, SHIFT + jump, die)

    def __call__(self, *words: str, key: str = "ci", die: int | str | None = None, jump: float = 0.0) -> Ended:
        return race([self.orders(*words, key=key, die=die, jump=jump)])[0]

    def json(self, *words: str, codes: Sequence[int] = (0,)) -> Any:
        """What a verb answers to somebody who asks often, held against its schema."""
        orders = self.orders(*words, "--format", "json")
        (ended,) = race([orders._replace(environ={**orders.environ, "MG_CACHE": str(self.folder / "reader")})])
        assert ended.code in codes, ended.said
        return outputs.checked((*words, "--format=json"), ended.code, ended.out)

    def slot(self, environment: str, model: str = MODEL) -> list[str]:
        """The receipts of a slot."""
        return self.below(f"receipts/{environment}/{model}/")

    def seals(self, environment: str = "prod", model: str = MODEL) -> list[str]:
        return self.below(f"seals/{environment}/{model}/")

    def below(self, prefix: str) -> list[str]:
        return [path for path in self.server.files(self.name) if path.startswith(prefix)]


def race(runners: Sequence[Orders]) -> list[Ended]:
    """Runners that all start at once; how each ended."""
    _fork_server()
    begin = _FORKS.Barrier(len(runners)) if len(runners) > 1 else None
    processes = [_FORKS.Process(target=run, args=(one, begin)) for one in runners]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        if process.exitcode is None:
            process.kill()
    return [_ended(one, process.exitcode) for one, process in zip(runners, processes, strict=True)]


def _ended(orders: Orders, code: int | None) -> Ended:
    assert code is not None, f"{orders.name} never ended"
    told = Path(orders.folder) / orders.name
    out, err, steps = (
        path.read_text() if path.exists() else ""
        for path in (told.with_suffix(f".{one}") for one in ("out", "err", "steps"))
    )
    return Ended(code, out, err, tuple(steps.splitlines()))


@dataclass(frozen=True)
class Kept:
    """A server as it was at a moment, to begin at again and again."""

    folder: Path
    pulls: dict[int, Pull]
    users: dict[str, str]

    @classmethod
    def of(cls, place: Place, folder: Path) -> Kept:
        shutil.copytree(place.bare, folder)
        users = dict(place.hub.users) if isinstance(place.server, Hub) else {}
        return cls(folder, {one.number: copy.deepcopy(one) for one in place.pulls}, users)

    def again(self, server: GitServer, folder: Path) -> Place:
        """A place that goes on from there; what the server held before is gone."""
        target = server.folder_of(NAME)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder, target)
        if not isinstance(server, Hub):
            return Place(server, folder)
        place = Place.on_github(server, folder)
        server.repositories[NAME].pulls = copy.deepcopy(self.pulls)
        server.users |= self.users
        return place


def proposing(*releases: Any) -> Estate:
    """dev and staging take what comes, prod wants a pull request; with releases."""
    start = Estate.new(workshops.environments())
    for one in releases:
        start = start.with_release(one)
    return start.with_files({layout.TRUST: render(workshops.trust())})


@dataclass(frozen=True)
class Story:
    """Something that is to be done: what was before, the command, and how it ends when all has been done."""

    name: str
    before: Callable[[Place], object]
    words: tuple[str, ...]
    github: bool = True
    code: int = 0
    again: int = 0


def released(place: Place) -> None:
    """A release that nobody moved yet; everything begins there."""
    assert place.server.files(NAME)


def opened(place: Place) -> None:
    """A pull request for it that nobody has reviewed."""
    done(place("reconcile"))


def approved(place: Place) -> None:
    """A pull request that has what it needs: its reviews recorded, then merged, sealed, cleaned up."""
    opened(place)
    for who in ("grace", "katherine"):
        place.hub.review(NAME, 1, workshops.LOGINS[who])


def superseded(place: Place) -> None:
    """A pull request for a release that is no longer the newest: written anew."""
    opened(place)
    place.hub.review(NAME, 1, workshops.LOGINS["grace"])
    place.hub.commit(NAME, Estate({}).with_release(second()).files)


def merged_by_hand(place: Place) -> None:
    """A pull request that a person merged, rightly: recorded and sealed."""
    approved(place)
    place.hub.human_merge(NAME, 1, by="katherine", method="squash")


def vetoed(place: Place) -> None:
    """A pull request that the plan no longer holds: closed."""
    opened(place)
    done(place("control", "veto", MODEL, "--in", "prod", "--reason", "bad", "--release", estate.release().id))


def twice(place: Place) -> None:
    """Two releases, one after the other in dev."""
    place.server.write(NAME, Estate({}).with_release(second()).files)
    for one in (estate.release(), second()):
        done(place("promote", MODEL, "--to", "dev", "--release", one.id))


def second() -> Release:
    return estate.release("1.1.0", supersedes=estate.release().id, content="b")


_BACK = ("rollback", MODEL, "--in", "dev", "--reason", "late")
STORIES = [
    Story("promote by git", released, ("promote", MODEL, "--to", "dev"), github=False),
    Story("promote", released, ("promote", MODEL, "--to", "dev")),
    Story("promote all by git", released, ("promote", "--all"), github=False),
    Story("rollback by git", twice, _BACK, github=False, again=1),
    Story("rollback", twice, _BACK, again=1),
    Story("reconcile by git", released, ("reconcile",), github=False, code=2, again=2),
    Story("reconcile a release", released, ("reconcile",)),
    Story("reconcile an approved one", approved, ("reconcile",)),
    Story("reconcile a superseded one", superseded, ("reconcile",)),
    Story("reconcile a merged one", merged_by_hand, ("reconcile",)),
    Story("reconcile a vetoed one", vetoed, ("reconcile",)),
    Story("promote an approved one", approved, ("promote", MODEL, "--to", "prod")),
]


class Theatre:
    """Where stories are told again and again: each is prepared once, and how it ends undisturbed is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, Kept] = {}
        self._ends: dict[str, tuple[Shape, tuple[str, ...]]] = {}
        self._numbers = count(1)

    def begin(self, story: Story, server: GitServer) -> Place:
        """A story at its beginning, on a server that has nothing else."""
        here = self.folder / str(next(self._numbers))
        if story.name not in self._kept:
            start = proposing(estate.release())
            place = Place.on_github(server, here, start) if isinstance(server, Hub) else Place.behind_git(
                server, here, start
            )  # fmt: skip
            story.before(place)
            self._kept[story.name] = Kept.of(place, self.folder / f"kept-{len(self._kept)}")
        return self._kept[story.name].again(server, here / "again")

    def undisturbed(self, story: Story, server: GitServer) -> tuple[Shape, tuple[str, ...]]:
        """How it ends, and its steps."""
        if story.name not in self._ends:
            place = self.begin(story, server)
            ended = place(*story.words)
            assert ended.code == story.code, ended.said
            self._ends[story.name] = Shape.of(place), ended.steps
        return self._ends[story.name]

    def settled(self, story: Story, place: Place, server: GitServer) -> None:
        """A further run does what is left; the end is that of the undisturbed one, and one more changes nothing."""
        second = place(*story.words)
        assert second.code in {story.code, story.again}, second.said
        refs, mark = place.refs, place.mark()
        third = place(*story.words)
        assert third.code == story.again, third.said
        assert (place.refs, place.writes(mark)) == (refs, []), "a further run changes something"
        assert whole(place) == set(), "something waits for a seal"
        shape = Shape.of(place)
        assert shape == self.undisturbed(story, server)[0]  # which may begin anew on this server: nothing comes after


@dataclass(frozen=True)
class Shape:
    """What a repository comes to, without times and ids that depend on them."""

    receipts: tuple[str, ...]
    others: tuple[tuple[str, int], ...]
    branches: tuple[str, ...]
    pulls: tuple[tuple[int, str, str, bool, int], ...]

    @classmethod
    def of(cls, place: Place) -> Shape:
        found = place.below("")
        others = ["seals/", "controls/", "environments/"]
        branches = [one.split()[0] for one in place.refs.splitlines()]
        return cls(
            tuple(place.below("receipts/")),
            tuple((prefix, sum(path.startswith(prefix) for path in found)) for prefix in others),
            tuple(one for one in branches if not one.startswith("refs/heads/mlops-gitops/writing/")),
            tuple((one.number, one.branch, one.state, one.merged, len(one.comments)) for one in place.pulls),
        )


def done(ended: Ended) -> None:
    assert ended.code == 0, ended.said


def whole(place: Place) -> set[str]:
    """What holds after every run, however it ended: ``verify`` finds nothing but what waits for its seal, if that."""
    told = place.json("verify", codes=(0, 1))
    problems = {one["id"] for one in told["problems"]}
    assert problems <= {"unsealed"}, told
    place.json("status")
    place.json("explain", MODEL, "prod", codes=(0, 1, 4))
    branches = [one.branch for one in place.pulls if one.state == "open"]
    assert len(branches) == len(set(branches)), "two pull requests of one slot"
    return problems
