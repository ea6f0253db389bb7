"""The data of a model counted on several machines: what one job writes, and what the last one reads.

Each job counts its share of the files of every data set that is tested, and leaves a folder; the job that merges tests
the model on what they say, without the data.  A data set that is missing there was not tested, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data import lateness, partials, personal, relations, row_rules, shards, times
from mlops_gitops.testing.data.columns import Locate, looked_at, wanted
from mlops_gitops.testing.data.files import TESTED, DataFile, data_files
from mlops_gitops.testing.data.merged import Counts, Merged, apart
from mlops_gitops.testing.data.references import Comparison, parted, wanted_by
from mlops_gitops.testing.data.scans import Group, Scan, Source, Wanted
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import shards as kernel

FILE = "partial.json"


@dataclass(frozen=True, slots=True)
class Counting:
    """How data sets are counted: where they lie, by ``schedule``, or as ``merged`` says, for those that it names."""

    schedule: kernel.Schedule | None = None
    merged: Mapping[str, Merged] | None = None

    def scan(self, file: DataFile, wanted: Wanted) -> Scan:
        """The scan of one data set.  Raises ``Refused``."""
        name = file.dataset.name
        if self.merged is not None:
            found = self.merged[name]
            if found.part.asked != partials.asked(wanted) or not partials.fits(found.part, wanted):
                raise apart(name)
            return partials.whole(found.part, kernel.distinct(found.part, wanted, found.files))
        if self.schedule is None or not file.opened.shards:
            return engine.scan(file.opened, wanted)
        return kernel.scanned(name, file.opened, replace(wanted, by=None), self.schedule)

    @property
    def relations(self) -> relations.Relations:
        """Who answers what no scan does."""
        return relations.Rows() if self.merged is None else Counts(self.merged)

    def files(self, model: Model, *, folder: Path, root: Path) -> list[DataFile]:
        """The data sets that are tested; where they were merged, as those that counted them found them."""
        also = model.tests.data.named
        if self.merged is None:
            return data_files(model, folder=folder, root=root, also=also)
        plain = data_files(model, folder=folder, root=root, also=also, hashed=False)
        return [self._told(file, self.merged) for file in plain]

    @staticmethod
    def _told(file: DataFile, merged: Mapping[str, Merged]) -> DataFile:
        dataset = file.dataset
        if dataset.name not in merged:
            return DataFile(
                dataset, file.index, None, "", "no job counted it", "count all shards, and merge all counts"
            )
        part = merged[dataset.name].part
        digest = shards.digest(dict(part.files.values()))
        return DataFile(dataset, file.index, Source(Path(dataset.uri), part.format), digest)


HERE = Counting()


def asked(model: Model, file: DataFile, comparisons: Collection[Comparison], now: datetime) -> Wanted:
    """What one pass over a data set has to count so that every demand can be judged."""
    tests = model.tests.data
    demands = wanted(tests)
    held = [one for one in comparisons if one.concerns(file)]
    for one in held:
        demands |= one.reference.wanted()
    asks = [times.wanted(tests.freshness, file, now)]
    if row_rules.ruled(model, file):
        asks.append(row_rules.wanted(tests.rules, file.dataset.name))
    if file.dataset.role in TESTED:
        asks += [personal.wanted()] if tests.pii is not None else []
        asks.append(lateness.wanted(model.tests.leakage.known_at or {}, file))
    demands = replace(demands, asks=tuple(ask for one in asks for ask in one.asks), by=parted(file) if held else None)
    return demands if held else replace(demands, only=looked_at(model))


def count(
    model: Model,
    *,
    folder: Path,
    root: Path,
    locate: Locate,
    share: tuple[int, int],
    target: Path,
    now: datetime,
    schedule: kernel.Schedule = kernel.here,
) -> list[Path]:
    """Count the files of one job, ``share`` being its number and how many jobs there are; the files written.

    Of every data set it looks at the columns of the first file.  Raises ``Refused`` where a data set or the reference
    is not there or cannot be read.
    """
    wished = wanted_by(model, folder=folder, root=root, locate=locate)
    comparisons = [one for one in wished if isinstance(one, Comparison)]
    also = model.tests.data.named
    written: list[Path] = []
    files = data_files(model, folder=folder, root=root, also=also, hashed=False)
    for file in files:
        if file.source is None:
            raise Refused(f"{file.dataset.name} cannot be read: {file.problem}", hint=file.hint, code="no-data")
    columns = {file.dataset.name: tuple(engine.columns(_first(file.opened))) for file in files}
    for file in files:
        demands = asked(model, file, comparisons, now)
        demands = replace(demands, groups=relations.groups(model, file, columns))
        mine = kernel.share(kernel.tasks(file.dataset.name, file.opened, demands), *share)
        if mine:
            place = target / file.dataset.name
            place.mkdir(parents=True, exist_ok=True)
            part = partials.merged(list(schedule(mine, place)))
            path = place / FILE
            path.write_bytes(part.encoded())
            written.append(path)
    return written


def _first(source: Source) -> Source:
    return Source(source.files[0], source.format)


def merged(folders: Sequence[Path]) -> dict[str, Merged]:
    """What the jobs left in ``folders``, merged for each data set.  Raises ``Refused``."""
    parts: dict[str, list[tuple[Path, partials.Partial]]] = {}
    for path in sorted(path for folder in folders for path in _files(folder)):
        part = partials.read(_content(path))
        parts.setdefault(part.dataset, []).append((path.parent, part))
    if not parts:
        raise Refused(
            "there is no partial profile to merge", hint="name the folders of all jobs", code="partial-profile"
        )
    return {name: _merged(several) for name, several in parts.items()}


def _merged(several: Sequence[tuple[Path, partials.Partial]]) -> Merged:
    files: dict[Group, list[Path]] = {}
    for folder, part in several:
        for group, names in part.groups.items():
            files.setdefault(group, []).extend(folder / name for name in names)
    return Merged(partials.complete(partials.merged([part for _, part in several])), files)


def _files(folder: Path) -> list[Path]:
    """Partials at most two folders deep: jobs have one each, and data sets one in it."""
    return [path for depth in ("", "*/", "*/*/") for path in folder.glob(depth + FILE)]


def _content(path: Path) -> bytes:
    try:
        return shards.content(path.name, folder=path.parent, root=path.parent, most=partials.LARGEST)
    except ValueError as reason:
        raise Refused(
            f"{path} cannot be used: {reason}", hint="count the shard again", code="partial-profile"
        ) from reason
    except OSError as error:
        raise WorldFailed(
            f"{path} cannot be read: {error.strerror or error}", hint="check the folder and the disk", code="disk"
        ) from error
