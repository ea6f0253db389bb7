from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_gitops.adapters.training_checkouts import check_out, objects, place, removed
from mlops_gitops.errors import Refused
from training_grounds import Ground, contents, ground

ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


def test_a_commit(here: Ground, tmp_path: Path) -> None:
    revision = here.commit()
    here.write("train.py", "changed")
    here.write("new.py", "new")
    before = contents(here.root)
    check_out(here.root, revision, tmp_path / "out", environ=ENVIRON)
    inside = tmp_path / "out/models/cancer"
    assert sorted(path.name for path in inside.iterdir()) == ["data", "requirements.lock", "train.py"]
    assert (inside / "train.py").read_text() != "changed"
    assert contents(here.root) == before
    assert objects(tmp_path / "out") == [here.root / ".git" / "objects"]


def test_a_commit_that_no_branch_holds_any_more(here: Ground, tmp_path: Path) -> None:
    first = here.commit()
    here.write("train.py", "second")
    second = here.commit()
    here.git("reset", "-q", "--hard", first)
    check_out(here.root, second, tmp_path / "out", environ=ENVIRON)
    assert (tmp_path / "out/models/cancer/train.py").read_text() == "second"


def test_a_shallow_clone_as_ci_has_it(here: Ground, tmp_path: Path) -> None:
    here.commit()
    here.write("train.py", "second")
    revision = here.commit()
    here.git("clone", "-q", "--depth", "1", here.root.as_uri(), str(tmp_path / "shallow"))
    check_out(tmp_path / "shallow", revision, tmp_path / "out", environ=ENVIRON)
    assert (tmp_path / "out/models/cancer/train.py").read_text() == "second"


def test_a_linked_work_tree(here: Ground, tmp_path: Path) -> None:
    revision = here.commit()
    here.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    check_out(tmp_path / "linked", revision, tmp_path / "out", environ=ENVIRON)
    assert (tmp_path / "out/models/cancer/train.py").is_file()


def test_nothing_that_is_configured_is_run(here: Ground, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    (here.root / ".gitattributes").write_text("*.py filter=trap\n")
    revision = here.commit()
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        path = here.root / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {trap}\n")
        path.chmod(0o755)
    here.git("config", "filter.trap.smudge", f"touch {trap}; cat")
    here.git("config", "core.fsmonitor", f"touch {trap}")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[filter "trap"]\n\tsmudge = touch {trap}; cat\n')
    trap.unlink(missing_ok=True)
    for number, wanted in enumerate((revision, None)):
        check_out(here.root, wanted, tmp_path / f"out-{number}", environ={**ENVIRON, "HOME": str(home)})
    assert not trap.exists()


def test_the_work_tree_without_what_git_ignores(here: Ground, tmp_path: Path) -> None:
    (here.root / ".gitignore").write_text("*.log\n")
    here.commit()
    here.write("new.py", "new")
    here.write("a name\nof two lines.py", "odd")
    here.write("train.log", "ignored")
    (here.folder / "requirements.lock").unlink()
    (here.folder / "link.py").symlink_to("train.py")
    os.mkfifo(here.folder / "pipe")
    check_out(here.root, None, tmp_path / "out", environ=ENVIRON, leave=[Path("models/cancer/data/train.csv")])
    found = {path.name: path for path in (tmp_path / "out/models/cancer").iterdir()}
    assert set(found) == {"a name\nof two lines.py", "link.py", "new.py", "train.py"}
    assert found["link.py"].is_symlink()
    assert not (tmp_path / "out/.git").exists()


def test_a_file_below_a_link_is_left_out(here: Ground, tmp_path: Path) -> None:
    """Git still knows ``data/train.csv``; what lies there now belongs to somebody else."""
    here.commit()
    elsewhere = tmp_path / "elsewhere"
    (here.folder / "data").rename(elsewhere)
    (here.folder / "data").symlink_to(elsewhere)
    before = contents(elsewhere)
    check_out(here.root, None, tmp_path / "out", environ=ENVIRON)
    assert (tmp_path / "out/models/cancer/data").is_symlink()
    assert contents(elsewhere) == before


def test_places_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/away").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out/dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "out/within").symlink_to("a")
    assert place(tmp_path / "out", Path("a/b/c")) == tmp_path / "out/a/b/c"
    assert (tmp_path / "out/a/b").is_dir()
    for wrong in ("away/file", "away/new/file", "away", "dangling", "dangling/file", "within"):
        with pytest.raises(Refused, match="goes through a link"):
            place(tmp_path / "out", Path(wrong))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere" / "kept"
    kept.mkdir(parents=True)
    out = tmp_path / "out"
    out.mkdir()
    (out / "away").symlink_to(kept.parent)
    removed(out / "away/kept", within=out)
    assert kept.is_dir()
    removed(out / "away", within=out)
    removed(out / "never there", within=out)
    assert (list(out.iterdir()), kept.is_dir()) == ([], True)
