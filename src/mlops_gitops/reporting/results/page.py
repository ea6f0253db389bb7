"""The tests of one model as one HTML file: no network, no script, readable on a phone and in the dark.

The answer comes first, then what did not pass and what to do about it, then each kind of test with its figures and
every check in a table, then the digests of what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_gitops.evidence.figures import Distribution, Figure
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.reporting.page import figures
from mlops_gitops.reporting.page.distributions import KINDS
from mlops_gitops.reporting.page.document import document
from mlops_gitops.reporting.page.elements import badge, code, digest, folded, more, prose, section, shown, table
from mlops_gitops.reporting.page.style import SHEET
from mlops_gitops.reporting.reports import MARKS
from mlops_gitops.reporting.results.records import NAMES, RANK, WORDS, Results, sentence, worst_first
from mlops_gitops.testing import wording

_SHOWN = 8
"""So many figures of a kind are open; the rest is folded."""
_MOST_FIGURES = 120
_MOST = 400
_CARDS = 60
_OPEN = 6


def page(results: Results, *, generated: str) -> str:
    """The whole page; ``generated`` is the time at which it was made, as it is to be shown."""
    title = f"{', '.join(results.models)}: {sentence(results)}"
    blocks = [_header(results), _contents(results), _troubles(results)]
    blocks += [_report(number, report) for number, (_, report) in enumerate(results.reports)]
    blocks.append(_materials(results))
    body = "\n".join(one for one in blocks if one)
    return document(title, body, sheet=SHEET, footer=f"mlops-gitops test, {generated}")


def _header(results: Results) -> str:
    verdict = results.verdict
    answers = "".join(
        f"<li>{badge(KINDS[one.verdict], f'{MARKS[one.verdict]} {name(one)}')}</li>" for _, one in results.reports
    )
    return (
        f'<header class="{KINDS[verdict]}"><p class="kicker">Tests of {shown(", ".join(results.models), 120)}</p>'
        f'<h1><span class="mark">{MARKS[verdict]}</span>{_headline(results)}</h1>'
        f'<ul class="answers">{answers}</ul></header>'
    )


def _headline(results: Results) -> str:
    known = {Verdict.PASS: "Every check passed", Verdict.FAIL: "Not as promised", Verdict.INCONCLUSIVE: "Not decided"}
    if not any(report.checks for _, report in results.reports):
        return "Nothing was tested"
    return f"{known[results.verdict]}: {sentence(results)}"


def name(report: Report) -> str:
    """What a kind of report is called."""
    return NAMES.get(report.kind, shown(report.kind, 40))


def _contents(results: Results) -> str:
    links = "".join(f'<li><a href="#part-{n}">{name(one)}</a></li>' for n, (_, one) in enumerate(results.reports))
    return f"<nav aria-label='Parts of this page'><ul>{links}</ul></nav>" if len(results.reports) > 1 else ""


def _troubles(results: Results) -> str:
    """What failed, or where nothing did, what is not decided; the rest of it is folded."""
    wrong = worst_first([check for _, _, check in results.checks() if check.verdict is not Verdict.PASS])
    first = [one for one in wrong[:_OPEN] if one.verdict is wrong[0].verdict]
    rest = wrong[len(first) : _CARDS]
    words = f"{len(wrong) - len(first):,} more: {_told(wrong[len(first) :])}"
    body = _cards(first) + (folded(words, _cards(rest) + more(len(wrong), _CARDS, "checks")) if rest else "")
    return section("troubles", "What to look at", body)


def _told(checks: Sequence[Check]) -> str:
    counts = [(sum(one.verdict is verdict for one in checks), WORDS[verdict]) for verdict in RANK]
    return ", ".join(f"{count:,} {word}" for count, word in counts if count)


def _cards(checks: Sequence[Check]) -> str:
    return "\n".join(map(_card, checks))


def _card(check: Check) -> str:
    kind = KINDS[check.verdict]
    where = f"<p class='note'>demanded at {code(str(check.location), 200)}</p>" if check.location else ""
    fix = f"<p><b>What to do:</b> {prose(check.fix, 600)}</p>" if check.fix else ""
    head = f"{shown(check.subject, 120)} {badge(kind, WORDS[check.verdict])}"
    return f'<div class="card"><h3>{head}</h3><p>{prose(check.message, 1000)}</p>{fix}{where}</div>'


def _report(number: int, report: Report) -> str:
    mark = badge(KINDS[report.verdict], WORDS[report.verdict])
    body = _gallery(report) + _table(report)
    note = shown(report.summary, 600)
    if report.champion:
        note += f"; against the release {code(report.champion[:12])}"
    return section(f"part-{number}", f"{name(report)} {mark}", body or '<p class="note">no checks</p>', note=note)


def _gallery(report: Report) -> str:
    """The report's own figures, then those of its checks, what did not pass and what moved most first."""
    own = [(figure, 0) for figure in report.figures]
    some = [(figure, RANK[check.verdict]) for check in report.checks for figure in check.figures]
    some.sort(key=lambda one: (one[1], -_effect(one[0])))
    drawn = [figure for figure, _ in [*own, *some]]
    first = _blocks(drawn[:_SHOWN])
    rest = drawn[_SHOWN:_MOST_FIGURES]
    left = more(len(drawn), _MOST_FIGURES, "figures, which the JSON has")
    return first + folded(f"{len(rest):,} more figures", _blocks(rest)) + left


def _effect(figure: Figure) -> float:
    """How far the values have moved, in units of what is allowed."""
    if not isinstance(figure, Distribution) or figure.moved.value is None:
        return 0.0
    return figure.moved.value / (figure.limit or 1.0)


def _blocks(some: Iterable[Figure]) -> str:
    inner = "\n".join(figures.block(one) for one in some)
    return f'<div class="gallery">\n{inner}\n</div>' if inner else ""


def _table(report: Report) -> str:
    ordered = worst_first(report.checks)
    rows = [
        (
            badge(KINDS[one.verdict], WORDS[one.verdict]),
            code(one.id, 80),
            shown(one.subject, 120),
            prose(one.message, 600),
        )
        for one in ordered[:_MOST]
    ]
    inner = table(("Answer", "Check", "About", "What was found"), rows) + more(len(ordered), _MOST, "checks")
    return folded(f"All checks ({len(ordered):,})", inner) if rows else ""


def _materials(results: Results) -> str:
    seen = dict.fromkeys((label, sha) for _, report in results.reports for label, sha in report.materials)
    rows = [(code(label, 120), digest(sha)) for label, sha in list(seen)[:_MOST]]
    note = f"What was read, by its SHA-256; {wording.number(len(seen))} in all."
    return section(
        "materials", "What was read", folded("Digests", table(("Name", "SHA-256"), rows)) if rows else "", note=note
    )
