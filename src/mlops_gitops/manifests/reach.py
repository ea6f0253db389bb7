"""What a change reaches: which models are touched by files that differ, each with the reason.

Pure: paths and bytes in, records out.  A model is touched by everything below its folder, by every file outside of it
that its manifest names, by what ``mlops-gitops.yaml`` declares to be shared, and by that file itself.  **Where the
manifest cannot be read, it may name anything**, so whatever lies outside of the models touches it: a mistake costs a
test too many, never one too few.

These records are named tuples for the reason that ``findings`` gives.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mlops_gitops.manifests import documents

MODELS, MANIFEST, PROJECT = "models", "model.yaml", "mlops-gitops.yaml"
NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SHOWN = 20
"""So many reasons are kept of each model."""
_POINTERS = (".dvc",)
"""What stands in git in the place of data that is kept elsewhere."""
_WORDS = {
    "training": "its training code",
    "dependencies": "its dependency lock",
    "data": "its data",
    "artifact": "its artifact",
    "serving": "its serving image",
}


class Reason(NamedTuple):
    """A file that differs, and what it is to the model."""

    path: str
    why: str


class Touched(NamedTuple):
    """One model, with the first reasons and how many more there are."""

    model: str
    reasons: tuple[Reason, ...]
    more: int = 0


class Reach(NamedTuple):
    """What a change reaches.

    ``known`` is the number of models there are; ``removed`` are those that are there no more; ``unfit`` are folders
    with a manifest whose name no model can have, so that nothing can be done with them.
    """

    models: tuple[Touched, ...]
    known: int
    everything: bool = False
    removed: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


class Repository(NamedTuple):
    """The models of one commit: the manifest of each by the name of its folder; symbolic links with their targets."""

    manifests: Mapping[str, bytes]
    links: Mapping[str, str] = {}
    project: bytes | None = None


def everything(found: Repository, why: Reason) -> Reach:
    """Every model, for one reason."""
    fit, unfit = _fit(found)
    return Reach(tuple(Touched(name, (why,)) for name in fit), len(fit), everything=True, unfit=unfit)


def reach(changed: Iterable[str], found: Repository) -> Reach:
    """The models that files which differ between two commits touch; ``found`` is the later one."""
    paths = sorted(set(changed))
    fit, unfit = _fit(found)
    removed = tuple(sorted(_removed(paths, found)))
    shared = next((one for one in paths if one == PROJECT or _below(one, _shared(found.project))), None)
    if shared is not None:
        why = "the project file" if shared == PROJECT else f"shared by all models, says {PROJECT}"
        return everything(found, Reason(shared, why))._replace(removed=removed)
    reasons: dict[str, list[Reason]] = {}
    known = set(fit)
    outside = []
    for path in paths:
        owner = _owner(path)
        if owner in known:
            reasons.setdefault(str(owner), []).append(Reason(path, ""))
        if owner is None:
            outside.append(path)
    for name, one in _named(fit, found, paths, outside):
        reasons.setdefault(name, []).append(one)
    return Reach(
        tuple(_touched(name, reasons[name], found) for name in fit if name in reasons),
        len(fit),
        removed=removed,
        unfit=unfit,
    )


def _fit(found: Repository) -> tuple[list[str], tuple[str, ...]]:
    names = sorted(found.manifests)
    return [one for one in names if NAME.fullmatch(one)], tuple(one for one in names if not NAME.fullmatch(one))


def _owner(path: str) -> str | None:
    """The folder below ``models/`` that a path lies in."""
    parts = path.split("/", 2)
    return parts[1] if len(parts) > 2 and parts[0] == MODELS else None  # noqa: PLR2004 - models, name, rest


def _removed(paths: Iterable[str], found: Repository) -> set[str]:
    owners = {path.split("/")[1] for path in paths if re.fullmatch(f"{MODELS}/[^/]+/{re.escape(MANIFEST)}", path)}
    return owners - set(found.manifests)


def _shared(project: bytes | None) -> tuple[str, ...]:
    """The paths that all models share, as the project file declares them."""
    if project is None:
        return ()
    value = documents.load(PROJECT, project).value
    spec = value.get("spec") if isinstance(value, dict) else None
    listed = spec.get("shared") if isinstance(spec, dict) else None
    names = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    return tuple(posixpath.normpath(one) for one in names if one.strip())


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") or one == "." for one in folders)


def _named(
    fit: Iterable[str], found: Repository, paths: Iterable[str], outside: list[str]
) -> Iterator[tuple[str, Reason]]:
    """Every changed file outside of a model's folder that the model names, or that it may name."""
    names: dict[str, list[tuple[str, str]]] = {}
    for name in fit:
        leading = _leading_out(name, found.manifests[name])
        if leading is None:
            yield from ((name, Reason(path, "its manifest cannot be read, and may name it")) for path in outside)
        for path, why in leading or ():
            names.setdefault(path, []).append((name, why))
    for link, target in found.links.items():
        owner = _owner(link)
        if owner is not None and owner in found.manifests:
            names.setdefault(_joined(posixpath.dirname(link), target), []).append((owner, f"{link} is a link to it"))
    known = frozenset(fit)
    for path in paths if names else ():
        told = [one for at in _ancestry(path) for one in names.get(at, ())]
        yield from ((name, Reason(path, why)) for name, why in told if name in known and _owner(path) != name)


def _ancestry(path: str) -> Iterator[str]:
    """A path as it can be named: itself, without the ending of a pointer, and every folder above it."""
    yield path
    yield from (path.removesuffix(ending) for ending in _POINTERS if path.endswith(ending))
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _leading_out(name: str, data: bytes) -> list[tuple[str, str]] | None:
    """Every path in a manifest that leads out of the model's folder, with what it is to the model.

    ``None`` where the manifest cannot be read.  Most are not: a path that leads out holds two dots, and only an escape
    can hide them from a search.
    """
    if b".." not in data and b"\\" not in data:
        return []
    value = documents.load(MANIFEST, data).value
    if not isinstance(value, dict):
        return None
    spec = value.get("spec")
    return [
        (_joined(f"{MODELS}/{name}", text), _WORDS.get(field, "its manifest names it"))
        for field, inner in (spec.items() if isinstance(spec, dict) else ())
        for text in _texts(inner)
        if ".." in text.split("/") and "://" not in text
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _touched(name: str, reasons: list[Reason], found: Repository) -> Touched:
    """The reasons of one model, the manifest first, each file in its folder told by what the manifest calls it."""
    folder = f"{MODELS}/{name}"
    called = _called(name, found) if any(not one.why for one in reasons) else {}
    told = []
    for one in reasons:
        why = one.why or ("its manifest" if one.path == f"{folder}/{MANIFEST}" else "")
        why = why or next((called[at] for at in _ancestry(one.path) if at in called), "a file in its folder")
        told.append(one._replace(why=why))
    told.sort(key=lambda one: (one.why != "its manifest", one.path))
    return Touched(name, tuple(told[:SHOWN]), max(0, len(told) - SHOWN))


def _called(name: str, found: Repository) -> dict[str, str]:
    """What the manifest calls the files in the model's folder."""
    value = documents.load(MANIFEST, found.manifests[name]).value
    spec = value.get("spec") if isinstance(value, dict) else None
    words: dict[str, str] = {}
    for field, inner in spec.items() if isinstance(spec, dict) else ():
        if field in _WORDS:
            for text in _texts(inner):
                words.setdefault(_joined(f"{MODELS}/{name}", text), _WORDS[field])
    words.pop(f"{MODELS}/{name}", None)
    return words
