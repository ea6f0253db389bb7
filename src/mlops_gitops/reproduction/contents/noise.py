"""Which differences mean nothing: settings of the machine that were written down with the model, and names of a save.

A name alone is not enough: a number of threads is noise where it is a number or nothing, a version where it is a text.
"""

from __future__ import annotations

_THREADS = frozenset({"n_jobs", "n_threads", "num_threads", "num_thread", "nthread", "thread_count"})
_VERSIONS = frozenset({"_sklearn_version", "_skops_version", "__sklearn_version__"})


def of_setting(name: object, value: object) -> str:
    """Why a difference in the attribute or entry ``name`` means nothing; empty where it may mean something."""
    if not isinstance(name, str):
        return ""
    if name in _THREADS and (value is None or type(value) is int):
        return f"serialised {name}"
    if name in _VERSIONS and isinstance(value, str):
        return "version of the library that wrote it"
    return ""
