"""How a call is noted: each line and kind once, with the line of the training's own code that made it."""

import contextlib
import functools
import os
import threading

import training_places


class Notes:
    """Notes calls, each line and kind once."""

    def __init__(self, root, note):
        self.root, self.note, self.seen, self.around = root, note, set(), threading.local()

    @property
    def busy(self):
        """Whether this thread is at work for us, and nothing that it does counts."""
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
        """Note that the training called ``what``; ``instead`` may name it better, or say that it is nothing."""
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


def hook(module, name, before, *, qualified=None):
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


def before_each(module, name, notes, kind, what, *, direct=True, instead=None):
    hook(module, name, lambda _args, _kwargs: notes(kind, what, direct=direct, instead=instead))
