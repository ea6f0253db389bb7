"""A few of the planted faults, with the real trainer; ``benchmarks/faults.py`` measures them all."""

from pathlib import Path

import pytest

import reproduction_faults as faults

BY_NAME = {one.name: one for one in faults.FAULTS}


@pytest.mark.parametrize("name", ["rows_shuffled", "words_in_set", "uuid_in_model", "date_in_model"])
def test_a_planted_cause_is_named_with_no_other(tmp_path: Path, name: str) -> None:
    found, _ = faults.reproduced(BY_NAME[name].path, tmp_path)
    assert [one.factor for one in found.causes] == [BY_NAME[name].factor], found
    (cause,) = found.causes
    assert cause.place is not None
    assert (cause.place.file, cause.place.line) == ("models/cancer/train.py", BY_NAME[name].line)
    assert (cause.stage or "artifact").partition("#")[0] in BY_NAME[name].stages


@pytest.mark.parametrize("name", ["clock_in_log", "environment_in_log", "words_sorted"])
def test_a_training_that_only_looks_wrong_is_blamed_for_nothing(tmp_path: Path, name: str) -> None:
    found, runs = faults.reproduced(faults.FOLDER / "controls" / f"{name}.py", tmp_path)
    assert found.causes == ()
    assert runs == 2 + 4, "two to begin with, and four to see that nothing matters"


def test_every_planted_training_marks_its_line_and_is_in_the_table() -> None:
    assert sorted(one.name for one in faults.FAULTS) == sorted(
        path.stem for path in (faults.FOLDER / "planted").glob("*.py")
    )
    assert all(one.path.read_text().count("# planted") == 1 for one in faults.FAULTS)
    assert len(faults.FAULTS) >= 20
    assert len(faults.CONTROLS) >= 6
