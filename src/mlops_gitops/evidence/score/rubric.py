"""The 28 tests of the rubric: what each asks, which signed checks show it, and how to earn it.

This is the one place that says which evidence counts for which test; the page about the score is made of it.  A test
is shown by checks of every group in ``shown_by``; within a group any check that was made stands for it, and all that
were made must have passed.  A test that no check of ours can show is done by hand.
"""

from __future__ import annotations

from mlops_gitops.records import record

Shown = tuple[tuple[str, str], ...]
"""Kinds of evidence with the id of a check; one of them has to be there."""

SECTIONS = {
    "data": "Features and data",
    "model": "Model development",
    "infra": "Infrastructure",
    "monitoring": "Monitoring",
}
BY_HAND = "manual-tests"
"""The kind of evidence in which a person says that a test was done by hand."""
REVIEWED = "reviewed"
CANARY = "canary"
YOUNG = "young"
"""Conditions beside the checks: people other than the author agreed to the commit; the release rolls out in steps; it
is no older than past ones were that had lost little."""


@record
class Criterion:
    """One of the 28; ``automatic`` says how to have it made by a machine, ``by_hand`` what a person looks at."""

    id: str
    title: str
    by_hand: str
    automatic: str = ""
    shown_by: tuple[Shown, ...] = ()
    condition: str = ""

    @property
    def section(self) -> str:
        """The section that it counts for."""
        return self.id.partition("-")[0]


def _data(*ids: str) -> Shown:
    return tuple(("data-tests", one) for one in ids)


def _model(*ids: str) -> Shown:
    return tuple(("model-tests", one) for one in ids)


def _history(*ids: str) -> Shown:
    return tuple(("history-tests", one) for one in ids)


def _infra(*ids: str) -> Shown:
    return tuple(("infra-tests", one) for one in ids)


def _features(*ids: str) -> Shown:
    return tuple(("feature-tests", one) for one in ids)


def _served(*ids: str) -> Shown:
    return tuple(("monitoring", one) for one in ids)


