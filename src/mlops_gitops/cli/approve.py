"""``approve``: a person's signed yes, or no, to one release in one environment."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import publish
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.promotion import short

EXAMPLE = """
mlops-gitops approve flight-delays --to prod --key file2:keys/grace.pem
mlops-gitops approve flight-delays --to prod --reject --comment "the night flights are off"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model")
    parser.add_argument("--to", metavar="ENV", required=True, help="the environment that it may enter")
    parser.add_argument("--release", help="an id, its beginning, or a version (default: the one that would move next)")
    parser.add_argument("--reject", action="store_true", help="say no; it also withdraws an approval of yours")
    parser.add_argument("--comment", default="", help="kept with the signature, and shown")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Sign, publish, and tell."""
    repository = session.written(arguments, world)
    verb = "rejects" if arguments.reject else "approves"
    settled = publish.approve(
        repository,
        model=arguments.model,
        environment=arguments.to,
        release=arguments.release,
        signer=session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust),
        verdict=Verdict.FAIL if arguments.reject else Verdict.PASS,
        comment=arguments.comment or f"{verb} it",
        now=world.now,
    )
    said = settled.result
    if arguments.format == "json":
        document = {
            "result": "signed" if said.digest else "nothing-to-do",
            "signer": said.signer,
            "verdict": "fail" if arguments.reject else "pass",
            "model": arguments.model,
            "environment": arguments.to,
            "release": said.release,
            "version": said.version,
            "evidence": said.digest,
            "commit": settled.commit,
            "note": said.note,
        }
        world.print(json.dumps(document, indent=2))
        return 0
    already = "" if said.digest else " already; nothing to do"
    world.print(
        f"{said.signer} {verb} {arguments.model} {said.version} ({short(said.release)}) for {arguments.to}{already}"
    )
    if said.note:
        world.print(f"  note: {said.note}")
    if settled.commit:
        world.print(f"  evidence {short(said.digest)}, commit {short(settled.commit)}")
    return 0
