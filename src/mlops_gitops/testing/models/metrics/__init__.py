"""The metrics that a manifest may name: what each is, which way is better, and how sure one can be of it.

``METRICS`` finds a metric by its name (``roc_auc``, ``ndcg@10``, ``recall[setosa]``).  Every one of them gives a value
with an interval and a paired difference of two models on the same rows, in one pass over the rows and from numpy alone.
"""

from mlops_gitops.testing.models.metrics.catalogue import METRICS
from mlops_gitops.testing.models.metrics.metric import Metric
from mlops_gitops.testing.models.metrics.sample import DECISION, Kind, Sample

__all__ = ["DECISION", "METRICS", "Kind", "Metric", "Sample"]
