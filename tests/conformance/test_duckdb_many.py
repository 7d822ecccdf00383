"""A column of many values read once for several questions answers like one that is read for each."""

import math
import random
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dq.engines.base import Dataset
from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.engine import DuckDB
from dq.engines.duckdb.many import slots
from dq.engines.duckdb.simple import simple
from dq.engines.duckdb.source import open_source, readable_paths
from dq.ir import aggregate as a
from dq.ir.expr import Bucket, Col, Compare, IsInf, IsNan, IsNull, Lit
from dq.ir.numbers import distinct_estimate
from dq.profile import questions
from dq.profile.questions import HASHABLE
from tests.conformance.hostile import FRAMES, as_parquet
from tests.conformance.test_aggregates import agrees, assert_honest

ROWS = 20_000  # enough for a sample
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> DuckDB:
    """Takes whatever it gets for many rows."""
    return DuckDB(temp=str(tmp_path), many_rows=0)


@pytest.mark.parametrize("name", FRAMES)
def test_registers_are_the_ones_that_duckdb_makes(tmp_path: Path, name: str) -> None:
    """So that states merge, whichever way they were made."""
    dataset = as_parquet(FRAMES[name], tmp_path)
    with closing(connect(readable_paths(dataset), temp=str(tmp_path))) as connection:
        source = open_source(dataset, connection)
        for field in (f for f in dataset.schema.fields if f.type.kind in HASHABLE):
            relation, columns = source.relation({field.name})
            key = columns[field.name].text
            found = slots(
                lambda sql: connection.execute(sql).fetchall(), key, f"FROM {relation} WHERE {key} IS NOT NULL"
            )
            one = simple(a.ApproxDistinct(Col((field.name,))), columns)
            row = connection.execute(f"SELECT {one.select[0]} FROM {relation}").fetchall()[0]
            assert found.registers == one.read(row), field
            count = connection.execute(f"SELECT count({key}) FROM {relation}").fetchall()[0][0]
            assert sum(n for _, n in found.rows) == count


def numbers() -> pa.Table:
    draw = random.Random(3)
    spread = [draw.lognormvariate(3, 4) * draw.choice([1, -1]) for _ in range(ROWS)]
    odd: list[Any] = [0.0, -0.0, math.nan, math.inf, -math.inf, None]
    floats = [draw.choice(odd) if draw.random() < 0.02 else value for value in spread]
    tenth = ROWS // 10
    return pa.table({
        "float": floats,
        "single": pa.array(floats, pa.float32()),
        "whole": [draw.randrange(-(2**62), 2**62) for _ in range(ROWS)],
        "far": [1e6 + i for i in range(ROWS)],  # the mean is many deviations from zero
        "lone": [1e9 if i == tenth else i % 7 + i * 1e-9 for i in range(ROWS)],  # what no sample sees makes the mean
        "endless": pa.array([math.inf, math.nan] * (ROWS // 2)),
        "absent": pa.nulls(ROWS, pa.float64()),
    })  # fmt: skip


def all_of(column: Col) -> list[a.Aggregate]:
    conditions = [
        IsNan(column),
        IsInf(column),
        *(Compare(op, column, Lit(0)) for op in ("=", "!=", "<", "<=", ">", ">=")),
    ]
    scope = Compare(">", column, Lit(1))
    asked: list[a.Aggregate] = [a.Count(c) for c in (*conditions, IsNull(column), scope)]
    asked += [kind(column, where) for kind in (a.Sum, a.Min, a.Max, a.Moments) for where in (None, scope)]
    return [a.Tally(Bucket(column), None, None), *asked]


def test_all_that_one_scan_tells_of_numbers(engine: DuckDB, tmp_path: Path) -> None:
    """As queries that ask one thing each, which are held against the reference elsewhere."""
    dataset = as_parquet(numbers(), tmp_path, group_rows=3_000)
    asked = [x for name in dataset.schema.names for x in all_of(Col((name,)))]
    found, wanted = engine.run(dataset, asked), DuckDB(temp=str(tmp_path)).run(dataset, asked)
    for one in asked:
        alike = repr(found[one]) == repr(wanted[one]) or agrees(one, found[one], wanted[one])
        assert alike, (one, found[one], wanted[one])


def test_moments_whose_powers_overflow(engine: DuckDB, tmp_path: Path) -> None:
    dataset = as_parquet(pa.table({"x": [1e300 + i * 1e296 for i in range(ROWS)]}), tmp_path, group_rows=3_000)
    tally, moments = a.Tally(Bucket(Col(("x",)))), a.Moments(Col(("x",)))
    found = engine.run(dataset, [tally, moments])[moments]
    assert (found.n, found.mean) == (ROWS, pytest.approx(1e300 + (ROWS - 1) / 2 * 1e296))


def test_moments_far_from_zero_are_exact(engine: DuckDB, tmp_path: Path) -> None:
    """Where a running mean loses five digits of the variance."""
    dataset = as_parquet(pa.table({"x": [1e15 + i for i in range(ROWS)]}), tmp_path, group_rows=3_000)
    tally, moments = a.Tally(Bucket(Col(("x",)))), a.Moments(Col(("x",)))
    found = engine.run(dataset, [tally, moments])[moments]
    assert (found.mean, found.m2) == pytest.approx((1e15 + (ROWS - 1) / 2, ROWS * (ROWS**2 - 1) / 12), rel=1e-12)


def test_numbers_are_read_once(engine: DuckDB, tmp_path: Path) -> None:
    """A check of what is measured above: nothing of these is left to a query of its own."""
    dataset = as_parquet(numbers().select(["float", "far"]), tmp_path, group_rows=3_000)
    queries = spied(engine, dataset, [x for x in questions(dataset.schema, NOW) if not isinstance(x, a.TopValues)])
    assert not [q for q in queries if "kurtosis" in q]
    assert len([q for q in queries if "GROUP BY k" in q]) == 2


def spied(engine: DuckDB, dataset: Dataset, asked: list[a.Aggregate]) -> list[str]:
    """The queries that answer."""
    connection, said = engine._connect(readable_paths(dataset)), []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            return getattr(connection, name)

        def execute(self, sql: str) -> Any:
            said.append(sql)
            return connection.execute(sql)

    engine._connection = Spy()
    engine.run(dataset, asked)
    return said


def test_values_and_how_many_there_are_come_from_one_scan(engine: DuckDB, tmp_path: Path) -> None:
    values = [i * 2_654_435_761 % 2**32 if i % 4 else 7 for i in range(300_000)]
    dataset = as_parquet(pa.table({"x": values}), tmp_path, group_rows=30_000)
    distinct, top = a.ApproxDistinct(Col(("x",))), a.TopValues(Col(("x",)), 3)
    found = engine.run(dataset, [distinct, top])
    assert distinct_estimate(found[distinct]) == pytest.approx(len(set(values)), rel=0.1)
    assert found[top].counts[0] == (7, 75_000)
    assert_honest(found[top], Counter(values), 3)
    queries = spied(engine, dataset, [distinct, top])
    assert len([q for q in queries if "GROUP BY s" in q]) == 1
    assert not [q for q in queries if "EXPORT_STATE" in q]
