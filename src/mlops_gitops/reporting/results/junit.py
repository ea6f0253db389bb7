"""Tests as JUnit XML, which every server of continuous integration reads: a suite a report, a case a check.

A check that failed is a failure.  One that is inconclusive is *skipped*, with the reason: it did not pass, and it did
not fail.  Every text is on one line, and characters that XML does not know are replaced.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.results.records import Results

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 2000


def render(results: Results) -> str:
    """The whole document."""
    whole = ET.Element("testsuites", _counts([check for _, _, check in results.checks()], "mlops-gitops test"))
    for model, report in results.reports:
        _suite(whole, model, report)
    ET.indent(whole)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(whole, encoding="unicode")


def _suite(above: ET.Element, model: str, report: Report) -> None:
    suite = ET.SubElement(above, "testsuite", _counts(report.checks, f"{model}: {report.kind}"))
    if report.materials:
        kept = ET.SubElement(suite, "properties")
        for name, sha in report.materials:
            ET.SubElement(kept, "property", {"name": _plain(name), "value": f"sha256:{_plain(sha)}"})
    for check in report.checks:
        _case(suite, f"{model}.{report.kind}", check)


def _case(suite: ET.Element, owner: str, check: Check) -> None:
    named = {"classname": _plain(f"{owner}.{check.id}"), "name": _plain(check.subject)}
    if check.location:
        named |= {"file": _plain(check.location.file), "line": str(check.location.line)}
    case = ET.SubElement(suite, "testcase", named)
    if check.verdict is Verdict.FAIL:
        told = ET.SubElement(case, "failure", {"message": _plain(check.message), "type": _plain(check.id)})
        told.text = "\n".join(_plain(part) for part in (str(check.location or ""), check.fix) if part)
    elif check.verdict is Verdict.INCONCLUSIVE:
        ET.SubElement(case, "skipped", {"message": _plain(f"inconclusive: {check.message}")})
    else:
        ET.SubElement(case, "system-out").text = _plain(check.message)


def _counts(checks: list[Check] | tuple[Check, ...], name: str) -> dict[str, str]:
    counted = {verdict: sum(one.verdict is verdict for one in checks) for verdict in Verdict}
    return {
        "name": _plain(name),
        "tests": str(len(checks)),
        "failures": str(counted[Verdict.FAIL]),
        "errors": "0",
        "skipped": str(counted[Verdict.INCONCLUSIVE]),
    }


def _plain(text: str) -> str:
    """One line that a runner does not take for a command."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", inert(text[:_LONGEST]))
