"""The Parquet reader: every type, every finding, names, aliases, path keys and parts that differ."""

from __future__ import annotations

import base64
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from dq.engines.base import Dataset
from dq.engines.duckdb.engine import DuckDB
from dq.engines.parquet import open_parquet
from dq.engines.parquet.types import unify
from dq.engines.polars import Polars
from dq.engines.reference import Reference
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir.data import DataFile, Declared, Kind, Reading, Type, parse_type
from dq.ir.expr import Col, IsNull

ENGINES = [Polars(), Polars(held_rows=-1), DuckDB()]


def data_file(path: Path) -> DataFile:
    return DataFile(path.name, path.stat().st_size, str(path))


def written(folder: Path, name: str, table: pa.Table, **options: object) -> DataFile:
    pq.write_table(table, folder / name, **options)
    return data_file(folder / name)


def opened(folder: Path, *tables: pa.Table, reading: Reading | None = None) -> Dataset:
    files = [written(folder, f"part-{i}.parquet", t) for i, t in enumerate(tables)]
    return open_parquet(files, reading or Reading())


def agree(dataset: Dataset, aggregates: list[a.Aggregate]) -> dict[a.Aggregate, object]:
    """What the reference says, after every engine has said the same."""
    wanted = Reference().run(dataset, aggregates)
    for engine in ENGINES:
        found = engine.run(dataset, aggregates)
        assert {k: found[k] for k in aggregates} == dict(wanted), engine.name
    return dict(wanted)


TYPES = [
    (pa.bool_(), True, "bool"),
    (pa.int8(), -1, "int8"),
    (pa.uint64(), 2**64 - 1, "uint64"),
    (pa.float16(), 1.5, "float"),
    (pa.float32(), 1.5, "float"),
    (pa.float64(), 1.5, "double"),
    (pa.decimal128(10, 2), Decimal("1.50"), "decimal(10,2)"),
    (pa.decimal256(38, 4), Decimal("1.5000"), "decimal(38,4)"),
    (pa.string(), "a", "string"),
    (pa.large_string(), "a", "string"),
    (pa.string_view(), "a", "string"),
    (pa.dictionary(pa.int8(), pa.string()), "a", "string"),
    (pa.binary(), b"a", "binary"),
    (pa.binary(2), b"ab", "binary"),
    (pa.uuid(), b"\x00" * 15 + b"\x05", "uuid"),
    (pa.json_(), "{}", "json"),
    (pa.date32(), date(2020, 1, 2), "date"),
    (pa.time64("us"), time(1, 2, 3), "time"),
    (pa.time32("ms"), time(1, 2, 3), "time"),
    (pa.timestamp("ms"), datetime(2020, 1, 2), "timestamp(ms)"),
    (pa.timestamp("ns"), datetime(2020, 1, 2), "timestamp(ns)"),
    (pa.timestamp("us", "UTC"), datetime(2020, 1, 2, tzinfo=UTC), "timestamp(us, UTC)"),
    (pa.duration("us"), timedelta(hours=1), "duration"),
    (pa.list_(pa.int64()), [1], "list(int64)"),
    (pa.large_list(pa.string()), ["a"], "list(string)"),
    (pa.list_(pa.int64(), 2), [1, 2], "list(int64)"),
    (
        pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
        {"a": 1, "b": ["x"]},
        "struct(a: int64, b: list(string))",
    ),
    (pa.map_(pa.string(), pa.int64()), [("k", 1)], "map(string, int64)"),
    (pa.null(), None, "null"),
]


@pytest.mark.parametrize(("landed", "value", "name"), TYPES, ids=lambda v: str(v) if isinstance(v, pa.DataType) else "")
def test_every_type_has_a_name_and_is_read(landed: pa.DataType, value: object, name: str, tmp_path: Path) -> None:
    dataset = opened(tmp_path, pa.table({"c": pa.array([value, None], landed), "n": [1, 2]}))
    assert dataset.findings == ()
    assert str(dataset.schema.find(("c",))) == name
    rows = a.FirstRows(None, (("c",), ("n",)), 2)
    nulls = a.Count(IsNull(Col(("c",))))
    states = agree(dataset, [rows, nulls])
    assert states[nulls] == (2 if value is None else 1)


