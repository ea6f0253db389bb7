"""The ledger of looks at references: data tests are judged as the look that they are, and published as no other."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.errors import NotYet
from mlops_gitops.evidence import windows
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.evidence.windows import Window
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import publish, reference_looks
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from stores import MemoryStore

REFERENCE, OTHER = "6b86" * 16, "d473" * 16


def report(*found: Window) -> Report:
    check = Check("data.drift", "test.x", Verdict.PASS, "x has not moved")
    return Report("data-tests", (check,), "1 check passed", details=windows.looked(found))


class Site:
    """An environment repository in memory with one release, whose data are looked at every day."""

    def __init__(self) -> None:
        policy = {"prod": estate.environment("prod", gates="none")}
        self.store, self.moment = MemoryStore.of(Estate.new(policy).files, NOW), NOW
        self.release = self.published(estate.release(), report())

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def published(self, about: Release, said: Report) -> Release:
        made = publish.release(
            self.store,
            build=lambda _: about,
            reports=(said,),
            provenance=lambda _: {},
            signer=estate.signer("ci"),
            renew=True,
            now=self.now,
        )
        return made.result

    def ledger(self) -> reference_looks.Ledger:
        return reference_looks.of_model(Snapshot(self.store.fetch()), MODEL)

    def look(self, day: str, *, section: str = "drift", reference: str = REFERENCE) -> int | None:
        """One look at a reference with the data of a day; its number."""
        found = self.ledger().count(Window(section, reference, (day * 64,)))
        self.published(self.release, report(found))
        return found.number

    def problems(self) -> list[tuple[str, str]]:
        return [(one.id, one.message) for one in verify(self.store, self.store.fetch()).problems]


@pytest.fixture
def site() -> Site:
    return Site()


def test_each_day_is_a_look_and_the_same_day_again_is_the_same(site: Site) -> None:
    assert [site.look(day) for day in "abcbad"] == [1, 2, 3, 2, 1, 4]
    assert site.look("a", reference=OTHER) == 1
    assert site.look("a", section="skew") == 1
    assert site.problems() == []


def test_looks_are_counted_over_the_releases_of_a_model(site: Site) -> None:
    assert site.look("a") == 1
    next_one = estate.release("1.1.0", supersedes=site.release.id, content="b")
    site.release = site.published(next_one, report())
    assert [site.look(day) for day in "bac"] == [2, 1, 3]
    assert site.problems() == []


def test_two_at_once_never_have_the_same_number(site: Site) -> None:
    racing, mine = [True], site.ledger().count(Window("drift", REFERENCE, ("a" * 64,)))

    def other(step: str) -> None:
        if step == "before push" and racing:
            racing.clear()
            assert site.look("b") == 1

    site.store.step = other
    with pytest.raises(NotYet, match=r"judged as look 1 at the drift reference 6b866b866b86, and are look 2 by now"):
        site.published(site.release, report(mine))
    assert site.look("a") == 2
    assert site.problems() == []


def test_verify_finds_a_number_that_was_made_up(site: Site) -> None:
    for day in "abc":
        site.look(day)
    forged = report(Window("drift", REFERENCE, ("d" * 64,), 1))
    claim = estate.claim("data-tests", site.release, details=dict(forged.details))
    settle(site.store, lambda _: Proposal(None, estate.evidence(claim), "By hand\n"), now=site.now)
    ((kind, message),) = site.problems()
    said = "it says that it was look 1 at the drift reference 6b866b866b86, and it was look 4"
    assert (kind, message) == ("look", said)


def test_details_may_hold_anything(site: Site) -> None:
    whole = {"section": "drift", "reference": REFERENCE, "data": ["a"], "number": 1}
    spoilt = [{**whole, name: value} for name in whole for value in (None, True, [], {}, -1, [1], "\x00")]
    for said in ("x", [1, None, *(one for one in spoilt if one["section"] != "\x00" and one["reference"] != "\x00")]):
        claim = estate.claim("data-tests", site.release, issued_at=site.now(), details={"windows": said})
        settle(site.store, lambda _, one=claim: Proposal(None, estate.evidence(one), "By hand\n"), now=site.now)
    assert site.look("b") == 1
    assert site.problems() == []
