"""Chance taken away, or order turned round, where that was ordered: seeds, entropy, listings, rows, library settings.

A seed that the training sets itself always wins: what is set here is set before its first line, or only where it set
none.
"""

import functools
import hashlib
import os
import random
import sys

import training_imports
import training_watch

_READERS = ("read_csv", "read_parquet", "read_table")


def install(settings):
    """Apply what the settings order."""
    seed, deterministic = settings.get("seed"), settings.get("deterministic")
    if seed is None and deterministic:
        seed = 0
    if settings.get("entropy"):
        _entropy(seed or 0)
    if seed is not None:
        _seed(seed)
    if settings.get("reverse_listing"):
        _reverse()
    if deterministic:
        training_imports.when("torch", _settle_torch)
        training_imports.when("lightgbm", _settle_lightgbm)
        training_imports.when("xgboost", _settle_xgboost)
    if settings.get("shuffle"):
        inputs = tuple(settings["inputs"])
        training_imports.when("pandas", lambda module: _shuffle(module, _READERS, inputs))
        training_imports.when("numpy", lambda module: _shuffle(module, ("loadtxt", "genfromtxt"), inputs))


class _Stream:
    """Bytes that depend on a seed alone, and on how many were taken before."""

    def __init__(self, seed, name):
        self.start, self.taken = ("%s/%s" % (seed, name)).encode(), 0

    def __call__(self, size):
        self.taken += 1
        found, block = b"", 0
        while len(found) < size:
            found += hashlib.sha256(b"%s/%d/%d" % (self.start, self.taken, block)).digest()
            block += 1
        return found[:size]

    def bits(self, count):
        return int.from_bytes(self((count + 7) // 8), "big") >> (-count % 8)


def _seed(seed):
    stream = _Stream(seed, "unseeded")
    random._inst.seed(seed)
    first = random.Random.__init__

    @functools.wraps(first)
    def init(self, x=None):
        named = type(self) is random.Random and "tempfile" not in sys._getframe(1).f_code.co_filename
        first(self, x)
        if x is None and named:
            self.seed(stream.bits(64))

    random.Random.__init__ = init

    def numpy(module):
        module.mtrand._rand.seed(seed % 2**32)
        before = module.bit_generator.randbits

        def randbits(count):
            before(count)
            return stream.bits(count)

        module.bit_generator.randbits = randbits

    training_imports.when("numpy.random", numpy)
    training_imports.when("torch", lambda module: module.default_generator.manual_seed(seed))


def _entropy(seed):
    stream, before = _Stream(seed, "entropy"), os.urandom

    def urandom(size):
        before(0)
        return stream(size)

    os.urandom = random._urandom = urandom
    os.getrandom = lambda size, flags=0: stream(size)  # noqa: ARG005 - its signature

    def uuid(module):
        first = module.uuid1

        def uuid1(node=None, clock_seq=None):
            first(node, clock_seq)
            return module.UUID(bytes=stream(16), version=1)

        module.uuid1 = uuid1
        module._UuidCreate = None

    def torch(module):
        asked = module.seed

        def seed():
            asked()
            drawn = int.from_bytes(stream(8), "big")
            module.manual_seed(drawn)
            return drawn

        module.seed = module.random.seed = seed

    training_imports.when("uuid", uuid)
    training_imports.when("torch", torch)


class _Entries:
    """What ``os.scandir`` gives, in another order."""

    def __init__(self, entries):
        self.entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.entries = iter(())


def _reverse():
    listdir, scandir = os.listdir, os.scandir

    @functools.wraps(listdir)
    def listed(path="."):
        return sorted(listdir(path), reverse=True)

    @functools.wraps(scandir)
    def scanned(path="."):
        with scandir(path) as entries:
            return _Entries(sorted(entries, key=lambda entry: entry.name, reverse=True))

    for original, made in ((listdir, listed), (scandir, scanned)):
        if original in os.supports_fd:
            os.supports_fd.add(made)
    os.listdir, os.scandir = listed, scanned


def _settle_torch(module):
    module.default_generator.manual_seed(0)
    module.use_deterministic_algorithms(True, warn_only=True)
    module.backends.cudnn.deterministic = True
    module.backends.cudnn.benchmark = False


def _with(params, added, aliases):
    """``params`` with what they do not say themselves."""
    given = dict(params or {})
    for name, value in added.items():
        if not any(given.get(one) is not None for one in (name, *aliases.get(name, ()))):
            given[name] = value
    return given


def _settle(module, added, aliases):
    def make(original):
        @functools.wraps(original)
        def train(params, *args, **kwargs):
            return original(_with(params, added, aliases), *args, **kwargs)

        return train

    training_imports.replace(module, "train", make)


def _settle_lightgbm(module):
    added = {"deterministic": True, "force_row_wise": True, "seed": 0}
    _settle(module, added, {"force_row_wise": ("force_col_wise",), "seed": ("random_seed", "random_state")})


def _settle_xgboost(module):
    _settle(module, {"seed": 0}, {"seed": ("random_state",)})


def _shuffle(module, names, inputs):
    def make(original):
        @functools.wraps(original)
        def read(*args, **kwargs):
            found = original(*args, **kwargs)
            try:
                source = training_watch.whole_path(args[0]) or ""
                if any(source == one or source.startswith(one + "/") for one in inputs):
                    return _permuted(found)
            except Exception:
                pass
            return found

        return read

    for name in names:
        training_imports.replace(module, name, make)


def _permuted(found):
    order = list(range(len(found)))
    random.Random(0).shuffle(order)  # noqa: S311 - an order, not a secret
    if not hasattr(found, "iloc"):
        return found[order]
    moved = found.iloc[order]
    return moved.reset_index(drop=True) if type(found.index).__name__ == "RangeIndex" else moved
