"""A small server of predictions that needs nothing but Python; it runs in a container, and misbehaves as ``MODE`` says.

It speaks both protocols of a serving image for a logistic regression, whose weights lie beside it as JSON, and keeps
what a client may expect: a wrong request is a 4xx.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = os.environ.get("MODE", "").split(",")
with open("/weights.json") as file:  # noqa: PTH123 - a program of its own
    WEIGHTS = json.load(file)
NAMES = [one["name"] for one in WEIGHTS["inputs"]]
MODEL = WEIGHTS["model"]
COUNT = iter(range(10**9))


class Wrong(Exception):
    """The request cannot be answered."""


def chance(row: list[Any]) -> float:
    total = float(WEIGHTS["intercept"])
    for name, value in zip(NAMES, row, strict=True):
        if name in WEIGHTS["numbers"]:
            weight, mean = WEIGHTS["numbers"][name]
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise Wrong(f"{name} is no number")
            if value is not None and not math.isfinite(value):
                raise Wrong(f"{name} is not finite")
            absent = 0.0 if "skew" in MODES else mean
            total += weight * (absent if value is None else value)
        else:
            if not isinstance(value, str):
                raise Wrong(f"{name} is no text")
            total += WEIGHTS["texts"][name].get(value, 0.0)
    return 1 / (1 + math.exp(-total))


def answered(rows: list[list[Any]]) -> list[Any]:
    if "dies" in MODES and len(rows) > 1:
        os._exit(3)
    if "slow" in MODES:
        time.sleep(2)
    values: list[Any] = [chance(row) for row in rows]
    if "rounded" in MODES:
        values = [round(one, 3) for one in values]
    if "batchwise" in MODES and len(rows) == 1:
        values = [one / 2 for one in values]
    if "counts" in MODES:
        values = [one + 1e-3 * next(COUNT) for one in values]
    if "text" in MODES:
        values = [str(one) for one in values]
    return values


def of_split(document: Any) -> list[list[Any]]:
    try:
        table = document["dataframe_split"]
        columns, rows = table["columns"], table["data"]
        if len(document) != 1 or any(len(row) != len(columns) for row in rows):
            raise Wrong("it is not one table")
        order = [columns.index(name) for name in NAMES]
        return [[row[place] for place in order] for row in rows]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Wrong(f"it lacks {error}") from error


def of_tensors(document: Any) -> list[list[Any]]:
    try:
        data = {}
        for one in document["inputs"]:
            rows, across = one["shape"]
            if one["datatype"] not in {"FP64", "BYTES"} or across != 1 or len(one["data"]) != rows:
                raise Wrong("one of its tensors is none")
            if one.get("parameters", {}).get("content_type", "str") != "str":
                raise Wrong("one of its tensors is of a type that is not known")
            data[one["name"]] = one["data"]
        return [list(row) for row in zip(*(data[name] for name in NAMES), strict=True)]
    except (KeyError, TypeError, ValueError) as error:
        raise Wrong(f"it lacks {error}") from error


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path in {"/v2/health/ready", "/ping"}:
            self.say(503 if "never-ready" in MODES else 200, {})
        elif self.path == f"/v2/models/{MODEL}/ready":
            self.say(200, {})
        elif self.path == f"/v2/models/{MODEL}":
            self.say(200, {"name": MODEL, "inputs": WEIGHTS["inputs"], "outputs": WEIGHTS["outputs"]})
        else:
            self.say(404, {})

    def do_POST(self) -> None:
        told = self.headers.get("Content-Length") or "0"
        length = int(told) if told.isdecimal() else 1 << 40
        if length > 16 << 20:
            self.close_connection = True
            self.say(413, {})
            return
        body = self.rfile.read(length)
        if "streams" in MODES:
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" " * 4096)
                time.sleep(0.01)
        kind = self.headers.get("Content-Type") or ""
        if not kind.startswith("application/json") or self.headers.get("Content-Encoding") or len(body) < length:
            self.say(415, {})
            return
        try:
            document = json.loads(body.decode("utf-8"), parse_constant=float)
            if self.path == "/invocations":
                values = answered(of_split(document))
                self.say(200, {"predictions": [{"probability": one} for one in values]})
            elif self.path == f"/v2/models/{MODEL}/infer":
                values = answered(of_tensors(document))
                output = {"name": "probability", "shape": [len(values), 1], "datatype": "FP64", "data": values}
                self.say(200, {"model_name": MODEL, "outputs": [output]})
            else:
                self.say(404, {})
        except (Wrong, ValueError, RecursionError) as error:
            self.say(400, {"error": str(error)[:200]})

    def refuse(self) -> None:
        self.close_connection = True
        self.say(405, {})

    do_PUT = do_DELETE = refuse  # noqa: N815 - the library's names

    def say(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def called_home() -> None:
    for attempt in (
        lambda: socket.getaddrinfo("telemetry.example.com", 443),
        lambda: socket.create_connection(("203.0.113.7", 443), 1.5),
    ):
        try:
            attempt()
        except OSError as error:
            print(error, file=sys.stderr)


if "ends" in MODES:
    sys.exit("no such model")
if "greedy" in MODES:
    KEPT = bytearray(os.urandom(1) * (512 << 20))
if "calls-home" in MODES:
    threading.Thread(target=called_home, daemon=True).start()
server = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)  # noqa: S104 - a container's own address
server.daemon_threads = True
if "deaf" not in MODES:
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", file=sys.stderr, flush=True)
server.serve_forever()
