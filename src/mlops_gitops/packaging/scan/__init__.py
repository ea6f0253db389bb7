"""Model files, judged before anything loads them.

``scan`` looks at every file of an artifact, by content and not by name, and fails closed: what is not understood does
not pass.  It executes nothing, imports no machine-learning library, and works within bounds, so that a hostile file can
neither run nor exhaust the machine.

What it does not promise: that a model is right, or that numbers inside it are sound.  A tree whose nodes point nowhere
is data, and can crash the process that predicts with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.digests import Artifact
from mlops_gitops.packaging.scan import mlmodel
from mlops_gitops.packaging.scan.files import Judged, judge
from mlops_gitops.packaging.scan.problems import Limits, Problem

KINDS: Mapping[str, frozenset[str]] = {
    "mlflow": frozenset({"mlflow"}),
    "sklearn-pickle": frozenset({"pickle"}),
    "skops": frozenset({"skops"}),
    "onnx": frozenset({"onnx"}),
    "safetensors": frozenset({"safetensors"}),
    "xgboost-json": frozenset({"json"}),
    "lightgbm-text": frozenset({"text"}),
    "torch-state-dict": frozenset({"torch"}),
    "torch-export": frozenset({"export"}),
}
"""For each ``artifact.format`` of a manifest, the kind of file that holds the model."""

ARTIFACT = "artifact"
"""The subject of checks on the artifact as a whole."""

_CARRIERS = frozenset({"pickle", "skops", "onnx", "safetensors", "torch", "export", "npz", "npy"})
_FIX = "save the model in a format that holds data only (skops, ONNX, safetensors), and without code of its own"


def scan(path: Path, *, format: str, artifact: Artifact | None = None, limits: Limits | None = None) -> Report:  # noqa: A002
    """Judge the artifact at ``path``, which the manifest declares to be of ``format``.

    The report has kind ``scan``; every file is one check, or one for each reason not to load it.  ``artifact`` becomes
    the report's material.  Raises ``WorldFailed`` where a file cannot be read; whatever a file holds is never an
    exception.
    """
    bounds = limits or Limits()
    checks = tuple(_checks(path, format, bounds))
    files = {check.subject for check in checks} - {ARTIFACT}
    bad = {check.subject for check in checks if check.verdict is not Verdict.PASS}
    reasons = sum(check.verdict is not Verdict.PASS for check in checks)
    named = ", ".join(sorted(bad)[:3])
    good = "1 file holds" if len(files) == 1 else f"{len(files)} files hold"
    plural = "s" if reasons > 1 else ""
    summary = f"{reasons} reason{plural} not to load {named}" if bad else f"{good} what {format} may hold"
    materials = (("artifact", artifact.digest),) if artifact else ()
    return Report(kind="scan", checks=checks, summary=summary, materials=materials)


def _checks(path: Path, declared: str, limits: Limits) -> Iterator[Check]:
    try:
        judged = {
            label: judge(path / name, label, root=_root(path), limits=limits)
            for name in digests.names(path)
            for label in [path.name if name == digests.SINGLE else name]
        }
    except Refused as refusal:
        yield Check("scan.file", str(path.name), Verdict.FAIL, refusal.message, fix=refusal.hint)
        return
    for name, result in judged.items():
        yield from _of_file(name, result)
    for problem in (*_of_model(path, judged), *_of_format(declared, judged)):
        yield _check(problem, problem.where)


def _root(path: Path) -> Path | None:
    return path if path.is_dir() else None


def _of_file(name: str, result: Judged) -> Iterator[Check]:
    if not result.problems:
        message = f"{result.kind} file that names nothing but what is on the list"
        yield Check("scan.file", name, Verdict.PASS, message)
    for problem in result.problems:
        yield _check(problem, name)


def _check(problem: Problem, subject: str) -> Check:
    inner = f" ({problem.where})" if problem.where != subject and "!" in problem.where else ""
    verdict = Verdict.FAIL if problem.certain else Verdict.INCONCLUSIVE
    return Check(problem.id, subject, verdict, f"{subject} {problem.message}{inner}", fix=_FIX)


def _of_model(path: Path, judged: Mapping[str, Judged]) -> Iterator[Problem]:
    """What ``MLmodel`` says must hold of the files beside it: the loader opens what was judged, as it was judged."""
    if mlmodel.NAME not in judged:
        return
    with digests.open_regular(path / mlmodel.NAME) as stream:
        plan = mlmodel.read(stream.readall())
    yield from plan.problems
    for name, kind in plan.files.items():
        there = judged.get(name)
        if there is None:
            yield Problem("scan.mlmodel", mlmodel.NAME, f"points at {name!a}, which is not a file of the model")
        elif there.kind != kind or there.packed:
            found = f"compressed {there.kind}" if there.packed else there.kind
            yield Problem("scan.format", name, f"is loaded as {kind}, and is {found}")


def _of_format(declared: str, judged: Mapping[str, Judged]) -> Iterator[Problem]:
    wanted = KINDS.get(declared)
    if wanted is None:
        yield Problem("scan.format", ARTIFACT, f"is declared as {declared!a}, which is no known format")
    elif declared == "mlflow":
        if mlmodel.NAME not in judged:
            yield Problem("scan.format", ARTIFACT, "is declared as mlflow, and has no MLmodel file")
    else:
        carriers = {name for name, result in judged.items() if result.kind in _CARRIERS | wanted}
        if not any(judged[name].kind in wanted for name in carriers):
            yield Problem("scan.format", ARTIFACT, f"is declared as {declared}, and holds no such file")
        for name in sorted(carriers):
            if judged[name].kind in _CARRIERS - wanted:
                yield Problem("scan.format", name, f"is {judged[name].kind}, where {declared} was declared")
