"""Footers answer exactly what a full scan answers, or nothing; whoever wrote them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq import api
from dq.dialects.contract import load
from dq.engines.base import Dataset
from dq.engines.parquet import open_parquet, thrift
from dq.engines.parquet.chunks import chunks_of
from dq.engines.parquet.usual import column_chunk
from dq.engines.reference import Reference
from dq.ir import aggregate as a
from dq.ir.data import DataFile, Reading, Schema
from dq.ir.expr import And, Arith, Call, Col, Compare, Expr, In, IsNan, IsNull, Lit, Not, Or
from dq.ir.footer import MISSING, answer
from dq.ir.typecheck import check

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "i": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "small": (pa.int8(), st.integers(-128, 127)),
    "u": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "u4": (pa.uint32(), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1])),
    "f": (pa.float64(), st.floats()),
    "d": (pa.decimal128(9, 2), st.decimals(-9999, 9999, places=2)),
    "wide": (pa.decimal128(30, 5), st.decimals(-(10**20), 10**20, places=5)),
    "s": (pa.string(), st.sampled_from(["", "a", "é", "z" * 70, "\U0001f600" * 40, "\uffff"])),
    "bin": (pa.binary(), st.sampled_from([b"", b"\x7f", b"\x80", b"\xff" * 80])),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "t": (pa.timestamp("us"), st.datetimes()),
    "z": (pa.timestamp("ms", "UTC"), st.datetimes(timezones=st.just(UTC)).map(lambda m: m.replace(microsecond=0))),
    "clock": (pa.time64("us"), st.times()),
}


@st.composite
def tables(draw: Callable[..., Any]) -> pa.Table:
    size = draw(st.integers(0, 12))
    some = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5, unique=True))
    return pa.table(
        {
            n: pa.array(draw(st.lists(st.none() | COLUMNS[n][1], min_size=size, max_size=size)), COLUMNS[n][0])
            for n in some
        }
    )


def by_duckdb(table: pa.Table, path: Path) -> None:
    connection = duckdb.connect()
    connection.register("landed", table)
    connection.execute(f"COPY (FROM landed) TO '{path}' (ROW_GROUP_SIZE 4)")
    connection.close()


WRITERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "arrow": lambda t, p: pq.write_table(t, p, row_group_size=3),
    "arrow, no statistics": lambda t, p: pq.write_table(t, p, write_statistics=False),
    "arrow, some statistics": lambda t, p: pq.write_table(
        t, p, write_statistics=t.column_names[:1], use_dictionary=False
    ),
    "arrow, pages of version 2": lambda t, p: pq.write_table(t, p, data_page_version="2.0", write_page_index=True),
    "arrow, version 1": lambda t, p: pq.write_table(t, p, version="1.0", store_schema=False, row_group_size=2),
    "polars": lambda t, p: pl.from_arrow(t).write_parquet(p, row_group_size=4),  # type: ignore[union-attr]
    "polars, all statistics": lambda t, p: pl.from_arrow(t).write_parquet(p, statistics="full"),  # type: ignore[union-attr]
    "duckdb": by_duckdb,
}


def opened(folder: Path, *tables: pa.Table, writer: Callable[[pa.Table, Path], Any] = WRITERS["arrow"]) -> Dataset:
    files = []
    for i, table in enumerate(tables):
        path = folder / f"{i}.parquet"
        writer(table, path)
        files.append(DataFile(path.name, path.stat().st_size, str(path)))
    return open_parquet(files, Reading())


def questions(schema: Schema) -> list[a.Aggregate]:
    asked: list[a.Aggregate] = [a.Count()]
    for field in schema.fields:
        column = Col((field.name,))
        asked += [a.Count(IsNull(column)), a.Count(Not(IsNull(column))), a.Min(column), a.Max(column)]
    return asked


@pytest.mark.parametrize("writer", WRITERS)
def test_an_answer_is_what_a_scan_says(writer: str, tmp_path: Path) -> None:
    answered = set()

    @given(st.lists(tables(), min_size=1, max_size=3))
    @settings(deadline=None, derandomize=True, max_examples=40)
    def law(found: list[pa.Table]) -> None:
        with TemporaryDirectory(dir=tmp_path) as folder:
            dataset = opened(Path(folder), *found, writer=WRITERS[writer])
            assert dataset.footer is not None
            known = {q: s for q in questions(dataset.schema) if (s := answer(q, dataset.footer)) is not MISSING}
            scanned = Reference().run(dataset, list(known))
            assert known == dict(scanned)
            answered.update(type(q).__name__ for q in known)

    law()
    assert answered >= ({"Count"} if "no statistics" in writer else {"Count", "Min", "Max"})


BOUNDS: list[tuple[str, Any]] = [
    ("i", -5),
    ("i", 5),
    ("i", 2**70),
    ("i", 0.5),
    ("d", Decimal("1.50")),
    ("d", 1.5),
    ("s", "b"),
    ("day", date(2020, 1, 2)),
    ("t", datetime(2020, 1, 2)),
    ("t", datetime(2020, 1, 2, tzinfo=UTC)),
    ("f", 1.0),
    ("gone", 1),
]


def test_rules_nobody_breaks_are_answered_and_no_others(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": [-5, 5, None],
            "d": pa.array([Decimal("1.50"), Decimal("-1.50"), None], pa.decimal128(10, 2)),
            "s": ["b", "a", None],
            "day": [date(2020, 1, 2), date(2019, 1, 1), None],
            "t": pa.array([datetime(2020, 1, 2), None, None], pa.timestamp("us")),
            "f": [1.0, math.nan, None],
            "gone": pa.nulls(3, pa.int64()),
        }
    )
    dataset = opened(tmp_path, table)
    rules: list[Expr] = [Compare(op, Col((n,)), Lit(v)) for n, v in BOUNDS for op in ("=", "!=", "<", "<=", ">", ">=")]
    rules += [And((rules[3], rules[5])), Or((rules[3], rules[5])), Not(IsNan(Col(("f",))))]
    kept = 0
    for rule in rules:
        asked = a.Count(Not(check(rule, dataset.schema)[0]))
        found = answer(asked, dataset.footer)  # type: ignore[arg-type]
        scanned = Reference().run(dataset, [asked])[asked]
        assert found in (MISSING, scanned)
        within = rule == Compare("!=", Col(("i",)), Lit(0.5))  # no range says that a value inside it is not there
        if scanned == 0 and not isinstance(rule, Or) and ("f",) not in asked.columns() and not within:
            assert found == 0, rule
            kept += 1
    assert kept > 20


def test_conditions_no_row_meets_are_answered_and_no_others(tmp_path: Path) -> None:
    """The range of `i` is -5 to 5, of `t` two days, of which one is not there."""
    i, t, gone = Col(("i",)), Col(("t",)), Col(("gone",))
    days = pa.array([datetime(2020, 1, 2, 5), datetime(2020, 1, 4), None], pa.timestamp("us"))
    dataset = opened(tmp_path, pa.table({"i": [-5, 5, None], "t": days, "gone": pa.nulls(3, pa.int64())}))
    later, high, low = Compare(">", t, Lit(datetime(2020, 1, 4))), Compare(">", i, Lit(5)), Compare("<", i, Lit(-5))
    some = Compare("<", i, Lit(0))

    def dated(*dates: date) -> Expr:
        return In(Call("date", (t,)), dates)

    ruled_out = [
        later, high, low, Compare("=", i, Lit(6)), In(i, (6, 7)), In(gone, (1,)), Not(Compare("<=", i, Lit(5))),
        dated(date(2020, 1, 1), date(2020, 1, 5)), And((some, high)), Or((high, low)), Not(Not(high)),
        Compare("<", Call("date", (t,)), Lit(date(2020, 1, 2))), Not(Or((some, Compare("<=", i, Lit(5))))),
    ]  # fmt: skip
    open_ = [some, In(i, (6, 0)), dated(date(2020, 1, 1), date(2020, 1, 3)), dated(date(2020, 1, 2)), Or((some, high))]
    for condition in (*ruled_out, *open_):
        asked = a.Count(check(condition, dataset.schema)[0])
        assert answer(asked, dataset.footer) == (0 if condition in ruled_out else MISSING), condition  # type: ignore[arg-type]
        assert condition in open_ or Reference().run(dataset, [asked])[asked] == 0


def test_a_contract_that_footers_answer_reads_no_data_page(tmp_path: Path) -> None:
    """Every byte before the footer is overwritten: nobody notices."""
    path = tmp_path / "landed.parquet"
    pq.write_table(pa.table({"n": list(range(9)), "s": ["a", None, "b"] * 3, "day": [date(2026, 1, 2)] * 9}), path)
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[:4] + b"\xee" * (start - 4) + content[start:])
    text = """
