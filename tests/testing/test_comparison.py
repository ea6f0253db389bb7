from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from cancer import FEATURES, Project, bad, find, one, save
from mlops_gitops import canonical
from mlops_gitops.evidence import holdouts, statements
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.metrics import Metric, Slice, Threshold
from mlops_gitops.testing.champions import paired
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predict, Predictions
from mlops_gitops.testing.suite import Champion, compare

Make = Callable[..., Project]
Answer = Callable[[pd.DataFrame], np.ndarray]
MINUS = "\N{MINUS SIGN}"


def pair(champion: Answer | str, challenger: Answer | str) -> Predict:
    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        answers = {"champion": champion, "challenger": challenger}
        found: list[Predictions | Failed] = []
        for job in jobs:
            answer = answers[job.artifact.digest]
            found.append(
                Failed(answer)
                if isinstance(answer, str)
                else Predictions(np.asarray(answer(pd.read_parquet(job.data))), "probability", "0" * 64)
            )
        return found

    return predict


def compared(made: Project, predict: Predict, *, metrics: tuple[Metric, ...] = ()) -> Report:
    champion = Champion("f" * 64, Artifact(made.folder, "sklearn-pickle", "champion"), FEATURES, metrics)
    artifact = Artifact(made.folder, "sklearn-pickle", "challenger")
    found = compare(
        made.model, folder=made.folder, locate=made.locate, artifact=artifact, champion=champion, predict=predict
    )
    for check in found.checks:
        assert canonical.encode(check.document())
    assert found.champion == "f" * 64
    return found


def noisy(strength: float, noise: float = 0.0, *, rows: int = 1) -> Answer:
    """Scores that share most of their noise, as two models of the same features do."""

    def answer(frame: pd.DataFrame) -> np.ndarray:
        shared, own = np.random.default_rng(1), np.random.default_rng(2 + rows)
        raw = strength * (frame["benign"].to_numpy() - 0.5) + shared.normal(size=len(frame))
        return 1 / (1 + np.exp(-(raw + noise * own.normal(size=len(frame)))))

    return answer


@pytest.fixture
def large(project: Make, records: tuple[pd.DataFrame, pd.DataFrame]) -> Make:
    """The test rows forty times over, told apart by their number."""
    big = pd.concat([records[1]] * 40, ignore_index=True)

    def make(change: Callable[[dict[str, Any]], object] | None = None) -> Project:
        return project(change, test=big)

    return make


def test_a_worse_challenger_is_refused_with_the_number_and_the_line(large: Make) -> None:
    made = large()
    check = one(compared(made, pair(noisy(2), noisy(1.6, 0.5))), "comparison.metric")
    assert check.verdict is Verdict.FAIL
    pattern = (
        rf"roc_auc fell from 0\.\d{{3}} to 0\.\d{{3}} \({MINUS}0\.\d{{3}}, 95 % interval "
        rf"{MINUS}0\.\d{{3}} to {MINUS}0\.\d{{3}}; rows are taken as independent\); at most {MINUS}0\.020 is allowed"
    )
    assert re.fullmatch(pattern, check.message), check.message
    assert made.line(check.location) == "maxRegression: 0.02"


def test_a_better_one_and_an_equal_one_pass(large: Make) -> None:
    better = one(compared(large(), pair(noisy(1.6, 0.5), noisy(2))), "comparison.metric")
    assert better.verdict is Verdict.PASS
    assert better.message.endswith("better than the champion beyond noise")
    same = one(compared(large(), pair(noisy(2), noisy(2))), "comparison.metric")
    assert same.verdict is Verdict.PASS
    assert same.message.startswith("roc_auc stayed at ")


def test_few_rows_cannot_tell_and_say_how_many_would(project: Make) -> None:
    made = project(lambda spec: spec["metrics"][0].update(maxRegression=0.005))
    check = one(compared(made, pair(noisy(2), noisy(2, 0.1, rows=4))), "comparison.metric")
    assert check.verdict is Verdict.INCONCLUSIVE, check.message
    assert "the interval reaches beyond it" in check.message


