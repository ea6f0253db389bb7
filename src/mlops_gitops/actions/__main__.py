"""``launch VERB``: what the one step of every composite Action ends in."""

from __future__ import annotations

import sys


def main(words: list[str]) -> int:
    """Run the Action that ``words`` names, in the world of this process."""
    from mlops_gitops.actions.run import ACTIONS, run
    from mlops_gitops.cli.world import World

    if len(words) != 1 or words[0] not in ACTIONS:
        sys.stderr.write(f"usage: launch ACTION, one of {', '.join(ACTIONS)}\n")
        return 2
    return run(words[0], World.of_process())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
