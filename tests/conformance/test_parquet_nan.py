"""NaN in Parquet: writers leave it out of the statistics, and no engine may believe that there is none."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq import api
from dq.engines import engine
from dq.engines.base import Dataset
from dq.engines.parquet import open_parquet
from dq.ir import aggregate as a
from dq.ir.data import DataFile, Reading
from dq.ir.expr import Col, Compare, Expr, IsNan, Lit

NAN = float("nan")
ENGINES = ("duckdb", "polars", "reference")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    values = [NAN, 1.0, 2.0]
    table = pa.table({"x": values, "f": pa.array(values, pa.float32()), "s": [{"y": v} for v in values]})
    pq.write_table(table, tmp_path / "a.parquet")
    return open_parquet([DataFile("a.parquet", 1, str(tmp_path / "a.parquet"))], Reading())


@pytest.mark.parametrize("path", [("x",), ("f",), ("s", "y")])
@pytest.mark.parametrize("name", ENGINES)
def test_nan_is_seen(name: str, path: tuple[str, ...], dataset: Dataset) -> None:
    column: Expr = Col(path)
    above = Compare(">", column, Lit(5.0))
    asked = [a.Count(IsNan(column)), a.Max(column), a.Count(above), a.Sum(column)]
    rows, tally = a.FirstRows(above, (path,)), a.Tally(IsNan(column), above)
    made: Any = engine(name)
    found = {x: state for one in (asked, [rows], [tally]) for x, state in made.run(dataset, one).items()}
    getattr(made, "close", lambda: None)()
    assert [found[x] for x in asked] == [1, 2.0, 1, 3.0]
    assert [r.row for r in found[rows]] == [1]
    assert found[tally].counts == ((True, 1),)


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_a_required_value_that_is_nan_is_missing(name: str, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("source: s\ncolumns: {x: {required: true}, s.y: {max: 5}}\n")
    result = api.validate(tmp_path / "a.parquet", tmp_path / "s.yaml", engine=name)
    assert [r.id for r in result.judgement.reasons] == ["x.required", "s.y.range"]
