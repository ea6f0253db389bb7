"""A gate that is an expression: three answers, words that cannot hurt, and one document that it sees."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import NOW, Estate
from mlops_gitops.evidence import policy_input
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.gates import Answer, Case, Judgement, Waiver, judge
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests import schema
from mlops_gitops.manifests.environment import ApprovalsGate, ExpressionGate
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.trust import Signer, Trust

RELEASE, PREVIOUS = estate.release("1.1.0", content="b"), estate.release()
PROD = Estate.new().policy("prod")
TRUST: Trust = read("trust", render(estate.trust()), path="trust/signers.yaml")


def who(name: str) -> Signer:
    return next(one for one in TRUST.signers if one.name == name)


def piece(claim: Claim, by: str = "ci", number: int = 1) -> Evidence:
    return Evidence(f"{number:064x}", claim, who(by))


def measured(auc: float, **fields: object) -> Claim:
    check = Check("model.metric", "roc_auc", Verdict.PASS, "as demanded", observed=auc, limit=0.7, rows=2000)
    return estate.claim("model-tests", RELEASE, details={"checks": [check.document()]}, **fields)


def case(*evidence: Evidence, **fields: object) -> Case:
    said: dict[str, object] = {
        "release": RELEASE.id,
        "environment": "prod",
        "policy": PROD.policy_digest,
        "champion": PREVIOUS.id,
        "head": RELEASE.source.revision,
        "author": estate.AUTHOR,
        "evidence": evidence,
        "waivers": (),
        "trust": TRUST,
        "now": NOW,
        "about": RELEASE,
        "previous": PREVIOUS,
        "since": NOW - timedelta(days=3),
        "after": ("staging",),
        "approvals_gate": ApprovalsGate(2, (), timedelta(days=7)),
        **fields,
    }
    return Case(**said)  # type: ignore[arg-type]


def asked(
    expression: str, *evidence: Evidence, message: str | None = None, made: str | None = None, **fields: object
) -> Judgement:
    gate = ExpressionGate("mine", expression, message, made)
    return judge(gate, case(*evidence, **fields))


APPROVED = piece(estate.approval(RELEASE, PROD), by="grace", number=7)
TRUE = [
    "release.artifact.size < 200000000 && release.name == 'flight-delays' && release.version == '1.1.0'",
    "previous.version == '1.0.0' && previous.id != release.id",
    "environment.name == 'prod' && 'staging' in environment.after && now - environment.since == duration('72h')",
    "evidence.exists(e, e.kind == 'model-tests' && e.checks.exists(c, c.subject == 'roc_auc' && c.observed >= 0.74))",
    "evidence.all(e, e.verdict == 'pass' && e.signer == 'ci' && e.issuedAt < now)",
    "approvals.size() == 1 && approvals[0].name == 'grace' && 'risk' in approvals[0].groups",
    "approvals[0].source == 'signature' && approvals[0].at == now - duration('1h')",
    "release.metrics[0].threshold.min == 0.7 && release.metrics[0].threshold.max == null",
    "release.interface.inputs.all(c, c.required) && release.image == null && !release.source.dirty",
    "release.artifact.files.all(f, !f.name.matches('[.](pkl|joblib)$'))",
    "release.source.repository.startsWith('https://git.example.com/')",
]


@pytest.mark.parametrize("expression", TRUE)
def test_an_expression_that_is_true_passes(expression: str) -> None:
    assert asked(expression, piece(measured(0.743)), APPROVED).answer is Answer.PASS


def test_false_fails_or_waits_as_the_policy_says() -> None:
    assert asked("1 > 2").answer is Answer.FAIL
    waiting = ExpressionGate("mine", "approvals.size() > 1", waits=True)
    assert judge(waiting, case()).answer is Answer.PENDING
    assert asked("1 > 2").reason == "the expression is false: 1 > 2"


UNANSWERED = {
    "release.artifact.size": "it gives a int",
    "previous.version > 'a'": "null_type has no field",
    "evidence[0].verdict == 'pass'": "no member",
    "release.artifact.size / 0 > 1": "division by zero",
    "now + duration('80000000h') > now": "between the years",
    "release.artifact.size <": "the end",
    "nobody": "no variable",
    "release.artefact.size < 1 || false": "no field 'artefact'",
    "evidence.all(a, evidence.all(b, evidence.all(c, evidence.all(d, true))))": "it may cost",
    "'a'.matches('(a')": "not closed",
}


@pytest.mark.parametrize("expression", UNANSWERED)
def test_an_expression_without_an_answer_fails_with_words(expression: str) -> None:
    judged = asked(expression, previous=None, champion=None)
    assert judged.answer is Answer.FAIL
    assert judged.reason.startswith("error: the expression has no answer")
    assert UNANSWERED[expression] in judged.reason
    waiting = ExpressionGate("mine", expression, waits=True)
    assert judge(waiting, case(previous=None)).answer is Answer.FAIL, "waiting does not mend an error"


def test_what_only_one_side_needs_does_not_hurt_the_other() -> None:
    assert asked("previous == null || previous.version > 'a'", previous=None).answer is Answer.PASS


MESSAGES = {
    "'the model has ' + string(release.artifact.size) + ' bytes'": "the model has 1 bytes",
    "string(1 / 0)": "plain",
    "1": "plain",
    "''": "plain",
    "'   '": "plain",
    "'two\\nlines'": "plain",
    "'::add-mask::x\\r'": "plain",
    "'\\u001b[31mred'": "plain",
    "'\\u202eright to left'": "plain",
    "nobody": "plain",
    "'a' +": "plain",
}


@pytest.mark.parametrize("made", MESSAGES)
def test_a_message_is_one_line_of_text_or_the_plain_one(made: str) -> None:
    assert asked("1 > 2", message="plain", made=made).reason == MESSAGES[made]


def test_a_long_message_is_cut() -> None:
    text = f"'{'x' * 2000}'"
    assert len(asked("1 > 2", message="plain", made=text).reason) == 500
    assert asked("1 > 2", message="two\nlines").reason == "two lines"


def test_only_what_counts_here_and_now_is_seen() -> None:
    seen = "evidence.size() == 0 && approvals.size() == 0"
    for other in (
        piece(measured(0.7, expires_at=NOW)),
        piece(measured(0.7, environment="staging")),
        piece(measured(0.7, policy="0" * 64)),
        piece(measured(0.7), by="grace"),
        piece(estate.approval(RELEASE, PROD, issued_at=NOW - timedelta(days=8)), by="grace"),
        piece(estate.approval(RELEASE, PROD, head="0" * 40), by="grace"),
        piece(estate.approval(RELEASE, PROD), by="ada"),
        piece(estate.approval(RELEASE, PROD, verdict=Verdict.FAIL), by="grace"),
    ):
        assert asked(seen, other).answer is Answer.PASS, other
    older, newer = piece(measured(0.5)), piece(measured(0.9, supersedes=(f"{1:064x}",)), number=2)
    assert asked("evidence.size() == 1 && evidence[0].checks[0].observed == 0.9", older, newer).answer is Answer.PASS


def test_the_receipt_names_the_evidence_that_an_expression_looks_at() -> None:
    both = (piece(measured(0.743)), APPROVED)
    assert asked("release.artifact.size < 5", *both).evidence == ()
    assert asked("evidence.size() == 1", *both).evidence == (both[0].digest,)
    assert asked("approvals.size() == 1", *both).evidence == (APPROVED.digest,)
    assert asked("[1].all(evidence, evidence == 1)", *both).evidence == (), "a name that a macro binds is another"


def test_it_can_be_waived_like_any_gate_but_approvals() -> None:
    until = NOW + timedelta(days=1)
    signed = piece(estate.claim("waiver", RELEASE, environment="prod", gate="mine", expires_at=until), by="grace")
    waiver = Waiver("mine", "grace", until, signed.digest)
    judged = asked("1 > 2", signed, waivers=(waiver,))
    assert judged.answer is Answer.PASS
    assert judged.reason.startswith("waived by grace until")
    assert "the expression is false" in judged.reason
    assert asked("1 > 2", waivers=(waiver,)).answer is Answer.FAIL, "without the signature it opens nothing"


def test_the_document_is_what_its_schema_says_and_lacks_nothing() -> None:
    for one in (case(piece(measured(0.743)), APPROVED), case(previous=None, since=None)):
        document = policy_input.document(one)
        jsonschema.Draft202012Validator(schema.document("policy-input")).validate(document)
        _whole(document, schema.document("policy-input"))
        assert json.loads(json.dumps(document)) == document


def _whole(value: object, node: dict[str, object]) -> None:
    root = schema.document("policy-input")
    while "$ref" in node or "anyOf" in node:
        node = root["$defs"]["release"]
    if isinstance(value, dict):
        assert list(value) == list(node["properties"])  # type: ignore[call-overload]
        for name, one in value.items():
            _whole(one, node["properties"][name])  # type: ignore[index]
    if isinstance(value, list):
        for one in value:
            _whole(one, node["items"])  # type: ignore[arg-type]


def test_the_published_output_is_the_published_input() -> None:
    output, alone = schema.document("output/policy"), schema.document("policy-input")
    for key in ("type", "required", "properties", "additionalProperties", "examples"):
        assert output["$defs"]["input"][key] == alone[key]
    assert output["$defs"]["release"] == alone["$defs"]["release"]


def test_secrets_in_addresses_are_left_out() -> None:
    value = json.loads(json.dumps(RELEASE.value))
    value["spec"]["source"]["repository"] = "https://ada:hunter2@git.example.com/models.git"
    value["spec"]["data"][0]["uri"] = "https://data.example.com/x?X-Amz-Signature=hunter2&part=1"
    about = type(RELEASE).from_value(value)
    text = json.dumps(policy_input.document(case(about=about)))
    assert "hunter2" not in text
    assert "https://git.example.com/models.git" in text


def test_a_list_that_is_too_long_is_null_and_the_expression_fails() -> None:
    value = json.loads(json.dumps(RELEASE.value))
    value["spec"]["artifact"]["files"] *= 501
    about = type(RELEASE).from_value(value)
    assert policy_input.document(case(about=about))["release"]["artifact"]["files"] is None  # type: ignore[index, call-overload]
    judged = asked("release.artifact.files.all(f, f.size < 5)", about=about)
    assert judged.answer is Answer.FAIL
    assert "all does not take null_type" in judged.reason
    assert asked("release.artifact.size < 5", about=about).answer is Answer.PASS
    value["spec"]["data"] *= 101
    too_large = asked("release.artifact.size < 5", about=type(RELEASE).from_value(value))
    assert too_large.answer is Answer.FAIL
    assert "input.release.data has 101 members" in too_large.reason


def test_a_text_that_does_not_fit_makes_its_list_null() -> None:
    value = json.loads(json.dumps(RELEASE.value))
    value["spec"]["artifact"]["files"][0]["name"] = "x" * 600 + ".pkl"
    judged = asked("release.artifact.files.all(f, !f.name.endsWith('.pkl'))", about=type(RELEASE).from_value(value))
    assert judged.answer is Answer.FAIL, "a name that is cut would no longer end with what is forbidden"


def test_checks_that_are_not_checks_are_not_seen() -> None:
    for checks in ("text", [1], [{"id": 1}], [{"id": "a", "subject": "b", "verdict": "perhaps"}], {"a": 1}):
        odd = piece(estate.claim("model-tests", RELEASE, details={"checks": checks}))
        assert asked("evidence[0].checks == null", odd).answer is Answer.PASS
        assert asked("evidence[0].checks.all(c, true)", odd).answer is Answer.FAIL


@given(st.integers(-10, 10), st.floats(0, 1), st.sampled_from(Verdict))
@settings(max_examples=60, deadline=None)
def test_it_passes_exactly_when_the_same_question_in_python_is_true(days: int, auc: float, verdict: Verdict) -> None:
    one = piece(measured(auc, verdict=verdict, issued_at=NOW + timedelta(days=days)))
    judged = asked("evidence.exists(e, e.verdict == 'pass' && e.checks[0].observed >= 0.5)", one)
    assert (judged.answer is Answer.PASS) == (days <= 0 and verdict is Verdict.PASS and auc >= 0.5)
    assert judge(ExpressionGate("mine", "true"), replace(case(one), now=NOW)).answer is Answer.PASS
