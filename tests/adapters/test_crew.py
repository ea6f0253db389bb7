"""Work that is shared between processes comes back whole and in order, whatever becomes of them."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from mlops_gitops.adapters.crew import Crew
from mlops_gitops.errors import WorldFailed

HERE = os.getpid()


def children() -> set[str]:
    return set(Path(f"/proc/{HERE}/task/{HERE}/children").read_text().split())


def numbers(start: int, end: int) -> bytes:
    return b" ".join(b"%d" % number for number in range(start, end))


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> object:
    before, handles = children(), len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert children() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == handles


@pytest.mark.parametrize("hands", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 7, 100_000])
def test_the_parts_are_those_of_one_process_in_order(hands: int, count: int) -> None:
    found = Crew(hands).share(numbers, count)
    assert len(found) == hands
    assert b" ".join(filter(None, found)) == numbers(0, count)


def test_others_do_their_parts() -> None:
    who = Crew(3).share(lambda _start, _end: b"%d" % os.getpid(), 3)
    assert len(set(who)) == 3
    assert who[0] == b"%d" % HERE


def die(_start: int, _end: int) -> bytes:
    if os.getpid() != HERE:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"here"


def leave(_start: int, _end: int) -> bytes:
    if os.getpid() != HERE:
        os._exit(0)
    return b"here"


def fail(_start: int, _end: int) -> bytes:
    if os.getpid() != HERE:
        raise KeyboardInterrupt
    return b"here"


@pytest.mark.parametrize("work", [die, leave, fail])
def test_what_another_process_did_not_do_is_done_here(work: object, capfd: pytest.CaptureFixture[str]) -> None:
    assert Crew(3).share(work, 30) == [b"here"] * 3  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_met_here() -> None:
    def work(start: int, _end: int) -> bytes:
        if start:
            raise WorldFailed("the cache is damaged", hint="remove it", code="git-local")
        return b"fine"

    with pytest.raises(WorldFailed, match="damaged"):
        Crew(2).share(work, 10)


def test_a_failure_here_ends_the_others() -> None:
    def work(start: int, _end: int) -> bytes:
        if start:
            signal.pause()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Crew(3).share(work, 10)


def test_where_no_process_can_be_made_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", full)
    assert b" ".join(Crew(4).share(numbers, 40)) == numbers(0, 40)
