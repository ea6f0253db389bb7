"""Rules in SQL: what they find, and everything that they cannot do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cancer import NOW, Project, find, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.sql import FUNCTIONS
from mlops_gitops.testing.data.suite import run_data_tests
from mlops_gitops.testing.engines import connections
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines.expressions import Forbidden, confined

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
COLUMNS = {"a": "DOUBLE", "n": "BIGINT", "s": "VARCHAR", "t": "TIMESTAMP", "d": "DATE", "b": "BOOLEAN", 'q"x': "BIGINT"}


def ruled(**rule: Any) -> Callable[[dict[str, Any]], object]:
    def change(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": {"rules": [{"name": "shape", **rule}]}}

    return change


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def test_a_rule_is_counted_row_by_row(project: Make, records: Records) -> None:
    train = records[0].copy()
    train["mean area"] = np.where(np.arange(len(train)) < 3, 1.0, train["mean area"])
    rule = "\"mean area\" >= 3 * \"mean radius\" and site in ('north', 'south', 'west')"
    made = project(ruled(expression=rule), train=train)
    found = one(report(made), "data.rule", "train.shape")
    assert found.verdict is Verdict.FAIL
    assert found.message == "shape is broken in 3 of 284 rows (1.06 %) of train; at most 0 % may be"
    assert made.line(found.location).startswith("expression:")
    assert one(report(made), "data.rule", "test.shape").verdict is Verdict.PASS
    allowed = report(project(ruled(expression=rule, maxViolationRate=0.02), train=train))
    assert one(allowed, "data.rule", "train.shape").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("nulls", "verdict", "words"),
    [("pass", Verdict.PASS, "it is null in 5 rows, which does not count"), ("fail", Verdict.FAIL, "which counts")],
)
def test_a_row_for_which_a_rule_is_null(
    project: Make, records: Records, nulls: str, verdict: Verdict, words: str
) -> None:
    train = records[0].copy()
    train.loc[train.index[:5], "mean area"] = None
    found = one(
        report(project(ruled(expression='"mean area" > 1', nulls=nulls), train=train)), "data.rule", "train.shape"
    )
    assert found.verdict is verdict
    assert words in found.message


def test_what_cannot_be_computed_is_null_and_shows_no_value(project: Make, records: Records) -> None:
    train = records[0].assign(secret=["p4ssword"] * 284, huge=[2**62] * 284)
    for text in ("secret::INTEGER > 3", "huge * huge > 0"):
        found = one(report(project(ruled(expression=text, **{"in": ["train"]}), train=train)), "data.rule")
        assert found.verdict is Verdict.INCONCLUSIVE
        assert "it is null in 284 rows" in found.message
        assert "p4ssword" not in found.message + found.fix


def test_a_rule_for_one_data_set_is_held_against_no_other(project: Make) -> None:
    found = report(project(ruled(expression="id >= 0", **{"in": ["test"]})))
    assert [check.subject for check in find(found, "data.rule")] == ["test.shape"]


ATTACKS = {
    "read a file": "s = (SELECT content FROM read_text('/etc/passwd'))",
    "read a file as csv": "exists (SELECT 1 FROM read_csv('/etc/passwd'))",
    "read a file by its name": "exists (FROM '/etc/passwd')",
    "read a file as bytes": "length(read_blob('/etc/passwd')) > 0",
    "list files": "exists (SELECT 1 FROM glob('/*'))",
    "file size": "file_size('/etc/passwd') > 0",
    "write a file": "true); COPY (SELECT 1) TO '/tmp/owned.csv'; SELECT (true",
    "write after a comment": "true) -- \n; COPY (SELECT 1) TO '/tmp/owned.csv'",
    "export": "true; EXPORT DATABASE '/tmp/owned'",
    "attach": "true); ATTACH '/tmp/owned.db'; SELECT (true",
    "install": "true); INSTALL httpfs; SELECT (true",
    "load": "true); LOAD httpfs; SELECT (true",
    "pragma": "true); PRAGMA enable_profiling; SELECT (true",
    "set": "true); SET memory_limit='900GB'; SELECT (true",
    "reset": "true); RESET lock_configuration; SELECT (true",
    "set a variable": "true); SET VARIABLE x = 1; SELECT (true",
    "get a variable": "getvariable('x') IS NULL",
    "read a setting": "current_setting('home_directory') = ''",
    "environment": "getenv('HOME') <> ''",
    "home": "s = '~' || getenv('PATH')",
    "subquery": "(SELECT 1) = 1",
    "correlated subquery": "a = (SELECT max(a))",
    "in a subquery": "a IN (SELECT 1)",
    "any": "a = ANY (SELECT 1)",
    "any of a list": "a = ANY ([1, 2])",
    "exists": "EXISTS (SELECT 1)",
    "table function": "true) FROM range(1000000000) -- ",
    "cross join": "true FROM range(100000) a, range(100000) b",
    "with": "WITH x AS (SELECT 1) SELECT true",
    "union": "true) UNION ALL SELECT (true",
    "where": "true) WHERE (true",
    "limit": "true LIMIT 1",
    "two expressions": "true, false",
    "two in brackets": "true), (false",
    "aggregate": "sum(a) > 0",
    "aggregate with a filter": "count(*) FILTER (WHERE b) > 0",
    "window": "row_number() OVER () > 0",
    "window of a sum": "sum(a) OVER (ORDER BY a) > 0",
    "unnest": "unnest([1, 2]) = 1",
    "lambda": "list_transform([1], x -> x)[1] = 1",
    "list comprehension": "[x FOR x IN [1]][1] = 1",
    "burn memory by repeat": "length(repeat('x', 100000000000)) > 0",
    "burn memory by lpad": "length(lpad('x', 2000000000, 'y')) > 0",
    "burn memory by range": "length(range(10000000000)) > 0",
    "burn memory by replace": "length(replace(replace(s, 'a', s), 'a', s)) > 0",
    "burn memory by format": "length(printf('%1000000000d', 1)) > 0",
    "sleep": "sleep_ms(100000) IS NULL",
    "sleep as others name it": "pg_sleep(100) IS NULL",
    "random": "random() > 0.5",
    "uuid": "uuid() IS NOT NULL",
    "now": "t < now()",
    "today": "d < today()",
    "current timestamp": "t < current_timestamp",
    "current user": "current_user = 'x'",
    "version": "version() = 'x'",
    "error": "error('x') IS NULL",
    "query function": "query('SELECT 1') = 1",
    "json sql": "json_execute_serialized_sql('{}') IS NULL",
    "macro": "true); CREATE MACRO abs(x) AS getenv('HOME'); SELECT (true",
    "schema-qualified": "main.getenv('HOME') = ''",
    "qualified allowed": "system.main.abs(a) > 0",
    "method call": "s.getenv() = ''",
    "named argument": "abs(x := a) > 0",
    "parameter": "a = ?",
    "named parameter": "a = $secret",
    "star": "COLUMNS(*) > 0",
    "star of a pattern": "COLUMNS('.*') > 0",
    "another table": "information_schema.tables.table_name = 'x'",
    "row identity": "rowid = 0",
    "unknown column": "password = 'x'",
    "cast to a list": "s::VARCHAR[] IS NULL",
    "cast to json": "s::JSON IS NULL",
    "cast to an enum of tables": "s::pg_catalog.pg_class IS NULL",
    "cast to a long decimal": "a::DECIMAL(38, 10) > 0",
    "collation": "s COLLATE nocase = 'x'",
    "pattern from data": "regexp_matches(s, s)",
    "pattern options": "regexp_matches(s, 'x', 'g')",
    "long pattern": "regexp_matches(s, '" + "a?" * 100 + "')",
    "many wildcards": "s LIKE '%a%a%a%a%a%'",
    "like escape": "s LIKE 'x' ESCAPE '!'",
    "deep brackets": "-" + "(-" * 200 + "a" + ")" * 200 + " > 0",
    "deep nots": "NOT " * 240 + "b",
    "many parts": "a" + "+a" * 400 + " > 0",
    "long": "s = '" + "x" * 2000 + "'",
    "empty": "",
    "blank": "  \n ",
    "only a comment": "-- nothing",
    "open comment": "true /* ",
    "open text": "s = 'x",
    "zero byte": "s = 'a\0b'",
    "surrogate": "s = '\ud800'",
    "no truth": "a + 1",
    "text": "'true'",
    "wrong types": "t > 5",
    "text as a number": "s > 5",
    "struct": "{'a': 1}.a = 1",
    "row": "(a, n) = (1, 2)",
    "default": "DEFAULT",
    "at time zone": "t AT TIME ZONE 'UTC' > t",
    "positional": "#1 > 0",
    "try": "TRY(a) > 0",
    "array index": "s[1] = 'x'",
    "constant that cannot be": "CASE WHEN 'x' THEN b ELSE b END",
    "long number": "a > 1" + "0" * 500,
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_is_on_no_list_is_refused(text: str) -> None:
    with pytest.raises(Forbidden) as caught:
        confined(text, COLUMNS)
    assert str(caught.value)
    assert os.environ.get("HOME", "/root") not in str(caught.value)


def test_an_attack_in_a_manifest_is_a_finding_at_its_line_and_touches_nothing(project: Make) -> None:
    marker = Path("/tmp/owned.csv")  # noqa: S108 - what the attack would write
    made = project(ruled(expression=ATTACKS["write a file"]))
    found = find(report(made), "data.rule")
    assert [check.verdict for check in found] == [Verdict.FAIL, Verdict.FAIL]
    assert made.line(found[0].location).startswith("expression:")
    assert not marker.exists()


def test_the_allowed_functions_exist_and_look_at_one_row() -> None:
    """None is an aggregate, a window or a table function, and none is volatile: its answer is a function of the row."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT function_name, function_type, stability, has_side_effects FROM duckdb_functions() "
            "WHERE function_name IN (SELECT unnest(?))",
            [sorted(FUNCTIONS)],
        ).fetchall()
    syntax = {"coalesce", "ifnull"}  # which DuckDB parses into an operator
    assert {row[0] for row in rows} | syntax >= FUNCTIONS
    assert {row[1] for row in rows} <= {"scalar", "macro"}
    assert {row[2] for row in rows} <= {"CONSISTENT", "CONSISTENT_WITHIN_QUERY", None}
    assert not any(row[3] for row in rows)


