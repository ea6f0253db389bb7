"""Champion and challenger on the same rows: may the one replace the other.

A metric **passes** when the whole 95 % interval of the paired difference lies above its floor: within ``maxRegression``
of the champion (non-inferiority), or beyond it by ``minImprovement`` (superiority).  It **fails** when less than that
is shown, or when the challenger is shown to be worse and its estimated loss is larger than the margin, and is
**inconclusive** between, with the power of these rows and how many would do.  A slice, which has fewer rows, guards
against harm: it fails when a loss beyond the margin is shown there, the chance of any false alarm among all slices kept
at 5 % (Holm).  An **anchor** is a release of long ago that the same is asked of, with ``maxCumulativeRegression``, so
that many small losses do not add up unseen.  What cannot be compared never passes.  Pure functions of ``Evaluation``
records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric as Demand
from mlops_gitops.manifests.metrics import Slice
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import estimates, wording
from mlops_gitops.testing.champions import paired
from mlops_gitops.testing.champions.paired import Gain, Pairing, Proportions
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import Evaluation, Part, chosen, parts

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2
FALSE_ALARM = 0.05
ENOUGH = 0.8
"""A slice that shows harm with this chance says no more of it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models on one file, row by row: the same labels, from the same file, in the same blocks."""

    champion: Evaluation
    challenger: Evaluation

    def samples(self) -> tuple[Sample, Sample]:
        """Champion first."""
        return self.champion.sample, self.challenger.sample


@dataclass(frozen=True, slots=True)
class Against:
    """What a candidate is held against: the pairs by data set, and the metrics that bind it besides its own.

    ``version`` names the anchor; ``None`` means the champion.
    """

    pairs: Mapping[str, Pair]
    demanded: tuple[Demand, ...] = ()
    version: str | None = None

    @property
    def kind(self) -> str:
        """The id of the checks."""
        return "comparison.metric" if self.version is None else "comparison.anchor"


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric's check, and the one-sided chance of such rows if the candidate were only at its floor.

    ``question`` is what was asked: of which metric, against whom, and how much has to be shown.
    """

    check: Check
    dataset: str
    chance: float
    question: str


def chances(found: Iterable[Compared]) -> dict[str, float]:
    """The chance of a false pass on each data set: all of its metrics have to pass, so that the largest counts."""
    largest: dict[str, float] = {}
    for one in found:
        largest[one.dataset] = max(one.chance, largest.get(one.dataset, 0.0))
    return largest


def questions(found: Iterable[Compared]) -> dict[str, list[str]]:
    """What was asked of each data set, in the order of the manifest."""
    asked: dict[str, list[str]] = {}
    for one in found:
        asked.setdefault(one.dataset, []).append(one.question)
    return asked


def compared(model: Model, against: Against, *, locate: Locate) -> Iterator[Compared]:
    """Every metric that declares a margin.

    One that ``against.demanded`` guards must be declared here too, and the stricter of the two counts, so that a change
    cannot lower its own bar.
    """
    bound = _bound(against)
    for index, demand in enumerate(model.metrics):
        floor = _floor((demand, bound.pop((demand.name, demand.dataset), None)), against)
        if floor is not None:
            place = locate(("spec", "metrics", index, floor.field))
            check, chance = _metric(demand, model.task, floor, against, place)
            asked = f"{against.kind} {demand.name} {floor.field} {floor.gain!r}"
            yield Compared(check, demand.dataset, chance, asked)
    for name, dataset in bound:
        message = f"{name} on {dataset} is guarded by the champion's manifest and is missing from this one"
        place, fix = locate(("spec", "metrics")), f"declare {name} on {dataset} with its margin again"
        check = Check(against.kind, name, Verdict.FAIL, message, location=place, fix=fix)
        yield Compared(check, dataset, 1.0, f"{against.kind} {name}")


def _bound(against: Against) -> dict[tuple[str, str], Demand]:
    """The metrics of the other release's manifest that guard it, by name and data set."""
    guards = [one for one in against.demanded if _floor((one,), against) is not None]
    return {(one.name, one.dataset): one for one in guards}


