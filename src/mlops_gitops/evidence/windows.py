"""What data tests say of the references that they used, where looks are counted: which data were held against which.

A *window* is the data of one look at a reference.  Whoever publishes data tests judges each window by its number, which
is what lies in the environment repository before it and one (``promotion/ledger.py``).  The same data against the same
reference again are the same look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.records import record

KIND = "data-tests"
_DETAIL = "windows"


@record
class Window:
    """One look at a reference: the section of the manifest that asks for it, and SHA-256 of the data on both sides.

    ``reference`` is the digest of what the reference was made from, ``data`` those of all data sets that were held
    against it, in order.  ``number`` counts the looks of one model and section at one reference, from one.
    """

    section: str
    reference: str
    data: tuple[str, ...]
    number: int | None = None


def looked(windows: Sequence[Window]) -> dict[str, JSON]:
    """The details of data tests that counted their looks; nothing where there was none to count."""
    told: list[JSON] = [
        {"section": one.section, "reference": one.reference, "data": list(one.data), "number": one.number}
        for one in windows
    ]
    return {_DETAIL: told} if told else {}


def windows(claim: Claim) -> tuple[Window, ...]:
    """The looks that a claim says it took; what is none is left out, as details may hold anything."""
    said = claim.details.get(_DETAIL) if claim.kind == KIND else None
    return tuple(filter(None, map(_window, said if isinstance(said, list) else [])))


def _window(said: JSON) -> Window | None:
    if not isinstance(said, Mapping):
        return None
    section, reference, data, number = (said.get(name) for name in ("section", "reference", "data", "number"))
    if not isinstance(section, str) or not isinstance(reference, str) or not isinstance(data, list):
        return None
    if not data or not all(isinstance(one, str) for one in data) or type(number) is not int or number < 1:
        return None
    return Window(section, reference, tuple(map(str, data)), number)
