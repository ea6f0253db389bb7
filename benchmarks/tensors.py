"""What it costs to compare and to hash large artifacts, as ratios within one run.

1. Two safetensors of 1 GiB that differ a little everywhere: every statistic of ``reproduction/numbers.py`` against
   reading both files and taking the largest difference with NumPy, piece by piece.  Goal: at least half of that rate,
   in at most 256 MiB, each measured in a process of its own.
2. Hashing: one file on one core against ``openssl dgst -sha256``, goal at least 0.9 of its rate; and many files.
3. diffoscope on a small pair of artifacts beside ours, where there is one (``--diffoscope PATH``).

    .venv/bin/python benchmarks/tensors.py [--mebibytes 1024] [--repeat 3] [--diffoscope PATH]

Runs alternate, and the best of each counts.  Files lie in a temporary folder and are read once before, so that no run
waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MEBIBYTE = 1 << 20
TENSOR = 16 * MEBIBYTE
PIECES = (32_768, 262_144, 1_048_576)


def write(path: Path, mebibytes: int, *, changed: bool) -> None:
    """A safetensors of float32 tensors; in the changed one every element is up to 3e-7 of itself away."""
    count = max(1, mebibytes * MEBIBYTE // TENSOR)
    elements = TENSOR // 4
    header = {
        f"layers.{index:04d}.weight": {
            "dtype": "F32",
            "shape": [elements // 1024, 1024],
            "data_offsets": [index * TENSOR, (index + 1) * TENSOR],
        }
        for index in range(count)
    }
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("wb") as out:
        out.write(len(raw).to_bytes(8, "little") + raw)
        for index in range(count):
            values = np.random.default_rng(index).standard_normal(elements, dtype=np.float32) * np.float32(0.02)
            if changed:
                noise = np.random.default_rng(1000 + index).random(elements, dtype=np.float32) - np.float32(0.5)
                values += values * noise * np.float32(6e-7)
            out.write(values.tobytes())


def ours(left: Path, right: Path) -> tuple[float, str]:
    from mlops_gitops.reproduction import numbers
    from mlops_gitops.reproduction.contents import files, safetensors

    assert files.read(left, left.name)[0] == safetensors.__name__.rpartition(".")[2]  # and all readers are imported
    start = time.perf_counter()
    rows = numbers.compare(left, right, names=["."], relative=None, absolute=None)
    taken = time.perf_counter() - start
    assert not any(row.problem for row in rows), rows[0]
    differing, count = sum(row.differing for row in rows), sum(row.count for row in rows)
    largest = max(row.absolute for row in rows)
    return taken, f"{differing} of {count} differ, at most {largest:.3g} and {max(row.ulp for row in rows)} ULP"


def plain(left: Path, right: Path, piece: int) -> tuple[float, str]:
    """Read both, subtract, take the absolute, take the maximum, into buffers that are used again."""
    start = time.perf_counter()
    largest = 0.0
    one, other, apart = (np.empty(piece, np.float32) for _ in range(3))
    with left.open("rb", buffering=0) as lefts, right.open("rb", buffering=0) as rights:
        for file in (lefts, rights):
            file.seek(8 + int.from_bytes(file.read(8), "little"))
        while got := lefts.readinto(one.data):
            assert rights.readinto(other.data) == got
            count = got // 4
            np.subtract(one[:count], other[:count], out=apart[:count])
            np.abs(apart[:count], out=apart[:count])
            largest = max(largest, float(apart[:count].max()))
    return time.perf_counter() - start, f"at most {largest:.3g}"


def child(name: str, *arguments: str) -> tuple[float, str, float]:
    """Run one of the two in a process of its own: seconds, what it found, and the most memory it had, in MiB."""
    command = [sys.executable, __file__, "--child", name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, found, memory = json.loads(done.stdout)
    return seconds, found, memory


def as_child(name: str, arguments: list[str]) -> None:
    left, right = Path(arguments[0]), Path(arguments[1])
    seconds, found = ours(left, right) if name == "ours" else plain(left, right, int(arguments[2]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, found, memory]))


def compare(folder: Path, mebibytes: int, repeat: int) -> None:
    left, right = folder / "left.safetensors", folder / "right.safetensors"
    write(left, mebibytes, changed=False)
    write(right, mebibytes, changed=True)
    mine: list[tuple[float, str, float]] = []
    theirs: list[tuple[float, str, float]] = []
    for _ in range(repeat):
        mine.append(child("ours", str(left), str(right)))
        theirs += [child("plain", str(left), str(right), str(piece)) for piece in PIECES]
    best, base = min(mine), min(theirs)
    memory = max(memory for _, _, memory in mine)
    size = left.stat().st_size / MEBIBYTE
    print(f"two safetensors of {size:.0f} MiB: {best[1]}")
    print(
        f"  ours   {2 * size / best[0]:6.0f} MiB/s of both files, {best[0]:.2f} s, {memory:.0f} MiB (goal: at most 256)"
    )
    print(f"  NumPy  {2 * size / base[0]:6.0f} MiB/s of both files, {base[0]:.2f} s, the best piece of {PIECES}")
    print(f"  {base[0] / best[0]:.2f} of the rate of NumPy's read and difference (goal: at least 0.5)")
    shutil.copyfile(left, right)
    same = min(child("ours", str(left), str(right)) for _ in range(repeat))
    print(f"  where nothing differs: {2 * size / same[0]:.0f} MiB/s")


def hashing(folder: Path, repeat: int) -> None:
    from mlops_gitops.packaging import digests

    path = folder / "left.safetensors"
    size = path.stat().st_size / MEBIBYTE
    mine, theirs = [], []
    for _ in range(repeat):
        start = time.perf_counter()
        digest = digests.of_file(path).digest
        mine.append(time.perf_counter() - start)
        start = time.perf_counter()
        done = subprocess.run(["openssl", "dgst", "-sha256", path], capture_output=True, text=True, check=True)
        theirs.append(time.perf_counter() - start)
        assert done.stdout.strip().endswith(digest)
    ratio = min(theirs) / min(mine)
    print(f"SHA-256 of one file: {size / min(mine):.0f} MiB/s, {ratio:.2f} of openssl dgst (goal: at least 0.9)")
    many = folder / "many"
    many.mkdir()
    with path.open("rb") as source:
        for index in range(16):
            (many / f"part-{index:02d}").write_bytes(source.read(path.stat().st_size // 16))
    alone, together = [], []
    for _ in range(repeat):
        for workers, times in ((1, alone), (4, together)):
            start = time.perf_counter()
            digests.of_artifact(many, workers=workers)
            times.append(time.perf_counter() - start)
    cores = len(os.sched_getaffinity(0))
    print(f"16 files in parallel: {min(alone) / min(together):.2f} times one at a time, on {cores} cores")
    shutil.rmtree(many)


def beside_diffoscope(folder: Path, tool: str | None) -> None:
    """The same small pair, a tensor of which has one element changed: who says so, and when."""
    pair = [folder / "small-left.safetensors", folder / "small-right.safetensors"]
    for path in pair:
        write(path, 16, changed=False)
    with pair[1].open("r+b") as out:
        out.seek(pair[1].stat().st_size // 2)
        byte = out.read(1)
        out.seek(-1, os.SEEK_CUR)
        out.write(bytes([byte[0] ^ 1]))
    seconds, found, _ = min(child("ours", str(pair[0]), str(pair[1])) for _ in range(3))
    print(f"a pair of 16 MiB, one element one unit apart: ours {seconds:.2f} s ({found})")
    found_tool = tool or shutil.which("diffoscope")
    if found_tool is None:
        print("diffoscope: not installed here; give its path with --diffoscope")
        return
    start = time.perf_counter()
    command = [found_tool, "--text", "-", *map(str, pair)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    assert done.returncode == 1, done.stderr[-2000:]
    print(
        f"diffoscope: {taken:.2f} s, {taken / seconds:.0f} times as long, {len(done.stdout.splitlines())} lines of text"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--diffoscope")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        as_child(arguments.child[0], arguments.child[1:])
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compare(folder, arguments.mebibytes, arguments.repeat)
        hashing(folder, arguments.repeat)
        beside_diffoscope(folder, arguments.diffoscope)


if __name__ == "__main__":
    main()
