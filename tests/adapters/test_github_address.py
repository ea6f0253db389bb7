from __future__ import annotations

import pytest

from mlops_gitops.adapters.github_address import Address, address, place_of
from mlops_gitops.errors import Misused

OURS = {"MG_GITHUB_TOKEN": "t0ken"}


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://github.com/org/environments", ("github.com", "org/environments")),
        ("https://github.com/org/environments.git", ("github.com", "org/environments")),
        ("https://ada:secret@github.com/org/environments.git/", ("github.com", "org/environments")),
        ("https://GitHub.com/org/environments", ("github.com", "org/environments")),
        ("git@github.com:org/environments.git", ("github.com", "org/environments")),
        ("ssh://git@github.com/org/environments.git", ("github.com", "org/environments")),
        ("ssh://git@ssh.github.com:443/org/environments.git", ("github.com", "org/environments")),
        ("https://git.example.com:8443/org/env.ironments", ("git.example.com:8443", "org/env.ironments")),
        ("/srv/environments.git", None),
        ("file:///srv/org/environments.git", None),
        ("https://github.com/org", None),
        ("https://github.com/org/environments/tree/main", None),
        ("https://github.com/org/..", None),
        ("C:/org/environments", ("c", "org/environments")),
    ],
)
def test_a_url_names_a_place_in_any_spelling(url: str, place: tuple[str, str] | None) -> None:
    assert place_of(url) == place


def test_github_is_taken_where_the_url_is_there_and_a_token_is_set() -> None:
    found = address("https://github.com/org/environments", OURS)
    assert found == Address("org/environments", "https://api.github.com", "https://api.github.com/graphql", "t0ken")
    assert address("https://github.com/org/environments", {}) is None
    assert address("https://git.example.com/org/environments", OURS) is None
    assert address("/srv/environments.git", OURS) is None
    assert address("https://github.com/org/environments", OURS, forge="none") is None


def test_the_token_is_in_no_repr() -> None:
    assert "t0ken" not in repr(address("https://github.com/org/environments", OURS))


def test_on_enterprise_server_the_addresses_of_the_runner_are_honoured() -> None:
    environ = {
        "GITHUB_SERVER_URL": "https://ghe.example.com",
        "GITHUB_API_URL": "https://ghe.example.com/api/v3",
        "GITHUB_GRAPHQL_URL": "https://ghe.example.com/api/graphql",
        "GITHUB_TOKEN": "runner",
    }
    found = address("git@ghe.example.com:org/environments.git", environ)
    assert found is not None
    assert (found.api, found.graphql, found.token) == (
        "https://ghe.example.com/api/v3",
        "https://ghe.example.com/api/graphql",
        "runner",
    )
    without = {name: value for name, value in environ.items() if not name.endswith(("API_URL", "GRAPHQL_URL"))}
    assert address("https://ghe.example.com/org/environments", without) == found


def test_the_token_of_a_runner_is_shown_to_its_own_github_only() -> None:
    environ = {"GITHUB_SERVER_URL": "https://ghe.example.com", "GITHUB_TOKEN": "runner"}
    environ["GITHUB_API_URL"] = "https://ghe.example.com/api/v3"
    assert address("https://github.com/org/environments", environ) is None
    found = address("https://github.com/org/environments", {**environ, **OURS})
    assert found is not None
    assert (found.api, found.token) == ("https://api.github.com", "t0ken")
    with pytest.raises(Misused, match="no token"):
        address("https://other.example.com/org/environments", {**environ, "GITHUB_API_URL": ""}, forge="github")


def test_hosts_that_nobody_named_are_taken_only_when_asked() -> None:
    found = address("https://ghe.example.com/org/environments", OURS, forge="github")
    assert found is not None
    assert found.api == "https://ghe.example.com/api/v3"
    assert found.graphql == "https://ghe.example.com/api/graphql"
    residency = address("https://octo.ghe.com/org/environments", OURS, forge="github")
    assert residency is not None
    assert residency.api == "https://api.octo.ghe.com"


@pytest.mark.parametrize(
    ("url", "environ", "words"),
    [
        ("/srv/environments.git", OURS, "not the URL"),
        ("https://github.com/org/environments", {}, "no token"),
        (
            "https://ghe.example.com/org/environments",
            {**OURS, "GITHUB_SERVER_URL": "https://ghe.example.com", "GITHUB_API_URL": "http://ghe.example.com/api/v3"},
            "in the clear",
        ),
        (
            "https://ghe.example.com/org/environments",
            {
                **OURS,
                "GITHUB_SERVER_URL": "https://ghe.example.com",
                "GITHUB_GRAPHQL_URL": "https://elsewhere.example.com/graphql",
            },
            "different hosts",
        ),
    ],
)
def test_what_cannot_be_had_is_told(url: str, environ: dict[str, str], words: str) -> None:
    with pytest.raises(Misused, match=words):
        address(url, environ, forge="github")


def test_a_forge_that_is_none_of_ours_is_told() -> None:
    with pytest.raises(Misused, match="no forge 'gitea'"):
        address("https://github.com/org/environments", OURS, forge="gitea")
