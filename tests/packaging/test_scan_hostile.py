"""Files that would run code when loaded.  None is ever loaded here; every one has to fail the scan."""

from __future__ import annotations

# ruff: noqa: E501 - a row of bytes reads best in one line
import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging.scan import scan
from mlops_gitops.packaging.scan.problems import Limits

EMPTY = b"\x80\x04}."


def text(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def system(protocol: int = 4) -> bytes:
    """``os.system("id")``, called by REDUCE."""
    if protocol == 0:
        return b"cos\nsystem\n(S'id'\ntR."
    if protocol == 1:
        return b"cos\nsystem\n(X\x02\x00\x00\x00idtR."
    if protocol < 4:
        return b"\x80" + bytes([protocol]) + b"cos\nsystem\nX\x02\x00\x00\x00id\x85R."
    return b"\x80" + bytes([protocol]) + text("os") + text("system") + b"\x93" + text("id") + b"\x85R."


def named(module: str, name: str, rest: bytes = b".") -> bytes:
    return b"\x80\x04" + text(module) + text(name) + b"\x93" + rest


def called(module: str, name: str, arguments: bytes = b")") -> bytes:
    return named(module, name, arguments + b"R.")


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1+1",)


def wrapper(padding: bytes, raw: bytes, *, extra: bytes = b"", size: int | None = None) -> bytes:
    """A joblib stream: one array wrapper, then ``raw`` where joblib reads array bytes."""
    state = (
        b"}(" + text("subclass") + text("numpy") + text("ndarray") + b"\x93"
        + text("shape") + b"J" + struct.pack("<i", len(raw) if size is None else size) + b"\x85"
        + text("order") + text("C")
        + text("dtype") + text("numpy") + text("dtype") + b"\x93" + text("u1") + b"\x89\x88\x87R"
        + text("allow_mmap") + b"\x89"
        + text("numpy_array_alignment_bytes") + b"K\x10u"
    )  # fmt: skip
    made = text("joblib.numpy_pickle") + text("NumpyArrayWrapper") + b"\x93)\x81"
    return b"\x80\x04" + made + state + b"b" + padding + raw + extra + b"."


def framed(data: bytes, size: int) -> bytes:
    """FRAME: a reader that honours it reads ``size`` bytes at once, whatever comes after."""
    return b"\x95" + struct.pack("<Q", size) + data


def schema(**changed: object) -> bytes:
    node = {"__class__": "LogisticRegression", "__module__": "sklearn.linear_model._logistic"}
    node |= {"__loader__": "ObjectNode", "content": None, "protocol": 2, "_skops_version": "0.16.0"}
    return zipped({"schema.json": json.dumps(node | changed).encode()})


ARRAY = wrapper(b"\x01\xff", b"ab")[2:]

PICKLES: dict[str, bytes] = {
    **{f"system-protocol-{number}": system(number) for number in range(6)},
    "stack-global-from-memo": b"\x80\x04" + text("os") + b"\x94" + text("system") + b"\x940h\x00h\x01\x93" + text("id") + b"\x85R.",
    "memo-overwritten": b"\x80\x04" + text("numpy") + b"q\x000" + text("os") + b"q\x000h\x00" + text("system") + b"\x93)R.",
    "name-made-by-a-call": b"\x80\x04" + named("builtins", "str", text("os") + b"\x85R" + text("system") + b"\x93)R.")[2:],
    "name-from-codecs": b"\x80\x04" + named("_codecs", "encode", text("os") + text("latin1") + b"\x86R" + text("x") + b"\x93.")[2:],
    "inst": b"(S'id'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'id'\no.",
    "newobj": b"\x80\x02csubprocess\nPopen\nX\x02\x00\x00\x00id\x85\x81.",
    "newobj-ex": b"\x80\x04" + text("subprocess") + text("Popen") + b"\x93" + text("id") + b"\x85}\x92.",
    "dotted-stack-global": called("sklearn.utils", "os.system", text("id") + b"\x85"),
    "dotted-global": b"\x80\x04csklearn.pipeline\nPipeline.fit\n)R.",
    "dotted-allowed-class": called("numpy", "ndarray.tofile", text("/tmp/x") + b"\x85"),  # noqa: S108
    "getattr": called("builtins", "getattr", b"NN\x86"),
    "getattr-old-name": b"c__builtin__\ngetattr\n(NNtR.",
    "eval-old-name": b"c__builtin__\neval\n(S'1'\ntR.",
    "old-name-translated": b"\x80\x02citertools\nimap\n.",
    "import": called("builtins", "__import__", text("os") + b"\x85"),
    "attrgetter": called("operator", "attrgetter", text("system") + b"\x85"),
    "methodcaller": called("operator", "methodcaller", text("fit") + b"\x85"),
    "partial": called("functools", "partial", text("numpy") + text("dtype") + b"\x93\x85"),
    "runpy": called("runpy", "run_path", text("x.py") + b"\x85"),
    "nested-pickle": called("pickle", "loads", text("x") + b"\x85"),
    "numpy-load": called("numpy", "load", text("x.npy") + b"\x85"),
    "numpy-memmap-truncates": called("numpy", "memmap", text("/tmp/x") + b"\x85"),  # noqa: S108
    "joblib-load": called("joblib.numpy_pickle", "load", text("x") + b"\x85"),
    "pandas-read-pickle": called("pandas", "read_pickle", text("http://example.com/x") + b"\x85"),
    "pandas-eval": called("pandas", "eval", text("1") + b"\x85"),
    "sklearn-fetches": called("sklearn.datasets", "fetch_openml", text("x") + b"\x85"),
    "torch-hub": called("torch.hub", "load", text("x") + b"\x85"),
    "scipy-stats-exec": called("scipy.stats._distn_infrastructure", "rv_continuous"),
    "cloudpickle-function": called("cloudpickle.cloudpickle", "_make_function"),
    "codecs-other-encoding": called("_codecs", "encode", text("x") + text("zip_codec") + b"\x86"),
    "bytes-of-a-size": called("builtins", "bytearray", b"J\xff\xff\xff\x7f\x85"),
    "array-of-a-size": called("numpy", "ndarray", b"J\xff\xff\xff\x7f\x85"),
    "extension-1": b"\x80\x02\x82\x01.",
    "extension-2": b"\x80\x02\x83\x01\x00.",
    "extension-4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "persistent-text": b"Px\n.",
    "persistent-binary": b"\x80\x02" + text("x") + b"Q.",
    "out-of-band-buffer": b"\x80\x05\x97.",
    "calls-what-it-computed": called("builtins", "dict")[:-1] + b")R.",
    "build-on-a-class": named("sklearn.pipeline", "Pipeline", b"}" + text("predict") + text("x") + b"sb."),
    "build-changes-the-class": named("sklearn.pipeline", "Pipeline", b")\x81N}" + text("__class__") + b"Ns\x86b."),
    "build-plants-setstate": named("sklearn.pipeline", "Pipeline", b")\x81}" + text("__setstate__") + b"Nsb."),
    "build-on-unlisted": named("code", "InteractiveConsole", b")\x81}b."),
    "append-to-an-object": named("sklearn.pipeline", "Pipeline", b")\x81Na."),
    "items-on-an-object": named("sklearn.pipeline", "Pipeline", b")\x81NNs."),
    "second-pickle": EMPTY + system(),
    "bytes-after-the-end": EMPTY + b"\x00",
    "truncated": system()[:9],
    "no-stop": b"\x80\x04}",
    "empty": b"",
    "frame-in-a-frame": b"\x80\x04" + framed(framed(b"N0", 2) + b"N0", 13) + b"N.",
    "frame-beyond-the-stop": b"\x80\x04" + framed(b"N." + b"N" * 3, 5),
    "joblib-array-in-a-frame": b"\x80\x04" + framed(ARRAY, len(ARRAY)),
    "protocol-6": b"\x80\x06}.",
    "stack-underflow": b"\x80\x04R.",
    "unknown-memo": b"\x80\x04h\x07.",
    "frame-beyond-the-end": b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00}.",
    "joblib-array-hides-opcodes": wrapper(b"\x03\xff\xff\xff", b"", extra=system()[2:-1]),
    # the padding length is itself an opcode: joblib skips what pickle.load executes
    "joblib-padding-is-code": wrapper(b"(" + (system()[2:-1] + b"0" * 40)[:40], b""),
    "joblib-bytes-are-code": wrapper(b"N" + b"N" * 78, system()[2:-1]),
    "joblib-wrapper-by-call": called("joblib.numpy_pickle", "NumpyArrayWrapper", b"(NNNNt"),
    "joblib-wrapper-in-a-list": b"\x80\x04]" + text("joblib.numpy_pickle") + text("NumpyArrayWrapper") + b"\x93a.",
    "joblib-array-cut-short": wrapper(b"\x01\xff", b"abc", size=100),
    "joblib-old-format": b"ZF0x10              " + zlib.compress(system()),
}  # fmt: skip

