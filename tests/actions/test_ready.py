"""What Python compiles is kept by what the source says: not by its time, and never for another source."""

from __future__ import annotations

import marshal
import subprocess
import sys
from pathlib import Path

from workflows import ROOT

PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
import ready
ready.keep(sys.argv[2], sys.argv[3])
sys.path.insert(0, sys.argv[2])
from package.inner import module
print(module.VALUE, module.__file__)
"""


def said(source: Path, room: Path) -> str:
    words = [sys.executable, "-I", "-c", PROGRAM, str(ROOT / "actions" / "_runtime"), str(source), str(room)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    value, file = done.stdout.split()
    assert Path(file) == source / "package" / "inner" / "module.py"
    return value


def laid_out(folder: Path, value: str) -> Path:
    """A checkout, with new times and nothing compiled."""
    for part in ("package", "package/inner"):
        (folder / part).mkdir(parents=True)
        (folder / part / "__init__.py").touch()
    (folder / "package" / "inner" / "module.py").write_text(f"VALUE = {value!r}\n")
    return folder


def test_a_checkout_that_is_laid_out_anew_is_not_compiled_again(tmp_path: Path) -> None:
    room, first, again = tmp_path / "room", laid_out(tmp_path / "first", "one"), laid_out(tmp_path / "again", "one")
    assert said(first, room) == "one"
    kept = {path: path.stat().st_mtime_ns for path in room.iterdir()}
    assert len(kept) == 2, "the empty ones are one"
    assert said(again, room) == "one"
    assert {path: path.stat().st_mtime_ns for path in room.iterdir()} == kept
    assert not list(tmp_path.rglob("__pycache__"))

    (module,) = [path for path in kept if b"VALUE" in path.read_bytes()]
    header = module.read_bytes()[:16]
    module.write_bytes(header + marshal.dumps(compile("VALUE = 'kept'", "x", "exec")))
    assert said(first, room) == "kept", "it is read from there"


def test_another_source_is_another_module_whatever_its_time_and_size(tmp_path: Path) -> None:
    room, source = tmp_path / "room", laid_out(tmp_path / "source", "one")
    assert said(source, room) == "one"
    (source / "package" / "inner" / "module.py").write_text("VALUE = 'two'\n")
    assert said(source, room) == "two"
    (next(iter(room.iterdir()))).write_bytes(b"cut")
    assert said(source, room) == "two"


def test_a_room_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "room").touch()
    assert said(laid_out(tmp_path / "source", "one"), tmp_path / "room") == "one"
