"""Whom an Action speaks to, with which token and which key: settings for the verb's environment, and nowhere else.

**A token goes nowhere by accident.**  It is shown to the repository that an input names, never to one that a file of
the checkout names: a pull request could change that file.  The token that every workflow has is shown to the GitHub
that runs it and to no other, which ``adapters/github_address`` holds.
"""

from __future__ import annotations

from mlops_gitops.actions.declaration import Action, Call
from mlops_gitops.actions.inputs import contradiction

_KEY = "MG_SIGNING_KEY"
_TOKEN = "MG_GITHUB_TOKEN"  # noqa: S105 - the name of a variable


def environ(action: Action, call: Call) -> dict[str, str]:
    """What the verb's environment gets.  Raises ``Misused`` where a token would go to somebody who is not named."""
    return {**_token(action, call), **_key(call)}


def words(action: Action, call: Call) -> list[str]:
    """The options that go with it: the repository where no input names it, and the key."""
    texts, found = call.inputs.texts, []
    if action.at_home and not texts["environments"] and call.settings.home:
        found += ["--environments", call.settings.home]
    if texts.get("signing-key"):
        return [*found, "--key", f"env:{_KEY}"]
    return [*found, "--key", texts["key"]] if texts.get("key") else found


def _key(call: Call) -> dict[str, str]:
    signing, named = call.inputs.texts.get("signing-key"), call.inputs.texts.get("key")
    if signing and named:
        raise contradiction(
            "the inputs `signing-key` and `key` both name a key",
            "give `signing-key` the key itself, from a secret, or `key` the URI of a key service",
        )
    return {_KEY: signing + "\n"} if signing else {}


def _token(action: Action, call: Call) -> dict[str, str]:
    token = call.inputs.texts.get("token")
    if not token:
        return {}
    url = call.inputs.texts["environments"] or (call.settings.home if action.at_home else "")
    if not url:
        raise contradiction(
            "the input `token` is given without `environments`, so there is no URL to show it to",
            "give `environments` the https:// URL of the environment repository",
        )
    from mlops_gitops.adapters import git_credentials, github_address

    shown = git_credentials.for_url(url, token, call.world.environ)
    ours = {_TOKEN: token}
    return ours if github_address.address(url, {**call.world.environ, **ours}) is not None else shown
