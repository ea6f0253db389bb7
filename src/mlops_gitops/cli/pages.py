"""The generated parts of the pages about verbs, made from the parsers.

``python -m mlops_gitops.cli.pages README.md docs/reference/cli`` writes the table of verbs into the README and into the
index, and into each verb's page its synopsis, its options and its example.  What stands between the two marks of a page
is made here and nowhere else; the rest of a page is written by people.  A test holds that what is committed is current.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mlops_gitops.cli.main import VERBS, parser_of, verb

BEGIN, END = "<!-- generated from the parser: begin -->", "<!-- generated from the parser: end -->"
_Kinds = argparse._SubParsersAction  # noqa: SLF001 - argparse offers no public way to look into a parser


def table(*, pages: str) -> str:
    """The verbs, each with its purpose and a link into the folder ``pages``."""
    rows = [f"| [`{name}`]({pages}{name}.md) | {purpose} |" for name, purpose in VERBS.items()]
    return "\n".join(["| verb | does |", "|---|---|", *rows])


def reference(name: str) -> str:
    """Synopsis, options and example of one verb; of each of its kinds where it has kinds."""
    parser = parser_of(name)
    return "\n".join([*_described(parser), "", "## Example", "", "```console", *_example(name), "```"])


def between(page: str, made: str) -> str:
    """``page`` with ``made`` between its marks.  Raises ``ValueError`` where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"a page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def current(readme: Path, folder: Path) -> dict[Path, str]:
    """Every page with a generated part, as it should read."""
    wanted = {readme: between(readme.read_text(encoding="utf-8"), table(pages="docs/reference/cli/"))}
    index = folder / "index.md"
    wanted[index] = between(index.read_text(encoding="utf-8"), table(pages=""))
    for name in VERBS:
        page = folder / f"{name}.md"
        wanted[page] = between(page.read_text(encoding="utf-8"), reference(name))
    return wanted


def _described(parser: argparse.ArgumentParser) -> Iterator[str]:
    actions = [one for one in parser._actions if one.dest != "help"]  # noqa: SLF001 - see _Kinds
    kinds = [kind for one in actions if isinstance(one, _Kinds) for kind in one.choices.values()]
    plain = sorted((one for one in actions if not isinstance(one, _Kinds)), key=lambda one: one.dest == "format")
    if kinds:
        for kind in kinds:
            yield from ["", f"### `{kind.prog.removeprefix('mlops-gitops ')}`", "", kind.description or "", ""]
            yield from _described(kind)
        return
    yield from ["```text", _synopsis(parser.prog, plain), "```", "", "| argument | | what it is |", "|---|---|---|"]
    for one in plain:
        yield f"| `{_cell(_spelt(one))}` | {_demand(one)} | {_cell(one.help or '')} |"


def _synopsis(prog: str, actions: list[argparse.Action]) -> str:
    words = [prog]
    for one in actions:
        if not one.option_strings:
            words.append(_spelt(one))
        elif one.required:
            words.append(_plain(one))
    return " ".join([*words, "[OPTION…]"])


def _plain(action: argparse.Action) -> str:
    """An option or argument with its value, as it is typed."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        named = isinstance(action.metavar, str)
        return value if named or not action.choices else "|".join(map(str, action.choices))
    if action.nargs == 0:
        return action.option_strings[-1]
    if action.choices:
        value = "|".join(map(str, action.choices))
    return f"{action.option_strings[-1]} {value}"


def _spelt(action: argparse.Action) -> str:
    text = _plain(action)
    if action.nargs == "?":
        text = f"[{text}]"
    if action.nargs == "*":
        text = f"[{text}…]"
    return text


def _demand(action: argparse.Action) -> str:
    return "required" if action.required and action.nargs not in {"?", "*"} else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


def _example(name: str) -> list[str]:
    return verb(name).EXAMPLE.strip().splitlines()


if __name__ == "__main__":
    for path, text in current(Path(sys.argv[1]), Path(sys.argv[2])).items():
        path.write_text(text, encoding="utf-8")
