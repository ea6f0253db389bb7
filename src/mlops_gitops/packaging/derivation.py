"""What a model registry shall show, derived from where the pointers are.

A registry's aliases and tags are a view for people and tools; git is the state.  ``changes`` compares the view that
the pointers imply with the one that is there, and answers with the difference only: no difference, no change.  It can
be computed again at any time, so a run that was killed between the commit and the registry is repaired by the next.

What is managed: the aliases that policies name, every tag below ``mlops-gitops.``, and the tags that policies name.
Everything else in the registry belongs to other people and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TypeAlias

from mlops_gitops.errors import Refused
from mlops_gitops.records import record

OURS = "mlops-gitops."
RELEASE_TAG = "mlops-gitops.release"
ENVIRONMENT_TAG = "mlops-gitops.environment."
"""Followed by the environment's name; the value is the id of the promotion that put the release there."""

_ALIAS = re.compile(r"[\w-]{1,255}", re.ASCII)
_RESERVED = re.compile(r"latest|v\d+", re.IGNORECASE)


@record
class Placement:
    """A release that runs somewhere: the registered model version it is, and what the policy wants to see on it.

    ``tags`` is a sorted tuple of pairs.
    """

    environment: str
    model: str
    release: str
    promotion: str
    name: str
    version: str
    alias: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


@record
class Registered:
    """What a registry shows of one registered model: alias → version, and version → tags."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@record
class SetAlias:
    """Point an alias of a registered model at a version."""

    name: str
    alias: str
    version: str


@record
class DeleteAlias:
    """Take an alias from a registered model."""

    name: str
    alias: str


@record
class SetTag:
    """Set a tag of a registered model version."""

    name: str
    version: str
    key: str
    value: str


@record
class DeleteTag:
    """Take a tag from a registered model version."""

    name: str
    version: str
    key: str


Change: TypeAlias = SetAlias | DeleteAlias | SetTag | DeleteTag


def desired(placements: Iterable[Placement]) -> Mapping[str, Registered]:
    """What the registry shall show, by registered model.

    Where one version runs in several environments whose policies set the same tag, the last placement counts: pass them
    in the order of promotion.  Raises ``Refused`` where two environments want the same alias on different versions.
    """
    aliases: dict[str, dict[str, str]] = {}
    tags: dict[str, dict[str, dict[str, str]]] = {}
    for placement in placements:
        wanted = tags.setdefault(placement.name, {}).setdefault(placement.version, {})
        wanted[RELEASE_TAG] = placement.release
        wanted[ENVIRONMENT_TAG + placement.environment] = placement.promotion
        wanted.update(placement.tags)
        if placement.alias is not None:
            there = aliases.setdefault(placement.name, {})
            if there.setdefault(placement.alias, placement.version) != placement.version:
                raise Refused(
                    f"two environments want the alias {placement.alias!r} of the registered model {placement.name!r} "
                    f"on versions {there[placement.alias]} and {placement.version}",
                    hint="give each environment an alias of its own in environment.yaml",
                    code="registry-alias",
                )
    return {name: Registered(aliases.get(name, {}), tags[name]) for name in tags}


def changes(
    placements: Iterable[Placement],
    actual: Mapping[str, Registered],
    *,
    aliases: frozenset[str],
    tags: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """The difference between what ``placements`` imply and what ``actual`` shows; nothing where they agree.

    ``aliases`` and ``tags`` are all that any policy manages: those are taken away where no placement wants them.  The
    tag ``mlops-gitops.release`` is kept on versions that no longer run, since it stays true.  Aliases come first.
    """
    wanted = desired(placements)
    names = sorted(wanted.keys() | actual.keys())
    nothing = Registered()
    pairs = [(name, wanted.get(name, nothing), actual.get(name, nothing)) for name in names]
    return (
        *(change for pair in pairs for change in _aliases(*pair, managed=aliases)),
        *(change for pair in pairs for change in _tags(*pair, managed=tags)),
    )


def _aliases(name: str, wanted: Registered, actual: Registered, *, managed: frozenset[str]) -> Iterable[Change]:
    for alias, version in sorted(wanted.aliases.items()):
        if actual.aliases.get(alias) != version:
            yield SetAlias(name, alias, version)
    for alias in sorted(actual.aliases):
        if alias in managed and alias not in wanted.aliases:
            yield DeleteAlias(name, alias)


def _tags(name: str, wanted: Registered, actual: Registered, *, managed: frozenset[str]) -> Iterable[Change]:
    for version in sorted(wanted.tags.keys() | actual.tags.keys()):
        want, have = wanted.tags.get(version, {}), actual.tags.get(version, {})
        # our own tags come first: they mark the version as ours, so that a killed run leaves nothing unaccounted for
        for key, value in sorted(want.items(), key=lambda tag: (not tag[0].startswith(OURS), tag[0])):
            if have.get(key) != value:
                yield SetTag(name, version, key, value)
        ours = any(key.startswith(OURS) for key in have)
        for key in sorted(have.keys() - want.keys()):
            if key.startswith(ENVIRONMENT_TAG) or (key in managed and (ours or bool(want))):
                yield DeleteTag(name, version, key)


def alias_problem(alias: str) -> str | None:
    """Why MLflow would refuse ``alias``, or ``None``."""
    if _ALIAS.fullmatch(alias) is None:
        return "an alias holds letters, digits, _ and - only, at most 255 of them"
    if _RESERVED.fullmatch(alias):
        return "latest and v1, v2, … are reserved by MLflow"
    return None
