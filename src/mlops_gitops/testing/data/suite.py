"""The tests of a model's data, put together: what ``test data`` runs.

It reads the files that a manifest names, below ``root`` and nowhere else, and answers with a ``Report``.  It never
raises for what is in a file: that is a check that failed.  It needs the engine and nothing else: no arrays.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mlops_gitops.evidence.verdicts import Report
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import reports
from mlops_gitops.testing.data import examination
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.imported import checks as imports
from mlops_gitops.testing.data.spending import Count, nobody
from mlops_gitops.testing.sharding import HERE, Counting


def run_data_tests(
    model: Model,
    *,
    folder: Path,
    locate: Locate,
    now: datetime,
    root: Path | None = None,
    counting: Counting = HERE,
    count: Count = nobody,
) -> Report:
    """Test the data of ``model``, whose manifest lies in ``folder``; ``uri``s may not leave ``root`` (the folder).

    ``count`` says the number of each look at a reference, where the manifest wants looks counted.
    """
    root = root or folder
    files = counting.files(model, folder=folder, root=root)
    found = list(examination.checks(model, files, locate, counting, now=now, folder=folder, root=root, count=count))
    taken = tuple(imports.materials(model, folder=folder, root=root))
    return reports.made("data-tests", model, found, (*reports.materials(files), *taken))
