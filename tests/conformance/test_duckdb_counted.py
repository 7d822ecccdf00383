"""A column counted once answers like its rows: the whole core profile of every hostile frame, and what scopes add."""

import math
import random
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from dq.engines.base import Dataset
from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.counted import few
from dq.engines.duckdb.engine import DuckDB
from dq.engines.duckdb.sample import distinct_estimates, distinct_ratios, distinct_values, open_sample
from dq.engines.duckdb.source import readable_paths
from dq.engines.reference import Reference
from dq.ir import aggregate as a
from dq.ir.expr import Col, Compare, IsNull, Lit, Not
from dq.profile import questions
from tests.conformance.hostile import FRAMES, NUMBERS, as_parquet
from tests.conformance.test_aggregates import asked_of, assert_honest, compare, leaves

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


def stretched(folder: Path, rows: int, files: int) -> Dataset:
    """Few, many, and sorted values; one column in which what a sample sees is not what comes between."""
    places = range(rows)
    columns = {
        "few": [i * 7 % 50 for i in places],
        "many": [i * 2_654_435_761 % 2**32 for i in places],
        "sorted": [i // 3 for i in places],
        "sudden": [0 if i % (rows // 4) < rows // 20 or i > rows * 0.9 else i for i in places],
        "text": [None if i % 11 == 0 else f"v{i % 90}" for i in places],
    }
    table = pa.table(columns)
    return as_parquet(table, folder, tuple(f"{i}.parquet" for i in range(files)), group_rows=500)


@pytest.mark.parametrize("files", [1, 3, 7])
def test_a_sample_decides_what_is_counted_and_no_answer(
    engine: DuckDB, reference: Reference, tmp_path: Path, files: int
) -> None:
    dataset = stretched(tmp_path, 16_500, files)
    asked = questions(dataset.schema, NOW)
    kept = [x for x in asked if isinstance(x, (a.ApproxDistinct, a.Sum, a.Min, a.Tally))]
    compare(engine, reference, dataset, kept)
    assert {"few", "text"} <= set(engine._counted)
    assert "many" not in engine._counted


def test_how_many_values_there_are_a_sample_tells_or_says_that_it_cannot(tmp_path: Path) -> None:
    rows = 400_000
    mixed = random.Random(1).choices(range(2**32), k=rows)
    table = pa.table({
        "alike": [m % 30_000 for m in mixed],
        "sorted": [i // 3 for i in range(rows)],
        "tail": [m % 10 if m % 3 else m for m in mixed],
        "absent": pa.nulls(rows, pa.int64()),
        "few": [m % 2_000 for m in mixed],
    })  # fmt: skip
    dataset = as_parquet(table, tmp_path, ("0.parquet",), group_rows=20_000)
    connection = connect(readable_paths(dataset), temp=str(tmp_path))
    sample = open_sample(dataset, connection)
    assert sample is not None
    assert 20_000 < distinct_values(sample, "alike") < 45_000
    assert distinct_values(sample, "sorted") == distinct_values(sample, "absent") == math.inf
    assert not few(distinct_values(sample, "tail"), rows)
    of_many = distinct_estimates(sample, ("few", "sorted"), 250 * rows)  # as if there were so many
    assert 1_500 < of_many["few"] < 2_500
    assert of_many["sorted"] == math.inf


def test_values_none_of_which_is_frequent_are_sampled(engine: DuckDB, tmp_path: Path) -> None:
    """Each of the fullest slots bounds them all; what the sample counted is never too much."""
    values = [i * 2_654_435_761 % 2**32 // (1 + i % 2) for i in range(250_000)]
    dataset = as_parquet(pa.table({"x": values}), tmp_path, group_rows=20_000)
    asked = a.TopValues(Col(("x",)), 10)
    state = engine.run(dataset, [asked])[asked]
    assert len(state.counts) == 10
    assert 0 < state.error <= 2 * 250_000 / 2**12
    assert_honest(state, Counter(values), 10)


def test_sampled_texts_stand_for_all_not_for_the_first_in_the_alphabet(engine: DuckDB, tmp_path: Path) -> None:
    texts = [f"{'az'[i % 2]}{i}" for i in range(250_000)]
    dataset = as_parquet(pa.table({"x": texts}), tmp_path, group_rows=20_000)
    asked = a.TopValues(Col(("x",)), 60)
    state = engine.run(dataset, [asked])[asked]
    assert {value[0] for value, _ in state.counts} == {"a", "z"}
    assert_honest(state, Counter(texts), 60)


def test_it_pays_only_where_values_are_few() -> None:
    assert few(3, 10_000_000)
    assert few(400_000, 10_000_000)
    assert not few(5_000_000, 10_000_000)
    assert not few(400_000, 1_000_000)


def test_files_that_are_copies_are_looked_at_in_different_places(tmp_path: Path) -> None:
    """The same rows four times over would look like few values that come again and again."""
    table = pa.table({"x": [i * 2_654_435_761 % 2**32 for i in range(40_000)]})
    names = tuple(f"{i}.parquet" for i in range(4))
    dataset = as_parquet(pa.concat_tables([table] * 4), tmp_path, names, group_rows=500)
    with closing(connect(readable_paths(dataset), temp=str(tmp_path))) as connection:
        sample = open_sample(dataset, connection)
        assert sample is not None
        assert distinct_ratios(sample, ["x"])["x"] > 0.9
