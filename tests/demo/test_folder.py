import os
from pathlib import Path

import pytest

from mlops_gitops.demo.folder import MARKER, claimed
from mlops_gitops.errors import Refused, WorldFailed


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    with claimed(tmp_path / "new" / "demo") as folder:
        assert folder.root == tmp_path / "new" / "demo"
        assert (folder.root / MARKER).is_file()


def test_a_second_demo_starts_afresh_and_keeps_what_it_did_not_make(tmp_path: Path) -> None:
    with claimed(tmp_path / "demo") as folder:
        folder.model.mkdir(parents=True)
        (folder.root / "mlflow.db").write_text("old")
        (folder.root / "notes.txt").write_text("mine")
    with claimed(tmp_path / "demo") as folder:
        assert sorted(path.name for path in folder.root.iterdir()) == [MARKER, "notes.txt"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(Refused, match="no demo made"), claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(Refused), claimed(tmp_path / "demo"):
        pass
    with pytest.raises(Refused), claimed(tmp_path / "demo" / "below"):
        pass


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    with claimed(tmp_path / "demo") as folder:
        folder.models.symlink_to(tmp_path / "precious")
    with claimed(tmp_path / "demo") as folder:
        assert not folder.models.is_symlink()
    assert (tmp_path / "precious" / "file").read_text() == "keep"


def test_two_demos_never_share_a_folder(tmp_path: Path) -> None:
    with claimed(tmp_path / "demo") as folder:
        (folder.root / "mlflow.db").write_text("in use")
        with pytest.raises(WorldFailed, match="another demo"), claimed(tmp_path / "demo"):
            pass
        assert (folder.root / "mlflow.db").read_text() == "in use"


def test_an_error_of_the_demo_is_not_taken_for_one_of_its_folder(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), claimed(tmp_path / "demo"):
        raise PermissionError


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WorldFailed), claimed(tmp_path / "demo"):
        pass
