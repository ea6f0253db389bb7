"""How often comparisons of a challenger with the champion err, and how long one takes.

Three tables from simulated data whose truth is known:

* **intervals**: how often the 95 % interval of a paired difference lies wholly above the truth, and wholly below it
  (2.5 % each where it holds), for ours, the delta method with a normal quantile, and the plain and the corrected (BCa)
  bootstrap, on the same rows;
* **tries**: how often a release that is no better wins at least once, in so many pull requests on the same rows, and
  how often one that is better does, for rules in common use and for ours;
* **time**: a verdict on a million rows with two hundred slices, from the file to the report, without asking the models;
  beside nothing but DeLong's interval.  Goal: at most 2 seconds.

    .venv/bin/python benchmarks/champions.py [--draws 1000] [--write]

``--write`` puts the tables into ``docs/explanation/champion-and-challenger.md``.  Some minutes.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from data_tests import table as thirty_columns
from grounds.simulation import simulated
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import estimates, statistics, suite
from mlops_gitops.testing.champions import paired
from mlops_gitops.testing.champions.paired import Proportions
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions

PAGE = Path(__file__).parents[1] / "docs/explanation/champion-and-challenger.md"
Chance = np.random.Generator
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NORMAL = NormalDist()


class Truth(NamedTuple):
    """A metric, and how rows come about: labels, predictions of two models that are equally good, and blocks."""

    words: str
    metric: str
    draw: Callable[[Chance, int], tuple[Floats, Floats, Floats]]
    blocks: int | None = None


def scores(chance: Chance, rows: int, *, positive: float = 0.2) -> tuple[Floats, Floats, Floats]:
    """Probabilities that share most of their noise."""
    labels = (chance.random(rows) < positive).astype(float)
    shared = chance.normal(size=rows) + 2 * labels - 1.3
    first, second = (1 / (1 + np.exp(-(shared + 0.4 * chance.normal(size=rows)))) for _ in range(2))
    return labels, first, second


def values(chance: Chance, rows: int, noise: Callable[[Chance, int], Floats]) -> tuple[Floats, Floats, Floats]:
    """Predictions of a number that share part of their error."""
    labels, shared = 3 * chance.normal(size=rows), noise(chance, rows)
    first, second = (labels + shared + 0.5 * noise(chance, rows) for _ in range(2))
    return labels, first, second


def in_blocks(chance: Chance, rows: int) -> tuple[Floats, Floats, Floats]:
    """Errors of which a quarter is shared by the twenty rows of a block, separately for each model."""
    labels = 3 * chance.normal(size=rows)

    def error() -> Floats:
        shared = np.repeat(chance.normal(size=math.ceil(rows / 20)), 20)[:rows]
        return 0.5 * shared + math.sqrt(0.75) * chance.normal(size=rows)

    return labels, labels + error(), labels + error()


def lognormal(chance: Chance, rows: int) -> Floats:
    """Errors most of which are small and some of which are very large."""
    return chance.normal(size=rows) * np.exp(chance.normal(size=rows))


TRUTHS = (
    Truth("accuracy, 20 % positive", "accuracy", scores),
    Truth("area under the curve, 20 % positive", "roc_auc", scores),
    Truth("F1, 5 % positive", "f1", lambda chance, rows: scores(chance, rows, positive=0.05)),
    Truth("log loss", "log_loss", scores),
    Truth("RMSE, normal errors", "rmse", lambda c, n: values(c, n, lambda c, n: c.normal(size=n))),
    Truth("RMSE, heavy tail", "rmse", lambda c, n: values(c, n, lognormal)),
    Truth("R²", "r2", lambda c, n: values(c, n, lambda c, n: c.normal(size=n))),
    Truth("RMSE, rows in blocks of 20", "rmse", in_blocks, blocks=20),
)
ROWS = (200, 1_000, 5_000)
RIVALS = ("ours", "delta, normal", "bootstrap", "BCa")


def bounds(metric: Metric, before: Sample, after: Sample, blocks: Floats | None) -> Mapping[str, tuple[float, float]]:
    """The 95 % interval of each rival; the others than ours know nothing of blocks."""
    codes = None if blocks is None else blocks.astype(np.int64)
    found = {"ours": paired.compared(metric, before, after, blocks=codes).gain.interval(0.95)}
    plain = metric.difference(before, after)
    value = plain.value if metric.higher_is_better else -plain.value
    half = estimates.quantile(0.95) * plain.error
    found["delta, normal"] = (value - half, value + half)
    if metric.top is not None:
        sign = 1.0 if metric.higher_is_better else -1.0
        influence = sign * (metric.influences(after)[1] - metric.influences(before)[1])
        draws = _draws(metric, before, after, sign)
        found["bootstrap"] = tuple(np.quantile(draws, [0.025, 0.975]))  # type: ignore[assignment]
        found["BCa"] = tuple(np.quantile(draws, _corrected(draws, value, influence)))  # type: ignore[assignment]
    return found


def _draws(metric: Metric, before: Sample, after: Sample, sign: float) -> Floats:
    parts = [part for one in (before, after) for part in paired._parts(metric, one)]  # noqa: SLF001 - the same draws
    sums = paired._drawn(parts, paired._dealt(len(before.labels)))  # noqa: SLF001
    sums = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
    linked = [paired._linked(metric, sums[:, at] / sums[:, at + 1]) for at in (0, 2)]  # noqa: SLF001
    return np.sort(sign * (linked[1] - linked[0]))


def _corrected(draws: Floats, value: float, influence: Floats) -> list[float]:
    """The quantiles that BCa takes (Efron 1987, JASA 82:171)."""
    bias = NORMAL.inv_cdf(min(max(float((draws < value).mean()), 1e-3), 1 - 1e-3))
    skew = float((influence**3).sum()) / (6 * float((influence**2).sum()) ** 1.5)
    ends = (bias + NORMAL.inv_cdf(tail) for tail in (0.025, 0.975))
    return [NORMAL.cdf(bias + end / (1 - skew * end)) for end in ends]


def intervals(draws: int) -> Iterator[str]:
    """The table of intervals."""
    yield "| metric | rows | " + " | ".join(f"{name}: above / below" for name in RIVALS) + " |"
    yield "|:--|--:|" + "--:|" * len(RIVALS)
    for truth in TRUTHS:
        kind = "value" if truth.metric in {"rmse", "r2"} else "probability"
        for rows in ROWS:
            chance, counted, missed = np.random.default_rng(rows), 0, {name: [0, 0] for name in RIVALS}
            for _ in range(draws):
                labels, first, second = truth.draw(chance, rows)
                before, after = Sample(labels, first, kind), Sample(labels, second, kind)  # type: ignore[arg-type]
                blocks = np.arange(rows) // truth.blocks if truth.blocks else None
                try:
                    found = bounds(METRICS[truth.metric], before, after, blocks)
                except Unmeasurable:
                    continue
                counted += 1
                for name, (lower, upper) in found.items():
                    missed[name][0] += lower > 0
                    missed[name][1] += upper < 0
            shown = set(found)
            cells = [
                f"{missed[name][0] / counted:.1%} / {missed[name][1] / counted:.1%}" if name in shown else "not there"
                for name in RIVALS
            ]
            yield f"| {truth.words} | {rows:,} | " + " | ".join(cells) + " |"


HOLDOUT, TRIES, RIGHT, UNSURE = 2_000, 20, 0.9, 0.08
"""Rows; pull requests; share that the champion has right; share of rows on which a try may answer otherwise."""
ALPHA = 0.05


class Tries:
    """Candidates that are as good as the champion, or better by ``gain``: on some rows they toss a coin."""

    def __init__(self, chance: Chance, *, gain: float = 0.0) -> None:
        self.chance, self.gain = chance, gain
        self.unsure = chance.random(HOLDOUT) < UNSURE
        sure = chance.random(HOLDOUT) < (RIGHT - UNSURE / 2) / (1 - UNSURE)
        self.champion: Bools = np.where(self.unsure, chance.random(HOLDOUT) < 0.5, sure)

    def fresh(self) -> Bools:
        """Another try from the beginning."""
        right: Bools = np.where(self.unsure, self.chance.random(HOLDOUT) < 0.5 + self.gain / UNSURE, self.champion)
        return right

    def near(self, other: Bools) -> Bools:
        """A try that changes a quarter of what is unsure in another one."""
        again = self.unsure & (self.chance.random(HOLDOUT) < 0.25)
        right: Bools = np.where(again, self.chance.random(HOLDOUT) < 0.5, other)
        return right


def table(before: Bools, after: Bools) -> Proportions:
    """What McNemar's test sees."""
    return paired.proportions(before, after)


