"""Rules across columns: how many rows break each, counted in the same pass as everything else.

A rule may be null for a row: a value is missing, a conversion or a sum is not possible.  Such a row does not break
the rule unless the manifest says so; a rule that is null for every row says nothing, and is inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.row_tests import RowRule
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import TESTED, DataFile
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.engines.expressions import Forbidden, confined_all


def wanted(rules: tuple[RowRule, ...], dataset: str) -> Wanted:
    """What to count in one data set."""
    mine = tuple(rule for rule in rules if concerns(rule, dataset))
    return Wanted(asks=(Rules(mine),)) if mine else Wanted()


def ruled(model: Model, file: DataFile) -> bool:
    """Whether any rule can be for this data set: all are tested but those that only rules name."""
    named = {one for rule in model.tests.data.rules for one in rule.datasets}
    return file.dataset.role in TESTED or file.dataset.name in named


def concerns(rule: RowRule, dataset: str) -> bool:
    """Whether the rule is for this data set."""
    return not rule.datasets or dataset in rule.datasets


@dataclass(frozen=True, slots=True)
class Rules:
    """What to count for some rules."""

    rules: tuple[RowRule, ...]

    def __call__(self, stored: Mapping[str, str], /) -> Mapping[str, str]:
        """The rows that break each rule, and those for which it is null."""
        found: dict[str, str] = {}
        texts = confined_all([rule.expression for rule in self.rules], stored)
        for rule, text in zip(self.rules, texts, strict=True):
            if isinstance(text, str):  # what is forbidden is said by its check
                found[f"rule {rule.name} broken"] = f"NOT {text}"
                found[f"rule {rule.name} null"] = f"{text} IS NULL"
        return found

    @property
    def told(self) -> JSON:
        """Their names and expressions."""
        rules: list[JSON] = [[rule.name, rule.expression] for rule in self.rules]
        return ["rules", *rules]


def checks(
    rules: tuple[RowRule, ...], *, dataset: str, scan: Scan, locate: Locate, everywhere: bool
) -> Iterator[Check]:
    """One check for each rule that is for this data set; ``everywhere``: rules that name no data set are, too."""
    for index, rule in enumerate(rules):
        if concerns(rule, dataset) and (rule.datasets or everywhere):
            yield _check(rule, index, dataset, scan, locate)


def _check(rule: RowRule, index: int, dataset: str, scan: Scan, locate: Locate) -> Check:
    subject, rows = f"{dataset}.{rule.name}", scan.profile.rows
    place = locate((*DATA, "rules", index, "expression"))
    if f"rule {rule.name} null" not in scan.counts:
        return Check(
            "data.rule",
            subject,
            Verdict.FAIL,
            f"the rule {rule.name} cannot be held against {dataset}: {_reason(rule, scan)}",
            location=place,
            fix="write one expression over columns of the data, with the functions that rules may use",
        )
    null = scan.counts[f"rule {rule.name} null"]
    broken = scan.counts[f"rule {rule.name} broken"] + (null if rule.nulls_fail else 0)
    limit = rule.max_violation_rate
    message = f"{rule.name} is broken in {wording.share(broken, rows)} of {dataset}"
    message += f"; at most {wording.percent(limit)} may be"
    if null:
        message += f"; it is null in {wording.rows(null)}, which {'counts' if rule.nulls_fail else 'does not count'}"
    if broken / rows > limit:
        fix = "correct or drop those rows, or give the rule a `maxViolationRate` if that is normal"
        verdict = Verdict.FAIL
    elif null == rows:
        verdict, fix = Verdict.INCONCLUSIVE, "the rule says nothing about these data: fill the columns that it names"
    else:
        verdict, fix = Verdict.PASS, ""
    return Check(
        "data.rule", subject, verdict, message, observed=broken / rows, limit=limit, rows=rows, location=place, fix=fix
    )


def _reason(rule: RowRule, scan: Scan) -> str:
    found = confined_all([rule.expression], scan.stored)[0]
    return str(found) if isinstance(found, Forbidden) else "two rules have this name"
