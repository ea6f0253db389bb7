"""A static look at training code: the lines that two runs may answer differently.

It only gives places.  Whether one of them matters is for an experiment to show; a suspicion alone is never a cause.
The code is parsed and never executed; what is no Python is passed over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from mlops_gitops.reproduction import suspicions
from mlops_gitops.reproduction.trainings import Call, Place

_LARGEST = 2 * 2**20
_LONGEST = 160


def suspects(files: Mapping[str, str]) -> tuple[Call, ...]:
    """Every suspicious line of ``files`` (name relative to the repository → text), in the order of files and lines."""
    found: dict[Call, None] = {}
    for name, text in sorted(files.items()):
        if len(text) > _LARGEST:
            continue
        try:
            tree = ast.parse(text)
            lines = text.splitlines()
            every = sorted(_Look(tree).calls(), key=lambda one: one[0])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for line, kind, what in every:
            shown = lines[line - 1].strip()[:_LONGEST] if line <= len(lines) else ""
            found[Call(kind, what, Place(name, line, shown))] = None
    return tuple(found)


class _Look:
    """One file: its imports, what it sorts, what it seeds, and the names that hold sets."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.names = dict(_imports(tree))
        self.nodes = list(ast.walk(tree))
        self.sorted = {
            id(inner)
            for node in self.nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in suspicions.UNORDERED
            for inner in ast.walk(node)
        }
        self.seeded = {
            self.full(node.func) for node in self.nodes if isinstance(node, ast.Call) and (node.args or node.keywords)
        }
        self.sets = {
            target.id
            for node in self.nodes
            if isinstance(node, ast.Assign) and self.is_set(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def full(self, node: ast.expr) -> str:
        """The whole dotted name of what is called, by the imports of the file; empty where it has none."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.full(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def is_set(self, node: ast.expr) -> bool:
        """Whether an expression is certainly a set."""
        if isinstance(node, ast.Name):
            return node.id in getattr(self, "sets", ())
        if isinstance(node, ast.BinOp):
            return self.is_set(node.left) or self.is_set(node.right)
        made = isinstance(node, ast.Call) and self.full(node.func) in ("set", "frozenset")
        return made or isinstance(node, (ast.Set, ast.SetComp))

    def calls(self) -> Iterator[tuple[int, str, str]]:
        """``(line, kind, what)`` of each suspicion."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield from ((node.lineno, kind, what) for kind, what in self.of_call(node))
            elif isinstance(node, ast.Subscript) and self.full(node.value) == "os.environ":
                if isinstance(node.ctx, ast.Load):
                    yield node.lineno, "environment", "os.environ[...]"
            elif isinstance(node, (ast.For, ast.comprehension)) and self.is_set(node.iter):
                if id(node.iter) not in self.sorted:
                    yield node.iter.lineno, "set-order", "iteration over a set"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_loose_limit(node.value):
                yield node.lineno, "row-order", "LIMIT without ORDER BY"

    def of_call(self, node: ast.Call) -> Iterator[tuple[str, str]]:
        """What is suspicious about one call."""
        name = self.full(node.func)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name.rpartition(".")[2]
        given = {word.arg: word.value for word in node.keywords}
        found = self.by_name(name, last, node) or self.by_arguments(name, last, node)
        if found is not None and not (found[0] in ("listing", "set-order") and id(node) in self.sorted):
            yield found
        yield from self.of_generators(name, last, node, given)
        if _is_all_processors(given.get("n_jobs")):
            yield "threads", f"{last}(n_jobs=-1)"
        elif name in suspicions.THREADED and not any(_is_one(given.get(one)) for one in suspicions.WORKERS):
            yield "threads", f"{name}() in threads"

    def by_name(self, name: str, last: str, node: ast.Call) -> tuple[str, str] | None:
        """Calls that are suspicious whatever they are given."""
        if name in suspicions.FIXED:
            return suspicions.FIXED[name], f"{name}()"
        if name.startswith("secrets."):
            return "entropy", f"{name}()"
        if name == "hash":
            return "hash", "hash()"
        if isinstance(node.func, ast.Attribute) and not name.startswith("re."):
            return suspicions.METHODS.get(last)
        return None

    def by_arguments(self, name: str, last: str, node: ast.Call) -> tuple[str, str] | None:
        """Calls that are suspicious for what they are given, or not given."""
        if name == "open" and not _is_binary(node) and all(word.arg != "encoding" for word in node.keywords):
            return "encoding", "open() without encoding"
        if any(self.is_set(one) for one in node.args) and (name in suspicions.ORDERING or last == "join"):
            return "set-order", f"{last}(set)"
        return None

    def of_generators(
        self, name: str, last: str, node: ast.Call, given: Mapping[str | None, ast.expr]
    ) -> Iterator[tuple[str, str]]:
        """Generators that nobody seeded."""
        package, _, function = name.rpartition(".")
        unseeded = (
            (name in suspicions.MAKERS and not _is_told(node))
            or (package == "random" and function in suspicions.DRAWS and "random.seed" not in self.seeded)
            or (package == "numpy.random" and function in suspicions.LEGACY and "numpy.random.seed" not in self.seeded)
            or (
                package == "torch"
                and function in suspicions.TORCH
                and not self.torch_is_seeded
                and "generator" not in given
            )
            or (package.startswith("torch.nn") and function in suspicions.LAYERS and not self.torch_is_seeded)
            or (name == "torch.utils.data.DataLoader" and self.shuffles(given))
        )
        if unseeded:
            yield "generator", f"{name}()"
        elif "numpy.random.seed" in self.seeded or _is_constant(given.get("random_state")) or None in given:
            return
        elif last in suspicions.CHANCE and not (last.endswith("KFold") and "shuffle" not in given):
            yield "generator", f"{last}() without random_state"
        elif last == "sample" and isinstance(node.func, ast.Attribute) and given.keys() & {"frac", "n", "replace"}:
            yield "generator", "sample() without random_state"

    def shuffles(self, given: Mapping[str | None, ast.expr]) -> bool:
        """Whether a loader shuffles with PyTorch's own generator, which nobody seeded."""
        wanted = given.get("shuffle")
        no = wanted is None or (isinstance(wanted, ast.Constant) and not wanted.value)
        return not no and "generator" not in given and not self.torch_is_seeded

    @property
    def torch_is_seeded(self) -> bool:
        """Whether the file seeds PyTorch anywhere."""
        return "torch.manual_seed" in self.seeded


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each imported name and the whole name that it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield (one.asname, one.name) if one.asname else (one.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"


def _is_told(node: ast.Call) -> bool:
    """Whether a generator is given anything but ``None`` to start from."""
    return any(not _is_none(one) for one in (*node.args, *(word.value for word in node.keywords)))


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_constant(node: ast.expr | None) -> bool:
    return node is not None and not _is_none(node)


def _is_binary(node: ast.Call) -> bool:
    mode = node.args[1] if len(node.args) > 1 else next((w.value for w in node.keywords if w.arg == "mode"), None)
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and "b" in mode.value


def _is_all_processors(node: ast.expr | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _is_one(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _is_loose_limit(text: str) -> bool:
    upper = text.upper()
    return "SELECT " in upper and ("LIMIT " in upper or "SAMPLE " in upper) and "ORDER BY" not in upper