def test_a_type_nobody_reads_is_found_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "interval.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS n, INTERVAL 1 MONTH AS i) TO '{path}'")
    wide = written(tmp_path, "wide.parquet", pa.table({"n": [2], "w": pa.array([Decimal(1)], pa.decimal256(50, 2))}))
    dataset = open_parquet([data_file(path), wide], Reading())
    assert [(f.kind, f.file) for f in dataset.findings] == [
        ("unsupported_type", "interval.parquet"),
        ("unsupported_type", "wide.parquet"),
    ]
    assert dataset.schema.names == ("n",)
    total = a.Sum(Col(("n",)))
    assert agree(dataset, [total])[total] == 3


def broken(folder: Path) -> dict[str, bytes]:
    good = written(
        folder, "good.parquet", pa.table({"a": list(range(1000)), "b": ["x" * 9] * 1000}), compression="zstd"
    )
    whole = Path(good.location).read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    return {
        "empty_file": b"",
        "not_parquet": b"a,b\n1,2\n",
        "truncated": whole[: len(whole) // 2],
        "unreadable": whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:],
        "encrypted": b"PARE" + whole[4:],
        "unreadable-footer": whole[: -size - 8] + b"\x15" * size + whole[-8:],
        "unreadable-middle": whole[:4] + whole[-size - 8 :],
        "truncated-short": b"PAR1",
        "truncated-twice": b"PAR1PAR1",
        "duplicate_columns": Path(written(folder, "twice.parquet", twice).location).read_bytes(),
    }


def test_every_fault_is_a_finding_and_sound_files_are_read(tmp_path: Path) -> None:
    for name, content in broken(tmp_path).items():
        path = tmp_path / f"{name}.bad"
        path.write_bytes(content)
        dataset = open_parquet([data_file(path), data_file(tmp_path / "good.parquet")], Reading())
        assert [(f.kind, f.file) for f in dataset.findings] == [(name.split("-")[0], path.name)]
        assert dataset.rows == 1000
        assert [f.path for p in dataset.parts for f in p.files] == ["good.parquet"]


class _Keys(pe.KmsClient):
    def __init__(self) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_columns_are_told_from_the_footer(plaintext_footer: bool, tmp_path: Path) -> None:
    """pyarrow would end the process on the chunk of an encrypted column."""
    settings = pe.EncryptionConfiguration("f", column_keys={"k": ["a"]}, plaintext_footer=plaintext_footer)
    keys = pe.CryptoFactory(lambda _: _Keys()).file_encryption_properties(pe.KmsConnectionConfig(), settings)
    table = pa.table({"a": [1], "b": [2]})
    with pq.ParquetWriter(tmp_path / "e.parquet", table.schema, encryption_properties=keys) as writer:
        writer.write_table(table)
    dataset = open_parquet([data_file(tmp_path / "e.parquet")], Reading())
    assert [f.kind for f in dataset.findings] == ["encrypted"]
    assert not dataset.readable


def test_damaged_footers_never_raise(tmp_path: Path) -> None:
    """Nor end the process: pyarrow does, asked for a damaged chunk."""
    kinds = pa.table({f"c{i}": pa.array([v, None], t) for i, (t, v, _) in enumerate(TYPES)})
    whole = Path(written(tmp_path, "all.parquet", kinds).location).read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    draw = random.Random(7)
    seen = set()
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(whole) - size - 8, len(whole) - 8)] = draw.randrange(256)
        path = tmp_path / "damaged.parquet"
        path.write_bytes(damaged)
        seen |= {f.kind for f in open_parquet([data_file(path)], Reading()).findings}
    assert "unreadable" in seen


def test_a_file_that_is_gone_is_no_fault_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"gone\.parquet"):
        open_parquet([DataFile("gone.parquet", 9, str(tmp_path / "gone.parquet"))], Reading())


