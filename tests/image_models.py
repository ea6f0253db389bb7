"""A model repository with a serving image, small enough to be built in a test; everything is real but its size."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cancer import manifest
from mlops_gitops.manifests import rendering
from shells import Shell

UV = shutil.which("uv") or str(Path(__file__).parents[1] / ".uv" / "bin" / "uv")
WEIGHTS = "artifact/model.json"


def wheel(
    folder: Path, name: str, version: str, files: dict[str, str], *, tag: str = "py3-none-any", scripts: str = ""
) -> Path:
    """A real wheel, such as an index gives it; ``scripts`` are its console scripts."""
    info = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if scripts:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    content[f"{info}/RECORD"] = "".join(f"{one},,\n" for one in content) + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, text in content.items():
            archive.writestr(zipfile.ZipInfo(one, (2026, 1, 1, 0, 0, 0)), text)
    path.write_bytes(stream.getvalue())
    offer(path)
    return path


def offer(path: Path) -> None:
    """Put a file into the index of its folder."""
    name = path.name.split("-")[0].replace("_", "-")
    page = path.parent / "simple" / name / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    before = page.read_text() if page.exists() else "<!DOCTYPE html>"
    page.write_text(f'{before}<a href="../../{path.name}">{path.name}</a>')


def line(path: Path) -> str:
    """The line of a lock that pins a wheel or an sdist."""
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    return f"{name.replace('_', '-')}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@dataclass
class ImageModel:
    """A repository with one model below ``models/``, and a command line in it."""

    root: Path
    shell: Shell
    value: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.root / "models" / "cancer"

    def left(self) -> list[str]:
        """Temporary folders and files in its cache."""
        began = ("making-", "fetching-", "writing-", "engine-")
        return [one.name for one in Path(self.shell.environ["MG_CACHE"]).rglob("*") if one.name.startswith(began)]

    def write(self, name: str, data: bytes | str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def lock_from_index(self, packages: Iterable[str]) -> None:
        """Lock real packages, from the index that this machine uses; the shell uses it, too."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_"))}
        self.shell.environ = {**self.shell.environ, **kept}
        for name in ("UV_DEFAULT_INDEX", "UV_CACHE_DIR"):
            if name not in kept:
                self.shell.environ.pop(name, None)
        argv = [UV, "pip", "compile", "--quiet", "--generate-hashes", "--python-version", "3.11", "-"]
        done = subprocess.run(argv, input="\n".join(packages), capture_output=True, text=True, check=True)
        self.write("serving.lock", done.stdout)

    def commit(self, message: str = "Change", *, date: str = "2026-11-25T12:00:00Z") -> None:
        self.write("model.yaml", rendering.render(self.value))
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        for words in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", message]):
            argv = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(self.root), *words]
            subprocess.run(argv, check=True, env={**self.shell.environ, **dates})


def made(root: Path, *, base: str, pattern: str = "batch", cache: Path, wheels: Path) -> ImageModel:
    """A model of XGBoost's format, whose lock names what a server needs, from wheels in ``wheels``."""
    locked = [wheel(wheels, name, "1.0.0", {f"{name}/__init__.py": f"{name = }\n"}) for name in ("pandas", "pyarrow")]
    locked.append(wheel(wheels, "tool", "2.0.0", {"tool.py": "def main(): pass\n"}, scripts="tool = tool:main"))
    environ = {
        "PATH": f"{Path(UV).parent}:{os.environ['PATH']}",
        "HOME": str(root.parent),
        "MG_CACHE": str(cache),
        "UV_DEFAULT_INDEX": (wheels / "simple").as_uri(),
        "UV_CACHE_DIR": str(cache / "uv"),
    }
    root.mkdir(parents=True)
    value = manifest()
    value["spec"]["artifact"] = {"format": "xgboost-json", "path": WEIGHTS}
    value["spec"]["serving"] = {"pattern": pattern, "image": {"base": base, "lock": "serving.lock"}}
    model = ImageModel(root, Shell(root, root, environ), value)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, env=environ)
    model.write("serving.lock", "".join(map(line, locked)))
    model.write("requirements.lock", "numpy==2.0.0\n")
    model.write("train.py", "")
    for name in ("train", "test"):
        model.write(f"data/{name}.parquet", name)
    model.write(WEIGHTS, '{"learner": {"weights": [1.0]}, "version": [3, 0, 0]}')
    model.commit()
    return model


def one_layer(path: Path) -> Any:
    """An image of one file over nothing, as it is loaded and pushed."""
    from mlops_gitops.adapters.image_push import Content
    from mlops_gitops.packaging.image import assembly, layers

    layer = layers.Layer("x", {"/weights": layers.File(path, path.stat().st_size)})
    measured = layers.measured(layer)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    base = assembly.Base("scratch", "sha256:" + "0" * 64, config, ())
    image = assembly.assemble(base, [("x", measured)], assembly.Settings((), {}, {}, "2026-01-01T00:00:00Z"))
    return Content(image, {measured.digest: lambda: layers.chunks(layer)})
