"""Where a release comes from: the commit, the data and the dependency lock, each by digest, and how that is told.

Git is asked through argv lists in a folder, with no hook, no prompt, no file-system monitor and none of the caller's
git variables, so that what a repository is configured to run is not run.  ``predicate`` puts the answers into the form
of SLSA provenance v1 and is pure.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Dataset, Model
from mlops_gitops.manifests.release import Material, Release, Source
from mlops_gitops.packaging import digests
from mlops_gitops.records import record

BUILD_TYPE: Final = "https://github.com/mlops-gitops/mlops-gitops/build-types/training/v1"

_SECONDS = 60
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"),
    *("-c", "safe.bareRepository=explicit", "-c", "core.quotePath=false", "--no-pager", "--literal-pathspecs"),
)
"""Files of a model may look like a repository (`HEAD`, `config`, `objects/`, `refs/`).  That is not entered, so that it
names neither the commit nor a program to run."""
_KEPT = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "SYSTEMROOT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:\[\]]+|\[[^\]]+\]):(?P<path>(?!//).*)")


@record
class Checkout:
    """A commit and the work tree around it: its root, and the paths below it that differ from the commit."""

    root: Path
    source: Source
    changed: tuple[str, ...] = ()


def checkout(
    folder: Path, *, environ: Mapping[str, str], repository: str | None = None, produced: Sequence[str] = ()
) -> Checkout:
    """The commit that ``folder`` is at.

    Changes below ``produced``, paths relative to ``folder`` that are recorded by digest anyway (the artifact, the
    data), do not make it dirty; new files elsewhere do.  ``repository`` is the address that the manifest declares;
    otherwise it is that of the remote ``origin``, else the folder itself, always without credentials.

    Raises ``Refused`` where there is no commit, ``WorldFailed`` without git.
    """
    root = Path(_git(folder, environ, "rev-parse", "--show-toplevel").rstrip("\n"))
    revision = _git(folder, environ, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}").strip()
    author = _git(folder, environ, "show", "--no-patch", "--no-show-signature", "--format=%ae", revision).strip()
    address = repository or _origin(folder, environ) or root.resolve().as_uri()
    made = {_within(root, folder, path) for path in produced}
    changed = tuple(path for path in _changed(folder, environ) if not _is_below(path, made))
    source = Source(without_credentials(address), revision, author or "unknown", dirty=bool(changed))
    return Checkout(root=root, source=source, changed=changed)


def without_credentials(address: str) -> str:
    """A repository's address with any user, password or token removed; a user of ssh is part of the address."""
    parts = urlsplit(address)
    if parts.scheme and parts.netloc:
        user = parts.username if parts.scheme in ("ssh", "git+ssh") and parts.username else None
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{user}@{host}" if user else host, query="", fragment="").geturl()
    if (match := _SCP.fullmatch(address)) is not None and "@" in address:
        user, _, rest = address.partition("@")
        return f"{user.partition(':')[0]}@{rest}" if match["host"] else rest
    return address


def committed(folder: Path, environ: Mapping[str, str], revision: str) -> datetime:
    """When a commit was made, in UTC."""
    told = _git(folder, environ, "show", "--no-patch", "--no-show-signature", "--format=%ct", revision, "--").strip()
    return datetime.fromtimestamp(int(told), UTC)


def materials(model: Model, *, folder: Path, root: Path) -> tuple[Material, ...]:
    """Every data set of the manifest with the digest of what is really there.

    Raises ``Refused`` where that is not the digest that the manifest declares, or where it cannot be known.
    """
    return tuple(_material(dataset, folder=folder, root=root) for dataset in model.data)


def dependencies(model: Model, *, folder: Path, root: Path) -> str:
    """SHA-256 of the dependency lock."""
    return digests.of_file(located(model.lock, folder=folder, root=root)).digest


