"""The reference page of error codes, made from the source: every place that ends a command, and what it says.

``python -m mlops_gitops.cli.endings docs/reference/errors.md`` writes it; a test holds that what is committed is what
this writes.  The source is read as a syntax tree and nothing is imported, so no extra has to be installed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

from mlops_gitops import errors
from mlops_gitops.errors import Failure

_ENDINGS: tuple[type[Failure], ...] = (errors.Refused, errors.Misused, errors.NotYet, errors.WorldFailed)
_GAP = "…"
_HEAD = """\
# Error codes

A command that cannot do what it was asked says one sentence of what is wrong and one of what to do. With
`--format json` it prints the same as data:

```json
{"error": {"code": "no-key", "message": "…", "hint": "…", "retry": false, "exitCode": 2}}
```

`code` is stable, and `exitCode` is one of the [exit codes](exit-codes.md). An `…` below stands for names and numbers.
Two codes are in no table: `interrupted` (130) and `bug` (70). This page is made from the source.
"""


class Ending(NamedTuple):
    """One place in the source that ends a command."""

    code: str
    kind: type[Failure]
    message: str
    hint: str


def endings(source: Path) -> list[Ending]:
    """Every ending in the Python files below ``source``, in order, each once."""
    trees = [ast.parse(path.read_bytes()) for path in sorted(source.rglob("*.py"))]
    shared = {name: texts for tree in trees for name, texts in _constants(tree.body).items()}
    found = {one for tree in trees for one in _in(tree, shared)}
    return sorted(found, key=lambda one: (one.code, one.kind.exit_code, one.message, one.hint))


def page(source: Path) -> str:
    """The whole page."""
    parts = [_HEAD]
    found = endings(source)
    for kind in _ENDINGS:
        rows = [f"| `{one.code}` | {_cell(one.message)} | {_cell(one.hint)} |" for one in found if one.kind is kind]
        summary = (kind.__doc__ or "").strip().splitlines()[0]
        head = ["| code | it says | what to do |", "|---|---|---|"]
        parts.append("\n".join([f"## Exit code {kind.exit_code}", "", summary, "", *head, *rows]) + "\n")
    return "\n".join(parts)


def _constants(nodes: Iterable[ast.AST]) -> dict[str, list[str]]:
    """Names that are given a plain text, also several of them at once, and every text that they are given."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            names = target.elts if several and isinstance(target, ast.Tuple) else [target]
            values = value.elts if several and isinstance(value, ast.Tuple) else [value]
            for name, given in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and isinstance(given, ast.Constant) and isinstance(given.value, str):
                    found.setdefault(name.id, []).append(given.value)
    return found


def _in(tree: ast.Module, shared: Mapping[str, list[str]]) -> Iterator[Ending]:
    names = {**shared, **_constants(ast.walk(tree))}
    inside = {
        id(call): base.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
        for call in ast.walk(node)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else inside.get(id(call), "")
        kind = next((one for one in _ENDINGS if one.__name__ == name), None)
        said = {word.arg: word.value for word in call.keywords}
        if kind is not None and "code" in said:
            message = _text(call.args[0]) if call.args else _GAP
            for code in _codes(said["code"], names):
                yield Ending(code, kind, message, _text(said.get("hint")))


def _codes(node: ast.expr, names: Mapping[str, list[str]]) -> list[str]:
    """Every code that an expression can make.  Raises ``ValueError`` where that cannot be seen."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) | ast.FormattedValue(value=ast.Name(id=name)) if name in names:
            return list(dict.fromkeys(names[name]))
        case ast.JoinedStr(values=parts):
            return ["".join(texts) for texts in product(*(_codes(part, names) for part in parts))]
        case _:
            raise ValueError(f"line {node.lineno}: an error code has to be written out")


def _text(node: ast.AST | None) -> str:
    """The text that an expression makes, with a gap for what is known only when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return re.sub(f"{_GAP}+", _GAP, "".join(map(_text, parts)))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case _:
            return _GAP


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("\n", " ")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(Path(errors.__file__).parent), encoding="utf-8")
