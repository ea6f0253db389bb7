"""A section put into a manifest that people wrote: their lines, comments and order stay as they are."""

from __future__ import annotations

from typing import Any

import yaml

from mlops_gitops.errors import Refused
from mlops_gitops.manifests.documents import Document


def with_section(document: Document, path: tuple[str, ...], section: Any) -> str:
    """The text of the document with ``section`` at ``path``, where there is nothing yet.

    It becomes the first entry of the innermost mapping of ``path`` that is there.  Raises ``Refused`` where something
    stands at ``path`` already, or the mapping is written in one line in braces.
    """
    node: Any = yaml.compose(document.text, Loader=yaml.CSafeLoader)
    found, line = 0, 0
    for name in path:
        pair = next(((key, value) for key, value in node.value if key.value == name), None)
        if pair is None:
            break
        found, line, node = found + 1, pair[0].start_mark.line + 1, pair[1]
    names = ".".join(path)
    if found == len(path):
        raise Refused(
            f"{document.path} has `{names}` already",
            hint="leave --write out, and take from what is printed what you want",
            code="section-there",
        )
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise Refused(
            f"{document.path}: `{'.'.join(path[:found])}` is written in braces, or is empty",
            hint="write one key a line there, or leave --write out and paste what is printed",
            code="section-braces",
        )
    for name in reversed(path[found + 1 :]):
        section = {name: section}
    indent = " " * node.value[0][0].start_mark.column
    added = dumped({path[found]: section})
    lines = document.text.splitlines(keepends=True)
    if line and not lines[line - 1].endswith("\n"):
        lines[line - 1] += "\n"
    lines[line:line] = [indent + one for one in added.splitlines(keepends=True)]
    return "".join(lines)


def dumped(value: Any) -> str:
    """The value as YAML: one entry a line where entries are flat."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    """Lists stand further in than their key, as this project writes them; nothing is an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own signature
        return True
