"""Targets, windows and rollbacks that are due, as a person or a script asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

import estate
from estate import MODEL, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import publish
from mlops_gitops.promotion.transaction import Proposal, settle
from regions import AUTOMATIC, environments, rollout
from shells import Shell

FIRST = estate.release()
SECOND = estate.release("1.1.0", supersedes=FIRST.id, content="b")


@pytest.fixture
def shell(shell_of: Callable[[Estate], Shell]) -> Shell:
    """Every region runs 1.0.0, and 1.1.0 is in dev."""
    policies = environments(promotion="automatic", rollback=AUTOMATIC, rollout=rollout(settle="PT0S"))
    made = shell_of(Estate.new(policies).with_release(FIRST))
    assert made("promote", "--all") == 0
    write(made, publish.release_files(SECOND))
    assert made("promote", MODEL, "--to", "dev") == 0
    return made


def write(shell: Shell, files: dict[str, bytes]) -> None:
    repository = Repository(str(shell.bare), branch="main", cache=shell.folder / "writer", environ=os.environ)
    settle(repository, lambda _: Proposal(None, files, "Write\n"), now=shell.now)
    repository.close()


def test_all_takes_every_wave_that_needs_no_wait(shell: Shell) -> None:
    told = shell.json("promote", "--all")
    assert [one["targets"] for one in told["promotions"]] == [["eu-west"], ["us-east"], ["us-west"], ["asia"]]
    assert [one["whole"] for one in told["promotions"]] == [False, False, False, True]
    assert len(told["commits"]) == 4


def test_targets_are_shown_while_a_rollout_is_on(shell: Shell) -> None:
    assert shell("promote", MODEL, "--to", "prod") == 0
    assert "wave 1 of 3: eu-west; 0 of 4 targets run it" in shell.out
    assert shell("status") == 0
    assert "3 of 4 (others: 1.1.0)" in shell.out
    slots = {one["environment"]: one for one in shell.json("status")["slots"]}
    assert slots["dev"]["targets"] == []
    assert {one["name"]: one["version"] for one in slots["prod"]["targets"]} == {
        "eu-west": "1.1.0", "us-east": "1.0.0", "us-west": "1.0.0", "asia": "1.0.0",
    }  # fmt: skip
    assert shell("explain", MODEL, "prod") == 0
    assert f"target eu-west (wave 1) runs release {SECOND.id[:12]}" in shell.out
    assert "by itself it does not go back: monitoring: no valid monitoring evidence" in shell.out
    assert len(shell.json("explain", MODEL, "prod")["targets"]) == 4
    assert shell("drift") == 0
    assert "prod/eu-west" in shell.out
    behind = [one["behind"]["target"] for one in shell.json("drift")["differences"]]
    assert behind == [None, "eu-west"]
    assert shell("history", MODEL, "--in", "prod") == 0
    assert "promoted to prod: eu-west\n" in shell.out
    assert "promoted to prod: asia, and with them the environment" in shell.out
    assert shell.json("history", MODEL, "--in", "prod")["promotions"][-1]["whole"] is False
    assert shell("verify") == 0


def test_a_rollback_of_what_is_coming_names_its_targets_and_both_releases(shell: Shell) -> None:
    shell("promote", MODEL, "--to", "prod")
    claim = estate.claim("monitoring", SECOND, verdict=Verdict.FAIL, issued_at=shell.time + timedelta(seconds=1))
    write(shell, estate.evidence(claim))
    planned = shell.json("rollback", "--due", "--dry-run")
    (one,) = planned["rollbacks"]
    assert (planned["result"], one["release"], one["replaced"]) == ("planned", FIRST.id, SECOND.id)
    assert (one["targets"], one["whole"]) == (["eu-west"], False)
    assert shell("promote", MODEL, "--to", "prod") == 1
    assert "monitoring stopped the rollout" in shell.out


def test_an_old_release_that_does_not_load_is_a_failure_that_is_told(shell: Shell) -> None:
    """The artifact of the estate was never uploaded anywhere."""
    shell("promote", MODEL, "--to", "prod")
    claim = estate.claim("monitoring", SECOND, verdict=Verdict.FAIL, issued_at=shell.time + timedelta(seconds=1))
    write(shell, estate.evidence(claim))
    assert shell("rollback", "--due") == 1
    assert "going back to 1.0.0 would not help" in shell.out
    told = shell.json("rollback", "--due")
    assert (told["result"], told["commit"]) == ("failed", None)


@pytest.mark.parametrize(
    "words",
    [
        (),
        (MODEL,),
        (MODEL, "--in", "prod"),
        ("--due", MODEL),
        ("--due", "--in", "prod"),
        ("--due", "--reason", "x"),
        ("--due", "--by", "ada"),
    ],
)
def test_a_rollback_is_of_one_slot_or_of_what_is_due(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell("rollback", *words) == 2


def test_a_closed_window_is_exit_code_4_and_says_when_it_opens(shell_of: Callable[[Estate], Shell]) -> None:
    window = {"name": "office hours", "recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", "start": "2026-01-05T09:00:00",
              "duration": "PT8H", "timeZone": "Europe/Zurich"}  # fmt: skip
    shell = shell_of(Estate.new({"dev": estate.environment("dev", windows=[window])}).with_release(FIRST))
    assert shell("promote", MODEL, "--to", "dev") == 4, "it is Saturday"
    assert (
        "… window        the change window of dev is closed; it opens Mon 2026-11-23 09:00 Europe/Zurich" in shell.out
    )
    assert shell("explain", MODEL, "dev") == 0
    assert "  window: the window, which opens " in shell.out
    shell.time += timedelta(days=2)
    assert shell("promote", MODEL, "--to", "dev") == 0
    assert "the change window 'office hours' of dev is open" in shell.out
    assert shell("verify") == 0
