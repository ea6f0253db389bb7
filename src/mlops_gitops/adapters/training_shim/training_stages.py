"""Digests on the way through a training: what was read, what was fitted on what, how it went, what came out.

Only the process that trains notes stages, not the workers it starts: those finish in no order.  An outermost ``fit``
counts, and within a pipeline its steps.
"""

import functools
import hashlib
import os
import sys
import threading

import training_digests
import training_imports
import training_places
import training_watch

_LARGEST = 256 * 2**20
_CODE = (".py", ".pyc", ".so", ".pth", ".toml", ".cfg", ".ini", ".lock")
_OFTEN = 256
_READERS = ["read_csv", "read_table", "read_parquet", "read_json", "read_excel", "read_feather", "read_orc", "read_fwf"]


class _Stages:
    """Notes stages of this process; ``depth`` is how many fits lie around us."""

    def __init__(self, root, note):
        self.root, self.note, self.pid = root, note, os.getpid()
        self.around = threading.local()
        words = getattr(sys, "orig_argv", sys.argv)[:8]
        self.worker = any("multiprocessing" in one or "loky" in one for one in words)

    def __call__(self, kind, value, description, *, digest=None):
        if self.worker or os.getpid() != self.pid or getattr(self.around, "busy", False):
            return
        self.around.busy = True
        try:
            ordered, unordered = digest or training_digests.of(value)
            found = training_places.innermost(self.root)
            where = {"file": found[0], "line": found[1]} if found else {}
            told = "%s%s" % (description, _shape(value))
            self.note(event="stage", kind=kind, ordered=ordered, unordered=unordered, description=told, **where)
        except Exception as error:
            self.note(event="trouble", what="stage %s: %s" % (kind, type(error).__name__))
        finally:
            self.around.busy = False

    @property
    def depth(self):
        return getattr(self.around, "fits", ())


def _shape(value):
    shape = getattr(value, "shape", None)
    return " %s" % "x".join(map(str, shape)) if isinstance(shape, tuple) and shape else ""


def install(root, note):
    """Take a digest at each stage from now on."""
    stages = _Stages(root, note)
    sys.addaudithook(_files(stages))
    training_imports.when("pandas", lambda module: _pandas(module, stages))
    training_imports.when("sklearn.base", lambda module: _sklearn(module, stages))
    training_imports.when("sklearn.model_selection._split", lambda module: _splits(module, stages))
    training_imports.when("xgboost", lambda module: _xgboost(module, stages))
    training_imports.when("lightgbm", lambda module: _lightgbm(module, stages))
    training_imports.when("torch.optim.optimizer", lambda module: _optimizer(module, stages))
    training_imports.when("torch.utils.data.dataloader", lambda module: _loader(module, stages))
    training_imports.when("torch", lambda module: _torch(module, stages))


def _files(stages):
    """Files below the root that are read for the first time, and were not written before."""
    seen = set()

    def hook(event, arguments):
        if event != "open" or getattr(stages.around, "busy", False):
            return
        try:
            path, _, flags = arguments
            name = training_watch.whole_path(path)
            if name is None or not name.startswith(stages.root) or name in seen or name.endswith(_CODE) or "/." in name:
                return
            seen.add(name)
            if "site-packages" not in name and not (flags or 0) & (os.O_WRONLY | os.O_RDWR) and os.path.isfile(name):
                stages.around.busy = True
                try:
                    digest = _content(name)
                finally:
                    stages.around.busy = False
                if digest:
                    short = name[len(stages.root) :]
                    stages("raw-data", None, "bytes of %s" % short, digest=(digest, digest))
        except Exception:
            pass

    return hook


def _content(name):
    if os.path.getsize(name) > _LARGEST:
        return None
    total = hashlib.sha256()
    with open(name, "rb") as stream:
        for block in iter(lambda: stream.read(2**20), b""):
            total.update(block)
    return total.hexdigest()


def _pandas(module, stages):
    def make(original):
        @functools.wraps(original)
        def read(*args, **kwargs):
            found = original(*args, **kwargs)
            if hasattr(found, "iloc"):
                stages("raw-data", found, "%s()" % original.__name__)
            return found

        return read

    for name in _READERS:
        training_imports.replace(module, name, make)


def _sklearn(module, stages):
    base = module.BaseEstimator
    before = base.__init_subclass__.__func__

    def init_subclass(cls, **kwargs):
        before(cls, **kwargs)
        for name in ("fit", "fit_transform", "partial_fit"):
            own = cls.__dict__.get(name)
            if callable(own) and not hasattr(own, "_traced"):
                try:
                    setattr(cls, name, _fit(own, name, stages))
                except Exception:
                    pass

    base.__init_subclass__ = classmethod(init_subclass)


