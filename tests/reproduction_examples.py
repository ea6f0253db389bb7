"""Reproductions as they come out, for whatever renders or judges them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from mlops_gitops.reproduction.factors import FACTORS
from mlops_gitops.reproduction.levels import (
    Agreement,
    Answer,
    Equivalence,
    FileComparison,
    Level,
    PredictionComparison,
    Rung,
    TensorComparison,
)
from mlops_gitops.reproduction.reproductions import Cause, Experiment, Explanation, Reproduction, Side
from mlops_gitops.reproduction.trainings import Place, Problem, Run, Stage, Trouble

LEFT, RIGHT = "3f2a" * 16, "8c1d" * 16
FACTS = {
    "python": "3.11.9",
    "cpu": "AMD EPYC 7763",
    "threads": "2",
    "package:numpy": "2.3.1",
    "package:scikit-learn": "1.9.0",
    "package:scipy": "1.17.0",
}
HOSTILE = (
    "</code></title><script>alert(1)</script>\r\n::error::x @ada |`[l](http://e.example)\x1b[31m\u202e\x00\uffff'\"&<b>"
)
HOLDS, BROKEN, OPEN = Answer.HOLDS, Answer.BROKEN, Answer.OPEN


def run(name: str, *, digest: str | None = RIGHT, **given: object) -> Run:
    made = Run(
        name=name,
        folder=Path("runs", name),
        log=Path("runs", name, "log"),
        exit_code=0,
        seconds=12.34,
        overhead=0.81,
        started="2026-11-24T06:00:00Z",
        finished="2026-11-24T06:00:12Z",
        artifact=Path("runs", name, "artifact") if digest else None,
        digest=digest,
        facts=FACTS,
        isolation="bubblewrap: own file system, no network, inputs read-only",
    )
    return replace(made, **given)  # type: ignore[arg-type]


def rungs(*answers: tuple[Answer, str]) -> tuple[Rung, ...]:
    above = next((level.value for level, (answer, _) in zip(Level, answers, strict=False) if answer is HOLDS), "")
    rest = [(HOLDS, f"follows from {above}")] * (len(Level) - len(answers))
    return tuple(Rung(level, *one) for level, one in zip(Level, [*answers, *rest], strict=True))


def reproduction(agreement: Agreement | None, **given: object) -> Reproduction:
    second = run("first")
    made = Reproduction(
        model="flight-delays",
        version="1.2.0",
        revision="9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394",
        mode="record",
        demanded=Level.CANONICAL,
        left=Side("record", LEFT),
        right=Side("first", RIGHT, second.facts, second),
        agreement=agreement,
    )
    return replace(made, **given)  # type: ignore[arg-type]


NOISE = (
    FileComparison("MLmodel", "a" * 64, "b" * 64, "mlmodel", canonical=True, noise=("model_uuid", "utc_time_created")),
    FileComparison(
        "model.skops", "a" * 64, "c" * 64, "skops", canonical=True, noise=("times of zip members", "n_jobs")
    ),
    FileComparison("requirements.txt", "d" * 64, "d" * 64, "text"),
)
CHANGED = (
    *NOISE,
    FileComparison(
        "model.pkl", "a" * 64, "e" * 64, "pickle", differs="coef_[0, 7]: 0.25 and 0.2500001", noise=("memo",)
    ),
    FileComparison("extra.json", None, "f" * 64, "json", differs="it is there on one side only"),
)
TENSORS = (
    TensorComparison("coef_", "model.pkl", "float64", (1, 30), 30, 12, 1.2e-13, 3.4e-12, 840, (0, 7)),
    TensorComparison("intercept_", "model.pkl", "float64", (1,), 1, 0),
)
OUTSIDE = (
    *TENSORS,
    TensorComparison("w3", "model.pkl", "float32", (100, 8), 800, 799, 0.31, 2.5, 9_000_001, (99, 7), within=False),
    TensorComparison("classes_", "model.pkl", "int64", (3,), 3, 3, within=False, problem="shape (3,) and shape (2,)"),
)
COUNTS = (2, 5, 9, 30, 160, 2400, 3900, 2300, 140, 41, 8, 4, 1)
SETTINGS = {"absolute": 1e-12, "relative": 1e-9, "predictions": 0.03, "churn": 0.02}
SMALL = PredictionComparison(
    "probe", 9000, 0, 0.0297, tuple(-0.0325 + 0.005 * i for i in range(len(COUNTS) + 1)), COUNTS
)
FLIPPED = replace(SMALL, changed=228, largest=0.0324, examples=(3, 17, 99))
SEEDS = (
    Equivalence("auc", 0.912, (0.911, 0.9125, 0.9118, 0.913, 0.9121), 0.0001, (-0.0006, 0.0008), 0.005, 0.97, 4, HOLDS),
    Equivalence("log-loss", 0.31, (0.312, 0.309, 0.318, 0.305, 0.311), 0.001, (-0.004, 0.0061), 0.005, 0.41, 14, OPEN),
)

BITWISE = reproduction(
    Agreement(LEFT, LEFT, rungs((HOLDS, "all 3 files have the same bytes"))), left=Side("record", LEFT),
    right=Side("first", LEFT, FACTS, run("first", digest=LEFT)), release="3f2a" * 16,
)  # fmt: skip
CANONICAL = reproduction(
    Agreement(
        LEFT,
        RIGHT,
        rungs(
            (BROKEN, "MLmodel, model.skops differ"),
            (HOLDS, "the same without model_uuid, utc_time_created, times of zip members and 1 more"),
        ),
        NOISE,
    )
)
NUMERIC = reproduction(
    Agreement(
        LEFT,
        RIGHT,
        rungs(
            (BROKEN, "model.pkl differs"),
            (BROKEN, "model.pkl differs beyond known noise: coef_[0, 7]: 0.25 and 0.2500001"),
            (
                HOLDS,
                "every tensor is within the tolerance (largest 1.2e-13), and none of 9,000 decisions changed",
            ),
        ),
        CHANGED[:4],
        TENSORS,
        (SMALL,),
        settings=SETTINGS,
    ),
    demanded=Level.NUMERIC,
)
STATISTICAL = reproduction(
    Agreement(
        LEFT,
        RIGHT,
        rungs(
            (BROKEN, "model.pkl differs"),
            (BROKEN, "model.pkl differs beyond known noise: coef_[0, 7]: 0.25 and 0.2500001"),
            (BROKEN, "w3 differs by 0.31 at [99, 7] (9,000,001 ULP)"),
            (OPEN, "log-loss may have moved by -0.004 to +0.0061, margin 0.005; 14 seeds would do"),
        ),
        CHANGED[:4],
        OUTSIDE,
        (FLIPPED,),
        (0.012, 0.016, 0.011, 0.019, 0.014),
        SEEDS,
        SETTINGS,
    ),
    demanded=Level.STATISTICAL,
)


def _staged(name: str, digit: str, *, threads: str) -> Run:
    where = Place("models/flight-delays/train.py", 31, "    rows = set(frame.columns)")
    stages = (
        Stage("raw-data#1", "1" * 64, "1" * 64, "pandas.read_csv"),
        Stage("features#1", digit * 64, "2" * 64, "numpy.asarray", where),
        Stage("fitted#1", digit * 64, digit * 64, "LogisticRegression.fit"),
    )
    return run(name, digest=digit * 64, stages=stages, facts={**FACTS, "threads": threads})


CAUSE = Cause(
    "hash-seed",
    "features#1",
    "the order of a set of text decides the order of the features",
    'sorted(...) around the set; or spec.training.environment: {PYTHONHASHSEED: "0"}',
    Place("models/flight-delays/train.py", 31, "    rows = set(frame.columns)"),
    certain=True,
)
FIRST, SECOND = _staged("first", "5", threads="2"), _staged("second", "6", threads="4")
DIFFERENT = reproduction(
    Agreement(
        "5" * 64,
        "6" * 64,
        rungs(
            (BROKEN, "model.pkl, extra.json differ"),
            (BROKEN, "model.pkl differs beyond known noise: coef_[0, 7]: 0.25 and 0.2500001, and 1 more"),
            (BROKEN, "classes_ differs shape (3,) and shape (2,); 2 of 4 tensors are outside"),
            (OPEN, "not asked for: no churn and no margins are stated"),
        ),
        CHANGED,
        OUTSIDE,
        (FLIPPED,),
        settings=SETTINGS,
    ),
    mode="twice",
    left=Side("first", FIRST.digest, FIRST.facts, FIRST),
    right=Side("second", SECOND.digest, SECOND.facts, SECOND),
    explanation=Explanation(
        (
            Experiment("control", "as it is", "as it is", None, "features#1"),
            Experiment("hash-seed", "PYTHONHASHSEED=0", "PYTHONHASHSEED=1", None, "features#1"),
            Experiment("threads", "one thread", "two threads", Level.BITWISE),
            Experiment("cpu-features", "Haswell", "SkylakeX", None, problem="this machine cannot emulate another"),
        ),
        (CAUSE,),
        "One factor makes the trainings differ: Python's hash seed; 9 others do not",
    ),
)
CRASHED = reproduction(
    None,
    right=Side("first", None, FACTS, run("first", digest=None, exit_code=1)),
    problems=(
        Problem(
            Trouble.CRASHED,
            "the training ended with exit code 1: FileNotFoundError: data/train.csv",
            "read the log; the training must run from its manifest alone",
            fatal=True,
            place=Place("models/flight-delays/train.py", 12, "frame = read()"),
        ),
        Problem(Trouble.NETWORK, "the training asked for example.com:443", "declare what is fetched as data"),
    ),
)
_NASTY = run(HOSTILE, isolation=HOSTILE, started=HOSTILE, facts={HOSTILE: HOSTILE, "python": HOSTILE})
_NASTY = replace(
    _NASTY,
    log=Path("runs", HOSTILE.replace("/", "").replace("\x00", "")),
    stages=(Stage(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Place(HOSTILE, 1, HOSTILE)),),
)
HOSTILES = Reproduction(
    HOSTILE,
    HOSTILE,
    HOSTILE,
    "twice",
    Level.NUMERIC,
    Side(HOSTILE, HOSTILE, {HOSTILE: "1"}, _NASTY),
    Side(HOSTILE, HOSTILE, {HOSTILE: "2"}, _NASTY),
    Agreement(
        HOSTILE,
        HOSTILE,
        tuple(Rung(level, BROKEN, HOSTILE * 40) for level in Level),
        tuple(FileComparison(f"{HOSTILE}{i}", HOSTILE, None, HOSTILE, False, (HOSTILE,), HOSTILE) for i in range(300)),
        tuple(
            TensorComparison(f"{HOSTILE}{i}", HOSTILE, HOSTILE, (2,), 2, 2, math.inf, math.nan, 1, (1,), False, HOSTILE)
            for i in range(300)
        ),
        (PredictionComparison(HOSTILE, 0, 0, math.nan, (0.0, math.inf), (1,)),),
        (math.nan,),
        (Equivalence(HOSTILE, math.nan, (math.nan,), math.nan, (math.nan, math.inf), 0.0, math.nan, None, BROKEN),),
        {HOSTILE: math.nan, "absolute": math.nan},
    ),
    tuple(Problem(one, HOSTILE * 20, HOSTILE * 20, place=Place(HOSTILE, 1, HOSTILE)) for one in Trouble),
    Explanation(
        (Experiment(HOSTILE, HOSTILE, HOSTILE, None, HOSTILE, HOSTILE), Experiment(HOSTILE, "", "", None, HOSTILE)),
        tuple(Cause(name, HOSTILE, HOSTILE, HOSTILE, Place(HOSTILE, 1, HOSTILE)) for name in [*FACTORS, HOSTILE]),
        HOSTILE,
    ),
    HOSTILE,
)

ALL = {
    "bitwise": BITWISE,
    "canonical": CANONICAL,
    "numeric": NUMERIC,
    "statistical": STATISTICAL,
    "different": DIFFERENT,
    "crashed": CRASHED,
    "hostile": HOSTILES,
}
