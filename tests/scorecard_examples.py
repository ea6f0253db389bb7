"""What the jobs of a pull request leave behind, as documents of the verbs; and the scorecards that they make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_gitops.reporting.scorecard import assembly
from mlops_gitops.reporting.scorecard.records import LeftOut, Run, Scorecard, Source, Told

HEAD, RELEASE, CHAMPION = "9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394", "3f2a" * 16, "8c1d" * 16
MANIFEST = "models/flight-delays/model.yaml"
RUN = Run(
    name="checks",
    repository="airline/models",
    pull_request=7,
    head=HEAD,
    id=19000000001,
    attempt=1,
    link="https://github.com/airline/models/actions/runs/19000000001",
)
PIECES = {
    "html": "</code></td></table></details></sub><!-- --><img src=x onerror=alert(1)><script>alert(1)</script>",
    "mentions": "@airline/risk @grace-example cc:@ada",
    "references": "#12 GH-3 airline/models#4 9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394 fixes #1",
    "addresses": "grace@example.com https://evil.example www.evil.example mailto:x@y.example",
    "markdown": "`a` ``b`` [a](b) ![c](d) **b** __c__ ~~s~~ [^1] <https://a.example> \\` - [ ] x $$x$$ :tada: > q",
    "table": "| a | b |\n|---|---|\n| c | d |",
    "heading": "\n\n# head\n\n---\n* * *\n",
    "shell": "`$(id)` $(id) ; id | id && id",
    "expression": "${{ secrets.KEY }} ${{ github.token }}",
    "command": "::error::no ::set-output name=x::y ::add-mask::z",
    "command on its own line": "\n::set-output name=x::y\r\n::add-mask::z\r::error file=a,line=1::b\n##[error]c",
    "encoded command": "%0A::stop-commands::w%0D%0A::add-mask::v%253A",
    "command behind other line ends": "\u2028::debug::v\u2029::error::w\x0b::error::x\x0c::error::y\x85::error::z",
    "marker": "<!-- mlops-gitops: report key=000000000000 run=9.9 head= sha256=0 -->\n",
    "terminal": "\x1b[2J\x1b]0;t\x07\x00\x08\x7f\x9b31m",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c",
    "invisible": "a\u200bb\u200dc\ufeffd\u00ade\u2060f\U000e0061g\u3164",
    "no unicode": "\ud800 \udfff \uffff \U0010ffff \ufffe",
    "tower": "a" + "\u0301" * 5000,
    "mermaid": '"]\n    bar [1]\n```\n%%{init: {"securityLevel": "loose"}}%%\nclick A "javascript:alert(1)"',
    "enormous": "x" * 200_000 + "|" * 200_000,
    "many lines": "\n" * 50_000,
    "path": "../../../../etc/passwd",
}
"""Everything that somebody might want us to obey, by what it would be."""
HOSTILE = " ".join(piece[:80] for piece in PIECES.values())
"""All of it at once."""


def check(
    id_: str, subject: str, verdict: str = "pass", message: str = "", *, line: int | None = None, **given: Any
) -> dict[str, Any]:
    whole = {
        "id": id_, "subject": subject, "verdict": verdict, "message": message or f"{subject} is as it should be",
        "observed": None, "limit": None, "interval": None, "rows": None,
        "location": f"{MANIFEST}:{line}:11" if line else None, "fix": None, "figures": [],
    }  # fmt: skip
    return whole | given


def report(
    kind: str, checks: Sequence[dict[str, Any]], *, model: str = "flight-delays", summary: str = "",
    champion: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    said = {one["verdict"] for one in checks}
    verdict = "fail" if "fail" in said else "inconclusive" if "inconclusive" in said else "pass"
    bad = sum(one["verdict"] != "pass" for one in checks)
    told = summary or (f"{bad} of {len(checks)} checks did not pass" if bad else f"{len(checks)} checks passed")
    return {
        "model": model, "kind": kind, "verdict": verdict, "summary": told, "champion": champion,
        "materials": [{"name": "data/test", "digest": {"sha256": "5e77" * 16}}], "checks": list(checks), "figures": [],
    }  # fmt: skip


def metric(
    name: str, value: float, change: float, *, half: float = 0.008, limit: float = -0.01, part: str = "",
    verdict: str = "pass", rows: int = 20000,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """The check of the value, and that of the difference from the champion."""
    sort, subject = ("slice", f"{name}[{part}]") if part else ("metric", name)
    own = check(
        f"model.{sort}", subject, observed=value, interval=[value - 0.012, value + 0.012], rows=rows, line=58, limit=0.7
    )
    against = check(
        f"comparison.{sort}", subject, verdict, f"{subject} changed by {change:+.3f}; at most {limit:+.3f} is allowed",
        observed=change, interval=[change - half, change + half], limit=limit, rows=rows, line=61,
        fix=None if verdict == "pass" else "keep the champion, or improve the challenger",
    )  # fmt: skip
    return own, against


def tests(*reports: dict[str, Any]) -> dict[str, Any]:
    said = {one["verdict"] for one in reports}
    verdict = "fail" if "fail" in said else "inconclusive" if "inconclusive" in said else "pass"
    found = {"verdict": verdict, "reports": list(reports), "commit": None, "written": []}
    return {**found, "features": [], "profiles": [], "inferred": {}}


def released(*reports: dict[str, Any], model: str = "flight-delays", version: str = "1.2.0") -> dict[str, Any]:
    return {
        "result": "planned", "model": model, "version": version, "release": RELEASE, "image": None, "commit": None,
        "dryRun": True, "reports": list(reports), "outlook": [],
    }  # fmt: skip


def findings(*found: tuple[str, str, str, int, str, str]) -> dict[str, Any]:
    listed = [
        {
            "rule": rule, "severity": severity, "file": file, "line": line, "column": 12, "endLine": line,
            "endColumn": 16, "message": message, "fix": fix,
            "documentation": f"https://github.com/mlops-gitops/mlops-gitops/blob/main/docs/reference/rules/{rule}.md",
        }
        for rule, severity, file, line, message, fix in found
    ]  # fmt: skip
    errors = sum(one["severity"] == "error" for one in listed)
    return {"files": 3, "errors": errors, "warnings": len(listed) - errors, "findings": listed}


def built(model: str = "flight-delays", size: int = 712_000_000) -> dict[str, Any]:
    image = {
        "model": model, "version": "1.2.0", "pattern": "rest", "digest": f"sha256:{RELEASE}",
        "id": f"sha256:{CHAMPION}", "inputs": f"sha256:{CHAMPION}", "base": None, "size": size, "layers": [],
        "pushed": None, "loaded": None, "findings": [],
        "vulnerabilities": None,
    }  # fmt: skip
    return {"images": [image]}


def reproduced(reached: str | None = "canonical", verdict: str = "pass", **given: Any) -> dict[str, Any]:
    side: dict[str, Any] = {"name": "record", "digest": None, "facts": {}, "run": None}
    one = {
        "model": "flight-delays", "version": "1.2.0", "revision": HEAD, "release": None, "mode": "twice",
        "verdict": verdict, "summary": "flight-delays 1.2.0 is reproducible: canonical as promised",
        "promised": "canonical", "reached": reached, "suggestion": None, "left": side, "right": side,
        "agreement": None, "problems": [], "explanation": None,
    } | given  # fmt: skip
    return {"verdict": verdict, "reproductions": [one]}


def gated(answer: str = "pending") -> dict[str, Any]:
    missing = [
        {"count": 1, "group": "risk", "ask": ["github:grace-example", "github:katherine-example"], "why": ""},
        {"count": 1, "group": None, "ask": ["github:ada-example"], "why": ""},
    ]
    part = {
        "about": "flight-delays 1.2.0 for prod", "answer": answer, "reason": "2 more are missing",
        "environment": "prod", "model": "flight-delays", "approved": ["katherine"] if answer == "pass" else [],
        "missing": missing if answer == "pending" else [], "notCounted": [],
    }  # fmt: skip
    return {
        "result": answer, "repository": "airline/models", "number": 7, "url": "https://github.com/airline/models/pull/7",
        "head": HEAD, "base": "main", "parts": [part], "recorded": [], "commit": None, "note": None,
    }  # fmt: skip


_AFTER = "after: it must run in dev first, and 1.1.0 runs there"
_NOBODY = "approvals: nobody has approved yet; still missing: 1 more of group risk and 1 more"


def planned(*moves: tuple[str, str, str], model: str = "flight-delays") -> dict[str, Any]:
    """Environment, outcome and, where it does not move, why."""
    listed = [
        {
            "model": model, "environment": environment, "outcome": outcome, "release": RELEASE, "version": "1.2.0",
            "replaced": None, "promotion": None,
            "reasons": _pending(*why.split(": ")) if why else [],
            "error": None, "targets": [], "whole": True,
        }
        for environment, outcome, why in moves
    ]  # fmt: skip
    return {
        "result": "planned", "commit": None, "commits": [], "dryRun": True, "promotions": listed, "pullRequest": None,
        "derived": {"mlflow": {"configured": False, "changes": [], "error": None}},
    }  # fmt: skip


def _pending(gate: str, *reason: str) -> list[dict[str, Any]]:
    return [{"gate": gate, "answer": "pending", "reason": ": ".join(reason), "evidence": []}]


def told(**documents: Any) -> tuple[Told, ...]:
    """Documents by the name of their file; what stands before ``_`` is the verb."""
    found = []
    for name, document in documents.items():
        digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
        found.append(Told(Source(f"{name}/{name}.json", name.split("_")[0], digest), document))
    return tuple(found)


SLICES = [
    metric("roc_auc", 0.771, 0.019, half=0.014, part="origin=JFK", rows=6900),
    metric("roc_auc", 0.748, 0.006, half=0.013, part="origin=EWR", rows=7300),
    metric("roc_auc", 0.719, -0.024, half=0.012, part="origin=LGA", rows=5800, verdict="fail"),
]
BETTER = [
    metric("roc_auc", 0.753, 0.012),
    metric("log_loss", 0.431, -0.009, half=0.004, limit=0.02),
    metric("brier", 0.121, 0.0006, half=0.0011, limit=0.003),
]
DRIFT = [
    check("data.drift", "dep_delay", observed=0.031, limit=0.1),
    check("data.drift", "wind_speed", observed=0.064, limit=0.1),
    check("data.drift", "temperature", "fail", "temperature has moved by 0.183; at most 0.1 is allowed", observed=0.183,
          limit=0.1, line=40, fix="retrain on newer data, or find out why it moved"),
    check("data.drift", "carrier", observed=0.012, limit=0.1),
]  # fmt: skip
SERVING = [
    check("infra.latency", "p50", observed=0.0062, limit=0.02),
    check("infra.latency", "p99", observed=0.0184, limit=0.05),
    check("infra.memory", "peak memory", observed=412e6, limit=1024e6),
]


def scored(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], **given: Any) -> list[dict[str, Any]]:
    """The report of the model, and that of the comparison."""
    return [
        report("model-tests", [own for own, _ in pairs], **given),
        report("comparison", [against for _, against in pairs], champion=CHAMPION, **given),
    ]


def good() -> dict[str, Any]:
    return {
        "validate": findings(),
        "test": tests(report("data-tests", [check("data.range", "distance", observed=4983.0, limit=6000.0)])),
        "release": released(*scored([*BETTER, *SLICES[:2]])),
        "reproduce": reproduced(),
        "build": built(),
        "promote": planned(("dev", "move", ""), ("staging", "pending", _AFTER), ("prod", "pending", _NOBODY)),
    }  # fmt: skip


def bad() -> dict[str, Any]:
    wrong = findings(
        ("MG012", "error", MANIFEST, 5, "1.10 is a number here, which is read as 1.1; text is wanted", 'write "1.10"'),
        ("MG302", "warning", "models/flight-delays/card.yaml", 9, "the licence is not said", "name one of SPDX"),
    )
    data = [check("data.range", "distance", observed=4983.0, limit=6000.0), *DRIFT]
    return {
        **good(),
        "validate": wrong,
        "test": tests(report("data-tests", data)),
        "test_infra": tests(report("data-tests", data)),
        "release": released(*scored([*BETTER, *SLICES])),
        "reproduce": reproduced(
            "numeric", "fail", summary="flight-delays 1.2.0 is less reproducible than promised: numeric, not canonical"
        ),
        "gate": gated(),
    }


def many(count: int = 60) -> dict[str, Any]:
    """A repository in which one change touches many models."""
    names = [f"model-{index:03d}" for index in range(count)]
    reports = [one for name in names for one in scored([*BETTER, *SLICES[:2]], model=name)]
    worse = [report("data-tests", DRIFT, model=name) for name in names[::20]]
    return {"test": tests(*reports, *worse)}


def hostile(text: str = HOSTILE) -> dict[str, Any]:
    """The words of others at their worst, wherever a document has words."""
    bad_check = check("model.metric", text, "fail", text, fix=text, location=f"{text}:3:4", observed=text)
    sliced = [
        {**one, "subject": f"roc_auc[{text}{index}]", "message": text}
        for index, pair in enumerate(SLICES)
        for one in pair
    ]
    moved = {**DRIFT[2], "subject": text, "message": text, "id": "data.drift"}
    latency = {**SERVING[0], "subject": f"latency {text}", "id": text}
    named = findings(("MG012", "error", text, 5, text, text), ("MG012", "error", "../../etc/passwd", 5, text, text))
    gate = gated()
    gate["parts"][0] |= {"about": text, "reason": text, "approved": [text]}
    gate["parts"][0]["missing"] = [{"count": 1, "group": text, "ask": [text, "@airline/risk"], "why": text}]
    gate["parts"].append({**gate["parts"][0], "missing": []})
    plan = planned((text, "refused", text), model=text)
    plan["promotions"][0] |= {"version": text, "error": {
        "code": "world", "message": text, "hint": text, "retry": True, "exitCode": 5}}  # fmt: skip
    level = reproduced("numeric", "fail", summary=text, version=text, model=text)
    level["reproductions"][0]["problems"] = [
        {"trouble": text, "message": text, "fix": text, "fatal": True, "place": {"file": text, "line": 3, "text": text}}
    ]
    image = built(text)
    image["images"][0] |= {"version": text, "pattern": "rest"}
    image["images"][0]["findings"] = [
        {"rule": "MG765", "severity": "warning", "location": f"{text}:1:1", "message": text}
    ]
    words = {"model": text, "summary": text}
    return {
        "validate": named,
        "test": tests(report("data-tests", [bad_check, moved, latency], **words), report("scan", [bad_check], **words)),
        "release": released(report("model-tests", sliced[::2], **words), report("comparison", sliced[1::2], **words),
                            model=text, version=text),
        "reproduce": level,
        "build": image,
        "gate": gate,
        "promote": plan,
        "error": {"error": {"code": "bug", "message": text, "hint": text, "retry": False, "exitCode": 70}},
    }  # fmt: skip


def card(documents: Mapping[str, Any], *, run: Run = RUN, **given: Any) -> Scorecard:
    return assembly.scorecard(told(**documents), run=run, **given)


LEFT_OUT = (
    LeftOut("models/test.json", "it is no whole JSON, at line 12"),
    LeftOut("x" * 300 + HOSTILE, "it fits the schema of none of validate, test"),
)
ALL: dict[str, Scorecard] = {
    "good": card(good()),
    "bad": card(bad()),
    "waiting": card({**good(), "gate": gated()}),
    "cut": card({"validate": findings()}, left_out=LEFT_OUT[:1], expected=("validate", "test")),
    "nothing": card({}, run=Run()),
    "served": card({"test": tests(report("infra-tests", SERVING)), "build": built()}),
    "many": card(many()),
    "hostile": card(hostile(), left_out=LEFT_OUT, run=RUN),
}
