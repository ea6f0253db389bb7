"""The quality of labels: missing ones, classes that are rare or alone, alike rows that disagree, and implausible ones.

Implausible is a label to which a simple model, trained on other rows, gives a low probability while it is sure of
another class: confident learning (Northcutt, Jiang and Chuang 2021, J. AI Research 70:1373), with the mean probability
of each class among its own rows as its threshold.  It needs scikit-learn; without it there is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.row_tests import LabelTests
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import discretion
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.relations import CLASSES, Relations
from mlops_gitops.testing.data.scans import Scan, Source, watched_text
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.estimates import Unmeasurable

AT = (*DATA, "labels")
MOST_CLASSES = 1000
FEWEST_ROWS = 100
"""Below so many labelled rows nobody can say which labels are implausible."""
MOST_ROWS = 20_000
"""More rows than this are thinned evenly before a model is trained."""
FOLDS = 5


def checks(model: Model, file: DataFile, scan: Scan, relations: Relations, locate: Locate) -> Iterator[Check]:
    """The checks of one data set; one without the label's column has none."""
    tests, target = model.tests.data.labels, model.interface.target
    if tests is None:
        return
    name = file.dataset.name
    if target is None or scan.profile.column(target.column) is None:
        message = f"{name} has no labels: " + (
            "the manifest names no target" if target is None else f"the column {target.column} is not there"
        )
        fix = "name `interface.target`, or add its column to the data"
        yield Check("data.labels", name, Verdict.FAIL, message, location=locate(AT), fix=fix)
        return
    yield from _missing(tests, name, target.column, scan, locate)
    try:
        if model.task in CLASSES:
            yield from _classes(tests, file, target.column, relations, locate)
        yield from _contradictions(model, file, target.column, scan, locate, relations=relations)
        if tests.max_implausible_rate is not None:
            yield _implausible(model, tests.max_implausible_rate, file, target.column, locate, relations=relations)
    except Refused as refusal:
        message = f"the labels of {name} cannot be read: {refusal.message}"
        yield Check("data.labels", name, Verdict.FAIL, message, location=locate(AT), fix=refusal.hint)


def _missing(tests: LabelTests, name: str, label: str, scan: Scan, locate: Locate) -> Iterator[Check]:
    column, limit = scan.profile.column(label), tests.max_missing_rate
    if column is None or limit is None:
        return
    rows, absent = scan.profile.rows, column.nulls + column.nans
    message = f"{wording.share(absent, rows)} of {name} have no label; at most {wording.percent(limit)} may have none"
    failed = absent / rows > limit
    yield Check(
        "data.labels-missing",
        f"{name}.{label}",
        Verdict.FAIL if failed else Verdict.PASS,
        message,
        observed=absent / rows,
        limit=limit,
        location=locate((*AT, "maxMissingRate")),
        fix="label those rows, or drop them" if failed else "",
    )


def _classes(tests: LabelTests, file: DataFile, label: str, relations: Relations, locate: Locate) -> Iterator[Check]:
    subject = f"{file.dataset.name}.{label}"
    found = relations.classes(file, label, most=MOST_CLASSES)
    if relations.columns(file).get(label) in {"float", "double"}:  # where some are missing, 1 is written as 1.0
        found = {watched_text(float(value)): count for value, count in found.items()}
    rows = sum(found.values())
    if len(found) < 2:  # noqa: PLR2004 - nothing to tell apart
        message = f"{subject} has {len(found)} class in {wording.rows(rows)}: nothing can be told apart"
        fix = "provide rows of every class"
        yield Check(
            "data.labels-classes", subject, Verdict.FAIL, message, observed=len(found), location=locate(AT), fix=fix
        )
        return
    if tests.domain is not None:
        allowed = {watched_text(value) for value in tests.domain}
        strays = sum(count for value, count in found.items() if value not in allowed)
        message = f"{subject} is none of the {len(allowed)} labels allowed in {wording.share(strays, rows)}"
        verdict = Verdict.FAIL if strays else Verdict.PASS
        fix = "correct those labels, or add them to `domain`" if strays else ""
        place = locate((*AT, "domain"))
        yield Check("data.labels-domain", subject, verdict, message, observed=strays, limit=0, location=place, fix=fix)
    if tests.min_class_share is not None:
        rarest, count = min(found.items(), key=lambda pair: pair[1])
        limit = tests.min_class_share
        example = discretion.shown(label, rarest)
        message = f"the rarest of {len(found)} classes of {subject} is {example} with {wording.share(count, rows)}"
        message += f"; at least {wording.percent(limit)} are demanded"
        failed = count / rows < limit
        yield Check(
            "data.labels-balance",
            subject,
            Verdict.FAIL if failed else Verdict.PASS,
            message,
            observed=count / rows,
            limit=limit,
            rows=rows,
            location=locate((*AT, "minClassShare")),
            fix="collect rows of that class, or lower `minClassShare` if it is that rare" if failed else "",
        )


