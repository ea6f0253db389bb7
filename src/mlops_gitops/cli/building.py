"""A model on the way to its image: findings first, then base, packages, programs and model, and one digest at the end.

The artifact is measured and scanned before it is packed, as for a release, and nothing of it is loaded.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.adapters import image_bases, image_packages, image_push, registry, registry_credentials
from mlops_gitops.adapters.image_push import Attachment, Content
from mlops_gitops.adapters.registry_session import Session
from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import Candidate, artifact_path
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.findings import Finding, Severity
from mlops_gitops.manifests.model import ServingImage
from mlops_gitops.manifests.reading import Invalid
from mlops_gitops.manifests.release import Image
from mlops_gitops.manifests.rules import images as rules
from mlops_gitops.manifests.rules.subject import Subject
from mlops_gitops.packaging import digests, provenance
from mlops_gitops.packaging.image import assembly, bases, bill, layers, origin, packages, references, servers
from mlops_gitops.packaging.image.bases import Facts
from mlops_gitops.packaging.image.layers import File, Layer, Measured
from mlops_gitops.times import format_instant


@dataclass(frozen=True)
class Built:
    """An image, what each of its layers of ours is called, what is said about it, and what is wrong with its base."""

    candidate: Candidate
    content: Content
    titles: Mapping[str, str]
    attachments: tuple[Attachment, ...]
    base: str | None
    findings: tuple[Finding, ...]

    @property
    def tag(self) -> str:
        """A tag for people and for registries that remove what has none; it never moves, since it names the content."""
        version = self.candidate.model.version.replace("+", "_")
        return f"{version}-{self.content.image.digest[7:19]}"[:128]


def released(candidate: Candidate, text: str, world: World) -> Image:
    """The image that a release names: by digest, in its registry, and made of what the release is made of.

    Raises ``Misused`` where it is not named by digest, ``Refused`` where it is not there or was made of something else.
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
    described, _ = bases.opened(manifest, of=reference.exact)
    config = registry.fetched(talk, reference.repository, described, keep=_cache(world) / "blobs").read_bytes()
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
    errors = tuple(one for one in _found(candidate) if one.severity is Severity.ERROR)
    if errors:
        raise Invalid(errors)
    return image


@contextmanager
def built(candidate: Candidate, world: World) -> Iterator[Built]:
    """The image of a candidate.  What it is read from is there until the block ends."""
    image = image_of(candidate)
    if image.dockerfile is not None:
        with tempfile.TemporaryDirectory(dir=_cache(world), prefix="engine-") as room:
            yield _own(candidate, image.dockerfile, image.platform, world, Path(room))
    else:
        yield _assembled(candidate, image, world)


def pushed(built: Built, host: str, path: str, *, world: World) -> Placed:
    """The image in a registry, with what is said about it."""
    repository = "/".join(filter(None, (path, built.candidate.model.name)))
    who = registry_credentials.of(host, environ=world.environ, pushed_to=True)
    found = image_push.push(
        Session(host, who, writes=True),
        repository,
        built.content,
        tag=built.tag,
        attachments=built.attachments,
        progress=world.progress,
    )
    return Placed(f"{host}/{repository}", found)


def loaded(built: Built, world: World) -> str:
    """The image in the engine, by a name that says its content; the name."""
    from mlops_gitops.adapters import image_engine

    name = f"{built.candidate.model.name}:{built.tag}"
    world.progress(f"loading {name}")
    image_engine.load(image_engine.connected(world.environ), built.content, name=name)
    return name


def document(built: Built, placed: Placed | None, name: str | None) -> dict[str, canonical.JSON]:
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
            for one in built.findings
        ],
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


def _assembled(candidate: Candidate, image: ServingImage, world: World) -> Built:
    model, folder, cache = candidate.model, candidate.folder, _cache(world)
    opened = image_bases.opened(
        image.base or "", image.platform, cache=cache, environ=world.environ, progress=world.progress
    )
    exact = opened.reference.exact
    target = packages.target(
        image.platform.partition("/")[2], opened.facts, opened.base.config, wanted=image.python, of=exact
    )
    lock = provenance.located(image.lock or model.lock, folder=folder, root=candidate.root)
    installed = image_packages.of_lock(
        lock, target, cache=cache / "packages", environ=world.environ, progress=world.progress
    )
    made_of = candidate.made_of
    programs = Layer("prediction code", servers.files(model, own=_own_code(image.code, folder)))
    weights = Layer(f"model {model.version}", _weights(candidate))
    measured = [
        (installed.layer, installed.measured),
        (programs, layers.measured(programs)),
        (weights, _measured(weights, cache / "layers")),
    ]
    created = format_instant(provenance.committed(folder, world.environ, candidate.source.revision))
    settings = assembly.Settings(
        entrypoint=servers.entrypoint(model, opened.facts.pythons[target.python]),
        environment=servers.environment(model, inputs=made_of.digest),
        labels=origin.labels(
            model,
            made_of,
            source=candidate.source,
            base=opened.reference.name,
            base_digest=opened.reference.digest,
            created=created,
        ),
        created=created,
        ports=servers.ports(model),
    )
    made = assembly.assemble(opened.base, [(layer.title, measure) for layer, measure in measured], settings)
    streams = {measure.digest: functools.partial(layers.chunks, layer) for layer, measure in measured}
    streams |= {one.digest: functools.partial(_file, opened, one) for one in opened.base.layers}
    below = frozenset(one.digest for one in opened.base.layers)
    content = Content(made, streams, opened.reference.repository, opened.reference.registry, below)
    text = lock.read_text(encoding="utf-8", errors="replace")
    sbom = bill.bill(
        model,
        made,
        artifact=candidate.artifact,
        data=candidate.data,
        locked=packages.locked(text),
        base=opened.base,
        created=created,
    )
    said = origin.statement(
        model,
        made_of,
        image=made.digest,
        name=model.name,
        source=candidate.source,
        data=candidate.data,
        lock={image.lock or model.lock: canonical.sha256(lock.read_bytes())},
        base={opened.reference.name: opened.base.digest.removeprefix("sha256:")},
        builder=_builder(world),
        created=created,
    )
    return Built(
        candidate,
        content,
        {measure.digest: layer.title for layer, measure in measured},
        _attachments(sbom, said),
        exact,
        (*_warnings(candidate), *_of_base(candidate, opened.facts, target)),
    )


