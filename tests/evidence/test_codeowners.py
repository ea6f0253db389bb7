"""CODEOWNERS as GitHub reads it.  The table of patterns follows the examples of its documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_gitops.evidence import codeowners
from mlops_gitops.evidence.codeowners import Line, matches, owners_of, parse

MATCHES = [
    ("*", ["a", "a/b/c.py"], []),
    ("*.js", ["a.js", "web/a.js"], ["a.jsx", "js"]),
    ("/build/logs/", ["build/logs/a", "build/logs/b/c"], ["build/logs", "web/build/logs/a"]),
    ("docs/*", ["docs/start.md"], ["docs/build/app.md", "web/docs/a.md", "docs"]),
    ("apps/", ["apps/a", "web/apps/a/b"], ["apps", "myapps/a"]),
    ("/docs/", ["docs/a", "docs/a/b"], ["web/docs/a"]),
    ("/apps/github", ["apps/github", "apps/github/a"], ["apps/github2", "web/apps/github"]),
    ("**/logs", ["logs", "logs/a", "deep/down/logs/a", "build/logs"], ["logs2/a"]),
    ("docs/**", ["docs/a", "docs/a/b"], ["docs", "web/docs/a"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/c"], ["a/xb", "x/a/b"]),
    ("/*", ["README.md"], ["docs/a.md"]),
    ("**", ["a", "a/b"], []),
    ("environments/prod", ["environments/prod/m/release.yaml"], ["environments/production/m/release.yaml"]),
    ("/environments/*/m/", ["environments/prod/m/release.yaml"], ["environments/prod/n/release.yaml"]),
    ("a?c", ["abc", "x/abc/d"], ["ac", "a/c"]),
    (r"with\ space/", ["with space/a"], ["with/space/a"]),
    (r"star\*", ["star*"], ["stars"]),
    ("README", ["README", "docs/README"], ["readme", "README.md"]),
    ("a**b", ["axxb", "ab"], ["a/b"]),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), MATCHES, ids=[one[0] for one in MATCHES])
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not matches(pattern, path)] == []
    assert [path for path in no if matches(pattern, path)] == []


FILE = b"""# who owns what
*                 @ada-example
*.md              @grace-example docs@example.com   # and a word about it
/trust/           @example-org/platform\r
/trust/drafts/
!/trust/          @eve-example
/[ab]/            @eve-example
\\#notes           @eve-example
/broken/          @eve-example not-an-owner
/broken2/         @eve-example;id
/                 @eve-example
"""


def test_the_last_line_that_matches_counts_and_broken_ones_are_skipped() -> None:
    lines = parse(FILE)
    assert owners_of("src/a.py", lines) == ("@ada-example",)
    assert owners_of("docs/a.md", lines) == ("@grace-example", "docs@example.com")
    assert owners_of("trust/signers.yaml", lines) == ("@example-org/platform",)
    assert owners_of("trust/drafts/a", lines) == ()
    for path in ("a/x", "#notes", "broken/x", "broken2/x"):
        assert owners_of(path, lines) == ("@ada-example",), path
    assert "@eve-example" not in {owner for line in lines for owner in line.owners}


def test_only_the_first_of_three_places_is_read() -> None:
    files = {"docs/CODEOWNERS": b"* @eve-example", "CODEOWNERS": b"* @ada-example"}
    assert codeowners.read(files.get) == (Line("*", ("@ada-example",)),)
    assert codeowners.read({**files, ".github/CODEOWNERS": b""}.get) == ()
    assert codeowners.read({}.get) is None
    assert codeowners.read({"CODEOWNERS": b"# " + b"x" * 3_000_000}.get) is None


def test_a_line_ends_where_git_says_and_nowhere_else() -> None:
    """Other characters that Python takes for line ends would let one comment become an owner."""
    for character in ("\v", "\f", "\x1c", "\u0085", "\u2028"):
        assert parse(f"# old{character}* @eve-example\n".encode()) == ()


def test_every_different_set_of_owners_is_one_demand() -> None:
    lines = parse(b"/a/ @ada-example\n/b/ @grace-example @ada-example\n/c/\n")
    found = codeowners.sets_of(["a/1", "b/1", "a/2", "c/1", "d/1"], lines)
    assert found == (("@ada-example",), ("@grace-example", "@ada-example"))


def test_many_stars_end() -> None:
    assert not matches("*a" * 2000 + "b", "a" * 4000)


@given(st.binary(max_size=200), st.text(min_size=1, max_size=30))
def test_any_bytes_are_read(data: bytes, path: str) -> None:
    owners = owners_of(path, parse(data))
    assert all("@" in one for one in owners)


NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join)


@given(NAMES, NAMES)
def test_a_plain_anchored_pattern_is_a_path_or_a_folder_above_it(pattern: str, path: str) -> None:
    assert matches(f"/{pattern}", path) == (path == pattern or path.startswith(f"{pattern}/"))
