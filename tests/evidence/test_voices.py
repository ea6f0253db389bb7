"""What is kept of the reviews of a pull request: all that can count, and nothing that grows without end."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

import reviewers
from estate import NOW
from mlops_gitops.evidence import persons, quorum
from mlops_gitops.evidence.reviews import Voice, last_words
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.trust import Trust
from reviewers import HEAD, OLD, voice

LOGINS = ("grace-example", "Grace-Example", "katherine-example", "passer-by", "\u212aatherine-example", "app[bot]")
SAID = ("approved", "changes-requested", "commented", "dismissed")
WHERE = reviewers.start()
TRUST: Trust = reading.read("trust", reviewers.trust(), path="trust/signers.yaml")
PEOPLE = persons.approvers(TRUST, "prod")


@st.composite
def voices(draw: st.DrawFn) -> tuple[Voice, ...]:
    each = st.tuples(
        st.sampled_from(LOGINS), st.sampled_from(SAID), st.sampled_from((HEAD, OLD)), st.integers(0, 20), st.booleans()
    )
    found = draw(st.lists(each, max_size=12))
    return tuple(
        Voice(login, bot, said, commit, NOW - timedelta(days=days), f"{place}")  # type: ignore[arg-type]
        for place, (login, said, commit, days, bot) in enumerate(found)
    )


@given(voices())
def test_what_is_kept_decides_as_all_would(every: tuple[Voice, ...]) -> None:
    def heard(some: tuple[Voice, ...]) -> tuple[set[str], set[str], set[str]]:
        told = quorum.hear(
            reviewers.review(WHERE, *some), people=PEOPLE, barred=(), now=NOW, until=NOW, max_age=timedelta(days=7)
        )
        return set(told.approve), set(told.object), set(told.spoken)

    assert heard(last_words(every)) == heard(every)


def test_what_is_kept_does_not_grow_with_comments_or_with_changes_of_mind() -> None:
    many = [voice("grace", "approved" if turn % 2 else "changes-requested") for turn in range(1000)]
    assert last_words([*many, *(voice("passer-by", "commented") for _ in range(1000))]) == (many[-1],)
