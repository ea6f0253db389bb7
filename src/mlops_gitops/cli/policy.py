"""``policy``: the document that gates in CEL are asked about, and the tests that lie beside a policy."""

from __future__ import annotations

import argparse

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World

EXAMPLE = """
mlops-gitops policy input flight-delays prod > input.json
mlops-gitops policy test
mlops-gitops policy test prod --directory ../environments
"""
KINDS = {
    "input": "print the document that gates in CEL are asked about, for another engine to judge",
    "test": "run the tests that lie beside the policies of a checkout of the environment repository",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's two kinds."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, purpose in KINDS.items():
        one = kinds.add_parser(
            kind, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", allow_abbrev=False
        )
        one.add_argument(
            "--format", choices=("text", "json"), default=argparse.SUPPRESS, help="how to print (default: text)"
        )
        if kind == "input":
            one.add_argument("model", metavar="MODEL", help="the model")
            one.add_argument("environment", metavar="ENV", help="the environment")
            one.add_argument(
                "--release", help="an id, its beginning, or a version (default: what runs upstream, or the newest)"
            )
            one.add_argument("--at", metavar="TIME", help="as it was then, such as 2026-11-21T12:00:00Z (default: now)")
            session.add_repository_options(one)
        else:
            one.add_argument("names", nargs="*", metavar="ENV", help="the environments (default: all that have tests)")
            one.add_argument(
                "--directory",
                default=".",
                metavar="DIR",
                help="a checkout of the environment repository (default: .)",
            )


def run(arguments: argparse.Namespace, world: World) -> int:
    """Print the document, or run the tests."""
    from mlops_gitops.cli import policy_documents  # late: --help needs no engine

    act = policy_documents.show if arguments.kind == "input" else policy_documents.test
    return act(arguments, world)
