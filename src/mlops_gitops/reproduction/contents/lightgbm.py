"""Models of LightGBM in text as leaves: every list of numbers of every tree is an array.

The section ``parameters`` repeats the settings.  Those that say where it ran (threads, device, files) are noise; the
others count.  The sizes of trees are lengths of their text, and follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.xgboost import Numbers

_MOST_BYTES = 4 << 30
_PLACES = frozenset({
    *("num_threads", "device_type", "gpu_platform_id", "gpu_device_id", "num_gpu", "data", "valid", "output_model"),
    *("input_model", "output_result", "machines", "local_listen_port", "machine_list_filename", "verbosity"),
})  # fmt: skip
_LISTS = re.compile(r"-?(\d|inf|nan)", re.IGNORECASE)


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that starts so is a model of LightGBM."""
    del name
    return head.startswith(b"tree\n") and b"version=" in head[:32]


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the model at ``path``, which is read whole.  Raises ``Unreadable``."""
    if path.stat().st_size > _MOST_BYTES:
        raise Unreadable("it is larger than a model in text can be read")
    section, parameters = "", False
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise Unreadable("it is no UTF-8") from error
    for number, line in enumerate(lines):
        if line.startswith("Tree="):
            section = f"tree[{line[5:]}]."
        elif line == "end of trees":
            section = ""
        elif line in ("parameters:", "end of parameters"):
            parameters = line == "parameters:"
        elif parameters and line.startswith("[") and ":" in line:
            key, _, value = line.strip("[]").partition(":")
            reason = f"serialised {key}" if key in _PLACES else ""
            yield Leaf(f"parameters.{key}", value.strip(), reason)
        elif "=" in line:
            key, _, value = line.partition("=")
            yield from _entry(section + key, value)
        elif line.strip():
            yield Leaf(f"line[{number}]", line)


def _entry(path: str, value: str) -> Iterator[Leaf]:
    parts = value.split()
    if path == "tree_sizes":
        yield Leaf(path, value, "lengths of the text of trees")
    elif path == "version":
        yield Leaf(path, value, "version of the format")
    elif parts and all(_LISTS.match(one) for one in parts):
        try:
            yield Leaf(path, Numbers(np.array([float(one) for one in parts])))
        except ValueError:
            yield Leaf(path, value)
    else:
        yield Leaf(path, value)
