"""What a commit is made of, as ``git fast-import`` wants to hear it.

Names of branches and paths come from documents that were checked; here they are checked for the last time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from mlops_gitops.errors import Misused
from mlops_gitops.promotion.store import Files


def identity(environ: Mapping[str, str]) -> str:
    """Who commits."""
    name = environ.get("GIT_AUTHOR_NAME") or "mlops-gitops"
    email = environ.get("GIT_AUTHOR_EMAIL") or "mlops-gitops@users.noreply.github.com"
    return re.sub(r"[<>\n\0]", "", name) + " <" + re.sub(r"[<>\n\0]", "", email) + ">"


def stream(reference: str, base: str, files: Files, *, message: str, when: datetime, who: str) -> bytes:
    """A commit on top of ``base`` whose id is answered, under a reference that is gone when it ends."""
    stamp = f"{who} {int(when.timestamp())} +0000".encode()
    text = message.encode()
    parts = [
        b"commit " + reference.encode() + b"\nmark :1\n",
        b"author " + stamp + b"\ncommitter " + stamp + b"\n",
        b"data %d\n" % len(text) + text + b"\nfrom " + base.encode() + b"\n",
    ]
    for path, content in sorted(files.items()):
        _refuse_unsafe(path)
        if content is None:
            parts.append(b"D " + path.encode() + b"\n")
        else:
            parts.append(b"M 100644 inline " + path.encode() + b"\ndata %d\n" % len(content) + content + b"\n")
    gone = b"0" * len(base)
    parts.append(b"\nget-mark :1\nreset " + reference.encode() + b"\nfrom " + gone + b"\n\ndone\n")
    return b"".join(parts)


def refuse_odd(branch: str) -> None:
    """Raises ``Misused`` for what cannot be the name of a branch, or could be read as an option."""
    if not re.fullmatch(r"(?!-)[\w./-]+", branch) or ".." in branch:
        raise Misused(f"{branch!r} cannot be the name of a branch", hint="name it plainly", code="branch")


def _refuse_unsafe(path: str) -> None:
    """Paths are made from names that were checked; this is the last line of defence, not the first."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", path) or {".", "..", ".git"} & set(path.split("/")):
        raise Misused(f"{path!r} cannot be a path of the environment repository", hint="rename it", code="path")
