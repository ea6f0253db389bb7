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
