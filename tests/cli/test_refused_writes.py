"""Every write of the program that GitHub or git refuses, loses or never answers: told in words, and made good later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import estate
import fakehub
import outputs
from estate import MODEL
from fakehub import Fault, Hub, primary_limit, secondary_limit
from runners import EXHAUSTIVE, STORIES, Ended, Place, Theatre, now, proposing, second, whole
from servers import git_http


class Write(NamedTuple):
    """One write of a story, and how it is recognised."""

    story: str
    operation: str = ""
    method: str = "*"
    path: str = "*"

    @property
    def name(self) -> str:
        return f"{self.story}, {self.operation or f'{self.method} {self.path}'}"


WRITES = [
    Write("promote", "CreateCommit"),
    Write("reconcile a release", "WriteAside"),
    Write("reconcile a release", "MoveBranch"),
    Write("reconcile a release", "CreatePull"),
    Write("reconcile an approved one", "CreateCommit"),
    Write("reconcile an approved one", method="PUT", path="*/merge"),
    Write("reconcile an approved one", method="DELETE", path="*/git/refs/heads/promote/*"),
    Write("reconcile a superseded one", method="PATCH", path="*/pulls/1"),
    Write("reconcile a vetoed one", method="POST", path="*/comments"),
    Write("reconcile a vetoed one", method="PATCH", path="*/pulls/1"),
    Write("reconcile a merged one", "CreateCommit"),
    Write("rollback", "CreateCommit"),
]
FAULTS = {
    "lost": Fault(lose_answer=True),
    "401": Fault(status=401, message="Bad credentials"),
    "403": Fault(status=403, message="Resource not accessible by integration"),
    "404": Fault(status=404, message="Not Found"),
    "409": Fault(status=409, message="Is at another commit"),
    "422": Fault(status=422, message="Validation Failed"),
    "429": Fault(status=429, message="Too many requests", headers={"Retry-After": "1"}),
    "secondary limit": secondary_limit(2),
    "primary limit": primary_limit(int(now().timestamp()) + 1800),
    "500": Fault(status=500),
    "502": Fault(status=502, text="<html>Bad gateway</html>"),
}
CODES = {
    "401": "github-token", "403": "github-denied", "404": "github-not-found", "409": "github-conflict",
    "422": "github-refused", "429": "github-rate-limit", "secondary limit": "github-rate-limit",
    "primary limit": "github-rate-limit", "500": "github-unreachable", "502": "github-unreachable",
    "lost": "github-unreachable",
}  # fmt: skip
"""What a fault that stays is called."""
PAIRS = [(write, fault) for write in WRITES for fault in FAULTS]
FEW = [(0, "409"), (1, "lost"), (2, "422"), (4, "secondary limit"), (5, "500"), (7, "404"), (8, "401"), (11, "403")]
TOLD = PAIRS if EXHAUSTIVE else [(WRITES[number], fault) for number, fault in FEW]
pairs = pytest.mark.parametrize(
    ("write", "fault"), TOLD, ids=[f"{write.name}, {fault}".replace("/", "|") for write, fault in TOLD]
)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        yield served


@pairs
def test_a_write_that_meets_trouble(write: Write, fault: str, theatre: Theatre, hub: Hub) -> None:
    """First as long as a whole run lasts, then once; in the end all is as if nothing had been."""
    story = next(one for one in STORIES if one.name == write.story)
    place = theatre.begin(story, hub)
    known = place.below("")
    armed = {"operation": write.operation, "method": write.method, "path": write.path}
    hub.arm(FAULTS[fault], **armed, times=99)
    met = place(*story.words, "--format", "json")
    assert any(one.times < 99 for one in hub._faults), f"the write was never made: {met.said} {met.steps}"
    told(met, fault, story.words[0], place)
    assert set(known) <= set(place.below("")), "something is gone"
    whole(place)
    hub._faults.clear()
    hub.arm(FAULTS[fault], **armed)
    place(*story.words, "--format", "json")
    hub._faults.clear()
    theatre.settled(story, place, hub)


def told(met: Ended, fault: str, verb: str, place: Place) -> None:
    """The exit code, and for the fault a code, words and a hint, without the token."""
    said = outputs.checked((verb, "--format=json"), met.code, met.out)
    failures = [said["error"]] if "error" in said else [one["error"] for one in said.get("failures", [])]
    assert place.environ["MG_GITHUB_TOKEN"] not in met.said
    if fault == "lost" and met.code == 0:
        return  # it was found done
    assert met.code == 5, met.said
    codes = {one["code"] for one in failures}
    assert codes & {CODES[fault], "github-not-mergeable"}, met.said
    assert all(one["message"] and one["hint"] for one in failures)


HOOK = """#!/bin/sh
{first}
printf '::error::policy of the bank: \\033[31mask grace@example.com first\\n' >&2
exit 1
"""
ONCE = 'test -e "$GIT_DIR/refused" && exit 0; touch "$GIT_DIR/refused"'
VERBS = {
    "promote": ("promote", MODEL, "--to", "dev"),
    "rollback": ("rollback", MODEL, "--in", "dev", "--reason", "late"),
    "control": ("control", "hold", MODEL, "--in", "dev", "--reason", "late"),
    "approve": ("approve", MODEL, "--to", "prod", "--release", estate.release().id, "--comment", "read"),
    "reconcile": ("reconcile",),
}


@pytest.mark.parametrize(
    ("verb", "first"),
    [(verb, first) for verb in VERBS for first in ("", ONCE)] if EXHAUSTIVE else [("promote", ""), ("control", ONCE)],
)
def test_a_hook_of_the_server_refuses(verb: str, first: str, tmp_path: Path) -> None:
    with git_http.serve(tmp_path / "server") as server:
        place = Place.behind_git(server, tmp_path, proposing(estate.release(), second()))
        if verb == "rollback":
            for one in (estate.release(), second()):
                assert place("promote", MODEL, "--to", "dev", "--release", one.id).code == 0
        refs, hook = place.refs, place.bare / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(first=first))
        hook.chmod(0o755)
        key = "grace" if verb == "approve" else "ci"
        refused = place(*VERBS[verb], key=key)
        assert refused.code == 5, refused.said
        assert "ask grace@example.com first" in refused.err
        assert "what to do: " in refused.err
        assert "\033" not in refused.said, "a server's words colour nobody's terminal"
        assert not any(line.lstrip().startswith("::") for line in refused.said.splitlines())
        assert place.refs == refs
        if not first:
            hook.unlink()
        again = place(*VERBS[verb], key=key)
        assert again.code == (2 if verb == "reconcile" else 0), again.said
        assert place.refs != refs
        whole(place)
        assert len(place.slot("dev")) == {"promote": 1, "rollback": 3, "reconcile": 1}.get(verb, 0)
