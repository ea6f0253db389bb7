"""Train a model again: in a clean checkout, with locked packages, declared variables, and as little else as possible.

Each run has a folder of its own below ``scratch``: the checkout, a home, a folder for temporary files, the trace of the
shim, and the log.  Whatever a training does ends as a ``Problem`` of its ``Run``: this module raises only for what the
machine, and not the training, got wrong.  It never touches the repository, the caches or the inputs; the tests compare
them before and after.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mlops_gitops.adapters import (
    confinement,
    training_checkouts,
    training_environments,
    training_facts,
    training_inputs,
    training_outcomes,
    training_processes,
    training_traces,
    training_variables,
)
from mlops_gitops.adapters.confinement import Confinement, Plain, Rooms, Task
from mlops_gitops.adapters.training_environments import Environment
from mlops_gitops.adapters.training_inputs import Input
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.reproduction.trainings import Order, Problem, Run, Trainer
from mlops_gitops.times import format_instant

SHIM = Path(__file__).parent / "training_shim"
"""The folder that the training's Python finds first: it watches, traces, and seeds."""


@dataclass(frozen=True, slots=True)
class LocalTrainer:
    """Trains on this machine.  ``standing`` are problems of every run, such as packages off the lock."""

    model: Model
    folder: Path
    root: Path
    revision: str | None
    scratch: Path
    environ: Mapping[str, str]
    environment: Environment
    confinement: Confinement
    inputs: tuple[Input, ...]
    standing: tuple[Problem, ...]
    seconds: float
    progress: Callable[[str], None]

    def train(self, order: Order, /) -> Run:
        """Run it to its end or its time limit."""
        began = time.monotonic()
        self.progress(f"{self.model.name}: training ({order.name})")
        log = self.scratch / order.name / "log"
        try:
            task = self._prepared(order)
            started, before = datetime.now(UTC), time.monotonic()
            code = self._run(task, log)
            seconds = time.monotonic() - before
            finished = datetime.now(UTC)
        except OSError as error:
            raise WorldFailed(
                f"{self.scratch} cannot be written: {error.strerror}",
                hint="free some space, or name another folder with --report or MG_CACHE",
                code="scratch",
            ) from error
        training_outcomes.check_confined(self.confinement, code, log)
        trace = training_traces.read(task.rooms.trace, root=str(task.places.work), checkout=task.rooms.work)
        bound = self.confinement.binds
        problems = [*training_outcomes.ending(code, log, seconds=self.seconds), *trace.problems]
        problems += training_inputs.changed(self.inputs, task.rooms.work, copied=not bound)
        run = Run(
            name=order.name,
            folder=self.scratch / order.name,
            log=log,
            exit_code=code,
            seconds=seconds,
            overhead=0.0,
            started=format_instant(started),
            finished=format_instant(finished),
            artifact=None,
            digest=None,
            problems=(*dict.fromkeys(problems), *self.standing),
            facts=self._facts(order, task),
            isolation=self.confinement.isolation,
            stages=trace.stages,
            calls=trace.calls,
        )
        if code == 0:
            run = training_outcomes.collected(run, self.model, checkout=task.rooms.work, inside=task.inside)
        return replace(run, overhead=time.monotonic() - began - seconds)

    def _run(self, task: Task, log: Path) -> int | None:
        launch = self.confinement.launch(task)
        if not self.confinement.binds:
            return training_processes.run(launch, log=log, seconds=self.seconds)

        def attempt() -> tuple[int | None, bytes]:
            code = training_processes.run(launch, log=log, seconds=self.seconds)
            return code, training_outcomes.first_words(log)

        return confinement.settled(attempt)[0]

    def _prepared(self, order: Order) -> Task:
        """Everything that a run needs, laid out in its folder."""
        top, wanted = self.scratch / order.name, order.conditions
        shutil.rmtree(top, ignore_errors=True)
        rooms = Rooms(top / wanted.folder, top / "home" / wanted.user, top / "tmp", top / "trace")
        for path in (rooms.home, rooms.tmp, rooms.trace):
            path.mkdir(parents=True)
        inside = self.folder.resolve().relative_to(self.root.resolve())
        written = [inside / path for path in (self.model.artifact.path, *training_outcomes.declared(self.model))]
        leave = [*written, *(one.below for one in self.inputs)]
        training_checkouts.check_out(self.root, self.revision, rooms.work, environ=self.environ, leave=leave)
        for path in written:
            training_checkouts.removed(rooms.work / path, within=rooms.work)
        training_inputs.bring(self.inputs, rooms.work, copy=not self.confinement.binds)
        places = self.confinement.places(rooms, folder=wanted.folder, user=wanted.user)
        self._tell(order, rooms, places)
        return Task(
            words=self._words(order),
            variables=self._variables(order, places),
            rooms=rooms,
            places=places,
            inside=inside,
            inputs=[(one.outside, one.below) for one in self.inputs],
            readable=[*self.environment.readable, SHIM, *training_checkouts.objects(rooms.work)],
            network=self.model.training.network,
        )

    def _words(self, order: Order) -> tuple[str, ...]:
        words = (*self.model.training.entrypoint, *order.arguments)
        words = training_variables.clocked(words, order.conditions)
        return training_variables.limited(words, order.conditions)

    def _variables(self, order: Order, places: Rooms) -> dict[str, str]:
        found = training_variables.variables(
            self.model.training.environment,
            order.conditions,
            path=(str(self.environment.folder / "bin"),),
            home=places.home,
            tmp=places.tmp,
        )
        return training_variables.watched(found, shim=SHIM, told=places.trace / "shim.json")

    def _tell(self, order: Order, rooms: Rooms, places: Rooms) -> None:
        """Tell the shim what to watch and what to change."""
        wanted = order.conditions
        document = {
            "trace": str(places.trace),
            "root": str(places.work),
            "writable": [str(path) for path in (places.work, places.home, places.tmp, places.trace)],
            "inputs": [str(places.work / one.below) for one in self.inputs],
            "network": self.model.training.network,
            "traced": order.traced,
            "declared": sorted(self.model.training.environment),
            "seed": wanted.seed,
            "entropy": wanted.entropy,
            "reverse_listing": wanted.reverse_listing,
            "deterministic": wanted.deterministic,
            "shuffle": wanted.shuffle,
        }
        (rooms.trace / "shim.json").write_text(json.dumps(document), encoding="utf-8")

    def _facts(self, order: Order, task: Task) -> dict[str, str]:
        found = training_facts.of_run(
            task.variables,
            order.conditions,
            declared=self.model.training.environment,
            python=self.environment.python,
        )
        return found | {f"package:{name}": version for name, version in self.environment.packages.items()}