TESTS = (
    Criterion(
        "data-1", "What is expected of the features is written in a schema",
        "compare the statistics of the training data with what was expected of them",
        "declare columns with `type`, `range` or `domain` under `tests.data.columns`",
        (_data("data.type", "data.range", "data.domain"),),
    ),
    Criterion(
        "data-2", "Every feature is of use",
        "train without each feature, or look at its importance, and say which were kept and why",
        "declare `tests.features.minImportance`, which finds what the model does not use",
        (_features("feature.unused"),),
    ),
    Criterion(
        "data-3", "No feature costs more than it brings",
        "weigh what `mlops-gitops test features` measures: time, memory and dependencies beside power",
    ),
    Criterion(
        "data-4", "Features keep to the rules that hold for them",
        "go through the features with the rules on what may be used",
        "declare `tests.leakage.knownAt` and `maxSingleFeaturePower`, or columns that may hold no personal data",
        (_data("data.pii", "leakage.known-at", "leakage.power"),),
    ),
    Criterion(
        "data-5", "The data pipeline guards privacy",
        "check who can read what the pipeline reads and leaves, and that a person's wish to be deleted reaches it",
    ),
    Criterion(
        "data-6", "A new feature can be added quickly",
        "say how long it took from the idea of the last feature to its use in production",
    ),
    Criterion(
        "data-7", "The code of all features is tested",
        "go through the code that makes features, and name the unit tests of each",
        "declare `tests.features.coverage`: the report, the paths and the share of lines",
        (_features("feature.coverage"),),
    ),
    Criterion(
        "model-1", "The specification is reviewed and checked in",
        "name the commit and who reviewed it",
        "release from a clean commit, and have it approved by somebody who did not write it",
        condition=REVIEWED,
    ),
    Criterion(
        "model-2", "The metric offline goes with the one that matters online",
        "compare both over past releases or in an experiment, and say how they go together",
        "declare `tests.model.business`, which holds the metric against that number over past promotions",
        (_history("model.business"),),
    ),
    Criterion(
        "model-3", "All hyperparameters are tuned",
        "say which were searched, over what range, on which data, and what was found",
    ),
    Criterion(
        "model-4", "What staleness costs is known",
        "score older models on the newest labelled data, and say how quality falls with age",
        "declare `tests.model.staleness`, which scores past releases on the newest data",
        (_history("model.staleness"),),
    ),
    Criterion(
        "model-5", "A simpler model is not better",
        "train a simpler model on the same data, and compare",
        "declare `tests.model.simpler` or `tests.model.baseline`",
        (_model("model.baseline", "model.simpler"),),
    ),
    Criterion(
        "model-6", "Quality is sufficient on all important slices of the data",
        "measure the metric on each slice that matters, and look at the worst",
        "declare `slices` with the metric, or `tests.model.slices.find`",
        (_model("model.slice", "model.segments"),),
    ),
    Criterion(
        "model-7", "The model was tested for inclusion",
        "compare error rates between groups of people, and look for what the inputs say about them",
        "declare `tests.model.fairness` with the column of the groups",
        (_model("model.fairness"),),
    ),
    Criterion(
        "infra-1", "Training can be reproduced",
        "train twice and compare the two models",
        "run `mlops-gitops reproduce MODEL --release VERSION --publish`",
        ((("reproduction", "reproduction.level"),),),
    ),
    Criterion(
        "infra-2", "The specification is unit tested",
        "name the unit tests of the training code, with what they would find",
    ),
    Criterion(
        "infra-3", "The whole pipeline is tested in one piece",
        "run it from the data to a served prediction, and say what was looked at",
        "publish a reproduction of the release, and release it with an image that the infra tests start",
        ((("reproduction", "reproduction.level"),), _infra("infra.start"), _infra("infra.parity")),
    ),
    Criterion(
        "infra-4", "Quality is validated before the model is served",
        "compare the model with the last one and with fixed limits",
        "declare metrics with a `threshold` and `maxRegression`; `release` signs what they came to",
        ((*_model("model.metric"), ("comparison", "comparison.metric")),),
    ),
    Criterion(
        "infra-5", "One example can be followed through the model",
        "take one row through every step, and write down what each made of it",
        "declare `tests.model.explainRow`, whose Shapley values have to add up to the prediction",
        (_model("model.explanation"),),
    ),
    Criterion(
        "infra-6", "A canary goes before the model",
        "serve a small share of the requests with it first, and say what was watched",
        "release with an image that the infra tests start, and declare `serving.rollout.strategy: canary`",
        (_infra("infra.start"),),
        condition=CANARY,
    ),
    Criterion(
        "infra-7", "The release before can be had back quickly and safely",
        "roll back once, and say how long it took",
        "release with `--image` where another release runs; the infra tests start that one again",
        (_infra("infra.rollback"),),
    ),
    Criterion(
        "monitoring-1", "A change in a dependency tells its users",
        "name what the model depends on upstream, and how its owners announce changes",
    ),
    Criterion(
        "monitoring-2", "What holds of the training data holds of the inputs that are served",
        "compare served inputs with the schema and the training data",
        "declare `tests.data.drift` or `tests.data.skew` for a sample of what is served",
        ((*_data("data.drift", "data.skew"), *_served("data.drift")),),
    ),
    Criterion(
        "monitoring-3", "Features are the same in training and in serving",
        "compute the features of the same rows both ways, and compare",
        "release with an image that the infra tests start (`release --image`), whose answers are held against the "
        "model's; or declare `tests.data.skew` for a sample of what is served",
        ((*_infra("infra.parity"), *_data("data.skew")),),
    ),
    Criterion(
        "monitoring-4", "The model that runs is not too old",
        "say how old it is, and how old it may become",
        "declare `monitoring.maxAge` and `tests.model.staleness` with `maxLoss`, and release anew before this one is "
        "older than `maxAge`, or than the past ones were that it was held against",
        (_history("model.staleness"),),
        condition=YOUNG,
    ),
    Criterion(
        "monitoring-5", "The model is numerically stable",
        "look for NaN and infinity in weights, inputs and predictions",
        "run the model tests, which look at every prediction",
        (_model("model.finite"),),
    ),
    Criterion(
        "monitoring-6", "Speed, latency, throughput and memory have not become worse",
        "compare them with those of the release before",
        "declare `tests.infra.latency` or `throughput`, and release with `--image`",
        (_infra("infra.latency", "infra.throughput", "infra.memory"),),
    ),
    Criterion(
        "monitoring-7", "The quality of predictions on served data has not become worse",
        "score served rows whose labels have come, and compare with the test data",
        "have a monitor sign `monitoring` evidence with the check model.metric on served rows",
        (_served("model.metric"),),
    ),
)  # fmt: skip
"""In the order of the paper."""

BY_ID = {one.id: one for one in TESTS}

MEANINGS = (
    (0.0, "more of a research project than a system for production"),
    (1.0, "not untested, but serious holes in reliability are possible"),
    (2.0, "a first pass at production; more has to be invested"),
    (3.0, "reasonably tested; more of it could be automatic"),
    (5.0, "strongly tested and monitored, as critical systems are"),
    (7.0, "exceptionally tested and monitored"),
)
"""Up to which score what can be said, after table VI of the paper."""


def meaning(score: float) -> str:
    """What a score stands for."""
    return next(words for most, words in MEANINGS if score <= most)
