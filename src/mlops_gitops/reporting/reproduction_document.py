"""A reproduction as a program reads it: every field, always; what is absent is ``null``.

Nothing is escaped (that is the business of whoever shows it), numbers that JSON does not have are ``null``, and lists
that a training can make arbitrarily long are cut, with the count of what is left out beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_gitops.canonical import JSON
from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reproduction import checks
from mlops_gitops.reproduction.levels import (
    Agreement,
    Equivalence,
    FileComparison,
    PredictionComparison,
    TensorComparison,
)
from mlops_gitops.reproduction.reproductions import Explanation, Reproduction, Side
from mlops_gitops.reproduction.trainings import Place, Problem, Run

_MOST = 1000


def document(found: Reproduction) -> dict[str, JSON]:
    """The whole answer about one model."""
    return {
        "model": found.model,
        "version": found.version,
        "revision": found.revision,
        "release": found.release,
        "mode": found.mode,
        "verdict": checks.verdict(found).value,
        "summary": words.headline(found),
        "promised": found.demanded.value,
        "reached": found.reached.value if found.reached else None,
        "suggestion": words.suggestion(found) or None,
        "left": _side(found.left),
        "right": _side(found.right),
        "agreement": _agreement(found.agreement) if found.agreement else None,
        "problems": [_problem(one) for one in found.problems],
        "explanation": _explanation(found.explanation) if found.explanation else None,
    }


def _side(one: Side) -> JSON:
    facts: dict[str, JSON] = {name: one.facts[name] for name in sorted(one.facts)}
    return {"name": one.name, "digest": one.digest, "facts": facts, "run": _run(one.run) if one.run else None}


def _run(one: Run) -> JSON:
    return {
        "exitCode": one.exit_code,
        "seconds": _number(one.seconds),
        "overhead": _number(one.overhead),
        "started": one.started,
        "finished": one.finished,
        "isolation": one.isolation,
        "log": str(one.log),
    }


def _agreement(one: Agreement) -> JSON:
    tensors = words.largest_first(one.tensors)
    settings: dict[str, JSON] = {name: _number(value) for name, value in sorted(one.settings.items())}
    return {
        "ladder": [
            {"level": rung.level.value, "answer": rung.answer.value, "message": rung.message} for rung in one.rungs
        ],
        "files": [_file(file) for file in one.files[:_MOST]],
        "filesLeftOut": max(0, len(one.files) - _MOST),
        "tensors": [_tensor(tensor) for tensor in tensors[:_MOST]],
        "tensorsLeftOut": max(0, len(tensors) - _MOST),
        "predictions": [_prediction(prediction) for prediction in one.predictions],
        "churn": _numbers(one.churn),
        "metrics": [_metric(metric) for metric in one.metrics],
        "settings": settings,
    }


def _file(one: FileComparison) -> JSON:
    return {
        "name": one.name,
        "left": one.left,
        "right": one.right,
        "kind": one.kind,
        "same": one.same,
        "canonical": one.canonical or one.same,
        "noise": list(one.noise),
        "differs": one.differs,
    }


def _tensor(one: TensorComparison) -> JSON:
    return {
        "name": one.name,
        "file": one.file,
        "dtype": one.dtype,
        "shape": list(one.shape),
        "count": one.count,
        "differing": one.differing,
        "absolute": _number(one.absolute),
        "relative": _number(one.relative),
        "ulp": one.ulp,
        "where": list(one.where) if one.where is not None else None,
        "within": one.within,
        "problem": one.problem or None,
    }


def _prediction(one: PredictionComparison) -> JSON:
    return {
        "dataset": one.dataset,
        "rows": one.rows,
        "changed": one.changed,
        "churn": _number(one.churn),
        "largest": _number(one.largest),
        "edges": _numbers(one.edges),
        "counts": list(one.counts),
        "examples": list(one.examples),
    }


def _metric(one: Equivalence) -> JSON:
    return {
        "metric": one.metric,
        "record": _number(one.record),
        "values": _numbers(one.values),
        "difference": _number(one.difference),
        "interval": _numbers(one.interval),
        "margin": _number(one.margin),
        "power": _number(one.power),
        "needed": one.needed,
        "answer": one.answer.value,
    }


def _problem(one: Problem) -> JSON:
    return {
        "trouble": one.trouble.value,
        "message": one.message,
        "fix": one.fix,
        "fatal": one.fatal,
        "place": _place(one.place),
    }


def _explanation(one: Explanation) -> JSON:
    return {
        "summary": one.summary,
        "experiments": [
            {
                "factor": trial.factor,
                "left": trial.left,
                "right": trial.right,
                "level": trial.level.value if trial.level else None,
                "firstStage": trial.first_stage,
                "problem": trial.problem or None,
            }
            for trial in one.experiments
        ],
        "causes": [
            {
                "factor": cause.factor,
                "stage": cause.stage,
                "message": cause.message,
                "fix": cause.fix,
                "place": _place(cause.place),
                "certain": cause.certain,
            }
            for cause in one.causes
        ],
    }


def _place(one: Place | None) -> JSON:
    return {"file": one.file, "line": one.line, "text": one.text} if one else None


def _number(value: float) -> JSON:
    return value if math.isfinite(value) else None


def _numbers(values: Sequence[float]) -> list[JSON]:
    return [_number(one) for one in values]
