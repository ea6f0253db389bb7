"""Reference profiles in a model repository: written from a data set, found beside the manifest, held against others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.evidence.windows import Window
from mlops_gitops.manifests.data_tests import DriftTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import blocks, wording
from mlops_gitops.testing.data import drift, importance, shards
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.designs import Design
from mlops_gitops.testing.data.files import DataFile, data_files
from mlops_gitops.testing.data.profile import Profile
from mlops_gitops.testing.data.reference import BINS, LARGEST, SUFFIX, Reference, read
from mlops_gitops.testing.data.relations import Relations, Rows
from mlops_gitops.testing.data.scans import EVERY, By, Scan, Wanted
from mlops_gitops.testing.data.spending import Count
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import shards as kernel


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the manifest wants compared, the reference to compare with, and the number of this look where one counts."""

    kind: drift.Kind
    tests: DriftTests
    reference: Reference
    look: int | None = None

    def concerns(self, file: DataFile) -> bool:
        """Whether this data set is held against the reference."""
        return file.dataset.name in self.tests.datasets

    def counted(self, files: Sequence[DataFile], count: Count) -> Comparison:
        """The same, as the look that these files are."""
        data = tuple(file.digest for file in files if self.concerns(file) and file.digest)
        if self.tests.looks is not None or not data:
            return self
        return replace(self, look=count(Window(self.kind.section, self.reference.digest, data)))

    def weighed(self, model: Model, *, folder: Path, root: Path, locate: Locate) -> tuple[Comparison, Iterator[Check]]:
        """The same with the weights of its columns, and what there is to say of those."""
        at = self.kind.at
        tests, told = importance.applied(self.tests, model, folder=folder, root=root, locate=locate, at=at)
        return replace(self, tests=tests), told

    def checks(
        self, model: Model, file: DataFile, scan: Scan, relations: Relations, *, locate: Locate
    ) -> Iterator[Check]:
        """The drift checks of one data set."""
        designs, assumed = resemblance(file, scan.profile, relations)
        yield from drift.checks(
            model,
            self.kind,
            self.tests,
            self.reference,
            dataset=file.dataset.name,
            profile=scan.profile,
            designs=designs,
            assumed=assumed,
            look=self.look,
            locate=locate,
        )


def found(
    model: Model, kind: drift.Kind, tests: DriftTests, *, folder: Path, root: Path, locate: Locate
) -> Comparison | Check:
    """The comparison that the manifest wants, or a check that says why there is none.

    Weights by importance are not read yet: see ``Comparison.weighed``.
    """
    write = drift.WRITE.format(model=model.name)
    try:
        reference = read(shards.content(f"{tests.of}{SUFFIX}", folder=folder, root=root, most=LARGEST))
        if reference.dataset != tests.of:
            raise ValueError(f"it is that of {reference.dataset!r}")  # noqa: TRY301 - one place says it
        return Comparison(kind, tests, reference)
    except FileNotFoundError:
        problem, fix = "it is not there", f"write it, and commit it: `{write}`"
    except (OSError, ValueError) as error:
        problem, fix = str(error), f"write it again: `{write}`"
    message = f"the reference {tests.of}{SUFFIX} cannot be used: {problem}"
    return Check("data.reference", tests.of, Verdict.FAIL, message, location=locate((*kind.at, "of")), fix=fix)


def outdated(comparison: Comparison, model: Model, files: Sequence[DataFile], *, locate: Locate) -> Iterator[Check]:
    """A reference that was made from other bytes than the data set has by now, by the manifest or else by its file."""
    of = comparison.tests.of
    dataset, file = model.dataset(of), next((one for one in files if one.dataset.name == of), None)
    now = (dataset.digest if dataset is not None else None) or (file.digest if file is not None else "")
    made_from = comparison.reference.digest
    if now and now != made_from:
        message = f"the reference {of}{SUFFIX} was made from the data {made_from[:12]}…; {of} is {now[:12]}… by now"
        fix = f"write it again, and commit it: `{drift.WRITE.format(model=model.name)}`"
        place = locate((*comparison.kind.at, "of"))
        limit = now
        yield Check(
            "data.reference", of, Verdict.FAIL, message, observed=made_from, limit=limit, location=place, fix=fix
        )


