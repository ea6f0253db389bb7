# ruff: noqa: INP001 - a program of its own, not part of a package
"""Writes the tables of inputs and outputs in each Action's README from its ``action.yml``; ``--check`` only compares.

What stands between the two marks of a README is made here and nowhere else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ACTIONS = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- generated from action.yml: begin -->", "<!-- generated from action.yml: end -->"


def tables(action: dict[str, Any]) -> str:
    """The two tables of one Action."""
    lines = ["| input | default | what it is |", "|---|---|---|"]
    for name, entry in action["inputs"].items():
        default = f"`{entry['default']}`" if entry.get("default") else "—"
        lines.append(f"| `{name}` | {default} | {entry['description']} |")
    lines += ["", "| output | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {entry['description']} |" for name, entry in action["outputs"].items()]
    return "\n".join(lines)


def renewed(readme: str, action: dict[str, Any]) -> str:
    """``readme`` with its tables made again.  Raises ``ValueError`` where it has no marks to put them between."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"a README needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{tables(action)}\n{END}{after}"


def main(words: list[str]) -> int:
    """Write every README, or with ``--check`` name those that are not current."""
    stale = []
    for path in sorted(ACTIONS.glob("*/action.yml")):
        readme = path.with_name("README.md")
        found = readme.read_text(encoding="utf-8")
        wanted = renewed(found, yaml.safe_load(path.read_text(encoding="utf-8")))
        if found != wanted:
            stale.append(f"actions/{path.parent.name}/README.md")
            if words != ["--check"]:
                readme.write_text(wanted, encoding="utf-8")
    if words == ["--check"] and stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run `./dev docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
