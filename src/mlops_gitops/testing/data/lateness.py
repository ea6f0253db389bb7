"""Whether each feature is known in time: counted in the same pass as everything else, and judged (``leakage``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing.data import leakage
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.relations import Relations
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.data.times import is_time
from mlops_gitops.testing.engines.connections import quoted


@dataclass(frozen=True, slots=True)
class Known:
    """The rows that have a value of ``feature``, those that got it too late, and those that do not say when."""

    feature: str
    column: str
    moment: str

    def __call__(self, stored: Mapping[str, str], /) -> Mapping[str, str]:
        """None where a column is missing or one of the two is no time; the check says so."""
        if self.feature not in stored or not all(is_time(stored.get(one, "")) for one in (self.column, self.moment)):
            return {}
        value, known, moment = (quoted(one) for one in (self.feature, self.column, self.moment))
        told = " AND ".join(f"coalesce(isfinite({one}) AND {_time(one)} IS NOT NULL, false)" for one in (known, moment))
        rows, late, unknown = self.names
        return {
            rows: f"{value} IS NOT NULL",
            late: f"{value} IS NOT NULL AND {told} AND {_time(known)} > {_time(moment)}",
            unknown: f"{value} IS NOT NULL AND NOT ({told})",
        }

    @property
    def names(self) -> tuple[str, str, str]:
        """What the three counts are called."""
        rows, late, unknown = (f"known {word} {self.feature} {self.column}" for word in ("rows", "late", "unknown"))
        return rows, late, unknown

    @property
    def told(self) -> JSON:
        """The three columns."""
        return ["known", self.feature, self.column, self.moment]


def _time(column: str) -> str:
    """The time in microseconds; null where they do not reach so far as the days and seconds of the column do."""
    return f"TRY_CAST({column} AS TIMESTAMP)"


def wanted(known_at: Mapping[str, str], file: DataFile) -> Wanted:
    """What to count in one data set, which names the column with the time of the prediction."""
    moment = file.dataset.time_column
    if moment is None:
        return Wanted()
    return Wanted(asks=tuple(Known(feature, column, moment) for feature, column in known_at.items()))


def checks(
    feature: str,
    column: str,
    files: Sequence[DataFile],
    scans: Mapping[str, Scan],
    relations: Relations,
    *,
    place: Location,
) -> Iterator[Check]:
    """Whether ``column`` says that the feature was known before the prediction, in each data set that tells times."""
    timed = [(file, file.dataset.time_column) for file in files if file.dataset.time_column is not None]
    if not timed:
        message = f"when {feature} becomes known cannot be checked: no readable data set names a `timeColumn`"
        fix = "name the column with the time of the prediction: `timeColumn` of the data set"
        yield Check("leakage.known-at", feature, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for file, moment in timed:
        name, asked = file.dataset.name, Known(feature, column, moment)
        counts = scans[name].counts
        if not set(asked.names) <= counts.keys():
            present = relations.columns(file)
            absent = [one for one in (feature, column, moment) if one not in present]
            why = f"{', '.join(absent)} is not in {name}" if absent else f"{column} or {moment} is no time"
            message, fix = f"when {feature} becomes known cannot be checked: {why}", "add the column, as a time"
            yield Check("leakage.known-at", feature, Verdict.FAIL, message, location=place, fix=fix)
            continue
        found = leakage.Lateness(*(counts[one] for one in asked.names))
        yield leakage.lateness(feature, column, found, dataset=name, place=place)
