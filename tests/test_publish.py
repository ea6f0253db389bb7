"""Releases of the project itself: what may be published, what is built, and which tags follow."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from programs import ROOT, load

CHANGELOG = """# Changelog

## Unreleased: 1.3.0

* Not yet.

## 1.2.3: 2026-11-20

### Fixed

* A thing.

## 1.2.2: 2026-11-01

## 1.2.1: 2026-10-01

* An older thing.
"""


@pytest.fixture(scope="module")
def publish() -> ModuleType:
    return load(ROOT / ".github" / "publish.py")


def found(publish: ModuleType, tag: str, *, declared: str = "1.2.3", on_main: bool = True) -> list[str]:
    told: list[str] = publish.problems(tag, declared=declared, changelog=CHANGELOG, on_main=on_main)
    return told


def test_a_commit_of_main_with_its_version_and_its_changelog_is_published(publish: ModuleType) -> None:
    assert found(publish, "v1.2.3") == []


@pytest.mark.parametrize(
    "tag", ["1.2.3", "v1.2", "v1.2.3-rc1", "v1.02.3", "v1.2.3\n", "v\u0661.2.3", "v1.2.3$(id)", ""]
)
def test_other_tags_are_not_versions(publish: ModuleType, tag: str) -> None:
    (told,) = found(publish, tag)
    assert "name it like v1.2.3" in told
    assert told.isascii()
    assert "\n" not in told


def test_every_problem_is_told(publish: ModuleType) -> None:
    version, changelog, main = found(publish, "v1.3.0", on_main=False)
    assert "pyproject.toml says 1.2.3 and the tag says 1.3.0" in version
    assert "`## 1.3.0: YYYY-MM-DD`" in changelog
    assert "not part of main" in main


def test_a_section_without_a_word_is_none(publish: ModuleType) -> None:
    (told,) = found(publish, "v1.2.2", declared="1.2.2")
    assert "with something in it" in told


def test_notes_are_the_section_of_that_version_alone(publish: ModuleType) -> None:
    assert publish.section(CHANGELOG, publish.Version(1, 2, 3)) == "### Fixed\n\n* A thing."
    assert publish.section(CHANGELOG, publish.Version(1, 2, 1)) == "* An older thing."
    assert publish.section(CHANGELOG, publish.Version(1, 2, 30)) == ""


@pytest.mark.parametrize(
    ("tag", "others", "moved"),
    [
        ("v1.2.3", ["v1.2.2"], ("v1.2", "v1")),
        ("v1.2.3", [], ("v1.2", "v1")),
        ("v1.2.4", ["v1.3.0"], ("v1.2",)),
        ("v1.2.9", ["v1.2.10"], ()),
        ("v2.0.0", ["v1.9.9"], ("v2.0", "v2")),
        ("v1.9.10", ["v2.0.0", "v1.9.9"], ("v1.9", "v1")),
        ("v0.2.0", ["v0.1.0"], ("v0.2",)),
        ("v1.2.3", ["v1", "v1.2", "v9.9.9-rc1", "nightly"], ("v1.2", "v1")),
    ],
)
def test_tags_follow_the_newest_of_their_line_and_never_go_back(
    publish: ModuleType, tag: str, others: list[str], moved: tuple[str, ...]
) -> None:
    assert publish.moving(publish.Version.of_tag(tag), [tag, *others]) == moved


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Example", "-c", "user.email=example@example.com"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone of a project with this program, one commit on main and a remote."""
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(tmp_path, "clone", "--quiet", str(remote), str(work))
    (work / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "publish.py", work / ".github")
    committed(work, "1.2.3")
    return work


def committed(work: Path, version: str) -> str:
    (work / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (work / "CHANGELOG.md").write_text(f"## {version}: 2026-11-26\n\n* A thing.\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", version)
    git(work, "tag", "--annotate", f"v{version}", "-m", version)
    git(work, "push", "--quiet", "origin", "HEAD:main", f"v{version}")
    return git(work, "rev-parse", "HEAD")


def run(work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["python3", ".github/publish.py", *words]
    return subprocess.run(command, cwd=work, check=False, capture_output=True, text=True)


def test_tags_move_on_the_remote_and_a_second_run_changes_nothing(project: Path) -> None:
    first = git(project, "rev-parse", "HEAD")
    assert run(project, "check", "v1.2.3").returncode == 0
    assert run(project, "move", "v1.2.3").returncode == 0
    newer = committed(project, "1.3.0")
    for _ in range(2):
        for tag in ("v1.3.0", "v1.2.3"):
            git(project, "checkout", "--quiet", tag)
            assert run(project, "move", tag).returncode == 0
    remote = project.parent / "remote.git"
    at = {name: git(remote, "rev-parse", f"{name}^{{commit}}") for name in ("v1", "v1.2", "v1.3", "v1.2.3")}
    assert at == {"v1": newer, "v1.2": first, "v1.3": newer, "v1.2.3": first}


def test_a_commit_beside_main_is_refused(project: Path) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "beside")
    refused = run(project, "check", "v1.2.3")
    assert refused.returncode == 1
    assert "not part of main" in refused.stderr


def test_a_tag_that_somebody_moved_after_the_build_moves_nothing(project: Path) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "beside")
    git(project, "push", "--quiet", "--force", "origin", "HEAD:refs/tags/v1.2.3")
    git(project, "checkout", "--quiet", "HEAD~")
    refused = run(project, "move", "v1.2.3")
    assert refused.returncode == 1
    assert "another commit" in refused.stderr
    assert "v1" not in git(project.parent / "remote.git", "tag").split()


def test_a_tag_that_nobody_pushed_moves_nothing(project: Path) -> None:
    assert run(project, "move", "v1.9.9").returncode == 1
    assert "v1" not in git(project.parent / "remote.git", "tag").split()


def test_two_builds_of_one_commit_are_the_same_bytes(publish: ModuleType, tmp_path: Path) -> None:
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=False, capture_output=True).returncode != 0:
        pytest.skip("this is no git checkout, and the date of a build is that of its commit")
    for name in ("first", "second"):
        assert publish.build(str(tmp_path / name)) == 0
    first, second = (
        {made.name: hashlib.sha256(made.read_bytes()).hexdigest() for made in folder.iterdir() if made.is_file()}
        for folder in (tmp_path / "first", tmp_path / "second")
    )
    assert first == second
    assert {name[-7:] for name in first if name.startswith("mlops_gitops-")} == {"any.whl", ".tar.gz"}
