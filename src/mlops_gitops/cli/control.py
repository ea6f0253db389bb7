"""``control``: stop a release, stop an environment, or set a gate aside; always with who, why and until when."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import controls, publish
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle

EXAMPLE = """
mlops-gitops control hold flight-delays --in prod --reason "wait for the audit" --until 2026-12-01T00:00:00Z
mlops-gitops control veto flight-delays --in prod --release 1.2.0 --reason "trained on the wrong months"
mlops-gitops control waive flight-delays --in dev --release 1.1.0 --gate scan --reason "…" --until 2026-12-01T00:00:00Z
mlops-gitops control lift hold-0a1b2c3d4e5f flight-delays --in prod
"""

KINDS = {
    "hold": "nothing, or not this release, may enter until it is lifted",
    "veto": "this release may never enter",
    "freeze": "nothing may enter until a time",
    "waive": "set one gate aside for one release until a time, signed",
    "lift": "remove a control",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options: one sub-command for each kind."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, purpose in KINDS.items():
        described = f"{purpose[0].upper()}{purpose[1:]}."
        one = kinds.add_parser(kind, help=purpose, description=described, allow_abbrev=False)
        one.add_argument(
            "--format", choices=("text", "json"), default=argparse.SUPPRESS, help="how to print (default: text)"
        )
        if kind == "lift":
            one.add_argument("id", metavar="ID", help="the control, as `explain` and `status` show it")
        one.add_argument("model", metavar="MODEL", help="the model")
        one.add_argument("--in", dest="environment", metavar="ENV", required=True, help="the environment")
        if kind != "lift":
            _describe(one, kind)
        session.add_repository_options(one)
        if kind == "waive":
            session.add_key_option(one)
        else:
            one.add_argument("--by", help="who does it (default: $GITHUB_ACTOR, else $USER)")


def _describe(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--reason", required=True, help="why; it is shown to whoever is stopped by it")
    parser.add_argument(
        "--until",
        metavar="TIME",
        required=kind in {"freeze", "waive"},
        help="when it ends, such as 2026-12-01T00:00:00Z",
    )
    parser.add_argument("--release", required=kind in {"veto", "waive"}, help="an id, its beginning, or a version")
    if kind == "waive":
        parser.add_argument("--gate", required=True, help="the gate that is set aside: a kind of evidence, or a name")


def run(arguments: argparse.Namespace, world: World) -> int:
    """Write or lift it, and tell."""
    settled = _waive(arguments, world) if arguments.kind == "waive" else _change(arguments, world)
    word = "lifted" if arguments.kind == "lift" else "written"
    if arguments.format == "json":
        document = {
            "result": word if settled.commit else "nothing-to-do",
            "model": arguments.model,
            "environment": arguments.environment,
            "control": settled.result,
            "commit": settled.commit,
        }
        world.print(json.dumps(document, indent=2))
    else:
        done = word if settled.commit else "there already; nothing to do"
        world.print(f"{settled.result} on {arguments.model} in {arguments.environment}: {done}")
    return 0


def _change(arguments: argparse.Namespace, world: World) -> Settled[str]:
    by = session.actor(arguments, world)
    lift = arguments.kind == "lift"
    until = session.later(arguments.until, world.now()) if not lift and arguments.until else None
    reason = "" if lift else session.because(arguments)

    def propose(tree: Tree) -> Proposal[str]:
        snapshot = Snapshot(tree)
        slot = snapshot.slot(arguments.environment, arguments.model)
        session.require_model(snapshot, arguments.model)
        if lift:
            message = f"Lift {arguments.id} on {arguments.model} in {arguments.environment}, by {by}\n"
            return Proposal(arguments.id, controls.lifting(slot, arguments.id), message)
        control = controls.new(
            arguments.kind,
            slot,
            release=snapshot.find_release(arguments.model, arguments.release) if arguments.release else None,
            by=by,
            reason=reason,
            since=world.now(),
            until=until,
        )
        message = f"{arguments.kind.capitalize()} {arguments.model} in {arguments.environment}, by {by}\n"
        return Proposal(control.id, controls.adding(slot, control), message)

    return settle(session.written(arguments, world), propose, now=world.now)


def _waive(arguments: argparse.Namespace, world: World) -> Settled[str]:
    repository = session.written(arguments, world)
    return publish.waive(
        repository,
        model=arguments.model,
        environment=arguments.environment,
        release=arguments.release,
        gate=arguments.gate,
        signer=session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust),
        reason=session.because(arguments),
        until=session.later(arguments.until, world.now()),
        now=world.now,
    )
