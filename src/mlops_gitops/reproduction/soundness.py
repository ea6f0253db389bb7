"""Whether what a training made can be used at all, however well two trainings agree on it.

Two trainings may agree to the last byte on a file that nobody can read, that runs a program when it is loaded, or whose
weights are no numbers.  Each of these is a problem of the run.  Nothing is loaded or executed.

Weights are the numbers that an answer is made of.  An estimator of scikit-learn also keeps numbers that may well be
NaN, such as the thresholds of categories, so that only what it names as weights is looked at there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.scan import scan
from mlops_gitops.reproduction.comparison import Made
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.trainings import Problem, Trouble

_TENSORS = frozenset({"torch", "safetensors", "onnx", "npy", "npz"})
"""Kinds of files that hold little but weights."""
_WEIGHTS = (
    *("coef_", "intercept_", "coefs_", "intercepts_", "dual_coef_", "cluster_centers_"),
    *("tree_.values", "nodes.value", "base_weights", "split_conditions", "leaf_value", "weights"),
)
"""The last names of what other files call their weights."""
_UNSAFE = (
    *("scan.pickle-call", "scan.pickle-global", "scan.pickle-opcode", "scan.pickle-trailing", "scan.numpy-object"),
    *("scan.code", "scan.skops-type", "scan.skops-loader", "scan.onnx-operator", "scan.onnx-external", "scan.mlmodel"),
)
"""The checks of a scan that fail on what would run, or reach out of the artifact; the others fail on what is broken."""
_PIECE = 2**18
_FIX_NUMBERS = (
    "look for a loss that became NaN (a learning rate, a division, a missing value) before the model is written"
)
_FIX_FILE = "write the model with its library's own function, in the format of spec.artifact.format"


def problems(made: Made, *, format: str) -> tuple[Problem, ...]:  # noqa: A002 - the manifest's own word
    """What is wrong with an artifact of this ``format``: the first reason not to load it, else its first NaN."""
    refused = _scanned(made, format)
    return (refused,) if refused is not None else tuple(islice(_in_files(made), 1))


def _scanned(made: Made, declared: str) -> Problem | None:
    report = scan(made.path, format=declared, artifact=made.files)
    refused = next((one for one in report.checks if one.verdict is Verdict.FAIL), None)
    if refused is None:
        return None
    trouble = Trouble.UNSAFE if refused.id in _UNSAFE else Trouble.UNREADABLE
    if trouble is Trouble.UNREADABLE:
        return Problem(trouble, f"the artifact cannot be read: {refused.message}", _FIX_FILE)
    return Problem(trouble, f"the artifact is not safe to load: {refused.message}", refused.fix)


def _in_files(made: Made) -> Iterator[Problem]:
    for one in made.files.files:
        single = one.name == digests.SINGLE
        path, shown = (made.path, made.path.name) if single else (made.path / one.name, one.name)
        try:
            kind, leaves = files.read(path, shown)
            for leaf in leaves:
                if _is_weight(kind, leaf) and _has_nan(leaf):
                    words = f"{shown} holds NaN in {leaf.path[:120]}"
                    yield Problem(Trouble.NOT_A_NUMBER, words, _FIX_NUMBERS)
        except Unreadable as error:
            yield Problem(Trouble.UNREADABLE, f"the artifact cannot be read: {shown}: {error}", _FIX_FILE)


def _is_weight(kind: str, leaf: Leaf) -> bool:
    return kind in _TENSORS or _bare(leaf.path).endswith(_WEIGHTS)


def _bare(path: str) -> str:
    """A path without the number at its end: ``coefs_[0]`` is one of ``coefs_``."""
    return path.rpartition("[")[0] if path.endswith("]") else path


def _has_nan(leaf: Leaf) -> bool:
    value = leaf.value
    if isinstance(value, float | complex):
        return value != value  # noqa: PLR0124 - NaN is what differs from itself
    if value is None or isinstance(value, bool | int | str | bytes):
        return False
    if not value.dtype.lower().startswith(("float", "bfloat", "complex")):
        return False
    return any(bool(np.isnan(piece).any()) for piece in value.chunks(_PIECE))
