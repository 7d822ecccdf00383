"""Frames that make engines disagree, and ways to hand one frame to an engine."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import Dataset, ParquetPart
from dq.engines.parquet.types import to_type
from dq.ir.data import DataFile, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAN, INF = math.nan, math.inf
LARGE = 2**63 - 1

NUMBERS = pa.table(
    {
        "i8": pa.array([-128, 127, 0, None, 1, 1, -1, 5], pa.int8()),
        "i32": pa.array([-(2**31), 2**31 - 1, 0, None, 7, 7, -7, 3], pa.int32()),
        "i64": pa.array([LARGE, LARGE, LARGE, None, -(2**63), 2**53 + 1, -3, 0], pa.int64()),
        "u8": pa.array([255, 0, 1, None, 2, 2, 2, 9], pa.uint8()),
        "u64": pa.array([2**64 - 1, 2**64 - 1, 0, None, 2**63, 5, 2**53 + 1, 1], pa.uint64()),
        "f64": pa.array([NAN, 0.0, -0.0, None, INF, -INF, 1.5, 9007199254740992.0], pa.float64()),
        "calm": pa.array([0.1, 0.2, 0.30000000000000004, None, -2.5, 1e-9, 1e9, 0.1], pa.float64()),
        "f32": pa.array([NAN, 0.1, -0.0, None, INF, -1.5, 1.5, 0.1], pa.float32()),
        "dec": pa.array(
            [Decimal(v) if v else None for v in ("0.10", "-5.55", "12.00", "", "0.10", "99.99", "0.00", "-0.01")],
            pa.decimal128(10, 2),
        ),
        "wide": pa.array(
            [Decimal("9" * 28 + "." + "9" * 10)] * 3
            + [None, Decimal("-0.0000000001"), Decimal("5"), Decimal("0.5"), Decimal("2.5")],
            pa.decimal128(38, 10),
        ),
        "tiny": pa.array(
            [
                Decimal("0." + "9" * 38),
                Decimal("-0." + "9" * 38),
                None,
                None,
                Decimal("0.1"),
                Decimal("0.1"),
                Decimal("0." + "0" * 37 + "1"),
                Decimal(0),
            ],
            pa.decimal128(38, 38),
        ),
        "flag": pa.array([True, False, None, None, True, True, False, False]),
    }
)

TEXTS = pa.table(
    {
        "s": [
            "",
            " ",
            "a",
            None,
            "Ärger",
            "e\u0301",
            "😀",
            "אבג",
            "a\nb",
            "a\n",
            "٣",
            "3",
            "a\x00b",
            'O\'Brien "x"',
            "%_\\",
            "\ufeff",
        ],
        "t": [
            "zebra",
            "Zebra",
            "ZEBRA",
            "zebra",
            None,
            "é",
            "e\u0301",
            "  padded  ",
            "tab\t",
            "12",
            "-12",
            "x12",
            "a.b",
            "a+b",
            "(",
            "[a]",
        ],
        "cat": pa.array(["b", "a", "b", None, "c", "a", "a", "b"] * 2).dictionary_encode(),
        "bin": pa.array([b"", b"\x00", b"\xff\xfe", None, b"'", b"a", b"a", b"\\x41"] * 2, pa.binary()),
        "lb": pa.array([b"x"] * 16, pa.large_binary()),
        "ls": pa.array(["same"] * 15 + [None], pa.large_string()),
    }
)

_DAYS = [
    date(1970, 1, 1),
    date(1969, 12, 31),
    date(1, 1, 1),
    date(9999, 12, 31),
    None,
    date(2020, 2, 29),
    date(1582, 10, 4),
    date(2020, 2, 29),
]
_TIMES = [
    datetime(1970, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59),
    datetime(1900, 1, 1, 12),
    datetime(2199, 12, 31),
    None,
    datetime(2020, 2, 29, 1, 2, 3),
    datetime(2020, 2, 29),
    datetime(2020, 2, 29),
]
_NANOS = [-1, 0, 1_582_934_400_000_000_001, 1_582_934_400_000_000_002, None, -315619199876543211, 999, 1000]

TIMES = pa.table(
    {
        "d": pa.array(_DAYS, pa.date32()),
        **{f"t_{u}": pa.array(_TIMES, pa.timestamp(u)) for u in ("s", "ms", "us")},
        "t_ns": pa.array(_NANOS, pa.timestamp("ns")),
        "z_us": pa.array(_TIMES, pa.timestamp("us", "Europe/Berlin")),
        "z_ns": pa.array(_NANOS, pa.timestamp("ns", "America/New_York")),
        "far": pa.array([2**55, -(2**60), 0, None, 1, 2, 3, 4], pa.timestamp("us")),
        "clock": pa.array([0, 1, 86_399_999_999, None, 3_600_000_000, 5, 5, 7], pa.time64("us")),
        "took": pa.array(
            [
                timedelta(days=40),
                timedelta(microseconds=-1),
                timedelta(0),
                None,
                timedelta(hours=1),
                timedelta(hours=1),
                timedelta(1),
                timedelta(2),
            ],
            pa.duration("us"),
        ),
    }
)

NESTED = pa.table(
    {
        "st": pa.array(
            [
                {"a": 1, "b.c": "x", "in": {"d": 1.5}},
                {"a": None, "b.c": None, "in": None},
                None,
                {"a": 1, "b.c": "x", "in": {"d": 1.5}},
            ],
            pa.struct([("a", pa.int32()), ("b.c", pa.string()), ("in", pa.struct([("d", pa.float64())]))]),
        ),
        "li": pa.array([[1, 2], [], None, [1, None]], pa.list_(pa.int64())),
        "ma": pa.array([[("k", 1)], [], None, [("k", 1), ("j", None)]], pa.map_(pa.string(), pa.int64())),
        "zoned": pa.array(
            [[datetime(2020, 1, 1)], [], None, [datetime(2021, 1, 1), None]],
            pa.list_(pa.timestamp("us", "Europe/Berlin")),
        ),
    }
)

HOSTILE_NAMES = (
    'quo"te',
    "quo'te",
    "dot.ted",
    "a b",
    "*",
    "[x]?",
    "back`tick",
    "😀",
    "select",
    "ROWID",
    "c0",
    "p1",
    "%s{}",
    "Case",
    "case",
)
NAMES = pa.table([pa.array([i, None, i + 1], pa.int64()) for i in range(len(HOSTILE_NAMES))], names=list(HOSTILE_NAMES))
EMPTY = NUMBERS.slice(0, 0)
NULLS = pa.table(
    {
        "n": pa.nulls(3),
        "i64": pa.nulls(3, pa.int64()),
        "f64": pa.nulls(3, pa.float64()),
        "s": pa.nulls(3, pa.string()),
        "d": pa.nulls(3, pa.date32()),
        "dec": pa.nulls(3, pa.decimal128(10, 2)),
    }
)

FRAMES: dict[str, pa.Table] = {
    "numbers": NUMBERS,
    "texts": TEXTS,
    "times": TIMES,
    "nested": NESTED,
    "names": NAMES,
    "empty": EMPTY,
    "nulls": NULLS,
}


def schema_of(table: pa.Table) -> Schema:
    return Schema(tuple(Field(f.name, to_type(f.type)) for f in table.schema))


def as_frame(table: pa.Table) -> Dataset:
    return Dataset(schema_of(table), rows=table.num_rows, frame=table)


def as_parquet(
    table: pa.Table, folder: Path, names: tuple[str, ...] = ("a[1].parquet", "b*.parquet"), group_rows: int = 3
) -> Dataset:
    """The rows spread over as many files, in their order."""
    size = -(-max(table.num_rows, 1) // len(names))
    files = [parquet_file(table.slice(i * size, size), folder / n, group_rows) for i, n in enumerate(names)]
    # What the file holds: Parquet has no seconds, and keeps no dictionary apart from its values.
    schema = schema_of(pq.read_schema(files[0].location).empty_table())
    columns = tuple((f.name, f.name, f.type) for f in schema.fields)
    return Dataset(schema, rows=table.num_rows, parts=(ParquetPart(tuple(files), columns),))


def parquet_file(table: pa.Table, path: Path, group_rows: int = 3) -> DataFile:
    pq.write_table(table, path, row_group_size=group_rows)
    return DataFile(path.name, path.stat().st_size, str(path))


def datasets(table: pa.Table, folder: Path) -> Iterator[Dataset]:
    yield as_frame(table)
    yield as_parquet(table, folder)


def same(left: Any, right: Any, relative: float = 1e-9) -> bool:
    """Exact, but for floats: NaN is NaN and -0.0 is 0.0 there. Decimals that need over 38 digits may become floats."""
    if {type(left), type(right)} == {float, Decimal}:
        left, right = float(left), float(right)
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=relative, abs_tol=1e-12) or (math.isnan(left) and math.isnan(right))
    if hasattr(left, "__dataclass_fields__"):
        return type(left) is type(right) and all(
            same(getattr(left, f), getattr(right, f), relative) for f in left.__dataclass_fields__
        )
    if isinstance(left, (tuple, list)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())
    return type(left) is type(right) and bool(left == right)
