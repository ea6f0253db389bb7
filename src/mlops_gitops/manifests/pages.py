"""The generated parts of the reference of formats: tables of fields from the JSON Schemas, and examples from files.

``python -m mlops_gitops.manifests.pages docs/reference/formats.md`` writes them between the marks of that page; a test
holds that what is committed is current.  Examples lie in ``examples/`` beside the page.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_gitops.manifests import schema

_MARKED = re.compile(r"(<!-- (fields of|example|payload of) ([\w.-]+): begin -->\n).*?(<!-- \2 \3: end -->)", re.DOTALL)
_LONGEST = 44


def current(page: str, examples: Path) -> str:
    """``page`` with every generated part made again.  Raises ``OSError`` for a mark that names nothing."""

    def made(found: re.Match[str]) -> str:
        match found[2]:
            case "fields of":
                return table(found[3])
            case "example":
                text = (examples / found[3]).read_text(encoding="utf-8")
                return f"```{Path(found[3]).suffix[1:]}\n{text}```"
            case _:
                payload = base64.b64decode(json.loads((examples / found[3]).read_bytes())["payload"])
                return f"```json\n{json.dumps(json.loads(payload), indent=2, ensure_ascii=False)}\n```"

    return _MARKED.sub(lambda found: f"{found[1]}{made(found)}\n{found[4]}", page)


def table(kind: str) -> str:
    """The fields of one kind of document, in the order of its schema; fields inside lists are written ``list[].x``."""
    root = schema.document(kind)
    rows = [f"| `{path}` | {need} | {what} | {example} |" for path, need, what, example in _rows(root, root, "")]
    return "\n".join(["| field | | what it is | such as |", "|---|---|---|---|", *rows])


def _rows(node: Mapping[str, Any], root: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = node.get("required", ())
    for name, below in node.get("properties", {}).items():
        inner = _followed(below, root)
        path = f"{prefix}{name}"
        need = "required" if name in required else ""
        yield path, need, _cell(below.get("description", inner.get("description", ""))), _example(below, inner)
        for suffix, deeper in _inside(inner, root):
            yield from _rows(deeper, root, f"{path}{suffix}.")


def _inside(node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects below a field: its own, those in its list, and those of its alternatives."""
    if "properties" in node:
        yield "", node
    if isinstance(node.get("items"), dict):
        for suffix, deeper in _inside(_followed(node["items"], root), root):
            yield f"[]{suffix}", deeper
    for keyword in ("oneOf", "anyOf"):
        for alternative in node.get(keyword, ()):
            yield from _inside(_followed(alternative, root), root)


def _followed(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference leads to; references point into ``$defs`` of the same document."""
    target: Mapping[str, Any] = node
    while "$ref" in target:
        target = root["$defs"][target["$ref"].rpartition("/")[2]]
    return target


def _example(below: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    for one in (*below.get("examples", ()), *inner.get("examples", ())):
        if not isinstance(one, (dict, list)) or not _inside_any(one):
            text = json.dumps(one, ensure_ascii=False)
            return f"`{_cell(text if len(text) <= _LONGEST else text[: _LONGEST - 2] + '…')}`"
    return ""


def _inside_any(example: Any) -> bool:
    """Whether an example holds objects, which have rows of their own."""
    return isinstance(example, dict) or any(isinstance(one, dict) for one in example)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    written = current(target.read_text(encoding="utf-8"), target.parent / "examples")
    target.write_text(written, encoding="utf-8")
