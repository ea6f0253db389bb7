"""From what people signed and what they said in reviews to one voice each.

A signature and a review of the same person are one voice.  Nothing orders the two: who says yes by one and no by the
other has said neither, and the gate waits with an error until they agree.

A review counts where a machine that trust lets sign ``review`` recorded it, for this very promotion: the release, the
environment with its policy, and the receipt before it.  Of several looks the one that supersedes the others counts,
also where it counts for nothing itself; looks that stand side by side and differ count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_gitops.evidence import persons, quorum, reviews, voices
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.quorum import Barred, Missing
from mlops_gitops.evidence.reviews import Review
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import MODEL_REVIEWS, REVIEWS, ApprovalsGate
from mlops_gitops.records import record

if TYPE_CHECKING:  # gates.py asks this module
    from mlops_gitops.evidence.gates import Case

Flaw = Callable[[Evidence], "str | None"]
"""Why a piece of evidence does not count in a case, or ``None``."""

_TOLD = 6


@record
class Looks:
    """The looks that count, those on the model repository first; an ``error`` where some differ."""

    standing: tuple[tuple[Evidence, Review], ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """What was looked at."""
        return tuple(one.digest for one, _ in self.standing)


@dataclass(slots=True)
class Voices:
    """What people say, by name: the evidence, and the words of those who object.

    ``errors`` tells of those who contradict themselves, ``notes`` of what does not count, ``missing`` of who has not
    spoken yet.
    """

    looked: Looks
    approve: dict[str, Evidence] = field(default_factory=dict)
    object: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: tuple[Missing, ...] = ()


def looks(gate: ApprovalsGate, case: Case, heard: Iterable[Evidence], flaw: Flaw) -> Looks:
    """The looks at pull requests that count in a case, of those from signers who may sign them here."""
    recorded = [(one, one.claim.review) for one in heard if one.signer.type == "machine" and one.claim.review]
    found: list[tuple[Evidence, Review]] = []
    notes: list[str] = []
    for source, about in ((MODEL_REVIEWS, None), (REVIEWS, case.environment)):
        if source not in gate.sources:
            continue
        mine = [(one, review) for one, review in recorded if one.claim.environment == about]
        counting = []
        for one, review in _unreplaced(mine):
            wrong = _elsewhere(one, review, case) or flaw(one)
            if wrong is None:
                counting.append((one, review))
            else:
                notes.append(wrong)
        if len({str(voices.document(review)) for _, review in counting}) > 1:
            where = " and ".join(sorted({name_of(review) for _, review in counting}))
            words = (
                f"{len(counting)} looks at the reviews of {where} differ; look again, so that one supersedes the others"
            )
            return Looks(tuple(counting), tuple(notes), words)
        found += counting[-1:]
    return Looks(tuple(found), tuple(notes))


def _unreplaced(mine: Sequence[tuple[Evidence, Review]]) -> list[tuple[Evidence, Review]]:
    """The looks that no other look at the same pull request, or for the same promotion, supersedes."""
    claims = {one.digest: one.claim for one, _ in mine}
    replaced = {
        digest
        for later, _ in mine
        for digest in later.claim.supersedes
        if digest in claims and reviews.replaces(later.claim, claims[digest])
    }
    return [(one, review) for one, review in mine if one.digest not in replaced]


def _elsewhere(one: Evidence, review: Review, case: Case) -> str | None:
    """Why a look is about something else than this case, or ``None``."""
    where = f"the reviews of {name_of(review)}"
    if one.claim.head != case.head:
        return f"{where} are about another commit"
    if one.claim.environment is None:
        return f"{where} are about a promotion" if review.promotion is not None else None
    if one.claim.policy != case.policy:
        return f"{where} were given under another policy of {case.environment}"
    if review.promotion is None or review.promotion != case.promotion:
        return f"{where} are about another promotion"
    return None


def name_of(review: Review) -> str:
    """A pull request as people name it; the words may be anything."""
    return f"{review.repository}#{review.number}"


def weigh(
    gate: ApprovalsGate, case: Case, signed: Iterable[tuple[Evidence, str | None]], seen: Looks, *, skew: timedelta
) -> Voices:
    """What everybody says, and who is still missing.  ``signed`` are approvals, each with why it does not count."""
    people = persons.approvers(case.trust, case.environment)
    barred = [*quorum.of_release(case.author, case.trainers)]
    for _, review in seen.standing:
        barred += quorum.of_review(review)
    words = Voices(seen, notes=list(seen.notes))
    said = _signatures(signed, case, barred, words)
    reviewed: dict[str, tuple[Verdict, Evidence, str]] = {}
    for look, review in seen.standing:  # a word on the promotion replaces one on the commit that it came from
        until = min(case.now, look.claim.issued_at) + skew
        heard = quorum.hear(review, people=people, barred=barred, now=case.now, until=until, max_age=gate.max_age)
        reviewed = {name: word for name, word in reviewed.items() if name not in heard.spoken}
        reviewed |= dict.fromkeys(heard.approve, (Verdict.PASS, look, ""))
        reviewed |= dict.fromkeys(heard.object, (Verdict.FAIL, look, f"requests changes in {name_of(review)}"))
        words.notes += heard.notes
        if review.pusher is None:
            words.notes.append(f"the forge does not say who pushed last to {name_of(review)}")
    _merge(said, reviewed, words, {look.digest for look, review in seen.standing if review.promotion is None})
    named = [group for _, review in seen.standing if review.promotion is not None for group in review.groups]
    words.missing = quorum.missing(gate, words.approve.keys(), people=people, barred=barred, named=named)
    return words


def _signatures(
    signed: Iterable[tuple[Evidence, str | None]], case: Case, barred: Sequence[Barred], words: Voices
) -> Mapping[str, list[Evidence]]:
    """What each person signed last and counts."""
    said: dict[str, list[Evidence]] = {}
    for one, flaw in signed:
        person = persons.who(one.signer, case.trust)
        reason = quorum.why_barred(person, barred)
        if reason is not None:
            author = "is the author, whose approval does not count"
            words.notes.append(f"{one.signer.name} {author if reason == quorum.AUTHOR else reason}")
        elif flaw is not None:
            words.notes.append(flaw)
        else:
            said.setdefault(person.name, []).append(one)
    return said


def _merge(
    said: Mapping[str, list[Evidence]],
    reviewed: Mapping[str, tuple[Verdict, Evidence, str]],
    words: Voices,
    models: set[str],
) -> None:
    """One voice for each person.  A signature replaces what they said in the model repository, before it was made."""
    for name in sorted({*said, *reviewed}):
        mine = said.get(name, [])
        verdicts = {one.claim.verdict for one in mine}
        review = reviewed.get(name)
        if review is not None and review[1].digest in models and mine:
            review = None
        if len(verdicts) > 1:
            words.notes.append(f"error: what {name} signed disagrees with itself; {name} can sign again")
        elif review is not None and verdicts and verdicts != {review[0]}:
            signed, there = _word(verdicts), _word({review[0]})
            words.errors.append(f"{name} {signed} it by key and {there} it in a review; {name} can say either again")
        elif verdicts == {Verdict.FAIL}:
            reason = f"{name} rejects it: {mine[-1].claim.summary}"
            words.object[name] = (reason, tuple(one.digest for one in mine))
        elif verdicts == {Verdict.PASS}:
            words.approve[name] = mine[-1]
        elif not verdicts and review is not None and review[0] is Verdict.PASS:
            words.approve[name] = review[1]
        elif not verdicts and review is not None:
            words.object[name] = (f"{name} {review[2]}", (review[1].digest,))


def _word(verdicts: set[Verdict]) -> str:
    return "approved" if verdicts == {Verdict.PASS} else "rejected"


def told(notes: Sequence[str]) -> str:
    """The notes in brackets; the first few, each once."""
    each = list(dict.fromkeys(notes))
    more = [f"and {len(each) - _TOLD} more"] if len(each) > _TOLD else []
    return f" ({'; '.join([*each[:_TOLD], *more])})" if each else ""
