"""An image that was built, and what every way of building one has to say of it: documents, findings, a place to keep.

Nothing here builds or pushes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters.image_push import Attachment, Content
from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import Candidate
from mlops_gitops.cli.world import World
from mlops_gitops.errors import WorldFailed
from mlops_gitops.findings import Finding, Severity
from mlops_gitops.manifests.rules import images as rules
from mlops_gitops.manifests.rules.subject import Subject
from mlops_gitops.packaging import provenance
from mlops_gitops.packaging.image import bill, origin
from mlops_gitops.packaging.image.assembly import Base
from mlops_gitops.packaging.image.bases import Facts
from mlops_gitops.packaging.image.inventory import Installed
from mlops_gitops.packaging.image.packages import Package
from mlops_gitops.times import format_instant


@dataclass(frozen=True)
class Built:
    """An image, what each of its layers of ours is called, what is said about it, and what is wrong with its base.

    ``facts`` are what the layers below ours say, ``locked`` the packages of ours that were installed.
    """

    candidate: Candidate
    content: Content
    titles: Mapping[str, str]
    attachments: tuple[Attachment, ...]
    base: str | None
    findings: tuple[Finding, ...]
    facts: Facts
    locked: tuple[Installed, ...] = ()

    @property
    def tag(self) -> str:
        """A tag for people and for registries that remove what has none; it never moves, since it names the content."""
        version = self.candidate.model.version.replace("+", "_")
        return f"{version}-{self.content.image.digest[7:19]}"[:128]


def created(candidate: Candidate, world: World) -> str:
    """When the image was created, which is when its commit was: RFC 3339."""
    return format_instant(provenance.committed(candidate.folder, world.environ, candidate.source.revision))


@dataclass(frozen=True)
class Materials:
    """What an image was made of beside what its candidate says: packages, digests by lock, bases by name.

    ``installed`` is what was there before the packages of the lock.
    """

    locked: tuple[Package, ...]
    locks: Mapping[str, str]
    base: Base | None
    bases: Mapping[str, str]
    installed: tuple[Installed, ...]


def attachments(candidate: Candidate, content: Content, made_of: Materials, world: World) -> tuple[Attachment, ...]:
    """Bill of materials and provenance of an image."""
    model, when = candidate.model, created(candidate, world)
    sbom = bill.bill(
        model,
        content.image,
        artifact=candidate.artifact,
        data=candidate.data,
        locked=made_of.locked,
        base=made_of.base,
        installed=made_of.installed,
        created=when,
    )
    said = origin.statement(
        model,
        candidate.made_of,
        image=content.image.digest,
        name=model.name,
        source=candidate.source,
        data=candidate.data,
        lock=made_of.locks,
        base=made_of.bases,
        builder=world.environ.get("GITHUB_WORKFLOW_REF") or _LOCAL,
        created=when,
    )
    return (
        Attachment(bill.MEDIA_TYPE, sbom, "bill of materials"),
        Attachment(origin.MEDIA_TYPE, said, "provenance"),
    )


def found(candidate: Candidate) -> list[Finding]:
    """What the rules find in what the manifest says of the image."""
    document = candidate.document
    subject = Subject(document.path, document.value, str(candidate.folder / "model.yaml"), str(candidate.root))
    return [document.finding(one) for one in rules.check(subject)]


def warnings(candidate: Candidate) -> tuple[Finding, ...]:
    """Those that do not stop a build."""
    return tuple(one for one in found(candidate) if one.severity is Severity.WARNING)


def of_base(candidate: Candidate, facts: Facts, *, python: str | None, at: str) -> tuple[Finding, ...]:
    """What a base says of itself, against the releases that have ended."""
    system = (facts.release.get("ID", ""), facts.release.get("VERSION_ID", ""))
    said = [rules.end_of(*system), None if python is None else rules.end_of("python", python)]
    place = ("spec", "serving", "image", at)
    return tuple(candidate.document.finding(rules.END_OF_LIFE.on(place, one)) for one in said if one is not None)


_LOCAL = "https://github.com/mlops-gitops/mlops-gitops/local"
"""Who builds where nobody says who does."""


def cache(world: World) -> Path:
    """Where images keep what they are made of.  Raises ``WorldFailed`` where that cannot be written."""
    place = session.cache(world) / "images"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldFailed(
            f"{place} cannot be written: {error.strerror}", hint="free some space, or set MG_CACHE", code="image-cache"
        ) from error
    return place
