from __future__ import annotations

from pathlib import Path

import pytest

from mlops_gitops.adapters import training_locks

REQUIREMENTS = """\
# made by uv
--index-url https://example.com/simple
Scikit_Learn[extra]==1.6.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.4.6 ; python_version >= '3.11'
colorama == 0.4.6 ; sys_platform == 'win32'
torch==2.13.0+cpu  # by hand
    # via numpy==1.0
-e ./local
"""
UV = """\
version = 1

[[package]]
name = "mine"
version = "0.1.0"
source = { editable = "." }

[[package]]
name = "numpy"
version = "2.4.6"
source = { registry = "https://example.com/simple" }

[[package]]
name = "numpy"
version = "2.2.0"
source = { registry = "https://example.com/simple" }
"""
PYLOCK = """\
lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "numpy"
version = "2.4.6"
"""


def lock(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.lock"
    path.write_text(text)
    return path


def test_a_requirements_file(tmp_path: Path) -> None:
    wanted, optional = training_locks.pinned(lock(tmp_path, REQUIREMENTS))
    assert wanted == {
        "scikit-learn": {"1.6.0"},
        "numpy": {"2.4.6"},
        "colorama": {"0.4.6"},
        "torch": {"2.13.0+cpu"},
    }
    assert optional == {"numpy", "colorama"}


@pytest.mark.parametrize(("text", "versions"), [(UV, {"2.4.6", "2.2.0"}), (PYLOCK, {"2.4.6"})])
def test_locks_in_toml(tmp_path: Path, text: str, versions: set[str]) -> None:
    assert training_locks.pinned(lock(tmp_path, text)) == ({"numpy": versions}, {"numpy"})


def test_what_differs(tmp_path: Path) -> None:
    path = lock(tmp_path, REQUIREMENTS)
    there = {"scikit-learn": "1.6.0", "numpy": "2.4.6", "torch": "2.13.0+cpu", "more": "1"}
    assert training_locks.differences(path, there) == []
    assert training_locks.differences(path, {"numpy": "2.0"}) == [
        "numpy 2.0 (locked: 2.4.6)",
        "scikit-learn missing (locked: 1.6.0)",
        "torch missing (locked: 2.13.0+cpu)",
    ]
    assert training_locks.differences(lock(tmp_path, UV), {"numpy": "3"}) == ["numpy 3 (locked: 2.2.0 or 2.4.6)"]


@pytest.mark.parametrize("text", ["", "\0\0", "package = 3", "[[package]]\nname = 3", "package = [3]", "x" * 1000])
def test_a_lock_that_is_none_pins_nothing(tmp_path: Path, text: str) -> None:
    assert training_locks.differences(lock(tmp_path, text), {}) == []