BROKEN = {
    *("truncated", "no-stop", "empty", "stack-underflow", "unknown-memo", "frame-beyond-the-end"),
    *("joblib-array-cut-short", "protocol-6", "frame-in-a-frame", "frame-beyond-the-stop", "joblib-array-in-a-frame"),
}

COMPRESSED = {
    "gzip": gzip.compress(system()),
    "zlib": zlib.compress(system()),
    "zlib-stored": zlib.compress(system(), 0),
    "bz2": bz2.compress(system()),
    "xz": lzma.compress(system()),
    "lzma": lzma.compress(system(), format=lzma.FORMAT_ALONE),
    "twice": gzip.compress(bz2.compress(system())),
    "five-times": zlib.compress(zlib.compress(zlib.compress(zlib.compress(zlib.compress(EMPTY))))),
    "two-streams": gzip.compress(EMPTY) + gzip.compress(system()),
    "bytes-after": bz2.compress(EMPTY) + system(),
    "cut-short": lzma.compress(system())[:-8],
    "lz4": b"\x04\x22\x4d\x18" + system(),
    "zstandard": b"\x28\xb5\x2f\xfd" + system(),
}

OTHERS: dict[str, tuple[str, bytes]] = {
    "torch-archive": ("model.pt", zipped({"m/data.pkl": system(2), "m/version": b"3\n", "m/data/0": b"\0" * 8})),
    "torch-script": ("model.pt", zipped({"m/data.pkl": EMPTY, "m/code/__torch__.py": b"import os\n"})),
    "pickle-in-an-archive": ("model.zip", zipped({"a/b.pkl": system()})),
    "archive-in-an-archive": ("model.npz", zipped({"a.npy": zipped({"b.npy": npy(np.zeros(2))})})),
    "pickle-called-npy": ("model.npz", zipped({"a.npy": system()})),
    "escaping-member": ("model.npz", zipped({"../a.npy": npy(np.zeros(2))})),
    "pickle-before-an-archive": ("model.npz", system() + zipped({"a.npy": npy(np.zeros(2))})),
    "archive-after-an-archive": ("model.npz", zipped({"b.npy": npy(np.zeros(1))}) + zipped({"a.npy": npy(np.zeros(2))})),
    "object-array": ("model.npy", npy(np.array([Evil()], dtype=object))),
    "object-array-in-npz": ("model.npz", zipped({"a.npy": npy(np.array([Evil()], dtype=object))})),
    "structured-object-array": ("model.npy", npy(np.zeros(1, dtype=[("a", "<f8"), ("b", object)]))),
    "npy-with-a-tail": ("model.npy", npy(np.zeros(2)) + system()),
    "npy-header-is-code": ("model.npy", b"\x93NUMPY\x01\x00\x16\x00__import__('os').x()\n\n"),
    "skops-unlisted-type": ("model.skops", schema(__module__="os", __class__="system")),
    "skops-method": ("model.skops", schema(__loader__="MethodNode", content={"func": "fit", "obj": None})),
    "skops-operator": ("model.skops", schema(__module__="operator", __class__="methodcaller", __loader__="OperatorFuncNode")),
    "skops-old-protocol": ("model.skops", schema(protocol=0)),
    "skops-hidden-bit-generator": (
        "model.skops", schema(__module__="numpy.random._generator", __class__="Generator", __loader__="RandomGeneratorNode"),
    ),
    "skops-with-a-pickle": (
        "model.skops",
        zipped({"schema.json": b'{"protocol": 2, "__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}',
                "x.pkl": system()}),
    ),
    "unknown-extension": ("model.weights", system()),
    "text-that-is-a-pickle": ("notes.txt", system(0)),
    "json-that-is-a-pickle": ("model.json", system(0)),
    "readme-that-is-a-pickle": ("README", b"(S'id'\nios\nsystem\n."),
    "yaml-with-a-type": ("conf.yaml", b"a: !!python/object/apply:os.system [id]\n"),
    "yaml-with-an-alias": ("conf.yaml", b"a: &a [x]\nb: [*a, *a]\n"),
    "python": ("model.py", b"print(1)\n"),
    "library": ("model.bin", b"\x7fELF" + b"\0" * 60),
    "script": ("run", b"#!/bin/sh\nid\n"),
    "nul-bytes": ("model.bin", b"\0" * 100),
    "safetensors-gap": ("m.safetensors", struct.pack("<Q", 60) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}'.ljust(60) + b"ab"),
    "safetensors-long-header": ("m.safetensors", struct.pack("<Q", 1 << 40) + b"{}"),
    "safetensors-tail": ("m.safetensors", struct.pack("<Q", 2) + b"{}" + system()),
    "safetensors-same-name": ("m.safetensors", struct.pack("<Q", 30) + b'{"a":{},"a":{}}'.ljust(30)),
}  # fmt: skip