class Rule(NamedTuple):
    """A rule: whether the ``number``-th try wins."""

    words: str
    wins: Callable[[Proportions, int], bool]
    quiet: bool = False
    """Whether a try that does not win is told no number."""


def ours(found: Proportions, number: int) -> bool:
    """The same share for each look, and none after the last."""
    return number <= TRIES and found.chance(0.0) <= ALPHA / TRIES


def schedule(share: Callable[[int], float]) -> Callable[[Proportions, int], bool]:
    """Wins where the one-sided chance of no improvement is within the share of the try."""
    return lambda found, number: found.chance(0.0) <= share(number)


RULES = (
    Rule("promote if better", lambda found, _: found.value > 0),
    Rule("McNemar, p < .05", lambda found, _: found.value > 0 and found.mcnemar < ALPHA),
    Rule("McNemar one-sided, p < .05", schedule(lambda _: ALPHA)),
    Rule("ours: .05 / looks each", ours, quiet=True),
    Rule("ours, with `answers: numbers`", ours),
    Rule(".05 · 6 / (π²k²) for the k-th", schedule(lambda number: 6 * ALPHA / (math.pi * number) ** 2)),
)


def tries(draws: int) -> Iterator[str]:
    """The table of tries."""
    yield (
        f"| rule | {TRIES} equal tries: a false win | 50 equal tries | each keeps what looked better | 1 try, +1 % | "
        "20th try, +2 % |"
    )
    yield "|:--|--:|--:|--:|--:|--:|"
    found = {rule.words: [0.0] * 5 for rule in RULES}
    for draw in range(draws):
        for rule in RULES:
            told = found[rule.words]
            for column, won in enumerate(_outcomes(rule, draw)):
                told[column] += won / draws
    for rule in RULES:
        yield f"| {rule.words} | " + " | ".join(f"{share:.1%}" for share in found[rule.words]) + " |"