source: landed
columns:
  n: {required: true, min: 0, max: 8}
  s: {completeness: ">= 0.5"}
  day: {required: true, min: 2026-01-01}
checks:
  - {row_count: 9}
"""
    found = api.validate(path, load(text, "landed.yaml"))
    assert found.success, found.to_json()
    assert (found.judgement.scan.passes, found.judgement.scan.bytes_read) == (0, 0)


def test_what_footers_cannot_answer(tmp_path: Path) -> None:
    footer = opened(tmp_path, pa.table({"n": [1, 2], "l": [[1], None], "s": [{"a": 1}, None]})).footer
    assert footer is not None
    n, scope = Col(("n",)), Compare(">", Col(("n",)), Lit(1))
    for asked in (
        a.Count(scope),
        a.Min(n, scope),
        a.Sum(n),
        a.Min(Arith("+", n, Lit(1))),
        a.Count(IsNull(Col(("l",)))),
        a.Count(IsNull(Col(("s",)))),
        a.Min(Col(("other",))),
        a.Count(Not(Compare("<", n, Col(("n",))))),
        a.Count(Not(Compare("<", n, Lit("text")))),
    ):
        assert answer(asked, footer) is MISSING
    assert answer(a.Count(IsNull(Col(("s", "a")))), footer) == 1


def test_floats_have_no_range(tmp_path: Path) -> None:
    """A NaN may hide beside it, and no writer has to say so."""
    dataset = opened(tmp_path, pa.table({"f": [1.0, 2.0], "h": pa.array([1.0, 2.0], pa.float16())}))
    assert dataset.footer is not None
    for name in "fh":
        column = dataset.footer.column((name,))
        assert column is not None
        assert (column.null_count, column.low, column.high) == (0, None, None)


def test_cut_off_text_has_no_range(tmp_path: Path) -> None:
    """Statistics of long text may be a prefix: here the flags that vouch for them are struck out of the footer."""
    table = pa.table({"s": ["abc", "xyz"]})
    whole = opened(tmp_path, table).footer
    assert whole is not None
    assert answer(a.Max(Col(("s",))), whole) == "xyz"
    path = tmp_path / "0.parquet"
    content = path.read_bytes()
    flags = b"\x28\x03xyz\x18\x03abc\x11\x11"  # max_value, min_value, both exact
    assert flags in content
    path.write_bytes(content.replace(flags, flags[:-2] + b"\x12\x12"))
    cut = open_parquet([DataFile("0.parquet", path.stat().st_size, str(path))], Reading()).footer
    assert cut is not None
    assert answer(a.Max(Col(("s",))), cut) is MISSING
    assert answer(a.Count(IsNull(Col(("s",)))), cut) == 0


def test_statistics_of_files_that_differ(tmp_path: Path) -> None:
    """Integers of other widths compare; text that was a number does not; a column that is missing is NULL."""
    dataset = opened(
        tmp_path,
        pa.table({"n": pa.array([1, 300], pa.int16()), "m": [5, None], "k": [1, 2]}),
        pa.table({"n": pa.array([2**40], pa.int64()), "m": ["5"]}),
    )
    assert dataset.footer is not None
    n, m, k = (Col((c,)) for c in "nmk")
    asked = [a.Max(n), a.Max(m), a.Count(IsNull(m)), a.Count(IsNull(k)), a.Max(k)]
    assert [answer(q, dataset.footer) for q in asked] == [2**40, MISSING, 1, 1, 2]


def test_path_keys_and_durations(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"took": [timedelta(seconds=2), timedelta(seconds=-1)], "at": [time(1), time(2)]}), path)
    keys = (("dt", date(2026, 1, 1)), ("none", None), ("f", 0.5))
    footer = open_parquet([DataFile("d.parquet", 1, str(path))], Reading(keys=keys)).footer
    assert footer is not None
    expected = {"took": timedelta(seconds=-1), "at": time(1), "dt": date(2026, 1, 1), "none": None, "f": MISSING}
    assert {n: answer(a.Min(Col((n,))), footer) for n in expected} == expected


@pytest.mark.parametrize("writer", WRITERS)
def test_a_column_chunk_read_in_one_step_is_the_one_read_field_by_field(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = (1, 2, 3, 5, 6, 7, 9, 11, 12, 14, 15)

    def chunks(buffer: bytes) -> list[dict[int, Any]]:
        """All that anybody looks up; the older pair of extremes only where there is no newer one."""
        found = list(chunks_of(thrift.read(buffer)[0]))
        for chunk in found:
            chunk.pop(2, None)
            meta = chunk[3] = {k: v for k, v in chunk[3].items() if k in wanted}
            stats = meta.get(12, {})
            ignored = (1, 2) if 5 in stats else ()
            meta[2] = list(meta[2])
            meta[12] = {k: v for k, v in stats.items() if k not in (*ignored, 4, 9)}
        return found

    steps = Counter[bool]()

    def counted(buffer: bytes, at: int) -> Any:
        step = column_chunk(buffer, at)
        steps[step is not None] += 1
        return step

    @given(st.lists(tables(), min_size=1, max_size=2))
    @settings(deadline=None, derandomize=True, max_examples=12)
    def law(found: list[pa.Table]) -> None:
        with TemporaryDirectory(dir=tmp_path) as folder:
            for n, table in enumerate(found):
                path = Path(folder, f"{n}.parquet")
                WRITERS[writer](table, path)
                content = path.read_bytes()
                footer = content[-8 - int.from_bytes(content[-8:-4], "little") : -8]
                monkeypatch.setattr(thrift, "_LARGE", 1 << 30)
                slowly = chunks(footer)
                monkeypatch.setattr(thrift, "_LARGE", 0)
                monkeypatch.setattr(thrift, "column_chunk", counted)
                assert chunks(footer) == slowly

    law()
    assert steps[True] > 20  # those with long texts, and other structs, are read field by field


def test_bytes_add_up_to_what_the_columns_weigh(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": list(range(99)),
            "st": [{"a": 1, "b": ["x"]}] * 99,
            "m": pa.array([[("k", 1)]] * 99, pa.map_("string", "int64")),
        }
    )
    dataset = opened(tmp_path, table, table)
    found = pq.read_metadata(tmp_path / "0.parquet").row_group(0)
    assert dataset.footer is not None
    weights = {p: c.bytes for p, c in dataset.footer.columns}
    assert set(weights) == {("n",), ("st", "a"), ("st", "b"), ("m",)}
    groups = pq.ParquetFile(tmp_path / "0.parquet").metadata
    total = sum(
        groups.row_group(g).column(c).total_compressed_size
        for g in range(groups.num_row_groups)
        for c in range(found.num_columns)
    )
    assert sum(weights.values()) == 2 * total
