"""Suites of several dialects over one data set: one plan, and the data are opened as often as for one suite."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from dq import api
from dq.config import Limits
from dq.ir.aggregate import Distinctness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journeys.conftest import Dq

SUITES = {
    "orders.json": """{"name": "orders", "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0}}]}""",
    "orders.pandera.yaml": """
schema_type: dataframe
version: 0.35.0
columns:
  id: {dtype: int64, nullable: false, unique: true}
  amount: {dtype: int64, nullable: false, checks: {greater_than_or_equal_to: 0}}
""",
    "orders.odcs.yaml": """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: amount, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}
""",
    "orders.dqdl": 'Rules = [ IsComplete "id", IsUnique "id", ColumnValues "amount" >= 0, Mean "amount" < 9 ]',
}
OWN = """source: orders
columns:
  id: {type: int64, required: true, unique: true}
  amount: {required: true, min: 0, mean: between 1 and 9}
"""
UNISOLATED = Limits(isolated=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in SUITES.items():
        (tmp_path / name).write_text(text)
    listed = "".join(f"  - {name}\n" for name in SUITES)
    (tmp_path / "one.yaml").write_text(OWN)
    (tmp_path / "many.yaml").write_text(f"{OWN}include:\n{listed}")
    table = pa.table({"id": range(3_000), "amount": [i % 7 for i in range(3_000)]})
    pa.parquet.write_table(table, tmp_path / "orders.parquet", row_group_size=500)
    pa.csv.write_csv(table, tmp_path / "orders.csv")
    return tmp_path


@contextmanager
def opened(file: Path) -> Iterator[list[int]]:
    """How often anybody opens the file meanwhile, mapped into memory or not: the kernel counts (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch, times = libc.inotify_init1(os.O_NONBLOCK), [0]
    assert libc.inotify_add_watch(watch, str(file).encode(), 0x20) > 0  # IN_OPEN
    try:
        yield times
        while True:
            try:
                events = os.read(watch, 65_536)
            except BlockingIOError:
                break
            while events:
                (extra,) = struct.unpack_from("I", events, 12)
                events, times[0] = events[16 + extra :], times[0] + 1
    finally:
        os.close(watch)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel that counts is Linux")
@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_many_suites_open_the_data_as_often_as_one(place: Path, name: str, engine: api.EngineName) -> None:
    counts = {}
    for suite in ("one.yaml", "many.yaml"):
        with opened(place / name) as times:
            result = api.validate(str(place / name), place / suite, engine=engine, limits=UNISOLATED)
        counts[suite] = times[0]
        assert result.success, result.document["reasons"]
    assert counts["one.yaml"] == counts["many.yaml"] > 0
    assert {r.origin.dialect for r in result.checks if r.origin} >= {"dq", "gx", "pandera", "odcs", "dqdl"}


@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_the_number_of_passes_does_not_grow_with_the_suites(place: Path, name: str, engine: api.EngineName) -> None:
    one, many = (api.explain(str(place / name), place / s, engine=engine) for s in ("one.yaml", "many.yaml"))
    assert len(one.passes) == len(many.passes)
    assert len(many.shared) > len(one.shared)


def test_uniqueness_is_computed_once_for_all_dialects(place: Path) -> None:
    """NULL is no key to the contract and to GX, and a value to pandera: the same states tell."""
    folded = api.explain(str(place / "orders.parquet"), place / "many.yaml")
    (checks,) = [c for a, c in folded.shared.items() if isinstance(a, Distinctness)]
    assert checks == ("id.unique", "id.unique#2", "id.unique#3", "id.unique#4")
    assert sum(isinstance(a, Distinctness) for one in folded.passes for a in one.aggregates) == 1


def test_explain_tells_what_is_computed_once_for_several(place: Path, dq: Dq) -> None:
    said = dq("explain", str(place / "orders.csv"), "--suite", str(place / "many.yaml")).out
    lines = [" ".join(x.split()) for x in said.splitlines()]
    assert "Count of amount amount.range, amount.range#3, amount.range#4" in lines