def test_a_real_pair_of_models(project: Make, trained: BaseEstimator, predict: Predict, records: Any) -> None:
    made = project()
    worse = LogisticRegression().fit(records[0][["mean symmetry"]], records[0]["benign"])
    mine = save(worse, made.folder / "artifact" / "worse.pkl")
    theirs = save(trained, made.folder / "artifact" / "model.pkl")
    narrow = project(lambda spec: spec["interface"].update(inputs=spec["interface"]["inputs"][2:3]))
    found = compare(
        narrow.model,
        folder=narrow.folder,
        locate=narrow.locate,
        artifact=mine,
        champion=Champion("a" * 64, theirs, FEATURES),
        predict=predict,
    )
    assert bad(found) == {"comparison.metric roc_auc": Verdict.FAIL}
    assert {name for name, _ in found.materials} == {"data/test", "artifact", "predictions/test", "champion"}


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "brier", "f1", "precision", "recall"])
def test_each_metric_can_be_compared(large: Make, name: str) -> None:
    metric = {"name": name, "dataset": "test", "threshold": {"min": 0}, "maxRegression": 0.01}
    made = large(lambda spec: spec.update(metrics=[metric]))
    worse = one(compared(made, pair(noisy(2.5), noisy(1.0, 1.0))), "comparison.metric")
    better = one(compared(made, pair(noisy(1.0, 1.0), noisy(2.5))), "comparison.metric")
    assert (worse.verdict, better.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert ("rose" if name in {"log_loss", "brier"} else "fell") in worse.message
    assert ("McNemar" in worse.message) is (name in {"accuracy", "recall"})


def sliced(spec: dict[str, Any]) -> None:
    spec["metrics"][0]["slices"] = [{"column": "site", "minRows": 200, "threshold": {"min": 0.5}}]


def test_harm_in_one_slice_is_found_although_the_whole_is_better(large: Make) -> None:
    def harmful(frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["site"] == "west", noisy(1, 1)(frame), noisy(4)(frame))

    found = compared(large(sliced), pair(noisy(2), harmful))
    assert bad(found) == {"comparison.slice roc_auc[site = west]": Verdict.FAIL}
    said = one(found, "comparison.slice", "roc_auc[site = west]").message
    assert ("after Holm" in said, "would show" in said) == (True, False), "a loss that is shown says nothing of power"
    assert len(find(found, "comparison.slice")) == 3


def test_equal_models_are_rarely_said_to_harm_a_slice() -> None:
    from mlops_gitops.testing.champions import comparison, paired
    from mlops_gitops.testing.models.metrics import METRICS, Sample

    rng, alarms = np.random.default_rng(9), 0
    for _ in range(150):
        found = []
        for _slice in range(10):
            labels = (rng.random(200) < 0.4).astype(float)
            shared = rng.normal(size=200) + labels
            before, after = (Sample(labels, shared + 0.5 * rng.normal(size=200), "score") for _ in range(2))
            gain = paired.compared(METRICS["roc_auc"], before, after, resample=False).gain
            check = comparison.Check("comparison.slice", "s", Verdict.PASS, "")
            found.append(comparison._Seen(check, gain.harm(0.0)))
        alarms += any(check.verdict is Verdict.FAIL for check in comparison._with_holm(found))
    assert alarms / 150 <= 0.10


def test_what_cannot_be_compared_never_passes(large: Make) -> None:
    broken = compared(large(), pair(noisy(2), "the model raised ValueError: x"))
    assert broken.verdict is Verdict.FAIL
    asleep = compared(large(), pair("the model gave no answer within 9 seconds and was stopped", noisy(2)))
    assert asleep.verdict is Verdict.FAIL
    assert one(asleep, "comparison.champion").verdict is Verdict.INCONCLUSIVE
    silent = compared(large(lambda spec: spec["metrics"][0].pop("maxRegression")), pair(noisy(2), noisy(2)))
    assert silent.verdict is Verdict.INCONCLUSIVE
    assert "no metric declares `maxRegression`" in one(silent, "comparison.metric").message


def test_a_change_cannot_lower_its_own_bar(large: Make) -> None:
    predict = pair(noisy(2), noisy(1.6, 0.5))
    lax = large(lambda spec: spec["metrics"][0].update(maxRegression=0.5))
    strict = Metric("roc_auc", "test", Threshold(), max_regression=0.01)
    assert compared(lax, predict).verdict is Verdict.PASS
    assert compared(lax, predict, metrics=(strict,)).verdict is Verdict.FAIL
    other = Metric("brier", "test", Threshold(), max_regression=0.01)
    dropped = one(compared(lax, predict, metrics=(other,)), "comparison.metric", "brier")
    assert dropped.verdict is Verdict.FAIL


def test_an_improvement_that_is_demanded_has_to_be_shown(large: Make) -> None:
    def improving(by: float) -> Callable[[dict[str, Any]], object]:
        def change(spec: dict[str, Any]) -> None:
            spec["metrics"][0].pop("maxRegression")
            spec["metrics"][0]["minImprovement"] = by

        return change

    better, same = pair(noisy(1.6, 0.5), noisy(2)), pair(noisy(2), noisy(2))
    assert compared(large(improving(0.0)), better).verdict is Verdict.PASS
    check = one(compared(large(improving(0.0)), same), "comparison.metric")
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "any improvement has to be shown" in check.message
    far = one(compared(large(improving(0.5)), better), "comparison.metric")
    assert (far.verdict, "at least +0.500 has to be shown" in far.message) == (Verdict.FAIL, True)


def test_few_rows_say_their_power_and_how_many_would_do(project: Make) -> None:
    made = project(lambda spec: spec["metrics"][0].update(maxRegression=0.005))
    check = one(compared(made, pair(noisy(2), noisy(2, 0.1, rows=4))), "comparison.metric")
    assert re.search(
        r"about [\d,]+ rows would tell an equal model with 80 %, the 285 here do with \d+ %", check.message
    ), check.message


def test_a_slice_that_the_champion_guards_cannot_be_dropped(large: Make) -> None:
    guarded = Metric("roc_auc", "test", Threshold(), max_regression=0.1, slices=(Slice("site", Threshold()),))
    found = compared(large(), pair(noisy(2), noisy(2)), metrics=(guarded,))
    assert bad(found) == {"comparison.slice site": Verdict.FAIL}
    assert bad(compared(large(sliced), pair(noisy(2), noisy(2)), metrics=(guarded,))) == {}


def test_a_slice_that_the_champion_guards_cannot_be_hidden_among_others(large: Make) -> None:
    """With more rows wanted than the smallest value has, it would be judged together with the next."""
    guarded = Metric("roc_auc", "test", Threshold(), max_regression=0.1, slices=(Slice("site", Threshold(), 200),))

    def coarse(spec: dict[str, Any]) -> None:
        spec["metrics"][0]["slices"] = [{"column": "site", "minRows": 5000, "threshold": {"min": 0.5}}]

    def parts(*metrics: Metric) -> set[str]:
        found = compared(large(coarse), pair(noisy(2), noisy(2)), metrics=metrics)
        return {check.subject for check in find(found, "comparison.slice")}

    assert len(parts()) < 3
    assert len(parts(guarded)) == 3


def test_an_improvement_that_the_champion_demands_cannot_be_dropped(large: Make) -> None:
    demanding = Metric("roc_auc", "test", Threshold(), min_improvement=0.01)
    lax = large(lambda spec: spec["metrics"][0].update(maxRegression=0.5))
    same = pair(noisy(2), noisy(2))
    assert compared(lax, same).verdict is Verdict.PASS
    check = one(compared(lax, same, metrics=(demanding,)), "comparison.metric")
    assert check.verdict is Verdict.FAIL
    assert "at least +0.010 has to be shown" in check.message
    other = Metric("brier", "test", Threshold(), min_improvement=0.01)
    assert one(compared(lax, same, metrics=(other,)), "comparison.metric", "brier").verdict is Verdict.FAIL


def test_models_that_are_right_on_the_same_rows_say_how_many_rows_would_do(project: Make) -> None:
    metric = {"name": "accuracy", "dataset": "test", "threshold": {"min": 0}, "maxRegression": 0.0005}
    check = one(
        compared(project(lambda spec: spec.update(metrics=[metric])), pair(noisy(2), noisy(2))), "comparison.metric"
    )
    assert check.verdict is Verdict.INCONCLUSIVE
    said = re.search(r"; about ([\d,]+) rows like these would", check.message)
    assert said is not None, check.message
    rows = int(said[1].replace(",", ""))
    wrong = round(rows * (1 - (check.observed or 0)) * 0.2)
    assert paired.Proportions(rows - wrong, 0, 0, wrong).interval(0.95)[0] >= -0.0006
    assert rows > 285


def test_another_question_or_another_answer_is_another_look(large: Make) -> None:
    def asked(margin: float, answers: str) -> str:
        def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
            digests = {"champion": "0" * 64, "challenger": answers * 64}
            return [
                Predictions(
                    np.asarray(noisy(2)(pd.read_parquet(job.data))), "probability", digests[job.artifact.digest]
                )
                for job in jobs
            ]

        found = compared(large(lambda spec: spec["metrics"][0].update(maxRegression=margin)), predict)
        (look,) = holdouts.looks(statements.of_report(found, release="f" * 64, issued_at=datetime.now(UTC)))
        assert look.asked is not None
        return look.asked

    assert asked(0.02, "a") == asked(0.02, "a")
    assert len({asked(0.02, "a"), asked(0.02, "b"), asked(0.03, "a")}) == 3


def test_small_losses_that_add_up_are_seen_against_the_anchor(large: Make) -> None:
    """Each step is within its margin; all of them together are not."""
    answers: dict[str, Answer] = {"anchor": noisy(2), "champion": noisy(1.75), "challenger": noisy(1.55)}

    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        return [
            Predictions(np.asarray(answers[job.artifact.digest](pd.read_parquet(job.data))), "probability", "0" * 64)
            for job in jobs
        ]

    made = large(lambda spec: spec["metrics"][0].update(maxRegression=0.05, maxCumulativeRegression=0.055))
    champion, anchor = (
        Champion(name * 64, Artifact(made.folder, "sklearn-pickle", word), FEATURES, (), version)
        for name, word, version in (("f", "champion", "1.4.0"), ("a", "anchor", "1.0.0"))
    )
    mine = Artifact(made.folder, "sklearn-pickle", "challenger")

    def held(anchor: Champion | None) -> Report:
        return compare(
            made.model, folder=made.folder, locate=made.locate, artifact=mine, champion=champion, predict=predict,
            anchor=anchor,
        )  # fmt: skip

    assert held(None).verdict is Verdict.PASS
    found = held(anchor)
    check = one(found, "comparison.anchor")
    assert check.verdict is Verdict.FAIL
    assert check.message.startswith("since 1.0.0 roc_auc fell from ")
    assert made.line(check.location) == "maxCumulativeRegression: 0.055"
    assert found.details["anchor"] == "a" * 64
    (look,) = found.details["looks"]  # type: ignore[misc,union-attr]
    assert look["chance"] > 0.9, "the whole comparison is as sure as its worst part"  # type: ignore[index,call-overload,operator]


def test_rows_of_one_entity_are_judged_together(large: Make) -> None:
    def alike(strength: float, seed: int) -> Answer:
        """The same answer for each copy of a row."""
        noise = np.random.default_rng(1).normal(size=1000) + 0.5 * np.random.default_rng(seed).normal(size=1000)

        def answer(frame: pd.DataFrame) -> np.ndarray:
            raw = strength * (frame["benign"].to_numpy() - 0.5) + noise[frame["id"].to_numpy()]
            return 1 / (1 + np.exp(-raw))

        return answer

    predict = pair(alike(2, 2), alike(1.9, 3))
    plain = one(compared(large(), predict), "comparison.metric")
    made = large(lambda spec: spec["data"][1].update(entityColumn="id"))
    check = one(compared(made, predict), "comparison.metric")
    assert "rows of one id are one block)" in check.message
    assert "; rows are taken as independent)" in plain.message
    assert check.interval is not None
    assert plain.interval is not None
    assert check.interval[1] - check.interval[0] > 3 * (plain.interval[1] - plain.interval[0]), "forty copies of each"
    lost = large(lambda spec: spec["data"][1].update(entityColumn="gone"))
    found = compared(lost, predict)
    assert one(found, "model.blocks").verdict is Verdict.FAIL
    assert found.verdict is Verdict.FAIL