def _contradictions(
    model: Model, file: DataFile, label: str, scan: Scan, locate: Locate, *, relations: Relations
) -> Iterator[Check]:
    tests = model.tests.data.labels
    limit = tests.max_contradiction_rate if tests is not None else None
    inputs = [one.name for one in model.interface.inputs if scan.profile.column(one.name) is not None]
    if limit is None or not inputs or model.task not in CLASSES:
        return
    rows = scan.profile.rows
    count = relations.contradicted(file, inputs, label)
    message = (
        f"{wording.share(count, rows)} of {file.dataset.name} are alike in every input with a row of another label"
    )
    message += f"; at most {wording.percent(limit)} may be"
    failed = count / rows > limit
    yield Check(
        "data.labels-contradict",
        f"{file.dataset.name}.{label}",
        Verdict.FAIL if failed else Verdict.PASS,
        message,
        observed=count / rows,
        limit=limit,
        location=locate((*AT, "maxContradictionRate")),
        fix="find out which label is right, or add the input that tells those rows apart" if failed else "",
    )


def _implausible(
    model: Model, limit: float, file: DataFile, label: str, locate: Locate, *, relations: Relations
) -> Check:
    subject, place = f"{file.dataset.name}.{label}", locate((*AT, "maxImplausibleRate"))
    try:
        count, rows = _suspects(model, relations.source(file), label)
    except Unmeasurable as reason:
        message = f"how many labels of {subject} are implausible cannot be told: {reason}"
        return Check(
            "data.labels-implausible", subject, Verdict.INCONCLUSIVE, message, location=place, fix="see the reason"
        )
    failed = count / rows > limit
    message = f"a simple model finds {wording.share(count, rows)} of {subject} implausible"
    message += f"; at most {wording.percent(limit)} may be"
    verdict, fix = (Verdict.FAIL, "have those rows labelled again") if failed else (Verdict.PASS, "")
    return Check(
        "data.labels-implausible",
        subject,
        verdict,
        message,
        observed=count / rows,
        limit=limit,
        location=place,
        fix=fix,
    )


def _suspects(model: Model, source: Source, label: str) -> tuple[int, int]:
    """Rows whose label is implausible, and the rows looked at.  Raises ``Unmeasurable``."""
    if model.task not in CLASSES:
        raise Unmeasurable("the labels are no classes")
    try:
        import numpy as np
        import sklearn  # noqa: F401 - whether it is there
    except ImportError:
        raise Unmeasurable("scikit-learn is not installed (`pip install scikit-learn`)") from None
    from mlops_gitops.testing.texts import as_texts

    present = engine.columns(source)
    inputs = [one.name for one in model.interface.inputs if one.name in present]
    if not inputs:
        raise Unmeasurable("no input of the model is in the data")
    raw = engine.arrays(source, {name: engine.quoted(name) for name in inputs})
    names = engine.arrays(source, {"label": f"CAST({engine.quoted(label)} AS VARCHAR)"})["label"]
    kept = np.flatnonzero(~np.ma.getmaskarray(names))
    kept = kept[np.linspace(0, len(kept) - 1, min(len(kept), MOST_ROWS)).astype(np.int64)] if len(kept) else kept
    texts = as_texts(np.ma.getdata(names)[kept])
    counts = np.unique(texts, return_counts=True)[1]
    if len(kept) < FEWEST_ROWS or len(counts) < 2 or counts.min() < FOLDS:  # noqa: PLR2004 - two classes
        raise Unmeasurable(f"it takes {FEWEST_ROWS} labelled rows and {FOLDS} of each class; there are {len(kept):,}")
    return _confident(_matrix([raw[name] for name in inputs], kept), texts), len(kept)


def _matrix(columns: Sequence[Any], kept: Any) -> Any:
    """Numbers as they are, everything else as the rank of its text; a missing one is NaN."""
    import numpy as np

    from mlops_gitops.testing.texts import as_texts

    found = []
    for raw in columns:
        missing, values = np.ma.getmaskarray(raw)[kept], np.ma.getdata(raw)[kept]
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
        elif values.dtype.kind == "M":
            numbers = values.astype("datetime64[s]").astype(np.float64)
        else:
            numbers = np.unique(as_texts(values), return_inverse=True)[1].astype(np.float64)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        numbers[missing] = np.nan
        found.append(numbers)
    return np.column_stack(found)


def _confident(features: Any, labels: Any) -> int:
    """Labels that disagree with the class of which a model, trained on the other folds, is confident."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # which scikit-learn needs itself

    learner = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    known, given = np.unique(labels, return_inverse=True)
    probabilities = np.zeros((len(labels), len(known)))
    with threadpool_limits(1, user_api="openmp"):  # on a busy machine many threads wait for one another
        for taught, held in folds.split(features, labels):
            nothing = np.isnan(features[taught]).all(axis=0)  # a column without a value cannot be cut into bins
            some = np.where(nothing, 0.0, features)
            probabilities[held] = learner.fit(some[taught], given[taught]).predict_proba(some[held])
    thresholds = np.array([probabilities[given == one, one].mean() for one in range(len(known))])
    sure = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = np.where(sure.max(axis=1) >= 0, sure.argmax(axis=1), given)
    return int((likely != given).sum())
