"""Any bytes anywhere in an environment repository: the plan answers or refuses, and never does anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.errors import Failure
from mlops_gitops.promotion import apply, plan, status
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import MemoryTree
from mlops_gitops.promotion.verify import verify
from sites import in_production, remembered, site_of
from stores import MemoryStore

ENVIRONMENTS = ("dev", "staging", "prod")
EXAMPLES = 600 if os.environ.get("MG_EXHAUSTIVE") else 90


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An environment repository with everything in it."""
    made = site_of(Estate.new(), tmp_path_factory.mktemp("fuzz"))
    _, second = in_production(made)
    made.rollback("prod")
    made.publish(estate.release("1.2.0", supersedes=second.id, content="c"))
    past = remembered(made.repository)
    return dict(past.trees[past.changed[-1].commit].files)


TOKENS = st.sampled_from(
    [b"", b"\0", b"\xff", b": ", b"- ", b"&a ", b"*a", b"null", b"!!python/object:os.system ", b"[", b"{", b"\n",
     b"\r\n", b"\xe2\x80\xa8", b"prod", b"9" * 400,
     b"1e999", b"0x1F", b"'", b'"', b"2026-02-31T00:00:00Z", b"P1Y", b"../../x"]
)  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Ways to damage a file: cut, splice, repeat, replace."""
    kind = draw(st.sampled_from(["cut", "splice", "repeat", "replace"]))
    at, length, token = draw(st.floats(0, 1)), draw(st.integers(0, 40)), draw(TOKENS | st.binary(max_size=8))

    def damage(data: bytes) -> bytes:
        place = int(at * len(data))
        match kind:
            case "cut":
                return data[:place] + data[place + length :]
            case "splice":
                return data[:place] + token + data[place:]
            case "repeat":
                return data[:place] + data[place : place + length] * 2 + data[place + length :]
            case _:
                return token

    return damage


def answers(act: Callable[[], Any]) -> Any:
    """What it answers, or the failure that it is told with; any other exception is a bug and comes through."""
    try:
        found = act()
    except Failure as failure:
        found = failure
    assert not isinstance(found, Failure) or (found.hint and found.exit_code in {1, 2, 4, 5})
    return found


@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_damaged_repository_is_answered_or_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    damaged = dict(files)
    for path in data.draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=3)):
        damaged[path] = data.draw(mutations())(damaged[path])
    snapshot = Snapshot(MemoryTree(damaged))
    for environment in ENVIRONMENTS:
        for release in (None, *snapshot.release_ids(MODEL)):
            answers(lambda e=environment, r=release: decide(snapshot, e, r))
    answers(lambda: status.running(snapshot, now=NOW))
    answers(lambda: status.history(snapshot, model=MODEL))
    answers(lambda: status.differences(snapshot))


def decide(snapshot: Snapshot, environment: str, release: str | None) -> Outcome:
    chosen = release or snapshot.candidate(MODEL, snapshot.environment(environment))
    case = plan.situation(snapshot, model=MODEL, environment=environment, release=chosen)
    plan.decide_rollback(case, now=NOW)
    return plan.decide(case, now=NOW).outcome


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_is_written_on_damage_that_the_plan_meets(files: dict[str, bytes], data: st.DataObject) -> None:
    """And ``verify`` names problems instead of raising."""
    path = data.draw(
        st.sampled_from([one for one in sorted(files) if one.startswith(("trust/", "environments/staging/e"))])
    )
    damaged = {**files, path: data.draw(TOKENS)}
    store = MemoryStore.of(damaged, NOW)
    before = store.tip
    wish = Wish(MODEL, "staging", Snapshot(MemoryTree(files)).line(MODEL)[-1].id)
    answers(lambda: apply.promote(store, lambda _: [wish], signer=estate.signer("ci"), now=lambda: NOW))
    assert store.tip == before
    assert verify(store, store.fetch()).problems
