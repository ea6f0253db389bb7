"""Rows that a model can answer, and rows that it cannot: one bad row never costs the others their answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mlops_gitops.serving.description import Description
from mlops_gitops.serving.predictor import Predictor

WHOLE = {"integer": "int32", "long": "int64"}
_MOST_CALLS = 4096
_LONGEST = 300


class Hopeless(Exception):
    """The model answers nothing at all; going on would set every row aside."""


@dataclass(frozen=True)
class Answered:
    """Positions of the rows that were answered, their answers, and why each of the others was not."""

    good: list[int]
    answers: Any
    bad: dict[int, str]


def answered(frame: Any, description: Description, predict: Predictor) -> Answered:
    """Ask about every row of ``frame``, which holds the inputs alone, in as few calls as the bad rows allow."""
    import pandas as pd

    bad: dict[int, str] = dict(_lacking(frame, description))
    parts: list[tuple[list[int], Any]] = []
    waiting = [[index for index in range(len(frame)) if index not in bad]]
    calls = 0
    while waiting:
        rows = waiting.pop()
        if not rows:
            continue
        calls += 1
        if calls > _MOST_CALLS:
            raise Hopeless(f"{len(bad)} of {len(frame)} rows could not be answered, and there are more")
        try:
            parts.append((rows, predict(_whole(frame.iloc[rows].reset_index(drop=True), description))))
        except Exception as error:  # noqa: BLE001 - a model may raise anything; the row that makes it is looked for
            if len(rows) == 1:
                bad[rows[0]] = _said(error)
            else:
                half = len(rows) // 2
                waiting += [rows[half:], rows[:half]]
    good, kept = [], []
    for rows, answer in sorted(parts, key=lambda part: part[0]):
        sound = [place for place in range(len(rows)) if not _no_number(answer.iloc[place])]
        bad.update({rows[place]: "the model answered NaN or infinity" for place in set(range(len(rows))) - set(sound)})
        good += [rows[place] for place in sound]
        kept.append(answer.iloc[sound])
    answers = pd.concat(kept, ignore_index=True) if kept else None
    return Answered(good, answers, bad)


def _whole(frame: Any, description: Description) -> Any:
    """Whole numbers as such, where a value that is missing elsewhere made them real ones: some models refuse those."""
    for one in description.inputs:
        name = one["name"]
        if one["type"] in WHOLE and frame[name].dtype.kind == "f" and frame[name].notna().all():
            frame[name] = frame[name].astype(WHOLE[one["type"]])
    return frame


def _lacking(frame: Any, description: Description) -> Any:
    """Rows without a value that the signature requires."""
    for one in description.inputs:
        if one.get("required", True):
            for index in frame[one["name"]].isna().to_numpy().nonzero()[0].tolist():
                yield index, f"{one['name']} is missing"


def _no_number(answer: Any) -> bool:
    return any(isinstance(value, float) and not math.isfinite(value) for value in answer.tolist())


def _said(error: Exception) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return f"{type(error).__name__}: {text}"[:_LONGEST]
