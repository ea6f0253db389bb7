"""What a training should not do, seen through Python's audit events: networks, inputs, and files that are not its own.

An event is refused with ``PermissionError`` and noted with the line of the training's own code, so that it is found
even where the training swallows the error.
"""

import json
import os
import sys
import threading

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REACHES = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink")
_MOST = 10_000
_DEVICES = ("/dev/", "/proc/self/", "/proc/thread-self/")


def writer(settings):
    """A function that appends one event to this process's own file; it never raises."""
    folder, lock, seen = settings["trace"], threading.Lock(), [0]

    def note(**event):
        try:
            with lock:
                seen[0] += 1
                if seen[0] > _MOST:
                    return
                line = json.dumps(event) + "\n"
                path = os.path.join(folder, "%d.jsonl" % os.getpid())
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(handle, line.encode("utf-8", "replace"))
                finally:
                    os.close(handle)
        except Exception:
            pass

    return note


def place(root):
    """File and line of the innermost frame that is the training's own code."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(root) and "site-packages" not in name:
            return {"file": name, "line": frame.f_lineno}
        if not name.startswith("/") and not name.startswith("<"):
            whole = os.path.abspath(name)
            if whole.startswith(root) and os.path.exists(whole):
                return {"file": whole, "line": frame.f_lineno}
        frame = frame.f_back
    return {}


def watch(settings, note):
    """Refuse and note what should not be done."""
    root = settings["root"].rstrip("/") + "/"
    writable = tuple(os.path.join(path, "") for path in settings["writable"])
    inputs = tuple(settings["inputs"])
    network = settings["network"]

    def refuse(kind, what):
        note(event=kind, what=str(what)[:300], **place(root))
        raise PermissionError("%s: %s is not for a training to touch" % (kind, what))

    def check(path):
        if not isinstance(path, (str, bytes)):
            return
        whole = os.path.abspath(os.fsdecode(path))
        if any(whole == one or whole.startswith(one + "/") for one in inputs):
            refuse("changed-input", whole)
        if whole.startswith(_DEVICES) or "__pycache__" in whole or (whole + "/").startswith(writable):
            return
        refuse("wrote-outside", whole)

    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if flags is not None and flags & _WRITES:
                check(path)
        elif event in _REACHES:
            if not network and not _is_local(event, arguments):
                refuse("network", _address(event, arguments))
        elif event in _CHANGES:
            check(arguments[0])
            if event == "os.rename":
                check(arguments[1])

    sys.addaudithook(hook)


def _is_local(event, arguments):
    """Sockets of the file system, and names that are no address, leave no machine."""
    if event in ("socket.connect", "socket.sendto"):
        return isinstance(arguments[1], (str, bytes))
    return arguments[0] in (None, "", b"")


def _address(event, arguments):
    target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0:2]
    return ":".join(map(str, target[:2])) if isinstance(target, tuple) else target
