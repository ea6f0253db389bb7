"""Calls that two runs may answer differently: noted once a line, where the training's own code made them.

Generators count also when a library draws for the training; clocks, entropy, listings, variables, processors and users
only when the training itself asked, for libraries ask those all the time and mean nothing by it.
"""

import os
import random
import time

import training_generators
import training_imports
import training_notes

_USERS = frozenset({"HOME", "USER", "LOGNAME", "USERNAME", "LNAME"})


def install(root, note, declared):
    """Hook the standard library now, and the others when they come."""
    notes = training_notes.Notes(root, note)
    training_generators.install(notes)
    _system(notes)
    _environment(notes, declared)
    training_imports.when("uuid", lambda module: _uuid(module, notes))
    training_imports.when("secrets", lambda module: _secrets(module, notes))
    training_imports.when("socket", lambda module: _socket(module, notes))


def _socket(module, notes):
    training_notes.before_each(module, "gethostname", notes, "user", "socket.gethostname()")


def _system(notes):
    training_notes.before_each(os, "urandom", notes, "entropy", "os.urandom()", instead=_entropy)
    random._urandom = os.urandom
    for name in ("time", "time_ns"):
        training_notes.before_each(time, name, notes, "clock", "time.%s()" % name)
    for name in ("listdir", "scandir"):
        training_notes.before_each(os, name, notes, "listing", "os.%s()" % name, instead=_listing)
    for name in ("cpu_count", "sched_getaffinity", "process_cpu_count"):
        training_notes.before_each(os, name, notes, "cpus", "os.%s()" % name)
    for name in ("getcwd", "uname"):
        training_notes.before_each(
            os, name, notes, "folder" if name == "getcwd" else "user", "os.%s()" % name, instead=_folder
        )


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


def _uuid(module, notes):
    for name in ("uuid1", "uuid4"):
        training_notes.before_each(module, name, notes, "entropy", "uuid.%s()" % name)


def _secrets(module, notes):
    for name in ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice"):
        training_notes.before_each(module, name, notes, "entropy", "secrets.%s()" % name)