def test_no_files_and_no_rows(tmp_path: Path) -> None:
    assert open_parquet([], Reading()).rows == 0
    dataset = opened(tmp_path, pa.table({"n": pa.array([], pa.int64())}))
    states = agree(dataset, [a.Count(), a.Sum(Col(("n",))), a.Min(Col(("n",))), a.Distinctness((Col(("n",)),))])
    assert states[a.Count()] == 0


NAMES = ["a[1].parquet", "b*.parquet", "c?.parquet", "d e'f\".parquet", "g{h}.parquet", "dt=1%20.parquet"]


def test_file_names_are_no_patterns(tmp_path: Path) -> None:
    (tmp_path / "a1.parquet").write_bytes(b"never to be read")
    files = [written(tmp_path, n, pa.table({"n": [i]})) for i, n in enumerate(NAMES)]
    rows = a.FirstRows(None, (("n",),), 10)
    states = agree(open_parquet(files, Reading()), [rows])
    assert states[rows] == tuple(a.RowState(n, 1, (i,)) for i, n in sorted(enumerate(NAMES), key=lambda p: p[1]))


def test_positions_count_in_each_file_over_row_groups(tmp_path: Path) -> None:
    tables = [pa.table({"n": list(range(i, i + 7))}) for i in (0, 7)]
    files = [written(tmp_path, f"{i}.parquet", t, row_group_size=3) for i, t in enumerate(tables)]
    rows = a.FirstRows(None, (("n",),), 9)
    states = agree(open_parquet(files, Reading()), [rows])
    assert [(r.file, r.row, r.values[0]) for r in states[rows]][5:] == [  # type: ignore[attr-defined]
        ("0.parquet", 6, 5),
        ("0.parquet", 7, 6),
        ("1.parquet", 1, 7),
        ("1.parquet", 2, 8),
    ]


def test_an_alias_stands_in_for_its_column_and_the_column_wins(tmp_path: Path) -> None:
    reading = Reading(declared=(Declared("at", aliases=("Last Update", "Last_Update")),))
    old, new = pa.table({"Last_Update": [1]}), pa.table({"at": [2], "Last Update": [3]})
    dataset = opened(tmp_path, old, new, reading=reading)
    assert dataset.schema.names == ("at", "Last Update")
    assert [s.names for _, s in dataset.file_schemas] == [("at",), ("at", "Last Update")]
    states = agree(dataset, [a.Sum(Col(("at",))), a.Sum(Col(("Last Update",)))])
    assert list(states.values()) == [3, 3]


def test_path_keys_are_columns_unless_the_files_have_them(tmp_path: Path) -> None:
    keys = (
        ("dt", date(2026, 11, 20)),
        ("n", 7),
        ("region", "eu"),
        ("at", datetime(2026, 1, 1, tzinfo=UTC)),
        ("none", None),
    )
    dataset = opened(tmp_path, pa.table({"n": [1, 2]}), reading=Reading(keys=keys))
    assert [(f.name, str(f.type)) for f in dataset.schema.fields] == [
        ("n", "int64"),
        ("dt", "date"),
        ("region", "string"),
        ("at", "timestamp(us, UTC)"),
        ("none", "null"),
    ]
    assert dataset.keys == keys
    day, region, at = (Col((n,)) for n in ("dt", "region", "at"))
    states = agree(
        dataset, [a.Max(day), a.Tally(region), a.Min(at), a.Sum(Col(("n",))), a.Count(IsNull(Col(("none",))))]
    )
    assert list(states.values()) == [
        date(2026, 11, 20),
        a.TallyState((("eu", 2),)),
        datetime(2026, 1, 1, tzinfo=UTC),
        3,
        2,
    ]


