"""What is DuckDB's own: files as they are named, the lock, what is read, what overflows, what cannot be read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq.engines.base import FILE, ROW, Dataset, ParquetPart, Unreadable, raw
from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.engine import DuckDB
from dq.engines.duckdb.source import open_source, readable_paths
from dq.engines.parquet.types import to_type
from dq.engines.reference import Reference
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import DataFile, Field, Footer, Kind, Schema, Type
from dq.ir.numbers import distinct_estimate
from tests.conformance.hostile import as_frame, as_parquet, parquet_file, schema_of
from tests.conformance.test_aggregates import assert_honest

X = e.Col(("x",))
NAMES = (
    *("a[1].parquet", "a1.parquet", "b*.parquet", "b2.parquet", "c?.parquet", 'it\'s "x".parquet', "{x,y}.parquet"),
    *("dt=2020-01-01.parquet", "ü 😀.parquet", "%20.parquet", "[!a].parquet", "]x[.parquet"),
)


@pytest.fixture
def engine(tmp_path: Path) -> DuckDB:
    return DuckDB(threads=2, memory_bytes=500_000_000, temp=str(tmp_path))


def one(engine: DuckDB, dataset: Dataset, aggregate: a.Aggregate) -> object:
    return engine.run(dataset, [aggregate])[aggregate]


def test_file_names_are_read_literally(engine: DuckDB, tmp_path: Path) -> None:
    """Each file holds its own place in the list; a name that matched another one would show."""
    folder = tmp_path / "dt=1999[0-9]*"
    folder.mkdir()
    dataset = as_parquet(pa.table({"x": list(range(len(NAMES)))}), folder, NAMES)
    rows = one(engine, dataset, a.FirstRows(None, (("x",),), 100))
    assert sorted(((r.file, r.values[0]) for r in rows), key=lambda r: r[1]) == [(n, i) for i, n in enumerate(NAMES)]


def test_of_many_small_files_each_is_read_once_whatever_is_asked(engine: DuckDB, tmp_path: Path) -> None:
    table = pa.table({"y": [f"{i % 7}" * 9_000 for i in range(160)], "x": [i % 50 or None for i in range(160)]})
    many = as_parquet(table, tmp_path, tuple(f"{n}.parquet" for n in range(80)))
    weight = sum(f.bytes for part in many.parts for f in part.files)
    where = e.Compare(">", X, e.Lit(40))
    asked = [
        a.Count(), a.Count(where), a.Sum(X), a.Tally(X), a.Distinctness((X,)), a.TopValues(X), a.Max(X),
        a.FirstRows(where, (("x",),), 3), a.DuplicateKeys((X,), (("x",),)),
    ]  # fmt: skip
    found = []
    for footer in (None, Footer(160)):
        before = _read_bytes()
        found.append(engine.run(replace(many, footer=footer), asked))
        found.append(_read_bytes() - before)
    scattered, more, gathered, less = found
    assert gathered == scattered
    assert less < 2 * weight < more


def _read_bytes() -> int:
    """By this process, from files."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_nothing_is_drawn_where_no_main_file_is(tmp_path: Path) -> None:
    """In a notebook, or here: DuckDB would draw how far it is."""
    code = (
        'import duckdb; from dq.engines.duckdb.connect import connect; print([c.execute("SELECT current_setting('
        f"'enable_progress_bar')\").fetchone()[0] for c in (duckdb.connect(), connect(temp={str(tmp_path)!r}))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[True, False]\n"


def test_only_the_files_of_the_dataset_can_be_opened(engine: DuckDB, tmp_path: Path) -> None:
    dataset = as_parquet(pa.table({"x": [1]}), tmp_path, ("in.parquet",))
    other = tmp_path.parent / f"{tmp_path.name}-other.parquet"
    parquet_file(pa.table({"x": [1]}), other)
    connection = connect(readable_paths(dataset), temp=str(tmp_path / "spill"))
    with pytest.raises(duckdb.PermissionException):
        connection.execute(f"SELECT * FROM read_parquet('{other}')")
    with pytest.raises(duckdb.InvalidInputException):
        connection.execute("SET enable_external_access = true")


def test_a_connection_serves_one_set_of_files(engine: DuckDB, tmp_path: Path) -> None:
    first = as_parquet(pa.table({"x": [1]}), tmp_path, ("1.parquet",))
    second = as_parquet(pa.table({"x": [2]}), tmp_path, ("2.parquet",))
    assert [one(engine, d, a.Sum(X)) for d in (first, second, first)] == [1, 2, 1]


def test_only_the_columns_asked_for_are_read(engine: DuckDB, tmp_path: Path) -> None:
    dataset = as_parquet(pa.table({"x": [1], "y": [2], "z": [3]}), tmp_path, ("f.parquet",))
    connection = connect(readable_paths(dataset), temp=str(tmp_path))
    relation, columns = open_source(dataset, connection).relation(["x"])
    plan = connection.execute(f"EXPLAIN SELECT sum({columns['x'].text}) FROM {relation}").fetchall()[0][1]
    assert "Projections: p0 " in plan
    assert not any(name in plan for name in ("p1", "p2", "file_row_number", "file_index", "filename"))


def test_parts_are_added_up_under_canonical_names_and_types(engine: DuckDB, tmp_path: Path) -> None:
    """Columns landed under other names, as other types, or not at all; path keys are constants."""
    old = parquet_file(
        pa.table({"X": pa.array([1, 2], pa.int32()), "when": pa.array([date(2020, 1, 1)] * 2)}),
        tmp_path / "old.parquet",
    )
    new = parquet_file(
        pa.table({"when": pa.array([1_500_000_001], pa.timestamp("ns")), "x": [2.5], "extra": ["e"]}),
        tmp_path / "new.parquet",
    )
    day, moment = Type(Kind.DATE), Type(Kind.TIMESTAMP, unit="us")
    schema = Schema(
        (Field("x", Type(Kind.DOUBLE)), Field("at", moment), Field("extra", Type(Kind.STRING)), Field("dt", day))
    )
    parts = (
        ParquetPart((old,), (("x", "X", Type(Kind.INT32)), ("at", "when", day), ("extra", None, Type(Kind.STRING)))),
        ParquetPart(
            (new,),
            (
                ("x", "x", Type(Kind.DOUBLE)),
                ("at", "when", Type(Kind.TIMESTAMP, unit="ns")),
                ("extra", "extra", Type(Kind.STRING)),
            ),
        ),
    )
    dataset = Dataset(schema, parts=parts, keys=(("dt", date(2026, 1, 1)),))
    asked = a.FirstRows(None, (("x",), ("at",), ("extra",), ("dt",)))
    key = date(2026, 1, 1)
    answer = (
        a.RowState("new.parquet", 1, (2.5, datetime(1970, 1, 1, 0, 0, 1, 500_000), "e", key)),
        a.RowState("old.parquet", 1, (1.0, datetime(2020, 1, 1), None, key)),
        a.RowState("old.parquet", 2, (2.0, datetime(2020, 1, 1), None, key)),
    )
    assert one(engine, dataset, asked) == answer
    assert Reference().run(dataset, [asked])[asked] == answer


def test_columns_that_differ_only_in_case(engine: DuckDB, tmp_path: Path) -> None:
    """DuckDB renames the second one, and would take a third one that is called like that for it."""
    dataset = as_parquet(pa.table([[1], [2], [3]], names=["x", "X", "X_1"]), tmp_path, ("f.parquet",))
    assert [one(engine, dataset, a.Sum(e.Col((n,)))) for n in ("x", "X", "X_1")] == [1, 2, 3]


def test_positions_of_nested_columns_are_not_mixed_up(engine: DuckDB, tmp_path: Path) -> None:
    nested = pa.array([{"a": {"b": 1, "c": [1]}, "d": 2}])
    dataset = as_parquet(
        pa.table({"s": nested, "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "x": [7]}),
        tmp_path,
        ("f.parquet",),
    )
    assert one(engine, dataset, a.Sum(X)) == 7


def test_a_table_with_hidden_columns(engine: DuckDB) -> None:
    connection = duckdb.connect()
    rows = "(1, NULL, 'f.csv', 2), (NULL, 'abc', 'f.csv', 3)"
    names = f'x, "{raw("x")}", "{FILE}", "{ROW}"'
    connection.execute(f'CREATE TABLE "la""nded" AS SELECT * FROM (VALUES {rows}) AS t({names})')
    schema = Schema((Field("x", Type(Kind.INT64)), Field("dt", Type(Kind.DATE))))
    dataset = Dataset(
        schema,
        connection=connection,
        table='la"nded',
        raw_columns=frozenset({raw("x")}),
        keys=(("dt", date(2020, 1, 1)),),
    )
    unread = e.Not(e.IsNull(e.Col((raw("x"),))))
    assert one(engine, dataset, a.Count(unread)) == 1
    asked = a.FirstRows(unread, ((raw("x"),), ("dt",)))
    answer = (a.RowState("f.csv", 3, ("abc", date(2020, 1, 1))),)
    assert one(engine, dataset, asked) == Reference().run(dataset, [asked])[asked] == answer


def test_the_estimate_is_duckdbs_own(engine: DuckDB) -> None:
    for count in (1, 100, 1_000, 2_560, 50_000):
        table = pa.table({"x": [f"k{i}" for i in range(count)]})
        connection = duckdb.connect().register("t", table)
        state = one(engine, as_frame(table), a.ApproxDistinct(X))
        own = connection.execute("SELECT approx_count_distinct(x) FROM t").fetchall()[0][0]
        assert distinct_estimate(state) == pytest.approx(own, abs=1)


def test_rare_values_among_very_many(engine: DuckDB) -> None:
    """Above 100,000 distinct values only the fullest hash slots are counted: exactly, and what is missed is said."""
    values = [*range(300_000), *([7] * 500), *([8] * 200)]
    state = one(engine, as_frame(pa.table({"x": values})), a.TopValues(X, 10))
    true = dict.fromkeys(range(300_000), 1) | {7: 501, 8: 201}
    assert state.counts[:2] == ((7, 501), (8, 201))
    assert 0 < state.error < 201
    assert_honest(state, true, 10)


def test_a_tally_over_very_many_keys_gives_up_early(engine: DuckDB) -> None:
    table = pa.table({"x": pa.arange(0, 1_500_000)})
    assert one(engine, as_frame(table), a.Tally(X)) == a.TallyState(over=True)


def test_a_late_key_beyond_the_cap_is_seen(engine: DuckDB) -> None:
    """The look ahead ends after 400,000 rows; the cap does not."""
    table = pa.table({"x": pa.chunked_array([pa.repeat(pa.scalar(1), 1_000_000), pa.array([2, 3])])})
    assert one(engine, as_frame(table), a.Tally(X, cap=2)) == a.TallyState(over=True)
    assert one(engine, as_frame(table), a.Tally(X, cap=3)) == a.TallyState(((1, 1_000_000), (2, 1), (3, 1)))


def test_sums_beyond_128_bits(engine: DuckDB) -> None:
    huge = e.Arith("*", X, X)
    dataset = as_frame(pa.table({"x": [2**63 - 1] * 4}))
    assert one(engine, dataset, a.Sum(huge)) == 4 * (2**63 - 1) ** 2
    tiny = as_frame(pa.table({"x": pa.array([Decimal("-0." + "9" * 38)] * 30, pa.decimal128(38, 38))}))
    assert one(engine, tiny, a.Sum(X)) == Reference().run(tiny, [a.Sum(X)])[a.Sum(X)]


def test_arithmetic_beyond_128_bits_is_an_error_not_a_number(engine: DuckDB) -> None:
    """And the connection serves the next question."""
    dataset = as_frame(pa.table({"x": [2**63 - 1]}))
    cube = e.Arith("*", e.Arith("*", X, X), X)
    with pytest.raises(EngineError, match="OutOfRangeException"):
        one(engine, dataset, a.Sum(cube))
    assert one(engine, dataset, a.Count()) == 1


def test_an_error_does_not_quote_data(engine: DuckDB) -> None:
    dataset = as_frame(pa.table({"x": ["secret"]}))
    with pytest.raises(EngineError) as caught:
        one(engine, dataset, a.Count(e.Matches(X, "(?=secret)")))
    assert "secret" not in str(caught.value)


def test_damaged_bytes_are_the_datas_fault(engine: DuckDB, tmp_path: Path) -> None:
    good = parquet_file(pa.table({"x": ["y" * 50] * 1_000}), tmp_path / "good.parquet")
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"x": [f"{i:050}" for i in range(1_000)]}), path, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[100:300] = bytes(200)
    path.write_bytes(content)
    files = (good, DataFile("bad.parquet", len(content), str(path)))
    schema = Schema((Field("x", Type(Kind.STRING)),))
    dataset = Dataset(schema, parts=(ParquetPart(files, (("x", "x", Type(Kind.STRING)),)),))
    with pytest.raises(Unreadable) as caught:
        one(engine, dataset, a.Max(e.Call("length", (X,))))
    assert caught.value.finding.kind == "unreadable"
    assert caught.value.finding.file == "bad.parquet"


def test_a_file_that_is_gone_is_not(engine: DuckDB, tmp_path: Path) -> None:
    dataset = as_parquet(pa.table({"x": [1]}), tmp_path, ("f.parquet",))
    (tmp_path / "f.parquet").unlink()
    with pytest.raises(EngineError):
        one(engine, dataset, a.Sum(X))


def test_nothing_to_read_is_no_answer(engine: DuckDB) -> None:
    with pytest.raises(EngineError, match="nothing to read"):
        one(engine, Dataset(Schema()), a.Count())


def test_wide_tables_are_asked_in_pieces(engine: DuckDB, tmp_path: Path) -> None:
    table = pa.table({f"x{i}": [i, None] for i in range(1_200)})
    asked = [x for i in range(1_200) for x in (a.Count(e.IsNull(e.Col((f"x{i}",)))), a.Max(e.Col((f"x{i}",))))]
    states = engine.run(as_parquet(table, tmp_path, ("wide.parquet",)), asked)
    assert [states[x] for x in asked] == [n for i in range(1_200) for n in (1, i)]


def test_durations_of_parquet(engine: DuckDB, tmp_path: Path) -> None:
    """Parquet has none: they are integers, whose unit stands in Arrow's own note."""
    for unit in ("s", "ms", "us", "ns"):
        table = pa.table({"x": pa.array([-1, 90_000, None], pa.duration(unit))})
        dataset = as_parquet(table, tmp_path, (f"{unit}.parquet",))
        assert dataset.schema.find(("x",)) == Type(Kind.DURATION, unit=unit)
        for asked in (a.Min(X), a.Max(X)):
            assert one(engine, dataset, asked) == Reference().run(dataset, [asked])[asked]


def test_values_python_cannot_hold(engine: DuckDB) -> None:
    """Years beyond 9999 come out as the last moment there is, and no zone needs a library."""
    far = pa.array([2**60, 0], pa.timestamp("us", "UTC"))
    assert one(engine, as_frame(pa.table({"x": far})), a.Max(X)) == datetime.max.replace(tzinfo=UTC)
    assert to_type(far.type) == schema_of(pa.table({"x": far})).find(("x",))


def test_frames_are_let_go(engine: DuckDB) -> None:
    import gc
    import weakref

    table = pa.table({"x": [1]})
    held = weakref.ref(table)
    one(engine, as_frame(table), a.Sum(X))
    del table
    gc.collect()
    assert held() is None


def test_close_leaves_nothing_behind() -> None:
    engine = DuckDB()
    one(engine, as_frame(pa.table({"x": [1]})), a.Sum(X))
    temp = Path(str(engine._temp))
    assert temp.is_dir()
    engine.close()
    assert not temp.exists()
