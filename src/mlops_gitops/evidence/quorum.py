"""Whose voice in a review counts, and who is still missing.  Pure functions over frozen records.

The rules, each with a test of the same words in ``tests/evidence/``:

* The last word of a person counts, in the order in which reviews were submitted, whatever their dates say.  A comment
  is no word.  Who was dismissed has said nothing.
* An approval counts only on the head that was looked at, and until it is older than ``maxAge``.
* Who requested changes stands in the way, on whatever head, until they approve or are dismissed.
* Authors of the pull request, of its commits and of the release, who pushed last, who trained the model, and bots
  approve nothing.  What they object to stands.
* A person is counted once, whatever accounts they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from mlops_gitops.evidence import persons
from mlops_gitops.evidence.persons import Person
from mlops_gitops.evidence.voices import Review, Voice
from mlops_gitops.manifests.environment import ApprovalsGate, Group
from mlops_gitops.records import record

AUTHOR = "wrote the release"
_ASKED = 8
Named = Sequence[tuple[str, tuple[str, ...]]]
"""Groups whose members a forge named, as ``Review.groups``: a name that stands there twice is two sets of people."""


@record
class Barred:
    """Somebody who may not approve this, by what they are known by, and why."""

    identities: frozenset[str]
    reason: str


@record
class Heard:
    """What a review comes to: names of people who approve, of people who object, and voices that do not count.

    ``spoken`` are all who said more than a comment, whatever became of it.
    """

    approve: tuple[str, ...]
    object: tuple[str, ...]
    spoken: tuple[str, ...]
    unheard: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> list[str]:
        """The voices that do not count, as a reader reads them; what is no login is shown in ASCII."""
        return [f"{login if persons.is_login(login) else ascii(login)} {reason}" for login, reason in self.unheard]


@record
class Missing:
    """Approvals that are still missing: how many, of which group (``None``: of anybody), and who can be asked.

    ``why`` says what has to change where nobody can be asked.
    """

    count: int
    group: str | None
    ask: tuple[str, ...]
    why: str = ""

    @property
    def words(self) -> str:
        """As a reviewer reads it."""
        named = self.ask[:_ASKED]
        more = f" or {len(self.ask) - _ASKED} others" if len(self.ask) > _ASKED else ""
        who = f"{' or '.join(named)}{more}" if named else self.why
        return f"{self.count} more of group {self.group} ({who})" if self.group else f"{self.count} more of {who}"


def of_release(author: str, trainers: Iterable[str]) -> tuple[Barred, ...]:
    """Who may not approve a release, by whatever way: its author and those who trained it."""
    trained = [
        Barred(persons.known_as(one) | {f"name:{one.strip().casefold()}"}, "trained the model") for one in trainers
    ]
    return (Barred(persons.known_as(author), AUTHOR), *trained)


def of_review(review: Review) -> tuple[Barred, ...]:
    """Who may not approve a pull request."""
    authors = [Barred(persons.known_as(one), "wrote a commit of it") for one in review.authors]
    pusher = [Barred(persons.known_as(review.pusher), "pushed last")] if review.pusher else []
    return (Barred(persons.known_as(review.author), "opened the pull request"), *authors, *pusher)


def why_barred(person: Person, barred: Iterable[Barred]) -> str | None:
    """Why a person may not approve, or ``None``."""
    return next((one.reason for one in barred if one.identities & person.identities), None)


def hear(
    review: Review,
    *,
    people: Sequence[Person],
    barred: Sequence[Barred],
    now: datetime,
    until: datetime,
    max_age: timedelta | None = None,
) -> Heard:
    """What the reviews of one pull request come to.  A voice dated after ``until`` does not count."""
    last: dict[str, tuple[Person, Voice]] = {}
    unheard: dict[tuple[str, str], None] = {}
    for voice in review.voices:
        person = persons.find(persons.known_as(f"github:{voice.login}"), people)
        reason = _nobody(voice, person)
        if reason is not None:
            unheard[voice.login, reason] = None
        elif person is not None and voice.said != "commented":
            last[person.name] = (person, voice)
    everybody = (*of_review(review), *barred)
    approve: list[str] = []
    object_: list[str] = []
    for person, voice in last.values():
        flaw = _flaw(voice, person, review=review, barred=everybody, now=now, until=until, max_age=max_age)
        if voice.said == "changes-requested":
            object_.append(person.name)
        elif flaw is None:
            approve.append(person.name)
        else:
            unheard[voice.login, flaw] = None
    return Heard(tuple(approve), tuple(object_), tuple(last), tuple(unheard))


def _nobody(voice: Voice, person: Person | None) -> str | None:
    """Why this is nobody's voice, or ``None``."""
    if voice.bot or voice.login.lower().endswith("[bot]"):
        return "is a bot"
    if not persons.is_login(voice.login):
        return "is not the login of anybody"
    return "may not approve here" if person is None else None


def _flaw(
    voice: Voice,
    person: Person,
    *,
    review: Review,
    barred: Sequence[Barred],
    now: datetime,
    until: datetime,
    max_age: timedelta | None,
) -> str | None:
    """Why the last word of a person is no approval that counts, or ``None``."""
    if voice.said == "dismissed":
        return "was dismissed"
    reason = why_barred(person, barred)
    if reason is not None:
        return f"{reason}, and does not count"
    if voice.commit != review.head:
        return f"approved {voice.commit[:12]}, which is not the head any more"
    if voice.at > until:
        return "approved at a time that is still to come"
    if max_age is not None and now >= voice.at + max_age:
        return "approved too long ago"
    return None


def missing(
    policy: ApprovalsGate,
    approved: AbstractSet[str],
    *,
    people: Sequence[Person],
    barred: Sequence[Barred],
    named: Named = (),
) -> tuple[Missing, ...]:
    """What the people with the names ``approved`` leave open.  A demand for none is a demand for one."""
    able = [one for one in people if one.name not in approved and why_barred(one, barred) is None]
    found: list[Missing] = []
    for group in policy.groups:
        sets, why = members(group, people, named)
        for names in sets or (frozenset[str](),):
            short = max(1, group.min) - len(names & approved)
            if short > 0:
                ask = tuple(one.address for one in able if one.name in names)
                found.append(Missing(short, group.name, ask, why or "nobody who may approve belongs to it"))
    short = max(1, policy.quorum) - len(approved)
    if short > 0:
        ask = tuple(one.address for one in able)
        found.append(Missing(short, None, ask, "nobody in trust/signers.yaml: add a signer"))
    return tuple(dict.fromkeys(found))


def members(group: Group, people: Sequence[Person], named: Named) -> tuple[tuple[frozenset[str], ...], str]:
    """The sets of people of whom the group needs ``min`` each, by name; and why there is none, where there is none."""
    told = tuple(
        frozenset(person.name for one in logins if (person := persons.find(persons.known_as(one), people)) is not None)
        for name, logins in named
        if name == group.name
    )
    if group.codeowners:
        return told, "" if told else "no code owner of what changes is on record: see CODEOWNERS of the base branch"
    if group.members:
        return (frozenset(one.name for one in people if _is_any(one, group.members)),), ""
    trusted = frozenset(one.name for one in people if group.name in one.groups)
    if group.team is None:
        return (trusted,), "nobody in trust/signers.yaml: add a signer"
    if told:
        return (frozenset[str]().union(*told),), ""
    unread = f"the token cannot read team {group.team}; list the people in trust/signers.yaml or use an App token"
    return ((trusted,), "") if trusted else ((), unread)


def _is_any(person: Person, logins: Iterable[str]) -> bool:
    return any(persons.known_as(one) & person.identities for one in logins)
