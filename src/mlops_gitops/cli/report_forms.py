"""The forms of a scorecard, made once and put together: what is written, printed and posted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_gitops.canonical import JSON
from mlops_gitops.reporting.scorecard import charts, inline, layout, markdown, words
from mlops_gitops.reporting.scorecard import document as documents
from mlops_gitops.reporting.scorecard.records import Scorecard

_ROWS = 1000
"""Rows of a table in the summary."""
_PICTURES = 50


@dataclass(frozen=True, slots=True)
class Forms:
    """A scorecard in every form; ``boards`` are its leaderboards, as Markdown and as JSON."""

    found: Scorecard
    boards: tuple[str, ...] = ()
    tables: tuple[JSON, ...] = ()
    pictures: Mapping[str, str] | None = None

    @property
    def comment(self) -> str:
        """The comment, without its marker."""
        return markdown.render(self.found, room=layout.COMMENT, boards=self.boards)

    @property
    def summary(self) -> str:
        """The job summary, with everything."""
        return markdown.render(self.found, room=layout.SUMMARY, boards=self.boards, rows=_ROWS)

    @property
    def annotations(self) -> str:
        """Workflow commands."""
        return inline.render(self.found.all_remarks)

    @property
    def sentence(self) -> str:
        """The answer, for a log."""
        return words.headline(self.found, words.plain)

    @property
    def files(self) -> dict[str, str]:
        """What ``--output`` holds."""
        whole = json.dumps(self.document(written=(), comment=None), indent=2)
        return {
            "report.json": f"{whole}\n",
            "comment.md": self.comment,
            "summary.md": self.summary,
            "annotations.txt": self.annotations,
            **(self.pictures or {}),
        }

    def document(self, *, written: Sequence[str], comment: Mapping[str, JSON] | None) -> dict[str, JSON]:
        """The JSON."""
        return documents.document(
            self.found,
            summary=self.sentence,
            shown=len(inline.chosen(self.found.all_remarks)),
            files=written,
            comment=comment,
            leaderboards=self.tables,
        )

    def printed(self, form: str) -> str:
        """What a terminal, a runner or a file gets."""
        if form == "markdown":
            return self.comment.rstrip("\n")
        if form == "github":
            return f"{self.annotations}{markdown.ANSWERS[self.found.answer]} {self.sentence}"
        return self._text()

    def _text(self) -> str:
        found = self.found
        lines = [f"{markdown.ANSWERS[found.answer]} {self.sentence}"]
        for card in found.cards:
            lines.append(f"  {markdown.ANSWERS[card.answer]} {words.named(card, words.plain)}")
            lines += [f"      {one.kind}: {words.plain(one.summary)}" for one in card.parts]
        lines += [f"  {one.answer.value}: {words.plain(one.about)}: {words.plain(one.reason)}" for one in found.asked]
        lines += [f"  left out: {words.plain(one.file)}: {words.plain(one.reason)}" for one in found.left_out]
        lines += [f"  not there: a report of {one}" for one in found.missing]
        return "\n".join(lines)


def made(found: Scorecard, *, boards: Sequence[tuple[str, JSON]] = ()) -> Forms:
    """Every form of one scorecard."""
    pictures = {}
    for index, card in enumerate(found.cards[:_PICTURES], start=1):
        picture = charts.forest(card.scores, title=f"{words.named(card, words.plain)} against the champion")
        if picture:
            pictures[f"metrics-{index}.svg"] = picture
    return Forms(found, tuple(text for text, _ in boards), tuple(table for _, table in boards if table), pictures)
