"""Random generators that nobody seeded: noted where the training's own code, or a library for it, draws from one."""

import functools
import random
import re
import sys

import training_imports
import training_notes

SEEDED = {"random": False, "numpy": False, "torch": False}
"""Which global generators the training has seeded itself."""

_DRAWS = [
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
    "betavariate",
    "expovariate",
    "triangular",
    "getrandbits",
    "randbytes",
]
_LEGACY = [
    "beta",
    "binomial",
    "bytes",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "gumbel",
    "laplace",
    "logistic",
    "lognormal",
    "multinomial",
    "multivariate_normal",
    "normal",
    "permutation",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random",
    "random_integers",
    "random_sample",
    "ranf",
    "sample",
    "shuffle",
    "standard_normal",
    "triangular",
    "uniform",
    "weibull",
]
_TORCH = [
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "bernoulli",
    "multinomial",
    "rand_like",
    "randn_like",
    "randint_like",
]
_DROPOUTS = ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"]
_TENSOR = ["uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_"]


def install(notes):
    """Hook the standard library now, and the others when they come."""
    _random(notes)
    training_imports.when("numpy.random", lambda module: _numpy(module, notes))
    training_imports.when("pandas.core.generic", lambda module: _pandas(module, notes))
    training_imports.when("sklearn.utils.validation", lambda module: _sklearn(module, notes))
    training_imports.when("torch", lambda module: _torch(module, notes))


def _seeds(name):
    def before(args, kwargs):
        if (args and args[0] is not None) or any(one is not None for one in kwargs.values()):
            SEEDED[name] = True

    return before


def _random(notes):
    for name in _DRAWS:
        training_notes.hook(
            random,
            name,
            lambda _args, _kwargs, what="random.%s()" % name: None if SEEDED["random"] else notes("generator", what),
        )
    training_notes.hook(random, "seed", _seeds("random"))
    training_notes.hook(random, "setstate", _seeds("random"))
    first = random.Random.__init__

    @functools.wraps(first)
    def init(self, x=None):
        if x is None and type(self) is random.Random and "tempfile" not in sys._getframe(1).f_code.co_filename:
            notes("generator", "random.Random()")
        first(self, x)

    random.Random.__init__ = init


def _numpy(module, notes):
    for name in _LEGACY:
        training_notes.hook(
            module,
            name,
            lambda _args, _kwargs, what="numpy.random.%s()" % name: (
                None if SEEDED["numpy"] else notes("generator", what)
            ),
        )
    training_notes.hook(module, "seed", _seeds("numpy"))
    training_notes.hook(module, "set_state", _seeds("numpy"))
    seeding = sys.modules.get("numpy.random.bit_generator")
    if seeding is not None:
        original = seeding.randbits

        def randbits(count):
            notes("generator", "", direct=True, instead=_maker)
            with notes.silent():
                return original(count)

        seeding.randbits = randbits


_MAKER = re.compile(
    r"(default_rng|SeedSequence|PCG64|MT19937|Philox|SFC64|RandomState(?=\(\s*(?:None|seed=None)?\s*\)))"
)


def _maker(_what, _through, text):
    """Which generator was made; nothing where it was seeded after all (``RandomState(0)`` asks the system first)."""
    found = _MAKER.search(text)
    return "numpy.random.%s()" % found.group() if found else ""


def _pandas(module, notes):
    def before(args, kwargs):
        if kwargs.get("random_state") is None and not SEEDED["numpy"] and len(args) < 6:  # noqa: PLR2004 - its position
            notes("generator", "%s.sample() without random_state" % type(args[0]).__name__)

    training_notes.hook(module.NDFrame, "sample", before, qualified="pandas.core.generic")


def _sklearn(module, notes):
    numpy = sys.modules["numpy"]

    def before(args, _kwargs):
        if args and (args[0] is None or args[0] is numpy.random) and not SEEDED["numpy"]:
            notes("generator", "random_state=None")

    training_notes.hook(module, "check_random_state", before)


def _torch(module, notes):
    def before(what):
        def look(_args, kwargs):
            if not SEEDED["torch"] and kwargs.get("generator") is None:
                notes("generator", what, instead=_through_torch)

        return look

    for name in _TORCH:
        training_notes.hook(module, name, before("torch.%s()" % name))
    for name in _TENSOR:
        training_notes.hook(module.Tensor, name, before("torch.Tensor.%s()" % name), qualified="torch")
    training_imports.when("torch.nn.functional", lambda functional: _functional(functional, before))
    for owner in (module, module.random):
        training_notes.hook(owner, "manual_seed", _seeds("torch"))
        training_notes.hook(owner, "seed", lambda _args, _kwargs: notes("entropy", "torch.seed()"))
    training_notes.hook(module, "set_rng_state", _seeds("torch"))


def _functional(module, before):
    """Functions that draw inside of PyTorch, and only while a network is trained."""
    for name in _DROPOUTS:
        draws = before("torch: %s without torch.manual_seed()" % name)
        usually = getattr(module, name).__defaults__[1]

        def look(args, kwargs, draws=draws, usually=usually):
            if args[2] if len(args) > 2 else kwargs.get("training", usually):  # noqa: PLR2004 - its position
                draws(args, kwargs)

        training_notes.hook(module, name, look)


def _through_torch(what, through, _text):
    if what.startswith("torch: "):
        return what
    return "torch: %s without torch.manual_seed()" % (what if through is None else through[1].strip("_"))
