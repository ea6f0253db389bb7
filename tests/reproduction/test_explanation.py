from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reproduction_simulation as simulation
from mlops_gitops.reproduction import causes, variations
from mlops_gitops.reproduction.explanation import explain
from mlops_gitops.reproduction.factors import FACTORS
from mlops_gitops.reproduction.levels import Level
from mlops_gitops.reproduction.reproductions import Explanation
from mlops_gitops.reproduction.trainings import Call, Conditions, Order, Place

READS_DEPTH = Call("environment", "os.environ.get('DEPTH')", Place("train.py", 4))
STAGES = st.sampled_from(simulation.STAGES)


def explained(
    training: simulation.Simulated,
    *,
    suspects: Sequence[Call] = (),
    can: frozenset[str] = simulation.EVERYTHING,
    demanded: Level = Level.CANONICAL,
    declared: Sequence[str] = (),
) -> Explanation:
    first, second = training.train(Order("first")), training.train(Order("second"))
    training.orders.clear()
    return explain(
        training,
        compare=simulation.by_digest,
        demanded=demanded,
        suspects=suspects,
        first=first,
        second=second,
        can=can,
        progress=lambda _: None,
        declared=declared,
    )


@given(st.dictionaries(st.sampled_from(sorted(simulation.VARIED | {"environment", "clock"})), STAGES, max_size=4))
def test_what_varies_is_named_exactly(planted: dict[str, str]) -> None:
    found = explained(simulation.Simulated(planted, calls=[READS_DEPTH]))
    assert {one.factor for one in found.causes} == set(planted)


@given(
    st.dictionaries(st.sampled_from(["generators", "entropy", "clock"]), STAGES, max_size=2),
    st.dictionaries(st.sampled_from(sorted(simulation.VARIED)), STAGES, max_size=2),
)
def test_chance_does_not_hide_what_varies(chance: dict[str, str], planted: dict[str, str]) -> None:
    found = explained(simulation.Simulated(chance | planted))
    assert {one.factor for one in found.causes} == set(chance) | set(planted)


@given(STAGES, st.dictionaries(st.sampled_from(["generators", "entropy", "clock", "time-zone"]), STAGES, max_size=2))
def test_a_race_is_what_one_thread_removes(stage: str, others: dict[str, str]) -> None:
    found = explained(simulation.Simulated({"race": stage, **others}))
    assert {one.factor for one in found.causes} == {"race", *others}


@given(st.sampled_from(sorted(simulation.EVERYTHING - {"environment"})), STAGES)
def test_the_stage_is_the_first_that_differs(factor: str, stage: str) -> None:
    (cause,) = explained(simulation.Simulated({factor: stage})).causes
    assert (cause.factor, cause.stage) == (factor, stage)
    assert cause.fix


def test_a_deterministic_training_costs_four_runs_and_nothing_is_blamed() -> None:
    training = simulation.Simulated(calls=[Call("clock", "time.time()", Place("train.py", 1)), READS_DEPTH])
    found = explained(training, suspects=[Call("race", "as_completed(...)", Place("train.py", 3))])
    assert found.causes == ()
    assert len(training.orders) == 4
    assert found.summary == "nothing that was tried changes the result, in 4 runs"


def test_a_value_that_hides_a_dependence_is_not_the_only_one_tried() -> None:
    hidden = simulation.Simulated(
        {"hash-seed": "features#1", "time-zone": "features#1"}, hidden=frozenset({"hash-seed"})
    )
    assert {one.factor for one in explained(hidden).causes} == {"hash-seed", "time-zone"}


def test_what_the_manifest_pins_or_the_machine_cannot_vary_is_not_varied() -> None:
    training = simulation.Simulated({"time-zone": "features#1"})
    assert explained(training, can=simulation.EVERYTHING - {"time-zone"}).causes == ()
    assert all("TZ" not in one.conditions.environment for one in training.orders)


def test_a_declared_variable_is_not_varied() -> None:
    training = simulation.Simulated({"environment": "fitted#1"}, calls=[READS_DEPTH])
    assert [one.factor for one in explained(training).causes] == ["environment"]
    assert explained(training, declared=["DEPTH"]).causes == ()


def test_what_a_declared_variable_pins_is_not_varied() -> None:
    training = simulation.Simulated({"hash-seed": "features#1", "threads": "fitted#1"})
    assert explained(training, declared=["PYTHONHASHSEED", "OMP_NUM_THREADS"]).causes == ()


