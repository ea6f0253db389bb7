from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.packaging import digests
from mlops_gitops.testing.data import partials, shards
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted, source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import shards as kernel
from mlops_gitops.testing.engines.connections import Limits, within

EVERYTHING = frozenset({EVERY})
WANTED = Wanted(
    {"x": (-1.0, 0.0, 1.0)},
    {"c": ("a",)},
    keys=(("id",), ("c", "b")),
    distinct_rows=True,
    moments=EVERYTHING,
    distinct=EVERYTHING,
    digests=True,
)
ROWS = 3000


def table() -> pa.Table:
    chance = np.random.default_rng(5)
    values = chance.standard_normal(ROWS) * 10.0 ** chance.integers(-30, 30, ROWS)
    values[::50] = np.nan
    return pa.table(
        {
            "id": np.arange(ROWS) % 2900,
            "x": values,
            "c": [None if i % 7 == 0 else f"v{i % 300}" for i in range(ROWS)],
            "b": pa.array(np.arange(ROWS) % 3 == 0),
            "t": pa.array(np.arange(ROWS) * 10**9, pa.timestamp("us", "UTC")),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows whole and in five shards of different size."""
    found = tmp_path_factory.mktemp("shards")
    (found / "parts").mkdir()
    pq.write_table(table(), found / "whole.parquet")
    cuts = [0, 10, 700, 1500, 1500, ROWS]
    for at, (low, high) in enumerate(pairwise(cuts)):
        pq.write_table(table().slice(low, high - low), found / "parts" / f"{at}.parquet")
    (found / "parts" / "_SUCCESS").touch()
    return found


def located(folder: Path, uri: str = "parts") -> Source:
    return shards.located(uri, folder=folder, root=folder, media_type=None)


def test_the_digest_is_the_same_on_one_process_several_and_jobs_that_merge(folder: Path, tmp_path: Path) -> None:
    whole = engine.scan(source(folder / "whole.parquet"), WANTED)
    assert engine.scan(located(folder), WANTED).profile.digest() == whole.profile.digest()
    parts = located(folder)
    for schedule in (kernel.here, kernel.Processes(2)):
        found = kernel.scanned("train", parts, WANTED, schedule)
        assert found.profile.digest() == whole.profile.digest()
        assert found.distinct == whole.distinct == {("id",): 2900, ("c", "b"): 302, (): ROWS}
    left = []
    for number in (3, 1, 2):
        mine = kernel.share(kernel.tasks("train", parts, WANTED), number, 3)
        part = partials.merged(list(kernel.here(mine, tmp_path)))
        left.append(partials.read(part.encoded()))
        assert left[-1] == part
    assert partials.whole(partials.merged(left), {}).profile.digest() == whole.profile.digest()


def test_the_jobs_share_all_files_and_each_file_once(folder: Path) -> None:
    tasks = kernel.tasks("train", located(folder), WANTED)
    for jobs in range(1, 9):
        shared = [task.shard for job in range(1, jobs + 1) for task in kernel.share(tasks, job, jobs)]
        assert shared == list(range(len(tasks)))


def test_what_does_not_belong_together_is_not_merged(folder: Path, tmp_path: Path) -> None:
    one, two, *_ = kernel.here(kernel.tasks("train", located(folder), WANTED), tmp_path)
    other = replace(two, asked=partials.asked(replace(WANTED, digests=False)))
    for parts, reason in (([one, one], "twice"), ([one, other], "same tests")):
        with pytest.raises(Refused, match=reason):
            partials.merged(parts)
    with pytest.raises(Refused, match="shard 3 of 6 of train was not counted"):
        partials.whole(partials.merged([one, two]), {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"rows":10', '"rows":11.5'),
        ('"kind":"PartialProfile"', '"kind":"Profile"'),
        ('"shard":0', '"shard":-1'),
        ('.parquet"]', '/../../x.parquet"]'),
        ('"sum":"', '"sum":"0'),
        ("{", "{" * 5000),
        ("{", '{"unknown":1,'),
        ('"nulls":', '"nulls":9'),
        ('"counts":[', '"counts":[1,'),
        ('"edges":[', '"edges":[1e300,'),
    ],
)
def test_a_partial_that_was_tampered_with_is_refused_in_words(folder: Path, tmp_path: Path, old: str, new: str) -> None:
    text = next(iter(kernel.here(kernel.tasks("train", located(folder), WANTED), tmp_path))).encoded().decode()
    assert old in text
    with pytest.raises(Refused, match="a partial profile cannot be used"):
        partials.read(text.replace(old, new, 1).encode())


def test_a_data_set_of_files_has_the_digest_of_its_folder(folder: Path) -> None:
    assert shards.digest_of(located(folder)) == digests.of_artifact(folder / "parts").digest
    alone = hashlib.sha256((folder / "whole.parquet").read_bytes()).hexdigest()
    assert shards.digest_of(located(folder, "whole.parquet")) == alone
    chosen = located(folder, "parts/*.parquet")
    assert [path.name for path in chosen.files] == [f"{at}.parquet" for at in range(5)]
    assert chosen.aside == ()


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("../elsewhere", "leads out"),
        ("/etc", "leads out"),
        ("parts/[ab]*.parquet", "another wildcard"),
        ("*/x*.parquet", "another wildcard"),
        ("parts/none*.parquet", "no file"),
        ("nowhere/*.parquet", "no folder"),
        ("links", "link"),
        ("mixed", "2 formats"),
        ("hollow", "no file"),
    ],
)
def test_what_is_no_data_set_is_said_to_be_none(folder: Path, uri: str, reason: str) -> None:
    for name in ("links", "mixed", "hollow"):
        (folder / name).mkdir(exist_ok=True)
    if not (folder / "links" / "a.parquet").is_symlink():
        (folder / "links" / "a.parquet").symlink_to("/etc/passwd")
    for name in ("a.csv", "b.parquet"):
        (folder / "mixed" / name).touch()
    with pytest.raises(ValueError, match=reason):
        located(folder, uri)


def test_shards_of_different_columns_are_refused(tmp_path: Path) -> None:
    for at, values in enumerate(([1, 2], [1.5])):
        pq.write_table(pa.table({"n": values}), tmp_path / f"{at}.parquet")
    with pytest.raises(Refused, match=r"1.parquet has not the columns and types of 0.parquet"):
        engine.scan(located(tmp_path, "*.parquet"), Wanted())
    with pytest.raises(Refused, match="same columns"):
        kernel.scanned("d", located(tmp_path, "*.parquet"), Wanted(), kernel.here)


BOUNDED = """
import sys
from pathlib import Path
from mlops_gitops.testing.data.scans import Wanted, source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines.connections import Limits, within
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
before = peak()
with within(Limits(memory=int(sys.argv[2]), threads=1)):
    found = engine.scan(source(Path(sys.argv[1])), Wanted(keys=(("k",),), distinct_rows=True))
print(found.distinct[("k",)], found.profile.column("k").others, (peak() - before) * 1024)
"""


def counted_within(path: Path, memory: int) -> tuple[int, int, int]:
    """Distinct keys, others, and bytes by which a process grew that counted them."""
    words = [sys.executable, "-c", BOUNDED, str(path), str(memory)]
    distinct, others, grown = map(int, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    return distinct, others, grown


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text key of 600,000 values: some 60 MB of groups, several times over."""
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    query = "SELECT repeat(md5(i::VARCHAR), 3) AS k, i FROM range(600000) t(i)"
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)")
    return path


def test_what_does_not_fit_into_memory_is_spilled_and_stays_within_the_bound(large: Path) -> None:
    bound = 64 * 2**20
    *_, free = counted_within(large, 4 * 2**30)
    distinct, others, grown = counted_within(large, bound)
    assert distinct == 600_000
    assert others == 600_000 - 128
    assert free > 2 * bound
    assert grown < bound + 64 * 2**20


def test_a_full_disk_is_said_in_words(large: Path) -> None:
    wanted = Wanted(keys=(("k",),), distinct_rows=True)
    with within(Limits(memory=64 * 2**20, disk=2**20, threads=1)), pytest.raises(WorldFailed) as caught:
        engine.scan(source(large), wanted)
    assert caught.value.code == "data-limits"
    assert "--memory" in caught.value.hint
    assert "Traceback" not in json.dumps(caught.value.message)


def test_counts_on_other_edges_than_are_wanted_do_not_fit(folder: Path, tmp_path: Path) -> None:
    """What a partial says that it was asked is what it says, and no more."""
    part = next(iter(kernel.here(kernel.tasks("train", located(folder), WANTED), tmp_path)))
    assert partials.fits(part, WANTED)
    name = next(one.name for one in part.profile.columns if one.histogram is not None)
    assert not partials.fits(part, replace(WANTED, edges={**WANTED.edges, name: (0.25, 0.75)}))
