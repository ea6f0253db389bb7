"""A model on the way to its image: findings first, then base, packages, programs and model, and one digest at the end.

The artifact is measured and scanned before it is packed, as for a release, and nothing of it is loaded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.adapters import image_push, registry, registry_credentials
from mlops_gitops.adapters.registry_session import Session
from mlops_gitops.cli import advised, assembling
from mlops_gitops.cli.advised import Advised
from mlops_gitops.cli.built import Built, Materials, attachments, cache, created, found, of_base, warnings
from mlops_gitops.cli.candidate import Candidate
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.findings import Severity
from mlops_gitops.manifests.reading import Invalid
from mlops_gitops.manifests.release import Image
from mlops_gitops.manifests.serving import ServingImage
from mlops_gitops.packaging.image import bases, origin, references


def released(candidate: Candidate, text: str, world: World) -> Image:
    """The image that a release names: by digest, in its registry, and made of what the release is made of.

    Raises ``Misused`` where it is not named by digest, ``Refused`` where it is not there, not there whole, or was made
    of something else.
    """
    try:
        reference = references.parse(text)
    except ValueError as error:
        raise Misused(
            f"--image {text}: {error}", hint="give NAME@sha256:… as `build` prints it", code="usage"
        ) from error
    if reference.digest is None:
        raise Misused(
            f"--image {text} is not named by its digest, and a tag can be another image tomorrow",
            hint="give NAME@sha256:… as `build` prints it",
            code="image-tag",
        )
    who = registry_credentials.of(reference.registry, environ=world.environ, pushed_to=True)
    talk = Session(reference.registry, who)
    manifest = registry.manifest(talk, reference.repository, reference.digest)
    described, layers = bases.opened(manifest, of=reference.exact)
    lost = [one for one in (described, *layers) if not registry.has_blob(talk, reference.repository, one.digest)]
    if lost:
        raise Refused(
            f"{reference.exact} cannot be pulled: its registry has lost {len(lost)} of its {len(layers) + 1} blobs, "
            f"the first is {lost[0].digest}",
            hint=f"push it again: `mlops-gitops build {candidate.model.name} --push {reference.registry}`",
            code="image-incomplete",
        )
    config = registry.fetched(talk, reference.repository, described, keep=cache(world) / "blobs").read_bytes()
    stated = origin.stated(config)
    if stated != f"sha256:{candidate.made_of.digest}":
        raise Refused(
            f"{reference.exact} was not made of this manifest, artifact, data, lock and commit",
            hint=f"build it again: `mlops-gitops build {candidate.model.name} --push {reference.registry}`",
            code="image-differs",
        )
    return Image(reference.name, reference.digest.removeprefix("sha256:"))


@dataclass(frozen=True)
class Placed:
    """An image in a registry: its name there, without tag and digest, and what was done."""

    name: str
    pushed: image_push.Pushed

    @property
    def states(self) -> dict[str, str]:
        """What became of each blob that was looked for."""
        traffic = self.pushed.traffic
        kinds = (("there", traffic.there), ("mounted", traffic.mounted), ("pushed", traffic.sent))
        return {one.digest: word for word, blobs in kinds for one in blobs}


def image_of(candidate: Candidate) -> ServingImage:
    """What the manifest says of the image.  Raises ``Misused`` where it says nothing, ``Invalid`` for findings."""
    image = candidate.model.serving.image
    if image is None:
        raise Misused(
            f"the manifest of {candidate.model.name} does not say what its image is made of",
            hint="add serving.image with a base by digest and a lock with hashes: docs/how-to/build-an-image.md",
            code="no-image",
        )
    errors = tuple(one for one in found(candidate) if one.severity is Severity.ERROR)
    if errors:
        raise Invalid(errors)
    return image


@contextmanager
def built(candidate: Candidate, world: World, *, within: float) -> Iterator[Built]:
    """The image of a candidate.  What it is read from is there until the block ends.

    ``within`` are the seconds that a Dockerfile may take.
    """
    image = image_of(candidate)
    if image.dockerfile is not None:
        with _room(cache(world)) as room:
            yield _own(candidate, image, world, room, within=within)
    else:
        yield assembling.assembled(candidate, image, world)


@contextmanager
def _room(cache: Path) -> Iterator[Path]:
    """A folder for what the engine gives, gone when the block ends.  Raises ``WorldFailed``."""
    from mlops_gitops.adapters.image_engine import writing

    with writing(cache):
        made = tempfile.TemporaryDirectory(dir=cache, prefix="engine-")
    with made as name:
        yield Path(name)


def pushed(built: Built, host: str, path: str, *, world: World) -> Placed:
    """The image in a registry, with what is said about it."""
    repository = "/".join(filter(None, (path, built.candidate.model.name)))
    who = registry_credentials.of(host, environ=world.environ, pushed_to=True)
    done = image_push.push(
        Session(host, who, writes=True),
        repository,
        built.content,
        tag=built.tag,
        attachments=built.attachments,
        progress=world.progress,
    )
    return Placed(f"{host}/{repository}", done)


def loaded(built: Built, world: World) -> str:
    """The image in the engine, by a name that says its content; the name."""
    from mlops_gitops.adapters import image_engine

    name = f"{built.candidate.model.name}:{built.tag}"
    world.progress(f"loading {name}")
    image_engine.load(image_engine.connected(world.environ), built.content, name=name)
    return name


def document(
    built: Built, placed: Placed | None, name: str | None, known: Advised | None, world: World
) -> dict[str, canonical.JSON]:
    """What was built, as JSON."""
    model, image = built.candidate.model, built.content.image
    states = {} if placed is None else placed.states
    return {
        "model": model.name,
        "version": model.version,
        "pattern": model.serving.pattern,
        "digest": image.digest,
        "id": image.id,
        "inputs": f"sha256:{built.candidate.made_of.digest}",
        "base": built.base,
        "size": image.size,
        "layers": [
            {
                "title": built.titles.get(one.digest, "base"),
                "digest": one.digest,
                "size": one.size,
                "state": states.get(one.digest),
            }
            for one in image.layers
        ],
        "pushed": None if placed is None else _placed(built, placed),
        "loaded": name,
        "findings": [
            {"rule": one.rule, "severity": one.severity.value, "location": str(one.location), "message": one.message}
            for one in (*built.findings, *(known.findings if known else ()))
        ],
        "vulnerabilities": advised.document(known, world) if known else None,
    }


def _placed(built: Built, placed: Placed) -> canonical.JSON:
    return {
        "reference": f"{placed.name}@{built.content.image.digest}",
        "new": placed.pushed.new,
        "blobs": len(placed.pushed.traffic.sent),
        "bytes": placed.pushed.traffic.bytes_sent,
        "attached": [
            {"mediaType": one.media_type, "digest": digest}
            for one, digest in zip(built.attachments, placed.pushed.attached, strict=True)
        ],
    }


def _own(candidate: Candidate, image: ServingImage, world: World, room: Path, *, within: float) -> Built:
    """The image of a Dockerfile of the model's own."""
    from mlops_gitops.adapters import container_owners, dockerfiles, image_engine

    model, made_of, recipe = candidate.model, candidate.made_of, str(image.dockerfile)
    when = created(candidate, world)
    labels = origin.labels(model, made_of, source=candidate.source, base=None, base_digest=None, created=when)
    client = image_engine.connected(world.environ)
    world.progress(f"building {recipe}")
    name = f"{model.name}:{container_owners.tag()}"
    dockerfiles.built(
        client, candidate.folder, recipe, labels=labels, name=name, platform=image.platform, within=within
    )
    content = image_engine.taken(client, name, room=room)
    layers = [bases.Streamed(content.streams[one.digest]()) for one in content.image.layers]
    facts = bases.looked_through(layers, of=recipe)
    made = Materials((), {model.lock: candidate.dependencies}, None, {}, facts.installed)
    told = (*warnings(candidate), *of_base(candidate, facts, python=None, at="dockerfile"))
    return Built(candidate, content, {}, attachments(candidate, content, made, world), None, told, facts)
