"""A static look at training code: the lines that two runs may answer differently.

It only gives places.  Whether one of them matters is for an experiment to show; a suspicion alone is never a cause.
The code is parsed and never executed; what is no Python is passed over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from mlops_gitops.reproduction.trainings import Call, Place

_LARGEST = 2 * 2**20
_LONGEST = 160
_LEGACY = frozenset(
    [
        "rand",
        "randn",
        "randint",
        "random",
        "random_sample",
        "choice",
        "permutation",
        "shuffle",
        "normal",
        "uniform",
        "binomial",
        "poisson",
        "exponential",
        "beta",
        "gamma",
        "multinomial",
        "standard_normal",
        "bytes",
        "sample",
    ]
)
_DRAWS = frozenset(
    [
        "random",
        "randint",
        "randrange",
        "choice",
        "choices",
        "sample",
        "shuffle",
        "uniform",
        "gauss",
        "normalvariate",
        "getrandbits",
        "randbytes",
    ]
)
_TORCH = frozenset(["rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"])
_MAKERS = frozenset(
    [
        "numpy.random.default_rng",
        "numpy.random.RandomState",
        "numpy.random.SeedSequence",
        "numpy.random.PCG64",
        "random.Random",
        "numpy.random.MT19937",
        "numpy.random.Philox",
    ]
)
_FIXED = {
    "os.urandom": "entropy",
    "os.getrandom": "entropy",
    "uuid.uuid1": "entropy",
    "uuid.uuid4": "entropy",
    "random.SystemRandom": "entropy",
    "time.time": "clock",
    "time.time_ns": "clock",
    "time.localtime": "time-zone",
    "time.mktime": "time-zone",
    "datetime.date.today": "clock",
    "datetime.datetime.now": "clock",
    "datetime.datetime.today": "clock",
    "datetime.datetime.utcnow": "clock",
    "pandas.Timestamp.now": "clock",
    "pandas.Timestamp.today": "clock",
    "datetime.datetime.fromtimestamp": "time-zone",
    "datetime.date.fromtimestamp": "time-zone",
    "os.listdir": "listing",
    "os.scandir": "listing",
    "os.walk": "listing",
    "glob.glob": "listing",
    "glob.iglob": "listing",
    "os.cpu_count": "cpus",
    "os.sched_getaffinity": "cpus",
    "os.process_cpu_count": "cpus",
    "multiprocessing.cpu_count": "cpus",
    "joblib.cpu_count": "cpus",
    "getpass.getuser": "user",
    "os.path.expanduser": "user",
    "pathlib.Path.home": "user",
    "os.getlogin": "user",
    "socket.gethostname": "user",
    "platform.node": "user",
    "os.uname": "user",
    "os.getcwd": "folder",
    "os.path.abspath": "folder",
    "os.path.realpath": "folder",
    "pathlib.Path.cwd": "folder",
    "os.getenv": "environment",
    "os.environ.get": "environment",
    "concurrent.futures.as_completed": "race",
    "asyncio.as_completed": "race",
    "locale.getlocale": "locale",
    "locale.setlocale": "locale",
    "locale.getpreferredencoding": "locale",
}
_METHODS = {
    "iterdir": ("listing", "Path.iterdir()"),
    "glob": ("listing", "Path.glob()"),
    "rglob": ("listing", "Path.rglob()"),
    "imap_unordered": ("race", "imap_unordered()"),
    "as_completed": ("race", "as_completed()"),
    "expanduser": ("user", "Path.expanduser()"),
    "absolute": ("folder", "Path.absolute()"),
    "resolve": ("folder", "Path.resolve()"),
    "astimezone": ("time-zone", "astimezone()"),
}
_CHANCE = frozenset(
    [
        "train_test_split",
        "KFold",
        "StratifiedKFold",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "GroupShuffleSplit",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "BaggingClassifier",
        "BaggingRegressor",
        "MLPClassifier",
        "MLPRegressor",
        "SGDClassifier",
        "SGDRegressor",
        "KMeans",
        "MiniBatchKMeans",
        "IsolationForest",
        "RandomizedSearchCV",
        "TruncatedSVD",
    ]
)
_ORDERING = frozenset({"list", "tuple", "enumerate", "iter", "next", "zip", "map"})


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
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _UNORDERED
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
        kind = _FIXED.get(name)
        if kind is not None:
            if not (kind == "listing" and id(node) in self.sorted):
                yield kind, f"{name}()"
        elif name.startswith("secrets."):
            yield "entropy", f"{name}()"
        elif isinstance(node.func, ast.Attribute) and last in _METHODS and not name.startswith(("re.", "glob.")):
            kind, what = _METHODS[last]
            if not (kind == "listing" and id(node) in self.sorted):
                yield kind, what
        elif name == "hash":
            yield "hash", "hash()"
        elif name == "open" and "encoding" not in given and not _is_binary(node):
            yield "encoding", "open() without encoding"
        elif any(self.is_set(one) for one in node.args) and (name in _ORDERING or last == "join"):
            if id(node) not in self.sorted:
                yield "set-order", f"{last}(set)"
        yield from self.of_generators(name, last, node, given)
        if _is_all_processors(given.get("n_jobs")):
            yield "threads", f"{last}(n_jobs=-1)"

    def of_generators(
        self, name: str, last: str, node: ast.Call, given: Mapping[str | None, ast.expr]
    ) -> Iterator[tuple[str, str]]:
        """Generators that nobody seeded."""
        package, _, function = name.rpartition(".")
        unseeded = (
            (name in _MAKERS and not _is_told(node))
            or (package == "random" and function in _DRAWS and "random.seed" not in self.seeded)
            or (package == "numpy.random" and function in _LEGACY and "numpy.random.seed" not in self.seeded)
            or (package == "torch" and function in _TORCH and not self.torch_is_seeded and "generator" not in given)
            or (package.startswith("torch.nn") and function in _LAYERS and not self.torch_is_seeded)
        )
        if unseeded:
            yield "generator", f"{name}()"
        elif "numpy.random.seed" in self.seeded or _is_constant(given.get("random_state")) or None in given:
            return
        elif last in _CHANCE and "random_state" not in given:
            yield "generator", f"{last}() without random_state"
        elif last == "sample" and isinstance(node.func, ast.Attribute) and given.keys() & {"frac", "n", "replace"}:
            yield "generator", "sample() without random_state"

    @property
    def torch_is_seeded(self) -> bool:
        """Whether the file seeds PyTorch anywhere."""
        return "torch.manual_seed" in self.seeded


_UNORDERED = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset"})
"""Functions whose answer does not depend on the order of what they are given."""
_LAYERS = frozenset(
    [
        "Linear",
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "Embedding",
        "LSTM",
        "GRU",
        "RNN",
        "Bilinear",
        "MultiheadAttention",
        "TransformerEncoderLayer",
    ]
)


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


def _is_loose_limit(text: str) -> bool:
    upper = text.upper()
    return "SELECT " in upper and ("LIMIT " in upper or "SAMPLE " in upper) and "ORDER BY" not in upper
