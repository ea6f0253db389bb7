"""The same answers as Google's implementation in C++, on expressions that nobody wrote.

Both run without a type checker, so that everything comes to its dynamic meaning.  Where one gives no value the other
must give none either.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from phrases import booleans

from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.parsing import parse
from mlops_gitops.expressions.times import of_datetime

peer = pytest.importorskip("cel_expr_python.cel", reason="there is no wheel of it for this machine")

T = datetime(2026, 11, 21, 12, 30, 15, tzinfo=UTC)
VALUES: dict[str, Any] = {"i": 7, "d": 0.5, "s": "Grün", "b": True, "l": [1, 2, 3], "m": {"a": 1, "b": 2}, "t": T}
OURS = {**VALUES, "l": tuple(VALUES["l"]), "t": of_datetime(T)}


def theirs(text: str) -> object:
    environment = peer.NewEnv(variables=dict.fromkeys(VALUES, peer.Type.DYN) | {"t": peer.Type.TIMESTAMP})
    try:
        found = environment.compile(text, disable_check=True).eval(data=VALUES)
    except RuntimeError:
        return "no value"
    return "no value" if found.type() == peer.Type.ERROR else found.value()


def ours(text: str) -> object:
    try:
        return evaluate(parse(text), OURS).value
    except Faulty:
        return "no value"


@settings(max_examples=300, deadline=None)
@given(booleans())
@example("1 / 0 == 1 || true")
@example("[0, 1].all(x, 1 / x == 2)")
@example("(t).getDayOfWeek() == 6")
@example("-7 / 2 == -3 && -7 % 2 == -1 && 7 / -2 == -3")
@example("({1: 2})[1.0] == 2")
def test_the_answers_agree(text: str) -> None:
    assert ours(text) == theirs(text), text


def test_the_comparison_can_fail() -> None:
    assert theirs("i == 7") is True
    assert theirs("1 / 0 == 1") == "no value"
    assert ours("i == 8") is not theirs("i == 7")
