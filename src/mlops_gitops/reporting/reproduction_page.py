"""A reproduction as one HTML file: no network, no script, readable on a phone and in the dark.

The verdict comes first, then the ladder, then what to do, then everything that was compared.  Whatever a training wrote
is escaped and cut, and a policy in the page forbids it to load or run anything, should an escape ever fail.
"""

from __future__ import annotations

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page import comparisons, pictures, sections
from mlops_gitops.reporting.page.document import document
from mlops_gitops.reporting.page.style import SHEET
from mlops_gitops.reproduction.reproductions import Reproduction


def page(found: Reproduction, *, generated: str) -> str:
    """The whole page; ``generated`` is the time at which it was made, as it is to be shown."""
    agreement, explanation = found.agreement, found.explanation
    parts = [
        sections.verdict(found),
        sections.ladder(found, agreement) if agreement else "",
        sections.problems(found),
        sections.causes(explanation) if explanation else "",
        *(
            (
                comparisons.files(agreement),
                comparisons.tensors(agreement),
                comparisons.predictions(agreement),
                comparisons.metrics(agreement),
            )
            if agreement
            else ()
        ),
        sections.experiments(explanation) if explanation else "",
        comparisons.stages(found),
        comparisons.environments(found),
        sections.runs(found),
        sections.again(found),
    ]
    body = "\n".join(part for part in parts if part)
    return document(words.headline(found), body, sheet=SHEET, footer=f"mlops-gitops reproduce, {generated}")


def svg(found: Reproduction) -> str:
    """The ladder alone, as a picture that follows the reader's colour scheme."""
    return pictures.ladder(found)
