"""What was held against each other: files, tensors, predictions, metrics, stages, environments.  Each is a section."""

from __future__ import annotations

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page import pictures
from mlops_gitops.reporting.page.elements import badge, code, digest, folded, more, section, shown, table
from mlops_gitops.reporting.reproduction import decisions, metric
from mlops_gitops.reproduction.levels import Agreement, FileComparison
from mlops_gitops.reproduction.reproductions import Reproduction

_MOST = 200
_METRIC = {"holds": "equivalent", "broken": "moved", "open": "undecided"}


def files(agreement: Agreement) -> str:
    """File by file: the same, the same without noise, or different, and where."""
    different = sorted((one for one in agreement.files if not one.same), key=lambda one: (one.canonical, one.name))
    same = len(agreement.files) - len(different)
    rows = [
        (code(one.name, 160), shown(one.kind, 40), _state(one), _noise(one), shown(one.differs) or "-")
        for one in different[:_MOST]
    ]
    note = f"{same:,} of {len(agreement.files):,} files have the same bytes." if agreement.files else ""
    heads = ("File", "Kind", "State", "Noise removed", "First difference left")
    marked = ["" if one.canonical else "outside" for one in different[:_MOST]]
    body = table(heads, rows, marked=marked) + more(len(different), _MOST, "files") if rows else ""
    return section("files", "Files", body, note=note)


def _state(one: FileComparison) -> str:
    if one.left is None or one.right is None:
        return badge("broken", "new" if one.left is None else "missing")
    return badge("holds", "only noise") if one.canonical else badge("broken", "differs")


def _noise(one: FileComparison) -> str:
    return ", ".join(shown(noise, 80) for noise in one.noise[:8]) or "-"


def tensors(agreement: Agreement) -> str:
    """Tensor by tensor, the worst first."""
    ordered = [one for one in words.largest_first(agreement.tensors) if one.differing or one.problem]
    rows = [
        (
            f"{code(one.name, 160)}<br><span class='note'>{shown(one.file, 120)}</span>",
            shown(f"{one.dtype} {'x'.join(map(str, one.shape[:8])) or 'scalar'}", 60),
            f"{one.differing:,} of {one.count:,}",
            shown(one.problem) if one.problem else words.number(one.absolute),
            "-" if one.problem else words.number(one.relative),
            "-" if one.problem else f"{one.ulp:,}",
            code(f"[{', '.join(map(str, one.where[:8]))}]", 80) if one.where is not None else "-",
            badge("holds", "within") if one.within else badge("broken", "outside"),
        )
        for one in ordered[:_MOST]
    ]
    heads = ("Tensor", "Type", "Differ", "Largest", "Relative", "ULP", "Where", "Tolerance")
    marked = ["" if one.within else "outside" for one in ordered[:_MOST]]
    body = table(heads, rows, marked=marked) + more(len(ordered), _MOST, "tensors") if rows else ""
    same = len(agreement.tensors) - len(ordered)
    note = f"Largest difference first; {same:,} of {len(agreement.tensors):,} are equal. ULP is told and never decides."
    limits = ", ".join(
        f"{name} {words.number(agreement.settings[name])}"
        for name in ("relative", "absolute")
        if name in agreement.settings
    )
    return section("tensors", "Tensors", body, note=f"{note} Tolerance: {limits}." if limits else note)


def predictions(agreement: Agreement) -> str:
    """Whether any decision changed, and how the differences lie."""
    tolerance = agreement.settings.get("predictions", agreement.settings.get("absolute"))
    blocks = []
    for one in agreement.predictions:
        kind = "broken" if one.changed else "holds"
        rows = ", ".join(map(str, one.examples[:10]))
        where = f'<p class="note">rows whose decision changed, for example: {rows}</p>' if rows else ""
        head = f"{shown(one.dataset, 120)} {badge(kind, f'{one.changed:,} changed')}"
        picture = pictures.histogram(one, tolerance=tolerance)
        blocks.append(f'<div class="card"><h3>{head}</h3><p>{shown(decisions(one))}</p>{picture}{where}</div>')
    return section("predictions", "Predictions", "\n".join(blocks))


def metrics(agreement: Agreement) -> str:
    """Metrics over several seeds against their margins."""
    blocks = [
        f'<div class="card"><h3>{shown(one.metric, 80)} {badge(one.answer.value, _METRIC[one.answer.value])}</h3>'
        f"<p>{shown(metric(one))}</p>{pictures.interval(one)}</div>"
        for one in agreement.metrics
    ]
    if agreement.churn:
        shares = ", ".join(f"{one:.2%}" for one in agreement.churn[:50])
        budget = agreement.settings.get("churn")
        most = f" (budget {budget:.2%})" if budget is not None else ""
        blocks.insert(0, f"<p>Share of changed decisions, seed by seed: {shares}{most}.</p>")
    note = "Two one-sided tests (TOST): the whole 90 % interval must lie within the margin."
    return section("seeds", "Over several seeds", "\n".join(blocks), note=note)


def stages(found: Reproduction) -> str:
    """The digests on the way through both trainings, side by side."""
    runs = words.runs(found)
    if len(runs) != len((found.left, found.right)) or not any(one.stages for one in runs):
        return ""
    left, right = ({one.name: one for one in run.stages} for run in runs)
    heads = ("Stage", *(shown(one.name, 40) for one in runs), "State", "Where")
    rows, marked = [], []
    for name in list(dict.fromkeys([*left, *right]))[:_MOST]:
        one, other = left.get(name), right.get(name)
        either = one or other
        if one is None or other is None:
            state = badge("broken", "in one run only")
        elif one.ordered == other.ordered:
            state = badge("holds", "same")
        else:
            state = badge("open", "other order") if one.unordered == other.unordered else badge("broken", "differs")
        where = code(words.place(either.place), 160) if either and either.place else "-"
        sides = (digest(one.ordered if one else None), digest(other.ordered if other else None))
        rows.append((words_of(name), *sides, state, where))
        marked.append("" if "same" in state else "differs")
    return section("stages", "Stages of both trainings", table(heads, rows, marked=marked))


def words_of(name: str) -> str:
    """A stage as HTML."""
    return shown(words.stage(name), 80)


def environments(found: Reproduction) -> str:
    """Both environments side by side, what differs first and marked."""
    left, right = found.left.facts, found.right.facts
    names = sorted({*left, *right}, key=lambda name: (left.get(name) == right.get(name), name))
    both = bool(left) and bool(right)
    differ = [name for name in names if both and left.get(name) != right.get(name)]
    alike = [name for name in names if name not in differ]
    heads = ("Fact", shown(found.left.name, 40) or "left", shown(found.right.name, 40) or "right")

    def rows(some: list[str]) -> list[tuple[str, ...]]:
        return [
            (code(name, 80), *(shown(side[name], 160) if name in side else "-" for side in (left, right)))
            for name in some[: 2 * _MOST]
        ]

    marked = table(heads, rows(differ), marked=["differs"] * len(rows(differ))) if differ else ""
    rest = (
        folded(
            f"{len(alike):,} facts {'that are the same' if both else 'of the one side that is known'}",
            table(heads, rows(alike)),
        )
        if alike
        else ""
    )
    note = (
        f"{len(differ):,} of {len(names):,} facts differ." if both else "The environment of one side is not recorded."
    )
    return section("environments", "Environments", marked + rest, note=note)