def test_a_crash_under_a_variation_is_told_and_blamed_on_nothing() -> None:
    found = explained(simulation.Simulated(crashes=frozenset({"user"})))
    assert found.causes == ()
    assert found.summary.endswith("the training does not run when these vary: user")
    (failed,) = {one.factor for one in found.experiments if one.problem}
    assert failed == "user"


def test_a_training_that_waits_for_the_clock_is_settled_with_a_running_one() -> None:
    found = explained(simulation.Simulated({"generators": "fitted#1"}, waits=True))
    assert [one.factor for one in found.causes] == ["generators"]


def test_a_training_that_never_runs_is_explained_by_its_problem() -> None:
    never = simulation.Simulated({"clock": "fitted#1"}, crashes=frozenset({"time-zone"}))
    assert explained(never).summary == "nothing can be said: training ended with exit code 1"


def test_chance_that_nothing_removes_has_no_cause_unless_the_code_shows_a_race() -> None:
    pid = simulation.Simulated({"race": "fitted#1"})
    nothing = explained(pid, can=simulation.EVERYTHING - {"threads", "cpus"})
    assert nothing.causes == ()
    assert nothing.summary.startswith("no cause was found")
    shown = Call("race", "concurrent.futures.as_completed(...)", Place("train.py", 12))
    (cause,) = explained(pid, can=simulation.EVERYTHING - {"threads", "cpus"}, suspects=[shown]).causes
    assert (cause.factor, cause.certain, str(cause.place)) == ("race", False, "train.py:12")
    assert cause.fix.startswith("executor.map(...)")


def test_the_line_is_the_call_seen_just_before_the_first_stage_that_differs() -> None:
    calls = [Call("generator", f"numpy.random.default_rng() #{line}", Place("train.py", line)) for line in (4, 14, 55)]
    (cause,) = explained(simulation.Simulated({"generators": "features#1"}, calls=calls)).causes
    assert (str(cause.place), cause.certain) == ("train.py:14", True)
    assert cause.fix == "numpy.random.default_rng(0)"
    assert "numpy.random.default_rng() #14 at train.py:14" in cause.message


def test_a_line_that_was_only_read_is_not_certain() -> None:
    suspect = Call("set-order", "for name in set(...)", Place("train.py", 7))
    (cause,) = explained(simulation.Simulated({"hash-seed": "features#1"}), suspects=[suspect]).causes
    assert (str(cause.place), cause.certain) == ("train.py:7", False)


def test_a_difference_below_the_demanded_level_is_none() -> None:
    training = simulation.Simulated({"clock": "artifact#1"})
    assert explained(training, demanded=Level.BITWISE).causes != ()


@pytest.mark.parametrize("factor", sorted(variations.VARIATIONS))
def test_every_variation_leaves_the_control(factor: str) -> None:
    control = variations.control(variations.VARIATIONS, Conditions())
    for which in (1, 2):
        assert variations.vary(control, [factor], which=which) != control
    assert variations.vary(control, [factor], which=0) == control


def test_everything_that_can_be_blamed_has_a_title_a_fix_and_words() -> None:
    assert set(causes.KINDS) == set(FACTORS)
    assert all(one.fix and one.title for one in FACTORS.values())


def test_variables_that_other_factors_set_are_not_varied_as_environment() -> None:
    calls = [Call("environment", f"os.environ[{name!r}]", Place("t.py", 1)) for name in ("TZ", "HOME", "DEPTH")]
    assert variations.undeclared(calls, ()) == ("DEPTH",)
    assert variations.vary(Conditions(), ["environment"], which=1, variables=("DEPTH",)).environment == {"DEPTH": "1"}


class Threaded(simulation.Simulated):
    """As BLAS does: never more threads than there are processors."""

    def _value(self, factor: str, conditions: Conditions) -> object:
        if factor == "threads":
            return min(conditions.threads or 2, conditions.cpus or 2)
        return super()._value(factor, conditions)


def test_processors_that_matter_only_as_threads_are_not_named_beside_them() -> None:
    assert {one.factor for one in explained(Threaded({"threads": "fitted#1"})).causes} == {"threads"}
    both = Threaded({"threads": "fitted#1", "cpus": "features#1"})
    assert {one.factor for one in explained(both).causes} == {"threads", "cpus"}
