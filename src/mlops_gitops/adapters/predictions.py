"""Ask models for predictions, each batch in one process of its own that has nothing to steal and cannot stay.

Promises: the process gets an environment made from an allow-list, a new folder as working folder and home, a limit on
time and memory, and files to read; what it writes is read back as plain arrays and checked.  It never gets the caller's
environment.  **The artifacts must have been scanned** (``packaging/scan``): a pickle is a program.  All jobs of one
call share a process, so that importing the model's libraries is paid for once.

Answers are kept by content: same artifact, data, columns and library versions, same file.  Arrays are stored as
``.npy`` and not as Parquet: the bytes depend on nothing but the numbers, so that their digest means something.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from mlops_gitops import canonical
from mlops_gitops.testing.models.predictions import Failed, Job, Predict, Predictions

if TYPE_CHECKING:
    from mlops_gitops.testing.models.metrics import Kind

SCHEME = 4
"""Part of every cache key; raised when the meaning of a stored answer changes."""
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""The environment variables a model may see, beside the fixed ones."""
LIBRARIES = (
    *("numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "joblib", "cloudpickle", "skops"),
    *("mlflow", "mlflow-skinny", "xgboost", "xgboost-cpu", "lightgbm", "torch", "onnxruntime"),
)
"""Libraries whose version can change what a model answers."""
MEMORY = 16 * 2**30
"""Bytes of address space a model may use, unless told otherwise; libraries reserve more than they touch."""
PROGRAM = Path(__file__).with_name("prediction_program.py")
_LARGEST = 64 * 2**20
"""Bytes of what a model's process may say beside its arrays."""
_PATIENCE = 15.0
"""Seconds in which the process of a model has to end what it started, once it is told to."""
_TAIL = 4096
"""Bytes of what a model prints that are kept."""
UNREADABLE = "the process of the model left no readable answer"
_KINDS = ("probability", "score", "label", "value")


def predictor(
    *,
    environ: Mapping[str, str],
    cache: Path | None,
    seconds: float = 600.0,
    memory: int = MEMORY,
    python: Path | None = None,
) -> Predict:
    """A ``Predict`` with its limits: ``seconds`` of wall time a call, ``memory`` bytes of address space.

    ``python`` is another interpreter than this one, such as that of the environment in which the model was trained.
    """
    if python is not None:
        python = _interpreter(python, environ)

    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        keys = [_key(job, python) for job in jobs]
        known: dict[str, Predictions | Failed] = {}
        for key in keys if cache is not None else ():
            found = _recall(cast("Path", cache), key)
            if found is not None:
                known[key] = found
        missing = {key: job for key, job in zip(keys, jobs, strict=True) if key not in known}
        if missing:
            answers = _run(list(missing.values()), environ=environ, seconds=seconds, memory=memory, python=python)
            known.update(zip(missing, answers, strict=True))
        for key in missing if cache is not None else ():
            _keep(cast("Path", cache), key, known[key])
        return [known[key] for key in keys]

    return predict


def load_problem(
    path: Path, format_: str, *, environ: Mapping[str, str], seconds: float = 120.0, memory: int = MEMORY
) -> str | None:
    """Why the artifact at ``path``, which must have been scanned, cannot be loaded; ``None`` when it can."""
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as name:
        order = [{"artifact": str(path.resolve()), "format": format_}]
        answers = _exchange(Path(name), order, environ=environ, seconds=seconds, memory=memory)
    if isinstance(answers, str):
        return answers
    problem = answers[0].get("problem") if isinstance(answers[0], dict) else "no readable answer"
    return None if problem is None else printable(str(problem))


def parts(job: Job, *, environ: Mapping[str, str], seconds: float = 120.0, memory: int = MEMORY) -> list[Any] | str:
    """What ``feature_program`` says of the parts of the job's model, which must have been scanned, or why it cannot."""
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as name:
        folder, order = Path(name), _order(job, Path(name) / "none")
        answers = _exchange(folder, [order], environ=environ, seconds=seconds, memory=memory, program="feature_program")
    answer = answers if isinstance(answers, str) else answers[0]
    if isinstance(answer, dict) and isinstance(answer.get("parts"), list):
        found: list[Any] = answer["parts"]
        return found
    return printable(str(answer.get("problem", UNREADABLE) if isinstance(answer, dict) else answer))


def _key(job: Job, python: Path | None) -> str:
    return canonical.digest(
        {
            **job.document(),
            "scheme": SCHEME,
            "python": sys.version if python is None else _identity(python),
            "libraries": {name: version for name in LIBRARIES if (version := _version(name, python))},
        }
    )


def _interpreter(python: Path, environ: Mapping[str, str]) -> Path:
    """Where it is, seen from any folder.  Links stay: two virtual environments may link to one interpreter."""
    found = shutil.which(str(python), path=environ.get("PATH")) if len(python.parts) == 1 else None
    return Path(found or python).absolute()


def _identity(python: Path) -> str:
    """What tells two interpreters apart: the path, and what the environment says about itself."""
    try:
        described = canonical.sha256((python.parent.parent / "pyvenv.cfg").read_bytes())
    except OSError:
        described = "no virtual environment"
    return f"{python} {described}"


def _version(name: str, python: Path | None) -> str | None:
    if python is not None:
        folders = [str(path) for path in python.parent.parent.glob("lib*/python3*/*-packages")]
        found = next(iter(importlib.metadata.distributions(name=name, path=folders)), None)
        return found.version if found is not None else None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _run(
    jobs: Sequence[Job], *, environ: Mapping[str, str], seconds: float, memory: int, python: Path | None
) -> list[Predictions | Failed]:
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as name:
        folder = Path(name)
        orders = [_order(job, folder / f"{index}.npy") for index, job in enumerate(jobs)]
        answers = _exchange(folder, orders, environ=environ, seconds=seconds, memory=memory, python=python)
        if isinstance(answers, str):
            return [Failed(answers)] * len(jobs)
        return [_read(answer, folder / f"{index}.npy") for index, answer in enumerate(answers)]


def _exchange(
    folder: Path,
    jobs: Sequence[Mapping[str, object]],
    *,
    environ: Mapping[str, str],
    seconds: float,
    memory: int,
    python: Path | None = None,
    program: str = "prediction_program",
) -> list[Any] | str:
    """Run the program on these jobs: one answer for each, which may be anything, or why there are none."""
    results, home = folder / "results.json", folder / "home"
    home.mkdir()
    order = {"memory": memory, "results": str(results), "jobs": [*jobs]}
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    problem = _execute(folder, home, environ=environ, seconds=seconds, python=python, program=program)
    try:
        answers = json.loads(results.read_text(encoding="utf-8")) if results.stat().st_size <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        answers = None
    if not isinstance(answers, list) or len(answers) > len(jobs):
        return problem or UNREADABLE
    return [*answers, *[{"problem": problem or UNREADABLE}] * (len(jobs) - len(answers))]


def _order(job: Job, output: Path) -> dict[str, object]:
    return {
        "artifact": str(job.artifact.path.resolve()),
        "format": job.artifact.format,
        "data": str(job.data.resolve()),
        "dataFormat": job.data_format,
        "columns": [*job.columns],
        "task": job.task,
        "positive": job.positive,
        "shuffled": [*job.shuffled],
        "seed": job.seed,
        "edits": [dict(one) for one in job.edits],
        "batch": job.batch,
        "outputs": job.outputs,
        "output": str(output),
    }


def _execute(
    folder: Path, home: Path, *, environ: Mapping[str, str], seconds: float, python: Path | None, program: str
) -> str:
    """Run the program; what went wrong, or nothing."""
    # threads that spin while they wait take the core from whoever has work: several times slower on a busy machine
    threads = {"OMP_WAIT_POLICY": "PASSIVE"}
    fixed = {"HOME": str(home), "TMPDIR": str(home), "TZ": "UTC", "MPLCONFIGDIR": str(home), **threads}
    clean = {name: environ[name] for name in PASSED_ON if name in environ} | fixed
    # the program needs nothing of this package, so that another environment can run it as it lies here
    called = ["-m", f"mlops_gitops.adapters.{program}"] if python is None else [str(PROGRAM)]
    argv = [str(python or sys.executable), "-I", *called, str(folder / "order.json")]
    try:
        process = subprocess.Popen(
            argv,
            cwd=home,
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return f"{argv[0]} cannot be started: {error.strerror}"
    tail = _Tail(cast("IO[bytes]", process.stdout))
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"the model gave no answer within {seconds:g} seconds and was stopped"
    finally:
        _end(process)
        printed = tail.ended()
    if code == 0:
        return ""
    how = f"was ended by {_signal(-code)}" if code < 0 else f"ended with code {code}"
    why = " (the system does that where memory is short)" if -code == signal.SIGKILL else ""
    return f"the process of the model {how} before it answered{why}{_last_words(printed)}"


class _Tail:
    """The end of what a process prints; what comes before is read and forgotten, so that it fills no disk."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._kept = pipe, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self._pipe.fileno(), 2**16):
                self._kept = (self._kept + chunk)[-_TAIL:]

    def ended(self) -> bytes:
        """What was kept; whoever still holds the other end is waited for no longer than a moment."""
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._pipe.close()
        return self._kept


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started: it ends its own when it is asked to, and its session does not wait."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(printed: bytes) -> str:
    """The last line a model wrote, harmless to print."""
    lines = printed.decode("utf-8", "replace").split("\n")
    words = next((line for line in reversed(lines) if line.strip()), "")
    return f": {printable(words)}" if words else ""


def printable(text: str, *, most: int = 300) -> str:
    """Text from a model without control characters and not longer than a person reads."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _read(answer: Any, path: Path) -> Predictions | Failed:
    if isinstance(answer, dict) and isinstance(answer.get("problem"), str):
        return Failed(printable(answer["problem"]))
    try:
        return _predictions(answer, path.read_bytes())
    except (OSError, ValueError, TypeError, KeyError):
        return Failed(UNREADABLE)


def _predictions(answer: Mapping[str, Any], data: bytes) -> Predictions:
    """A record from its description and the bytes of its array.  Raises ``ValueError`` for anything else."""
    import numpy as np

    values = np.load(io.BytesIO(data), allow_pickle=False)
    if values.dtype != np.float64 or values.ndim not in (1, 2) or answer["kind"] not in _KINDS:
        raise ValueError("not an array of predictions")
    return Predictions(
        values=values,
        kind=cast("Kind", answer["kind"]),
        digest=canonical.sha256(data),
        classes=tuple(str(name) for name in answer["classes"]),
        unstable=int(answer["unstable"]),
        repeated=int(answer["repeated"]),
        changed=int(answer.get("changed", 0)),
    )


def _recall(cache: Path, key: str) -> Predictions | None:
    """A kept answer, if both its files are there and agree; a damaged one counts as missing."""
    try:
        answer = json.loads((cache / f"{key}.json").read_text(encoding="utf-8"))
        found = _predictions(answer, (cache / f"{key}.npy").read_bytes())
        return found if found.digest == answer["digest"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(cache: Path, key: str, answer: Predictions | Failed) -> None:
    """Keep an answer; the description is written last, and each file appears whole or not at all."""
    if isinstance(answer, Failed):
        return
    import numpy as np

    cache.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, answer.values, allow_pickle=False)
    description = {
        "kind": answer.kind,
        "classes": [*answer.classes],
        "unstable": answer.unstable,
        "repeated": answer.repeated,
        "changed": answer.changed,
        "digest": answer.digest,
    }
    _write(cache / f"{key}.npy", buffer.getvalue())
    _write(cache / f"{key}.json", json.dumps(description).encode())


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)
