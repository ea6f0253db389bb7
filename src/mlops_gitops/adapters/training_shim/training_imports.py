"""Do something to a library as soon as the training imports it, and not before.

A finder stands before the others, lets them find, and runs the actions once the module has been executed.  Nothing is
imported that the training does not import itself.
"""

import sys

_ACTIONS = {}


def when(name, action):
    """Run ``action(module)`` after ``name`` is imported, or now if it already is."""
    if name in sys.modules:
        _try(action, sys.modules[name])
        return
    _ACTIONS.setdefault(name, []).append(action)


def install():
    """Stand before the other finders."""
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds nothing itself: it asks those behind it, and wraps what they found."""

    def find_spec(self, name, path=None, target=None):
        if name not in _ACTIONS:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                _wrap(name, spec.loader)
                return spec
        return None


def _wrap(name, loader):
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module):
        loader.__dict__.pop("exec_module", None)
        execute(module)
        for action in _ACTIONS.pop(name, ()):
            _try(action, module)

    try:
        loader.exec_module = exec_module
    except AttributeError:
        pass


def _try(action, module):
    try:
        action(module)
    except Exception:
        pass


def replace(module, name, make):
    """Put ``make(original)`` where ``name`` is, in ``module`` and wherever else its package already holds it."""
    original = getattr(module, name, None)
    if original is None:
        return
    made = make(original)
    package = module.__name__.partition(".")[0]
    for other, loaded in list(sys.modules.items()):
        if other.partition(".")[0] == package and getattr(loaded, "__dict__", {}).get(name) is original:
            setattr(loaded, name, made)
    setattr(module, name, made)
