"""Exact uniqueness by 8 bytes a row: whatever the hash, the answer is the one of the real keys."""

import random
from itertools import combinations
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from dq.engines.base import Engine
from dq.engines.duckdb.engine import DuckDB
from dq.engines.polars import Polars
from dq.engines.polars.distinct import distinctness
from dq.engines.polars.node import TEXT, Node
from dq.engines.reference import Reference
from dq.ir import aggregate as a
from dq.ir.expr import Call, Col, Compare, IsNull, Lit, Not
from tests.conformance.hostile import FRAMES, as_frame, as_parquet
from tests.conformance.test_aggregates import compare

MANY = {"polars": Polars(held_rows=-1), "duckdb": DuckDB(many_rows=0)}


@pytest.fixture(params=MANY)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Takes whatever it gets for many rows."""
    return MANY[request.param]


@pytest.mark.parametrize("name", FRAMES)
def test_every_key_of_one_and_of_two_columns(engine: Engine, reference: Reference, tmp_path: Path, name: str) -> None:
    dataset = as_parquet(FRAMES[name], tmp_path)
    columns = [Col((n,)) for n in dataset.schema.names]
    pairs = list(combinations(columns, 2))[:40]
    asked: list[a.Aggregate] = [a.Distinctness((c,)) for c in columns]
    asked += [a.Distinctness(pair) for pair in pairs]
    asked += [a.Distinctness(pair, Not(IsNull(pair[0]))) for pair in pairs[:5]]
    compare(engine, reference, dataset, [*asked, a.Distinctness(tuple(columns))])


@pytest.mark.parametrize("values", [4, 60, 2_000, 8_000, 100_000])
def test_few_and_many_duplicates(engine: Engine, reference: Reference, tmp_path: Path, values: int) -> None:
    draw = random.Random(values)
    numbers = [None if draw.random() < 0.05 else draw.randrange(values) for _ in range(400)]
    texts = [None if n is None or n % 7 == 0 else f"é{n % 50}" for n in numbers]
    dataset = as_parquet(pa.table({"n": pa.array(numbers, pa.int64()), "s": texts}), tmp_path)
    n, s = Col(("n",)), Col(("s",))
    asked: list[a.Aggregate] = [a.Distinctness(keys) for keys in ((n,), (s,), (n, s), (Call("length", (s,)), n))]
    compare(engine, reference, dataset, [*asked, a.Distinctness((s, n), Compare(">", n, Lit(values // 2)))])


@pytest.mark.parametrize("codes", [1, 2, 50])
@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_hashes_that_collide_change_nothing(codes: int, at_once: int) -> None:
    draw = random.Random(codes)
    texts = [draw.choice([None, f"{draw.randrange(90)}"]) for _ in range(120)]
    found = distinctness(
        pl.LazyFrame({":s": texts}), [Node(pl.col(":s"), TEXT)], pl.LazyFrame.collect,
        code=lambda value: value.hash(7) % codes, at_once=at_once,
    )  # fmt: skip
    dataset = as_frame(pa.table({"s": pa.array(texts, pa.string())}))
    asked = a.Distinctness((Col(("s",)),))
    assert found == Reference().run(dataset, [asked])[asked]
