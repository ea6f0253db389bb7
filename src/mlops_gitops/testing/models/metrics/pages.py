"""The reference page of metrics, made from the catalogue.

``python -m mlops_gitops.testing.models.metrics.pages docs/reference/metrics.md`` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_gitops.manifests.metric_names import KNOWN, parted
from mlops_gitops.testing.models.metrics.catalogue import METRICS

_TASKS = ("binary-classification", "multiclass", "regression", "forecasting", "ranking")
_HEAD = """\
# Metrics

What `spec.metrics` may name. `@` carries a number: the first k of a ranking, a quantile q, the probability p of an
interval, the season m of a series. `[…]` carries the name of a class. Values agree with scikit-learn's where it has the
metric; every interval is checked by simulation, in the tests.

*Better* says which way. *Interval* says how the bounds are made; *delta method* is explained in
[how a model is tested](../explanation/model-tests.md).

"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(f"## {task}\n\n{_table(task)}" for task in _TASKS)


def _table(task: str) -> str:
    rows = ["| metric | better | what it is | interval |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        known = KNOWN[parted(name)[0]]
        if task in known.tasks:
            better = "higher" if known.higher else "lower"
            method = "delta method" if metric.several is not None and task == "multiclass" else metric.method
            rows.append(f"| `{name}` | {better} | {known.meaning} | {method} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
