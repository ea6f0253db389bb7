"""Who is who: one person behind several addresses, logins and entries of ``trust/``.

A person is known by *identities*: an e-mail address, ``github:login``, or ``name:`` and the name of their entry.  Two
entries of ``trust/`` that share an address or a login are one person, also by way of a third, so nobody is counted
twice or approves their own work under another entry.

Letters' case tells nobody apart.  A login is ASCII, as on GitHub: what only looks like one, or becomes one when letters
are folded, is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.manifests.trust import Signer, Trust
from mlops_gitops.records import record

_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}(?:_[A-Za-z0-9]{1,38})?")
_NO_REPLY = re.compile(r"(?:[0-9]+\+)?([a-z0-9_-]+)@users\.noreply\..+")
"""The address under which a forge hides one; the login is in it."""


@record
class Person:
    """Somebody who may approve: the name that they are counted under, all that they are known by, their groups."""

    name: str
    identities: frozenset[str]
    groups: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        """How to ask them: by their login, where they have one."""
        logins = sorted(one for one in self.identities if one.startswith("github:"))
        return logins[0] if logins else self.name


def is_login(text: str) -> bool:
    """Whether ``text`` can be somebody's login."""
    return _LOGIN.fullmatch(text) is not None


def known_as(text: str) -> frozenset[str]:
    """The identities that a login or an e-mail address stands for; none for what can be neither."""
    short = text.strip().casefold()
    if "@" in short:
        hidden = _NO_REPLY.fullmatch(short)
        return frozenset({short, f"github:{hidden[1]}"} if hidden else {short})
    login = text.strip().removeprefix("github:")
    return frozenset({f"github:{login.lower()}"}) if is_login(login) else frozenset()


@lru_cache(maxsize=256)
def of_trust(trust: Trust) -> tuple[tuple[Person, tuple[Signer, ...]], ...]:
    """Everybody in ``trust/``, each with their entries, in the order in which they first appear."""
    clusters: list[tuple[set[str], list[Signer]]] = []
    for signer in trust.signers:
        mine = {one.casefold() for one in signer.identities} | {f"name:{signer.name.casefold()}"}
        same = [one for one in clusters if one[0] & mine]
        if not same:
            clusters.append((mine, [signer]))
            continue
        first = same[0]
        for identities, entries in same[1:]:
            first[0].update(identities)
            first[1].extend(entries)
            clusters.remove((identities, entries))
        first[0].update(mine)
        first[1].append(signer)
    return tuple((Person(entries[0].name, frozenset(identities)), tuple(entries)) for identities, entries in clusters)


def who(signer: Signer, trust: Trust) -> Person:
    """The person behind an entry of ``trust/``."""
    name = f"name:{signer.name.casefold()}"
    alone = Person(signer.name, frozenset({name, *(one.casefold() for one in signer.identities)}))
    return next((person for person, _ in of_trust(trust) if person.identities & alone.identities), alone)


@lru_cache(maxsize=256)
def approvers(trust: Trust, environment: str, kind: str = "approval") -> tuple[Person, ...]:
    """The people whom trust lets sign ``kind`` for an environment.

    A group is theirs by an entry that is a person's and holds that right; a machine that shares an identity gives none.
    """
    found = []
    for person, entries in of_trust(trust):
        mine = [one for one in entries if one.type == "person" and may_sign(one, kind, environment)]
        if mine:
            groups = frozenset(group for one in mine for group in one.groups)
            found.append(Person(person.name, person.identities, groups))
    return tuple(found)


def listed(names: Iterable[str], trust: Trust) -> tuple[Person, ...]:
    """The people behind logins and e-mail addresses; two that ``trust/`` knows for one person are one."""
    found: dict[str, Person] = {}
    for one in names:
        identities = known_as(one)
        if not identities:
            continue
        known = next((person for person, _ in of_trust(trust) if person.identities & identities), None)
        person = known or Person(one.strip().lower(), identities)
        found.setdefault(person.name, person)
    return tuple(found.values())


def find(identities: frozenset[str], people: Sequence[Person]) -> Person | None:
    """Who of ``people`` is known by one of the identities."""
    return next((one for one in people if one.identities & identities), None)


def wrote(signer: Signer, author: str) -> bool:
    """Whether the signer is the author.  Letters' case does not tell two people apart, in e-mail or on GitHub."""
    return author.strip().casefold() in {one.casefold() for one in signer.identities}
