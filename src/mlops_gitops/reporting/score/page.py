"""The score as one HTML file: the four sections as bars, what earns the next point, and every test with its reason."""

from __future__ import annotations

from mlops_gitops.evidence.score.rubric import SECTIONS, meaning
from mlops_gitops.evidence.score.scoring import How, Line, Score
from mlops_gitops.reporting.page.axes import WIDE, line, picture, text
from mlops_gitops.reporting.page.document import document
from mlops_gitops.reporting.page.elements import badge, code, digest, section, shown, table
from mlops_gitops.reporting.page.style import FIGURES, SHEET
from mlops_gitops.reporting.score.text import MARKS, POSSIBLE, of, points, upcoming

_KINDS = {How.AUTOMATIC: "holds", How.BY_HAND: "open", How.NOT: "broken"}
_WORDS = {How.AUTOMATIC: "1 point, automatic", How.BY_HAND: "½ point, by hand", How.NOT: "no point"}
_LEFT, _ROW, _GAP = 148, 30, 4
_STRONG = 3.0


def page(score: Score, *, generated: str) -> str:
    """The whole page; ``generated`` is the time at which it was made, as it is to be shown."""
    release = score.release
    title = f"{release.name} {release.version}: ML Test Score {points(score.total)}"
    kind = "holds" if score.total > _STRONG else "open" if score.total > 0 else "broken"
    head = (
        f'<header class="{kind}"><p class="kicker">ML Test Score of {shown(release.name, 80)} '
        f"{shown(release.version, 40)}, release {digest(release.id)}</p>"
        f'<h1><span class="mark">{points(score.total)}</span>of {POSSIBLE}: {meaning(score.total)}</h1>'
        f"<p>The score is that of the weakest section: {_weakest(score)}.</p></header>"
    )
    parts = [head, section("sections", "Sections", _bars(score)), _next(score)]
    parts += [_section(score, name, title) for name, title in SECTIONS.items()]
    body = "\n".join(part for part in parts if part)
    return document(title, body, sheet=SHEET + FIGURES, footer=f"mlops-gitops score, {generated}")


def _weakest(score: Score) -> str:
    return ", ".join(SECTIONS[one].lower() for one in score.weakest)


def _bars(score: Score) -> str:
    """Seven boxes a section, filled where a point is earned; the dashed line is the score."""
    width = (WIDE - _LEFT - 44) / POSSIBLE
    parts = []
    for row, (name, title) in enumerate(SECTIONS.items()):
        y = 12 + row * _ROW
        parts.append(text(_LEFT - 10, y + 15, title, anchor="end", kind="ink"))
        ordered = sorted(of(score, name), key=lambda one: -one.how.points)
        for index, one in enumerate(ordered):
            x = _LEFT + index * width
            parts.append(f'<rect class="absent" x="{x:.1f}" y="{y}" width="{width - _GAP:.1f}" height="20" rx="3"/>')
            filled = (width - _GAP) * one.how.points
            if filled:
                parts.append(
                    f'<rect class="{"bar" if one.how is How.AUTOMATIC else "half"}" x="{x:.1f}" y="{y}" '
                    f'width="{filled:.1f}" height="20" rx="3"/>'
                )
        parts.append(text(WIDE - 34, y + 15, points(score.section(name)), kind="ink"))
    bottom = 12 + _ROW * len(SECTIONS)
    x = _LEFT + score.total * width - _GAP / 2
    parts.append(line("limit", x, 4, x, bottom))
    parts.append(text(x, bottom + 13, f"score {points(score.total)}", anchor="middle" if score.total else "start"))
    told = "; ".join(f"{title} {points(score.section(name))}" for name, title in SECTIONS.items())
    return f'<figure class="card">{picture(bottom + 20, "Points by section", told, parts)}</figure>'


def _next(score: Score) -> str:
    items = "".join(
        f"<li><b>{one.test.id}, {one.test.title}</b><br>{shown(one.next, 500)}</li>" for one in upcoming(score)
    )
    note = "What is not in the weakest section does not raise the score."
    return section("next", "For the next point", f"<ol>{items}</ol>" if items else "", note=note)


def _section(score: Score, name: str, title: str) -> str:
    rows = [
        (_answer(one), f"{code(one.test.id)} {one.test.title}", _why(one), shown(one.next, 400) or "-")
        for one in of(score, name)
    ]
    heads = ("Points", "Test", "Why", "What earns more")
    return section(name, f"{title}: {points(score.section(name))}", table(heads, rows))


def _answer(one: Line) -> str:
    return badge(_KINDS[one.how], f"{MARKS[one.how]} {_WORDS[one.how]}")


def _why(one: Line) -> str:
    files = " ".join(digest(sha) for sha in one.evidence[:6])
    return f"{shown(one.reason, 400)} {files}"