def test_files_that_differ_are_parts_under_one_schema(tmp_path: Path) -> None:
    """Numbers widen, a column that did not land is NULL, and each file's own schema says who differs."""
    first = pa.table({"n": pa.array([1, 2], pa.int32()), "s": ["a", None], "t": pa.array([1], pa.int64()).take([0, 0])})
    second = pa.table({"x": [True], "n": pa.array([2**40], pa.int64()), "t": ["late"]})
    dataset = opened(tmp_path, first, first, second)
    assert [(f.name, str(f.type)) for f in dataset.schema.fields] == [
        ("n", "int64"),
        ("s", "string"),
        ("t", "string"),
        ("x", "bool"),
    ]
    assert [len(p.files) for p in dataset.parts] == [2, 1]
    assert str(dict(dataset.file_schemas)["part-2.parquet"].find(("t",))) == "string"
    n, s, t, x = (Col((c,)) for c in "nstx")
    states = agree(dataset, [a.Sum(n), a.Count(IsNull(s)), a.Count(IsNull(x)), a.Tally(t)])
    assert list(states.values()) == [2**40 + 6, 3, 4, a.TallyState((("1", 4), ("late", 1)))]


def test_nested_beside_something_else_is_left_out_of_its_file(tmp_path: Path) -> None:
    dataset = opened(tmp_path, pa.table({"n": [[1]], "k": [1]}), pa.table({"n": ["a"], "k": [2]}))
    assert [(f.kind, f.file) for f in dataset.findings] == [("mixed_types", "part-1.parquet")]
    states = agree(dataset, [a.Count(IsNull(Col(("n",)))), a.Sum(Col(("k",)))])
    assert list(states.values()) == [1, 3]


UNIONS = [
    ("int8", "int64", "int64"),
    ("int8", "uint8", "int16"),
    ("int64", "uint64", "decimal(20,0)"),
    ("uint8", "uint32", "uint32"),
    ("int64", "float", "double"),
    ("decimal(10,2)", "int32", "decimal(12,2)"),
    ("decimal(38,0)", "decimal(38,9)", "double"),
    ("date", "timestamp(ms)", "timestamp(us)"),
    ("timestamp(ns)", "timestamp(us)", "timestamp(us)"),
    ("timestamp(us)", "timestamp(us, Asia/Tokyo)", "timestamp(us, UTC)"),
    ("bool", "int8", "string"),
    ("uuid", "string", "string"),
    ("list(int8)", "list(int64)", "list(int64)"),
    ("list(int8)", "int8", "None"),
    ("struct(a: int8)", "struct(a: int16)", "None"),
]


@pytest.mark.parametrize(("left", "right", "both"), UNIONS)
def test_the_type_of_both(left: str, right: str, both: str) -> None:
    pair = parse_type(left), parse_type(right)
    assert str(unify(*pair)) == str(unify(*pair[::-1])) == both
    assert unify(Type(Kind.NULL), pair[0]) == unify(pair[0], Type(Kind.NULL)) == pair[0]


def test_int96_keeps_every_year(tmp_path: Path) -> None:
    """As nanoseconds, Polars' own reading, the first and the last year would be 1677 and 2262."""
    moments = [datetime(1, 1, 1), datetime(2020, 1, 1, 1, 2, 3, 456789), datetime(9999, 12, 31, 23, 59, 59), None]
    table = pa.table({"t": pa.array(moments, pa.timestamp("us")), "n": range(4)})
    file = written(tmp_path, "old.parquet", table, use_deprecated_int96_timestamps=True, store_schema=False)
    dataset = open_parquet([file], Reading())
    assert str(dataset.schema.find(("t",))) == "timestamp(us)"
    t = Col(("t",))
    for engine in ENGINES:
        states = engine.run(dataset, [a.Min(t), a.Max(t), a.Count(IsNull(t))])
        assert list(states.values()) == [moments[0], moments[2], 1]


def test_names_that_differ_in_case_stay_apart(tmp_path: Path) -> None:
    dataset = opened(tmp_path, pa.table({"id": [1], "ID": [2]}))
    states = agree(dataset, [a.Sum(Col(("id",))), a.Sum(Col(("ID",)))])
    assert list(states.values()) == [1, 2]
