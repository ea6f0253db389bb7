"""``plan``: which models a change touches, and why; the jobs that have to look at them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused

if TYPE_CHECKING:
    from mlops_gitops.adapters.git_changes import Clone
    from mlops_gitops.manifests.reach import Reach

EXAMPLE = """
mlops-gitops plan --base origin/main
mlops-gitops plan --all --jobs 20 --format json
"""
_MOST_JOBS = 256


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument(
        "--base", metavar="REF", help="what the change will be merged into: measured from where it left"
    )
    parser.add_argument("--since", metavar="REF", help="an earlier commit of the same branch: measured from it")
    parser.add_argument("--all", action="store_true", help="every model, whatever changed")
    parser.add_argument("--head", metavar="REF", default="HEAD", help="the commit with the change (default: HEAD)")
    parser.add_argument(
        "--tip",
        metavar="COMMIT",
        help="with --base: where --head is the merge of this commit, its other side is the base",
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=_MOST_JOBS, help=f"at most so many jobs (default: {_MOST_JOBS})"
    )


def run(arguments: argparse.Namespace, world: World) -> int:
    """Compare, and tell."""
    from mlops_gitops.adapters.git_changes import Clone
    from mlops_gitops.reporting import plan as report

    if sum([arguments.all, arguments.base is not None, arguments.since is not None]) != 1:
        raise Misused(
            "name --base REF, --since REF or --all", hint="mlops-gitops plan --base origin/main", code="usage"
        )
    if not 0 < arguments.jobs <= _MOST_JOBS:
        raise Misused(
            f"--jobs {arguments.jobs}: GitHub runs at most {_MOST_JOBS} jobs of a matrix",
            hint=f"give --jobs a number from 1 to {_MOST_JOBS}",
            code="usage",
        )
    clone = Clone(world.cwd, world.environ)
    cut = clone.is_cut  # asked first: outside of a repository, nothing else makes sense
    head = clone.needed(arguments.head)
    base = None if arguments.all else _base(arguments, clone, head, cut=cut)
    found = _reach(clone, base, head)
    if arguments.format == "json":
        document = report.document(found, base=base, head=head, jobs=arguments.jobs)
        world.print(json.dumps(document, indent=2))
    else:
        world.print(report.text(found))
    return EXIT_DONE


def _base(arguments: argparse.Namespace, clone: Clone, head: str, *, cut: bool) -> str | None:
    """The commit to compare with; ``None``, for every model, where a branch was rewritten and what it was is gone."""
    if arguments.since is not None:
        return clone.needed(arguments.since) if cut else clone.commit(arguments.since)
    parents = clone.parents(head) if arguments.tip else ()
    if len(parents) == 2 and parents[1] == arguments.tip:  # noqa: PLR2004 - GitHub's merge of a pull request
        return clone.needed(parents[0])
    return clone.fork_point(clone.needed(arguments.base), head)


def _reach(clone: Clone, base: str | None, head: str) -> Reach:
    from mlops_gitops.adapters.git_changes import Range
    from mlops_gitops.manifests import reach

    models = clone.models(head)
    if base is None:
        return reach.everything(models, reach.Reason("", "all were asked for"))
    return reach.reach(clone.changed(Range(base, head)), models)
