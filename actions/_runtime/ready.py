# ruff: noqa: INP001 - `launch` points Python at this file; it is no package
"""The Action itself, in a Python that has the packages, from the checkout that this file lies in."""

from __future__ import annotations

import os.path
import sys


def main(words: list[str]) -> int:
    """Run the Action that ``words`` name; this many imports and no more, because every step pays for them."""
    root = os.path.realpath(__file__).rsplit("/", 3)[0]
    sys.path.insert(0, f"{root}/src")
    from mlops_gitops.actions.__main__ import main as action

    return action(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
