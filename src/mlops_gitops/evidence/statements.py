"""What a piece of evidence says, as an in-toto Statement v1.

A statement names one release by digest and carries one ``Claim``: what was judged, the verdict, when, until when, and
for which environment, policy, champion and commit it counts.  Verdicts of tests travel under the in-toto
``test-result`` predicate and the making of a release under SLSA provenance v1, so that other tools can read them; our
claim sits beside theirs under an extension key, as the in-toto rules allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, cast

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence import voices
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.evidence.voices import Review
from mlops_gitops.records import record

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
ATTESTATION = "https://github.com/mlops-gitops/mlops-gitops/attestation"
CLAIM = f"{ATTESTATION}/claim/v1"

TEST_KINDS = (
    "scan",
    "data-tests",
    "feature-tests",
    "model-tests",
    "history-tests",
    "infra-tests",
    "comparison",
    "reproduction",
    "monitoring",
    "manual-tests",
)
KINDS = ("provenance", *TEST_KINDS, "approval", "waiver", "review")

METRIC_CHECK = "model.metric"
"""The id of the checks that hold a metric of the whole model against its threshold."""
LEVEL_CHECK = "reproduction.level"
"""The id of the check that says at which of ``LEVELS`` two trainings agree."""
LEVELS = ("bitwise", "canonical", "numeric", "statistical")
"""The levels of agreement, strictest first."""
_TOLD = 3
_RESULTS = {Verdict.PASS: "PASSED", Verdict.FAIL: "FAILED", Verdict.INCONCLUSIVE: "WARNED"}


@record
class Claim:
    """What is said about one release.

    ``environment``, ``policy`` (digest), ``champion`` (release id) and ``head`` (commit) narrow where the claim counts;
    ``None`` does not narrow.  ``supersedes`` names evidence files, by digest, that this one replaces.  ``details``
    holds what people want to read (checks, materials); gates read the numbers of some checks in it, and the looks of a
    comparison.  ``review`` is there in evidence of kind
    ``review``, and only there.
    """

    kind: str
    release: str
    verdict: Verdict
    issued_at: datetime
    summary: str
    expires_at: datetime | None = None
    environment: str | None = None
    policy: str | None = None
    champion: str | None = None
    head: str | None = None
    gate: str | None = None
    supersedes: tuple[str, ...] = ()
    details: Mapping[str, JSON] = field(default_factory=dict)
    review: Review | None = None


def of_report(report: Report, *, release: str, issued_at: datetime, expires_at: datetime | None = None) -> Claim:
    """The claim that a report makes about a release."""
    details: dict[str, JSON] = {**report.details, "checks": [check.document() for check in report.checks]}
    if report.materials:
        details["materials"] = [{"name": name, "digest": {"sha256": sha}} for name, sha in report.materials]
    return Claim(
        kind=report.kind,
        release=release,
        verdict=report.verdict,
        issued_at=issued_at,
        expires_at=expires_at,
        summary=_summary(report),
        champion=report.champion,
        details=details,
    )


def _summary(report: Report) -> str:
    """The report's own words, and those of its worst checks with the line of the manifest that demanded them."""
    worst = [check for check in report.checks if check.verdict is report.verdict and check.verdict is not Verdict.PASS]
    told = [f"{check.message} [{check.location}]" if check.location else check.message for check in worst]
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return f"{report.summary}: {'; '.join(told[:_TOLD])}{more}" if told else report.summary


def statement(claim: Claim, *, model: str, predicate: Mapping[str, JSON] | None = None) -> JSON:
    """The in-toto statement that carries ``claim``; ``predicate`` is the SLSA part of a provenance."""
    document: dict[str, JSON] = {
        "kind": claim.kind,
        "verdict": claim.verdict.value,
        "issuedAt": times.format_instant(claim.issued_at),
        "expiresAt": times.format_instant(claim.expires_at) if claim.expires_at else None,
        "environment": claim.environment,
        "policy": claim.policy,
        "champion": claim.champion,
        "head": claim.head,
        "gate": claim.gate,
        "supersedes": list(claim.supersedes) or None,
        "summary": claim.summary,
        "details": dict(claim.details) or None,
        "review": voices.document(claim.review) if claim.review else None,
    }
    said: JSON = {name: value for name, value in document.items() if value is not None}
    return {
        "_type": STATEMENT,
        "subject": [{"name": f"releases/{model}/{claim.release}", "digest": {"sha256": claim.release}}],
        "predicateType": _predicate_type(claim.kind),
        "predicate": {**(predicate or _test_result(claim)), CLAIM: said},
    }


