from __future__ import annotations

import json
from typing import Any

import pytest

from cancer import manifest
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.infra import bad_requests
from mlops_gitops.testing.infra.bad_requests import BadRequest
from mlops_gitops.testing.infra.server import Answer

TYPES = ("double", "float", "long", "integer", "boolean", "string", "datetime", "binary")
ROW = (0.5, 0.25, 3, 4, True, "ü", "2026-01-01", "eA==")
PLACE = Location("models/cancer/model.yaml", 30)
GOOD = Answer(200, b"0.5")


@pytest.fixture
def model() -> Model:
    value = manifest()
    value["spec"]["interface"]["inputs"] = [{"name": f"a {one}", "type": one, "required": True} for one in TYPES]
    return Model.from_value(value)


def test_every_request_is_another_and_has_its_own_name(model: Model) -> None:
    found = list(bad_requests.requests(model, ROW))
    assert len({one.name for one in found}) == len(found) > 180
    sent = {(one.path, one.method, one.body, one.content_type, one.padding, one.length, one.headers) for one in found}
    assert len(sent) == len(found)
    json.dumps([one.what for one in found])


@pytest.mark.parametrize(
    "what",
    [
        *(
            "the JSON ends early",
            "there is no body",
            "the body is huge",
            "it is not UTF-8",
            "the body is shorter than was said",
        ),
        *(
            "there is no content type",
            "an extra field is no Unicode",
            "lists are nested without an end",
            "the method is GET",
        ),
        *(f"the {one} a {one} is NaN" for one in TYPES[:4]),
        *(f"the {one} a {one} is infinity" for one in TYPES[:4]),
        *(f"the {one} a {one} is text" for one in TYPES[:5]),
        *(f"the {one} a {one} is a list" for one in TYPES),
    ],
)
def test_both_protocols_are_asked(model: Model, what: str) -> None:
    found = [one for one in bad_requests.requests(model, ROW) if one.what == what]
    assert [one.path for one in found] == ["/invocations", "/v2/models/cancer/infer"]


@pytest.mark.parametrize("what", ["missing", "one more"])
def test_missing_and_extra_columns_are_asked_of_both(model: Model, what: str) -> None:
    found = [one for one in bad_requests.requests(model, ROW) if what in one.what]
    assert [one.path for one in found] == ["/invocations", "/v2/models/cancer/infer"]
    assert [bool(one.allowed) for one in found] == [what == "one more"] * 2


def test_a_missing_column_is_bad_only_where_it_is_required(model: Model) -> None:
    value: dict[str, Any] = json.loads(json.dumps(model.value))
    for one in value["spec"]["interface"]["inputs"]:
        one["required"] = False
    found = bad_requests.requests(Model.from_value(value), ROW)
    assert [one.what for one in found if "is missing" in one.what] == []


@pytest.mark.parametrize(
    ("request_", "answer", "after", "verdict"),
    [
        (BadRequest("it is bad", "/x"), Answer(400), GOOD, Verdict.PASS),
        (BadRequest("it is bad", "/x"), Answer(422), GOOD, Verdict.PASS),
        (BadRequest("it is bad", "/x"), Answer(200), GOOD, Verdict.FAIL),
        (BadRequest("it is bad", "/x", allowed="it may"), Answer(200), GOOD, Verdict.PASS),
        (BadRequest("it is bad", "/x", allowed="it may"), Answer(500), GOOD, Verdict.FAIL),
        (BadRequest("it is bad", "/x"), Answer(500), GOOD, Verdict.FAIL),
        (BadRequest("it is bad", "/x"), Answer(302), GOOD, Verdict.FAIL),
        (BadRequest("it is bad", "/x"), Answer(0, problem="closed"), GOOD, Verdict.FAIL),
        (BadRequest("it is bad", "/x", silence=True), Answer(0, problem="closed"), GOOD, Verdict.PASS),
        (BadRequest("it is bad", "/x"), Answer(400), Answer(0, problem="refused"), Verdict.FAIL),
        (BadRequest("it is bad", "/x"), Answer(400), Answer(200, b"0.6"), Verdict.FAIL),
        (BadRequest("it is bad", "/x"), Answer(400), Answer(500), Verdict.FAIL),
    ],
)
def test_it_is_refused_and_the_server_lives_on(
    request_: BadRequest, answer: Answer, after: Answer, verdict: Verdict
) -> None:
    check = bad_requests.judged(request_, answer, after, GOOD, location=PLACE)
    assert check.verdict is verdict
    assert check.location == PLACE
    assert "it is bad" in check.message
    assert bool(check.fix) == (verdict is Verdict.FAIL)
    if answer.good and verdict is Verdict.PASS:
        assert "it may" in check.message
