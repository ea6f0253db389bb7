"""``build``: the serving image of a model, by digest; into a registry, into an engine, or only to know its digest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.built_images import BuiltImage, remember
from mlops_gitops.cli.candidate import model_names, open_candidate
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused
from mlops_gitops.reporting import images

if TYPE_CHECKING:
    from mlops_gitops.adapters.advisory_databases import Database

_DAY = 86_400
EXAMPLE = """
mlops-gitops build flight-delays --push registry.example.com/models
mlops-gitops build --load
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="which models below models/ (default: all)")
    parser.add_argument(
        "--push",
        metavar="REGISTRY",
        help="push to REGISTRY[/PATH]/MODEL with bill of materials and provenance; no engine needed",
    )
    parser.add_argument("--load", action="store_true", help="load into the container engine (DOCKER_HOST)")
    parser.add_argument(
        "--within",
        metavar="SECONDS",
        type=_seconds,
        default=1800.0,
        help="how long a Dockerfile of the model's own may take (default: 1800)",
    )
    parser.add_argument(
        "--advisories",
        metavar="PATH",
        action="append",
        default=[],
        help="folder or zip of OSV records that the image's packages are compared with; repeatable (MG_ADVISORIES)",
    )
    parser.add_argument("--allow-dirty", action="store_true", help="build a work tree that differs from its commit")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Build each model's image, and tell its digest."""
    names = arguments.models or model_names(world)
    place = _place(arguments.push)
    with session.needing("build"):
        from mlops_gitops.cli import advised
    known = advised.databases(arguments.advisories, world)
    done = [_one(name, place, known, arguments, world) for name in names]
    if arguments.format == "json":
        world.print(json.dumps({"images": done}, indent=2))
    else:
        for one in done:
            world.print(images.text(one))
    return EXIT_DONE


def _seconds(text: str) -> float:
    """Raises what argparse tells."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < _DAY:
        raise argparse.ArgumentTypeError(f"seconds are a number above 0 and below a day, and not {text!r}")
    return found


def _place(text: str | None) -> tuple[str, str] | None:
    from mlops_gitops.packaging.image import references

    if text is None:
        return None
    try:
        return references.place(text)
    except ValueError as error:
        raise Misused(
            f"--push {text}: {error}", hint="write REGISTRY or REGISTRY/PATH, without a tag", code="usage"
        ) from error


def _one(
    name: str, place: tuple[str, str] | None, known: Sequence[Database], arguments: argparse.Namespace, world: World
) -> dict[str, JSON]:
    with session.needing("build"):
        from mlops_gitops.cli import advised, building

    candidate = open_candidate(name, world, allow_dirty=arguments.allow_dirty)
    with building.built(candidate, world, within=arguments.within) as built:
        found = advised.judged(built, known, world)
        pushed = building.pushed(built, *place, world=world) if place is not None else None
        loaded = building.loaded(built, world) if arguments.load else None
        if pushed is not None or loaded is not None:
            image = built.content.image
            made = BuiltImage(image.digest, image.id, pushed.name if pushed is not None else None, loaded)
            remember(candidate.made_of.digest, made, world)
        return building.document(built, pushed, loaded, found, world)
