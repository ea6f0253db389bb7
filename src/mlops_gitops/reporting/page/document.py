"""The frame of every page: no network, no script, light and dark, and a policy that forbids what an escape let by."""

from __future__ import annotations

from mlops_gitops.reporting.page.elements import shown

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, body: str, *, sheet: str, footer: str) -> str:
    """The whole page.  ``body`` is HTML; ``title`` and ``footer`` are somebody else's words."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{shown(title, 160)}</title>\n<style>{sheet}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n<footer>{shown(footer, 120)}</footer>\n</main>\n</body>\n</html>"
    )
