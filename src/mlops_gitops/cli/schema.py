"""``schema``: the JSON Schema of a document, for editors and other tools."""

from __future__ import annotations

import argparse

from mlops_gitops.cli.world import World
from mlops_gitops.manifests import schema

EXAMPLE = """
mlops-gitops schema model > model.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("kind", choices=tuple(schema.KINDS.values()), help="which document")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Print the schema, which is JSON in either format."""
    world.print(schema.source(arguments.kind).rstrip("\n"))
    return 0
