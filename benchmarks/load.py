"""Our load generator beside wrk and hey, on one endpoint in one run: it should measure what they measure.

The endpoint is MLflow's own scoring application in front of a real model, served by uvicorn in a process of its own.
Each client sends the same request, keeps its connections, and is measured in turns, so that what else the machine does
meets all of them.  Goal: the latencies that ours measures are within 10 % of what the nearest of the two measures; that
the two differ from each other is shown too.

    .venv/bin/python benchmarks/load.py [--short] [--write]

wrk and hey are Debian's (`apt-get install wrk hey`).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from grounds.timing import Line, Report, best, parsed
from mlops_gitops.adapters.load_client import measure
from mlops_gitops.testing.infra import load
from mlops_gitops.testing.infra.load import Load

COMMAND = ".venv/bin/python benchmarks/load.py"
CONCURRENCIES = (1, 8)
WITHIN = 1.10
SHARES = {"p50": 0.50, "p90": 0.90, "p99": 0.99}
BODY = json.dumps({"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0]]}})
PROGRAM = """
import sys, uvicorn, mlflow.pyfunc
from mlflow.pyfunc import scoring_server
uvicorn.run(scoring_server.init(mlflow.pyfunc.load_model(sys.argv[1])), port=int(sys.argv[2]), log_level="error")
"""
MODEL = """
import sys, mlflow.sklearn, pandas
from sklearn.linear_model import LogisticRegression
made = LogisticRegression().fit(pandas.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0]}), [0, 1])
mlflow.sklearn.save_model(made, sys.argv[1], pip_requirements=["scikit-learn"], serialization_format="skops",
                          skops_trusted_types=[])
"""
Found = dict[str, float]


def main() -> int:
    arguments = parsed(__doc__ or "")
    report = Report("load", COMMAND)
    peers = [name for name in ("wrk", "hey") if shutil.which(name)]
    turns, seconds = (1, 1) if arguments.short else (8, 4)
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as url:
        for concurrency in CONCURRENCIES:
            found: dict[str, list[Found]] = {one: [] for one in ("ours", *peers)}
            for _ in range(turns):
                for who, values in found.items():
                    values.append(CLIENTS[who](url, concurrency, seconds, Path(name)))
            told(report, concurrency, found)
    return report.end(arguments)


def told(report: Report, concurrency: int, found: dict[str, list[Found]]) -> None:
    """The least disturbed of the turns; the ratio to the nearest peer is what is judged, at p50 and p90.

    A client that saw too few answers in every turn says no p99, and none is told of it.
    """
    least = {
        who: {name: _best(name, all_) for name in (*SHARES, "rate") if any(name in one for one in all_)}
        for who, all_ in found.items()
    }
    for name in SHARES:
        said = ", ".join(f"{who} {1000 * one[name]:.2f} ms" for who, one in least.items() if name in one)
        report.add(Line(f"{name} at {concurrency} at a time", said))
        ratios = [one[name] / least["ours"][name] for who, one in least.items() if who != "ours"]
        if ratios and name != "p99":
            nearest = min(max(one, 1 / one) for one in ratios)
            report.ratio(f"{name} at {concurrency} at a time, ours of the nearest peer", nearest, at_most=WITHIN)
    said = ", ".join(f"{who} {one['rate']:.0f}" for who, one in least.items())
    report.add(Line(f"answers a second at {concurrency} at a time", said))


def _best(name: str, found: list[Found]) -> float:
    values = [one[name] for one in found if name in one]
    return max(values) if name == "rate" else best(values)


def ours(url: str, concurrency: int, seconds: int, _: Path) -> Found:
    found = measure(url, BODY.encode(), "application/json", Load(concurrency, seconds, 1.0))
    assert not found.failed, found.errors
    values = {name: load.latency(found, share).value for name, share in SHARES.items() if name != "p99"}
    ordered = sorted(found.latencies[found.measured])
    return {**values, "p99": float(ordered[int(0.99 * len(ordered))]), "rate": load.throughput(found).value}


def wrk(url: str, concurrency: int, seconds: int, folder: Path) -> Found:
    script = folder / "post.lua"
    head = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
    script.write_text(f"{head}wrk.body = [==[{BODY}]==]\n")
    said = run("wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "--latency", "-s", str(script), url)
    assert "Non-2xx" not in said, said
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    parts = re.findall(r"^\s+(50|90|99)%\s+([\d.]+)(us|ms|s)$", said, flags=re.MULTILINE)
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])
    return {**{f"p{share}": float(value) * units[unit] for share, value, unit in parts}, "rate": rate}


def hey(url: str, concurrency: int, seconds: int, _: Path) -> Found:
    words = ("-m", "POST", "-T", "application/json", "-d", BODY)
    said = run("hey", "-z", f"{seconds}s", "-c", str(concurrency), *words, url)
    assert set(re.findall(r"\[(\d+)\]\s+\d+ responses", said)) == {"200"}, said
    parts = re.findall(r"(50|90|99)% in ([\d.]+) secs", said)
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])
    return {**{f"p{share}": float(value) for share, value in parts}, "rate": rate}


CLIENTS = {"ours": ours, "wrk": wrk, "hey": hey}


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """A model behind MLflow's scoring application."""
    subprocess.run([sys.executable, "-c", MODEL, str(folder / "model")], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder / "model"), str(port)], stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{url}/ping", timeout=5).close()  # noqa: S310 - our own
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.2)
        yield f"{url}/invocations"
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    sys.exit(main())
