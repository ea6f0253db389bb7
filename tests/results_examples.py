"""Reports of tests with every kind of figure, for the forms in which they are told."""

from __future__ import annotations

from dataclasses import replace

from mlops_gitops.evidence.figures import Calibration, Curve, Distribution, Intervals, Line, Matrix, Point
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.reporting.results.records import Results

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
PLACE = Location("models/flight-delays/model.yaml", 81, 43, 81, 60)


def moved(title: str, value: float, verdict: Verdict) -> Point:
    return Point(title, value, max(0.0, value - 0.05), value + 0.05, rows=2000, limit=0.1, verdict=verdict)


NUMBERS = Distribution(
    "the values of test.distance", (0, 300, 500, 150, 50, 0), (10, 200, 400, 250, 120, 20),
    moved("distance", 0.18, FAIL), 0.1, "D", edges=(80.0, 500.0, 1000.0, 2000.0, 4983.0), note="rows are independent",
)  # fmt: skip
CROWDED = Distribution(
    "the values of test.delay", (0, 990, 4, 3, 3, 0), (0, 985, 5, 5, 5, 0), moved("delay", 0.01, PASS), 0.1, "D",
    edges=(0.0, 1.0, 1e4, 1e6, 1e9),
)  # fmt: skip
NAMES = Distribution(
    "the values of test.origin", (600, 300, 100), (500, 320, 180), moved("origin", 0.1, OPEN), 0.1, "total variation",
    labels=("EWR", "JFK", "(all others)"),
)  # fmt: skip
SLICES = Intervals(
    "roc_auc by slice", "roc_auc",
    (
        Point("all rows", 0.741, 0.735, 0.748, rows=42030, verdict=PASS),
        Point("origin = EWR", 0.705, 0.69, 0.72, rows=15000, limit=0.7, verdict=OPEN),
        Point("origin = JFK", 0.68, 0.66, 0.695, rows=9000, limit=0.7, verdict=FAIL),
    ),
    (Line("demanded of all rows", 0.72),), "higher",
)  # fmt: skip
CHANGES = Intervals(
    "log_loss: challenger less champion", "change of log_loss",
    (Point("all rows", -0.004, -0.007, -0.001, rows=42030, verdict=PASS),),
    (Line("the most that may be lost", 0.005), Line("the champion", 0.0)), "lower",
)  # fmt: skip
RELIABILITY = Calibration(
    "predicted and observed on test",
    tuple(
        Point(f"{100 * (i + 1):,} rows", 0.09 * i, 0.09 * i - 0.03, 0.09 * i + 0.03, at=0.1 * i, rows=100 * (i + 1))
        for i in range(10)
    ),
)
AGES = Curve(
    "roc_auc by age", "age, days", "roc_auc",
    tuple(Point(f"1.{i}.0", 0.75 - i / 100, 0.74 - i / 100, 0.76 - i / 100, at=30.0 * i, rows=900) for i in range(6)),
    (Line("demanded", 0.72),), (Line("maxAge", 90.0),),
)  # fmt: skip
PAIRS = Matrix(
    "correlation of features", ("distance", "hour", "seats"), ((1.0, 0.02, 0.6), (0.02, 1.0, None), (0.6, None, 1.0))
)

DATA = Report(
    "data-tests",
    (
        Check("data.range", "test.hour", PASS, "test.hour lies in 0 … 23", observed=23.0, limit=23.0, rows=2000),
        Check(
            "data.drift", "test.distance", FAIL, "the values of test.distance have moved by D 0.180", observed=0.18,
            limit=0.1, interval=(0.13, 0.23), rows=2000, location=PLACE, fix="find out what changed",
            figures=(NUMBERS,),
        ),
        Check("data.drift", "test.delay", PASS, "the values of test.delay have moved by D 0.010", figures=(CROWDED,)),
        Check(
            "data.drift", "test.origin", OPEN, "the values of test.origin have moved", location=PLACE,
            fix="about 9,000 rows would decide", figures=(NAMES,),
        ),
    ),
    "flight-delays 1.2.0: 2 of 4 checks passed, 1 failed, 1 inconclusive",
    (("data/test", "5e77" * 16),),
)  # fmt: skip
MODEL = Report(
    "model-tests",
    (Check("model.metric", "roc_auc", PASS, "roc_auc on test is 0.741", observed=0.741, interval=(0.735, 0.748)),),
    "flight-delays 1.2.0: 1 of 1 checks passed",
    (("data/test", "5e77" * 16), ("artifact", "a1" * 32)),
    figures=(SLICES, RELIABILITY, AGES, PAIRS),
)
COMPARED = Report(
    "comparison",
    (Check("comparison.metric", "log_loss", PASS, "log_loss fell", observed=-0.004, limit=0.005),),
    "flight-delays 1.2.0: 1 of 1 checks passed",
    (("champion", "c4" * 32),),
    champion="3f2a" * 16,
    figures=(CHANGES,),
)
WHOLE = Results((("flight-delays", DATA), ("flight-delays", MODEL), ("flight-delays", COMPARED)))
PASSED = Results((("flight-delays", MODEL),))
NOTHING = Results((("flight-delays", Report("data-tests", (), "flight-delays 1.2.0: 0 of 0 checks passed")),))

EVIL = (
    "</title></svg><script>alert(1)</script>\x1b[31m\n::error::x @ada \"'`|![x](http://x.test) ]]>\ud800\x00"
    + "w" * 700
)
NAN = float("nan")
HOSTILE = Results(
    (
        (
            "evil",
            Report(
                "data-tests",
                tuple(
                    Check(
                        EVIL,
                        EVIL,
                        verdict,
                        EVIL,
                        observed=NAN,
                        location=Location(EVIL, 1, 1),
                        fix=EVIL,
                        figures=figures,
                    )
                    for verdict in Verdict
                    for figures in (
                        (),
                        (
                            replace(NUMBERS, title=EVIL, note=EVIL, measure=EVIL, moved=Point(EVIL, NAN, NAN, NAN)),
                            replace(NUMBERS, reference=(0, 0, 0, 0, 0, 0)),
                            replace(NUMBERS, edges=(0.0, NAN, 1.0, 2.0, float("inf"))),
                            replace(NUMBERS, edges=(7.0,) * 5, limit=1e300),
                            replace(NAMES, labels=(EVIL, "", "x")),
                            replace(NAMES, labels=("a",)),
                            replace(
                                SLICES,
                                title=EVIL,
                                axis=EVIL,
                                points=(Point(EVIL, 1e308, -1e308, 1e308), *SLICES.points),
                            ),
                            replace(SLICES, points=tuple(Point(EVIL, i, i - 1, NAN, limit=NAN) for i in range(900))),
                            replace(SLICES, points=(), lines=(Line(EVIL, NAN),)),
                            replace(AGES, x=EVIL, y=EVIL, points=(Point(EVIL, 1.0, at=NAN), Point(EVIL, 1.0, at=1.0))),
                            replace(RELIABILITY, axis=EVIL, points=(Point(EVIL, -5.0, at=7.0, rows=0),)),
                            replace(PAIRS, names=(EVIL,) * 3, values=((NAN, 1.0, -1.0),) * 3),
                            replace(PAIRS, values=()),
                        ),
                    )
                ),
                EVIL,
                ((EVIL, "5e77" * 16),),
                champion="3f2a" * 16,
            ),
        ),
    )
)
