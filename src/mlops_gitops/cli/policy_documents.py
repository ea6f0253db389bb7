"""What ``policy`` prints: the document that gates in CEL see, and how the cases beside a policy come out."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mlops_gitops import times
from mlops_gitops.adapters.folder import Folder
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Failure, Misused, Refused
from mlops_gitops.evidence import policy_cases, policy_input
from mlops_gitops.evidence.policy_cases import Difference
from mlops_gitops.evidence.policy_input import TooLarge
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.policy_tests import FILE, PolicyTests, TestCase
from mlops_gitops.promotion import layout, plan
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import policy as report
from mlops_gitops.reporting.policy import CaseResult


def show(arguments: argparse.Namespace, world: World) -> int:
    """Print the document of a model in an environment, which is JSON in either format."""
    repository = session.repository(arguments, world)
    tree = repository.fetch()
    now = world.now()
    if arguments.at:
        now = _instant(arguments.at)
        tree = repository.at(arguments.at, tree.commit)
    snapshot = Snapshot(tree)
    session.require_model(snapshot, arguments.model)
    environment = snapshot.environment(arguments.environment)
    release = (
        snapshot.find_release(arguments.model, arguments.release)
        if arguments.release
        else snapshot.candidate(arguments.model, environment)
    )
    world.print(json.dumps(_seen(snapshot, environment, arguments.model, release, now=now), indent=2, sort_keys=True))
    return 0


def _seen(snapshot: Snapshot, environment: Environment, model: str, release: str, *, now: datetime) -> dict[str, JSON]:
    """What the gates would see of a release.  Raises ``Refused`` where no document can hold it."""
    case = plan.situation(snapshot, model=model, environment=environment.name, release=release)
    current = case.slot.current
    case = replace(case, previous=snapshot.release(model, current) if current else None)
    try:
        return policy_input.document(plan.gate_case(case, now=now))
    except TooLarge as error:
        raise Refused(
            f"release {release[:12]} cannot be shown to expressions: {error}",
            hint="every gate in CEL fails for it; make it smaller, or waive them",
            code="policy-input",
        ) from error


def _instant(text: str) -> datetime:
    try:
        return times.parse_instant(text)
    except ValueError as error:
        raise Misused(str(error), hint="write it in UTC, such as 2026-12-01T00:00:00Z", code="time") from error


def test(arguments: argparse.Namespace, world: World) -> int:
    """Run every case and print what came out otherwise; 1 where something did."""
    root = world.cwd / arguments.directory
    tree = Folder(root)
    names = arguments.names or [
        one for one in tree.names("environments") if tree.read(f"environments/{one}/{FILE}") is not None
    ]
    if not names:
        raise Misused(
            f"there are no tests of a policy below {arguments.directory}/environments",
            hint=f"write environments/ENV/{FILE}, or name the checkout with --directory",
            code="no-policy-tests",
        )
    for name in names:
        layout.name(name, "an environment")
    results = [result for name in names for result in _environment(tree, name, root, world)]
    if arguments.format == "json":
        world.print(json.dumps(report.tests_document(results), indent=2))
    else:
        world.print(report.tests_text(results))
    return Refused.exit_code if any(one.failures for one in results) else 0


def _environment(tree: Folder, name: str, root: Path, world: World) -> list[CaseResult]:
    snapshot = Snapshot(tree)
    environment = snapshot.environment(name)
    path = f"environments/{name}/{FILE}"
    data = tree.read(path)
    if data is None:
        raise Misused(f"there is no {path}", hint="write it, or name another environment", code="no-policy-tests")
    file = root / path
    shown = str(file.relative_to(world.cwd)) if file.is_relative_to(world.cwd) else str(file)
    opened = reading.opened("policy-tests", data, path=shown)
    tests: PolicyTests = reading.record("policy-tests", opened)
    return [_case(index, one, environment, snapshot, opened) for index, one in enumerate(tests.cases)]


def _case(index: int, case: TestCase, environment: Environment, snapshot: Snapshot, opened: Document) -> CaseResult:
    at = ("spec", "cases", index)
    try:
        start = (
            policy_cases.example(environment)
            if case.release is None
            else _seen(snapshot, environment, *case.release, now=case.now)
        )
    except Failure as failure:
        found: tuple[Difference, ...] = (Difference("input", "a release", failure.message),)
    else:
        found = policy_cases.run(case, environment, start)
    failures = tuple((opened.location((*at, "expect", one.gate)), one) for one in found)
    return CaseResult(environment.name, case.name, opened.location((*at, "name")), failures)
