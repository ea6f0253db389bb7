"""An image against the vulnerability databases that the user names: what is known of its packages, and what it means.

Without a database nothing is looked for, and nothing is said to be well.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters import advisory_databases
from mlops_gitops.adapters.advisory_databases import Database
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.built import Built
from mlops_gitops.cli.world import World
from mlops_gitops.findings import Finding, Severity
from mlops_gitops.manifests.reading import Invalid
from mlops_gitops.packaging.advisories import judgement, matching
from mlops_gitops.packaging.advisories.judgement import Told
from mlops_gitops.packaging.advisories.matching import Compared
from mlops_gitops.packaging.image import packages
from mlops_gitops.times import format_instant

VARIABLE = "MG_ADVISORIES"


@dataclass(frozen=True)
class Advised:
    """What was compared, with which databases, every weakness with its acceptance, and the findings."""

    databases: tuple[Database, ...]
    compared: Compared
    told: tuple[Told, ...]
    findings: tuple[Finding, ...]


def databases(named: Sequence[str], world: World) -> tuple[Database, ...]:
    """The databases that the option names, else the variable.

    Raises ``Misused`` where one is not there, ``Refused`` where it is no database.
    """
    names = named or list(filter(None, world.environ.get(VARIABLE, "").split(os.pathsep)))
    if not names:
        return ()
    with session.needing("build"):
        import packaging.version  # noqa: F401 - the order of versions asks for it later
    cache = session.cache(world) / "advisories"
    return tuple(
        advisory_databases.opened(
            world.cwd / Path(one), name=one, cache=cache, now=world.now(), progress=world.progress
        )
        for one in names
    )


def judged(built: Built, given: Sequence[Database], world: World) -> Advised | None:
    """The image against what is known; ``None`` without a database.

    Raises ``Invalid`` with every finding where one of them is an error.
    """
    if not given:
        return None
    image, now, document = built.candidate.model.serving.image, world.now(), built.candidate.document
    accepted = image.accepted if image is not None else ()
    installed = (*built.facts.installed, *built.locked)
    compared = matching.compared(installed, advisory_databases.together(given))
    told = judgement.told(compared, accepted)
    below = "base" if built.base is not None else "dockerfile"
    problems = [
        *judgement.problems(told, accepted, locked=packages.PLACE, below=below, now=now),
        *judgement.shortcomings(compared, given, lacking=_lacking(built, given), unread=_unread(built), now=now),
    ]
    findings = tuple(sorted((document.finding(one) for one in problems), key=lambda one: one.order))
    if any(one.severity is Severity.ERROR for one in findings):
        for one in findings:  # a failure tells the first few only
            world.note(f"{one.severity.value} {one.rule} at {one.location}: {one.message}; {one.fix}")
        raise Invalid(findings)
    return Advised(tuple(given), compared, told, findings)


def _lacking(built: Built, given: Sequence[Database]) -> list[str]:
    """Ecosystems that are in the image and in no database."""
    known = frozenset[str]().union(*(one.ecosystems for one in given))
    found = {one.ecosystem for one in (*built.facts.installed, *built.locked) if one.ecosystem}
    return sorted(found - known)


def _unread(built: Built) -> list[str]:
    """Why not everything in the image is known."""
    facts = built.facts
    said = [f"what is installed in the image is not known from {one}" for one in facts.unread]
    name = " ".join(filter(None, (facts.release.get("ID"), facts.release.get("VERSION_ID"))))[:80]
    if any(not one.ecosystem for one in facts.installed):
        said.append(f"there are no advisories in the OSV format for the packages of {name or 'an unknown system'}")
    elif not said and not any(one.ecosystem != "PyPI" for one in facts.installed):
        said.append("the image holds no database of dpkg or apk, so what its system consists of is not known")
    return said


def document(found: Advised, world: World) -> dict[str, JSON]:
    """As ``build --format json`` has it."""
    return {
        "databases": [
            {
                "name": one.name,
                "records": one.records,
                "newest": None if one.newest is None else format_instant(one.newest),
                "age": None if one.newest is None else (world.now() - one.newest).days,
            }
            for one in found.databases
        ],
        "packages": found.compared.packages,
        "found": [_weakness(one, world) for one in found.told],
    }


def _weakness(one: Told, world: World) -> dict[str, JSON]:
    weak, accepted = one.weakness, one.accepted
    return {
        "package": weak.name,
        "version": weak.version,
        "installed": [each.purl for each in weak.packages],
        "place": weak.packages[0].place,
        "advisory": weak.id,
        "aliases": [name for name in weak.names if name != weak.id],
        "severity": weak.severity,
        "fixed": weak.fixed,
        "summary": weak.summary,
        "accepted": None
        if accepted is None
        else {"reason": accepted.reason, "until": accepted.until, "holds": judgement.holds(accepted, world.now())},
    }