def failed(path: Path, *, declared: str = "sklearn-pickle") -> set[str]:
    report = scan(path, format=declared)
    assert report.verdict is Verdict.FAIL, report
    return {check.id for check in report.checks if check.verdict is Verdict.FAIL and check.id != "scan.format"}


@pytest.mark.parametrize("name", PICKLES)
def test_a_hostile_pickle_fails_for_the_right_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.pkl").write_bytes(PICKLES[name])
    found = failed(tmp_path / "model.pkl")
    assert (found == {"scan.pickle-unreadable"}) is (name in BROKEN), found


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_hostile_compressed_pickle_fails(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.joblib").write_bytes(COMPRESSED[name])
    assert failed(tmp_path / "model.joblib")


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_hostile_file_fails(tmp_path: Path, name: str) -> None:
    file, data = OTHERS[name]
    (tmp_path / file).write_bytes(data)
    assert failed(tmp_path / file)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_an_object_array_inside_joblib_is_followed(tmp_path: Path, compress: object) -> None:
    import joblib

    joblib.dump({"a": np.arange(9.0), "b": np.array([Evil()], dtype=object)}, tmp_path / "m.joblib", compress=compress)
    report = scan(tmp_path / "m.joblib", format="sklearn-pickle")
    assert any("builtins.eval" in check.message for check in report.checks), report


def test_the_message_names_the_global_and_the_byte(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(system())
    (check,) = scan(tmp_path / "model.pkl", format="sklearn-pickle").checks
    assert (check.id, check.subject, check.verdict) == ("scan.pickle-global", "model.pkl", Verdict.FAIL)
    assert check.message == "model.pkl names os.system, which is not on the list, at byte 14"
    (tmp_path / "model.joblib").write_bytes(gzip.compress(system()))
    (check,) = scan(tmp_path / "model.joblib", format="sklearn-pickle").checks
    assert check.message.endswith("at byte 14 (model.joblib!gzip)")


def test_a_bomb_is_not_expanded_beyond_the_bound(tmp_path: Path) -> None:
    limits = Limits(expanded=1 << 20)
    for method in (gzip.compress, zlib.compress, bz2.compress, lzma.compress):
        (tmp_path / "model.joblib").write_bytes(method(bytes(8 << 20)))
        (check,) = scan(tmp_path / "model.joblib", format="sklearn-pickle", limits=limits).checks[:1]
        assert "expands to more than" in check.message
    (tmp_path / "model.npz").write_bytes(zipped({"a.npy": bytes(8 << 20)}, method=zipfile.ZIP_DEFLATED))
    report = scan(tmp_path / "model.npz", format="sklearn-pickle", limits=limits)
    assert "expand to more than" in report.checks[0].message


def test_a_pickle_with_too_many_opcodes_fails(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + b"N0" * 5000 + b"N.")
    report = scan(tmp_path / "model.pkl", format="sklearn-pickle", limits=Limits(opcodes=1000))
    assert report.verdict is Verdict.FAIL
    assert scan(tmp_path / "model.pkl", format="sklearn-pickle").verdict is Verdict.PASS


def test_problems_of_one_file_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + b"cos\nsystem\n0" * 500 + b"N.")
    assert len(scan(tmp_path / "model.pkl", format="sklearn-pickle").checks) <= 20


def test_a_link_or_a_pipe_fails(tmp_path: Path) -> None:
    import os

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.pkl").symlink_to("/etc/hostname")
    assert scan(tmp_path / "a", format="sklearn-pickle").verdict is Verdict.FAIL
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "model.pkl")
    assert scan(tmp_path / "b", format="sklearn-pickle").verdict is Verdict.FAIL


