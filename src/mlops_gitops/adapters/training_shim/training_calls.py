"""Calls that two runs may answer differently: noted once a line, where the training's own code made them.

Generators and listings count also when a library made them for the training; clocks, entropy, variables, processors and
users only when the training itself asked, for libraries ask those all the time and mean nothing by it.
"""

import contextlib
import functools
import os
import random
import re
import sys
import threading
import time

import training_imports
import training_places

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
_TENSOR = ["uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_"]
_USERS = frozenset({"HOME", "USER", "LOGNAME", "USERNAME", "LNAME"})


class _Notes:
    """Notes calls, each line and kind once."""

    def __init__(self, root, note):
        self.root, self.note, self.seen, self.around = root, note, set(), threading.local()

    @property
    def busy(self):
        return getattr(self.around, "busy", False)

    @contextlib.contextmanager
    def silent(self):
        """Note nothing that this thread does meanwhile."""
        before, self.around.busy = self.busy, True
        try:
            yield
        finally:
            self.around.busy = before

    def __call__(self, kind, what, *, direct=False, instead=None):
        if self.busy:
            return
        self.around.busy = True
        try:
            found = (training_places.direct if direct else training_places.innermost)(self.root)
            if found is None or (kind, *found[:2]) in self.seen:
                return
            file, line, through = found
            text = training_places.text(file, line)
            if kind == "listing" and "sorted(" in text:
                return
            if instead is not None:
                what = instead(what, through, text)
            if not what:
                return
            self.seen.add((kind, *found[:2]))
            self.note(event="call", kind=kind, what=what, file=file, line=line)
        except Exception:
            pass
        finally:
            self.around.busy = False


def install(root, note, declared):
    """Hook the standard library now, and the others when they come."""
    notes = _Notes(root, note)
    _random(notes)
    _system(notes)
    _environment(notes, declared)
    training_imports.when("numpy.random", lambda module: _numpy(module, notes))
    training_imports.when("pandas.core.generic", lambda module: _pandas(module, notes))
    training_imports.when("sklearn.utils.validation", lambda module: _sklearn(module, notes))
    training_imports.when("torch", lambda module: _torch(module, notes))
    training_imports.when("uuid", lambda module: _uuid(module, notes))
    training_imports.when("secrets", lambda module: _secrets(module, notes))
    training_imports.when(
        "socket", lambda module: _before(module, "gethostname", notes, "user", "socket.gethostname()")
    )


def _hook(module, name, before, *, qualified=None):
    """Run ``before(args, kwargs)`` at each call of ``module.name``."""
    original = getattr(module, name, None)
    if original is None:
        return

    def hooked(*args, **kwargs):
        before(args, kwargs)
        return original(*args, **kwargs)

    try:
        functools.update_wrapper(hooked, original)
    except (AttributeError, TypeError):
        pass
    hooked.__module__, hooked.__qualname__, hooked.__name__ = qualified or module.__name__, name, name
    if original in os.supports_fd:
        os.supports_fd.add(hooked)
    setattr(module, name, hooked)


def _before(module, name, notes, kind, what, *, direct=True, instead=None):
    _hook(module, name, lambda _args, _kwargs: notes(kind, what, direct=direct, instead=instead))


def _seeds(name):
    def before(args, kwargs):
        if (args and args[0] is not None) or any(one is not None for one in kwargs.values()):
            SEEDED[name] = True

    return before


def _random(notes):
    for name in _DRAWS:
        _hook(
            random,
            name,
            lambda _args, _kwargs, what="random.%s()" % name: None if SEEDED["random"] else notes("generator", what),
        )
    _hook(random, "seed", _seeds("random"))
    _hook(random, "setstate", _seeds("random"))
    first = random.Random.__init__

    @functools.wraps(first)
    def init(self, x=None):
        if x is None and type(self) is random.Random and "tempfile" not in sys._getframe(1).f_code.co_filename:
            notes("generator", "random.Random()")
        first(self, x)

    random.Random.__init__ = init


def _system(notes):
    _before(os, "urandom", notes, "entropy", "os.urandom()", instead=_entropy)
    random._urandom = os.urandom
    for name in ("time", "time_ns"):
        _before(time, name, notes, "clock", "time.%s()" % name)
    for name in ("listdir", "scandir"):
        _before(os, name, notes, "listing", "os.%s()" % name, instead=_listing)
    for name in ("cpu_count", "sched_getaffinity", "process_cpu_count"):
        _before(os, name, notes, "cpus", "os.%s()" % name)
    for name in ("getcwd", "uname"):
        _before(os, name, notes, "folder" if name == "getcwd" else "user", "os.%s()" % name, instead=_folder)


def _entropy(what, through, _text):
    if through and through[0] in ("uuid.py", "secrets.py"):
        return "%s.%s()" % (through[0][:-3], through[1])
    return "random.SystemRandom()" if through and through[0] == "random.py" else what


def _folder(what, through, _text):
    return "os.path.%s()" % through[1] if through and through[1] in ("abspath", "realpath") else what


def _listing(what, through, _text):
    if through is None:
        return what
    file, function = through
    if file == "glob.py":
        return "glob.%s()" % function.lstrip("_")
    if function == "walk":
        return "os.walk()"
    if function in ("glob", "rglob", "iterdir"):
        return "Path.%s()" % function
    return what


def _environment(notes, declared):
    read = os._Environ.__getitem__

    def getitem(self, name):
        if name not in declared and not notes.busy:
            user = name in _USERS
            notes("user" if user else "environment", "os.environ[%r]" % (name,), direct=True, instead=_user)
        return read(self, name)

    os._Environ.__getitem__ = getitem


def _user(what, through, _text):
    if through and through[0] == "getpass.py":
        return "getpass.getuser()"
    if through and through[1] in ("expanduser", "home"):
        return "os.path.expanduser()" if through[1] == "expanduser" else "Path.home()"
    return what


def _numpy(module, notes):
    for name in _LEGACY:
        _hook(
            module,
            name,
            lambda _args, _kwargs, what="numpy.random.%s()" % name: (
                None if SEEDED["numpy"] else notes("generator", what)
            ),
        )
    _hook(module, "seed", _seeds("numpy"))
    _hook(module, "set_state", _seeds("numpy"))
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

    _hook(module.NDFrame, "sample", before, qualified="pandas.core.generic")


def _sklearn(module, notes):
    numpy = sys.modules["numpy"]

    def before(args, _kwargs):
        if args and (args[0] is None or args[0] is numpy.random) and not SEEDED["numpy"]:
            notes("generator", "random_state=None")

    _hook(module, "check_random_state", before)


def _torch(module, notes):
    def before(what):
        def look(_args, kwargs):
            if not SEEDED["torch"] and kwargs.get("generator") is None:
                notes("generator", what, instead=_through_torch)

        return look

    for name in _TORCH:
        _hook(module, name, before("torch.%s()" % name))
    for name in _TENSOR:
        _hook(module.Tensor, name, before("torch.Tensor.%s()" % name), qualified="torch")
    for owner in (module, module.random):
        _hook(owner, "manual_seed", _seeds("torch"))
    _hook(module, "set_rng_state", _seeds("torch"))


def _through_torch(what, through, _text):
    return "torch: %s without torch.manual_seed()" % (what if through is None else through[1].strip("_"))


def _uuid(module, notes):
    for name in ("uuid1", "uuid4"):
        _before(module, name, notes, "entropy", "uuid.%s()" % name)


def _secrets(module, notes):
    for name in ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice"):
        _before(module, name, notes, "entropy", "secrets.%s()" % name)
