"""A sample of values holds all rows of each, and about one value in so many, however frequent."""

import random
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dq.engines import ENGINES, engine
from dq.engines.duckdb.engine import DuckDB
from dq.ir.aggregate import ApproxDistinct
from dq.ir.expr import Col, Compare, Lit
from dq.ir.sampling import SampleState, ValueSample
from tests.conformance.hostile import as_frame, as_parquet

X = Col(("x",))
V1 = Compare("=", X, Lit("v1"))
DRAWN = random.Random(5)
VALUES = [None if i % 50 == 0 else f"v{int(DRAWN.paretovariate(0.2)) % 6_000}" for i in range(60_000)]
COUNTS = Counter(v for v in VALUES if v is not None)


def answers(name: str, *asked: ValueSample) -> Mapping[Any, Any]:
    made: Any = engine(name)
    with closing(made) if hasattr(made, "close") else nullcontext():
        return made.run(as_frame(pa.table({"x": VALUES})), asked)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("every", [1, 8])
def test_one_value_in_so_many_with_all_its_rows(name: str, every: int) -> None:
    asked = ValueSample(X, every)
    state = answers(name, asked)[asked]
    assert isinstance(state, SampleState)
    assert all(COUNTS[value] == rows for value, rows in state.counts)
    assert len(state.counts) * every == pytest.approx(len(COUNTS), rel=0.15 if every > 1 else 0)


@pytest.mark.parametrize("name", ENGINES)
def test_more_than_the_cap_is_no_sample(name: str) -> None:
    asked = [ValueSample(X, cap=len(COUNTS)), ValueSample(X, cap=len(COUNTS) - 1), ValueSample(X, 1, 5, V1)]
    whole, over, scoped = answers(name, *asked).values()
    assert len(whole.counts) == len(COUNTS)
    assert over is None
    assert scoped.counts == (("v1", COUNTS["v1"]),)


def test_counts_choose_as_rows_do(tmp_path: Path) -> None:
    dataset = as_parquet(pa.table({"x": VALUES}), tmp_path)
    asked = [ValueSample(X, 8), ValueSample(X, 8, 5_000, V1)]
    with closing(DuckDB(many_rows=0)) as counting, closing(DuckDB()) as reading:
        from_counts = counting.run(dataset, [ApproxDistinct(X), *asked])
        assert counting._counted
        assert {x: from_counts[x] for x in asked} == reading.run(dataset, asked)
