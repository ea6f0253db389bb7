"""A clean copy of the code to train: one commit, or the files of the work tree as they are.

Nothing that the repository is configured to run is run: no hook, no filter, no file-system monitor.  The repository
itself is only read.  Nothing is written outside the copy, whatever links the repository holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from mlops_gitops.adapters.git_process import WITHIN, run_git
from mlops_gitops.errors import Refused

_KEPT = ("PATH", "LANG", "TMPDIR")
_SECONDS = 600


def check_out(
    root: Path, revision: str | None, target: Path, *, environ: Mapping[str, str], leave: Collection[Path] = ()
) -> None:
    """Put the files of ``revision`` into ``target``, or those of the work tree where it is ``None``.

    The work tree's files are those that git tracks, and new ones that it does not ignore; ``leave`` are paths below
    ``root`` that the caller brings in itself.  Raises ``Refused`` where the revision is not there.
    """
    if revision is None:
        target.mkdir(parents=True)
        _copy(root, target, environ=environ, leave={PurePosixPath(path) for path in leave})
        return
    _git(root, environ, "clone", "--quiet", "--shared", "--no-checkout", "--template=", str(root), str(target))
    try:
        _git(target, environ, "checkout", "--quiet", "--detach", revision, "--")
    except Refused as gone:
        raise Refused(
            f"commit {revision[:12]} is not in {root}: {gone.message}",
            hint="fetch it: `git fetch origin`, with the whole history",
            code="source-missing",
        ) from gone


def objects(checkout: Path) -> list[Path]:
    """The folders of git objects that a checkout borrows from its repository."""
    borrowed = checkout / ".git" / "objects" / "info" / "alternates"
    if not borrowed.is_file():
        return []
    return [path for line in borrowed.read_text(encoding="utf-8").splitlines() if (path := Path(line)).is_dir()]


def place(checkout: Path, below: Path) -> Path:
    """The path ``below`` in a checkout, with its folders made.

    Raises ``Refused`` where a link of the repository would lead it to somewhere else.
    """
    found = checkout / below
    existing = next(path for path in (found, *found.parents) if path.is_symlink() or path.exists())
    if not existing.resolve().is_relative_to(checkout.resolve()) or found.is_symlink():
        raise Refused(
            f"{below} leads out of the repository in the revision that is trained: it goes through a link",
            hint="put the file itself in the place of the link",
            code="path-outside",
        )
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def removed(path: Path, *, within: Path) -> None:
    """Remove what lies at ``path`` below ``within``; a link is removed and never followed."""
    if not path.parent.resolve().is_relative_to(within.resolve()):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(root: Path, target: Path, *, environ: Mapping[str, str], leave: Collection[PurePosixPath]) -> None:
    listed = _git(root, environ, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    links: set[PurePosixPath] = set()
    for name in sorted(filter(None, listed.split("\0"))):
        below = PurePosixPath(name)
        above = {below, *below.parents}
        source = root / name
        # a file below a link is another file, which is not this repository's
        if above & links or not above.isdisjoint(leave) or not (source.is_symlink() or source.is_file()):
            continue
        if source.is_symlink():
            links.add(below)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name, follow_symlinks=False)


def _git(folder: Path, environ: Mapping[str, str], *words: str) -> str:
    kept = {name: environ[name] for name in _KEPT if name in environ}
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "LC_ALL": "C",
    }
    done = run_git([*WITHIN, "-C", str(folder), *words], environ={**kept, **quiet}, seconds=_SECONDS, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            f"git {words[0]} failed: {said[-1] if said else 'without a word'}",
            hint="try `git fsck` in the model repository",
            code="source-missing",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
