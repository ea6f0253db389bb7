"""Bytes → one frozen record, or every reason why not.

For programs that need a document to be right: it is loaded, checked against its schema, and built.  ``Invalid`` carries
the findings.  Lint rules are not asked; they advise people, and a document that is in force must stay readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from mlops_gitops.errors import Refused
from mlops_gitops.findings import Finding, Location, Severity
from mlops_gitops.manifests import schema
from mlops_gitops.manifests.documents import Document, load
from mlops_gitops.manifests.rules.shape import MALFORMED

if TYPE_CHECKING:
    from mlops_gitops.manifests.control import ControlFile
    from mlops_gitops.manifests.environment import Environment
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.manifests.policy_tests import PolicyTests
    from mlops_gitops.manifests.project import Project
    from mlops_gitops.manifests.release import Release
    from mlops_gitops.manifests.trust import Trust

_SHOWN = 3


class Invalid(Refused):
    """A document that cannot be used.  ``findings`` are all that is wrong with it; the message shows the first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = "; ".join(f"{one.location}: {one.message} ({one.rule})" for one in findings[:_SHOWN])
        more = f"; and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        super().__init__(f"{first}{more}", hint=findings[0].fix, code="invalid-document")
        self.findings = findings


def opened(kind: str, data: bytes, *, path: str) -> Document:
    """A document that fits the schema ``kind`` (``model``, ``environment``, …).  Raises ``Invalid``."""
    document = load(path, data)
    findings = [one for one in document.findings if one.severity is Severity.ERROR]
    if not findings and not schema.check(kind)(document.value):
        from mlops_gitops.manifests.wording import problems

        findings = [document.finding(one) for one in problems(kind, document)]
    if findings:
        raise Invalid(tuple(sorted(findings, key=lambda one: one.order)))
    return document


@overload
def read(kind: Literal["model"], data: bytes, *, path: str) -> Model: ...
@overload
def read(kind: Literal["environment"], data: bytes, *, path: str) -> Environment: ...
@overload
def read(kind: Literal["trust"], data: bytes, *, path: str) -> Trust: ...
@overload
def read(kind: Literal["control"], data: bytes, *, path: str) -> ControlFile: ...
@overload
def read(kind: Literal["release"], data: bytes, *, path: str) -> Release: ...
@overload
def read(kind: Literal["project"], data: bytes, *, path: str) -> Project: ...
@overload
def read(kind: Literal["policy-tests"], data: bytes, *, path: str) -> PolicyTests: ...
def read(kind: str, data: bytes, *, path: str) -> Any:
    """The record in ``data``.  ``path`` is how findings name the file.  Raises ``Invalid``."""
    return record(kind, opened(kind, data, path=path))


def record(kind: str, document: Document) -> Any:
    """The record of a document that ``opened`` gave; records are imported when they are needed.  Raises ``Invalid``."""
    match kind:
        case "model":
            from mlops_gitops.manifests.model import Model as Record
        case "environment":
            from mlops_gitops.manifests.environment import Environment as Record  # type: ignore[assignment]
        case "trust":
            from mlops_gitops.manifests.trust import Trust as Record  # type: ignore[assignment]
        case "control":
            from mlops_gitops.manifests.control import ControlFile as Record  # type: ignore[assignment]
        case "release":
            from mlops_gitops.manifests.release import Release as Record  # type: ignore[assignment]
        case "policy-tests":
            from mlops_gitops.manifests.policy_tests import PolicyTests as Record  # type: ignore[assignment]
        case "project":
            from mlops_gitops.manifests.project import Project as Record  # type: ignore[assignment]
        case _:
            raise AssertionError(f"there are no documents of kind {kind!r}")
    try:
        return Record.from_value(document.value)
    except ValueError as error:  # a 31st of February fits the pattern of a date
        raise Invalid((MALFORMED.at(Location(document.path), str(error)),)) from error