@dataclass(frozen=True, slots=True)
class _Floor:
    """The least gain that has to be shown, more being better, and the field of the manifest that says so."""

    gain: float
    field: str

    @property
    def superiority(self) -> bool:
        return self.field == "minImprovement"

    def reached(self, gain: Gain) -> bool:
        """A gain of nothing at all is no loss, and no improvement."""
        lower, _ = gain.interval(CONFIDENCE)
        return lower > self.gain if self.superiority else lower >= self.gain

    def missed(self, gain: Gain) -> bool:
        _, upper = gain.interval(CONFIDENCE)
        worse = not self.superiority and upper < 0 and gain.value < self.gain
        return upper < self.gain or worse

    def words(self, metric: Metric) -> str:
        if self.gain == 0:
            return "any improvement has to be shown" if self.superiority else "no loss is allowed"
        change = wording.signed(self.gain if metric.higher_is_better else -self.gain)
        return f"at least {change} has to be shown" if self.superiority else f"at most {change} is allowed"


def _margin(demand: Demand, against: Against) -> float | None:
    """The largest loss that passes: against the champion, or all in all since the anchor."""
    if against.version is not None and demand.max_cumulative_regression is not None:
        return demand.max_cumulative_regression
    return demand.max_regression


def _floor(demands: Iterable[Demand | None], against: Against) -> _Floor | None:
    """The strictest that any of some demands on one metric asks for."""
    asked = [one for one in demands if one is not None]
    gains = [one.min_improvement for one in asked if one.min_improvement is not None]
    if gains and against.version is None:
        return _Floor(max(gains), "minImprovement")
    margins = [margin for one in asked if (margin := _margin(one, against)) is not None]
    if not margins:
        return None
    cumulative = against.version is not None and asked[0].max_cumulative_regression is not None
    return _Floor(-min(margins), "maxCumulativeRegression" if cumulative else "maxRegression")


def _metric(demand: Demand, task: str, floor: _Floor, against: Against, place: Location) -> tuple[Check, float]:
    metric, subject, pair = METRICS.get(demand.name), demand.name, against.pairs.get(demand.dataset)
    if metric is None or task not in metric.tasks or pair is None:
        why = "there are no usable predictions of both models" if pair is None else f"the task is {task}"
        message = f"{demand.name} on {demand.dataset} cannot be compared: {why}"
        fix = "make both models answer on the same rows"
        return Check(against.kind, subject, Verdict.FAIL, message, location=place, fix=fix), 1.0
    try:
        found = paired.compared(metric, *pair.samples())
    except Unmeasurable as reason:
        message = f"{demand.name} on {demand.dataset} cannot be compared: {reason}"
        fix = "provide rows that can answer; nothing was judged"
        return Check(against.kind, subject, Verdict.INCONCLUSIVE, message, location=place, fix=fix), 1.0
    since = "" if against.version is None else f"since {against.version} "
    words = f"{since}{_words(metric, found, demand.name, pair)}; {floor.words(metric)}"
    base = _check(metric, found.gain, floor, Check(against.kind, subject, Verdict.PASS, words, location=place))
    return _judged(base, found.gain, floor), _chance(found.gain, floor)


def _chance(gain: Gain, floor: _Floor) -> float:
    """How likely such rows are if no more than the floor were true; two models that answer alike lose nothing."""
    if gain.error == 0 and gain.value == floor.gain == 0:
        return 1.0 if floor.superiority else 0.0
    chance = gain.chance(floor.gain)
    return chance if 0 <= chance <= 1 else 1.0  # NaN shows nothing


def _words(metric: Metric, found: Pairing, name: str, pair: Pair) -> str:
    change = found.gain.value if metric.higher_is_better else -found.gain.value
    verb = "stayed at" if change == 0 else "rose from" if change > 0 else "fell from"
    between = wording.score(found.before)
    if change != 0:
        between += f" to {wording.score(found.after)}"
    lower, upper = _interval(metric, found.gain)
    interval = f"95 % interval {wording.signed(lower)} to {wording.signed(upper)}"
    p = ""
    if isinstance(found.gain, Proportions):
        p = f", exact McNemar {_likely(found.gain.mcnemar)}"
    return f"{name} {verb} {between} ({wording.signed(change)}, {interval}{p}; {pair.champion.sample.assumed})"


