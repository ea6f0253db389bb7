"""How each factor is varied between two trainings, and how it is removed: conditions made from conditions.

A *variation* gives a factor another value (another hash seed, another time zone); there are two of each, since one
value may hide what another shows: a set of three names comes in the same order under one hash seed in six.  A *removal*
takes a factor away (a seed for what nobody seeded, a clock that stands still).  Nothing here runs anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from mlops_gitops.reproduction.trainings import Call, Conditions

SEED = 0
"""What the removal of ``generators`` seeds with: the seed of the replaced entropy where there is no other, so that a
run in which nothing is seeded takes the same identifiers."""


@dataclass(frozen=True, slots=True)
class Variation:
    """The values of one factor: in ``control``, in the two variations, and each of them in words.

    ``settings`` are fields of ``Conditions``, ``variables`` are added to its environment.
    """

    words: tuple[str, str, str]
    settings: tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]] = ({}, {}, {})
    variables: tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]] = ({}, {}, {})


def _variables(*values: Mapping[str, str]) -> Variation:
    told = tuple(" ".join(f"{name}={value}" for name, value in one.items()) or "as it is" for one in values)
    return Variation((told[0], told[1], told[2]), variables=(values[0], values[1], values[2]))


def _settings(words: tuple[str, str, str], field: str, *values: Any) -> Variation:
    first, second, third = ({field: value} for value in values)
    return Variation(words, settings=(first, second, third))


_OLD_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
_OLD_NUMPY = "X86_V4 X86_V3 AVX512_SKX AVX512F AVX2 FMA3"
_PLAIN = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": _OLD_NUMPY, "ATEN_CPU_CAPABILITY": "default"}
_START, _LATER, _LAST = "2026-01-15T12:00:00", "2027-08-29T23:15:42", "2031-12-31T04:45:07"

VARIATIONS: Mapping[str, Variation] = MappingProxyType(
    {
        "hash-seed": _variables({"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}),
        "file-order": _settings(
            ("as the folder lists them", "in reverse", "in reverse"), "reverse_listing", False, True, True
        ),
        "clock": _settings((_START, _LATER, _LAST), "clock", _START, _LATER, _LAST),
        "time-zone": _variables({"TZ": "UTC"}, {"TZ": "AAA-14"}, {"TZ": "BBB+11:30"}),
        "locale": _variables({"LC_ALL": "C.UTF-8"}, _OLD_LOCALE, _OLD_LOCALE),
        "user": _settings(("trainer", "somebody", "anyone"), "user", "trainer", "somebody", "anyone"),
        "folder": _settings(("work", "elsewhere", "a-longer-name"), "folder", "work", "elsewhere", "a-longer-name"),
        "threads": _settings(("2 threads", "1 thread", "3 threads"), "threads", 2, 1, 3),
        "cpus": _settings(("all processors", "1 processor", "1 processor"), "cpus", None, 1, 1),
        "cpu-features": _variables({}, _PLAIN, {**_PLAIN, "OPENBLAS_CORETYPE": "Nehalem"}),
    }
)
"""The factors that are varied for every training.  The variables of ``environment`` depend on what a training reads."""

_OURS = re.compile(
    r"^(PYTHON\w*|PATH|TZ|LANG|LANGUAGE|LC_\w+|HOME|USER|LOGNAME|USERNAME|SHELL|PWD|TMPDIR|TMP|TEMP|LD_\w+|FAKETIME\w*"
    r"|\w*_NUM_THREADS|OMP_\w+|KMP_\w+|MKL_\w+|OPENBLAS_\w+|NPY_\w+|ATEN_\w+|XDG_\w+|VIRTUAL_ENV|MLOPS_GITOPS_\w+)$"
)
_IMPORTS = ("import ", "from ")
_QUOTED = re.compile(r"""['"]([A-Za-z_][A-Za-z0-9_]{0,99})['"]""")


_PINNING = {
    "PYTHONHASHSEED": "hash-seed",
    "TZ": "time-zone",
    "LC_ALL": "locale",
    "LANG": "locale",
    "LC_CTYPE": "locale",
    "PYTHONUTF8": "locale",
    "OMP_NUM_THREADS": "threads",
    "OPENBLAS_NUM_THREADS": "threads",
    "MKL_NUM_THREADS": "threads",
    "OPENBLAS_CORETYPE": "cpu-features",
    "NPY_DISABLE_CPU_FEATURES": "cpu-features",
    "ATEN_CPU_CAPABILITY": "cpu-features",
    "MKL_CBWR": "cpu-features",
    "HOME": "user",
    "USER": "user",
}


def free(can: Collection[str], declared: Collection[str]) -> frozenset[str]:
    """Those of the factors ``can`` that no declared environment variable pins."""
    return frozenset(can) - {_PINNING[name] for name in declared if name in _PINNING}


def control(can: Collection[str], base: Conditions) -> Conditions:
    """The conditions that everything is held against: every factor of ``can`` pinned, nothing seeded."""
    return vary(base, can, which=0)


def vary(conditions: Conditions, factors: Iterable[str], *, which: int, variables: Iterable[str] = ()) -> Conditions:
    """The same conditions with those factors at their value ``which``: 0 for the control, 1 or 2 for a variation.

    ``variables`` are the names that the factor ``environment`` sets.
    """
    changed: dict[str, Any] = {}
    environment = dict(conditions.environment)
    for factor in factors:
        if factor == "environment":
            environment |= dict.fromkeys(variables, str(which)) if which else {}
        elif factor in VARIATIONS:
            changed |= VARIATIONS[factor].settings[which]
            environment |= VARIATIONS[factor].variables[which]
    return replace(conditions, environment=environment, **changed)


def words(factor: str, which: int, variables: Iterable[str] = ()) -> str:
    """A value of a factor, as a reader would say it."""
    if factor == "environment":
        names = sorted(variables)
        return " ".join(f"{name}={which}" for name in names) if which else f"without {', '.join(names)}"
    return VARIATIONS[factor].words[which]


def settled(conditions: Conditions, *, clock: bool) -> Conditions:
    """Without chance: what is unseeded seeded, the operating system's randomness replaced, the clock standing still."""
    return replace(conditions, seed=SEED, entropy=True, frozen=clock)


def alone(conditions: Conditions, can: Collection[str]) -> Conditions:
    """One thread on one processor, as far as both can be set, so that there is little to race with."""
    threads = 1 if "threads" in can else conditions.threads
    return replace(conditions, threads=threads, cpus=1 if "cpus" in can else conditions.cpus)


def undeclared(calls: Iterable[Call], declared: Collection[str]) -> tuple[str, ...]:
    """The environment variables that a training reads, less the declared ones and those that other factors set.

    What a library reads while it is imported is its own affair.
    """
    own = [one for one in calls if one.kind == "environment" and not one.place.text.lstrip().startswith(_IMPORTS)]
    read = {name for one in own for name in _QUOTED.findall(one.what)[:1]}
    return tuple(sorted(name for name in read if name not in declared and not _OURS.match(name)))
