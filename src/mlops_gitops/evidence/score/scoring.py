"""The points of a release: one where a machine made the test, half of one where a person did, none without evidence.

Only evidence counts that was admitted (signed by somebody whom ``trust/`` lets sign it, about exactly this release),
has not expired, is not dated in the future, was not superseded, and was made on the artifact and the data that the
release names by digest.  A check that failed or is inconclusive earns nothing: the point is for a test that was made
and came out well.  Pure functions; the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from mlops_gitops import times
from mlops_gitops.evidence import ages, statements
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.persons import wrote
from mlops_gitops.evidence.score.rubric import BY_HAND, CANARY, REVIEWED, SECTIONS, TESTS, YOUNG, Criterion, Shown
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.records import record

SKEW = timedelta(minutes=5)
"""Clocks of different machines may differ by this much."""
_WORSE = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "is inconclusive"}


class How(Enum):
    """How a test was made."""

    AUTOMATIC = "automatic"
    BY_HAND = "by-hand"
    NOT = "not"

    @property
    def points(self) -> float:
        """What it earns."""
        return {How.AUTOMATIC: 1.0, How.BY_HAND: 0.5, How.NOT: 0.0}[self]


@record
class Line:
    """One test with its points: ``reason`` says what showed it or why nothing does, ``evidence`` names the files.

    ``next`` says what earns the next half or whole point; it is empty where there is none to earn.
    """

    test: Criterion
    how: How
    reason: str
    evidence: tuple[str, ...] = ()
    next: str = ""


@record
class Score:
    """The 28 tests of one release."""

    release: Release
    lines: tuple[Line, ...]

    def section(self, name: str) -> float:
        """The points of one section."""
        return sum(one.how.points for one in self.lines if one.test.section == name)

    @property
    def total(self) -> float:
        """The score: the smallest of the four sections, since a system is as ready as its weakest part."""
        return min(self.section(name) for name in SECTIONS)

    @property
    def weakest(self) -> tuple[str, ...]:
        """The sections that hold the score down."""
        return tuple(name for name in SECTIONS if self.section(name) == self.total)


@record
class _Seen:
    """What evidence says of one thing that a test needs."""

    how: How
    reason: str
    evidence: tuple[str, ...] = ()


def score(release: Release, evidence: Sequence[Evidence], *, now: datetime) -> Score:
    """The score of ``release`` from the admitted evidence about it."""
    sound, flaws = _standing(release, evidence, now)
    conditions = {
        REVIEWED: _reviewed(release, sound),
        CANARY: _canary(release),
        YOUNG: _young(release, evidence, sound, now),
    }
    return Score(release, tuple(_line(one, conditions, sound, flaws) for one in TESTS))


def _standing(
    release: Release, evidence: Sequence[Evidence], now: datetime
) -> tuple[list[Evidence], dict[str, list[str]]]:
    """The pieces that count, and by kind why others do not.  A piece that does not count supersedes nothing."""
    able: list[Evidence] = []
    flaws: dict[str, list[str]] = {}
    for one in evidence:
        flaw = _flaw(one, release, now)
        if flaw is None:
            able.append(one)
        else:
            flaws.setdefault(one.claim.kind, []).append(flaw)
    gone = {(one.claim.kind, digest) for one in able for digest in one.claim.supersedes}
    return [one for one in able if (one.claim.kind, one.digest) not in gone], flaws


def _flaw(one: Evidence, release: Release, now: datetime) -> str | None:
    claim, name = one.claim, f"{one.claim.kind} {one.digest[:12]}"
    if claim.release != release.id:
        return f"{name} is about another release"
    if claim.issued_at > now + SKEW:
        return f"{name} is dated in the future, {times.format_instant(claim.issued_at)}"
    if claim.expires_at is not None and now >= claim.expires_at:
        return f"{name} expired at {times.format_instant(claim.expires_at)}"
    return _of_other_things(one, release, name)


def _of_other_things(one: Evidence, release: Release, name: str) -> str | None:
    """Why the digests that were read are not those of the release, or ``None``."""
    known = {"artifact": release.artifact.digest, **{f"data/{data.name}": data.digest for data in release.data}}
    read = dict(_materials(one))
    for label, digest in read.items():
        if label in known and digest != known[label]:
            return f"{name} was made on another {label} ({digest[:12]}) than the release names"
    about = dict.fromkeys(("model-tests", "history-tests", "comparison"), "artifact")
    needed = {"data-tests": "data/", **about}.get(one.claim.kind)
    if needed is not None and not any(label.startswith(needed) and label in known for label in read):
        return f"{name} does not say that it was made on the {needed.strip('/')} of the release"
    return None


def _materials(one: Evidence) -> list[tuple[str, str]]:
    """The names and digests in a claim's details, which may hold anything."""
    listed = one.claim.details.get("materials") if isinstance(one.claim.details, Mapping) else None
    found = []
    for entry in listed if isinstance(listed, list) else []:
        digest = entry.get("digest") if isinstance(entry, Mapping) else None
        sha = digest.get("sha256") if isinstance(digest, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(sha, str):
            found.append((str(entry.get("name")), sha))
    return found


def _line(
    test: Criterion, conditions: Mapping[str, _Seen], sound: Sequence[Evidence], flaws: Mapping[str, Sequence[str]]
) -> Line:
    seen = _automatic(test, conditions, sound, flaws)
    if seen.how is How.AUTOMATIC:
        return Line(test, seen.how, seen.reason, seen.evidence)
    hand = _by_hand(test, sound)
    if seen.how is How.BY_HAND or hand is None:
        best, more = seen, _next(test, seen)
    else:
        best, more = hand, test.automatic
    return Line(test, best.how, best.reason, best.evidence, more)


def _next(test: Criterion, seen: _Seen) -> str:
    if seen.how is How.BY_HAND:
        return "have it made by a machine: sign it in continuous integration, with a key of type `machine`"
    ways = [test.automatic] if test.automatic else []
    if seen.evidence:
        ways = ["see the failing check in that evidence, correct what it found, and release again"]
    hand = f"by hand: {test.by_hand}; say how under `tests.byHand`, and sign it"
    return "; or ".join([*ways, f"{hand} (`mlops-gitops score --attest {test.id}`)"])


def _automatic(
    test: Criterion, conditions: Mapping[str, _Seen], sound: Sequence[Evidence], flaws: Mapping[str, Sequence[str]]
) -> _Seen:
    """What the checks show: the worst of all that the test needs."""
    parts = [_shown(group, sound, flaws) for group in test.shown_by]
    parts += [conditions[test.condition]] if test.condition else []
    if not parts:
        return _Seen(How.NOT, "nothing was signed about it")
    worst = min(parts, key=lambda one: one.how.points)
    if worst.how is How.NOT:
        return worst
    reasons = "; ".join(dict.fromkeys(one.reason for one in parts))
    return _Seen(worst.how, reasons, tuple(dict.fromkeys(digest for one in parts for digest in one.evidence)))


def _shown(group: Shown, sound: Sequence[Evidence], flaws: Mapping[str, Sequence[str]]) -> _Seen:
    """What all checks of a group say, whoever made them."""
    made = [
        (one, name, verdict)
        for kind, name in group
        for one in sound
        if one.claim.kind == kind
        for verdict in statements.answers(one.claim, name)
    ]
    for one, name, verdict in made:
        if verdict is not Verdict.PASS:
            return _Seen(How.NOT, f"{name} {_WORSE[verdict]} ({one.claim.kind} {one.digest[:12]})", (one.digest,))
    if not made:
        names = " or ".join(dict.fromkeys(name for _, name in group))
        why = [flaw for kind in dict.fromkeys(kind for kind, _ in group) for flaw in flaws.get(kind, ())]
        return _Seen(How.NOT, f"no valid evidence has a check {names}" + (f" ({'; '.join(why[:3])})" if why else ""))
    machines = [one for one in made if one[0].signer.type == "machine"]
    counted = machines or made
    ids = ", ".join(dict.fromkeys(name for _, name, _ in counted))
    who = ", ".join(dict.fromkeys(one.signer.name for one, _, _ in counted))
    how = How.AUTOMATIC if machines else How.BY_HAND
    reason = f"{ids} passed ({len(counted):,} check{'' if len(counted) == 1 else 's'}), signed by {who}"
    return _Seen(how, reason, tuple(dict.fromkeys(one.digest for one, _, _ in counted)))


def _reviewed(release: Release, sound: Sequence[Evidence]) -> _Seen:
    if release.source.dirty:
        return _Seen(How.NOT, "the release was made from files that are not committed")
    for one in sound:
        other = one.signer.type == "person" and not wrote(one.signer, release.source.author)
        if one.claim.kind == "approval" and one.claim.verdict is Verdict.PASS and other:
            commit = release.source.revision[:12]
            return _Seen(How.AUTOMATIC, f"commit {commit} is approved by {one.signer.name}", (one.digest,))
    return _Seen(How.NOT, "nobody but the author has signed an approval")


def _canary(release: Release) -> _Seen:
    steps = release.serving.strategy == CANARY
    words = "the release rolls out as a canary" if steps else "the release does not roll out as a canary"
    return _Seen(How.AUTOMATIC if steps else How.NOT, words)


def _young(release: Release, evidence: Sequence[Evidence], sound: Sequence[Evidence], now: datetime) -> _Seen:
    """Whether the release is no older, now, than past releases were that were shown to have lost little.

    How old it is its oldest evidence says, whether that still counts or not.  What was asked again later says no more
    of age: a release has the rows of its day, on which the past ones were as old as they were when it was made.
    """
    born = min((one.claim.issued_at for one in evidence if one.claim.release == release.id), default=now)
    spans = [
        (reached - (one.claim.issued_at - born), allowed)
        for one in sound
        if one.claim.kind == ages.KIND
        for reached, allowed in filter(None, [ages.seen(one.claim)])
    ]
    if not spans:
        return _Seen(How.NOT, "no valid evidence says of a past release how old it was, and what `maxAge` is")
    age, (reached, allowed) = max(timedelta(), now - born), min(spans)
    words = (
        f"it is {times.describe(age)} old; those that it was held against were {times.describe(reached)} old, "
        f"and `maxAge` is {times.describe(allowed)}"
    )
    return _Seen(How.AUTOMATIC if age <= reached else How.NOT, words)


def _by_hand(test: Criterion, sound: Sequence[Evidence]) -> _Seen | None:
    """What persons have signed about a test that they made; a later word of theirs supersedes the one before."""
    said = [
        (one, verdict)
        for one in sound
        if one.claim.kind == BY_HAND and one.signer.type == "person"
        for verdict in statements.answers(one.claim, check_id(test))
    ]
    if not said or any(verdict is not Verdict.PASS for _, verdict in said):
        return None
    who = ", ".join(dict.fromkeys(one.signer.name for one, _ in said))
    return _Seen(How.BY_HAND, f"done by hand, signed by {who}", tuple(one.digest for one, _ in said))


def check_id(test: Criterion) -> str:
    """The id of the check in which a person says that a test was made by hand."""
    return f"score.{test.id}"
