"""A reproduction as one HTML file: no network, no script, readable on a phone and in the dark.

The verdict comes first, then the ladder, then what to do, then everything that was compared.  Whatever a training wrote
is escaped and cut, and a policy in the page forbids it to load or run anything, should an escape ever fail.
"""

from __future__ import annotations

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page import comparisons, pictures, sections
from mlops_gitops.reporting.page.elements import shown
from mlops_gitops.reporting.page.style import SHEET
from mlops_gitops.reproduction.reproductions import Reproduction

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


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
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{shown(words.headline(found), 160)}</title>\n<style>{SHEET}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n"
        f"<footer>mlops-gitops reproduce, {shown(generated, 60)}</footer>\n</main>\n</body>\n</html>"
    )


def svg(found: Reproduction) -> str:
    """The ladder alone, as a picture that follows the reader's colour scheme."""
    return pictures.ladder(found)
