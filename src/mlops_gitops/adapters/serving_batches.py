"""The image of a batch with a volume of its own, run as often as a test wants: a ``Batch``.

Files go in and out over the engine's connection, so that no folder of this machine is bound into a container.  The
containers have no network at all, a read-only root, and the user, processor and memory that are declared.  Volume and
containers are gone when the block ends.
"""

from __future__ import annotations

import contextlib
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mlops_gitops.adapters import container_owners, serving_containers
from mlops_gitops.adapters.image_engine import failing, writing
from mlops_gitops.adapters.serving_containers import Container
from mlops_gitops.adapters.serving_engines import Engine
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.testing.infra.batches import Ran
from mlops_gitops.testing.infra.server import Attempts, Facts, Stopped

_PLACE, _WORK = "/data", "work"
_POLL, _SOON = 0.1, 0.03
"""Seconds between two looks at a container, and at what it says where it is to be hit in the middle."""
_LARGEST = 4 << 30
_CHUNK = 1 << 20
_NOBODY = 65532


@dataclass
class BatchImage:
    """A ``Batch``: the image, and the volume that holds its files."""

    engine: Engine
    facts: Facts
    identity: str
    volume: str
    owner: tuple[int, int]
    peak: int | None = None
    tried: Attempts | None = None

    def put(self, name: str, path: Path) -> None:
        """Into the volume, as the user of the image."""
        folder = tarfile.TarInfo(_WORK)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        file = tarfile.TarInfo(f"{_WORK}/{name}")
        file.size, file.mode = path.stat().st_size, 0o600
        with tempfile.TemporaryFile() as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for one in (folder, file):
                one.uid, one.gid = self.owner
            archive.addfile(folder)
            with path.open("rb") as stream:
                archive.addfile(file, stream)
            archive.close()
            packed.seek(0)
            with self._container() as container, failing("put a file into the volume"):
                container.put_archive(_PLACE, packed)

    def run(self, *words: str, within: float, hit: str | None = None) -> Ran:
        """Run it once; every word is the name of a file of the folder, or an option with its value."""
        full = [word if word.startswith("-") or word.isdecimal() else f"{_PLACE}/{_WORK}/{word}" for word in words]
        with self._container(full) as made:
            container = Container(self.engine.client, made, "", self.facts)
            ended = container.launched()
            if ended is not None:
                return Ran(ended, 0.0)
            stopped = self._hit(container, hit, within) if hit is not None else None
            begun = time.monotonic()
            while container.running() and time.monotonic() - begun < within:
                self._look(container)
                time.sleep(_POLL)
            state = container.state()
            if state.running:
                stopped = container.stop(within=1.0)
                state = container.state()
            with failing(f"read what {self.facts.name} says"):
                lines = made.logs(stdout=True, stderr=False, tail=1).decode("utf-8", "replace").splitlines()
            seconds = stopped.seconds if stopped is not None else time.monotonic() - begun
            return Ran(state, seconds, lines[-1] if lines else "", stopped is not None and hit is not None)

    def names(self) -> set[str]:
        """What lies in the folder, hidden files too."""
        with self._container() as container, self._fetched(container, f"{_PLACE}/{_WORK}") as archive, _sound():
            names = {member.name.partition("/")[2].partition("/")[0] for member in archive}
        return names - {""}

    def get(self, name: str, path: Path) -> bool:
        """One file, whatever else lies beside it."""
        from docker.errors import NotFound

        try:
            with (
                self._container() as container,
                self._fetched(container, f"{_PLACE}/{_WORK}/{name}") as archive,
                _sound(),
                path.open("wb") as target,
            ):
                member = archive.next()
                stream = archive.extractfile(member) if member is not None and member.isreg() else None
                while stream is not None and (chunk := stream.read(_CHUNK)):
                    target.write(chunk)
                return stream is not None
        except NotFound:
            return False

    def memory(self) -> int | None:
        """As it was looked at while it ran."""
        return self.peak

    def attempts(self) -> Attempts | None:
        """Of the run that tried most."""
        return self.tried

    def _look(self, container: Container) -> None:
        """Measure a container that runs."""
        self.peak = max(self.peak or 0, container.memory() or 0) or None
        seen = container.attempts()
        if seen is not None and (self.tried is None or seen.total > self.tried.total):
            self.tried = seen

    @staticmethod
    def _hit(container: Container, signal: str, within: float) -> Stopped | None:
        """Wait until it says how far it is, and send the signal; ``None`` where it ended before."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            state = container.state()
            if not state.running:
                return None
            if state.said:
                break
            time.sleep(_SOON)
        if signal == "SIGTERM":
            stopped = container.stop(within=60.0)
            return stopped if stopped.exit_code != 0 else None
        with failing(f"kill {container.facts.name}"):
            if container.state().running:
                container.made.kill("SIGKILL")
            container.made.wait(timeout=60)
        state = container.state()
        return Stopped(state.exit_code or 0, 0.0, killed=True) if state.exit_code != 0 else None

    @contextlib.contextmanager
    def _container(self, words: list[str] | None = None) -> Iterator[Any]:
        """A container with the volume, which is not started."""
        settings = serving_containers.settings(self.engine.limits)
        del settings["dns"]
        with contextlib.ExitStack() as stack:
            with failing(f"make a container of {self.facts.name}"), serving_containers.undisturbed():
                made = self.engine.client.containers.create(
                    self.identity,
                    words,
                    network_mode="none",
                    volumes={self.volume: {"bind": _PLACE, "mode": "rw"}},
                    **settings,
                )
                stack.callback(serving_containers.removed, made, force=True, v=True)
            yield made

    @staticmethod
    @contextlib.contextmanager
    def _fetched(container: Any, path: str) -> Iterator[tarfile.TarFile]:
        """What the engine packs of a path.  Raises docker's ``NotFound``."""
        with tempfile.TemporaryFile() as packed:
            _written(container.get_archive(path)[0], packed)
            with _sound():
                archive = tarfile.open(fileobj=packed, mode="r:")  # noqa: SIM115 - closed with the block
            with archive:
                yield archive