def predicate(
    model: Model, release: Release, *, builder: str, invocation: str, started: datetime, finished: datetime
) -> dict[str, JSON]:
    """The SLSA provenance v1 predicate of ``release``.  Pure; times are aware."""
    source = release.source
    resolved: list[JSON] = [
        {"name": "source", "uri": f"git+{source.repository}", "digest": {"gitCommit": source.revision}},
    ]
    for one in sorted(release.data, key=lambda one: one.name):
        resolved.append({"name": f"data/{one.name}", "uri": one.uri, "digest": {"sha256": one.digest}})  # noqa: PERF401
    resolved.append({"name": "dependencies", "uri": model.lock, "digest": {"sha256": release.dependencies}})
    if release.image is not None:
        resolved.append({"name": "image", "uri": release.image.uri, "digest": {"sha256": release.image.digest}})
    parameters: dict[str, JSON] = {
        "model": release.name,
        "version": release.version,
        "manifest": {"sha256": release.manifest},
        "entrypoint": list(model.training.entrypoint),
        "environment": dict(sorted(model.training.environment.items())),
        "network": model.training.network,
    }
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": parameters,
            "internalParameters": {"dirty": source.dirty},
            "resolvedDependencies": resolved,
        },
        "runDetails": {
            "builder": {"id": builder},
            "metadata": {
                "invocationId": invocation,
                "startedOn": times.format_instant(started),
                "finishedOn": times.format_instant(finished),
            },
        },
    }


def _material(dataset: Dataset, *, folder: Path, root: Path) -> Material:
    if "://" in dataset.uri:
        if dataset.digest is None:
            raise Refused(
                f"the data set {dataset.name!r} is remote, and the manifest gives no digest for it",
                hint="write its SHA-256 under digest in model.yaml",
                code="data-digest",
            )
        return Material(dataset.name, dataset.role, dataset.digest, without_credentials(dataset.uri))
    path = located(dataset.uri, folder=folder, root=root)
    found = digests.of_artifact(path).digest if path.is_dir() else digests.of_file(path).digest
    if dataset.digest is not None and found != dataset.digest:
        raise Refused(
            f"the data set {dataset.name!r} ({dataset.uri}) has sha256 {found}, the manifest declares {dataset.digest}",
            hint="restore the file, or declare the new digest in model.yaml and train again",
            code="data-digest",
        )
    return Material(dataset.name, dataset.role, found, dataset.uri)


def located(path: str, *, folder: Path, root: Path) -> Path:
    """``path`` of a manifest in ``folder``, resolved.  Raises ``Refused`` where it leaves ``root`` or is not there."""
    found = (folder / path).resolve()
    if not found.is_relative_to(root.resolve()):
        raise Refused(f"{path!r} leaves the repository", hint="use a path inside the repository", code="path-outside")
    if not found.exists():
        raise Refused(f"{path!r} does not exist in {folder}", hint="commit or produce it first", code="path-missing")
    return found


def _origin(folder: Path, environ: Mapping[str, str]) -> str | None:
    try:
        return _git(folder, environ, "config", "--get", "remote.origin.url").strip() or None
    except Refused:
        return None


def _changed(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Paths, relative to the root of the repository, that differ from the commit; renames count with both names."""
    told = _git(folder, environ, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    return [entry[3:] for entry in told.split("\0") if entry]


def _within(root: Path, folder: Path, path: str) -> str:
    joined = (folder / path).resolve()
    return joined.relative_to(root.resolve()).as_posix() if joined.is_relative_to(root.resolve()) else ""


def _is_below(path: str, folders: set[str]) -> bool:
    return any(made and (path.rstrip("/") == made or path.startswith(f"{made}/")) for made in folders)


def _git(folder: Path, environ: Mapping[str, str], *words: str) -> str:
    kept = {name: environ[name] for name in _KEPT if name in environ}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *_SAFE, "-C", str(folder), *words],
            env={**kept, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldFailed(
            f"git could not be run in {folder}: {error}", hint="install git; `mlops-gitops doctor` says how", code="git"
        ) from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            f"{folder} is not in a git repository with a commit: {told[-1] if told else words[0]}",
            hint="commit the model first: a release names the commit it was built from",
            code="source-missing",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
