"""SQL that somebody wrote into a suite selects from the data it may name, or is refused; it ends, or is ended."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

import dq
from dq.config import Limits
from dq.dialects.base import identified
from dq.dialects.query import read_query
from dq.dialects.sql import RuleError
from dq.ir.check import Bound, Check, Condition, Suite
from dq.ir.contract import Contract
from dq.ir.other import QueryState
from dq.metrics.query import QueryRows, QueryValue

if TYPE_CHECKING:
    from pathlib import Path

    from dq.api import Result
    from dq.ir.expr import Comparison
    from dq.ir.metric import Metric

NAMES = {"primary": "", "zones": "zones"}
HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM read_text('/etc/passwd'), primary",
    "SELECT * FROM glob('/*')",
    "SELECT content FROM primary, read_blob('/etc/shadow')",
    "SELECT * FROM primary WHERE x IN (SELECT column0 FROM read_csv('/etc/passwd'))",
    "SELECT * FROM (VALUES (1)) t, parquet_scan('a.parquet')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.primary",
    "SELECT * FROM sqlite_master",
    "SELECT 1 FROM (WITH \"/etc/passwd\" AS (SELECT 1 FROM primary) SELECT 1) a, \"/etc/passwd\"",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1 FROM primary) SELECT * FROM a",
    "WITH a AS (SELECT * FROM a) SELECT * FROM a",
    "COPY primary TO '/tmp/stolen.csv'",
    "COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '1TB'",
    "RESET ALL",
    "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/x'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP MACRO f(x) AS x",
    "DROP TABLE primary",
    "DELETE FROM primary",
    "UPDATE primary SET x = 1",
    "INSERT INTO primary VALUES (1)",
    "EXPLAIN ANALYZE SELECT 1 FROM primary",
    "DESCRIBE primary",
    "SUMMARIZE primary",
    "SELECT 1 FROM primary; DROP TABLE primary",
    "SELECT 1 FROM primary;; COPY primary TO 'x'",
    "SELECT getenv('HOME') FROM primary",
    "SELECT current_setting('temp_directory') FROM primary",
    "SELECT getvariable('x') FROM primary",
    "SELECT query('SELECT 1') FROM primary",
    "SELECT * FROM query_table('primary')",
    "SELECT now() FROM primary",
    "SELECT current_date, x FROM primary",
    "SELECT random() FROM primary",
    "SELECT nextval('s') FROM primary",
    "SELECT repeat('x', 1000000000) FROM primary",
    "SELECT unnest(range(1000000000)) FROM primary",
    "SELECT * FROM primary, range(1000000000)",
    "SELECT * FROM generate_series(1, 1000000000), primary",
    "SELECT list_transform([1], v -> v) FROM primary",
    "SELECT x INTO t FROM primary",
    "SELECT x FROM primary FOR UPDATE",
    "SELECT * FROM primary USING SAMPLE 10",
    "SELECT COLUMNS('x') FROM primary",
    "PIVOT primary ON x",
    "FROM primary PIVOT (sum(x) FOR y IN (1))",
    "SELECT $1 FROM primary",
    "SELECT 1",
    "VALUES (1)",
    "",
    "SELECT (",
    "SELECT '",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " FROM primary",
    "SELECT x FROM primary WHERE s ~ '(?<=a)b'",
    "SELECT x FROM primary -- " + "x" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:40])
def test_what_is_no_query_over_named_data_is_refused(text: str) -> None:
    with pytest.raises(RuleError) as raised:
        read_query(text, NAMES)
    assert len(str(raised.value)) < 60_500


def test_what_is_no_data_set_is_named() -> None:
    with pytest.raises(RuleError, match='"glob" is no data set: a query selects from primary'):
        read_query("SELECT * FROM primary, glob('*')", {"primary": ""})


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:40])
def test_it_is_refused_in_the_sql_of_spark_too(text: str) -> None:
    with pytest.raises(RuleError):
        read_query(text, NAMES, dialect="spark")


def asked(metric: Metric, data: object, op: Comparison = "<=", **more: object) -> Result:
    """`data` held against one check: 0 is the limit."""
    check = Check("table.query", metric, Bound((Condition(op, 0),)))
    contract = Contract("data", identified(Suite("data", (check,))))
    return dq.validate(data, contract, now=datetime(2026, 3, 1, tzinfo=UTC), **more)  # type: ignore[arg-type]


def rows(text: str, **names: str) -> QueryRows:
    return QueryRows(read_query(text, names or NAMES), text)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.parquet"
    pl.DataFrame({"x": range(20_000), "s": ["a", "b"] * 10_000, 'Quo"te': [1.5, None] * 10_000}).write_parquet(path)
    return path


LIMITS = Limits(deadline_seconds=2, memory_bytes=700_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "WITH RECURSIVE t AS (SELECT 1 AS a FROM primary UNION ALL SELECT a FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM primary a, primary b, primary c, primary d WHERE a.x + b.x + c.x = d.x",
        "SELECT a.s, b.s, c.x FROM primary a, primary b, primary c ORDER BY a.x * b.x * c.x",
    ],
)
def test_what_never_ends_or_takes_all_memory_is_ended_and_held(data: Path, text: str) -> None:
    started = time.monotonic()
    found = asked(rows(text), data, limits=LIMITS)
    assert found.verdict == "hold"
    assert time.monotonic() - started < 30
    assert found.judgement.reasons[0].cause == "gate"


@pytest.mark.parametrize("storage", ["parquet", "csv", "frame"])
def test_rows_that_a_query_returns_fail(data: Path, storage: str) -> None:
    frame = pl.read_parquet(data)
    if storage == "csv":
        data = data.with_suffix(".csv")
        frame.write_csv(data)
    given = frame if storage == "frame" else data
    found = asked(rows('SELECT "quo""te", x FROM PRIMARY p WHERE p.x >= 19990 ORDER BY x DESC'), given)
    (check,) = [c for c in found.checks if c.id == "table.query"]
    assert (found.verdict, check.failed_rows, check.total_rows) == ("quarantine", 10, 20_000)
    assert dict(check.details)["rows"][:2] == ((None, 19_999), (1.5, 19_998))
    assert asked(rows("SELECT x FROM primary WHERE x < 0"), given).success


def test_more_rows_than_are_kept_are_counted(data: Path) -> None:
    found = asked(rows("SELECT x FROM primary"), data)
    (check,) = [c for c in found.checks if c.id == "table.query"]
    assert (check.failed_rows, len(dict(check.details)["rows"])) == (20_000, 20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SELECT count(*) FROM primary", 20_000),
        ("SELECT max(x) > 3 FROM primary", 1),
        ("SELECT CAST(sum(x) AS DECIMAL(20, 2)) / 4 FROM primary WHERE x < 2", 0.25),
        ("SELECT CAST(0.25 AS DECIMAL(5, 2)) FROM primary LIMIT 1", Decimal("0.25")),
        ("SELECT sum(x) FROM primary WHERE x < 0", None),
    ],
)
def test_the_one_number_that_a_query_returns(data: Path, text: str, value: object) -> None:
    found = asked(QueryValue(read_query(text, NAMES), text), data, ">=")
    (check,) = [c for c in found.checks if c.id == "table.query"]
    assert check.observed == value
    assert check.status == ("fail" if value is None else "pass")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT x, s FROM primary LIMIT 1", "1 rows of 2 columns, and not one number"),
        ("SELECT x FROM primary", "rows of 1 columns, and not one number"),
        ("SELECT max(s) FROM primary", "returns str, and not a number"),
        ("SELECT sum(s) FROM primary", "sum(VARCHAR) has no meaning"),
        ("SELECT max(CAST(s AS INTEGER)) FROM primary", "fails on this data: Conversion"),
        ("SELECT max(y) FROM (SELECT * FROM primary)", 'no column "y"'),
        ("SELECT max(ss) FROM primary", 'no column "ss" (did you mean "s"?)'),
        ("SELECT x FROM primary UNION SELECT x, s FROM primary", "its parts do not go together"),
    ],
)
def test_what_the_data_does_not_answer_holds(data: Path, text: str, said: str) -> None:
    found = asked(QueryValue(read_query(text, NAMES), text), data)
    assert found.verdict == "hold"
    assert said in found.judgement.reasons[0].message
    assert found.judgement.reasons[0].cause == "suite"


def test_a_query_over_two_data_sets(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "zones.csv"
    other.write_text("zone,name\n" + "".join(f"{i},n\n" for i in range(19_998)))
    metric = rows("SELECT p.x FROM primary p LEFT JOIN zones z ON p.x = z.zone WHERE z.zone IS NULL")
    found = asked(metric, data, references={"zones": other})
    assert next(c for c in found.checks if c.id == "table.query").failed_rows == 2
    assert asked(metric, data).verdict == "hold"
    assert [r["rows"] for r in found.document["references"]] == [19_998]


def test_personal_data_stays_out_of_what_a_query_shows(data: Path) -> None:
    metric = rows("SELECT * FROM primary WHERE x = 3")
    suite = Suite("data", (Check("table.query", metric, Bound((Condition("<=", 0),))),), pii=frozenset({"s"}))
    found = dq.validate(data, Contract("data", identified(suite)))
    assert "rows" not in dict(next(c for c in found.checks if c.id == "table.query").details)


def test_a_query_knows_two_spellings_of_one_text() -> None:
    """Text of another dialect is run as it is meant there."""
    spark = read_query("SELECT `x` FROM primary WHERE s RLIKE '^a' AND x IS NULL", NAMES, dialect="spark")
    assert "REGEXP_MATCHES" in spark.text
    assert replace(spark, text="") == replace(
        read_query("SELECT x FROM primary WHERE s ~ '^a' AND x IS NULL", NAMES), text=""
    )
    assert QueryState() == spark.zero()
