"""Models of LightGBM in text as leaves: every list of numbers of every tree is an array.

The section ``parameters`` repeats the settings.  Those that say where it ran (threads, device, files) are noise; the
others count.  The sizes of trees are lengths of their text, and follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlops_gitops.reproduction.contents import flats, sources
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

_MOST_BYTES = 1 << 30
_PLACES = frozenset({
    *("num_threads", "device_type", "gpu_platform_id", "gpu_device_id", "num_gpu", "data", "valid", "output_model"),
    *("gpu_device_id_list", "input_model", "output_result", "machines", "local_listen_port"),
    *("machine_list_filename", "verbosity"),
})  # fmt: skip
_FRACTIONS = frozenset({
    *("threshold", "split_gain", "leaf_value", "leaf_weight", "internal_value", "internal_weight", "leaf_const"),
    *("leaf_coeff", "shrinkage"),
})  # fmt: skip
"""Numbers with a fraction, also where all that are written happen to have none."""
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?([eE][-+]?\d+)?|inf|nan)")
_WHOLE = re.compile(r"-?\d{1,18}")
_ENDS = ("end of trees", "parameters:", "end of parameters")


def recognises(head: bytes, name: str) -> bool:
    """Whether bytes that start so are a model of LightGBM."""
    del name
    return head.startswith(b"tree\n") and b"version=" in head[:32]


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the model at ``path``, which is read whole.  Raises ``Unreadable``."""
    source = sources.at(path)
    if source.size > _MOST_BYTES:
        raise Unreadable("it is larger than a model in text can be read")
    try:
        text = source.read(0, source.size).decode()
    except UnicodeDecodeError as error:
        raise Unreadable("it is no UTF-8") from error
    return of_text(text)


def of_text(text: str) -> Iterator[Leaf]:
    """The leaves of a model in memory.  Raises ``Unreadable`` for one that ends before its trees do."""
    section = ""
    ended = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("Tree="):
            section = f"tree[{line[5:]}]."
        elif line in _ENDS:
            section, ended = ("parameters." if line == "parameters:" else ""), True
        elif section == "parameters." and line.startswith("[") and ":" in line:
            key, _, value = line.strip("[]").partition(":")
            yield Leaf(section + key, value.strip(), f"serialised {key}" if key in _PLACES else "")
        elif "=" in line:
            key, _, value = line.partition("=")
            yield _entry(section + key, value)
        elif line.strip():
            yield Leaf(f"line {number}", line)
    if not ended:
        raise Unreadable("it ends before its trees do")


def _entry(path: str, value: str) -> Leaf:
    parts = value.split()
    if path == "tree_sizes":
        return Leaf(path, value, "lengths of the text of trees")
    fraction = path.rpartition(".")[2] in _FRACTIONS
    if parts and not fraction and all(_WHOLE.fullmatch(one) for one in parts):
        return Leaf(path, flats.Held(np.array([int(one) for one in parts], np.int64)))
    if parts and all(_NUMBER.fullmatch(one) for one in parts):
        return Leaf(path, flats.Held(np.array([float(one) for one in parts])))
    return Leaf(path, value)
