"""What ``test`` prints and leaves: every form of its results, imported when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mlops_gitops import times
from mlops_gitops.cli.world import World
from mlops_gitops.errors import WorldFailed
from mlops_gitops.evidence.verdicts import Report
from mlops_gitops.reporting.reports import report_document, report_text
from mlops_gitops.reporting.results.records import Results

FORMATS = ("text", "json", "github", "junit", "markdown", "sarif")


def rendered(reports: Sequence[tuple[str, Report]], style: str, *, commit: str | None = None) -> str:
    """The results in one of ``FORMATS``; ``commit`` is the one that holds them, where they were published."""
    results = Results(tuple(reports))
    match style:
        case "json":
            return document(results, commit=commit)
        case "github":
            from mlops_gitops.reporting.results import github

            return github.render(results)
        case "junit":
            from mlops_gitops.reporting.results import junit

            return junit.render(results)
        case "markdown":
            from mlops_gitops.reporting.results import markdown

            return markdown.render(results)
        case "sarif":
            from mlops_gitops.reporting.results import sarif

            return sarif.render(results)
        case _:
            return "\n".join(report_text(one) for _, one in results.reports)


def document(results: Results, *, commit: str | None = None) -> str:
    """The whole answer for programs."""
    documents = [report_document(one, model=model) for model, one in results.reports]
    return answer(verdict=results.verdict.value, reports=documents, commit=commit)


def answer(**found: object) -> str:
    """What ``test`` prints for programs: every field of its schema, whichever of them it has found."""
    nothing: dict[str, object] = {
        "verdict": None,
        "reports": [],
        "commit": None,
        "written": [],
        "features": [],
        "profiles": [],
        "inferred": {},
    }
    return json.dumps({**nothing, **found}, indent=2)


def leave(reports: Sequence[tuple[str, Report]], folder: Path, world: World) -> list[Path]:
    """Write every form into ``folder``, below the name of each model; the pages.  Raises ``WorldFailed``."""
    from mlops_gitops.cli import writing
    from mlops_gitops.reporting.results import junit, markdown, page, sarif, statements

    results, pages = Results(tuple(reports)), []
    try:
        for model in results.models:
            one, room = results.of(model), writing.room(folder, model)
            files = {
                "report.html": page.page(one, generated=times.format_instant(world.now())),
                "report.json": document(one),
                "report.sarif": sarif.render(one),
                "junit.xml": junit.render(one),
                "summary.md": markdown.render(one),
                **statements.files(one, issued_at=world.now()),
            }
            for name, text in files.items():
                writing.replaced(room / name, f"{text}\n".encode("utf-8", "backslashreplace"))
            pages.append(room / "report.html")
    except OSError as error:
        raise WorldFailed(
            f"{folder} cannot be written: {error.strerror}", hint="name another folder with --report", code="report"
        ) from error
    return pages
