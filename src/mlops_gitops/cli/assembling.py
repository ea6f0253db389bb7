"""An image without a Dockerfile: base, packages, programs and model as layers, and one digest at the end.

The artifact was measured and scanned before; nothing of it is loaded, and nothing of the image runs.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.adapters import image_bases, image_packages
from mlops_gitops.adapters.image_push import Content
from mlops_gitops.cli import built
from mlops_gitops.cli.built import Built, Materials
from mlops_gitops.cli.candidate import Candidate, artifact_path
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.manifests.serving import ServingImage
from mlops_gitops.packaging import digests, provenance
from mlops_gitops.packaging.image import assembly, inventory, layers, origin, packages, servers
from mlops_gitops.packaging.image.layers import File, Layer, Measured

Titled = tuple[Layer, Measured]


def assembled(candidate: Candidate, image: ServingImage, world: World) -> Built:
    """The image of ``candidate`` over the base that its manifest names."""
    folder, cache = candidate.folder, built.cache(world)
    opened = image_bases.opened(
        image.base or "", image.platform, cache=cache, environ=world.environ, progress=world.progress
    )
    facts = opened.facts
    target = packages.target(
        image.platform.partition("/")[2],
        facts,
        opened.base.config,
        wanted=image.python,
        of=opened.reference.exact,
    )
    lock = provenance.located(image.lock or candidate.model.lock, folder=folder, root=candidate.root)
    installed = image_packages.of_lock(
        lock, target, cache=cache / "packages", environ=world.environ, progress=world.progress
    )
    ours = [(installed.layer, installed.measured), *_own(candidate, image, cache)]
    settings = _settings(candidate, opened, facts.pythons[target.python], world)
    content = _content(opened, ours, settings)
    locks = {image.lock or candidate.model.lock: canonical.sha256(lock.read_bytes())}
    locked = packages.locked(lock.read_text(encoding="utf-8", errors="replace"))
    bases = {opened.reference.name: opened.base.digest.removeprefix("sha256:")}
    return Built(
        candidate,
        content,
        {measure.digest: layer.title for layer, measure in ours},
        built.attachments(candidate, content, Materials(locked, locks, opened.base, bases, facts.installed), world),
        opened.reference.exact,
        (*built.warnings(candidate), *built.of_base(candidate, facts, python=target.python, at="base")),
        facts,
        inventory.of_paths(installed.layer.files),
    )


def _own(candidate: Candidate, image: ServingImage, cache: Path) -> list[Titled]:
    """The two layers that change with the model: programs, and the artifact."""
    model = candidate.model
    programs = Layer("prediction code", servers.files(model, own=_own_code(image.code, candidate.folder)))
    weights = Layer(f"model {model.version}", _weights(candidate))
    return [(programs, layers.measured(programs)), (weights, _measured(weights, cache / "layers"))]


def _settings(candidate: Candidate, opened: image_bases.Opened, python: str, world: World) -> assembly.Settings:
    """How the container is started, and what is written on it."""
    model, created = candidate.model, built.created(candidate, world)
    return assembly.Settings(
        entrypoint=servers.entrypoint(model, python),
        environment=servers.environment(model, inputs=candidate.made_of.digest),
        labels=origin.labels(
            model,
            candidate.made_of,
            source=candidate.source,
            base=opened.reference.name,
            base_digest=opened.reference.digest,
            created=created,
        ),
        created=created,
        ports=servers.ports(model),
    )


def _content(opened: image_bases.Opened, ours: Sequence[Titled], settings: assembly.Settings) -> Content:
    """The image, with a way to read each of its layers."""
    made = assembly.assemble(opened.base, [(layer.title, measure) for layer, measure in ours], settings)
    streams = {measure.digest: functools.partial(layers.chunks, layer) for layer, measure in ours}
    streams |= {one.digest: functools.partial(_file, opened, one) for one in opened.base.layers}
    below = frozenset(one.digest for one in opened.base.layers)
    return Content(made, streams, opened.reference.repository, opened.reference.registry, below)


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
