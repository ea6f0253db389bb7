"""The load generator against real servers on the loopback interface, most of them ill-behaved."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from mlops_gitops.adapters import load_client
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.testing.infra import load
from mlops_gitops.testing.infra.load import Load, Samples

Serve = Callable[[socket.socket, int], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = b'{"inputs": [[1.0]]}'


def request(connection: socket.socket) -> bytes:
    """One request with its body, or nothing where the client has closed."""
    data = b""
    while not data.endswith(BODY):
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    return data


@contextmanager
def server(answer: Serve) -> Iterator[str]:
    """A server that gives each connection, with its number, to ``answer`` in a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            answer(connection, number)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=one, args=(connection, len(threads)), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/invocations?x=1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in [accepting, *threads]:
            thread.join(5)


def asked(url: str, stated: Load) -> Samples:
    return load_client.measure(url, BODY, "application/json", stated)


def opened() -> list[str]:
    """What this process has open, but for the folder that is read here."""
    found = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return sorted(one for one in found if not one.startswith("/proc/"))


def after(seconds: float) -> Serve:
    def answer(connection: socket.socket, _: int) -> None:
        while request(connection):
            time.sleep(seconds)
            connection.sendall(OK)

    return answer


def test_a_closed_loop_keeps_its_connections_and_its_number_of_callers() -> None:
    seen: list[bytes] = []
    connections: set[int] = set()

    def answer(connection: socket.socket, number: int) -> None:
        connections.add(number)
        while said := request(connection):
            seen.append(said)
            time.sleep(0.01)
            connection.sendall(OK)

    before = opened()
    with server(answer) as url:
        found = asked(url, Load(3, seconds=0.5, warm_up=0.2))
    assert opened() == before
    assert connections == {0, 1, 2}
    assert (found.failed, found.errors) == (0, ())
    assert len(found.starts) == len(seen)
    assert 0 < found.measured.sum() < len(seen)  # the warm-up does not count
    assert found.latencies.min() >= 0.01
    assert 50 < load.throughput(found).value <= 300
    host = url.split("/")[2]
    head = f"POST /invocations?x=1 HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nContent-Type: application/json\r\n"
    assert seen[0] == head.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


def test_a_stall_is_charged_for_everybody_whom_it_kept_waiting() -> None:
    """The server stops for half a second, once.  A closed loop sees one slow request; an open one all that were due."""

    def answer(connection: socket.socket, _: int) -> None:
        begun, stalled = time.monotonic(), False
        while request(connection):
            if not stalled and time.monotonic() - begun > 0.3:
                stalled = True
                time.sleep(0.5)
            connection.sendall(OK)

    with server(answer) as url:
        closed = asked(url, Load(1, seconds=1.0, warm_up=0.0))
        opened_ = asked(url, Load(1, seconds=1.0, warm_up=0.0, rate=200))
    assert (closed.latencies > 0.1).sum() <= 3
    assert len(opened_.starts) == 200
    np.testing.assert_allclose(np.sort(opened_.starts), np.arange(200) / 200, atol=1e-6)
    assert (opened_.latencies > 0.1).sum() >= 60  # 80 were due in the first 0.4 s of the stall


def test_a_server_that_is_too_slow_for_the_rate_ends_in_time() -> None:
    begun = time.monotonic()
    with server(after(0.2)) as url:
        found = asked(url, Load(2, seconds=0.5, warm_up=0.0, rate=200, timeout=0.5))
    assert time.monotonic() - begun < 3
    assert len(found.starts) == 100
    assert found.failed > 50
    assert dict(found.errors)["never sent: every connection was waiting for an answer"] > 50


def test_no_answer_is_an_error_within_the_time_limit() -> None:
    begun = time.monotonic()
    with server(lambda connection, _: request(connection) and time.sleep(0.7)) as url:
        found = asked(url, Load(2, seconds=0.3, warm_up=0.0, timeout=0.2))
        assert time.monotonic() - begun < 1.5
    assert found.failed == found.measured.sum() > 0
    assert [reason for reason, _ in found.errors] == ["no answer within 0.2 s"]


