"""Which line of the training's own code is at work: its frames lie below the checkout, a library's do not."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_ABSOLUTE = {}
_LINES = {}


def _own(name, root):
    """The absolute name of a file of the training's own, or ``None``."""
    if name not in _ABSOLUTE:
        whole = os.path.normpath(os.path.join(_START, name))
        mine = whole.startswith(root) and "site-packages" not in whole and name[:1] != "<"
        _ABSOLUTE[name] = whole if mine and not whole.startswith((_HERE, _LIBRARY)) else None
    return _ABSOLUTE[name]


def innermost(root):
    """``(file, line, through)`` of the innermost own frame; ``through`` is the (file, function) that it called.

    ``None`` where there is none, or where a library is only being imported.
    """
    frame, through = sys._getframe(1), None
    while frame is not None:
        name = frame.f_code.co_filename
        own = _own(name, root)
        if own is not None:
            return own, frame.f_lineno, through
        if name.startswith("<frozen importlib"):
            return None
        if not name.startswith(_HERE):
            through = (os.path.basename(name), frame.f_code.co_name)
        frame = frame.f_back
    return None


def direct(root):
    """As ``innermost``, but only where nothing other than the standard library lies between."""
    frame, through = sys._getframe(1), None
    while frame is not None:
        name = frame.f_code.co_filename
        own = _own(name, root)
        if own is not None:
            return own, frame.f_lineno, through
        if not name.startswith(_HERE):
            if not _is_thin(name):
                return None
            through = (os.path.basename(name), frame.f_code.co_name)
        frame = frame.f_back
    return None


_THIN = frozenset(
    [
        "uuid",
        "secrets",
        "random",
        "glob",
        "pathlib",
        "_local",
        "getpass",
        "posixpath",
        "genericpath",
        "os",
        "context",
        "platform",
        "socket",
        "_collections_abc",
        "fnmatch",
    ]
)
"""Modules of the standard library that only pass a question on."""


def _is_thin(name):
    base = os.path.splitext(os.path.basename(name))[0]
    if name.startswith("<frozen "):
        return name[8:-1] in _THIN
    return name.startswith(_LIBRARY) and "site-packages" not in name and (base in _THIN or "pathlib" in name)


def text(file, line):
    """The text of a line."""
    if file not in _LINES:
        try:
            with open(file, encoding="utf-8", errors="replace") as stream:
                _LINES[file] = stream.read(2**20).splitlines()
        except OSError:
            _LINES[file] = []
    lines = _LINES[file]
    return lines[line - 1] if 0 < line <= len(lines) else ""


try:
    _START = os.getcwd()
except OSError:
    _START = "/"
