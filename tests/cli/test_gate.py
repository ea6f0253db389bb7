"""``gate`` from the command line, over real git repositories and a forge in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import estate
import reviewers
from estate import Estate
from forges import MemoryForge
from mlops_gitops.cli import session
from mlops_gitops.promotion.forge import Merged, Pull
from mlops_gitops.promotion.pulls import PROJECT
from reviewers import RELEASE, project, voice
from shells import Shell

BRANCH = "promote/prod/flight-delays"
GRACE, KATHERINE = "grace", "katherine"


class Place:
    """An environment repository with a promotion on a branch, and a forge beside it."""

    def __init__(self, shell: Shell, forge: MemoryForge) -> None:
        self.shell, self.forge = shell, forge

    def review(self, *names: str, **fields: Any) -> None:
        pull = self.forge.pulls[7]
        voices = tuple(voice(one, commit=pull.head) for one in names)
        self.forge.pulls[7] = replace(pull, **{"voices": voices, **fields})

    def gate(self, *words: str, key: str = "reviews") -> tuple[int, str, str]:
        code = self.shell("gate", "--pull-request", "7", *words, key=key)
        return code, self.shell.out, self.shell.err

    def explained(self) -> str:
        assert self.shell("explain", "flight-delays", "prod") == 0
        return self.shell.out


def committed(bare: Path, branch: str, files: Estate, folder: Path) -> str:
    """The files as one commit on a new branch."""
    work = folder / branch.replace("/", "-")
    estate.git("clone", "--quiet", str(bare), str(work), cwd=folder)
    for path, data in files.files.items():
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    estate.git("checkout", "--quiet", "-b", branch, cwd=work)
    estate.git("add", "--all", cwd=work)
    estate.git("commit", "--quiet", "--message", "Promote", cwd=work)
    estate.git("push", "--quiet", "origin", branch, cwd=work)
    return estate.git("rev-parse", "HEAD", cwd=work)


@pytest.fixture
def place(shell_of: Callable[[Estate], Shell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    base = reviewers.start().with_files(project())
    after = reviewers.with_receipt(base, RELEASE)
    shell = shell_of(base)
    head = committed(shell.bare, BRANCH, after, tmp_path)
    paths = tuple(sorted(path for path in after.files if base.files.get(path) != after.files[path]))
    forge = MemoryForge("airline/environments")
    named = tmp_path / "airline" / "environments.git"
    named.parent.mkdir()
    named.symlink_to(shell.bare)
    shell.environ["MG_ENVIRONMENTS"] = f"file://{named}"
    forge.pulls[7] = Pull(
        number=7, url="https://forge.example.com/airline/environments/pull/7", title="Promote", body="", state="open",
        draft=False, branch=BRANCH, head=head, base="main", fork=False, author="promoter[bot]",
        authors=("promoter[bot]",), pusher="promoter[bot]", paths=paths, voices=(),
    )  # fmt: skip
    monkeypatch.setattr(session, "forge", lambda *_, **__: forge)
    return Place(shell, forge)


def test_who_is_missing_is_said_in_words_that_can_be_acted_on(place: Place) -> None:
    place.review(GRACE)
    code, out, _ = place.gate()
    assert code == 4
    assert "… flight-delays 1.0.0 to prod: approved by grace; still missing" in out
    assert "      ask for 1 more: github:katherine-example or github:hedy-example" in out
    place.review(GRACE, KATHERINE)
    code, out, _ = place.gate("--to", "prod")
    assert (code, "has the reviews that it needs" in out) == (0, True)


def test_json_and_markdown(place: Place) -> None:
    place.review(KATHERINE)
    code, out, _ = place.gate("--format", "json")
    found = json.loads(out)
    assert (code, found["result"], found["head"]) == (4, "pending", place.forge.pulls[7].head)
    (part,) = found["parts"]
    assert part["missing"][0] == {"count": 1, "group": "risk", "ask": ["github:grace-example"], "why": ""}
    place.review(KATHERINE, "eve<img src=x>|@everyone-x")
    code, out, _ = place.gate("--format", "markdown")
    assert code == 4
    assert "| Still missing |" in out
    assert not {"<img", "@everyone", "eve<"} & {word for word in ("<img", "@everyone", "eve<") if word in out}


def test_what_was_seen_is_recorded_once_and_opens_the_gate(place: Place) -> None:
    place.review(GRACE, KATHERINE)
    assert "nobody has approved yet" in place.explained()
    code, out, _ = place.gate("--record", "--format", "json")
    found = json.loads(out)
    assert (code, len(found["recorded"])) == (0, 1)
    assert "approved by grace, katherine (2 of 2)" in place.explained()
    code, out, _ = place.gate("--record", "--format", "json")
    again = json.loads(out)
    assert (code, again["recorded"], again["commit"]) == (0, [], None)
    assert again["note"] == "these reviews are on record already"
    assert place.shell("verify") == 0


def test_what_was_recorded_promotes_and_verifies(place: Place) -> None:
    place.review(GRACE, KATHERINE)
    place.gate("--record")
    assert place.shell("promote", "flight-delays", "--to", "prod") == 0, place.shell.out + place.shell.err
    assert place.shell("verify") == 0


def test_a_key_that_may_not_record(place: Place) -> None:
    place.review(GRACE, KATHERINE)
    code, _, err = place.gate("--record", key="ci")
    assert (code, "ci may not sign review for prod" in err) == (1, True)


def test_a_branch_that_moved_while_it_was_judged(place: Place) -> None:
    place.review(GRACE, KATHERINE, head="b" * 40)
    code, _, err = place.gate()
    assert (code, "moved while it was judged" in err) == (4, True)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"base": "release"}, 1, "it wants into 'release'"),
        ({"state": "closed"}, 1, "it is closed"),
        ({"fork": True}, 1, "from a fork"),
        ({"paths": ("trust/signers.yaml", "environments/prod/flight-delays/release.yaml")}, 1, "together with"),
    ],
)
def test_what_is_refused(place: Place, fields: dict[str, Any], code: int, words: str) -> None:
    place.review(GRACE, KATHERINE, **fields)
    found, _, err = place.gate()
    assert (found, words in err) == (code, True), err


def test_wrong_usage(place: Place) -> None:
    code, _, err = place.gate("--to", "staging")
    assert (code, "it promotes to: prod" in err) == (2, True)
    assert place.shell("gate", "--pull-request", "8") == 2
    assert place.shell("gate") == 2
    assert place.shell("gate", "--pull-request", "seven") == 2


def test_a_model_repository(place: Place, tmp_path: Path) -> None:
    """By its own policy; and what was reviewed there is recorded about the release that was made from it."""
    models = tmp_path / "models"
    models.mkdir()
    bare = Estate(project()).bare(models)
    place.forge.repository = "airline/models"
    place.review("hedy", paths=("README.md",), branch="a-change")
    words = ("--address", f"file://{bare}")
    code, out, err = place.gate(*words)
    assert code == 0, out + err
    assert place.gate(*words, "--to", "prod")[0] == 2
    code, out, _ = place.gate(*words, "--record")
    assert "nothing is recorded" in out
    merged = Merged(RELEASE.source.revision, "eve", estate.NOW)
    place.review("hedy", paths=("README.md",), branch="a-change", state="merged", merged=merged)
    code, out, _ = place.gate(*words, "--record", "--format", "json")
    assert (code, len(json.loads(out)["recorded"])) == (0, 1)
    assert json.loads(out)["parts"][0]["model"] == "flight-delays"


def test_the_policy_of_the_working_folder_decides_nothing(place: Place) -> None:
    (place.shell.folder / PROJECT).write_bytes(project("none")[PROJECT])
    place.review(paths=("trust/signers.yaml",))
    assert place.gate()[0] == 4