def trainer(
    model: Model,
    *,
    folder: Path,
    root: Path,
    revision: str | None,
    scratch: Path,
    environ: Mapping[str, str],
    lock_environments: Path,
    environment: Path | None,
    seconds: float,
    progress: Callable[[str], None],
    confined: bool = True,
) -> LocalTrainer:
    """A trainer for ``model``, whose manifest lies in ``folder`` of the repository at ``root``.

    ``revision`` is the commit to train, ``None`` the files of the work tree.  ``environment`` is used in place of one
    built from the lock; where its packages differ, every run says so.  Where the manifest names an image, trainings run
    in that.  Inputs are checked against their digests here, once.  Raises ``Refused`` where one differs or the lock
    cannot be installed.
    """
    if model.training.image is not None:
        from mlops_gitops.adapters import training_containers

        return training_containers.trainer(
            model,
            folder=folder,
            root=root,
            revision=revision,
            scratch=scratch,
            environ=environ,
            environment=environment,
            seconds=seconds,
            progress=progress,
        )
    inputs = training_inputs.checked(model, folder=folder, root=root)
    lock = (folder / model.lock).resolve()
    if not lock.is_file() or not lock.is_relative_to(root.resolve()):
        raise Refused(
            f"the lock {model.lock!r} is not a file in the repository",
            hint="commit it: `uv pip compile --generate-hashes`",
            code="path-missing",
        )
    chosen = environment or training_environments.of_lock(
        lock, cache=lock_environments, environ=environ, progress=progress
    )
    described = training_environments.described(chosen)
    return LocalTrainer(
        model=model,
        folder=folder,
        root=root,
        revision=revision,
        scratch=scratch.absolute(),
        environ=environ,
        environment=described,
        confinement=confinement.chosen(environ, root=root) if confined else Plain(),
        inputs=inputs,
        standing=training_outcomes.off_the_lock(lock, described.packages) if environment else (),
        seconds=seconds,
        progress=progress,
    )


def supported(environ: Mapping[str, str], trainer: Trainer | None = None) -> frozenset[str]:
    """The names of the factors that can be varied on this machine, or in the image that ``trainer`` trains in."""
    if isinstance(trainer, LocalTrainer) and trainer.model.training.image is not None:
        from mlops_gitops.adapters import training_containers

        return training_containers.supported(trainer)
    found = {"generators", "entropy", "hash-seed", "file-order", "threads", "race", "time-zone", "locale", "user"}
    found |= {"folder", "environment", "cpu-features", "row-order"}
    if training_variables.faketime() is not None:
        found.add("clock")
    if shutil.which("taskset", path=environ.get("PATH")) and len(os.sched_getaffinity(0)) > 1:
        found.add("cpus")
    return frozenset(found)


def interpreter(found: LocalTrainer) -> Path | None:
    """The Python that the trainings of ``found`` run in, in which models can be asked; that of an image cannot."""
    if found.model.training.image is not None:
        return None
    return training_environments.interpreter(found.environment.folder)