names = st.sampled_from(["a", "n", "s", "b", "t", '"q""x"', "x"])
values = st.one_of(st.integers(-5, 5).map(str), st.sampled_from(["'x'", "true", "NULL", "1.5", "'%;--'", "'it''s'"]))
expressions = st.recursive(
    names | values,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" > ", " = ", " AND ", " OR ", " + ", " * ", " LIKE "]), inner).map("".join),
        inner.map(lambda one: f"NOT ({one})"),
        inner.map(lambda one: f"abs({one})"),
        st.tuples(inner, inner).map(lambda two: f"coalesce({two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"CASE WHEN {two[0]} THEN {two[1]} END"),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(expressions)
@example("NOT (CASE WHEN s THEN a END > CASE WHEN s THEN a END)")  # what is shared is computed outside of TRY
def test_what_is_written_anew_means_the_same(text: str) -> None:
    """Where a plain statement answers on a row, the confined text gives that answer, and it never fails on any."""
    try:
        mine = confined(text, COLUMNS)
    except Forbidden:
        return
    row = (
        "(SELECT 1.5::DOUBLE AS a, 3::BIGINT AS n, 'x' AS s, TIMESTAMP '2020-01-01' AS t, DATE '2020-01-01' AS d, "
        'true AS b, 7::BIGINT AS "q""x")'
    )
    with duckdb.connect() as connection:
        connection.execute("SET disabled_optimizers = 'common_subexpressions'")  # as the engine asks again, if need be
        found = connection.execute(f"SELECT {mine} FROM {row}").fetchall()  # noqa: S608 - what is tested
        try:
            expected = connection.execute(f"SELECT {text} FROM {row}").fetchall()  # noqa: S608 - as above
        except duckdb.Error:
            return
    assert found == expected


def test_the_second_wall_holds_without_the_first(tmp_path: Path, records: Records) -> None:
    """Even a statement that nobody confined cannot leave the connection."""
    path = tmp_path / "train.parquet"
    records[0].to_parquet(path)
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    for text in (
        f"SELECT * FROM read_text('{secret}')",  # noqa: S608 - what is tested
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with (
            pytest.raises(Exception, match=r"cannot be read"),
            engine.opened(engine.Source(path, "parquet")) as connection,
        ):
            connection.execute(text)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["secret.txt", "train.parquet"]


def test_a_statement_that_takes_too_long_is_interrupted(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS", 0.05)
    path = tmp_path / "train.parquet"
    records[0].to_parquet(path)
    with (
        pytest.raises(Exception, match="took more than"),
        engine.opened(engine.Source(path, "parquet")) as connection,
    ):
        connection.execute("SELECT count(*) FROM range(10000000000) a WHERE a.range % 7 = 3 AND sqrt(a.range) > 5")


@pytest.mark.parametrize(
    "pair",
    [
        ("\"mean texture\" > 'a'", "greatest(\"mean texture\", 'a') > 0"),
        ('"mean texture" > site', 'least("mean texture", site) > 0'),
        ("NOT (CASE WHEN site THEN 1 END > CASE WHEN site THEN 1 END)", '"mean texture" > 0'),
    ],
)
def test_what_two_rules_have_in_common_and_cannot_be_computed_spoils_nothing_else(
    project: Make, pair: tuple[str, str]
) -> None:
    """The engine works out a common part once, and outside of the TRY of either."""
    rules = [{"name": f"r{at}", "expression": text} for at, text in enumerate(pair)]
    found = report(project(lambda spec: spec["tests"]["data"].update(rules=rules)))
    assert not [check for check in found.checks if check.id == "data.readable"]
    assert len([check for check in found.checks if check.id == "data.rule"]) == 4