def claim_of(document: Any) -> Claim:
    """The claim inside a statement.  Raises ``ValueError`` with what is wrong where it is not one of ours."""
    try:
        if document["_type"] != STATEMENT:
            raise ValueError("it is not an in-toto Statement v1")
        (subject,) = document["subject"]
        said = document["predicate"][CLAIM]
        kind = said["kind"]
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of evidence")
        if document["predicateType"] != _predicate_type(kind):
            raise ValueError(f"evidence of kind {kind} has another predicateType")
        if (kind == "review") != ("review" in said):
            raise ValueError(
                f"evidence of kind {kind} {'lacks' if kind == 'review' else 'has'} a look at a pull request"
            )
        expires = said.get("expiresAt")
        return Claim(
            kind=kind,
            release=text(subject["digest"]["sha256"]),
            verdict=Verdict(said["verdict"]),
            issued_at=times.parse_instant(said["issuedAt"]),
            expires_at=times.parse_instant(expires) if expires is not None else None,
            summary=text(said["summary"]),
            environment=optional(said, "environment"),
            policy=optional(said, "policy"),
            champion=optional(said, "champion"),
            head=optional(said, "head"),
            gate=optional(said, "gate"),
            supersedes=tuple(text(one) for one in said.get("supersedes", ())),
            details=cast("Mapping[str, JSON]", said.get("details", {})),
            review=voices.parse(said["review"]) if kind == "review" else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks or misuses the field {error}") from error


def measured(claim: Claim, metric: str, *, check: str = METRIC_CHECK) -> tuple[float, ...]:
    """The values of a metric in the checks of a claim; one that is no number counts as not a number."""
    seen = [one.get("observed") for one in _checks(claim, check) if one.get("subject") == metric]
    return tuple(float(value) if isinstance(value, int | float) else math.nan for value in seen)


def agreed(claim: Claim) -> tuple[str, ...]:
    """The levels at which the checks of a claim say that two trainings agree; what is no level is left out."""
    return tuple(level for check in _checks(claim, LEVEL_CHECK) for level in LEVELS if check.get("observed") == level)


def answers(claim: Claim, name: str) -> tuple[Verdict, ...]:
    """The verdicts of the checks of one id in a claim; what is no verdict counts as inconclusive."""
    known = {one.value: one for one in Verdict}
    return tuple(known.get(str(check.get("verdict")), Verdict.INCONCLUSIVE) for check in _checks(claim, name))


def anchored(claim: Claim) -> str | None:
    """The release of long ago that a comparison was made with besides the champion."""
    anchor = claim.details.get("anchor") if isinstance(claim.details, Mapping) else None
    return anchor if isinstance(anchor, str) else None


def _checks(claim: Claim, name: str) -> list[Mapping[str, JSON]]:
    """The checks of one id in the details of a claim, which may hold anything."""
    checks = claim.details.get("checks") if isinstance(claim.details, Mapping) else None
    some = checks if isinstance(checks, list) else []
    return [check for check in some if isinstance(check, Mapping) and check.get("id") == name]


def _predicate_type(kind: str) -> str:
    if kind in TEST_KINDS:
        return TEST_RESULT
    return PROVENANCE if kind == "provenance" else f"{ATTESTATION}/{kind}/v1"


def _test_result(claim: Claim) -> dict[str, JSON]:
    if claim.kind not in TEST_KINDS:
        return {}
    checks = cast("list[dict[str, str]]", claim.details.get("checks", []))
    names: dict[str, list[JSON]] = {verdict.value: [] for verdict in Verdict}
    for check in checks:
        names[check["verdict"]].append(f"{check['id']}({check['subject']})")
    return {
        "result": _RESULTS[claim.verdict],
        "configuration": claim.details.get("materials", []),
        "passedTests": names["pass"],
        "warnedTests": names["inconclusive"],
        "failedTests": names["fail"],
    }


def text(value: Any) -> str:
    """``value``, which must be text.  Raises ``TypeError``."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r}, which should be text")
    return value


def optional(said: Any, name: str) -> str | None:
    """The text under ``name``, or ``None`` where there is none.  Raises ``TypeError`` for anything else."""
    value = said.get(name)
    return None if value is None else text(value)
