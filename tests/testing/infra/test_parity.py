"""Served against offline predictions, in every form that a manifest can declare; and what a server may say at all."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cancer import manifest
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.testing.infra import parity, protocols
from mlops_gitops.testing.infra.parity import Tolerance
from mlops_gitops.testing.infra.protocols import Columns, Unreadable
from mlops_gitops.testing.models.predictions import Predictions

TIGHT = Tolerance(1e-6, 1e-9)
REAL = (Column("probability", "double"),)


def model(task: str, *outputs: tuple[str, str], positive: Any = True) -> Model:
    value = manifest()
    value["spec"]["task"] = task
    value["spec"]["interface"]["outputs"] = [{"name": name, "type": type_} for name, type_ in outputs]
    value["spec"]["interface"]["target"]["positive"] = positive
    return Model.from_value(value)


def differing(about: Model, values: Any, served: dict[str, list[Any]], classes: tuple[str, ...] = ()) -> int:
    offline = Predictions(np.asarray(values, dtype=np.float64), "probability", "", classes)
    places = range(len(offline.values))
    return parity.compared(about, offline, Columns(served, {}), TIGHT, places=places).differing


def test_numbers_may_differ_by_rounding_and_no_more() -> None:
    about = model("binary-classification", ("probability", "double"))
    assert differing(about, [0.25, 0.75], {"probability": [0.25 * (1 + 9e-7), 0.75]}) == 0
    assert differing(about, [0.25, 0.75], {"probability": [0.25 * (1 + 2e-6), 0.75]}) == 1
    assert differing(about, [0.25, 0.75], {"probability": [None, "0.75"]}) == 2
    assert differing(about, [0.25, np.nan], {"probability": [0.25, None]}) == 0
    assert differing(about, [0.25, 0.75], {"probability": [0.25]}) == 2
    assert differing(about, [0.25], {"other": [0.25]}) == 1
    assert differing(about, [0.25], {"probability": [10**400]}) == 1


@pytest.mark.parametrize(
    ("type_", "positive", "served"),
    [("long", True, [0, 1]), ("boolean", True, [False, True]), ("string", "malignant", ["benign", "malignant"])],
)
def test_a_declared_class_is_the_one_that_the_chances_speak_for(type_: str, positive: Any, served: list[Any]) -> None:
    about = model("binary-classification", ("class", type_), positive=positive)
    assert differing(about, [0.1, 0.9], {"class": served}) == 0
    assert differing(about, [0.9, 0.1], {"class": served}) == 2
    assert differing(about, [0.5, 0.5], {"class": served}) == 0, "on the edge it may be either"


def test_several_classes_by_name_or_by_number() -> None:
    chances, classes = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], ("a", "b", "c")
    named = model("multiclass", ("class", "string"))
    assert differing(named, chances, {"class": ["a", "c"]}, classes) == 0
    assert differing(named, chances, {"class": ["a", "b"]}, classes) == 1
    assert differing(named, chances, {"class": ["a", "d"]}, classes) == 1
    spread = model("multiclass", ("c", "double"), ("a", "double"), ("b", "double"))
    assert differing(spread, chances, {"a": [0.7, 0.1], "b": [0.2, 0.1], "c": [0.1, 0.8]}, classes) == 0
    assert differing(spread, chances, {"a": [0.1, 0.8], "b": [0.2, 0.1], "c": [0.7, 0.1]}, classes) == 2


def test_both_protocols_are_read_as_columns() -> None:
    records = json.dumps({"predictions": [{"probability": 0.5}, {"probability": 0.25}]}).encode()
    plain = json.dumps({"predictions": [0.5, 0.25]}).encode()
    output = {"name": "probability", "shape": [2, 1], "datatype": "FP64", "data": [0.5, 0.25]}
    for found in (
        protocols.predictions(records, REAL),
        protocols.predictions(plain, REAL),
        protocols.outputs_of(json.dumps({"outputs": [output]}).encode(), REAL),
    ):
        assert found.values == {"probability": [0.5, 0.25]}
        assert protocols.wrong_types(found, REAL) == []
    whole = (Column("probability", "long"),)
    assert protocols.wrong_types(protocols.predictions(plain, whole), whole) == [
        "probability is '0.5' and declared long"
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["predictions", "outputs", "name", "data", "shape", "datatype", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
@example({"outputs": [{"name": "x", "data": [], "datatype": "FP64", "shape": [float("inf")]}]})
@example({"outputs": [{"name": "x", "data": [1, 2], "datatype": "FP64", "shape": [-1, -2]}]})
def test_whatever_a_server_says_is_read_or_told(said: Any) -> None:
    body = json.dumps(said).encode()
    for read in (protocols.predictions, protocols.outputs_of):
        with contextlib.suppress(Unreadable):
            found = read(body, REAL)
            assert all(len(one) == found.rows for one in found.values.values())
            protocols.wrong_types(found, REAL)
    protocols.wrong_metadata(body, REAL, REAL)


@pytest.mark.parametrize("said", [[None, True], ["perhaps", True], ["", True], [float("nan"), True]])
def test_no_class_and_a_third_class_are_not_the_negative_one(said: list[Any]) -> None:
    about = model("binary-classification", ("class", "boolean"))
    assert differing(about, [0.1, 0.1, 0.1, 0.9], {"class": [False, False, *said]}) == 1


def test_columns_are_put_in_order_by_their_names_only_where_all_of_them_are_classes() -> None:
    about = model("multiclass-classification", ("b", "double"), ("a", "double"))
    assert differing(about, [[0.3, 0.7]], {"b": [0.7], "a": [0.3]}, ("a", "b")) == 0
    assert differing(about, [[0.3, 0.7]], {"b": [0.7], "a": [0.3]}, ("x", "b")) == 1
    assert differing(about, [[0.3, 0.7]], {"b": [0.3], "a": [0.7]}, ("x", "b")) == 0


def test_a_shape_without_an_end_is_told_in_few_words() -> None:
    body = json.dumps({"outputs": [{"name": "p", "shape": [7] * 10_000, "datatype": "FP64", "data": [1.0]}]}).encode()
    with pytest.raises(Unreadable) as told:
        protocols.outputs_of(body, REAL)
    assert len(str(told.value)) < 200
