"""The documentation as the tests see it: pages, links, headings and fenced blocks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted(
    [*(ROOT / name for name in TOP), *ROOT.glob("docs/**/*.md"), *ROOT.glob("actions/*/README.md")],
    key=lambda page: page.as_posix(),
)
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(text: str, *languages: str) -> list[str]:
    """The bodies of fenced blocks in one of ``languages``."""
    return [body for language, body in _FENCE.findall(text) if language in languages]


def plain(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    return _LINK.findall(plain(text))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", plain(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
