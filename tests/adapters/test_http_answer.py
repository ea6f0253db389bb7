from __future__ import annotations

import pytest

from mlops_gitops.adapters.http_answer import Answer, Unreadable

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\nA\r\n, world!!!\r\n0\r\nX: y\r\n\r\n"
SIZED = b"HTTP/1.1 422 No\r\ncontent-LENGTH: 15\r\nConnection: close\r\n\r\nhello, world!!!"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED


@pytest.mark.parametrize("data", [CHUNKED, SIZED, EARLY])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 1000])
def test_an_answer_is_the_same_however_it_is_cut(data: bytes, step: int) -> None:
    answer = Answer(keep=100)
    whole = [answer.feed(data[place : place + step]) for place in range(0, len(data), step)]
    assert whole == [False] * (len(whole) - 1) + [True]
    assert (answer.size, answer.kept) == (15, b"hello, world!!!")
    assert (answer.status, answer.closes) == ((200, False) if data is CHUNKED else (422, True))


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    answer = Answer(keep=3)
    assert not answer.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not answer.feed(b"def")
    assert (answer.end(), answer.closes, answer.size, answer.kept) == (True, True, 6, b"abc")
    assert Answer().feed(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_an_answer_that_was_cut_off_is_not_whole() -> None:
    for data in (CHUNKED[:-2], SIZED[:-1], b"HTTP/1.1 200"):
        answer = Answer()
        assert not answer.feed(data)
        assert not answer.end()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SSH-2.0-x\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "more came"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, "longer than 1 KiB"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "longer than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"y" * 2000, "longer than 1,000 bytes"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        Answer(most=1000).feed(data)


def test_nothing_is_kept_of_a_long_answer() -> None:
    answer = Answer()
    answer.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(64):
        answer.feed(b"x" * 1_000_000)
    assert (answer.size, answer.kept) == (64_000_000, b"")