def test_an_answer_without_an_end_takes_time_and_no_memory() -> None:
    def answer(connection: socket.socket, _: int) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1_000_000)

    before = opened()
    tracemalloc.start()
    with server(answer) as url:
        begun = time.monotonic()
        found = asked(url, Load(1, seconds=0.3, warm_up=0.0, timeout=0.3))
        assert time.monotonic() - begun < 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.failed == found.measured.sum() > 0
    assert {reason for reason, _ in found.errors} <= {
        "no answer within 0.3 s",
        "the answer is longer than 67,108,864 bytes",
    }
    assert peak < 16_000_000
    assert opened() == before


def test_a_server_that_closes_after_each_answer_is_no_error() -> None:
    def answer(connection: socket.socket, number: int) -> None:
        request(connection)
        closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" if number % 2 else OK
        connection.sendall(closing)

    with server(answer) as url:
        found = asked(url, Load(2, seconds=0.3, warm_up=0.0))
    assert found.errors == ()
    assert found.failed == 0
    assert len(found.starts) > 10


def test_a_bad_status_is_an_error_by_its_name() -> None:
    def answer(connection: socket.socket, _: int) -> None:
        while request(connection):
            connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            time.sleep(0.002)

    with server(answer) as url:
        found = asked(url, Load(1, seconds=0.2, warm_up=0.1))
    assert found.failed == found.measured.sum() == dict(found.errors)["status 503"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "the connection was closed before the answer was whole"),
        (b"", "the connection was closed before the answer was whole"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(said: bytes, why: str) -> None:
    with server(lambda connection, _: request(connection) and connection.sendall(said)) as url:
        found = asked(url, Load(1, seconds=0.2, warm_up=0.0))
    assert {reason for reason, _ in found.errors} == {why}


def test_nobody_there_is_an_error_of_each_request_and_not_a_busy_loop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    found = asked(url, Load(1, seconds=0.3, warm_up=0.0))
    assert {reason for reason, _ in found.errors} == {"connection refused"}
    assert 5 < len(found.starts) <= 31


def test_an_interruption_closes_everything() -> None:
    before = opened()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start without it
    try:
        with server(after(0.01)) as url:
            timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                asked(url, Load(4, seconds=30, warm_up=0.0))
            timer.join()
    finally:
        signal.signal(signal.SIGINT, handler)
    assert opened() == before


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "ftp://a/", "http:///x", "http://a:99999/", "http://a/x y", "http://a/\r\nX: y", "x"]
)
def test_a_url_that_cannot_be_asked_is_misuse(url: str) -> None:
    with pytest.raises(Misused):
        asked(url, Load(1, seconds=1, warm_up=0))


@pytest.mark.parametrize(
    "stated", [Load(0, 1, 0), Load(513, 1, 0), Load(1, 0, 0), Load(1, 1, 0, timeout=0), Load(1, 1, 0, rate=0)]
)
def test_a_load_that_cannot_be_is_misuse(stated: Load) -> None:
    with pytest.raises(Misused):
        asked("http://127.0.0.1:1/", stated)


def test_an_unknown_host_is_the_worlds_failure() -> None:
    with pytest.raises(WorldFailed) as caught:
        asked("http://no-such-host.invalid/", Load(1, 1, 0))
    assert caught.value.retry


def test_a_server_that_hangs_from_the_warm_up_on_is_not_measured_by_the_one_that_it_answers() -> None:
    """Three of four connections get no answer from the second request on; the fourth is as quick as ever."""

    def hangs(connection: socket.socket, number: int) -> None:
        for count in range(10**6):
            if not request(connection):
                return
            if number and count:
                time.sleep(3)
                return
            time.sleep(0.005)
            connection.sendall(OK)

    with server(hangs) as url:
        found = asked(url, Load(4, seconds=0.5, warm_up=0.3, timeout=0.4))
    assert found.failed >= 3
    assert sum(count for _, count in found.errors) == found.failed
    assert np.isfinite(found.latencies[found.measured]).sum() > 10


def test_a_request_of_the_warm_up_that_is_answered_after_the_end_counts() -> None:
    with server(after(1.0)) as url:
        found = asked(url, Load(1, seconds=0.3, warm_up=0.2, timeout=5.0))
    assert found.measured.sum() == 1
    assert found.latencies[found.measured][0] >= 1.0
    assert found.failed == 0
