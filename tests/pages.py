"""A page as a strict reader sees it: every element closed in turn, nothing fetched, no script."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br"}
PICTURES = {"rect", "line", "circle", "polygon", "polyline"}


class Reader(HTMLParser):
    """The elements of a page, each closed in turn, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in PICTURES
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def harmless(text: str) -> Reader:
    """The page, which is whole, fetches nothing and runs nothing; links lead to places in itself."""
    read = Reader(text)
    assert read.open == []
    names = {name for tag, given in read.seen for name in given}
    assert not {tag for tag, _ in read.seen} & {"script", "link", "img", "iframe", "base", "form", "object", "style:"}
    assert not names & {"src", "srcset", "style", "xlink:href", "action"}
    assert all((given["href"] or "").startswith("#") for _, given in read.seen if "href" in given)
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    return read
