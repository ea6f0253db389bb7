# ruff: noqa: INP001 - `launch` points Python at this file; it is no package
"""The Action itself, in a Python that has the packages, from the checkout that this file lies in.

A runner lays out the same checkout anew for every job, and act for every step, with new times and without what Python
made of it.  So what Python compiles is kept with the packages, named by what the source says.
"""

from __future__ import annotations

import os.path
import sys
from hashlib import blake2b
from importlib.machinery import FileFinder, SourceFileLoader
from typing import Any


def main(words: list[str]) -> int:
    """Run the Action that ``words`` name; this many imports and no more, because every step pays for them."""
    source = os.path.realpath(__file__).rsplit("/", 3)[0] + "/src"
    if os.path.exists(f"{sys.prefix}/.complete"):  # noqa: PTH110 - packages of ours; pathlib costs as much as the rest
        keep(source, f"{sys.prefix}/compiled")
    sys.path.insert(0, source)
    from mlops_gitops.actions.__main__ import main as action

    return action(words)


def keep(source: str, room: str) -> None:
    """From here on, keep in ``room`` what is compiled of the modules below ``source``."""

    class Loader(SourceFileLoader):
        def path_stats(self, path: str) -> dict[str, Any]:
            text = self.get_data(path)
            self.digest = blake2b(text, digest_size=16).hexdigest()
            return {"mtime": 0, "size": len(text)}

        def get_data(self, path: str) -> bytes:
            return super().get_data(self.place(path))

        def set_data(self, path: str, data: Any, *, _mode: int = 0o600) -> None:
            super().set_data(self.place(path), data, _mode=_mode)

        def place(self, path: str) -> str:
            return f"{room}/{self.digest}.pyc" if path.endswith(".pyc") else path

    def found(folder: str) -> FileFinder:
        if folder != source and not folder.startswith(f"{source}/"):
            raise ImportError
        return FileFinder(folder, (Loader, [".py"]))

    sys.path_hooks.insert(0, found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
