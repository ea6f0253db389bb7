"""The factors that can make two trainings differ, what each is called, and the setting that removes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor.  ``title`` is how it is named in a sentence, ``fix`` the setting that removes it."""

    name: str
    title: str
    fix: str


FACTORS = {
    one.name: one
    for one in (
        Factor(
            "generators",
            "random generators that nobody seeded",
            "seed every generator: random_state=0, numpy.random.default_rng(0), torch.manual_seed(0), random.seed(0)",
        ),
        Factor(
            "entropy",
            "randomness of the operating system (os.urandom, uuid4, secrets)",
            "derive identifiers from content, and seeds from a constant",
        ),
        Factor("clock", "the time of day", "pass the date in as an argument or a file, and seed with a constant"),
        Factor(
            "hash-seed",
            "Python's hash seed, which orders sets of text",
            'spec.training.environment: {PYTHONHASHSEED: "0"}; better, sort what comes out of a set',
        ),
        Factor(
            "file-order",
            "the order in which a folder lists its files",
            "sort what os.listdir, os.scandir, glob and Path.iterdir give",
        ),
        Factor(
            "threads",
            "the number of threads of BLAS and OpenMP",
            'spec.training.environment: {OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1"}',
        ),
        Factor("race", "threads or processes that race", "wait for results in the order in which they were asked for"),
        Factor(
            "cpus",
            "the number of processors",
            "do not derive anything that decides (workers, shards, batches) from os.cpu_count()",
        ),
        Factor(
            "cpu-features",
            "the instruction set of the processor",
            "train on one type of processor; or pin it: OPENBLAS_CORETYPE, NPY_DISABLE_CPU_FEATURES, "
            "ATEN_CPU_CAPABILITY",
        ),
        Factor("time-zone", "the time zone", 'spec.training.environment: {TZ: "UTC"}; use times with a zone'),
        Factor("locale", "the locale", 'spec.training.environment: {LC_ALL: "C.UTF-8"}; name encodings in open()'),
        Factor("user", "the name of the user or the home folder", "keep both out of what is written and hashed"),
        Factor("folder", "the name of the working folder", "use relative paths, and keep paths out of what is hashed"),
        Factor(
            "environment",
            "an environment variable that the manifest does not declare",
            "declare it under spec.training.environment, or stop reading it",
        ),
        Factor("row-order", "the order of the rows", "sort the rows by a key before anything is drawn from them"),
        Factor("network", "what a server answers", "declare what is fetched as data, by digest"),
        Factor(
            "dependencies",
            "package versions off the lock",
            "install exactly the lock: `uv pip sync --require-hashes LOCK`, or `uv sync --locked`",
        ),
    )
}

TRIALS = {
    "control": "nothing: the same training twice",
    "settled": "nothing, with chance taken away",
    "settled-moving": "nothing, with chance taken away and the clock running",
    "settled-alone": "nothing, with chance taken away and one thread on one processor",
}
"""What an experiment that varies no factor is called."""

_EXACT = {
    "generators": (
        ("default_rng", "numpy.random.default_rng(0)"),
        ("RandomState", "numpy.random.RandomState(0)"),
        ("SeedSequence", "numpy.random.SeedSequence(0)"),
        ("DataLoader", "DataLoader(..., generator=torch.Generator().manual_seed(0))"),
        ("torch", "torch.manual_seed(0) before anything is drawn or initialised"),
        ("numpy.random", "numpy.random.seed(0) at the start; better, numpy.random.default_rng(0) handed on"),
        ("np.random", "numpy.random.seed(0) at the start; better, numpy.random.default_rng(0) handed on"),
        ("random_state", "random_state=0"),
        ("train_test_split", "train_test_split(..., random_state=0)"),
        ("sample", "sample(..., random_state=0)"),
        ("random.", "random.seed(0) at the start; better, random.Random(0) handed on"),
    ),
    "entropy": (
        ("uuid", "uuid.uuid5(NAMESPACE, content) in place of uuid4() and uuid1()"),
        ("urandom", "a constant seed in place of os.urandom()"),
        ("torch.seed", "torch.manual_seed(0) in place of torch.seed()"),
        ("secrets", "a constant seed in place of secrets"),
        ("SystemRandom", "random.Random(0) in place of random.SystemRandom()"),
    ),
    "hash-seed": (
        ("hash(", 'zlib.crc32(text.encode()) or hashlib in place of hash(), or PYTHONHASHSEED: "0"'),
        ("set", 'sorted(...) around the set; or spec.training.environment: {PYTHONHASHSEED: "0"}'),
    ),
    "file-order": (
        ("listdir", "sorted(os.listdir(...))"),
        ("scandir", "sorted(os.scandir(...), key=lambda entry: entry.name)"),
        ("iglob", "sorted(glob.glob(...))"),
        ("rglob", "sorted(path.rglob(...))"),
        ("Path.glob", "sorted(path.glob(...))"),
        ("glob", "sorted(glob.glob(...))"),
        ("iterdir", "sorted(path.iterdir())"),
        ("walk", "sort the names of folders and files that os.walk gives: dirs.sort()"),
    ),
    "threads": (
        ("lightgbm", "deterministic=True and force_row_wise=True among LightGBM's parameters; or num_threads=1"),
        ("backward", 'torch.set_num_threads(1); or spec.training.environment: {OMP_NUM_THREADS: "1"}'),
        ("xgboost", 'nthread=1 among XGBoost\'s parameters; updater="coord_descent" with booster="gblinear"'),
    ),
    "race": (
        ("lightgbm", "deterministic=True and force_row_wise=True among LightGBM's parameters"),
        ("xgboost", 'updater="coord_descent" in place of "shotgun" with booster="gblinear"; or nthread=1'),
        ("as_completed", "executor.map(...), or keep the futures in a list and ask each in turn"),
        ("imap_unordered", "pool.imap(...) in place of pool.imap_unordered(...)"),
    ),
}


def fix(factor: str, what: str = "") -> str:
    """The exact setting against a factor that came in through the call ``what``, or the general one."""
    exact = next((text for part, text in _EXACT.get(factor, ()) if part in what), None)
    return exact or FACTORS[factor].fix


def title(name: str) -> str:
    """What a factor, or a trial that varies none, is called in a sentence."""
    return FACTORS[name].title if name in FACTORS else TRIALS.get(name, name)
