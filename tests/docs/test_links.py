"""Every link leads somewhere, and every page is led to."""

from pathlib import Path

import pytest

from prose import PAGES, ROOT, anchors, links, named


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    for link in links(page.read_text(encoding="utf-8")):
        address, _, anchor = link.partition("#")
        if "://" in address or link.startswith("mailto:"):
            continue
        target = (page.parent / address).resolve() if address else page
        there = target.is_relative_to(ROOT) and target.exists()
        if not there or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert not broken


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), {ROOT / "README.md"}
    while ahead:
        page = ahead.pop()
        reached.add(page)
        for link in links(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in reached:
                ahead.add(target)
    assert {named(page) for page in PAGES} <= {named(page) for page in reached}


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    pages = {
        one.relative_to(docs).as_posix()
        for folder in ("tutorial", "how-to", "explanation")
        for one in (docs / folder).glob("*.md")
    }
    pages |= {f"reference/{one.name}" for one in (docs / "reference").glob("*.md")}
    assert {one for one in pages if f"({one})" not in index} == set()