def wanted_by(model: Model, *, folder: Path, root: Path, locate: Locate) -> Iterator[Comparison | Check]:
    """Every comparison that the manifest wants, or a check that says why there is none."""
    for kind, tests in ((drift.DRIFT, model.tests.data.drift), (drift.SKEW, model.tests.data.skew)):
        if tests is not None:
            yield found(model, kind, tests, folder=folder, root=root, locate=locate)


def wished(model: Model) -> tuple[str, ...]:
    """The data sets of which the manifest wants references."""
    sections = (model.tests.data.drift, model.tests.data.skew)
    return tuple(dict.fromkeys(one.of for one in sections if one is not None))


def unwished() -> Refused:
    """What is said where a reference is asked for and the manifest wants none."""
    return Refused(
        "the manifest asks for no reference",
        hint="add `tests.data.drift` with `of`, the data set that others are held against, and `in`, the others",
        code="no-drift",
    )


def made(model: Model, of: str, *, folder: Path, root: Path) -> Reference:
    """The reference of a data set of the manifest.  Raises ``Refused``."""
    files = data_files(model, folder=folder, root=root, also={of})
    file = next((one for one in files if one.dataset.name == of), None)
    if file is None or file.source is None:
        problem = "it is no data set of the manifest" if file is None else file.problem
        raise Refused(f"{of} cannot be read: {problem}", hint="produce the file, or correct `of`", code="no-data")
    return _profiled(file, edges=engine.quantiles(file.source, bins=BINS))


def profiled(model: Model, *, folder: Path, root: Path) -> Iterator[Reference]:
    """The whole profile of every data set that is tested, on fixed edges.  Raises ``Refused``."""
    for file in data_files(model, folder=folder, root=root):
        if file.source is None:
            raise Refused(f"{file.dataset.name} cannot be read: {file.problem}", hint=file.hint, code="no-data")
        yield _profiled(file, edges={})


def _profiled(file: DataFile, *, edges: Mapping[str, tuple[float, ...]]) -> Reference:
    kinds = engine.columns(file.opened)
    watched = {name: (False, True) for name, kind in kinds.items() if kind == "boolean"}
    everything = frozenset({EVERY})
    wanted = Wanted(edges, watched, moments=everything, distinct=everything, digests=True)
    if file.opened.shards:
        profile = kernel.scanned(file.dataset.name, file.opened, wanted, kernel.here).profile
    else:
        profile = engine.scan(file.opened, wanted).profile
    designs, _ = resemblance(file, profile, Rows())
    about = {one.name: one.sketch.distinct for one in profile.columns if one.sketch is not None}
    plain = replace(profile, columns=tuple(replace(one, sketch=None) for one in profile.columns))
    return Reference(file.dataset.name, file.digest, plain, designs, about)


def parted(file: DataFile) -> By | None:
    """What parts the rows of a data set into blocks that are counted."""
    by = blocks.grouping(file.dataset)
    return None if by is None else By(by.column, days=by.kind == "days")


def resemblance(file: DataFile, profile: Profile, relations: Relations) -> tuple[Mapping[str, Design], str]:
    """The design effect of each column, and what its rows are taken as.

    A column with too few blocks gets so large an effect that its rows answer nothing.
    """
    grouping, by = blocks.grouping(file.dataset), parted(file)
    if grouping is None or by is None or file.source is None:
        return {}, wording.INDEPENDENT
    found = relations.blocks(file, by, profile)
    return found.designs(profile), grouping.words if found.counted else wording.INDEPENDENT
