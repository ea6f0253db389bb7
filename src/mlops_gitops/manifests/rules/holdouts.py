"""MG655, MG656 and MG685: can looks that a policy counts be taken, is there anything to count, and on which data."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, text

LEAST_SHARE = 1e-4
"""The smallest chance that a comparison by resampling can show (``testing/champions/paired.py``: 9,999 draws)."""
_FILE = "6b86b273ff34fce1" * 4


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
    _gates(f"{{evidence: comparison, holdout: {{looks: 20, data: [{_FILE}]}}}}"),
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
    _gates(f"{{evidence: comparison, holdout: {{alpha: 0.05, looks: 50, data: [{_FILE}]}}}}"),
    "Environment",
)

NO_DATA_NAMED = Rule(
    "MG685",
    "looks-at-any-data",
    WARNING,
    "Looks are counted, and the policy does not say at which data.",
    "name the SHA-256 of the files that judge releases under `holdout.data`; `mlops-gitops history MODEL --looks` "
    "shows those in use",
    "Whoever trains may then bring data of their own: easier rows, or the same with one more. Every comparison of a "
    "model counts for that reason, so that fresh data do not begin anew, but a model under another name does.",
    _gates("{evidence: comparison, holdout: {looks: 20}}"),
    _gates(f"{{evidence: comparison, holdout: {{looks: 20, data: [{_FILE}]}}}}"),
    "Environment",
)

RULES = (NOT_A_COMPARISON, TOO_MANY_LOOKS, NO_DATA_NAMED)


def check(subject: Subject) -> Iterator[Problem]:
    """Every problem of the gates that count looks."""
    for index, one in entries(mapping(subject.value, "spec"), "gates"):
        at: Pointer = ("spec", "gates", index)
        for key in ("holdout", "anchor"):
            if key in one and text(one, "evidence") != "comparison":
                yield NOT_A_COMPARISON.on((*at, key), f"the evidence is {text(one, 'evidence')}, and no comparison")
        holdout = mapping(one, "holdout")
        if holdout and "data" not in holdout:
            yield NO_DATA_NAMED.on((*at, "holdout"), "any file counts, as the policy names none")
        looks, alpha = number(holdout, "looks"), number(holdout, "alpha")
        share = (0.05 if alpha is None else alpha) / looks if looks else None
        if share is not None and 0 < share < LEAST_SHARE:
            yield TOO_MANY_LOOKS.on((*at, "holdout", "looks"), f"each look would have a chance of {share:.2g}")
