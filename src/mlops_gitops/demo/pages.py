"""What the documentation shows of the demo, taken from what a demo printed.

``mlops-gitops demo | python -m mlops_gitops.demo.pages README.md docs/tutorial/first-promotion.md`` puts the commands
of each step, with their output, between the marks of those pages.  A test runs the demo and holds that the pages show
what it prints, but for digests, times and numbers.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

FOLDER = "/home/ada/mlops-gitops-demo"
"""Where the demo happens in the documentation, wherever it happened."""
WIDTH = 118
"""How wide an excerpt is that is marked as short."""

_STEP = re.compile(r"^\[\d+/\d+\] (.+?)  \(\d+ s\)$", re.MULTILINE)
_PLACE = re.compile(r"^Everything happens in (.+)\.$", re.MULTILINE)
_MARKED = re.compile(r"(<!-- demo( short)?: (.+?) -->\n).*?(<!-- demo: end -->)", re.DOTALL)
_FIRST = re.compile(r"^(.*?\[[^\]]+:\d+:\d+\]);.*$")
"""What stands up to the first place in a file, where more follows."""
_CHANGING = re.compile(r"[0-9a-f]*\d[0-9a-f]*")


def filled(page: str, printed: str) -> str:
    """``page`` with every excerpt taken anew from what a demo printed.

    A mark names steps by their titles, parted by `` + ``; `` #2`` behind a title takes its second command only.
    Raises ``KeyError`` for a step that the demo does not have.
    """
    shown = steps(printed)

    def excerpt(found: re.Match[str]) -> str:
        lines = [line for pick in found[3].split(" + ") for line in _picked(pick, shown)]
        if found[2]:
            lines = [line for long in lines for line in _short(long)]
        return "\n".join([f"{found[1]}```console", *lines, f"```\n{found[4]}"])

    return _MARKED.sub(excerpt, page)


def steps(printed: str) -> dict[str, list[list[str]]]:
    """Title → what was done in the step, each with what came back; words of explanation are left out."""
    place = _PLACE.search(printed)
    text = _elsewhere(printed, place[1]) if place else printed
    parts = _STEP.split(text)[1:]
    return {title: _deeds(body) for title, body in zip(parts[::2], parts[1::2], strict=True)}


def masked(text: str) -> str:
    """``text`` without what differs from run to run: digests, times and numbers, and how they break lines."""
    return " ".join(_CHANGING.sub("0", text).split())


def _elsewhere(text: str, place: str) -> str:
    """``text`` as if everything had happened in ``FOLDER``, whose name needs no quotes in a shell or a URL."""
    moved = text.replace(place, FOLDER).replace(Path(place).as_uri(), Path(FOLDER).as_uri())
    return re.sub(rf"'([^' ]*{FOLDER}[^' ]*)'", r"\1", moved)


def _deeds(body: str) -> list[list[str]]:
    found: list[list[str]] = []
    for line in body.splitlines():
        if line.startswith(("  $ ", "  # ")):
            found.append([line[2:]])
        elif line.startswith("  |") and found:
            found[-1].append(line[4:])
        elif line.startswith("  exit code ") and found:
            found[-1].append(f"# {line[2:]}")
    return found


def _picked(pick: str, shown: dict[str, list[list[str]]]) -> list[str]:
    title, _, number = pick.partition(" #")
    chosen = [shown[title][int(number) - 1]] if number else shown[title]
    return [line for deed in chosen for line in deed]


def _short(line: str) -> list[str]:
    """A line cut behind the first place that it names, and wrapped below its own words."""
    return textwrap.wrap(_FIRST.sub(r"\1; …", line), WIDTH, subsequent_indent=" " * 18) or [line]


if __name__ == "__main__":
    output = sys.stdin.read()
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(filled(path.read_text(encoding="utf-8"), output), encoding="utf-8")
