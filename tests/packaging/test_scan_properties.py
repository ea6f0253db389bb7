"""Whatever the bytes are, the scan answers; and whatever it passes, an unpickler that forbids the same names loads."""

from __future__ import annotations

import contextlib
import io
import pickle
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging.scan import scan
from mlops_gitops.packaging.scan.allowed import CLASSIC, names
from mlops_gitops.packaging.scan.problems import Limits

SMALL = Limits(expanded=1 << 20, opcodes=20_000, text=1 << 20)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = [
    b"cos\nsystem\n(S'id'\ntR.",
    pickle.dumps({"a": np.arange(3), "b": [np.float64(1), (None, "x")]}, protocol=2),
    pickle.dumps({"a": np.arange(3), "b": [{1}, frozenset("y")]}, protocol=5),
    b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
]
SUFFIXES = (".pkl", ".joblib", ".npy", ".npz", ".skops", ".pt", ".onnx", ".safetensors", ".json", ".yaml", ".txt", "")


def verdict(data: bytes, suffix: str) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        path.write_bytes(data)
        return scan(path, format="sklearn-pickle", limits=SMALL).verdict


@QUICK
@given(st.binary(max_size=400), st.sampled_from(SUFFIXES))
def test_random_bytes_get_an_answer(data: bytes, suffix: str) -> None:
    assert verdict(data, suffix) in Verdict


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):
            data[at] = draw(st.integers(0, 255))
        else:
            data[at:at] = draw(
                st.sampled_from([b"0", b"R", b".", b"(", b"t", b"h\x00", b"2", b"\x93", b"b", b"cos\nx\n"])
            )
    return bytes(data)


class Watching(pickle._Unpickler):
    """The interpreter's own machine; it notes what it is asked for, and imports nothing but the harmless."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.asked: list[tuple[str, str]] = []

    def find_class(self, module: str, name: str) -> object:
        self.asked.append((module, name))
        return lambda *_, **__: Inert()


class Inert:
    """What every call returns: it takes any state."""

    def __setstate__(self, state: object) -> None:
        pass


@QUICK
@given(mutated())
def test_what_passes_asks_the_real_machine_for_listed_names_only(data: bytes) -> None:
    """The differential test: our machine and the interpreter's agree on which names a pickle asks for."""
    if verdict(data, ".pkl") is not Verdict.PASS:
        return
    watching = Watching(data)
    with contextlib.suppress(Exception):  # a list as the key of a dictionary, and the like
        watching.load()
    assert set(watching.asked) <= names(*CLASSIC)


@QUICK
@given(mutated())
def test_what_the_real_machine_would_run_never_passes(data: bytes) -> None:
    watching = Watching(data)
    with contextlib.suppress(Exception):  # a broken pickle; what it asked for until then counts
        watching.load()
    if any(module in ("os", "posix") for module, _ in watching.asked):
        assert verdict(data, ".pkl") is Verdict.FAIL
