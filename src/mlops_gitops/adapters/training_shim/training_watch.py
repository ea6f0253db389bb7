"""What a training should not do, seen through Python's audit events: networks, inputs, and files that are not its own.

An event is refused with ``PermissionError`` and noted with the line of the training's own code, so that it is found
even where the training swallows the error.
"""

import json
import os
import sys
import threading

import training_places

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REACHES = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
_CHANGES = {
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.truncate": ((0, None),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
}
"""Where in the arguments of an event the paths are that it changes, and the open folders that they start from."""
_HERE = (None, "", b"", "localhost", b"localhost", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound
_CWD = os.getcwd
_MOST = 10_000
_DEVICES = ("/dev/", "/proc/self/", "/proc/thread-self/")


def writer(settings):
    """A function that appends one event to this process's own file; it never raises."""
    folder, state = settings["trace"], _State()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=state.begin)

    def note(**event):
        try:
            with state.lock:
                state.seen += 1
                if state.seen > _MOST:
                    return
                event["order"] = state.seen
                line = json.dumps(event) + "\n"
                path = os.path.join(folder, "%d.jsonl" % os.getpid())
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                try:
                    os.write(handle, line.encode("utf-8", "replace"))
                finally:
                    os.close(handle)
        except Exception:
            pass

    return note


class _State:
    """The counter of one process and its lock; a fork begins with its own, whoever held the parent's."""

    def __init__(self):
        self.begin()

    def begin(self):
        self.lock, self.seen = threading.RLock(), 0


def place(root):
    """File and line of the innermost frame that is the training's own code."""
    found = training_places.innermost(root)
    return {"file": found[0], "line": found[1]} if found else {}


def watch(settings, note):
    """Refuse and note what should not be done."""
    root = settings["root"].rstrip("/") + "/"
    folders = [*settings["writable"], settings["trace"]]
    writable = tuple({os.path.join(made, "") for one in folders for made in (one, os.path.realpath(one))})
    inputs = tuple({made for one in settings["inputs"] for made in (one, os.path.realpath(one))})
    network, writes = settings["network"], _WRITES

    def refuse(kind, what):
        note(event=kind, what=str(what)[:300], **place(root))
        raise PermissionError("%s: %s is not for a training to touch" % (kind, what))

    def check(path, folder=-1):
        whole = whole_path(path, folder)
        if whole is None:
            return
        real = os.path.realpath(whole)
        for one in inputs:
            if one in (whole, real) or whole.startswith(one + "/") or real.startswith(one + "/"):
                refuse("changed-input", whole)
        if real.startswith(_DEVICES) or whole.startswith(_DEVICES) or "__pycache__" in whole:
            return
        if not (real + "/").startswith(writable):
            refuse("wrote-outside", whole)

    def hook(event, arguments):
        if event == "open":  # the one that comes often: what only reads is let go at once
            flags = arguments[2]
            if flags and flags & writes:
                check(arguments[0])
        elif event in _REACHES:
            if not network and not _is_local(event, arguments):
                refuse("network", _address(event, arguments))
        elif event in _CHANGES:
            for path, folder in _CHANGES[event]:
                check(arguments[path], arguments[folder] if folder is not None and folder < len(arguments) else -1)

    sys.addaudithook(hook)


def whole_path(path, folder=-1):
    """The absolute path; relative to the open folder ``folder`` where there is one.  ``None``: no path at all."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name = os.fsdecode(path)
    if not os.path.isabs(name):
        start = _CWD()
        if isinstance(folder, int) and folder >= 0:
            try:
                start = os.readlink("/proc/self/fd/%d" % folder)
            except OSError:
                return None
        name = os.path.join(start, name)
    return os.path.normpath(name)


def _is_local(event, arguments):
    """Sockets of the file system, this machine itself, and names that are no address, lead nowhere else."""
    target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
    if event in ("socket.connect", "socket.sendto") and not isinstance(target, tuple):
        return True
    host = target[0] if isinstance(target, tuple) and target else target
    return host in _HERE or (isinstance(host, str) and host.startswith("127."))


def _address(event, arguments):
    target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0:2]
    return ":".join(map(str, target[:2])) if isinstance(target, tuple) else target
