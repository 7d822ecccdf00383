"""A column counted once answers like its rows: the whole core profile of every hostile frame, and what scopes add."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dq.engines.duckdb.counted import few
from dq.engines.duckdb.engine import DuckDB
from dq.engines.reference import Reference
from dq.ir import aggregate as a
from dq.ir.expr import Col, Compare, IsNull, Lit, Not
from dq.profile import questions
from tests.conformance.hostile import FRAMES, NUMBERS, as_parquet
from tests.conformance.test_aggregates import asked_of, compare, leaves

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> DuckDB:
    """Counts first, however few the rows."""
    return DuckDB(temp=str(tmp_path), many_rows=0)


@pytest.mark.parametrize("name", FRAMES)
def test_a_profile_from_counts(engine: DuckDB, reference: Reference, tmp_path: Path, name: str) -> None:
    dataset = as_parquet(FRAMES[name], tmp_path)
    asked = list(questions(dataset.schema, NOW))
    asked += [x for path, kind in leaves(dataset.schema) for x in asked_of(path, kind)]
    compare(engine, reference, dataset, list(dict.fromkeys(asked)))


def test_scopes_of_the_same_column(engine: DuckDB, reference: Reference, tmp_path: Path) -> None:
    dataset = as_parquet(NUMBERS, tmp_path)
    asked: list[a.Aggregate] = []
    for field in dataset.schema.fields:
        column = Col((field.name,))
        for scope in (Compare(">", column, Lit(0)), Not(IsNull(column))):
            asked += [a.ApproxDistinct(column), a.Count(scope), a.Sum(column, scope), a.Moments(column, scope)]
            asked += [a.Max(column, scope), a.Tally(column, scope, None), a.TopValues(column, 2, scope)]
    compare(engine, reference, dataset, list(dict.fromkeys(asked)))


def test_counting_is_what_answers(engine: DuckDB, tmp_path: Path) -> None:
    dataset = as_parquet(NUMBERS, tmp_path)
    engine.run(dataset, [x for x in questions(dataset.schema, NOW) if x.family == "simple"])
    assert engine._counted


def test_it_pays_only_where_values_are_few() -> None:
    assert few(3, 10_000_000)
    assert few(400_000, 10_000_000)
    assert not few(5_000_000, 10_000_000)
    assert not few(400_000, 1_000_000)
