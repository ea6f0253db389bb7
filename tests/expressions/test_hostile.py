"""Expressions that want to cost more than they may, or break what reads them: refused before they run, with words."""

from __future__ import annotations

import contextlib
import tracemalloc
from functools import cache
from typing import Any

import pytest

from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import COST_LIMIT, Faulty, TooCostly
from mlops_gitops.expressions.parsing import parse
from mlops_gitops.expressions.patterns import compiled
from mlops_gitops.expressions.values import Value
from mlops_gitops.manifests import expressions

REFUSED = {
    "evidence.all(a, evidence.all(b, evidence.all(c, evidence.all(d, a != b && c != d))))": "it may cost",
    "evidence.all(a, a.checks.all(b, a.checks.all(c, b == c)))": "it may cost",
    "release.artifact.files.all(f, release.artifact.files.exists(g, f.name == g.name))": "it may cost",
    "evidence.map(a, evidence.map(b, evidence)).size() > 0 && evidence.all(a, evidence in evidence.map(b, evidence))": (
        "it may cost"
    ),
    "release.artifact.files.all(f, f.name.matches('" + "(a+)+" * 40 + "$'))": "it may cost",
    "release.artifact.files.all(f, f.name.matches(f.name))": "it may cost",
    "(" * 40 + "true" + ")" * 40: "nested more than",
    "!" * 200 + "true": "nested more than",
    "1" + " + 1" * 200 + " > 0": "nested more than",
    "'" + "a" * 6000 + "' == release.name": "characters, and may have",
    "true" + " && true" * 2000: "characters, and may have",
    ".map(x, [x, x])".join(["[1]", *[""] * 33]) + " == []": "nested more than",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_it_is_refused_before_it_runs(text: str) -> None:
    with pytest.raises(TooCostly) as caught:
        expressions.priced(text)
    assert REFUSED[text] in caught.value.message


ALLOWED = [
    "evidence.exists(e, e.kind == 'model-tests' && e.checks.exists(c, c.subject == 'roc_auc' && c.observed >= 0.7))",
    "evidence.all(e, e.checks == null || e.checks.all(c, c.verdict == 'pass'))",
    "evidence.all(a, evidence.all(b, a.kind != b.kind || a.verdict == b.verdict))",
    "release.artifact.files.all(f, !f.name.matches('[.](pkl|pickle|joblib)$'))",
    "release.artifact.files.map(f, f.size).all(s, s < 100000000)",
    "previous == null || release.metrics.all(m, previous.metrics.exists(p, p.name == m.name))",
    "approvals.filter(a, 'risk' in a.groups).size() >= 1 && approvals.size() >= 2",
    "previous == null || now - environment.since >= duration('72h')",
    "release == previous || evidence == [] || evidence.map(e, e.digest).size() >= 0",
    "string(release.artifact.size) + string(now) != ''",
]


@pytest.mark.parametrize("text", ALLOWED, ids=lambda text: text[:40])
def test_what_people_want_to_ask_is_allowed_and_the_worst_document_costs_no_more(text: str) -> None:
    tree = expressions.priced(text)
    looked = expressions.look(text)
    assert looked.issues == ()
    try:
        steps = evaluate(tree, WORST()).steps
    except TooCostly:
        pytest.fail("the count went above the limit though the price was below")
    assert steps <= looked.cost <= COST_LIMIT


@cache
def WORST() -> dict[str, Value]:  # noqa: N802 - a constant that is made when it is first asked for
    return expressions.bind(worst("x"))


def worst(text: str) -> dict[str, Any]:
    """The largest document that fits the schema."""
    root = expressions.root()
    return {name: _worst(node, root, text) for name, node in root["properties"].items()}


def _worst(node: Any, root: Any, text: str) -> Any:
    if "anyOf" in node:
        return _worst(node["anyOf"][0], root, text)
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    if "enum" in node:
        return max(node["enum"], key=len)
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if node.get("format") == "date-time":
        return "2026-11-21T12:00:00Z"
    if "string" in kinds:
        return (text * node["maxLength"])[: node["maxLength"]]
    if "array" in kinds:
        return [_worst(node["items"], root, text)] * node["maxItems"]
    if "object" in kinds:
        return {name: _worst(below, root, text) for name, below in node["properties"].items()}
    return {"number": 0.5, "integer": 7, "boolean": True}[next(one for one in kinds if one != "null")]


def test_text_cannot_be_doubled_into_memory() -> None:
    doubled = "'0123456789'"
    for _ in range(20):
        doubled = f"[{doubled}].map(x, x + x)[0]"
    tracemalloc.start()
    with pytest.raises(TooCostly):
        expressions.priced(f"{doubled} != ''")
    for text in (f"{doubled} != ''", "[1,2,3,4,5,6,7,8].map(a, [1,2,3,4,5,6,7,8].map(b, evidence + evidence))"):
        with contextlib.suppress(Faulty):
            evaluate(parse(text), WORST(), limit=COST_LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000_000


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*)*b", "^(a*)*$", "((a{1,5}){1,5}){1,5}$", "^(([a-z])+.)+[A-Z]([a-z])+$"],
)
def test_a_pattern_that_runs_away_elsewhere_takes_its_states_times_the_text(pattern: str) -> None:
    text = "a" * 2_000 + "!"
    states = compiled(pattern).size
    limit = states * (len(text) + 1) // 4 + states * states // 10 + 20
    assert evaluate(parse("t.matches(p)"), {"t": text, "p": pattern}, limit=limit).value is False


def test_a_search_remembers_little() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(5_000))
    tracemalloc.start()
    assert not compiled("(.|..|...)*x$").found_in(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
