"""The score as one HTML file: the four sections as bars, what earns the next point, and every test with its reason."""

from __future__ import annotations

from mlops_gitops.evidence.score.rubric import SECTIONS, meaning
from mlops_gitops.evidence.score.scoring import How, Line, Score
from mlops_gitops.reporting.page.axes import EDGE, WIDE, line, picture, text
from mlops_gitops.reporting.page.document import document
from mlops_gitops.reporting.page.elements import badge, code, digest, prose, section, shown, table
from mlops_gitops.reporting.page.style import SHEET
from mlops_gitops.reporting.score.text import MARKS, POSSIBLE, of, points, upcoming

_KINDS = {How.AUTOMATIC: "holds", How.BY_HAND: "open", How.NOT: "broken"}
_WORDS = {How.AUTOMATIC: "1 point, automatic", How.BY_HAND: "½ point, by hand", How.NOT: "no point"}
_LEFT, _ROW, _GAP = 146, 30, 4
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
    return document(title, body, sheet=SHEET, footer=f"mlops-gitops score, {generated}")


def _weakest(score: Score) -> str:
    return ", ".join(SECTIONS[one].lower() for one in score.weakest)


def _bars(score: Score) -> str:
    """The points of each section: whole boxes, half ones, and what is missing; the line is the score."""
    width = (WIDE - _LEFT - 36) / POSSIBLE
    parts = []
    for row, (name, title) in enumerate(SECTIONS.items()):
        y = 12 + row * _ROW
        parts.append(text(_LEFT - 10, y + 15, title, anchor="end", kind="ink"))
        earned = sorted((one.how for one in of(score, name)), key=lambda one: -one.points)
        boxes = [("bar" if one is How.AUTOMATIC else "half", one.points) for one in earned if one.points]
        missing = POSSIBLE - score.section(name)
        boxes += [("absent", missing % 1)] * bool(missing % 1) + [("absent", 1.0)] * int(missing)
        x = float(_LEFT)
        for kind, share in boxes:
            wide = f'width="{width * share - _GAP:.1f}" height="20" rx="3"'
            parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" {wide}/>')
            x += width * share
        parts.append(text(WIDE - EDGE, y + 15, points(score.section(name)), anchor="end", kind="ink"))
    bottom = 12 + _ROW * len(SECTIONS)
    x = _LEFT + score.total * width - _GAP / 2
    parts.append(line("limit", x, 4, x, bottom))
    parts.append(text(x, bottom + 13, f"score {points(score.total)}", anchor="middle" if score.total else "start"))
    told = "; ".join(f"{title} {points(score.section(name))}" for name, title in SECTIONS.items())
    caption = "<figcaption>whole boxes: made by a machine; half boxes: by hand; dashed: the score</figcaption>"
    return f'<figure class="card">{picture(bottom + 20, "Points by section", told, parts)}{caption}</figure>'


def _next(score: Score) -> str:
    items = "".join(
        f"<li><b>{one.test.id}, {one.test.title}</b><br>{prose(one.next, 600)}</li>" for one in upcoming(score)
    )
    note = "What is not in the weakest section does not raise the score."
    return section("next", "For the next point", f"<ol>{items}</ol>" if items else "", note=note)


def _section(score: Score, name: str, title: str) -> str:
    rows = [
        (_answer(one), f"{code(one.test.id)} {one.test.title}", _why(one), prose(one.next, 600) or "-")
        for one in of(score, name)
    ]
    heads = ("Points", "Test", "Why", "What earns more")
    return section(name, f"{title}: {points(score.section(name))}", table(heads, rows))


def _answer(one: Line) -> str:
    return badge(_KINDS[one.how], f"{MARKS[one.how]} {_WORDS[one.how]}")


def _why(one: Line) -> str:
    files = " ".join(digest(sha) for sha in one.evidence[:6])
    return f"{shown(one.reason, 400)} {files}"
