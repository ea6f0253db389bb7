from importlib import metadata

from mlops_gitops.demo.lock import locked, normal


def test_everything_that_training_stands_on_is_locked() -> None:
    lines = locked().splitlines()
    assert lines == sorted(lines)
    found = dict(line.split("==") for line in lines)
    assert found["scikit-learn"] == metadata.version("scikit-learn")
    assert {"numpy", "scipy", "mlflow-skinny"} <= set(found), "what is needed by what is needed"
    assert "pytest" not in found


def test_names_have_one_spelling() -> None:
    assert normal("Scikit_Learn.extra") == "scikit-learn-extra"


def test_what_is_not_installed_is_left_out() -> None:
    assert locked(("no-such-package-here",)) == ""
