"""What a pull request in the environment repository touches, and what it may not touch together.  Pure.

A promotion changes pointers and what belongs to them; who may promote what is changed elsewhere: policies, trust,
controls, workflows.  A pull request that did both would be judged by a policy that it changes in the same breath, so it
is refused, whatever its files say.  A rename touches both of its names.

Names are compared as the most forgiving file system would: without case, and in one Unicode form.  A file, link or
submodule in the place of a folder that holds any of this is refused, for it would replace all that is in there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from mlops_gitops.errors import Refused
from mlops_gitops.evidence import codeowners
from mlops_gitops.promotion import layout
from mlops_gitops.records import record

LISTED = 3000
"""How many files of a pull request GitHub lists; with as many, some may be missing."""

_FOLDERS = ("environments", "trust", "controls", ".github", *layout.APPEND_ONLY)
_GUARDED_FILES = {"mlops-gitops.yaml", ".gitmodules", ".gitattributes", *(one.lower() for one in codeowners.PLACES)}


@record
class Scope:
    """What is touched: slots of which a pointer is (environment and model), records, rules, and everything else.

    ``moved`` are the pointers themselves: those of the environments, and those of targets inside them.
    """

    pointers: tuple[tuple[str, str], ...]
    moved: tuple[str, ...]
    records: tuple[str, ...]
    rules: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def promotes(self) -> bool:
        """Whether a pointer moves."""
        return bool(self.pointers)

    @property
    def receipts(self) -> tuple[str, ...]:
        """The receipts among the records."""
        return tuple(one for one in self.records if one.startswith("receipts/"))


def of_paths(paths: Iterable[str], *, exists: Callable[[str], bool]) -> Scope:
    """What is touched.  ``exists`` says whether the base branch holds a path.

    Raises ``Refused`` for what may not be touched together, or not at all.
    """
    every = sorted(set(paths))
    if len(every) >= LISTED:
        raise _refused(f"it changes {LISTED} files or more, and GitHub lists no more than that", "split it")
    pointers: dict[str, tuple[str, str]] = {}
    records: list[str] = []
    rules: list[str] = []
    others: list[str] = []
    for path in every:
        kind = _kind(path)
        if kind == "pointer":
            pointers[path] = (path.split("/")[1], path.split("/")[2])
        else:
            {"record": records, "rule": rules}.get(kind, others).append(path)
    for path in records:
        if exists(path):
            raise _refused(
                f"it changes or removes {path!a}, and what is recorded is for ever", "leave that file as it is"
            )
    if rules and (pointers or records):
        what = f"{_some(rules)} together with {_some([*pointers, *records])}"
        raise _refused(
            f"it touches {what}", "put the change of the rules into a pull request of its own, and that first"
        )
    slots = tuple(f"{layout.slot(*one)}/" for one in pointers.values())
    beside = tuple(one for one in others if not one.startswith(slots)) if slots else tuple(others)
    return Scope(tuple(sorted(set(pointers.values()))), tuple(pointers), tuple(records), tuple(rules), beside)


def _kind(path: str) -> str:
    """``pointer``, ``record``, ``rule`` or ``other``.  Raises ``Refused`` for a name that plays tricks."""
    folded = _folded(path)
    parts = folded.split("/")
    first = parts[0]
    if "" in parts or "\\" in path or ".git" in parts:
        raise _refused(f"it touches {path!a}, which is no plain path", "name the file plainly")
    if first in _FOLDERS and len(parts) <= _depth(first):
        raise _refused(f"{path!a} stands in the place of a folder that is guarded", "keep folders folders")
    if folded in _GUARDED_FILES or first in {"trust", "controls", ".github"} or _is_policy(parts):
        return "rule"
    if first not in _FOLDERS:
        return "other"
    if path != folded:
        raise _refused(
            f"{path!a} is spelt in another way than {folded!a}, and somewhere they are one", "spell it as usual"
        )
    if first in layout.APPEND_ONLY:
        return "record"
    return "pointer" if layout.target_of(path) is not None else "other"


def _folded(path: str) -> str:
    """The name as the most forgiving file system reads it: no case, no invisible letters, no dots at an end."""
    seen = unicodedata.normalize("NFKC", "".join(one for one in path if unicodedata.category(one) != "Cf")).casefold()
    return "/".join(part.rstrip(". ") for part in seen.split("/"))


def _is_policy(parts: list[str]) -> bool:
    return parts[0] == "environments" and parts[2:] == ["environment.yaml"]


def _depth(folder: str) -> int:
    """How deep the folders of a guarded folder reach: nothing but a folder may stand there."""
    return {"environments": 2, "receipts": 3, "seals": 3, "releases": 2, "evidence": 2, "controls": 2}.get(folder, 1)


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]!a}{more}"


def _refused(why: str, hint: str) -> Refused:
    return Refused(f"the pull request is refused: {why}", hint=hint, code="pull-request")
