"""A factor that was found to matter, as a sentence: what happens, at which stage, on which line, and what to set.

The line is the call that was seen at work just before the first stage that differs; where no call of that kind was
seen, a line that a static look suspects, and then the cause is not certain of its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_gitops.reproduction.experiments import Difference, Result, difference
from mlops_gitops.reproduction.factors import fix
from mlops_gitops.reproduction.reproductions import Cause
from mlops_gitops.reproduction.trainings import STAGES, Call, Run, Trouble


@dataclass(frozen=True, slots=True)
class Evidence:
    """A factor, two runs that it made differ, and the calls that were traced.  ``seen``: by experiment."""

    factor: str
    result: Result
    calls: Sequence[Call] = ()
    seen: bool = True
    detail: str = ""


REMOVED = {
    "generators": ("every generator seeded", "as the training leaves them"),
    "entropy": ("the system's randomness replaced", "as the system gives it"),
    "clock": ("the clock stands still", "the clock runs"),
}
"""What leaving out a removal compares, in words."""

_HAPPENS = {
    "generators": "it draws from a random generator that nobody seeded",
    "entropy": "it takes randomness from the operating system",
    "clock": "it uses the time of day",
    "hash-seed": "it depends on the order of a set, or on hash(), which Python's hash seed decides",
    "file-order": "it depends on the order in which a folder lists its files",
    "threads": "its sums depend on the number of threads",
    "race": "it takes results in the order in which threads or processes happen to finish",
    "cpus": "it depends on the number of processors",
    "cpu-features": "its arithmetic depends on the instruction set of the processor",
    "time-zone": "it depends on the time zone",
    "locale": "it depends on the locale, by which Python chooses encodings and programs sort",
    "user": "it depends on the name of the user or the home folder",
    "folder": "it depends on where it is run",
    "environment": "it reads an environment variable that the manifest does not declare",
    "row-order": "it gets the same rows in another order",
    "network": "it asks a server",
    "dependencies": "the packages of the two runs differ",
}

KINDS = {
    "generators": ("generator",),
    "entropy": ("entropy",),
    "clock": ("clock",),
    "hash-seed": ("hash", "set-order"),
    "file-order": ("listing",),
    "threads": ("threads",),
    "race": ("race", "threads"),
    "cpus": ("cpus",),
    "cpu-features": (),
    "time-zone": ("time-zone", "clock"),
    "locale": ("locale", "encoding"),
    "user": ("user", "environment"),
    "folder": ("folder",),
    "environment": ("environment",),
    "row-order": ("race", "listing"),
    "network": ("network",),
    "dependencies": (),
}
"""The kinds of calls that a factor works through, the likeliest first."""


def cause(evidence: Evidence, suspects: Sequence[Call]) -> Cause:
    """The cause, in words."""
    result = evidence.result
    parted = result.difference
    traced = [*evidence.calls, *result.left.calls, *result.right.calls]
    seen = call_of(evidence.factor, traced, parted)
    found = seen or call_of(evidence.factor, suspects, parted)
    place = found.place if found else None
    what = f": {found.what} at {place}" if found else ""
    message = f"{_HAPPENS[evidence.factor]}{evidence.detail}{what}; {_where(parted)}"
    return Cause(
        factor=evidence.factor,
        stage=parted.stage.name if parted.stage else None,
        message=message,
        fix=fix(evidence.factor, found.what if found else ""),
        place=place,
        certain=seen is not None and evidence.seen,
    )


def call_of(factor: str, calls: Iterable[Call], parted: Difference) -> Call | None:
    """The call through which a factor most likely came in: the last one before the first stage that differs."""
    every = [one for one in calls if not imports(one)]
    for kind in KINDS[factor]:
        some = [one for one in every if one.kind == kind]
        if some:
            return min(some, key=lambda one: _distance(one, parted))
    return None


def imports(call: Call) -> bool:
    """Whether the line only imports: then the call is a library's own, made while it is loaded."""
    return call.place.text.strip().startswith(("import ", "from "))


def _distance(call: Call, parted: Difference) -> tuple[int, int]:
    """Smaller is likelier: between the last equal stage and the first unequal one, then before it, then elsewhere."""
    end = parted.stage.place if parted.stage else None
    if end is None or call.place.file != end.file:
        return (2, call.place.line if end is None else 0)
    if call.place.line > end.line:
        return (3, call.place.line)
    start = parted.before.place if parted.before else None
    inside = start is None or start.file != end.file or start.line >= end.line or call.place.line >= start.line
    return (0 if inside else 1, end.line - call.place.line)


def unexplained(result: Result, suspects: Iterable[Call]) -> list[Evidence]:
    """What to say of chance that nothing removes: a race that the code shows, or rows in another order."""
    if any(one.kind == "race" for one in suspects):
        return [Evidence("race", result, seen=False)]
    return [Evidence("row-order", result)] if result.difference.reordered else []


def from_facts(first: Run, second: Run) -> list[Evidence]:
    """What the two runs at the start tell of themselves, where no experiment makes a difference."""
    result = Result(first, second, None, same=False, difference=difference(first, second))
    found = []
    facts = sorted({*first.facts, *second.facts})
    packages = [one for one in facts if one.startswith("package:") and first.facts.get(one) != second.facts.get(one)]
    if packages:
        told = ", ".join(
            f"{one.removeprefix('package:')} {first.facts.get(one, 'missing')} and {second.facts.get(one, 'missing')}"
            for one in packages[:3]
        )
        found.append(Evidence("dependencies", result, seen=False, detail=f" ({told})"))
    elif any(one.trouble is Trouble.OFF_THE_LOCK for one in (*first.problems, *second.problems)):
        found.append(Evidence("dependencies", result, seen=False))
    if any(one.trouble is Trouble.NETWORK for one in (*first.problems, *second.problems)):
        found.append(Evidence("network", result, seen=False))
    return found


def _where(parted: Difference) -> str:
    if parted.stage is None:
        return "no stage before the artifact shows it"
    kind, _, number = parted.stage.name.partition("#")
    title = STAGES.get(kind, kind) + (f" ({number})" if number not in {"", "1"} else "")
    if parted.reordered:
        return f"{title} come in another order" if title.endswith("s") else f"{title} comes in another order"
    return f"the first to differ: {title}"