def _interval(metric: Metric, gain: Gain) -> tuple[float, float]:
    """That of the metric as it is, whichever way is better."""
    lower, upper = gain.interval(CONFIDENCE)
    return (lower, upper) if metric.higher_is_better else (-upper, -lower)


def _check(metric: Metric, gain: Gain, floor: _Floor, told: Check) -> Check:
    """What is told, with the numbers that it rests on."""
    sign = 1 if metric.higher_is_better else -1
    observed, limit = sign * gain.value, sign * floor.gain
    return replace(told, observed=observed, limit=limit, interval=_interval(metric, gain), rows=gain.rows)


def _judged(base: Check, gain: Gain, floor: _Floor) -> Check:
    if floor.reached(gain):
        shown = gain.interval(CONFIDENCE)[0] > 0 and base.id == "comparison.metric"
        return replace(base, message=f"{base.message}{': better than the champion beyond noise' if shown else ''}")
    if floor.missed(gain):
        return replace(base, verdict=Verdict.FAIL, fix="keep the champion, or improve the challenger")
    message = f"{base.message}, and the interval reaches beyond it; {_more_rows(gain, floor)}"
    return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="compare on more rows")


def _more_rows(gain: Gain, floor: _Floor) -> str:
    """The power of these rows and how many would do: if the gain is as found, or the two models are in truth equal."""
    truth = gain.value if floor.superiority else 0.0
    needed = paired.rows_needed(gain, floor.gain, truth, tail=TAIL)
    if gain.error == 0:
        return f"about {wording.rows(needed)} like these would" if needed else "no number of rows shows that"
    if needed is None:
        return "no number of rows shows that" if floor.superiority else "no number of rows shows that of equal models"
    chance = wording.percent(round(paired.power(gain, floor.gain, truth, tail=TAIL), 2))
    who = "a gain like this" if floor.superiority else "an equal model"
    if needed <= gain.rows:
        return f"{wording.rows(gain.rows)} would pass {who} with {chance}, and cannot tell of this one"
    return f"about {wording.rows(needed)} would tell {who} with 80 %, the {gain.rows:,} here do with {chance}"


def slices(model: Model, against: Against, *, locate: Locate) -> Iterator[Check]:
    """Every slice of every metric that declares a margin, judged together; one that the champion has must be there."""
    found: list[_Seen] = []
    parted: dict[tuple[str, Slice], list[Part]] = {}
    bound = _bound(against)
    for index, demand in enumerate(model.metrics):
        strict = bound.get((demand.name, demand.dataset))
        margin = _margin_of_slices([one for one in (demand, strict) if one is not None])
        if margin is None:
            continue
        place = locate(("spec", "metrics", index, "maxRegression"))
        metric, pair = METRICS.get(demand.name), against.pairs.get(demand.dataset)
        if metric is not None and model.task in metric.tasks and pair is not None:
            guarded = replace(demand, slices=tuple(_as_fine(demand.slices, strict)))
            found += _slices(_Guard(guarded, metric, pair, _Floor(-margin, "maxRegression"), place), parted)
        here = {one.column for one in demand.slices}
        found += [
            _Seen(_dropped(demand, one.column, place))
            for one in (strict.slices if strict else ())
            if one.column not in here
        ]
    yield from _with_holm(found)


def _margin_of_slices(demands: Sequence[Demand]) -> float | None:
    """The smallest loss that is allowed in a slice; none at all where only an improvement is demanded."""
    margins = [one.max_regression for one in demands if one.max_regression is not None]
    improved = any(one.min_improvement is not None for one in demands)
    return min(margins, default=0.0 if improved else None)


def _as_fine(slices: Iterable[Slice], strict: Demand | None) -> Iterator[Slice]:
    """The slices, parted no more coarsely than the champion's: what is judged together hides harm in a part of it."""
    finest = {one.column: one.min_rows for one in (strict.slices if strict else ())}
    for one in slices:
        yield replace(one, min_rows=min(one.min_rows, finest.get(one.column, one.min_rows)))


