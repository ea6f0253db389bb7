"""How ``test data`` counts: in one process or several, on Spark, as one job of several, or from what those left."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import results
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused

if TYPE_CHECKING:
    from mlops_gitops.manifests.documents import Document
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.data.scans import Source
    from mlops_gitops.testing.engines.shards import Schedule
    from mlops_gitops.testing.sharding import Counting

_SHARE = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``test data`` about how and where data are counted."""
    group = parser.add_argument_group("with data, for data of many files")
    group.add_argument("--profile", action="store_true", help="print all that is counted, and test nothing")
    group.add_argument("--processes", metavar="N", type=int, help="count files in so many processes at once")
    group.add_argument("--spark", metavar="MASTER", help="count files on Spark, such as local[4] or spark://host:7077")
    group.add_argument("--shard", metavar="I/N", help="count the files of job I of N, and test nothing")
    group.add_argument("--partial", metavar="FOLDER", help="with --shard: the folder for the counts")
    group.add_argument(
        "--merge", metavar="FOLDER", action="append", default=[], help="test what the jobs counted, without the data"
    )
    group.add_argument("--memory", metavar="SIZE", help="memory for counting, such as 4Gi; beyond it, disk is used")


def check(arguments: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Raises ``Misused`` for options that do not go together."""
    told = {
        name
        for name in ("profile", "processes", "spark", "shard", "partial", "merge", "memory")
        if getattr(arguments, name)
    }
    if told and list(kinds) != ["data"]:
        raise _misused(f"--{min(told)} goes with `test data`")
    if (arguments.shard is None) != (arguments.partial is None):
        raise _misused("--shard and --partial go together")
    modes = sorted(told & {"profile", "shard", "merge"})
    if len(modes) > 1:
        raise _misused(f"--{modes[0]} and --{modes[1]} exclude each other")
    if arguments.processes and arguments.spark:
        raise _misused("--processes and --spark exclude each other")
    if arguments.processes is not None and not 1 <= arguments.processes <= 4 * (os.cpu_count() or 1):
        raise _misused("--processes takes a number from 1 to four for each core")
    if arguments.shard is not None:
        share(arguments)


def _misused(message: str) -> Misused:
    return Misused(message, hint="`mlops-gitops test --help` shows which go together", code="test-options")


def share(arguments: argparse.Namespace) -> tuple[int, int]:
    """The number of this job and how many there are.  Raises ``Misused``."""
    found = _SHARE.fullmatch(arguments.shard)
    if found is None or int(found[1]) > int(found[2]):
        raise _misused(f"--shard takes I/N, such as 1/4, and not {arguments.shard!r}")
    return int(found[1]), int(found[2])


@contextlib.contextmanager
def reached(world: World) -> Iterator[None]:
    """Data sets of ``s3://`` are fetched inside, into a folder that goes away."""
    from mlops_gitops.testing.data.remote import fetched_by

    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as name:

        @functools.cache
        def fetch(uri: str, *, media_type: str | None) -> Source:
            from mlops_gitops.adapters.s3 import Store

            world.progress(f"fetching {uri}")
            return Store.of_environment(world.environ, Path(name))(uri, media_type=media_type)

        with fetched_by(fetch):
            yield


@contextlib.contextmanager
def limited(arguments: argparse.Namespace) -> Iterator[None]:
    """Counting inside keeps to ``--memory``.  Raises ``Misused``."""
    if arguments.memory is None:
        yield
        return
    from mlops_gitops.manifests.quantities import quantity_bytes
    from mlops_gitops.testing.engines.connections import Limits, within

    try:
        memory = int(quantity_bytes(arguments.memory))
    except (ValueError, KeyError, TypeError):
        memory = 0
    if memory < 64 * 2**20:
        raise _misused(f"--memory takes at least 64Mi, such as 4Gi, and not {arguments.memory!r}")
    with within(Limits(memory=memory)):
        yield


def counting(arguments: argparse.Namespace, world: World) -> Counting:
    """How data sets are to be counted.  Raises ``Refused`` where partial profiles cannot be merged."""
    from mlops_gitops.testing import sharding

    if arguments.merge:
        return sharding.Counting(merged=sharding.merged([world.cwd / one for one in arguments.merge]))
    return sharding.Counting(schedule(arguments))


def schedule(arguments: argparse.Namespace) -> Schedule | None:
    """Who counts the files; nobody in particular unless the command says."""
    if arguments.spark:
        from mlops_gitops.adapters.spark import Cluster

        return Cluster(arguments.spark)
    if arguments.processes:
        from mlops_gitops.testing.engines.shards import Processes

        return Processes(arguments.processes)
    return None


def write_partials(models: Sequence[tuple[Path, Model, Document]], arguments: argparse.Namespace, world: World) -> int:
    """Count the share of this job; 0."""
    from mlops_gitops.testing import sharding
    from mlops_gitops.testing.engines.shards import here

    target = world.cwd / arguments.partial
    written: list[str] = []
    for folder, model, document in models:
        world.progress(f"{model.name}: counting job {arguments.shard}")
        found = sharding.count(
            model,
            folder=folder,
            root=folder.parent.parent,
            locate=document.location,
            share=share(arguments),
            target=target / folder.name if len(models) > 1 else target,
            now=world.now(),
            schedule=schedule(arguments) or here,
        )
        written += [os.path.relpath(path, world.cwd) for path in found]
    if arguments.format == "json":
        world.print(results.answer(written=written))
    else:
        world.print("\n".join(f"wrote {one}" for one in written) or "there is no file for this job")
    return 0


def print_profiles(models: Sequence[tuple[Path, Model, Document]], arguments: argparse.Namespace, world: World) -> int:
    """Print the profile of every data set; 0."""
    from mlops_gitops.testing.data import references

    found = [
        one
        for folder, model, _ in models
        for one in references.profiled(model, folder=folder, root=folder.parent.parent)
    ]
    if arguments.format == "json":
        world.print(results.answer(profiles=[json.loads(one.text()) for one in found]))
    else:
        world.print("".join(one.text() for one in found).rstrip())
    return 0
