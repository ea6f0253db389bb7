"""A layer of a stranger is looked through in bounded memory and time: a bomb is refused, with what to do."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.image import bases, inventory, members
from servers import base_images, bombs

GIB = 1 << 30
PYTHON = "usr/bin/python3.11"
IN_LITTLE_MEMORY = f"""
import io, resource, sys, time
from mlops_gitops.errors import Refused
from mlops_gitops.packaging.image import bases
resource.setrlimit(resource.RLIMIT_AS, ({GIB}, {GIB}))
started = time.process_time()
try:
    bases.looked_through([io.BytesIO(sys.stdin.buffer.read())], of="x")
except Refused as refused:
    (peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(time.process_time() - started, int(peak) >> 10)
    print(refused.message, refused.hint, sep="; what to do: ")
"""


def looked(*layers: bytes) -> bases.Facts:
    return bases.looked_through([io.BytesIO(one) for one in layers], of="x")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.REGTYPE, "one of its layers inflates without end: "),
        (tarfile.XHDTYPE, "the headers of a file in it are larger than 1 MiB"),
        (tarfile.XGLTYPE, "the headers of a file in it are larger than 1 MiB"),
        (tarfile.GNUTYPE_LONGNAME, "the headers of a file in it are larger than 1 MiB"),
        (tarfile.GNUTYPE_LONGLINK, "the headers of a file in it are larger than 1 MiB"),
    ],
)
def test_a_bomb_is_refused_in_little_memory_and_time(kind: bytes, why: str) -> None:
    """Sixteen megabytes that come to sixteen gigabytes, in a process that may have one; a bound on processor time."""
    bomb = bombs.gzipped(bombs.header("big", 16 * GIB, kind), zeros=16 * GIB)
    assert len(bomb) < 20e6
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY], input=bomb, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    numbers, said = done.stdout.decode().splitlines()
    seconds, mebibytes = map(float, numbers.split())
    assert why in said
    assert "what to do: name another base under serving.image.base" in said
    assert (seconds < 60, mebibytes < 300) == (True, True), numbers


def test_a_file_of_zeros_that_is_not_large_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_FREE", 64 << 20)
    big, small = (bombs.gzipped(bombs.header("zeros", size), zeros=size) for size in (256 << 20, 32 << 20))
    with pytest.raises(Refused, match=r"inflates without end: [\d,]+ bytes have come to [\d,]+"):
        looked(big)
    with pytest.raises(Refused, match="was cut off"):
        looked(small)


def test_the_layers_of_an_image_have_one_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MOST_BYTES", 1 << 20)
    layer = base_images.tar({"a": bytes(600 << 10)})
    assert looked(layer) == bases.Facts()
    with pytest.raises(Refused, match="its layers hold more than 0 GiB"):
        looked(layer, layer)
    monkeypatch.setattr(members, "_MOST_FILES", 3)
    two = base_images.tar({"a": b"", "b": b""})
    with pytest.raises(Refused, match="more than 3 files"):
        looked(two, two)


@pytest.mark.parametrize("size", [8 << 60, 1 << 40, 4096])
def test_a_file_that_is_said_to_be_longer_than_the_layer_is_not_waited_for(size: int) -> None:
    with pytest.raises(Refused, match="one of its layers cannot be read"):
        looked(bombs.header("long", size) + bytes(1024))


def test_headers_of_headers_of_headers_are_refused() -> None:
    one = bombs.header("x", 512, tarfile.XHDTYPE) + b"11 path=abc\n".ljust(512, b"\0")
    with pytest.raises(Refused, match="one of its layers cannot be read"):
        looked(one * 900 + base_images.tar({"a": b""}))


def test_a_layer_of_many_parts_is_read_to_its_end() -> None:
    """As eStargz has it: one part for each file; a reader of the first alone would see no Python."""
    layer = bombs.parts(("etc/os-release", b"ID=debian\n"), (PYTHON, b""), ("a", bytes(9_000_000)), ("b", b""))
    facts = looked(layer)
    assert (facts.release, facts.pythons) == ({"ID": "debian"}, {"3.11": f"/{PYTHON}"})
    with pytest.raises(Refused, match=r"cannot be read: .*incorrect header check"):
        looked(layer[:-512] + b"something else")


def test_a_name_that_no_system_has_is_passed_over() -> None:
    assert looked(base_images.tar({f"{'x/' * 3000}{PYTHON}": b"", PYTHON: b""})).pythons == {"3.11": f"/{PYTHON}"}


def test_a_layer_in_zstd_says_what_to_do() -> None:
    with pytest.raises(Refused, match="is compressed with zstd") as caught:
        looked(b"\x28\xb5\x2f\xfd" + bytes(100))
    assert "skopeo copy --dest-compress-format gzip" in caught.value.hint


def test_what_layers_take_away_from_each_other_is_looked_up_and_not_compared_each_with_each() -> None:
    """Quadratic in two numbers that a stranger chooses, this would take hours."""
    site = "usr/lib/python3.11/site-packages"
    packages = {f"{site}/a{at}-1.dist-info/METADATA": b"" for at in range(40_000)}
    gone = {f"{site}/.wh.b{at}": b"" for at in range(40_000)} | {f"{site}/.wh.a7-1.dist-info": b""}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = looked(base_images.tar(packages), base_images.tar(gone))
    assert len(found.installed) == 39_999
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 60


def test_packages_without_end_are_given_up_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_MOST", 50)
    many = "".join(f"Package: p{at}\nVersion: 1\n\n" for at in range(60)).encode()
    for layer in ({"var/lib/dpkg/status": many}, {f"x/a{at}-1.dist-info/METADATA": b"" for at in range(60)}):
        found = looked(base_images.tar(layer))
        assert (found.installed, found.unread) == ((), ("/everything: it holds more than 50 packages",))


def test_the_bombs_are_what_they_say(tmp_path: Path) -> None:
    """gzip itself inflates one to its size; what is missing is the end alone."""
    packed = tmp_path / "bomb.gz"
    packed.write_bytes(bombs.gzipped(bombs.header("big", 64 << 20), zeros=64 << 20))
    done = subprocess.run(["gzip", "-dc", str(packed)], capture_output=True, check=False)
    assert len(done.stdout) == 512 + (64 << 20)
    assert b"unexpected end of file" in done.stderr
