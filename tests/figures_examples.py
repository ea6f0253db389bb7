"""Figures at their extremes: names that are long or of other scripts, hundreds of slices, one point, huge numbers."""

from __future__ import annotations

from dataclasses import replace

import results_examples as usual
from mlops_gitops.evidence.figures import Calibration, Curve, Distribution, Figure, Intervals, Line, Matrix, Point
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.reporting.results.records import Results
from mlops_gitops.testing.estimates import Estimate
from mlops_gitops.testing.features.costs import Cost, Costs, Group, Steps

LONG = "days_since_the_last_purchase_in_the_category_of_household_goods"
SCRIPTS = (
    "الزبائن الجدد هذا الشهر", "חודש קודם", "東京都千代田区丸の内一丁目九番一号", "Größe \U0001f6eb", "é" * 30, "",
)  # fmt: skip
NAN, INF = float("nan"), float("inf")
ORDER = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, None)


def rows(labels: tuple[str, ...], size: float = 1.0) -> tuple[Point, ...]:
    """Points whose intervals and answers vary."""
    return tuple(
        Point(
            label, size * (0.7 + i % 7 / 50), size * (0.68 + i % 7 / 50), size * (0.73 + i % 7 / 50),
            rows=10 ** (i % 9), limit=size * 0.7 if i % 3 else None, verdict=ORDER[i % 4],
        )
        for i, label in enumerate(labels)
    )  # fmt: skip


def slices(column: str) -> tuple[str, ...]:
    """All rows, and two hundred values of a column."""
    return ("all rows", *(f"{column} = {i}" for i in range(200)))


def moved(value: float = 0.031) -> Point:
    return Point("x", value, value / 2, value * 1.5, verdict=Verdict.PASS)


NAMES = (LONG, f"{LONG[:-5]}foods", *SCRIPTS)
THREE = (Line("the model that is tested now", 0.75), Line("the champion of yesterday", 0.751), Line(LONG, 0.7))
EDGES = (-1.0, 0.0, 1.0, 2.0, 3.0)
FIGURES: dict[str, Figure] = {
    "long names": Intervals("What each input brings", f"loss of {LONG}", rows(NAMES), THREE, "higher"),
    "a shared column": Intervals("by slice", "roc_auc", rows(slices(LONG))),
    "two hundred slices": Intervals("by slice", "f1", rows(slices("carrier")), THREE),
    "names of others": Intervals("in other scripts", "f1", rows(SCRIPTS), better="lower"),
    "one estimate": Intervals("one", "f1", rows(("all rows",)), (Line("demanded of all rows", 0.9),), "higher"),
    "large numbers": Intervals("cost", "dollars", rows(("all rows", "a", "b"), 123456789.123), better="lower"),
    "endless numbers": Intervals("cost", "dollars", rows(("all rows", "a", "b"), 1e300)),
    "small numbers": Intervals("cost", "dollars", rows(("all rows", "a", "b"), -3.456e-16), (Line("nothing", 0.0),)),
    "nearly one": Intervals("near", "auc", tuple(Point(f"s{i}", 1 - i * 1e-9, None, NAN) for i in range(4))),
    "no intervals": Intervals(
        "bare", "f1", tuple(Point(f"{i}", i / 10, NAN, INF) for i in range(3)), (Line("x", NAN),)
    ),
    "long categories": Distribution(
        "the values of x", tuple(range(50, 58)), tuple(range(58, 50, -1)), moved(), 0.1, "total variation", labels=NAMES
    ),
    "many categories": Distribution(
        "the values of x", tuple(range(1, 26)), (*range(2, 25), 9999, 1), moved(0.9), 0.1, "total variation",
        labels=(*(f"v{i}" for i in range(24)), "(all others)"),
    ),
    "large edges": replace(usual.NUMBERS, edges=(1.5e9, 1.6e9, 1.7e9, 1.70001e9, 1.8e9), limit=0.0123456),
    "near edges": replace(usual.NUMBERS, edges=(1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4)),
    "small edges": replace(usual.NUMBERS, edges=tuple(one * 1e-17 for one in EDGES), moved=moved(1e-9)),
    "crowded edges": replace(usual.CROWDED, edges=(-1234567.0, 1.0, 1.0000001, 1e12, 1.7e300)),
    "one value": replace(usual.NUMBERS, reference=(0, 5, 0, 0, 0, 0), current=(0, 7, 0, 0, 0, 0), edges=EDGES),
    "one release": Curve(
        "roc_auc by age", "age in days", "roc_auc on test", (replace(rows(("1.0.0",))[0], at=12.0),),
        (Line("the model that is tested", 0.71),), (Line("maxAge", 90.0),),
    ),
    "old releases": Curve(
        LONG, f"age, {LONG}", f"{LONG} on {LONG}",
        tuple(replace(one, at=1e3 * i) for i, one in enumerate(rows(tuple(f"1.{i}.0-rc" for i in range(8)), -1.2e9))),
        tuple(replace(one, value=-1.2e9 * one.value) for one in THREE), (Line("maxAge", 90.0), Line(LONG, 6900.0)),
    ),
    "many releases": Curve(
        "by age", "age in days", "rmse", tuple(replace(one, at=float(i)) for i, one in enumerate(rows(("",) * 150))),
    ),
    "no rate": Calibration("predicted and observed", (Point("9 rows", 0.0, 0.0, 0.01, at=0.0, rows=9),)),
    "large targets": Calibration(
        "predicted and observed", tuple(replace(one, at=i * 2e6) for i, one in enumerate(rows(("",) * 10, 1.2e7))),
        axis="price of the house in dollars of 2020",
    ),
    "small targets": Calibration(
        "predicted", tuple(replace(one, at=i * 1e-13) for i, one in enumerate(rows(("",) * 3, 1e-12))), axis="dose"
    ),
    "many inputs": Matrix("go together", (*NAMES, *(f"x{i}" for i in range(30))), ((NAN, -0.4, 1.0, None) * 15,) * 60),
    "two inputs": Matrix("go together", NAMES[:2], ((1.0, -1.0), (-1.0, 1.0))),
}  # fmt: skip
"""By what is hard about them."""

_CHECK = Check(f"model.slice[{LONG}]", LONG, Verdict.FAIL, f"{LONG} is {LONG}", fix=LONG)
EXTREME = Results(
    (("flight-delays", Report("model-tests", (_CHECK,), "1 of 1 checks failed", figures=tuple(FIGURES.values()))),)
)
"""All of them on one page."""


def _estimate(value: float, wide: float = 0.3) -> Estimate:
    return Estimate(value, value - wide * abs(value), value + wide * abs(value), 0.1, 600)


COSTS = Costs(
    "flight-delays", "roc_auc", "test", 600,
    (
        Cost(Group(LONG, ()), _estimate(0.31), _estimate(1.2e-3), Steps(("words",), _estimate(3e-6), 1200, 120_000)),
        Cost(Group("weather", ()), _estimate(0.02), _estimate(1e-4)),
        *(Cost(Group(name, ()), _estimate(-1e-4, 8)) for name in SCRIPTS),
        Cost(Group("noise", ()), _estimate(1e-5, 9), _estimate(1e-4, 9), Steps(("x",), _estimate(3e-6), 12, 0)),
    ),
)  # fmt: skip
"""What groups of features cost: some of it not measured, some of it not distinguishable from zero."""
UNMEASURED = replace(COSTS, costs=tuple(replace(one, carrying=None, steps=None) for one in COSTS.costs))
