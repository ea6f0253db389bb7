from __future__ import annotations

import json
from typing import Any

import pytest

from mlops_gitops.serving import values
from mlops_gitops.serving.values import Unfit

TYPES = {"x": "double", "f": "float", "n": "long", "i": "integer", "b": "boolean", "s": "string", "d": "datetime"}
GOOD: dict[str, Any] = {"x": 1.5, "f": 0.25, "n": 2**63 - 1, "i": -(2**31), "b": True, "s": "ü", "d": "2026-01-01"}
BAD = [
    *(("x", one) for one in ("1.5", True, [1.0], {}, 1e999, -1e999, float("nan"), 10**400)),
    *(("f", one) for one in (1e39, -1e39, "1")),
    *(("n", one) for one in (1.5, 2**63, -(2**63) - 1, True, "2", 1e19, 1e999)),
    *(("i", one) for one in (2**31, 0.5, [])),
    *(("b", one) for one in (1, "true", [], {"a": 1})),
    *(("s", one) for one in (7, 7.5, True, ["a"], {})),
]


def shapes(rows: list[dict[str, Any]]) -> list[Any]:
    """One table in every form that MLflow's protocol has for it."""
    names = list(rows[0])
    return [
        {"dataframe_split": {"columns": names, "data": [[row[name] for name in names] for row in rows]}},
        {"dataframe_records": rows},
        {"instances": rows},
        {"inputs": {name: [row[name] for row in rows] for name in names}},
    ]


@pytest.mark.parametrize("shape", range(4))
def test_what_fits_passes_and_what_is_missing_is_for_the_model_to_judge(shape: int) -> None:
    rows = [GOOD, {**GOOD, "n": 3.0, "x": 7}, dict.fromkeys(GOOD), {**GOOD, "extra": [1, {"a": 2}]}]
    rows = [{**dict.fromkeys(rows[3]), **row} for row in rows]
    values.fit_table(shapes(rows)[shape], TYPES)


@pytest.mark.parametrize("shape", range(4))
@pytest.mark.parametrize(("name", "value"), BAD)
def test_one_value_that_does_not_fit_is_found_wherever_it_is(shape: int, name: str, value: Any) -> None:
    if shape == 3 and isinstance(value, list):
        return  # there a list is more values of the column
    with pytest.raises(Unfit, match=f"^{name} is declared {TYPES[name]}"):
        values.fit_table(shapes([GOOD, {**GOOD, name: value}, GOOD])[shape], TYPES)


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "[Infinity]"])
def test_numbers_that_json_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(Unfit, match="is no JSON"):
        values.parsed(text)


def test_tables_that_are_none_are_refused() -> None:
    for table in (7, None, [], {"columns": ["x"], "data": 3}, {"columns": ["x"], "data": [[1.0], [1.0, 2.0]]}):
        document = table if not isinstance(table, dict) else {"dataframe_split": table}
        with pytest.raises(Unfit):
            values.fit_table(document, TYPES)
    with pytest.raises(Unfit, match="infinite"):
        values.fit_table({"instances": [[1.0, [json.loads("1e999")]]]}, TYPES)


def test_a_tensor_is_held_against_its_own_shape() -> None:
    values.fit_tensor("x", [2, 1], [1.0, None], TYPES)
    values.fit_tensor("x", [2, 2], [[1.0, 2.0], [3.0, 4.0]], TYPES)
    values.fit_tensor("other", [0], [], TYPES)
    for shape, data in (([3, 1], [1.0]), ([-1, -1], [1.0]), ([-2], [1.0]), ([1 << 62, 1 << 62], [1.0]), ([1], "x"[:0])):
        with pytest.raises(Unfit):
            values.fit_tensor("x", shape, data, TYPES)


def test_depth_is_no_danger() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Unfit):
        values.fit_tensor("x", [1], deep, TYPES)
    values.fit_table({"instances": [deep]}, TYPES)