def _own(candidate: Candidate, recipe: str, platform: str, world: World, room: Path) -> Built:
    """The image of a Dockerfile of the model's own."""
    from mlops_gitops.adapters import image_engine

    model, made_of = candidate.model, candidate.made_of
    created = format_instant(provenance.committed(candidate.folder, world.environ, candidate.source.revision))
    labels = origin.labels(model, made_of, source=candidate.source, base=None, base_digest=None, created=created)
    client = image_engine.connected(world.environ)
    world.progress(f"building {recipe}")
    name = f"{model.name}:building-{made_of.digest[:12]}"
    image_engine.built(client, candidate.folder, recipe, labels=labels, name=name, platform=platform)
    content = image_engine.taken(client, name, room=room)
    sbom = bill.bill(
        model, content.image, artifact=candidate.artifact, data=candidate.data, locked=(), base=None, created=created
    )
    said = origin.statement(
        model,
        made_of,
        image=content.image.digest,
        name=model.name,
        source=candidate.source,
        data=candidate.data,
        lock={model.lock: candidate.dependencies},
        base={},
        builder=_builder(world),
        created=created,
    )
    return Built(candidate, content, {}, _attachments(sbom, said), None, _warnings(candidate))


def _attachments(sbom: bytes, said: bytes) -> tuple[Attachment, ...]:
    return (
        Attachment(bill.MEDIA_TYPE, sbom, "bill of materials"),
        Attachment(origin.MEDIA_TYPE, said, "provenance"),
    )


def _weights(candidate: Candidate) -> dict[str, File]:
    path = artifact_path(candidate.model, candidate.folder)
    return layers.of_artifact(path, candidate.artifact, place=servers.model_place(candidate.model), single=path.name)


def _own_code(code: tuple[str, ...], folder: Path) -> dict[str, File]:
    """The model's own code by its path beside the manifest.  Raises ``Refused`` for links and what lies elsewhere."""
    found: dict[str, File] = {}
    for one in code:
        path = folder / one
        if ".." in Path(one).parts or not path.resolve().is_relative_to(folder.resolve()):
            raise Refused(
                f"{one!r} leaves the model's folder", hint="keep code beside the manifest", code="path-outside"
            )
        for name in digests.names(path):
            if "__pycache__" not in name:
                whole = path if name == digests.SINGLE else path / name
                measure = digests.of_file(whole)
                found[whole.relative_to(folder).as_posix()] = File(whole, measure.size, measure.digest)
    return found


def _measured(layer: Layer, cache: Path) -> Measured:
    """The measures of a layer whose files are known by digest, which are computed once."""
    known: list[canonical.JSON] = [[name, one.digest, one.size] for name, one in sorted(layer.files.items())]
    place = cache / f"{canonical.digest(known)}.json"
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return Measured(kept["digest"], kept["size"])
    except (OSError, ValueError, KeyError, TypeError):
        found = layers.measured(layer)
    image_bases.write(place, json.dumps({"digest": found.digest, "size": found.size}).encode())
    return found


def _file(opened: image_bases.Opened, one: assembly.Descriptor) -> Iterator[bytes]:
    with opened.blob(one).open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _found(candidate: Candidate) -> list[Finding]:
    document = candidate.document
    subject = Subject(document.path, document.value, str(candidate.folder / "model.yaml"), str(candidate.root))
    return [document.finding(one) for one in rules.check(subject)]


def _warnings(candidate: Candidate) -> tuple[Finding, ...]:
    return tuple(one for one in _found(candidate) if one.severity is Severity.WARNING)


def _of_base(candidate: Candidate, facts: Facts, target: packages.Target) -> tuple[Finding, ...]:
    """What the base says of itself, against the releases that have ended."""
    system = (facts.release.get("ID", ""), facts.release.get("VERSION_ID", ""))
    said = [rules.end_of(*system), rules.end_of("python", target.python)]
    place = ("spec", "serving", "image", "base")
    return tuple(candidate.document.finding(rules.END_OF_LIFE.on(place, one)) for one in said if one is not None)


def _builder(world: World) -> str:
    return world.environ.get("GITHUB_WORKFLOW_REF") or "https://github.com/mlops-gitops/mlops-gitops/local"


def _cache(world: World) -> Path:
    cache = session.cache(world) / "images"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldFailed(
            f"{cache} cannot be written: {error.strerror}", hint="free some space, or set MG_CACHE", code="image-cache"
        ) from error
    return cache
