"""MG655 and MG656: can the looks that a policy counts be taken, and is there anything to count."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, text

LEAST_SHARE = 1e-4
"""The smallest chance that a comparison by resampling can show (``testing/champions/paired.py``: 9,999 draws)."""


def _gates(line: str) -> str:
    return f"spec:\n  gates:\n    - {{evidence: model-tests}}\n    - {line}\n"


NOT_A_COMPARISON = Rule(
    "MG655",
    "holdout-without-comparison",
    ERROR,
    "Looks at data are counted, or an anchor is named, by a gate that compares nothing.",
    "write `holdout` and `anchor` under the gate with `evidence: comparison`",
    "Only a comparison with the champion takes looks and knows an anchor; elsewhere the words do nothing.",
    "spec:\n  gates:\n    - {evidence: data-tests, holdout: {looks: 20}}\n",
    _gates("{evidence: comparison, holdout: {looks: 20}}"),
    "Environment",
)
TOO_MANY_LOOKS = Rule(
    "MG656",
    "share-of-a-look-too-small",
    ERROR,
    "So many looks share the chance that none can pass.",
    "allow fewer looks, and provide fresh data more often",
    "A comparison by resampling shows no chance below 1 in 10,000; a look that has to be surer never passes.",
    _gates("{evidence: comparison, holdout: {alpha: 0.01, looks: 1000}}"),
    _gates("{evidence: comparison, holdout: {alpha: 0.05, looks: 50}}"),
    "Environment",
)

RULES = (NOT_A_COMPARISON, TOO_MANY_LOOKS)


def check(subject: Subject) -> Iterator[Problem]:
    """Every problem of the gates that count looks."""
    for index, one in entries(mapping(subject.value, "spec"), "gates"):
        at: Pointer = ("spec", "gates", index)
        for key in ("holdout", "anchor"):
            if key in one and text(one, "evidence") != "comparison":
                yield NOT_A_COMPARISON.on((*at, key), f"the evidence is {text(one, 'evidence')}, and no comparison")
        holdout = mapping(one, "holdout")
        looks, alpha = number(holdout, "looks"), number(holdout, "alpha")
        share = (0.05 if alpha is None else alpha) / looks if looks else None
        if share is not None and 0 < share < LEAST_SHARE:
            yield TOO_MANY_LOOKS.on((*at, "holdout", "looks"), f"each look would have a chance of {share:.2g}")
