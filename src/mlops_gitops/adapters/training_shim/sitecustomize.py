"""What the Python of a training loads first: it watches, and where it was asked to, it seeds and traces.

It runs inside the training's own interpreter, whatever its version, so it needs only the standard library and leaves
the training as it was: it prints nothing, replaces nothing that it was not told to replace, and when it fails itself,
it notes that and steps aside.  It is no sandbox: it stops mistakes and tells of them.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _next():
    """Load the ``sitecustomize`` that this one stands before, if there is one."""
    import importlib.util

    for folder in sys.path:
        path = os.path.join(folder or ".", "sitecustomize.py")
        if os.path.abspath(folder or ".") != _HERE and os.path.isfile(path):
            spec = importlib.util.spec_from_file_location("sitecustomize", path)
            if spec is not None and spec.loader is not None:
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
            return


def _start():
    told = os.environ.get("MLOPS_GITOPS_TRAINING")
    if not told:
        return
    import json

    with open(told, encoding="utf-8") as stream:
        settings = json.load(stream)
    if "FAKETIME" in os.environ:
        import training_clock

        training_clock.install()
    import training_watch

    note = training_watch.writer(settings)
    training_watch.watch(settings, note)
    changed = any(settings.get(name) for name in ("deterministic", "entropy", "reverse_listing", "shuffle"))
    if settings.get("traced") or changed or settings.get("seed") is not None:
        import training_hooks

        training_hooks.install(settings, note)


try:
    _start()
except Exception:
    pass
try:
    _next()
except ImportError:
    pass
