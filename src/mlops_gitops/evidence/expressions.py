"""Gates that are expressions in CEL: what a policy asks of a release in words of its own.

As in Kubernetes' ``ValidatingAdmissionPolicy`` with the failure policy ``Fail``: true passes; false does not; and what
cannot be read, may cost too much, has no value, or has one that is not true or false, fails, with what to do about it.
Nothing here depends on anything but the gate and the case, so ``verify`` comes to the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence import policy_input
from mlops_gitops.evidence.gates import Answer, Case, Judgement, approved
from mlops_gitops.evidence.policy_input import TooLarge
from mlops_gitops.evidence.relevance import valid_evidence
from mlops_gitops.expressions import parsing
from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import Faulty, place
from mlops_gitops.expressions.syntax import names
from mlops_gitops.expressions.values import kind
from mlops_gitops.manifests.environment import ExpressionGate
from mlops_gitops.manifests.expressions import bind, priced

LONGEST_MESSAGE = 500
"""Characters of a message; what an expression makes beyond is cut."""


def judge(gate: ExpressionGate, case: Case) -> Judgement:
    """The answer of a gate that is an expression."""
    try:
        document = policy_input.document(case)
    except TooLarge as error:
        return Judgement(gate.name, Answer.FAIL, f"error: the release cannot be shown to expressions: {error}")
    judged = judge_document(gate, document)
    return Judgement(gate.name, judged.answer, judged.reason, _seen(gate, case))


def judge_document(gate: ExpressionGate, document: Mapping[str, JSON]) -> Judgement:
    """The answer over a document that fits ``policy-input.schema.json``."""
    try:
        value = evaluate(priced(gate.expression), bind(document)).value
    except Faulty as fault:
        where = f" at {place(gate.expression, fault.at)}" if fault.at >= 0 else ""
        return _unanswered(gate, f"{fault.message}{where}")
    if not isinstance(value, bool):
        return _unanswered(gate, f"it gives a {kind(value)}, and a gate must give true or false")
    if value:
        return Judgement(gate.name, Answer.PASS, "the expression is true")
    return Judgement(gate.name, Answer.PENDING if gate.waits else Answer.FAIL, _message(gate, document))


def _unanswered(gate: ExpressionGate, why: str) -> Judgement:
    words = f"error: the expression has no answer: {why}; correct the policy, or waive the gate"
    return Judgement(gate.name, Answer.FAIL, words)


def _message(gate: ExpressionGate, document: Mapping[str, JSON]) -> str:
    """What the gate says where it is false: as in Kubernetes, ``message`` where ``messageExpression`` gives nothing."""
    if gate.message_expression is not None:
        try:
            made = evaluate(priced(gate.message_expression), bind(document)).value
        except Faulty:
            made = None
        if isinstance(made, str) and made.strip() and made.isprintable():
            return made if len(made) <= LONGEST_MESSAGE else f"{made[: LONGEST_MESSAGE - 1]}…"
    if gate.message is not None:
        return " ".join(gate.message.split())
    return f"the expression is false: {' '.join(gate.expression.split())[:LONGEST_MESSAGE]}"


def _seen(gate: ExpressionGate, case: Case) -> tuple[str, ...]:
    """The evidence that an expression looks at: all that counts, of the sorts that it names."""
    try:
        named = names(parsing.parse(gate.expression))
    except Faulty:
        return ()
    machines = [one.digest for one in valid_evidence(case)] if "evidence" in named else []
    people = [one.evidence for one in approved(case)] if "approvals" in named else []
    return tuple(dict.fromkeys([*machines, *people]))
