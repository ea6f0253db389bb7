"""MG21x: who answers for the model, and whether somebody else can say no."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text

ONLY_APPROVER = Rule(
    "MG211",
    "only-approver",
    ERROR,
    "The only approver is an owner of the model.",
    "name an approver who does not own the model",
    "Nobody reviews their own work well. An approval by the owner would not count when the release is promoted.",
    """\
metadata:
  owners:
    - {name: Ada Example, email: ada@example.com, role: owner}
    - {name: Ada Example, email: ada@example.com, role: approver}
""",
    """\
metadata:
  owners:
    - {name: Ada Example, email: ada@example.com, role: owner}
    - {name: Grace Example, email: grace@example.com, role: approver}
""",
)
REPEATED_OWNER = Rule(
    "MG212",
    "repeated-owner",
    WARNING,
    "The same person is named twice in the same role.",
    "remove the second entry",
    "A list that looks like two people and is one hides that somebody is missing.",
    """\
metadata:
  owners:
    - {name: Ada Example, email: ada@example.com}
    - {name: A. Example, email: ada@example.com}
""",
    """\
metadata:
  owners:
    - {name: Ada Example, email: ada@example.com}
""",
)
NO_OWNER = Rule(
    "MG213",
    "no-owner",
    ERROR,
    "Nobody has the role of owner.",
    "give one of the people the role `owner`",
    "When a model misbehaves at night, somebody must be the one to ask.",
    "metadata:\n  owners:\n    - {name: Grace Example, email: grace@example.com, role: maintainer}\n",
    "metadata:\n  owners:\n    - {name: Grace Example, email: grace@example.com, role: owner}\n",
)
HIGH_RISK_WITHOUT_APPROVER = Rule(
    "MG214",
    "high-risk-without-approver",
    ERROR,
    "A high-risk model names no approver.",
    "name a person with the role `approver` who does not own the model",
    "A model that can do much harm needs a second person who knows that it is theirs to stop it.",
    """\
metadata:
  riskTier: high
  owners:
    - {name: Ada Example, email: ada@example.com, role: owner}
""",
    """\
metadata:
  riskTier: limited
  owners:
    - {name: Ada Example, email: ada@example.com, role: owner}
""",
)

RULES = (ONLY_APPROVER, REPEATED_OWNER, NO_OWNER, HIGH_RISK_WITHOUT_APPROVER)

_AT = ("metadata", "owners")


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    metadata = mapping(subject.value, "metadata")
    people = [
        (index, (text(one, "email") or "").lower(), one.get("role", "owner"))
        for index, one in entries(metadata, "owners")
    ]
    owners = {email for _, email, role in people if role == "owner"}
    approvers = {email for _, email, role in people if role == "approver"}
    if people and not owners:
        yield NO_OWNER.on(_AT, "nobody here has the role `owner`")
    if approvers and approvers <= owners:
        index = next(index for index, _, role in people if role == "approver")
        yield ONLY_APPROVER.on((*_AT, index, "role"), "the only approver is an owner of the model")
    if not approvers and people and metadata.get("riskTier") == "high":
        yield HIGH_RISK_WITHOUT_APPROVER.on(_AT, "a high-risk model needs an approver, and nobody has that role")
    for index, (email, role) in repeated([(index, (email, str(role))) for index, email, role in people]):
        yield REPEATED_OWNER.on((*_AT, index, "email"), f"{email} is already named as {role}")
