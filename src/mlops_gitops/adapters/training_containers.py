"""Train a model again in the image that its manifest names, in place of an environment built from the lock.

The same runs as those of ``trainings.py``, laid out and judged the same way; only what confines them differs, and where
Python, its packages and the search path come from: the image.  The digest of the image says what they are, so that no
package is off a lock here, and none can be varied.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_gitops.adapters import training_images, training_inputs, training_variables
from mlops_gitops.adapters.confinement import RUN, Launch, Rooms, Task
from mlops_gitops.adapters.training_environments import Environment
from mlops_gitops.adapters.training_images import Image
from mlops_gitops.adapters.trainings import SHIM, LocalTrainer
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.reproduction.trainings import Order, Run

_PROGRAM = "mlops_gitops.adapters.training_container_program"
_PASSED_ON = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG")
_FAILED = "engine.json"
_TMP = Path("/tmp")  # noqa: S108 - a training's own, bound over that of the image
_NOWHERE = Environment(Path("/nonexistent"), "", {})


@dataclass(frozen=True, slots=True)
class Container:
    """The engine keeps the training apart; what its image holds is all of the machine that it sees."""

    image: str
    engine: Mapping[str, str]
    cpus: int | None = None

    @property
    def isolation(self) -> str:
        """How a training is kept apart, in words."""
        return (
            f"a container of {self.image}: nothing writable but the run's own folders, inputs read-only, no privilege"
        )

    @property
    def binds(self) -> bool:
        """Inputs are bound."""
        return True

    def places(self, rooms: Rooms, *, folder: str, user: str) -> Rooms:  # noqa: ARG002 - where they lie does not show
        """The same for every run, and the same as in bubblewrap."""
        return Rooms(RUN / folder, RUN / "home" / user, _TMP, RUN / "trace")

    def launch(self, task: Task) -> Launch:
        """A process that stands for the container."""
        rooms, places = task.rooms, task.places
        binds = [(rooms.tmp, places.tmp, True), (rooms.work, places.work, True)]
        binds += [(rooms.home, places.home, True), (rooms.trace, places.trace, True)]
        binds += [(path, path, False) for path in task.readable]
        binds += [(outside, places.work / below, False) for outside, below in task.inputs]
        top = rooms.trace.parent
        settings = {
            "image": self.image,
            "words": list(task.words),
            "folder": str(places.work / task.inside),
            "binds": [(str(outside), str(inside), writable) for outside, inside, writable in binds],
            "environment": dict(task.variables),
            "network": task.network,
            "cpus": self.cpus,
            "failed": str(top / _FAILED),
        }
        told = top / "container.json"
        told.write_text(json.dumps(settings), encoding="utf-8")
        return Launch([sys.executable, "-I", "-m", _PROGRAM, str(os.getpid()), str(told)], self.engine, top)


@dataclass(frozen=True, slots=True)
class ImageTrainer(LocalTrainer):
    """Trains in containers of one image.  ``faketime`` is where the image has libfaketime."""

    image: str
    faketime: str | None

    def train(self, order: Order, /) -> Run:
        """Run it to its end or its time limit.  Raises ``WorldFailed`` where the engine failed."""
        container = Container(self.image, _engine(self.environ), order.conditions.cpus)
        run = LocalTrainer.train(replace(self, confinement=container), order)
        failed = self.scratch / order.name / _FAILED
        if failed.exists():
            told = json.loads(failed.read_bytes())
            raise WorldFailed(f"the container engine failed: {told['message']}", hint=str(told["hint"]), code="engine")
        return run

    def _words(self, order: Order) -> tuple[str, ...]:
        return (*self.model.training.entrypoint, *order.arguments)

    def _variables(self, order: Order, places: Rooms) -> dict[str, str]:
        """As everywhere, but for the search path, which is the image's, and the clock, which needs its library."""
        declared, wanted = self.model.training.environment, order.conditions
        found = training_variables.variables(declared, wanted, path=(), home=places.home, tmp=places.tmp)
        found = {name: value for name, value in found.items() if name != "PATH"}
        if "PATH" in declared:
            found["PATH"] = declared["PATH"]
        if self.faketime is not None:
            found |= training_variables.clock(wanted, Path(self.faketime))
        return training_variables.watched(found, shim=SHIM, told=places.trace / "shim.json")

    def _facts(self, order: Order, task: Task) -> dict[str, str]:
        found = LocalTrainer._facts(self, order, task)  # noqa: SLF001 - dataclasses with slots have no bare super()
        return {"image": self.image} | {name: found[name] for name in found if name not in {"python", "libc"}}


def trainer(
    model: Model,
    *,
    folder: Path,
    root: Path,
    revision: str | None,
    scratch: Path,
    environ: Mapping[str, str],
    environment: Path | None,
    seconds: float,
    progress: Callable[[str], None],
) -> ImageTrainer:
    """A trainer for a ``model`` with ``spec.training.image``; the other words are those of ``trainings.trainer``.

    The image is pulled here, once.  Raises ``Misused`` where an environment is named too.
    """
    if model.training.image is None or environment is not None:
        raise Misused(
            "the manifest names an image to train in, and --environment something else",
            hint="leave out --environment, or spec.training.image",
            code="training-image",
        )
    inputs = training_inputs.checked(model, folder=folder, root=root)
    progress(f"looking for {model.training.image}")
    image: Image = training_images.opened(model.training.image, environ=environ)
    library = training_images.faketime(image)
    return ImageTrainer(
        model=model,
        folder=folder,
        root=root,
        revision=revision,
        scratch=scratch.absolute(),
        environ=environ,
        environment=_NOWHERE,
        confinement=Container(image.name, _engine(environ)),
        inputs=inputs,
        standing=(),
        seconds=seconds,
        progress=progress,
        image=image.name,
        faketime=library,
    )


def supported(found: LocalTrainer) -> frozenset[str]:
    """The names of the factors that ``found`` can vary."""
    return training_images.supported(found.faketime if isinstance(found, ImageTrainer) else None)


def _engine(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}