def _written(chunks: Iterator[bytes], target: IO[bytes]) -> None:
    """All of it.  Raises ``Refused`` where that is more than anybody would want, ``WorldFailed`` for a full disk."""
    with writing(Path(tempfile.gettempdir())):
        for chunk in _read(chunks):
            target.write(chunk)
            if target.tell() > _LARGEST:
                raise Refused(
                    f"the image leaves more than {_LARGEST >> 30} GiB beside its input",
                    hint="write the predictions and nothing else",
                    code="infra-output",
                )
    target.seek(0)


def _read(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with failing("read a file of the volume"):
        yield from chunks


@contextlib.contextmanager
def _sound() -> Iterator[None]:
    """What the engine packs is read as it is."""
    try:
        yield
    except tarfile.TarError as error:
        raise WorldFailed(
            f"the container engine packs files in a form that is not known: {error}",
            hint="`docker info` says whether the engine is well; then run the same command again",
            code="engine",
        ) from error


@contextlib.contextmanager
def served(engine: Engine, image: str) -> Iterator[BatchImage]:
    """The image with an empty volume.  Raises ``Refused`` where it is gone, ``WorldFailed`` where the engine fails."""
    facts, identity = engine.facts(image), str(engine.image(image).id)
    user, _, group = facts.user.partition(":")
    owner = (int(user), int(group or user)) if user.isdecimal() and (not group or group.isdecimal()) else (_NOBODY,) * 2
    with contextlib.ExitStack() as stack:
        with failing(f"make a volume for {facts.name}"), serving_containers.undisturbed():
            volume = engine.client.volumes.create(labels=container_owners.labels())
            stack.callback(serving_containers.removed, volume)
        yield BatchImage(engine, facts, identity, volume.name, owner)
