"""skops archives as leaves: the tree of ``schema.json``, with the arrays of the members that it names in their places.

Names of members and the ids of nodes are addresses in the memory of whoever saved the model: they only say which nodes
are one object, and that is what is told of them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from mlops_gitops.reproduction.contents import archives, noise
from mlops_gitops.reproduction.contents.archives import Read
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.sources import Source

_MOST_SCHEMA = 256 << 20
_DEEPEST = 300
_OWN = frozenset({"__id__", "__class__", "__module__", "__loader__", "content", "file", "protocol", "_skops_version"})


def leaves(source: Source, read: Read, *, depth: int) -> Iterator[Leaf]:
    """The leaves of the model in a skops archive."""
    with archives.opened(source) as archive:
        data = archives.member(archive, "schema.json", most=_MOST_SCHEMA)
        try:
            schema = json.loads(data.read(0, data.size))
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"its schema is not JSON: {str(error)[:80]}") from error
        if not isinstance(schema, dict):
            raise Unreadable("its schema is not a node")
        yield from archives.told(archive)
        for key in ("protocol", "_skops_version"):
            yield Leaf(key, schema.get(key) if isinstance(schema.get(key), str | int) else None, "skops version")
        yield from _Walk(archive, read, depth).node("", None, schema, 0)


class _Walk:
    def __init__(self, archive: zipfile.ZipFile, read: Read, depth: int) -> None:
        self.archive, self.read, self.depth = archive, read, depth
        self.seen: dict[object, str] = {}
        self.used: set[str] = set()

    def node(self, path: str, name: str | None, node: Any, depth: int, *, attributes: bool = False) -> Iterator[Leaf]:
        if depth > _DEEPEST:
            raise Unreadable(f"its objects are nested more than {_DEEPEST} deep")
        if isinstance(node, list):
            yield Leaf(f"{path}.__len__", len(node))
            for index, one in enumerate(node):
                yield from self.node(f"{path}[{index}]", None, one, depth + 1)
        elif isinstance(node, dict):
            if "__loader__" in node:
                yield from self._object(path, name, node, depth, attributes=attributes)
            else:
                yield from self._entries(path, node, depth, attributes=attributes)
        else:
            yield Leaf(path or "(root)", node, noise.of_setting(name, node))

    def _entries(self, path: str, node: dict[str, Any], depth: int, *, attributes: bool) -> Iterator[Leaf]:
        for key in sorted(node) if attributes else node:
            yield from self.node(f"{path}.{key}" if path else key, key, node[key], depth + 1)

    def _object(
        self, path: str, name: str | None, node: dict[str, Any], depth: int, *, attributes: bool
    ) -> Iterator[Leaf]:
        loader, identity = node["__loader__"], node.get("__id__")
        if loader == "CachedNode":
            yield Leaf(path or "(root)", f"the same as {self.seen.get(identity, 'an object that is told elsewhere')}")
            return
        if isinstance(identity, int):
            self.seen.setdefault(identity, path or "(root)")
        yield Leaf(f"{path}.__class__", f"{node.get('__module__')}.{node.get('__class__')} by {loader}")
        content = node.get("content")
        if loader == "JsonNode" and isinstance(content, str):
            yield from self._json(path, name, content)
        elif content is not None:
            yield from self.node(
                path,
                name,
                content,
                depth + 1,
                attributes=loader == "ObjectNode" or (attributes and loader == "DictNode"),
            )
        if isinstance(node.get("file"), str):
            yield from self._file(path or "(root)", node["file"])
        rest = {key: value for key, value in node.items() if key not in _OWN}
        yield from self._entries(path, rest, depth, attributes=True)

    def _json(self, path: str, name: str | None, content: str) -> Iterator[Leaf]:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = content
        plain = value if isinstance(value, str | int | float | bool | None) else content
        yield Leaf(path or "(root)", plain, noise.of_setting(name, plain))

    def _file(self, path: str, name: str) -> Iterator[Leaf]:
        kind, inner = self.read(archives.member(self.archive, name), name, depth=self.depth + 1)
        yield Leaf(f"{path}.__file__", f"{kind} file")
        for leaf in inner:
            rest = leaf.path.removeprefix("array")
            yield Leaf(f"{path}{'' if not rest or rest[0] in '.[' else '!'}{rest}", leaf.value, leaf.noise)