def _outcomes(rule: Rule, seed: int) -> Iterator[bool]:
    for count in (TRIES, 50):
        some = Tries(np.random.default_rng(seed))
        yield any(rule.wins(table(some.champion, some.fresh()), number) for number in range(1, count + 1))
    yield _climbing(rule, Tries(np.random.default_rng(seed)))
    better = Tries(np.random.default_rng(seed), gain=0.01)
    yield rule.wins(table(better.champion, better.fresh()), 1)
    better = Tries(np.random.default_rng(seed), gain=0.02)
    yield rule.wins(table(better.champion, better.fresh()), TRIES)


def _climbing(rule: Rule, some: Tries) -> bool:
    """Whoever is told the numbers goes on from the best so far; none of it is real."""
    best = some.champion
    for number in range(1, TRIES + 1):
        mine = some.near(best)
        if rule.wins(table(some.champion, mine), number):
            return True
        best = mine if mine.sum() > best.sum() and not rule.quiet else best
    return False


MILLION, CARRIERS = 1_000_000, 200


def timed() -> Iterator[str]:
    """A verdict on a million rows with two hundred slices: processor seconds, and those that pass on the wall."""
    labels, first, second = scores(np.random.default_rng(5), MILLION)
    yield "| a million rows of 30 columns, 200 slices | processor | wall |"
    yield "|:--|--:|--:|"
    yield _measured("DeLong's interval alone, no slices", lambda: _delong(labels, first, second))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = thirty_columns(MILLION, seed=5)
        held = held.append_column("late", pa.array(labels == 1.0))
        held = held.append_column("carrier", pa.array(np.random.default_rng(6).integers(0, CARRIERS, MILLION)))
        days = np.datetime64("2025-01-01") + np.sort(np.random.default_rng(7).integers(0, 365, MILLION))
        held = held.append_column("day", pa.array(days))
        pq.write_table(held, folder / "test.parquet", row_group_size=100_000)
        answers = {"champion": first, "challenger": second, "anchor": first}
        for names in (("accuracy",), ("roc_auc",), ("log_loss",), ("accuracy", "roc_auc", "log_loss")):
            yield _measured(", ".join(names), lambda names=names: _verdict(folder, names, answers))
        three = ("accuracy", "roc_auc", "log_loss")
        yield _measured(f"{', '.join(three)}, by day", lambda: _verdict(folder, three, answers, blocks=True))
        yield _measured(
            f"{', '.join(three)}, and against an anchor", lambda: _verdict(folder, three, answers, anchor=True)
        )


