"""The document that an expression of a policy is asked about, and that ``policy input`` prints.

One pure function makes it for both, by ``schemas/policy-input.schema.json``: every field of the schema is there, null
where it does not apply, and nothing else is.  Every text and list is bounded.  A list that is longer, or that holds a
text which is longer, is null, so that no expression judges a part of it as if it were the whole.

It holds what the environment repository says in the open.  Users and passwords in addresses are left out all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence import gates, relevance
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.gates import Case
from mlops_gitops.manifests.expressions import root
from mlops_gitops.manifests.release import Release

_SECRET = re.compile(
    r"(?<=://)[^/?#\s]*@|(?<=[?&])[\w-]*(?:signature|sig|token|key|password|secret)=[^&#\s]*", re.IGNORECASE
)
_SUMMARY = 500


class TooLarge(ValueError):
    """Something that the document, which is bounded and closed, cannot hold."""


def document(case: Case) -> dict[str, JSON]:
    """The document of one case.  Raises ``TooLarge`` where a field that must be there does not fit."""
    said = {
        "release": None if case.about is None else _release(case.about),
        "previous": None if case.previous is None else _release(case.previous),
        "environment": {
            "name": case.environment,
            "policy": case.policy,
            "after": list(case.after),
            "since": None if case.since is None else times.format_instant(case.since),
        },
        "evidence": [_piece(one) for one in relevance.valid_evidence(case)],
        "approvals": [
            {
                "name": one.name,
                "groups": list(one.groups),
                "at": times.format_instant(one.at),
                "source": one.source,
            }
            for one in gates.approved(case)
        ],
        "now": times.format_instant(case.now),
    }
    return cast("dict[str, JSON]", shaped(said, root(), path="input"))


def _release(release: Release) -> dict[str, Any]:
    return {**release.value["spec"], **release.value["metadata"], "id": release.id}


def _piece(one: Evidence) -> dict[str, Any]:
    claim = one.claim
    checks = claim.details.get("checks") if isinstance(claim.details, Mapping) else None
    return {
        "digest": one.digest,
        "kind": claim.kind,
        "verdict": claim.verdict.value,
        "summary": claim.summary if len(claim.summary) <= _SUMMARY else f"{claim.summary[: _SUMMARY - 1]}…",
        "issuedAt": times.format_instant(claim.issued_at),
        "expiresAt": None if claim.expires_at is None else times.format_instant(claim.expires_at),
        "signer": one.signer.name,
        "environment": claim.environment,
        "champion": claim.champion,
        "checks": checks,
    }


def shaped(value: Any, node: Mapping[str, Any], *, path: str, strict: bool = False) -> JSON:
    """``value`` with the fields of the schema, each of them; what may be null is null where it does not fit.

    With ``strict``, nothing is made null and nothing is left out.  Raises ``TooLarge``.
    """
    if "anyOf" in node:
        return None if value is None else shaped(value, node["anyOf"][0], path=path, strict=strict)
    while "$ref" in node:
        node = root()["$defs"][node["$ref"].rpartition("/")[2]]
    allowed = [node["type"]] if isinstance(node.get("type"), str) else list(node.get("type", ["string"]))
    if value is None and "default" in node:
        return cast("JSON", node["default"])
    try:
        return _fitting(value, node, allowed, path=path, strict=strict)
    except TooLarge:
        if "null" in allowed and not strict:
            return None
        raise


def _fitting(value: Any, node: Mapping[str, Any], allowed: list[str], *, path: str, strict: bool) -> JSON:
    if isinstance(value, Mapping) and "object" in allowed:
        properties = node["properties"]
        if strict and (unknown := sorted(set(value) - set(properties))):
            raise TooLarge(f"{path} has no field {unknown[0]!r}")
        return {
            name: shaped(value.get(name), below, path=f"{path}.{name}", strict=strict)
            for name, below in properties.items()
        }
    if isinstance(value, list) and "array" in allowed:
        if len(value) > node["maxItems"]:
            raise TooLarge(f"{path} has {len(value):,} members, and can have {node['maxItems']:,}")
        below = node["items"]
        return [shaped(one, below, path=f"{path}[{index}]", strict=strict) for index, one in enumerate(value)]
    if isinstance(value, str) and "string" in allowed:
        return _text(value, node, path)
    plain = {bool: "boolean", int: "integer", float: "number", type(None): "null"}.get(value.__class__)
    if plain in allowed or (plain == "integer" and "number" in allowed):
        return cast("JSON", value)
    raise TooLarge(f"{path} is {value!r:.40}, and the schema wants {' or '.join(allowed)}")


def _text(value: str, node: Mapping[str, Any], path: str) -> str:
    text = _SECRET.sub("", value) if "://" in value else value
    if len(text) > node.get("maxLength", len(text)):
        raise TooLarge(f"{path} has {len(text):,} characters, and can have {node['maxLength']:,}")
    if text not in node.get("enum", [text]):
        raise TooLarge(f"{path} is {text[:40]!r}, and can be {', '.join(node['enum'])}")
    return text
