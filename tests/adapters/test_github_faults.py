"""Every way in which a write can go wrong, at every write: it ends as it should or says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fakehub
from fakehub import Fault, primary_limit, secondary_limit
from hubs import BRANCH, NAME, NOW, Site, proposed
from mlops_gitops.adapters import github_client
from mlops_gitops.errors import Failure, WorldFailed

RESET = int(NOW.timestamp()) + 1800


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fakehub.serve(tmp_path / "hub") as hub:
        hub.create(NAME, {"a.txt": "one\n"})
        yield Site(hub, hub.token("app", repositories=(NAME,)), tmp_path / "runner")


@dataclass
class Write:
    """One write: what must be there, how it is made, how it is recognised, and what holds when it is done."""

    name: str
    make: Callable[[Site, Any], object]
    holds: Callable[[Site, Any], object]
    arm: dict[str, str]
    start: Callable[[Site], Any] = lambda _: None


def opened(site: Site) -> str:
    head = proposed(site.hub)
    site.forge.open_pull(BRANCH, base="main", title="Promote", body="")
    return head


def pulls(site: Site) -> list[fakehub.Pull]:
    return list(site.hub.repositories[NAME].pulls.values())


def local(site: Site, content: bytes = b"two\n") -> tuple[Any, str, str]:
    """A store with a commit that is not pushed, and its base."""
    store = site.store
    base = store.fetch().commit
    return (
        store,
        store.commit(base, {"a.txt": content, "dir/new.txt": b"\x00\xff"}, message="Write\n\nBody\n", when=NOW),
        base,
    )


def landed(site: Site, branch: str) -> bool:
    line = fakehub.objects.commits(site.hub.folder_of(NAME), branch)
    assert [one.message for one in line].count("Write\n\nBody") == 1
    assert line[-1].committer == fakehub.objects.WEB_FLOW
    assert site.hub.read(NAME, "dir/new.txt", branch) == b"\x00\xff"
    return len(line) == 2 and site.hub.read(NAME, "a.txt", branch) == b"two\n"


def older(site: Site) -> tuple[Any, str, str]:
    """As ``local``, and the branch of an open pull request holds something older."""
    opened(site)
    return local(site)


def only_branches(site: Site) -> bool:
    """Nothing that was written aside stays."""
    return set(fakehub.objects.branches(site.hub.folder_of(NAME))) <= {"main", BRANCH}


WRITES = [
    Write(
        "open_pull",
        lambda site, _: site.forge.open_pull(BRANCH, base="main", title="Promote", body=""),
        lambda site, head: [(one.state, one.head) for one in pulls(site)] == [("open", head)],
        {"operation": "CreatePull"},
        proposed_ := lambda site: proposed(site.hub),
    ),
    Write(
        "update_pull",
        lambda site, _: site.forge.update_pull(1, title="Other", body="Text"),
        lambda site, _: (pulls(site)[0].title, pulls(site)[0].body) == ("Other", "Text"),
        {"method": "PATCH", "path": "*/pulls/1"},
        opened,
    ),
    Write(
        "close_pull, the comment",
        lambda site, _: site.forge.close_pull(1, comment="Why"),
        lambda site, _: (pulls(site)[0].state, [one.body for one in pulls(site)[0].comments]) == ("closed", ["Why"]),
        {"method": "POST", "path": "*/comments"},
        opened,
    ),
    Write(
        "close_pull",
        lambda site, _: site.forge.close_pull(1, comment="Why"),
        lambda site, _: pulls(site)[0].state == "closed" and {one.body for one in pulls(site)[0].comments} == {"Why"},
        {"method": "PATCH", "path": "*/pulls/1"},
        opened,
    ),
    Write(
        "merge_pull",
        lambda site, head: site.forge.merge_pull(1, head=head, title="Promote", message=""),
        lambda site, _: pulls(site)[0].merged_commit == site.hub.tip(NAME)
        and len(fakehub.objects.commits(site.hub.folder_of(NAME), "main")) == 2,
        {"method": "PUT", "path": "*/merge"},
        opened,
    ),
    Write(
        "delete_branch",
        lambda site, _: site.forge.delete_branch(BRANCH),
        lambda site, _: BRANCH not in fakehub.objects.branches(site.hub.folder_of(NAME)),
        {"method": "DELETE", "path": "*/git/refs/heads/*"},
        proposed_,
    ),
    Write(
        "push",
        lambda _, made: made[0].push(made[1], base=made[2]) or pytest.fail("nothing has moved"),
        lambda site, made: landed(site, "main") and made[0].push(made[1], base=made[2]) == site.hub.tip(NAME),
        {"operation": "CreateCommit"},
        local,
    ),
    Write(
        "write_branch, new",
        lambda _, made: made[0].write_branch(BRANCH, commit=made[1], expected=None) or pytest.fail("nothing has moved"),
        lambda site, _: landed(site, BRANCH) and only_branches(site),
        {"operation": "MoveBranch"},
        local,
    ),
    Write(
        "write_branch, aside",
        lambda site, made: made[0].write_branch(BRANCH, commit=made[1], expected=site.hub.tip(NAME, BRANCH)),
        lambda site, _: landed(site, BRANCH) and pulls(site)[0].head == site.hub.tip(NAME, BRANCH)
        and pulls(site)[0].state == "open",
        {"operation": "WriteAside"},
        older,
    ),
    Write(
        "write_branch, the move",
        lambda site, made: made[0].write_branch(BRANCH, commit=made[1], expected=site.hub.tip(NAME, BRANCH)),
        lambda site, _: landed(site, BRANCH) and only_branches(site) and pulls(site)[0].state == "open",
        {"operation": "MoveBranch"},
        older,
    ),
]  # fmt: skip


def attempted(write: Write, site: Site, made: Any) -> Failure | None:
    try:
        write.make(site, made)
    except Failure as failure:
        return failure
    return None


LASTING = {
    "401": (Fault(status=401, message="Bad credentials"), {"github-token"}),
    "403": (Fault(status=403, message="Resource not accessible by integration"), {"github-denied"}),
    "403 SSO": (
        Fault(status=403, message="Resource protected", headers={"X-GitHub-SSO": "required; url=https://x.example"}),
        {"github-sso"},
    ),
    "404": (Fault(status=404, message="Not Found"), {"github-not-found"}),
    "422": (Fault(status=422, message="Validation Failed"), {"github-refused"}),
    "primary rate limit": (primary_limit(RESET), {"github-rate-limit"}),
    "secondary rate limit, long": (secondary_limit(600), {"github-rate-limit"}),
}
PASSING = {
    "secondary rate limit, short": secondary_limit(3),
    "429": Fault(status=429, message="Too many requests", headers={"Retry-After": "1"}),
    "500": Fault(status=500),
    "502": Fault(status=502, message="", text="<html>Bad gateway</html>"),
    "503": Fault(status=503),
    "answer lost": Fault(lose_answer=True),
    "answer cut": Fault(cut_after=7),
    "no JSON": Fault(text="<html>A page of a proxy</html>"),
}


@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
def test_a_refusal_says_what_to_do_and_the_next_run_does_it(site: Site, write: Write) -> None:
    made = write.start(site)
    for fault, (told, codes) in LASTING.items():
        site.hub.arm(told, **write.arm)
        with pytest.raises(WorldFailed) as caught:
            write.make(site, made)
        assert caught.value.code in codes, f"{fault}: {caught.value}"
        assert caught.value.retry is (caught.value.code == "github-rate-limit"), fault
        assert site.token not in f"{caught.value.message} {caught.value.hint}"
        assert NAME in caught.value.message
    assert site.pauses == []
    write.make(site, made)
    assert write.holds(site, made)


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
def test_trouble_that_passes_ends_in_one_write(site: Site, write: Write, fault: str) -> None:
    made = write.start(site)
    site.hub.arm(PASSING[fault], **write.arm)
    failure = attempted(write, site, made)
    if failure is not None:
        assert failure.code == "github-unreachable", failure
        assert failure.retry
        assert site.token not in failure.message
        write.make(site, made)
    assert write.holds(site, made)
    assert sum(site.pauses) <= github_client.PATIENCE


@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
def test_trouble_that_stays_is_a_failure_soon(site: Site, write: Write) -> None:
    made = write.start(site)
    site.hub.arm(Fault(status=502), **write.arm, times=99)
    with pytest.raises(WorldFailed) as caught:
        write.make(site, made)
    assert caught.value.code == "github-unreachable"
    assert sum(site.pauses) <= github_client.PATIENCE
    assert len(site.notes) <= len(site.pauses), "no pause in silence"


@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
def test_an_answer_that_does_not_come_is_judged_like_one_that_was_lost(site: Site, write: Write) -> None:
    made = write.start(site)
    site.timeout = 1
    if isinstance(made, tuple):
        made[0].client = site.client
    site.hub.arm(Fault(delay=1.4), **write.arm)
    failure = attempted(write, site, made)
    if failure is not None:
        assert failure.code == "github-unreachable", failure
        write.make(site, made)
    assert write.holds(site, made)


GRAPHQL_ERRORS = {
    "FORBIDDEN": "github-denied",
    "INSUFFICIENT_SCOPES": "github-denied",
    "NOT_FOUND": "github-not-found",
    "RATE_LIMITED": "github-rate-limit",
    "UNPROCESSABLE": "github-refused",
    "": "github-refused",
}


@pytest.mark.parametrize("write", [one for one in WRITES if "operation" in one.arm], ids=lambda one: one.name)
def test_errors_in_an_answer_200_are_errors(site: Site, write: Write) -> None:
    made = write.start(site)
    for kind, code in GRAPHQL_ERRORS.items():
        error = {"message": "No.", **({"type": kind} if kind else {})}
        site.hub.arm(Fault(errors=(error,)), **write.arm, times=4 if kind == "RATE_LIMITED" else 1)
        with pytest.raises(WorldFailed) as caught:
            write.make(site, made)
        assert caught.value.code == code, kind
    write.make(site, made)
    assert write.holds(site, made)


READS: dict[str, Callable[[Site], object]] = {
    "open_pulls": lambda site: site.forge.open_pulls("promote/"),
    "pull": lambda site: site.forge.pull(1),
    "pull_of": lambda site: site.forge.pull_of(site.hub.tip(NAME)),
    "read_branch": lambda site: site.forge.read_branch(BRANCH),
    "members": lambda site: site.forge.members("org/risk"),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_is_repeated_after_trouble_that_passes(site: Site, read: str) -> None:
    opened(site)
    site.hub.team("org/risk", "grace")
    wanted = READS[read](site)
    for fault in PASSING.values():
        site.hub.arm(fault)
        assert READS[read](site) == wanted
    assert len(site.pauses) == len(PASSING)


@pytest.mark.parametrize("read", READS)
def test_a_read_that_is_refused_is_a_failure(site: Site, read: str) -> None:
    opened(site)
    site.hub.team("org/risk", "grace")
    for told, codes in LASTING.values():
        if read == "members" and codes & {"github-denied", "github-not-found"}:
            site.hub.arm(told)
            assert READS[read](site) is None
            continue
        site.hub.arm(told, times=1)
        with pytest.raises(WorldFailed) as caught:
            READS[read](site)
        assert caught.value.code in codes
    assert site.pauses == []


def test_a_rate_limit_says_until_when(site: Site) -> None:
    site.hub.arm(primary_limit(RESET))
    with pytest.raises(WorldFailed) as caught:
        site.forge.read_branch(BRANCH)
    assert "until 2026-11-25T12:30:01Z" in caught.value.hint
    assert site.pauses == []


def test_the_pause_that_github_asks_for_is_kept(site: Site) -> None:
    site.hub.arm(secondary_limit(7))
    site.forge.read_branch("main")
    assert site.pauses == [7.0]
    assert site.notes == [f"GitHub could not read branch main in {NAME} yet; trying again in 7 seconds"]


def test_a_missing_permission_is_named_as_github_names_it(site: Site) -> None:
    proposed(site.hub)
    reader = Site(site.hub, site.hub.token("app", pulls="read"), site.folder)
    with pytest.raises(WorldFailed, match="Resource not accessible by integration") as caught:
        reader.forge.open_pull(BRANCH, base="main", title="x", body="")
    assert "`pull-requests: write`" in caught.value.hint


def test_a_fork_token_can_read_and_not_write(site: Site) -> None:
    opened(site)
    fork = Site(site.hub, site.hub.token("fork"), site.folder)
    assert len(fork.forge.open_pulls("promote/")) == 1
    with pytest.raises(WorldFailed) as caught:
        fork.forge.update_pull(1, title="x", body="")
    assert caught.value.code == "github-denied"
    store, commit, base = local(fork)
    with pytest.raises(WorldFailed) as caught:
        store.push(commit, base=base)
    assert (caught.value.code, "`contents: write`" in caught.value.hint) == ("github-denied", True)
    assert site.hub.tip(NAME) == base


def test_what_github_says_cannot_command_a_runner_or_a_terminal(site: Site) -> None:
    site.hub.arm(Fault(status=422, message=f"no\n::error::\x1b[31m{site.token} {'x' * 1000}"))
    with pytest.raises(WorldFailed) as caught:
        site.forge.read_branch(BRANCH)
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert site.token not in caught.value.message
    assert len(caught.value.message) < 700


@pytest.mark.parametrize(
    "document",
    [{"data": {}}, {"data": {"repository": None}}, {"data": {"repository": {}}}, {"data": None}, [], {}, 1, "x"],
)
def test_an_answer_of_another_shape_is_a_failure_and_no_bug(site: Site, document: object) -> None:
    import json

    for operation in ("OpenPulls", "OnePull", "PullOfCommit", "Branch"):
        site.hub.arm(Fault(text=json.dumps(document)), operation=operation, times=9)
    for read in ("open_pulls", "pull", "pull_of", "read_branch"):
        with pytest.raises(WorldFailed) as caught:
            READS[read](site)
        assert caught.value.code in {"github-answer", "github-unreachable"}


def test_nobody_listening_is_a_failure_with_the_address(site: Site) -> None:
    site.hub.port = 1
    with pytest.raises(WorldFailed, match="Connection refused") as caught:
        site.forge.open_pull(BRANCH, base="main", title="x", body="")
    assert "http://127.0.0.1:1/api/v3" in caught.value.message


def test_the_token_is_in_no_repr_and_no_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = site.client
    site.forge.read_branch("main")
    assert site.token not in repr(client) + str(vars(client).keys()) + caplog.text