def _delong(labels: Floats, first: Floats, second: Floats) -> int:
    statistics.auc_difference(labels == 1.0, first, second)
    return 1


def _measured(words: str, work: Callable[[], int]) -> str:
    paired._weights.cache_clear()  # noqa: SLF001 - as in a process of its own
    paired._dealt.cache_clear()  # noqa: SLF001
    wall, begun = time.perf_counter(), time.process_time()
    checks = work()
    spent, passed = time.process_time() - begun, time.perf_counter() - wall
    return f"| {words} ({checks} check{'' if checks == 1 else 's'}) | {spent:.2f} s | {passed:.2f} s |"


def _verdict(
    folder: Path, names: tuple[str, ...], answers: Mapping[str, Floats], *, blocks: bool = False, anchor: bool = False
) -> int:
    """How many checks a comparison made; the models have answered before."""

    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        return [Predictions(answers[one.artifact.digest], "probability", "0" * 64) for one in jobs]

    model = Model.from_value(_manifest(names, blocks=blocks))
    releases = {
        name: suite.Champion(name[0] * 64, Artifact(folder, "onnx", name), ("n01",), version=name)
        for name in ("champion", "anchor")
    }
    found = suite.compare(
        model,
        folder=folder,
        locate=lambda _: Location(""),
        artifact=Artifact(folder, "onnx", "challenger"),
        champion=releases["champion"],
        predict=predict,
        anchor=releases["anchor"] if anchor else None,
    )
    return len(found.checks)


def _manifest(names: tuple[str, ...], *, blocks: bool) -> dict[str, object]:
    by = {"timeColumn": "day"} if blocks else {}
    slices = [{"column": "carrier", "minRows": 100, "threshold": {"min": 0}}]
    metrics = [
        {"name": name, "dataset": "test", "threshold": {}, "maxRegression": 0.005, "slices": slices, "primary": at == 0}
        for at, name in enumerate(names)
    ]
    return {
        "metadata": {
            "name": "delays",
            "version": "1.0.0",
            "description": "Two scores.",
            "owners": [],
            "license": "Apache-2.0",
            "riskTier": "low",
        },
        "spec": {
            "training": {"entrypoint": ["train"]},
            "dependencies": {"lock": "uv.lock"},
            "data": [{"name": "test", "role": "test", "uri": "test.parquet", **by}],
            "artifact": {"format": "onnx", "path": "model.onnx"},
            "interface": {
                "inputs": [{"name": "n01", "type": "double"}],
                "outputs": [{"name": "probability", "type": "double"}],
                "target": {"column": "late", "type": "boolean"},
            },
            "task": "binary-classification",
            "metrics": metrics,
            "serving": {"pattern": "rest"},
        },
    }


def tables(draws: int) -> str:
    """All three in Markdown."""
    return "\n\n".join("\n".join(some) for some in (intervals(draws), tries(draws), timed()))


if __name__ == "__main__":
    simulated(__doc__ or "", tables, draws=1000, page=PAGE, name="champions")
