from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_environments
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.reproduction.trainings import Order
from training_grounds import contents, ground

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
needs_uv = pytest.mark.skipif(not Path(UV).is_file(), reason="uv is not installed")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A package index in a folder, with one package of one module."""
    import zipfile

    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, version in (("tiny_numbers", "1.0"), ("tiny_numbers", "2.0"), ("other_numbers", "1.0")):
        about = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"VERSION = {version!r}\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name.title()}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{about}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"])
        path = folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for file, text in files.items():
                wheel.writestr(file, text)
        page = folder / "simple" / name.replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        before = page.read_text() if page.exists() else "<!DOCTYPE html>"
        page.write_text(f'{before}<a href="../../{path.name}">{path.name}</a>')
    return folder


@pytest.fixture
def environ(tmp_path: Path, wheels: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(UV).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_DEFAULT_INDEX": (wheels / "simple").as_uri(),
    }


def locked(tmp_path: Path, text: str, name: str = "requirements.lock") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def built(lock: Path, environ: dict[str, str], tmp_path: Path) -> tuple[Path, list[str]]:
    said: list[str] = []
    cache = tmp_path / "environments"
    return training_environments.of_lock(lock, cache=cache, environ=environ, progress=said.append), said


def hashed(wheels: Path, version: str = "1.0") -> str:
    from hashlib import sha256

    return sha256((wheels / f"tiny_numbers-{version}-py3-none-any.whl").read_bytes()).hexdigest()


@needs_uv
def test_a_lock_is_built_once(tmp_path: Path, environ: dict[str, str]) -> None:
    lock = locked(tmp_path, "tiny-numbers==1.0\n")
    folder, said = built(lock, environ, tmp_path)
    assert said == ["installing requirements.lock"]
    assert training_environments.described(folder).packages == {"tiny-numbers": "1.0"}
    assert training_environments.described(folder).python == ".".join(map(str, sys.version_info[:3]))
    (module,) = folder.glob("lib/python3*/site-packages/tiny_numbers.py")
    assert module.stat().st_nlink == 1, "a link into uv's cache would let a training change it"
    before = contents(folder)
    assert built(lock, environ, tmp_path) == (folder, [])
    assert contents(folder) == before
    other, _ = built(locked(tmp_path, "tiny-numbers==2.0\n"), environ, tmp_path)
    assert other != folder
    assert sorted(path.name for path in (tmp_path / "environments").iterdir()) == sorted([folder.name, other.name])


@needs_uv
def test_a_training_in_the_environment_of_its_lock(tmp_path: Path, environ: dict[str, str]) -> None:
    here = ground(tmp_path / "model", **environ)
    here.write("requirements.lock", "tiny-numbers==1.0\n")
    text = "import tiny_numbers\nopen('model.json', 'w').write(tiny_numbers.VERSION)\n"
    run = here.run(text, environment=None)
    assert run.artifact is not None, run.log.read_text()
    assert run.artifact.read_text() == "1.0"
    assert run.facts["package:tiny-numbers"] == "1.0"
    assert run.problems == ()
    before = contents(here.scratch / "environments", tmp_path / "uv-cache")
    text = "import tiny_numbers\nopen(tiny_numbers.__file__, 'w').write('VERSION = 3')\n"
    for confined in (True, False):
        run = here.run(text, environment=None, confined=confined)
        assert run.exit_code != 0
    assert contents(here.scratch / "environments", tmp_path / "uv-cache") == before


@needs_uv
def test_hashes_are_demanded_where_the_lock_has_them(tmp_path: Path, environ: dict[str, str], wheels: Path) -> None:
    right = locked(tmp_path, f"tiny-numbers==1.0 --hash=sha256:{hashed(wheels)}\n")
    assert built(right, environ, tmp_path)[0].is_dir()
    wrong = locked(tmp_path, f"tiny-numbers==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Refused, match="the lock cannot be installed") as refused:
        built(wrong, environ, tmp_path)
    assert "\n" not in refused.value.message
    half = locked(tmp_path, f"tiny-numbers==1.0 --hash=sha256:{hashed(wheels)}\nother-numbers==1.0\n")
    with pytest.raises(Refused, match="the lock cannot be installed"):
        built(half, environ, tmp_path)
    assert len(list((tmp_path / "environments").iterdir())) == 1


@needs_uv
def test_a_lock_of_uv(tmp_path: Path, environ: dict[str, str]) -> None:
    project = (
        '[project]\nname = "mine"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = ["tiny-numbers==1.0"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(project)
    subprocess.run([UV, "lock", "-q"], cwd=tmp_path, env=environ, check=True)
    folder, _ = built(tmp_path / "uv.lock", environ, tmp_path)
    assert training_environments.installed(folder) == {"tiny-numbers": "1.0"}


@needs_uv
def test_a_pylock(tmp_path: Path, environ: dict[str, str], wheels: Path) -> None:
    wheel = wheels / "tiny_numbers-1.0-py3-none-any.whl"
    text = f"""\
lock-version = "1.0"
created-by = "a test"

[[packages]]
name = "tiny-numbers"
version = "1.0"
wheels = [{{ url = "{wheel.as_uri()}", hashes = {{ sha256 = "{hashed(wheels)}" }} }}]
"""
    folder, _ = built(locked(tmp_path, text, "pylock.toml"), environ, tmp_path)
    assert training_environments.installed(folder) == {"tiny-numbers": "1.0"}


@needs_uv
def test_two_at_once_get_the_same(tmp_path: Path, environ: dict[str, str]) -> None:
    lock = locked(tmp_path, "tiny-numbers==1.0\n")
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: built(lock, environ, tmp_path)[0], range(2)))
    assert folders[0] == folders[1]
    assert [path.name for path in (tmp_path / "environments").iterdir()] == [folders[0].name]
    subprocess.run([folders[0] / "bin/python", "-c", "import tiny_numbers"], check=True)


@needs_uv
def test_an_environment_whose_python_is_gone_is_built_again(tmp_path: Path, environ: dict[str, str]) -> None:
    lock = locked(tmp_path, "tiny-numbers==1.0\n")
    folder, _ = built(lock, environ, tmp_path)
    for name in (folder / "bin").glob("python*"):
        name.unlink()
    assert built(lock, environ, tmp_path) == (folder, ["installing requirements.lock"])
    assert (folder / "bin/python").exists()


@needs_uv
def test_what_cannot_be_resolved_is_told(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"the lock cannot be installed.*no-such-package"):
        built(locked(tmp_path, "no-such-package==1.0\n"), environ, tmp_path)


@needs_uv
def test_a_network_that_fails_is_not_the_locks_fault(tmp_path: Path, environ: dict[str, str]) -> None:
    away = {**environ, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_TIMEOUT": "2", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(WorldFailed, match="could not be fetched"):
        built(locked(tmp_path, "tiny-numbers==1.0\n"), away, tmp_path)


def test_without_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(WorldFailed, match="there is no uv on the PATH"):
        built(locked(tmp_path, ""), {"PATH": str(tmp_path)}, tmp_path)


def test_the_version_of_a_python_that_no_file_tells(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    assert training_environments.described(tmp_path).python == ".".join(map(str, sys.version_info[:3]))
    (tmp_path / "bin" / "python").write_text("no program")
    with pytest.raises(Misused, match="cannot be run"):
        training_environments.described(tmp_path)


def test_an_order_of_a_folder_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    here = ground(tmp_path)
    trainer = here.trainer()
    here.scratch.mkdir(exist_ok=True)
    (here.scratch / "runs").write_text("a file")
    with pytest.raises(WorldFailed, match="cannot be written"):
        trainer.train(Order("first"))