def _dropped(demand: Demand, column: str, place: Location) -> Check:
    message = f"{demand.name} by {column} is guarded by the champion's manifest and is missing from this one"
    fix = f"declare the slices by {column} again"
    return Check("comparison.slice", column, Verdict.FAIL, message, location=place, fix=fix)


class _Seen(NamedTuple):
    """A slice with the one-sided p-value of "the loss is within the margin", and what its rows could have shown.

    ``p`` is 1 where nothing can be said.
    """

    check: Check
    p: float = 1.0
    could: str = ""


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is guarded in every slice of a metric, and where the manifest says so."""

    demand: Demand
    metric: Metric
    pair: Pair
    floor: _Floor
    place: Location


def _slices(guard: _Guard, parted: dict[tuple[str, Slice], list[Part]]) -> Iterator[_Seen]:
    """Each slice.  ``parted`` keeps the parts of each column, which several metrics share."""
    demand, place = guard.demand, guard.place
    for wanted in demand.slices:
        raw = guard.pair.challenger.columns.get(wanted.column)
        if raw is None:
            message = f"{demand.dataset} cannot be sliced by {wanted.column}: it has no such column"
            fix = "name a column that the data have"
            yield _Seen(Check("comparison.slice", wanted.column, Verdict.FAIL, message, location=place, fix=fix))
            continue
        key = (demand.dataset, wanted)
        if key not in parted:
            parted[key] = parts(raw, wanted)
        for part in parted[key]:
            yield _slice(guard, part, wanted.min_rows, among=len(parted[key]))


def _slice(guard: _Guard, part: Part, least: int, *, among: int) -> _Seen:
    pair, metric = guard.pair, guard.metric
    subject, name = f"{guard.demand.name}[{part.name}]", f"{guard.demand.name} where {part.name}"
    told = Check("comparison.slice", subject, Verdict.INCONCLUSIVE, "", location=guard.place)
    if len(part.rows) < least:
        why = f"{wording.rows(len(part.rows))} are fewer than `minRows`"
        return _Seen(replace(told, message=f"{name} cannot be compared: {why}", fix="provide rows that can answer"))
    before, after = (chosen(sample, part.rows) for sample in pair.samples())
    try:
        found = paired.compared(metric, before, after, resample=False)
    except Unmeasurable as reason:
        return _Seen(replace(told, message=f"{name} cannot be compared: {reason}", fix="provide rows that can answer"))
    words = f"{_words(metric, found, name, pair)}; {guard.floor.words(metric)}"
    check = _check(metric, found.gain, guard.floor, replace(told, verdict=Verdict.PASS, message=words))
    could = _harm_would_show(found.gain, -guard.floor.gain, among=among)
    return _Seen(check, found.gain.harm(guard.floor.gain), could)


def _harm_would_show(gain: Gain, margin: float, *, among: int) -> str:
    """What a slice is worth: with which chance its rows show twice the allowed loss, where that is not likely."""
    tail = FALSE_ALARM / among
    chance = paired.power(gain, 0.0, margin, tail=tail) if margin > 0 else 1.0
    needed = paired.rows_needed(gain, 0.0, margin, tail=tail)
    if chance >= ENOUGH or needed is None:
        return ""
    percent = wording.percent(round(chance, 2))
    return f" (twice as large a loss would show here with {percent}, on about {wording.rows(needed)} with 80 %)"


def _likely(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"  # noqa: PLR2004 - what people write


def _with_holm(found: Sequence[_Seen]) -> Iterator[Check]:
    adjusted = estimates.holm([one.p for one in found])
    for (check, _, could), p in zip(found, adjusted, strict=True):
        if check.verdict is not Verdict.PASS:
            yield check
        elif p < FALSE_ALARM:
            message = f"{check.message}; the loss is shown to be larger ({_likely(p)} after Holm)"
            fix = "keep the champion, or find what the challenger does worse there"
            yield replace(check, verdict=Verdict.FAIL, message=message, fix=fix)
        else:
            yield replace(check, message=f"{check.message}{could}, and no larger loss is shown")
