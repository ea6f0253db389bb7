"""Find what makes two trainings of one model differ: whole groups of factors first, then one after the other.

Two runs under the same control tell whether chance is in it: a generator that nobody seeded, the clock, a race.  These
are *removed*, all at once and then left out one by one.  Everything else is *varied*, all at once and then by halves.

What this promises: a factor is called a cause only where varying it, or no longer removing it, changed the result below
what is demanded, twice, while the same training without that change agreed with itself.  A training that agrees with
itself when everything is varied at once costs four runs, and nothing is blamed.  Lines that were only read give a cause
its place and not its name, with one exception that says so (``certain`` is false): a race that no removal stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from mlops_gitops.reproduction import causes, variations
from mlops_gitops.reproduction.causes import Evidence
from mlops_gitops.reproduction.experiments import Bench, Result
from mlops_gitops.reproduction.factors import FACTORS
from mlops_gitops.reproduction.levels import Agreement, Level
from mlops_gitops.reproduction.reproductions import Cause, Explanation
from mlops_gitops.reproduction.trainings import Call, Conditions, Run, Trainer

NATURAL = Conditions()
"""A training as it runs when nothing is asked of it."""


@dataclass(frozen=True, slots=True)
class _Base:
    """Conditions under which the training agrees with itself, and a run of it; no run where there are none.

    ``raced`` is the pair that differed until there was one thread on one processor.
    """

    conditions: Conditions
    run: Run | None
    raced: Result | None = None
    left: Result | None = None


def explain(
    trainer: Trainer,
    *,
    compare: Callable[[Run, Run], Agreement],
    demanded: Level,
    suspects: Sequence[Call],
    first: Run,
    second: Run,
    can: frozenset[str],
    progress: Callable[[str], None],
    declared: Collection[str] = (),
    base: Conditions = NATURAL,
) -> Explanation:
    """Order more runs until it is known what makes ``first`` and ``second`` differ.

    ``can`` are the factors that ``trainer`` can control.  ``declared`` are the names of the declared environment
    variables; what they pin is not varied.  ``suspects`` are lines that a static look finds; they only give places.
    ``base`` are the conditions that all runs share.  Raises what ``trainer`` raises.
    """
    can = variations.free(can, declared)
    bench = Bench(trainer, compare, demanded, progress)
    control = variations.control(can, base)
    one, other = bench.train("control", control), bench.train("control", control)
    same = bench.hold(one, other)
    bench.note(["control"], lambda _: ("control", "the same again"), same)
    if same.same is None:
        return Explanation(tuple(bench.made), (), f"nothing can be said: {same.problem}")
    variables = variations.undeclared([*one.calls, *other.calls], declared) if "environment" in can else ()
    plan = _Plan(bench, can, variables, [*one.calls, *other.calls])
    if same.same and not plan.anything(control, one):
        found = causes.from_facts(first, second) if bench.hold(first, second).differs else []
        return _told(bench, found, suspects)
    calm = _base(bench, control, can)
    if calm.run is None:
        return _told(bench, causes.unexplained(calm.left or same, suspects), suspects)
    evidence = [] if same.same else plan.chance(calm, same)
    return _told(bench, plan.varied(calm, evidence), suspects)


def _base(bench: Bench, control: Conditions, can: Collection[str]) -> _Base:
    """Take chance away until the training agrees with itself; a race goes last, with all but one thread."""
    name, calm = "settled", variations.settled(control, clock="clock" in can)
    pair = _thrice(bench, name, calm)
    if pair.same is None and calm.frozen:  # it waits for the clock to move
        name, calm = "settled-moving", replace(calm, frozen=False)
        pair = _thrice(bench, name, calm)
    if not pair.differs:
        return _Base(calm, pair.left if pair.same else None, left=pair)
    apart = _thrice(bench, "settled-alone", variations.alone(calm, can))
    if apart.same:
        return _Base(variations.alone(calm, can), apart.left, raced=pair)
    return _Base(calm, None, left=pair)


def _thrice(bench: Bench, name: str, conditions: Conditions) -> Result:
    """Three runs under the same conditions, the first held against each of the others: the worse of the two."""
    runs = [bench.train(name, conditions)]
    if runs[0].usable:
        runs += [bench.train(name, conditions) for _ in range(2)]
    results = [bench.hold(runs[0], later) for later in runs[1:] or runs]
    worst = next((one for one in results if not one.same), results[0])
    bench.note([name], lambda _: ("chance taken away", "the same again"), worst)
    return worst


@dataclass(slots=True)
class _Plan:
    """What to try next."""

    bench: Bench
    can: frozenset[str]
    variables: tuple[str, ...]
    calls: Sequence[Call]

    @property
    def factors(self) -> list[str]:
        """What can be varied, in the order in which it is told."""
        varied = [name for name in variations.VARIATIONS if name in self.can]
        return [*varied, "environment"] if self.variables else varied

    def anything(self, control: Conditions, run: Run) -> bool:
        """Whether anything changes when everything is varied at once, in two ways.  What crashes counts as change."""
        return any(self._try(control, run, self.factors, which).same is not True for which in (1, 2))

    def chance(self, base: _Base, same: Result) -> list[Evidence]:
        """Which of the removals are needed: leave each out.  A race is what one thread on one processor removed."""
        found = []
        if base.raced is not None:
            found.append(Evidence("race", base.raced, self.calls))
        calm = base.conditions
        entropy = self._left_out("entropy", base, replace(calm, entropy=False))
        seeded = replace(calm, seed=None, entropy=entropy is not None)
        generators = self._left_out("generators", base, seeded)
        clock = self._left_out("clock", base, replace(calm, frozen=False)) if calm.frozen else None
        found += [one for one in (generators, entropy, clock) if one]
        return found or causes.unexplained(same, ())

    def varied(self, base: _Base, found: list[Evidence]) -> list[Evidence]:
        """And which of the variations change something: by halves, to one set of values and then to another."""
        factors = [one for one in self.factors if base.raced is None or one not in {"threads", "cpus"}]
        found = list(found)
        for which in (1, 2):
            known = {one.factor for one in found}
            found += self._search(base, [one for one in factors if one not in known], which)
        return [one for one in found if one.factor != "cpus" or not self._through_threads(base, found)]

    def _through_threads(self, base: _Base, found: list[Evidence]) -> bool:
        """Whether the number of processors matters only as the number of threads: not where there is one anyway."""
        if all(one.factor != "threads" for one in found):
            return False
        single = replace(base.conditions, threads=1)
        return bool(self._try(single, self.bench.train("threads", single), ["cpus"], 1).same)

    def _search(self, base: _Base, factors: list[str], which: int) -> list[Evidence]:
        if not factors or base.run is None:
            return []
        result = self._try(base.conditions, base.run, factors, which)
        if result.same:
            return []
        if len(factors) == 1:
            return self._confirmed(base, factors[0], which, result) if result.differs else []
        half = len(factors) // 2
        return [*self._search(base, factors[:half], which), *self._search(base, factors[half:], which)]

    def _confirmed(self, base: _Base, factor: str, which: int, result: Result) -> list[Evidence]:
        """Again, between another two runs of the base: what differs from itself under the factor is a race."""
        assert base.run is not None  # noqa: S101 - for the type checker; the caller has looked
        if not self.bench.hold(base.run, self.bench.train("settled", base.conditions)).same:
            return []
        again = self._try(base.conditions, base.run, [factor], which, note=False)
        if not again.differs:
            return []
        if self.bench.hold(result.right, again.right).same:
            return [Evidence(factor, result, self.calls)]
        return [Evidence("race", result, self.calls)] if factor in {"threads", "cpus"} else []

    def _try(self, control: Conditions, run: Run, factors: list[str], which: int, *, note: bool = True) -> Result:
        name = factors[0] if len(factors) == 1 else f"{len(factors)}-factors"
        changed = variations.vary(control, factors, which=which, variables=self.variables)
        result = self.bench.hold(run, self.bench.train(name, changed))
        if note and (result.same or len(factors) == 1):
            self.bench.note(factors, lambda one: self._values(one, which), result)
        return result

    def _values(self, factor: str, which: int) -> tuple[str, str]:
        return variations.words(factor, 0, self.variables), variations.words(factor, which, self.variables)

    def _left_out(self, factor: str, base: _Base, conditions: Conditions) -> Evidence | None:
        if base.run is None or (factor == "clock" and "clock" not in self.can):
            return None
        results = [self.bench.hold(base.run, self.bench.train(factor, conditions))]
        if results[0].differs:
            results.append(self.bench.hold(base.run, self.bench.train(factor, conditions)))
        self.bench.note([factor], lambda _: causes.REMOVED[factor], results[0])
        return Evidence(factor, results[0], self.calls) if all(one.differs for one in results) else None


def _told(bench: Bench, found: Sequence[Evidence], suspects: Sequence[Call]) -> Explanation:
    named = tuple(causes.cause(one, suspects) for one in found)
    return Explanation(tuple(bench.made), named, _summary(bench, named))


def _summary(bench: Bench, found: Sequence[Cause]) -> str:
    runs = sum(bench.runs.values())
    if found:
        return f"{' and '.join(FACTORS[one.factor].title for one in found)}: found in {runs} runs"
    failed = sorted({one.factor for one in bench.made if one.problem})
    if failed:
        return f"no cause was found in {runs} runs; the training does not run when these vary: {', '.join(failed)}"
    if all(one.level is not None and one.level.meets(bench.yardstick) for one in bench.made):
        return f"nothing that was tried changes the result, in {runs} runs"
    return f"no cause was found in {runs} runs"
