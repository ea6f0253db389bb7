"""Train a model again: in a clean checkout, with locked packages, declared variables, and as little else as possible.

Each run has a folder of its own below ``scratch``: the checkout, a home, a folder for temporary files, the trace of the
shim, and the log.  Whatever a training does ends as a ``Problem`` of its ``Run``: this module raises only for what the
machine, and not the training, got wrong.  It never touches the repository, the caches or the inputs; the tests compare
them before and after.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mlops_gitops.adapters import confinement, training_checkouts, training_environments, training_traces
from mlops_gitops.adapters.confinement import Rooms
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.packaging import digests, provenance
from mlops_gitops.reproduction.trainings import Order, Problem, Run, Trouble
from mlops_gitops.times import format_instant

SHIM = Path(__file__).parent / "training_shim"
"""The folder that the training's Python finds first: it watches, traces, and seeds."""
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
)
_FAKETIME = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
_TOLD = 5


@dataclass(frozen=True, slots=True)
class LocalTrainer:
    """Trains on this machine.  ``environment`` is the Python environment, ``bwrap`` confines, if it is there."""

    model: Model
    folder: Path
    root: Path
    revision: str | None
    scratch: Path
    environ: Mapping[str, str]
    environment: Path
    given: bool
    bwrap: str | None
    seconds: float
    progress: Callable[[str], None]

    def train(self, order: Order, /) -> Run:
        """Run it to its end or its time limit."""
        began = time.monotonic()
        self.progress(f"{self.model.name}: training ({order.name})")
        try:
            rooms = self._prepared(order)
        except OSError as error:
            raise WorldFailed(
                f"{self.scratch} cannot be written: {error.strerror}",
                hint="free some space, or name another folder with --report or MG_CACHE",
                code="scratch",
            ) from error
        log = self.scratch / order.name / "log"
        started, before = datetime.now(UTC), time.monotonic()
        code = self._execute(order, rooms, log)
        seconds = time.monotonic() - before
        finished = datetime.now(UTC)
        trace = training_traces.read(rooms.trace, root=str(self._places(order, rooms)["work"]), checkout=rooms.work)
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
            problems=(*self._problems(code, log), *trace.problems, *self._changed(rooms), *self._off_the_lock()),
            facts=self._facts(order),
            isolation=_ISOLATION[self.bwrap is not None],
            stages=trace.stages,
            calls=trace.calls,
        )
        run = self._collected(run, rooms) if code == 0 else run
        return replace(run, overhead=time.monotonic() - began - seconds)

    def _prepared(self, order: Order) -> Rooms:
        top = self.scratch / order.name
        shutil.rmtree(top, ignore_errors=True)
        folder = order.conditions.folder
        rooms = Rooms(top / folder, top / "home", top / "tmp", top / "trace", SHIM, ())
        for path in (top, rooms.home, rooms.scratch, rooms.trace):
            path.mkdir(parents=True)
        training_checkouts.check_out(self.root, self.revision, rooms.work, environ=self.environ)
        rooms.work.mkdir(exist_ok=True)
        inside = self._inside()
        for written in (self.model.artifact.path, *self.model.training.outputs):
            _removed(rooms.work / inside / written, within=rooms.work)
        rooms = replace(rooms, inputs=tuple(self._inputs(rooms.work)))
        self._told(order, rooms)
        return rooms

    def _inputs(self, work: Path) -> list[tuple[Path, str]]:
        """Bind each input where the kernel keeps it from being written, and copy it elsewhere."""
        found = []
        for dataset in self.model.data:
            if "://" in dataset.uri:
                continue
            outside = (self.folder / dataset.uri).resolve()
            inside = outside.relative_to(self.root.resolve()).as_posix()
            place = work / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            if self.bwrap is None:
                _removed(place, within=work)
                shutil.copytree(outside, place) if outside.is_dir() else shutil.copy2(outside, place)
            elif not place.exists():
                place.mkdir() if outside.is_dir() else place.touch()
            found.append((outside, inside))
        return found

    def _told(self, order: Order, rooms: Rooms) -> None:
        """Tell the shim what to watch and what to change."""
        places, wanted = self._places(order, rooms), order.conditions
        document = {
            "trace": str(places["trace"]),
            "root": str(places["work"]),
            "writable": [str(places[name]) for name in ("work", "home", "tmp", "trace")],
            "inputs": [str(places["work"] / inside) for _, inside in rooms.inputs],
            "network": self.model.training.network,
            "traced": order.traced,
            "seed": wanted.seed,
            "entropy": wanted.entropy,
            "reverse_listing": wanted.reverse_listing,
            "deterministic": wanted.deterministic,
            "shuffle": wanted.shuffle,
        }
        (rooms.trace / "shim.json").write_text(json.dumps(document), encoding="utf-8")

    def _places(self, order: Order, rooms: Rooms) -> dict[str, Path]:
        wanted = order.conditions
        return confinement.seen(rooms, confined=self.bwrap is not None, folder=wanted.folder, user=wanted.user)

    def _inside(self) -> Path:
        return self.folder.resolve().relative_to(self.root.resolve())

    def _execute(self, order: Order, rooms: Rooms, log: Path) -> int | None:
        """The exit code; ``None`` where the time limit ended it."""
        places = self._places(order, rooms)
        words = [*self.model.training.entrypoint, *order.arguments]
        cwd: Path | None = None
        if self.bwrap is not None:
            home = Path(self.environ.get("HOME", "/nonexistent"))
            argv = confinement.command(
                words,
                bwrap=self.bwrap,
                rooms=rooms,
                places=places,
                folder=self._inside(),
                network=self.model.training.network,
                hidden=[home] if home != Path("/") else [],
                readable=_readable(self.environment, SHIM),
            )
        else:
            argv, cwd = words, rooms.work / self._inside()
        environ = self._variables(order, places)
        if order.conditions.cpus is not None and shutil.which("taskset"):
            argv = ["taskset", "--cpu-list", f"0-{order.conditions.cpus - 1}", *argv]
        try:
            with log.open("wb") as stream:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_limited,  # noqa: PLW1509 - one system call, in a process that has no other thread
                )
        except OSError as error:
            log.write_text(f"{words[0]}: {error.strerror}\n", encoding="utf-8")
            return 127
        try:
            return process.wait(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _variables(self, order: Order, places: Mapping[str, Path]) -> dict[str, str]:
        wanted = order.conditions
        path = os.pathsep.join([str(self.environment / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
        found = {
            "PATH": path,
            "HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "USER": wanted.user,
            "LOGNAME": wanted.user,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.model.training.environment,
            "PYTHONPATH": str(SHIM),
            "MLOPS_GITOPS_TRAINING": str(places["trace"] / "shim.json"),
        }
        if "PYTHONPATH" in self.model.training.environment:
            found["PYTHONPATH"] += os.pathsep + self.model.training.environment["PYTHONPATH"]
        if wanted.threads is not None:
            found.update(dict.fromkeys(THREADS, str(wanted.threads)))
        if wanted.clock is not None and (library := _faketime()) is not None:
            moment = wanted.clock.replace("T", " ").rstrip("Z")
            found |= {"LD_PRELOAD": library, "FAKETIME": moment if wanted.frozen else f"@{moment}"}
            found |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        return {**found, **wanted.environment}

    def _problems(self, code: int | None, log: Path) -> list[Problem]:
        if code == 0:
            return []
        last = _last_words(log)
        if code is None:
            message = f"training did not end within {self.seconds:g} seconds and was stopped{last}"
            fix = "allow it more under spec.training.timeout, or look in its log for what it waits for"
            return [Problem(Trouble.TIMEOUT, message, fix, fatal=True)]
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        fix = next((hint for words, hint in _HINTS if words in last), f"read its log: {log}")
        return [Problem(Trouble.CRASHED, f"training {how}{last}", fix, fatal=True)]

    def _changed(self, rooms: Rooms) -> list[Problem]:
        """Inputs that were copied and are no longer what they were; bound ones cannot be written."""
        if self.bwrap is not None:
            return []
        return [
            Problem(
                Trouble.CHANGED_INPUT,
                f"training changed its input {inside}",
                "write to another file: the second run would read something else",
            )
            for outside, inside in rooms.inputs
            if _digest(outside) != _digest(rooms.work / inside)
        ]

    def _off_the_lock(self) -> list[Problem]:
        if not self.given:
            return []
        wanted = training_environments.pinned((self.folder / self.model.lock).resolve())
        there = training_environments.installed(self.environment)
        off = [f"{name} {there.get(name, 'missing')} (locked: {version})" for name, version in wanted.items()]
        off = [text for text, (name, version) in zip(off, wanted.items(), strict=True) if there.get(name) != version]
        if not off:
            return []
        more = f" and {len(off) - _TOLD} more" if len(off) > _TOLD else ""
        message = f"the environment is not what the lock says: {', '.join(off[:_TOLD])}{more}"
        return [Problem(Trouble.OFF_THE_LOCK, message, "leave out --environment, or install exactly the lock into it")]

    def _facts(self, order: Order) -> dict[str, str]:
        wanted = order.conditions
        packages = training_environments.installed(self.environment)
        return {
            "python": _python_version(self.environment),
            "cpu": _cpu(),
            "cpus": str(wanted.cpus or len(os.sched_getaffinity(0))),
            "threads": str(wanted.threads or self.model.training.environment.get("OMP_NUM_THREADS", "default")),
            "kernel": platform.release(),
            "libc": " ".join(platform.libc_ver()),
            "time zone": wanted.environment.get("TZ") or self.model.training.environment.get("TZ", "UTC"),
            "hash seed": wanted.environment.get("PYTHONHASHSEED")
            or self.model.training.environment.get("PYTHONHASHSEED", "random"),
            **{f"package:{name}": version for name, version in sorted(packages.items())},
        }

    def _collected(self, run: Run, rooms: Rooms) -> Run:
        """The artifact and the declared outputs, which are compared where they lie."""
        top = (rooms.work / self._inside()).resolve()
        path = top / self.model.artifact.path
        try:
            made = digests.of_artifact(path)
        except (Refused, WorldFailed) as refusal:
            missing = not os.path.lexists(path)
            trouble = Trouble.NO_ARTIFACT if missing else Trouble.UNREADABLE
            words = f"training left nothing at {self.model.artifact.path}" if missing else refusal.message
            problem = Problem(trouble, words, refusal.hint, fatal=True)
            return replace(run, problems=(*run.problems, problem))
        outputs = {name: top / name for name in self._declared() if (top / name).is_file()}
        missing_outputs = tuple(
            Problem(Trouble.NO_ARTIFACT, f"training left nothing at {name}, which it declares", "write it, or drop it")
            for name in self._declared()
            if name not in outputs
        )
        problems = (*run.problems, *missing_outputs)
        return replace(run, artifact=path, digest=made.digest, outputs=outputs, problems=problems)

    def _declared(self) -> tuple[str, ...]:
        predictions = self.model.reproducibility.predictions
        return tuple(dict.fromkeys([*self.model.training.outputs, *([predictions] if predictions else [])]))


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

    ``revision`` is the commit to train, ``None`` the files of the work tree.  Inputs are checked against their digests
    here, once.  Raises ``Refused`` where one differs or the lock cannot be installed.
    """
    if model.training.image is not None:
        raise Misused(
            "training in an image is not there yet", hint="leave out spec.training.image", code="training-image"
        )
    provenance.materials(model, folder=folder, root=root)
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
    training_environments.interpreter(chosen)
    bwrap = confinement.bubblewrap(environ.get("PATH")) if confined else None
    return LocalTrainer(
        model=model,
        folder=folder,
        root=root,
        revision=revision,
        scratch=scratch,
        environ=environ,
        environment=chosen.absolute(),
        given=environment is not None,
        bwrap=bwrap,
        seconds=seconds,
        progress=progress,
    )


def supported(environ: Mapping[str, str]) -> frozenset[str]:
    """The names of the factors that can be varied on this machine."""
    found = {"generators", "entropy", "hash-seed", "file-order", "threads", "race", "time-zone", "locale", "user"}
    found |= {"folder", "environment", "cpu-features", "row-order"}
    if _faketime() is not None:
        found.add("clock")
    if shutil.which("taskset", path=environ.get("PATH")) and len(os.sched_getaffinity(0)) > 1:
        found.add("cpus")
    return frozenset(found)


_ISOLATION = {
    True: "bubblewrap: no network, everything read-only but the run's own folders",
    False: "none but the shim's: bubblewrap is not installed or not allowed here",
}
_HINTS = (
    ("Read-only file system", "write below the model's folder or into TMPDIR: inputs and the machine are read-only"),
    ("Network is unreachable", "declare what is fetched as data, or set spec.training.network"),
    ("Temporary failure in name resolution", "declare what is fetched as data, or set spec.training.network"),
    ("No module named", "add the package to the lock"),
    ("No such file or directory", "commit the file, or declare it under spec.data"),
)


def _limited() -> None:
    """A log that fills the disk would take the machine with it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _removed(path: Path, *, within: Path) -> None:
    """Remove what lies at ``path`` below ``within``; a link is removed and never followed."""
    if not path.parent.resolve().is_relative_to(within.resolve()):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _readable(environment: Path, shim: Path) -> Sequence[Path]:
    """What a training needs of the machine wherever it lies: its packages, the Python below them, and the shim."""
    found = [environment, shim]
    real = (environment / "bin" / "python").resolve()
    found.append(real.parents[1])
    for link in (environment / "lib").glob("python3*/site-packages/*.pth"):
        lines = link.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [Path(line) for line in lines if line.startswith("/") and Path(line).is_dir()]
    return found


def _digest(path: Path) -> str | None:
    try:
        return digests.of_artifact(path).digest
    except (Refused, WorldFailed):
        return None


def _last_words(log: Path) -> str:
    """The last line of a log, harmless to print."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 4096))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    words = next((line for line in reversed(lines) if line.strip()), "")
    return f": {printable(words)}" if words else ""


def _faketime() -> str | None:
    found = [str(path) for pattern in _FAKETIME for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else None


def _python_version(environment: Path) -> str:
    text = (environment / "pyvenv.cfg").read_text(encoding="utf-8") if (environment / "pyvenv.cfg").exists() else ""
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    return lines.get("version_info") or lines.get("version") or platform.python_version()


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def interpreter(found: LocalTrainer) -> Path:
    """The Python that the trainings of ``found`` run in, in which their models can be asked."""
    return training_environments.interpreter(found.environment)
