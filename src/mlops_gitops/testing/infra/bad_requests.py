"""Requests that no client should send, made from the signature of a model, and what a server may do with each.

A server has to refuse them, with a status 4xx, and to answer the next good request as before.  Some of them it may also
answer, and each of those says why: the specification leaves it open, or MLflow's own enforcement of the signature
allows it.  Pure; ``adapters/bad_request_client.py`` sends them, each on a connection of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.testing.infra import protocols
from mlops_gitops.testing.infra.protocols import Row
from mlops_gitops.testing.infra.server import Answer

JSON_TYPE = "application/json"
HUGE = 128 << 20
"""Bytes of white space in front of a good request: more than any request for predictions has a reason to be."""
DEEP = 100_000
_NUMBERS = frozenset({"integer", "long", "float", "double"})
_REAL = frozenset({"float", "double"})


@dataclass(frozen=True, slots=True)
class BadRequest:
    """One request.  ``what`` says what is wrong with it, ``allowed`` why it may be answered nevertheless, if it may.

    ``padding`` is white space that is sent before ``body``.  ``length`` is the Content-Length that is told where it is
    not that of the body; where it is larger, the connection is closed for writing after the body, and a server may
    close it without a word (RFC 9112, 8).  ``headers`` are sent as they are.
    """

    what: str
    path: str
    body: bytes = b""
    method: str = "POST"
    content_type: str | None = JSON_TYPE
    padding: int = 0
    length: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    allowed: str = ""
    silence: bool = False

    @property
    def name(self) -> str:
        """Unique among the requests to one model."""
        return f"{self.path}: {self.what}"


def requests(model: Model, row: Row) -> Iterator[BadRequest]:
    """Every bad request for the signature of ``model``; ``row`` is one good row, in the order of its inputs."""
    columns = model.interface.inputs
    good = json.loads(protocols.split(columns, [row]))
    yield from _of_http(protocols.INVOCATIONS, good)
    yield from _tables(columns, row)
    infer, good = protocols.infer(model.name), json.loads(protocols.tensors(columns, [row]))
    yield from _of_http(infer, good)
    yield from _tensors(infer, columns, good)
    body = _text(good)
    yield BadRequest("there is no such path", "/no-such-path", body)
    yield BadRequest("there is no such model", protocols.infer("no-such-model"), body)
    yield BadRequest("there is no such version", infer.replace("/infer", "/versions/no-such-version/infer"), body)
    yield BadRequest("the path leaves the root", "/../../etc/passwd", method="GET", content_type=None)
    yield BadRequest("the model is asked to go", f"/v2/repository/models/{model.name}/unload", b"{}")


def _of_http(path: str, good: Any) -> Iterator[BadRequest]:
    """What is wrong before anybody looks at the columns."""
    body = _text(good)
    wrong = BadRequest("", path, body)
    for method in ("GET", "PUT", "DELETE"):
        yield replace(wrong, what=f"the method is {method}", method=method)
    yield replace(wrong, what="there is no body", body=b"")
    for what, text in (
        ("the JSON ends early", body[: len(body) // 2]),
        ("the JSON is followed by more", body + b"]"),
        ("it is the text NaN", b"NaN"),
        ("it is null", b"null"),
        ("it is a number", b"7"),
        ("it is an empty list", b"[]"),
        ("it is an empty object", b"{}"),
        ("it is an object of other fields", b'{"a": [1]}'),
        ("it is not UTF-8", body.replace(b"{", b"{ \xc0\xaf\xff", 1)),
        ("a name in it is not UTF-8", body[:-1] + b', "\xff\xfe": 1}'),
        ("it is UTF-16", body.decode().encode("utf-16")),
        ("lists are nested without an end", b"[" * DEEP),
        ("objects are nested without an end", b'{"a":' * DEEP),
        ("it holds NUL", b"\0" * 64),
    ):
        yield replace(wrong, what=what, body=text)
    for kind in ("text/plain", "application/xml", "application/octet-stream", "no type at all"):
        yield replace(wrong, what=f"the content type is {kind}", content_type=kind, allowed=_SAME_JSON)
    yield replace(wrong, what="there is no content type", content_type=None, allowed=_SAME_JSON)
    yield replace(wrong, what="the body is huge", padding=HUGE, silence=True)
    yield replace(wrong, what="the content is said to be gzip", headers=(("Content-Encoding", "gzip"),))
    yield replace(wrong, what="the body is shorter than was said", length=str(len(body) + 100), silence=True)
    yield replace(wrong, what="the body is longer than was said", length=str(len(body) // 2))
    yield replace(wrong, what="the length is no number", length="many", silence=True)
    yield replace(wrong, what="the length is negative", length="-1", silence=True)
    surrogate = body[:-1] + b', "\\ud800": "\\udfff\\u0000"}'
    yield replace(wrong, what="an extra field is no Unicode", body=surrogate, allowed=_IGNORED)
    bom = b"\xef\xbb\xbf" + body
    yield replace(wrong, what="it begins with a byte order mark", body=bom, allowed="RFC 8259, 8.1, lets it be ignored")
    twice = body[:-1] + b", " + body[1:]
    yield replace(wrong, what="a field comes twice", body=twice, allowed="RFC 8259, 4, leaves open what it means")


_SAME_JSON = "the body is good JSON, and RFC 9110, 8.3, lets a server look at the body instead of the type"
_IGNORED = "both protocols leave open what becomes of further fields"
_DROPPED = "MLflow drops columns that the signature does not name"


def _tables(columns: Sequence[Column], row: Row) -> Iterator[BadRequest]:
    """Tables for ``/invocations`` that do not fit the signature."""
    names = [one.name for one in columns]

    def table(what: str, names: Sequence[str], data: Any, *, allowed: str = "") -> BadRequest:
        body = _text({"dataframe_split": {"columns": names, "data": data}})
        return BadRequest(what, protocols.INVOCATIONS, body, allowed=allowed)

    yield BadRequest("the table is a number", protocols.INVOCATIONS, b'{"dataframe_split": 7}')
    both = _text({"dataframe_split": {"columns": names, "data": [row]}, "instances": [row]})
    yield BadRequest("there are two tables", protocols.INVOCATIONS, both)
    yield BadRequest("the text is no CSV of these columns", protocols.INVOCATIONS, b"a,b\n1", content_type="text/csv")
    yield table("the rows are longer than the columns", names, [[*row, 1]])
    yield table("the rows are of different lengths", names, [row, [*row, 1], []])
    yield table("the rows are numbers", names, [1, 2])
    yield table("there are no columns", [], [[]])
    yield table("there is one more column", [*names, "no such column ü\0"], [[*row, 1]], allowed=_DROPPED)
    for place, one in enumerate(columns):
        if one.required:
            rest = [*range(place), *range(place + 1, len(columns))]
            what = f"the column {one.name} is missing"
            yield table(what, [names[other] for other in rest], [[row[other] for other in rest]])
            break
    for place, one in _one_of_each(columns):
        for kind, text in _values(one):
            body = _text({"dataframe_split": {"columns": names, "data": [_with(row, place, _MARK)]}})
            wrong = body.replace(_text(_MARK), text)
            yield BadRequest(f"the {one.type} {one.name} is {kind}", protocols.INVOCATIONS, wrong)


def _tensors(path: str, columns: Sequence[Column], good: Any) -> Iterator[BadRequest]:
    """Tensors for v2 that do not fit the signature, or themselves."""
    inputs = good["inputs"]

    def changed(what: str, place: int = 0, *, allowed: str = "", **fields: Any) -> BadRequest:
        tensors = [{**one, **fields} if place == index else one for index, one in enumerate(inputs)]
        return BadRequest(what, path, _text({"inputs": tensors}), allowed=allowed)

    for what, value in (("a number", 7), ("a list of numbers", [7]), ("empty", [])):
        yield BadRequest(f"the inputs are {what}", path, _text({"inputs": value}))
    for field in ("name", "shape", "datatype", "data"):
        lacking = [{key: value for key, value in inputs[0].items() if key != field}, *inputs[1:]]
        yield BadRequest(f"an input has no {field}", path, _text({"inputs": lacking}))
    yield changed("the shape is larger than the data", shape=[1 << 40, 1])
    yield changed("the shape is negative", shape=[-5, 1])
    yield changed("the shape is text", shape="all")
    yield changed("the type of the data is unknown", datatype="FP31")
    yield changed("an input has rows that the others lack", shape=[2, 1], data=inputs[0]["data"] * 2)
    yield changed("the data are an object", data={"a": 1})
    yield changed("the data are ragged", shape=[2, 1], data=[[1, 2], [3]])
    yield changed("the content type of an input is unknown", parameters={"content_type": "no-such-type"})
    extra = {"name": "no such column ü\0", "shape": [1, 1], "datatype": "FP64", "data": [1.0]}
    yield BadRequest("there is one more input", path, _text({"inputs": [*inputs, extra]}), allowed=_DROPPED)
    for place, one in enumerate(columns):
        if one.required:
            yield BadRequest(f"the input {one.name} is missing", path, _text({"inputs": _without(inputs, place)}))
            break
    for place, one in _one_of_each(columns):
        for kind, text in _values(one):
            body = changed("", place, data=[_MARK]).body.replace(_text(_MARK), text)
            yield BadRequest(f"the {one.type} {one.name} is {kind}", path, body)


_MARK = "\N{OBJECT REPLACEMENT CHARACTER}here"


def _values(column: Column) -> Iterator[tuple[str, bytes]]:
    """Values, as JSON text, that a column of this type never holds."""
    if column.type in _NUMBERS:
        yield "text", _text("ü no number \N{SNOWMAN}")
        yield "NaN", b"NaN"
        yield "infinity", b"-Infinity"
        yield "a number of 10,000 digits", b"9" * 10_000
    if column.type in _REAL:
        yield "beyond every number", b"1e999"
    if column.type in {"integer", "long"}:
        yield "half", b"1.5"
        yield "larger than its type", b"9223372036854775808"
    if column.type == "boolean":
        yield "text", _text("perhaps")
    if column.type == "string":
        yield "a number", b"7.5"
    if column.type == "datetime":
        yield "no time", _text("the day before yesterday")
    yield "a list", b"[[1], [2, 3]]"
    yield "an object", b'{"a": 1}'
    yield "a list without an end", b"[" * DEEP + b"]" * DEEP


def _one_of_each(columns: Sequence[Column]) -> list[tuple[int, Column]]:
    """The first column of each type, with its place."""
    first: dict[str, tuple[int, Column]] = {}
    for place, one in enumerate(columns):
        first.setdefault(one.type, (place, one))
    return list(first.values())


def _with(row: Row, place: int, value: Any) -> list[Any]:
    return [value if place == index else one for index, one in enumerate(row)]


def _without(inputs: Sequence[Any], place: int) -> list[Any]:
    return [*inputs[:place], *inputs[place + 1 :]]


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def judged(request: BadRequest, answer: Answer, after: Answer, before: Answer, *, location: Location | None) -> Check:
    """Whether the server refused the request and lives on; ``before`` and ``after`` answer the same good request."""
    fix = "let the server answer 4xx, and check the input before the model sees it"
    base = Check("infra.bad-request", request.name, Verdict.PASS, "", observed=answer.words, location=location)
    if not after.good or after.body != before.body:
        how = "otherwise than before" if after.good else f"with {after.words}"
        message = f"after a request where {request.what}, the server answered a good one {how}"
        return replace(base, verdict=Verdict.FAIL, message=message, fix="find what broke it in the server's log")
    if answer.refused:
        return replace(base, message=f"a request to {request.path} where {request.what} is refused: {answer.words}")
    message = f"a request to {request.path} where {request.what} was answered with {answer.words}"
    if answer.good and request.allowed:
        return replace(base, message=f"{message}, which is allowed: {request.allowed}")
    if answer.status == 0 and request.silence:
        return replace(base, message=f"{message}; the server may end such a connection without a word")
    return replace(base, verdict=Verdict.FAIL, message=f"{message}, and not with 4xx", fix=fix)
