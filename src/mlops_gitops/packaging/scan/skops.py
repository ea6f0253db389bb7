"""The ``schema.json`` of a skops archive: every type that it would import must be on the list.

Each node of the schema names a class and the loader that rebuilds it.  Loaders that fetch attributes, bind methods or
call constructors of their choice are not accepted, nor are protocols before 2, whose nodes hide names elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_gitops.packaging.scan.allowed import CLASSIC, names
from mlops_gitops.packaging.scan.problems import Problem, shown

_LOADERS = frozenset({
    "BytearrayNode", "BytesNode", "CachedNode", "DTypeNode", "DefaultDictNode", "DictNode", "FunctionNode", "JsonNode",
    "ListNode", "LossNode", "MaskedArrayNode", "NdArrayNode", "ObjectNode", "RandomGeneratorNode", "RandomStateNode",
    "SetNode", "SliceNode", "SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode",
})  # fmt: skip
_ALSO = {("builtins", "NoneType"), ("builtins", "type")}
_FIRST_PROTOCOL = 2
_BIT_GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}


def scan_schema(data: bytes, where: str, members: frozenset[str]) -> list[Problem]:
    """Every type, loader and member name in the schema that is not on the list."""
    try:
        schema = json.loads(data)
    except (ValueError, RecursionError) as error:
        return [Problem("scan.skops", where, f"schema.json is not JSON: {error}")]
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if type(protocol) is not int or protocol < _FIRST_PROTOCOL:
        return [
            Problem(
                "scan.skops", where, f"has the skops protocol {shown(protocol)}; save it again with a current skops"
            )
        ]
    problems: dict[Problem, None] = {}
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            problems.update(dict.fromkeys(_node(node, where, members)))
    return list(problems)


def _node(node: dict[str, Any], where: str, members: frozenset[str]) -> list[Problem]:
    if not {"__class__", "__module__", "__loader__"} & node.keys():
        return []
    loader, module, name = node.get("__loader__"), node.get("__module__"), node.get("__class__")
    found = []
    if loader not in _LOADERS:
        found.append(Problem("scan.skops-loader", where, f"uses the loader {shown(loader)}, which is not on the list"))
    if (module, name) not in names(*CLASSIC) | _ALSO:
        message = f"names the type {shown(module)}.{shown(name)}, which is not on the list"
        found.append(Problem("scan.skops-type", where, message))
    if "file" in node and node["file"] not in members:
        found.append(Problem("scan.skops", where, f"refers to {shown(node['file'])}, which is not in the archive"))
    if loader == "RandomGeneratorNode" and _bit_generator(node) not in _BIT_GENERATORS:
        found.append(Problem("scan.skops-type", where, "hides the name of its bit generator"))
    return found


def _bit_generator(node: dict[str, Any]) -> object:
    try:
        return json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
    except (KeyError, TypeError, ValueError):
        return None
