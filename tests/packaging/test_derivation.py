"""The registry is a view: applied once it is right, applied twice it is left alone, from wherever it started."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.derivation import (
    ENVIRONMENT_TAG,
    RELEASE_TAG,
    Change,
    DeleteAlias,
    DeleteTag,
    Placement,
    Registered,
    SetAlias,
    SetTag,
    alias_problem,
    changes,
)

ENVIRONMENTS = ("dev", "staging", "prod")
MANAGED = frozenset(ENVIRONMENTS)
TAGS = frozenset({"environment"})


def placed(environment: str, version: str, *, name: str = "m", promotion: str = "p") -> Placement:
    tags = (("environment", environment),)
    return Placement(environment, name, f"r{version}", promotion, name, version, environment, tags)


def applied(actual: dict[str, Registered], made: Sequence[Change]) -> dict[str, Registered]:
    aliases = {name: dict(found.aliases) for name, found in actual.items()}
    tags = {name: {version: dict(t) for version, t in found.tags.items()} for name, found in actual.items()}
    for change in made:
        match change:
            case SetAlias(name, alias, version):
                aliases.setdefault(name, {})[alias] = version
            case DeleteAlias(name, alias):
                del aliases[name][alias]
            case SetTag(name, version, key, value):
                tags.setdefault(name, {}).setdefault(version, {})[key] = value
            case DeleteTag(name, version, key):
                del tags[name][version][key]
    return {name: Registered(aliases.get(name, {}), tags.get(name, {})) for name in aliases.keys() | tags.keys()}


NAMES, VERSIONS = st.sampled_from(["m", "n"]), st.sampled_from(["1", "2", "3"])
PLACEMENTS = st.lists(
    st.builds(
        lambda environment, version, name, promotion: placed(environment, version, name=name, promotion=promotion),
        st.sampled_from(ENVIRONMENTS), VERSIONS, NAMES, st.sampled_from(["p", "q"]),
    ),
    unique_by=lambda one: (one.environment, one.name),
)  # fmt: skip
KEYS = st.sampled_from(["environment", "note", RELEASE_TAG, *(ENVIRONMENT_TAG + name for name in ENVIRONMENTS)])
ACTUAL = st.dictionaries(
    NAMES,
    st.builds(
        Registered,
        st.dictionaries(st.sampled_from([*ENVIRONMENTS, "somebody-elses"]), VERSIONS),
        st.dictionaries(VERSIONS, st.dictionaries(KEYS, st.sampled_from(["prod", "r1", "p"]))),
    ),
)


@given(PLACEMENTS, ACTUAL)
def test_applying_the_changes_leaves_none(placements: list[Placement], actual: dict[str, Registered]) -> None:
    made = changes(placements, actual, aliases=MANAGED, tags=TAGS)
    after = applied(actual, made)
    assert changes(placements, after, aliases=MANAGED, tags=TAGS) == ()
    for one in placements:
        assert after[one.name].aliases[one.environment] == one.version
        assert after[one.name].tags[one.version][ENVIRONMENT_TAG + one.environment] == one.promotion
        assert after[one.name].tags[one.version][RELEASE_TAG] == one.release
    wanted = {(one.name, one.environment) for one in placements}
    for name, found in after.items():
        assert {(name, alias) for alias in found.aliases if alias in MANAGED} == {w for w in wanted if w[0] == name}


@given(PLACEMENTS, ACTUAL, st.data())
def test_a_run_that_was_killed_is_finished_by_the_next(
    placements: list[Placement], actual: dict[str, Registered], data: st.DataObject
) -> None:
    made = changes(placements, actual, aliases=MANAGED, tags=TAGS)
    half = applied(actual, made[: data.draw(st.integers(0, len(made)))])
    whole = applied(half, changes(placements, half, aliases=MANAGED, tags=TAGS))
    assert whole == applied(actual, made)


@given(PLACEMENTS, ACTUAL)
def test_what_others_own_is_left_alone(placements: list[Placement], actual: dict[str, Registered]) -> None:
    for change in changes(placements, actual, aliases=MANAGED, tags=TAGS):
        if isinstance(change, SetAlias | DeleteAlias):
            assert change.alias in MANAGED
        else:
            assert change.key in TAGS or change.key.startswith("mlops-gitops.")
        if isinstance(change, DeleteTag):
            assert change.key != RELEASE_TAG


@given(st.lists(st.tuples(PLACEMENTS, st.integers(0, 20)), min_size=1, max_size=5), PLACEMENTS)
def test_killed_runs_leave_nothing_behind(history: list[tuple[list[Placement], int]], last: list[Placement]) -> None:
    """Whatever was begun before, the end is what one run on an empty registry makes, but for the releases of old."""
    actual: dict[str, Registered] = {}
    for placements, stop in history:
        actual = applied(actual, changes(placements, actual, aliases=MANAGED, tags=TAGS)[:stop])
    end = applied(actual, changes(last, actual, aliases=MANAGED, tags=TAGS))
    clean = applied({}, changes(last, {}, aliases=MANAGED, tags=TAGS))

    def shown(state: dict[str, Registered]) -> set[tuple[str, ...]]:
        tags = ((n, v, k, t) for n, f in state.items() for v, all_ in f.tags.items() for k, t in all_.items())
        aliases = ((n, a, v) for n, f in state.items() for a, v in f.aliases.items())
        return {*(tag for tag in tags if tag[2] != RELEASE_TAG), *aliases}

    assert shown(end) == shown(clean)


def test_a_promotion_moves_alias_and_tags_and_says_no_more() -> None:
    actual = applied({}, changes([placed("prod", "1")], {}, aliases=MANAGED, tags=TAGS))
    assert changes([placed("prod", "2")], actual, aliases=MANAGED, tags=TAGS) == (
        SetAlias("m", "prod", "2"),
        DeleteTag("m", "1", "environment"),
        DeleteTag("m", "1", ENVIRONMENT_TAG + "prod"),
        SetTag("m", "2", ENVIRONMENT_TAG + "prod", "p"),
        SetTag("m", "2", RELEASE_TAG, "r2"),
        SetTag("m", "2", "environment", "prod"),
    )


def test_the_later_environment_names_a_version_that_runs_in_both() -> None:
    made = changes([placed("staging", "1"), placed("prod", "1")], {}, aliases=MANAGED)
    assert SetTag("m", "1", "environment", "prod") in made
    assert {change.alias for change in made if isinstance(change, SetAlias)} == {"staging", "prod"}


def test_one_alias_cannot_be_in_two_places() -> None:
    one = Placement("dev", "m", "r1", "p", "m", "1", "champion")
    two = Placement("prod", "m", "r2", "p", "m", "2", "champion")
    with pytest.raises(Refused, match="champion"):
        changes([one, two], {}, aliases=frozenset({"champion"}))
    assert changes([one, Placement("prod", "m", "r1", "p", "m", "1", "champion")], {}, aliases=frozenset())


@pytest.mark.parametrize("alias", ["prod", "champion", "prod_2", "v1a", "latest-1"])
def test_aliases_that_mlflow_accepts(alias: str) -> None:
    assert alias_problem(alias) is None


@pytest.mark.parametrize("alias", ["", "champion@prod", "a b", "latest", "LATEST", "v1", "V22", "a" * 256, "é", "a\n"])
def test_aliases_that_mlflow_refuses(alias: str) -> None:
    assert alias_problem(alias)
