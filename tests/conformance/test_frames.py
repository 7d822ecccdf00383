"""Frames in memory: whatever library made them, they are judged as the same Arrow table, in place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dq
from dq.engines.frames import open_frame
from dq.ir.data import Declared, Reading

ROWS: dict[str, list[Any]] = {
    "id": [1, 2, 3],
    "fare": [2.5, None, -1.0],
    "city": ["Genève", None, ""],
    "at": [dt.datetime(2026, 3, 1, 12), None, dt.datetime(2026, 3, 2)],
    "day": [dt.date(2026, 3, 1), dt.date(1969, 1, 1), None],
}
CONTRACT = """
source: trips
columns:
  id: {type: int64, unique: true}
  fare: {min: 0}
  city: {required: true}
"""
FRAMES: dict[str, Callable[[], Any]] = {
    "polars": lambda: pl.DataFrame(ROWS),
    "polars lazy": lambda: pl.LazyFrame(ROWS),
    "arrow": lambda: pa.table(ROWS),
    "arrow batch": lambda: pa.table(ROWS).to_batches()[0],
    "arrow reader": lambda: pa.table(ROWS).to_reader(),
    "pandas": lambda: _pandas(None),
    "pandas with an index": lambda: _pandas(["a", "b", "c"]),
    "duckdb": lambda: duckdb.from_arrow(pa.table(ROWS)),
}  # fmt: skip


def _pandas(index: list[str] | None) -> Any:
    return pd.DataFrame(ROWS, index=index).astype({"day": pd.ArrowDtype(pa.date32())})


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "trips.yaml").write_text(CONTRACT)
    return tmp_path / "trips.yaml"


@pytest.mark.parametrize("kind", FRAMES)
def test_every_library_opens_as_the_same_table(kind: str) -> None:
    opened = open_frame(FRAMES[kind](), Reading())
    assert opened.findings == ()
    assert opened.rows == 3
    assert opened.schema.names == ("id", "fare", "city", "at", "day")
    assert [f.type.kind for f in opened.schema.fields] == ["int64", "double", "string", "timestamp", "date"]
    assert opened.frame is not None
    assert opened.frame.to_pydict() == ROWS


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("engine", ["auto", "duckdb"])
def test_every_library_gets_the_same_verdict(kind: str, engine: Any, contract: Path) -> None:
    result = dq.validate(FRAMES[kind](), contract, engine=engine)
    assert not result.success
    failed = {c.id: (c.failed_rows, [(e.row, dict(e.values)) for e in c.evidence]) for c in result.checks if c.cause}
    assert failed == {"fare.range": (1, [(3, {"fare": -1.0})]), "city.required": (1, [(2, {"city": None})])}
    with pytest.raises(dq.ContractViolation, match=r"fare\.range"):
        result.raise_for_failure()


def test_an_alias_is_renamed_unless_the_column_is_there() -> None:
    reading = Reading(declared=(Declared("fare", aliases=("price", "cost")),))
    assert open_frame(pl.DataFrame({"price": [1], "x": [2]}), reading).schema.names == ("fare", "x")
    assert open_frame(pl.DataFrame({"price": [1], "fare": [2]}), reading).schema.names == ("price", "fare")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (pl.DataFrame({"x": [object()]}), "unsupported_type"),
        (pd.DataFrame({"x": [1, "a"]}), "unsupported_type"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "duplicate_columns"),
        (pl.DataFrame({"x": [1], "X": [2]}), "duplicate_columns"),
        (pl.DataFrame(), "no_columns"),
        (pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}), "unsupported_type"),
    ],
    ids=["Python objects", "mixed objects", "one name twice", "one name but for case", "no columns", "interval"],
)
def test_what_no_engine_reads_is_a_finding(frame: Any, kind: str, contract: Path) -> None:
    opened = open_frame(frame, Reading())
    assert opened.findings[0].kind == kind
    result = dq.validate(frame, contract, engine="duckdb")
    assert result.verdict == "quarantine"
    assert result.judgement.reasons[0].id == f"table.{kind}"


def test_an_empty_frame_is_no_pass(contract: Path) -> None:
    result = dq.validate(pl.DataFrame(ROWS).clear(), contract, engine="duckdb")
    assert (result.verdict, result.judgement.reasons[0].id) == ("quarantine", "table.not_empty")


@pytest.mark.parametrize("thing", [3, None, {"a": [1]}, [], object()], ids=["int", "None", "dict", "list", "object"])
def test_what_is_no_frame_is_usage(thing: Any, contract: Path) -> None:
    with pytest.raises(dq.UsageError, match="no path and no frame"):
        dq.validate(thing, contract)


def test_profile_and_difference_of_frames() -> None:
    frame = pl.DataFrame({"x": range(2000), "label": ["a", "b"] * 1000})
    found = dq.profile(frame, engine="duckdb")
    assert (found.rows, [c.path for c in found.columns]) == (2000, [("x",), ("label",)])
    changed = frame.with_columns(label=pl.col("label") + ".")
    (first, *_) = dq.diff(frame, changed, engine="duckdb")
    assert (first.column, first.kind, first.severity) == ("label", "relabelled", "fail")
    assert dq.diff(frame, frame, engine="duckdb") == ()


def test_a_result_prints_as_text_and_json(contract: Path) -> None:
    result = dq.validate(pl.DataFrame(ROWS), contract, engine="duckdb")
    assert repr(result).splitlines()[0] == "QUARANTINE trips DataFrame"
    assert '"schema":"dq.result/1"' in result.to_json()