def test_the_declared_format_must_be_there_and_be_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    assert scan(tmp_path, format="sklearn-pickle").verdict is Verdict.PASS
    for declared in (
        "skops",
        "onnx",
        "safetensors",
        "torch-state-dict",
        "torch-export",
        "xgboost-json",
        "lightgbm-text",
        "mlflow",
        "?",
    ):
        report = scan(tmp_path, format=declared)
        assert report.verdict is Verdict.FAIL
        assert {check.id for check in report.checks if check.verdict is Verdict.FAIL} == {"scan.format"}


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    tag = number << 3 | 2
    head = bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])
    return head + bytes([len(value)]) + value


@pytest.mark.parametrize(
    ("location", "verdict"),
    [("weights.bin", Verdict.PASS), ("../secret", Verdict.FAIL), ("/etc/passwd", Verdict.FAIL), ("gone", Verdict.FAIL)],
)
def test_onnx_may_keep_tensors_beside_it_only(tmp_path: Path, location: str, verdict: Verdict) -> None:
    pair = field(13, field(1, b"location") + field(2, location.encode()))
    (tmp_path / "model.onnx").write_bytes(field(1, 8) + field(7, field(5, pair + field(14, 1))))
    (tmp_path / "weights.bin").write_bytes(b"plain text as weights")
    assert scan(tmp_path, format="onnx").verdict is verdict


def test_onnx_operators_of_others_ask_a_person(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(field(7, field(1, field(7, b"com.example"))))
    assert scan(tmp_path, format="onnx").verdict is Verdict.INCONCLUSIVE
    (tmp_path / "model.onnx").write_bytes(b"\xff\xff\xff")
    assert scan(tmp_path, format="onnx").verdict is Verdict.FAIL
