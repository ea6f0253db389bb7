"""``schema``: the JSON Schema of a document or of what a verb prints, for editors and other tools."""

from __future__ import annotations

import argparse

from mlops_gitops.cli.main import VERBS
from mlops_gitops.cli.world import World
from mlops_gitops.manifests import schema

EXAMPLE = """
mlops-gitops schema model > model.schema.json
mlops-gitops schema output/promote
"""
DOCUMENTS = (*schema.KINDS.values(), "policy-input", "profile", "partial-profile")
OUTPUTS = (*(f"output/{name}" for name in VERBS if name != "schema"), "output/error")
"""What each verb prints with ``--format json``; and what any of them prints instead where it came to no answer."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    printed = ", ".join(name.removeprefix("output/") for name in OUTPUTS)
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=(*DOCUMENTS, *OUTPUTS),
        help=f"a document ({', '.join(DOCUMENTS)}), or output/NAME for what is printed with --format json ({printed})",
    )


def run(arguments: argparse.Namespace, world: World) -> int:
    """Print the schema, which is JSON in either format."""
    world.print(schema.source(arguments.kind).rstrip("\n"))
    return 0
