"""Where everything lies in the environment repository.

The only module that makes or takes apart its paths.  Names are checked before they become part of a path.
"""

from __future__ import annotations

import re

from mlops_gitops.errors import Misused

NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
DIGEST = re.compile(r"[0-9a-f]{64}")
TRUST = "trust/signers.yaml"
PROMOTIONS = "promote/"
"""What the names of the branches begin with that pull requests of promotions come from."""
APPEND_ONLY = ("releases", "evidence", "receipts", "seals")
"""Folders in which a file, once written, never changes and never goes."""


def name(text: str, what: str) -> str:
    """``text`` if it can be the name of a model or an environment.  Raises ``Misused``."""
    if NAME.fullmatch(text) is None:
        raise Misused(
            f"{text!r} cannot be the name of {what}",
            hint="a name is lower-case letters, digits and hyphens, at most 63 of them",
            code="name",
        )
    return text


def environment(env: str) -> str:
    """The policy of an environment."""
    return f"environments/{env}/environment.yaml"


def slot(env: str, model: str, target: str | None = None) -> str:
    """The folder of one model in one environment, or in one target inside it."""
    return f"environments/{env}/{model}" + (f"/targets/{target}" if target else "")


def pointer(env: str, model: str, target: str | None = None) -> str:
    """The one file that a promotion rewrites."""
    return f"{slot(env, model, target)}/release.yaml"


def overlay(env: str, model: str, target: str | None = None) -> str:
    """The human-owned overlay, written once."""
    return f"{slot(env, model, target)}/kustomization.yaml"


def target_of(path: str) -> tuple[str, str, str | None] | None:
    """The environment, model and target (``None``: the environment's own) of a pointer; ``None`` for other paths."""
    match path.split("/"):
        case ["environments", env, model, "release.yaml"]:
            return env, model, None
        case ["environments", env, model, "targets", name, "release.yaml"]:
            return env, model, name
    return None


def releases(model: str) -> str:
    """The folder of a model's releases."""
    return f"releases/{model}"


def release(model: str, digest: str) -> str:
    """One release."""
    return f"releases/{model}/{digest}.yaml"


def evidence(release_id: str) -> str:
    """The folder of the evidence about one release."""
    return f"evidence/{release_id}"


def receipts(env: str, model: str) -> str:
    """The folder of a slot's receipts."""
    return f"receipts/{env}/{model}"


def receipt(env: str, model: str, promotion: str) -> str:
    """One receipt."""
    return f"receipts/{env}/{model}/{promotion}.json"


def seals(env: str, model: str) -> str:
    """The folder of what completes a slot's receipts."""
    return f"seals/{env}/{model}"


def seal(env: str, model: str, promotion: str) -> str:
    """What completes the receipt of a promotion that came by a pull request."""
    return f"seals/{env}/{model}/{promotion}.json"


def promotion_branch(env: str, model: str) -> str:
    """The branch that holds what the pull request of a slot proposes."""
    return f"{PROMOTIONS}{env}/{model}"


def slot_of_branch(branch: str) -> tuple[str, str] | None:
    """The environment and the model whose promotion a branch proposes, or ``None`` where it is no such branch."""
    env, _, model = branch.removeprefix(PROMOTIONS).partition("/")
    ours = branch.startswith(PROMOTIONS) and NAME.fullmatch(env) and NAME.fullmatch(model)
    return (env, model) if ours else None


def controls(env: str, model: str) -> str:
    """The holds, vetoes, freezes and waivers of a slot."""
    return f"controls/{env}/{model}.yaml"
