"""The settings that make each library deterministic, and which of them ``--deterministic`` applies.

``python -m mlops_gitops.reproduction.deterministic docs/reference/deterministic-settings.md`` writes the tables between
the marks of that page.  The tests hold that the page is current, and that trainings find in force what is said here to
be applied.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a library, in the words in which it is written, and what is different without it."""

    library: str
    setting: str
    without: str
    applied: bool = False


SETTINGS = (
    Setting(
        "Python", 'PYTHONHASHSEED: "0"', "sets of text come in another order, and hash() says something else", True
    ),
    Setting("Python", "random.seed(0)", "the module's own generator starts anywhere", True),
    Setting("Python", "random.Random(0)", "a generator that is made without a seed starts anywhere", True),
    Setting("NumPy", "numpy.random.seed(0)", "the global generator starts anywhere", True),
    Setting("NumPy", "numpy.random.default_rng(0)", "a generator that is made without a seed starts anywhere", True),
    Setting(
        "BLAS and OpenMP",
        'OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1"',
        "sums are cut into as many parts as there are processors, and round differently; any fixed number will do",
    ),
    Setting(
        "BLAS and OpenMP",
        "OPENBLAS_CORETYPE: Haswell, NPY_DISABLE_CPU_FEATURES: AVX512F AVX512_SKX",
        "another type of processor uses other instructions, and rounds differently",
    ),
    Setting(
        "scikit-learn",
        "random_state=0",
        "estimators, splitters and resamplers draw from NumPy's global generator, which is seeded",
        True,
    ),
    Setting(
        "scikit-learn",
        "n_jobs=1",
        "nothing but the parameter that is stored in the model, which the canonical level forgives",
    ),
    Setting("XGBoost", "seed=0", "nothing: 0 is what XGBoost takes where it is given none", True),
    Setting("XGBoost", "nthread=1", "sums of the linear booster round differently; trees were not seen to differ"),
    Setting(
        "XGBoost",
        "updater=coord_descent",
        "booster=gblinear takes shotgun, whose threads write over each other: it differs from run to run",
    ),
    Setting("LightGBM", "deterministic=true", "histograms may round differently with another number of threads", True),
    Setting(
        "LightGBM",
        "force_row_wise=true",
        "it measures which of two ways is faster, and takes another one on a busy machine; "
        "left alone where force_col_wise is set",
        True,
    ),
    Setting("LightGBM", "seed=0", "nothing: its seeds have constants where it is given none", True),
    Setting("LightGBM", "num_threads=1", "with deterministic=true, nothing but the parameter that is stored"),
    Setting(
        "PyTorch", "torch.manual_seed(0)", "initial weights, dropout and the order of batches start anywhere", True
    ),
    Setting(
        "PyTorch",
        "torch.use_deterministic_algorithms(True, warn_only=True)",
        "some operations add in the order in which threads come; those with no other way warn in the log",
        True,
    ),
    Setting(
        "PyTorch",
        "torch.set_num_threads(1)",
        "sums and products round differently with another number of threads; any fixed number will do",
    ),
    Setting(
        "PyTorch",
        "ATEN_CPU_CAPABILITY: default",
        "another type of processor uses other instructions, and rounds differently",
    ),
    Setting(
        "PyTorch",
        "DataLoader(generator=torch.Generator().manual_seed(0), worker_init_fn=...)",
        "a draw before the loader moves the order of batches; generators of NumPy in workers need a seed of their own",
    ),
    Setting("PyTorch on CUDA", "torch.backends.cudnn.deterministic = True", "cuDNN may add in any order", True),
    Setting(
        "PyTorch on CUDA", "torch.backends.cudnn.benchmark = False", "cuDNN takes what was fastest this time", True
    ),
    Setting("PyTorch on CUDA", 'CUBLAS_WORKSPACE_CONFIG: ":4096:8"', "cuBLAS may add in any order", True),
)


def tables() -> str:
    """A table for each library."""
    parts = []
    for library, found in groupby(SETTINGS, key=lambda one: one.library):
        rows = [f"| `{one.setting}` | {one.without} | {'yes' if one.applied else 'no'} |" for one in found]
        head = [f"### {library}", "", "| setting | without it | `--deterministic` |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts)


def page(text: str) -> str:
    """``text`` with its tables made again.  Raises ``ValueError`` where it has no marks to put them between."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"a page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    _PAGE = Path(sys.argv[1])
    _PAGE.write_text(page(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
