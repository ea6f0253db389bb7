"""The packages of an image against what is known of them: one weakness for each, whatever it is called where.  Pure.

One flaw has an id in every database that knows it.  Records that name each other are one weakness, as severe as the
worst of them says, and fixed in the last version that one of them asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlops_gitops.packaging.advisories import records
from mlops_gitops.packaging.advisories.records import Advisory
from mlops_gitops.packaging.advisories.versions import Order, order
from mlops_gitops.packaging.image.inventory import Installed

Known = Callable[[str, str], Sequence[Advisory]]
"""What is known of a package, by ecosystem and name."""

_FIRST = ("CVE-", "GHSA-", "PYSEC-")
"""Which of its names a weakness is told by; others come after these."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """A known vulnerability of what is there.

    ``name`` and ``version`` are as the advisory has them, a source package of a distribution; ``packages`` are what was
    made of that and is installed; ``fixed`` is the version that mends it, if there is one.
    """

    name: str
    version: str
    packages: tuple[Installed, ...]
    id: str
    names: tuple[str, ...]
    severity: str | None
    fixed: str | None
    summary: str
    malicious: bool

    @property
    def pressing(self) -> bool:
        """Whether it must not go out: it can be mended and is severe or nobody says that it is not, or does harm."""
        return self.malicious or (self.fixed is not None and self.severity in {None, "high", "critical"})


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found among so many packages, and the advisories whose versions could not be compared."""

    packages: int
    found: tuple[Weakness, ...]
    unclear: tuple[str, ...]


def compared(installed: Iterable[Installed], known: Known) -> Compared:
    """Every weakness of what is installed, by package and id; packages of no known ecosystem are not compared."""
    count, found, unclear = 0, [], []
    sources: dict[tuple[str, str, str], list[Installed]] = {}
    for one in installed:
        if order(one.ecosystem) is not None:
            count += 1
            sources.setdefault((one.ecosystem, *one.advised), []).append(one)
    for (ecosystem, name, version), packages in sources.items():
        versions = _order(ecosystem)
        hits: list[tuple[Advisory, str | None]] = []
        for advisory in known(ecosystem, name):
            try:
                hit, fixed = advisory.affects(version, versions)
            except ValueError as error:
                unclear.append(f"{advisory.id} of {name} {version}: {error}")
                continue
            if hit:
                hits.append((advisory, fixed))
        for names, members in _merged(hits):
            found.append(_weakness(name, version, tuple(packages), names, members))
    return Compared(count, tuple(sorted(found, key=lambda one: (one.name, one.version, one.id))), tuple(unclear))


def latest(fixes: Iterable[str], ecosystem: str) -> str | None:
    """The version that has all the fixes."""
    return max(fixes, key=_order(ecosystem), default=None)


def _order(ecosystem: str) -> Order:
    found = order(ecosystem)
    assert found is not None, ecosystem  # noqa: S101 - only what can be compared is
    return found


Hits = Sequence[tuple[Advisory, str | None]]


def _merged(hits: Hits) -> list[tuple[set[str], Hits]]:
    """The hits that are one flaw, with all its names; what a distribution says of flaws that are all told is not."""
    groups: list[tuple[set[str], list[tuple[Advisory, str | None]]]] = []
    for hit in hits:
        names, members, apart = set(hit[0].names), [hit], []
        for group in groups:
            if group[0] & names:
                names |= group[0]
                members += group[1]
            else:
                apart.append(group)
        groups = [*apart, (names, members)]
    told = {name for names, _ in groups for name in names}
    return [
        (names, members)
        for names, members in groups
        if not any(one.covers and told.issuperset(one.covers) for one, _ in members)
    ]


def _weakness(name: str, version: str, packages: tuple[Installed, ...], names: set[str], members: Hits) -> Weakness:
    ordered = sorted(names, key=lambda one: (_rank(one), one))
    severities = [one.severity for one, _ in members if one.severity is not None]
    return Weakness(
        name,
        version,
        packages,
        ordered[0],
        tuple(ordered),
        max(severities, key=records.SEVERITIES.index, default=None),
        latest((fixed for _, fixed in members if fixed is not None), packages[0].ecosystem),
        next((one.summary for one, _ in members if one.summary), ""),
        any(one.malicious for one, _ in members),
    )


def _rank(name: str) -> int:
    return next((rank for rank, start in enumerate(_FIRST) if name.startswith(start)), len(_FIRST))
