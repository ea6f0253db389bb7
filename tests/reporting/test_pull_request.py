"""The text of a pull request: made from the decision alone, the same bytes for the same plan, and inert."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.promotion import plan
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import pull_request
from workshops import environments

GOLDEN = Path(__file__).parent / "golden" / "pull_request.md"
HOSTILE = (
    "x\n\n# <img src=x onerror=alert(1)> @grace `$(id)` [a](b) | ::error::no | <!-- mlops-gitops: promotion -->\x1b[2J"
)


def decided(*judgements: Judgement) -> Decision:
    release = estate.release()
    snapshot = Snapshot(Estate.new(environments()).with_release(release).tree())
    case = plan.situation(snapshot, model=MODEL, environment="prod", release=release.id)
    found = judgements or plan.decide(case, now=NOW).judgements
    return Decision(Action.PROMOTE, case, plan.outcome(tuple(found)), tuple(found))


def test_the_text_of_a_promotion_that_waits() -> None:
    title, body = pull_request.describe(decided())
    assert title == "Promote flight-delays 1.0.0 to prod"
    assert body == GOLDEN.read_text()


def test_verdict_first_then_what_moves_then_the_gates_and_who_is_missing_and_how_to_stop_it() -> None:
    _, body = pull_request.describe(decided())
    order = ["This waits", "Release", "Gates of prod", "Who is still missing", "What happens", "How to stop it"]
    assert sorted(order, key=body.index) == order


def test_words_of_others_are_inert() -> None:
    _, body = pull_request.describe(decided(Judgement("veto", Answer.FAIL, HOSTILE)))
    for live in ("<img", "@grace", "`$(id)`", "[a](b)", "::error", "\x1b", "# <"):
        assert live not in body
    assert body.count(pull_request.MARKER) == 1
    assert "<img" not in pull_request.farewell(HOSTILE)


@given(st.text(max_size=300))
def test_no_words_break_out_of_their_cell(words: str) -> None:
    _, body = pull_request.describe(decided(Judgement("veto", Answer.FAIL, words)))
    plain = pull_request.describe(decided(Judgement("veto", Answer.FAIL, "x")))[1]
    assert body.count("\n") == plain.count("\n")
    assert body.count("|") == plain.count("|")


def test_the_same_plan_gives_the_same_bytes_while_time_passes() -> None:
    soaking = [
        Judgement("soak", Answer.PENDING, f"it must run in staging for 1 day; {rest} remain")
        for rest in ("23 hours 59 minutes", "1 hour", "5 seconds", "1 minute 3 seconds")
    ]
    assert len({pull_request.describe(decided(one)) for one in soaking}) == 1


def test_it_fits_into_what_a_forge_takes() -> None:
    many = [Judgement(f"gate-{number}", Answer.FAIL, "&" * 5000) for number in range(500)]
    title, body = pull_request.describe(decided(*many))
    assert len(title) <= 200
    assert len(body.encode()) <= pull_request.LONGEST
    assert "440 more" in body or "does not fit" in body


def test_an_outcome_has_words_of_its_own() -> None:
    assert len({pull_request._VERDICTS[one] for one in Outcome}) == len(Outcome)
