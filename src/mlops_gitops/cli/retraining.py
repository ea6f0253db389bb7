"""A model on the way to being made again: what is the record, what is promised, and every training that it takes.

The order is the safety: the record is scanned before it is asked anything, a new artifact likewise, and no model is
loaded in this process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import MANIFEST, artifact_path, fetched, read_manifest
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.release import Release
from mlops_gitops.packaging import digests, provenance
from mlops_gitops.packaging.scan import scan
from mlops_gitops.records import record
from mlops_gitops.reproduction import comparison, seeds
from mlops_gitops.reproduction.comparison import Made, Probe, made_by
from mlops_gitops.reproduction.levels import Agreement, Level
from mlops_gitops.reproduction.reproductions import Explanation, Reproduction, Side
from mlops_gitops.reproduction.trainings import Conditions, Order, Problem, Run, Trainer, Trouble

if TYPE_CHECKING:
    from mlops_gitops.testing.models.predictions import Failed, Predictions

DAY = 86_400.0
"""A training without a time limit of its own is stopped after so many seconds."""


@record
class Wanted:
    """What was asked for on the command line."""

    twice: bool = False
    explain: bool = False
    deterministic: bool = False
    allow_dirty: bool = False


@record
class Subject:
    """A model, where it lies, the revision that is trained (``None``: the files as they are), and the record."""

    model: Model
    document: Document
    manifest: bytes
    folder: Path
    root: Path
    at: provenance.Checkout
    revision: str | None
    record: Made | None
    released: Release | None


def open_subject(name: str, world: World, *, wanted: Wanted, release: Release | None) -> Subject:
    """Read ``models/<name>`` and find its record: the artifact of ``release``, else what lies at ``artifact.path``.

    Raises ``Misused`` where there is no such model, ``Refused`` where the work tree holds more than the commit, or is
    not what was released.
    """
    folder, manifest, document, model = read_manifest(name, world)
    produced = [model.artifact.path, *model.training.outputs]
    produced += [one.uri for one in model.data if "://" not in one.uri]
    at = provenance.checkout(folder, environ=world.environ, repository=model.repository, produced=produced)
    if release is not None:
        _refuse_unless_released(release, manifest, name)
    elif at.source.dirty and not wanted.allow_dirty:
        raise Refused(
            f"the work tree holds changes that are in no commit ({', '.join(at.changed[:3])}), and a commit is trained",
            hint="commit them, or give --allow-dirty to train the files as they are",
            code="dirty",
        )
    revision = release.source.revision if release is not None else None if at.source.dirty else at.source.revision
    record = None
    if release is not None:
        record = _made(fetched(release, world, folder=folder), model, folder)
    elif not wanted.twice:
        record = _made(artifact_path(model, folder), model, folder)
    return Subject(model, document, manifest, folder, at.root, at, revision, record, release)


def reproduce(subject: Subject, trainer: Trainer, world: World, *, wanted: Wanted, python: Path | None) -> Reproduction:
    """Train, compare, and explain where that was asked for."""
    model = subject.model
    base = Conditions(deterministic=wanted.deterministic)
    first = trainer.train(Order("first", base, traced=wanted.explain))
    runs = [first]
    if wanted.twice and first.usable:
        runs.append(trainer.train(Order("second", base, traced=wanted.explain)))
    left = _side_of(first) if wanted.twice else Side("record", subject.record.files.digest if subject.record else None)
    right = _side_of(runs[-1])
    found = Reproduction(
        model=model.name,
        version=model.version,
        revision=subject.revision or subject.at.source.revision,
        mode="twice" if wanted.twice else "record",
        demanded=Level(model.reproducibility.level),
        left=left,
        right=right,
        agreement=None,
        problems=tuple(dict.fromkeys(problem for run in runs for problem in run.problems)),
        release=subject.released.id if subject.released else None,
    )
    if not all(run.usable for run in runs):
        return found
    asked = _Asked(subject, world, python)
    made = made_by(runs[-1], model)
    reference = made_by(first, model) if wanted.twice else subject.record
    if reference is None:
        return found
    agreement = comparison.agree(reference, made, promised=model.reproducibility, probe=asked.probe())
    if found.demanded is Level.STATISTICAL and agreement.level is None:
        agreement = seeds.over_seeds(
            agreement,
            reference,
            promised=model.reproducibility,
            probe=asked.probe(),
            trainer=trainer,
            made=lambda run: made_by(run, model),
            metrics=asked.metrics,
            base=base,
        )
    from mlops_gitops.reproduction import soundness

    unsound = soundness.problems(made, format=model.artifact.format)
    problems = found.problems + (unsound or _not_numbers(asked, made))
    explanation = _explained(subject, trainer, runs, world, base=base, asked=asked) if wanted.explain else None
    return replace(found, agreement=agreement, problems=problems, explanation=explanation)


class _Asked:
    """Asks models about the probe; each once, whatever it is compared with."""

    def __init__(self, subject: Subject, world: World, python: Path | None) -> None:
        self.subject = subject
        self.world = world
        self.python = python
        self.dataset: str | None = None
        self.known: dict[str, Predictions | Failed] = {}

    def probe(self) -> Probe | str:
        """The probe, or why there is none."""
        from mlops_gitops.reproduction import probes

        model = self.subject.model
        chosen = probes.choose(model)
        if chosen is None:
            return "the manifest names no data set to ask about: add reproducibility.probe"
        self.dataset = chosen.name
        tolerance = model.reproducibility.absolute if model.reproducibility.absolute is not None else 1e-6
        return Probe(chosen.name, model.task, self.ask, tolerance)

    def ask(self, models: Sequence[Made]) -> list[Predictions | Failed]:
        """What each says."""
        for one in models:
            if one.files.digest not in self.known:
                self.known[one.files.digest] = self._ask(one)
        return [self.known[one.files.digest] for one in models]

    def metrics(self, answer: Predictions) -> Mapping[str, float]:
        """The metrics of an answer for which the manifest states a margin."""
        from mlops_gitops.testing import suite

        of, names = self.subject, [name for name, _ in self.subject.model.reproducibility.margins]
        return suite.measured(of.model, self.dataset or "", answer, names, folder=of.folder, root=of.root)

    def _ask(self, made: Made) -> Predictions | Failed:
        from mlops_gitops.adapters import predictions
        from mlops_gitops.reproduction import probes
        from mlops_gitops.testing import suite
        from mlops_gitops.testing.models.predictions import Artifact, Failed

        model, folder = self.subject.model, self.subject.folder
        if made.predictions is not None:
            try:
                return probes.of_file(made.predictions)
            except (ValueError, OSError) as error:
                return Failed(f"the predictions that training wrote cannot be read: {error}")
        scanned = scan(made.path, format=model.artifact.format, artifact=made.files)
        if scanned.verdict is not Verdict.PASS:
            return Failed(f"the artifact does not pass the scan, so it was not run: {scanned.summary}")
        artifact = Artifact(made.path, model.artifact.format, made.files.digest)
        job = suite.job_on(model, self.dataset or "", artifact, folder=folder, root=self.subject.root)
        if isinstance(job, str):
            return Failed(job)
        cache = session.cache(self.world) / "predictions"
        return predictions.predictor(environ=self.world.environ, cache=cache, python=self.python)([job])[0]


def _not_numbers(asked: _Asked, made: Made) -> tuple[Problem, ...]:
    """A model that was asked and answered with something that is no number."""
    import numpy as np

    from mlops_gitops.testing.models.predictions import Failed

    answer = asked.known.get(made.files.digest)
    if answer is None or isinstance(answer, Failed):
        return ()
    count = int((~np.isfinite(answer.values)).reshape(len(answer.values), -1).any(axis=1).sum())
    if not count:
        return ()
    message = f"the new model answers {count:,} of {len(answer.values):,} rows with NaN or infinity"
    return (Problem(Trouble.NOT_A_NUMBER, message, "look for a loss that became NaN, and for missing values"),)


def _explained(
    subject: Subject, trainer: Trainer, runs: Sequence[Run], world: World, *, base: Conditions, asked: _Asked
) -> Explanation:
    from mlops_gitops.adapters import trainings
    from mlops_gitops.reproduction import explanation, source

    model = subject.model
    deep = Level(model.reproducibility.level).rank > Level.CANONICAL.rank
    probe = asked.probe() if deep else "not asked"

    def compare(left: Run, right: Run) -> Agreement:
        made = (made_by(left, model), made_by(right, model))
        return comparison.agree(*made, promised=model.reproducibility, probe=probe, deep=deep)

    return explanation.explain(
        trainer,
        compare=compare,
        demanded=Level(model.reproducibility.level),
        suspects=source.suspects(_code(subject)),
        first=runs[0],
        second=runs[-1],
        can=trainings.supported(world.environ, trainer),
        progress=world.progress,
        declared=tuple(model.training.environment),
        base=base,
    )


_MOST_CODE = 400
_LONGEST_CODE = 1_000_000


def _code(subject: Subject) -> dict[str, str]:
    """The Python files beside the manifest and in the repository's ``src``, by path from the root."""
    found: dict[str, str] = {}
    for top in (subject.folder, subject.root / "src"):
        for path in sorted(top.rglob("*.py")) if top.is_dir() else ():
            inside = path.is_file() and not path.is_symlink() and path.stat().st_size <= _LONGEST_CODE
            if inside and len(found) < _MOST_CODE:
                name = path.relative_to(subject.root).as_posix()
                found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def _made(path: Path, model: Model, folder: Path) -> Made:
    predictions = model.reproducibility.predictions
    written = folder / predictions if predictions and (folder / predictions).is_file() else None
    return Made(path, digests.of_artifact(path), written)


def _side_of(run: Run) -> Side:
    return Side(run.name, run.digest, run.facts, run)


def _refuse_unless_released(release: Release, manifest: bytes, name: str) -> None:
    from mlops_gitops.canonical import sha256

    if sha256(manifest) != release.manifest:
        raise Refused(
            f"models/{name}/{MANIFEST} is not the manifest of release {release.id[:12]}",
            hint=f"check out the commit that was released: `git checkout {release.source.revision}`",
            code="manifest-differs",
        )