def _fit(original, name, stages):
    @functools.wraps(original)
    def fit(self, *args, **kwargs):
        around = stages.depth
        if len(around) > 1 or (around and around[0] != "Pipeline"):
            return original(self, *args, **kwargs)
        who = type(self).__name__
        data = args[0] if args else kwargs.get("X")
        target = args[1] if len(args) > 1 else kwargs.get("y")
        stages("features", data, "%s.%s:" % (who, name))
        if target is not None:
            stages("features", target, "target of %s.%s:" % (who, name))
        stages.around.fits = (*around, who)
        try:
            found = original(self, *args, **kwargs)
        finally:
            stages.around.fits = around
        _learned(self, who, stages)
        return found

    fit._traced = True
    return fit


def _learned(model, who, stages):
    """What came out of a fit; of boosted trees also how they grew."""
    try:
        booster = getattr(model, "_Booster", None)
        if type(booster).__module__.startswith("xgboost"):
            _grown_xgboost(booster, stages)
        elif type(booster).__module__.startswith("lightgbm"):
            _grown_lightgbm(booster, stages)
    except Exception:
        pass
    stages("fitted", None, who, digest=_twice(model))


def _twice(value):
    digest = training_digests.whole(value)
    return digest, digest


def _splits(module, stages):
    def make(original):
        @functools.wraps(original)
        def split(*args, **kwargs):
            found = original(*args, **kwargs)
            stages("split", found, "train_test_split")
            return found

        return split

    training_imports.replace(module, "train_test_split", make)
    for name in ("BaseCrossValidator", "BaseShuffleSplit"):
        _folds(getattr(module, name), stages)


def _folds(owner, stages):
    original = owner.split

    @functools.wraps(original)
    def split(self, *args, **kwargs):
        for number, parts in enumerate(original(self, *args, **kwargs), 1):
            stages("split", parts, "%s, fold %d" % (type(self).__name__, number))
            yield parts

    owner.split = split


def _given(owner, stages, name):
    """Note the data and the labels that an object of ``owner`` is made of."""
    original = owner.__init__

    @functools.wraps(original)
    def init(self, data=None, label=None, *args, **kwargs):
        if not stages.depth:
            for what, value in (("data", data), ("label", label)):
                if value is not None and not isinstance(value, (str, os.PathLike)):
                    stages("features", value, "%s of %s:" % (what, name))
        return original(self, data, label, *args, **kwargs)

    owner.__init__ = init


def _train(module, stages, grown):
    def make(original):
        @functools.wraps(original)
        def train(*args, **kwargs):
            found = original(*args, **kwargs)
            if not stages.depth:
                try:
                    grown(found, stages)
                except Exception:
                    pass
                stages("fitted", None, "%s.train" % module.__name__, digest=_twice(found))
            return found

        return train

    training_imports.replace(module, "train", make)


def _xgboost(module, stages):
    _given(module.DMatrix, stages, "DMatrix")
    _train(module, stages, _grown_xgboost)


def _grown_xgboost(booster, stages):
    trees = booster.get_dump(dump_format="json")
    for count in _powers(len(trees)):
        total = hashlib.sha256("\n".join(trees[:count]).encode()).hexdigest()
        stages("progress", None, "first %d trees" % count, digest=(total, total))


def _lightgbm(module, stages):
    _given(module.Dataset, stages, "Dataset")
    _train(module, stages, _grown_lightgbm)


def _grown_lightgbm(booster, stages):
    for count in _powers(booster.current_iteration()):
        total = hashlib.sha256(booster.model_to_string(num_iteration=count).encode()).hexdigest()
        stages("progress", None, "first %d iterations" % count, digest=(total, total))


def _powers(most):
    return [2**at for at in range(most.bit_length())] if most else []


def _optimizer(module, stages):
    original = module.Optimizer.__init__

    @functools.wraps(original)
    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        weights = [one for group in self.param_groups for one in group["params"]]
        stages("initial-weights", None, "%s: %d tensors" % (type(self).__name__, len(weights)), digest=_twice(weights))

    module.Optimizer.__init__ = init


def _loader(module, stages):
    owner = module._BaseDataLoaderIter
    original = owner.__next__

    @functools.wraps(original)
    def following(self):
        batch = original(self)
        if not self.__dict__.get("_first_is_noted"):
            self._first_is_noted = True
            stages("features", batch, "first batch of DataLoader")
        return batch

    owner.__next__ = following


def _torch(module, stages):
    original, losses = module.Tensor.backward, [0, hashlib.sha256()]

    @functools.wraps(original)
    def backward(self, *args, **kwargs):
        found = original(self, *args, **kwargs)
        if self.numel() == 1:
            losses[0] += 1
            losses[1].update(float(self.detach()).hex().encode())
            if not losses[0] & (losses[0] - 1) or losses[0] % _OFTEN == 0:
                digest = losses[1].hexdigest()
                stages("progress", None, "loss of step %d" % losses[0], digest=(digest, digest))
        return found

    module.Tensor.backward = backward

    def make(save):
        @functools.wraps(save)
        def saved(value, *args, **kwargs):
            stages("fitted", None, "torch.save", digest=_twice(value))
            return save(value, *args, **kwargs)

        return saved

    training_imports.replace(module, "save", make)
