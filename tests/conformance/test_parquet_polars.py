"""What only Polars gets wrong by itself: panics, patterns, hashes, damaged pages, and data that is streamed."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.engines.base import Dataset, Unreadable
from dq.engines.parquet import open_parquet
from dq.engines.polars import Polars
from dq.engines.polars.pattern import pattern
from dq.engines.reference import Reference
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir.data import NUMBERS, DataFile, Reading
from dq.ir.expr import BUCKET_OFFSET, And, Bucket, Col, Compare, Expr, IsInf, IsNan, IsNull, Lit, Matches, Not, Or
from dq.ir.numbers import distinct_estimate
from dq.ir.scalar import evaluate
from tests.conformance.hostile import FRAMES, as_frame, datasets
from tests.conformance.test_aggregates import agrees

STREAMING = Polars(held_rows=-1, piece_bytes=1)


def opened(*paths: Path) -> Dataset:
    return open_parquet([DataFile(p.name, p.stat().st_size, str(p)) for p in paths], Reading())


def questions(dataset: Dataset) -> list[a.Aggregate]:
    asked: list[a.Aggregate] = [a.Count()]
    for path, kind in dataset.schema.leaves():
        column = Col(path)
        asked += [a.Count(IsNull(column)), a.Tally(column), a.Distinctness((column,)), a.TopValues(column, 50)]
        if kind.kind in NUMBERS:
            asked += [a.Moments(column)]
        asked += [a.FirstRows(Not(IsNull(column)), (path,), 3), a.DuplicateKeys((column,), (path,))]
        if kind.kind in NUMBERS:
            asked += [a.Sum(column), a.Min(column), a.Max(column), a.Quantiles(column, (0.0, 0.5, 0.9))]
            asked += [a.Tally(Bucket(column)), a.Tally(column, cap=2), a.Sum(column, Compare(">", column, Lit(0)))]
    return asked


@pytest.mark.parametrize("name", FRAMES)
def test_streamed_data_has_the_same_answers(name: str, tmp_path: Path) -> None:
    for dataset in datasets(FRAMES[name], tmp_path):
        asked = questions(dataset)
        wanted, found = Reference().run(dataset, asked), STREAMING.run(dataset, asked)
        for aggregate in asked:
            assert agrees(aggregate, found[aggregate], wanted[aggregate]), aggregate


def test_very_many_columns_are_read_in_parts(tmp_path: Path) -> None:
    table = pa.table({f"c{i}": [i, None, -i, i * i] for i in range(300)})
    asked: list[a.Aggregate] = [a.Sum(Col((n,))) for n in table.column_names]
    names = [*table.column_names[::-1], table.column_names[150]]
    asked += [a.Count(Compare(">", Col((x,)), Col((y,)))) for x, y in pairwise(names)]
    asked += [a.Count(And(tuple(Not(IsNull(Col((n,)))) for n in table.column_names))), a.Count()]
    for dataset in datasets(table, tmp_path):
        wanted, found = Reference().run(dataset, asked), Polars().run(dataset, asked)
        assert found == wanted


def test_a_literal_beside_a_constant_column_loses_no_rows(tmp_path: Path) -> None:
    """Polars 2.1 streams `literal < when(...)` as one row where the condition holds in a whole batch."""
    pq.write_table(pa.table({"x": [1, 2, 3]}), tmp_path / "x.parquet")
    dataset = opened(tmp_path / "x.parquet")
    x = Col(("x",))
    parts: list[Expr] = [
        IsNan(x),
        IsInf(x),
        Compare("=", x, Lit(0.5)),
        Compare("<", x, Lit(2**70)),
        Compare("=", x, Lit(None)),
    ]
    for part in parts:
        for rule in (
            Not(Compare(">", Lit(False), part)),
            Compare("<=", Lit(False), part),
            Compare("<=", part, Lit(True)),
            And((part, Lit(True))),
            Or((Lit(False), part)),
            Not(part),
            IsNull(part),
            Compare("=", part, parts[0]),
        ):
            wanted = sum(evaluate(rule, {"x": v}) is True for v in (1, 2, 3))
            for engine in (Polars(), STREAMING):
                assert engine.run(dataset, [a.Count(rule)]) == {a.Count(rule): wanted}


def test_a_file_polars_panics_over_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "i.parquet"
    duckdb.sql(f"COPY (SELECT range::INTEGER AS n, INTERVAL 1 MONTH AS i FROM range(5)) TO '{path}'")
    with pytest.raises(pl.exceptions.PanicException):
        pl.scan_parquet(path).collect_schema()
    n = Col(("n",))
    rows = a.FirstRows(Compare(">", n, Lit(2)), (("n",),))
    for engine in (Polars(), STREAMING):
        states = engine.run(opened(path), [a.Sum(n), rows])
        assert list(states.values()) == [10, (a.RowState("i.parquet", 4, (3,)), a.RowState("i.parquet", 5, (4,)))]


@pytest.mark.parametrize("engine", [Polars(), STREAMING])
def test_damaged_pages_are_the_datas_fault(engine: Polars, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    for path in (good, bad):
        pq.write_table(pa.table({"n": range(50_000)}), path, compression="snappy", use_dictionary=False)
    content = bytearray(bad.read_bytes())
    content[200:260] = b"\xff" * 60
    bad.write_bytes(content)
    with pytest.raises(Unreadable) as raised:
        engine.run(opened(good, bad), [a.Sum(Col(("n",)))])
    assert raised.value.finding.file == "bad.parquet"
    assert raised.value.finding.kind == "unreadable"


def test_an_engines_own_fault_names_no_data(tmp_path: Path) -> None:
    dataset = as_frame(pa.table({"s": ["secret"]}))
    with pytest.raises(EngineError) as raised:
        Polars().run(dataset, [a.Count(Matches(Col(("s",)), "(secret"))])
    assert str(raised.value) == "polars failed: ComputeError"
    with pytest.raises(EngineError, match="nothing to read"):
        Polars().run(open_parquet([], Reading()), [a.Count()])


def test_only_the_columns_asked_for_are_read_from_a_table() -> None:
    connection = duckdb.connect()
    connection.execute("""CREATE VIEW "t "" x" AS SELECT 1 AS "a "" b", error('was read') AS never""")
    column = Col(('a " b',))
    dataset = as_frame(pa.table({'a " b': [1]}))
    dataset.frame, dataset.connection, dataset.table = None, connection, 't " x'
    assert Polars().run(dataset, [a.Sum(column)]) == {a.Sum(column): 1}
    connection.close()
    with pytest.raises(EngineError, match="the table cannot be read"):
        Polars().run(dataset, [a.Sum(column)])


def test_buckets_are_those_of_the_language() -> None:
    """Also at the edges, where one unit in the last place of a logarithm moves a value to the next bucket."""
    edges = [math.exp(k / 50) for k in range(-35_000, 35_000, 7)] + [math.exp(k) for k in range(-745, 709)]
    values = [
        *edges,
        5e-324,
        1e-310,
        2.2250738585072014e-308,
        1e308,
        1.7976931348623157e308,
        -1.0,
        0.0,
        math.inf,
        math.nan,
    ]
    x = Bucket(Col(("x",)))
    found = Polars().run(as_frame(pa.table({"x": values})), [a.Tally(x, cap=None)])[a.Tally(x, cap=None)]
    wanted = [evaluate(x, {"x": v}) for v in values]
    assert found == a.Tally(x, cap=None).state({b: wanted.count(b) for b in set(wanted) if b is not None})
    assert dict(found.counts)[-BUCKET_OFFSET] == 1


HASHES = """
import hashlib
import pyarrow as pa
from dq.engines.frames import open_frame
from dq.engines.polars import Polars
from dq.ir.aggregate import ApproxDistinct
from dq.ir.data import Reading
from dq.ir.expr import Col
dataset = open_frame(pa.table({"s": [f"v{i}" for i in range(500)], "i": range(500)}), Reading())
states = Polars().run(dataset, [ApproxDistinct(Col((n,))) for n in "si"])
print(hashlib.sha256(repr([(s.stamp, tuple(s.registers)) for s in states.values()]).encode()).hexdigest())
"""


def test_registers_are_the_same_in_every_process_and_version() -> None:
    """A Polars that hashes otherwise needs a stamp of its own: its registers do not merge with those in history."""
    found = {subprocess.run([sys.executable, "-c", HASHES], capture_output=True, check=True).stdout for _ in range(2)}
    assert found == {b"81c11ab267b6e2c9ed2f2ec7693d43153ecc70fae183bcdd6059c55b98e8705c\n"}


@pytest.mark.parametrize("engine", [Polars(), STREAMING])
def test_distinct_values_are_estimated_within_three_errors_and_add_up(engine: Polars) -> None:
    asked = a.ApproxDistinct(Col(("x",)))
    for size in (0, 1, 100, 5_000, 60_000):
        halves = [
            engine.run(as_frame(pa.table({"x": pa.array(part, pa.int64())})), [asked])[asked]
            for part in (
                [*range(size)] * 2,
                [None, *range(size // 2, size)],
            )
        ]
        together = asked.merge(*halves)
        assert together == halves[0]
        assert distinct_estimate(together) == pytest.approx(size, rel=0.1, abs=0.5)


def test_integers_of_every_width_hash_alike() -> None:
    asked = a.ApproxDistinct(Col(("x",)))
    kinds = (pa.int8(), pa.int32(), pa.int64(), pa.uint16())
    states = {Polars().run(as_frame(pa.table({"x": pa.array(range(100), k)})), [asked])[asked] for k in kinds}
    assert len(states) == 1


def test_most_frequent_of_many_values_are_honest() -> None:
    """More values than hash slots: few are counted, and `error` bounds the rest."""
    often = [f"often {i % 7}" for i in range(20_000)]
    table = pa.table({"s": [*often, *(f"once {i}" for i in range(400_000))]})
    asked = a.TopValues(Col(("s",)), 7)
    state = STREAMING.run(as_frame(table), [asked])[asked]
    assert dict(state.counts) == {f"often {i}": often.count(f"often {i}") for i in range(7)}
    assert 0 < state.error < 50


PATTERNS = [
    (r"\d\D", r"[0-9][^0-9]"),
    (r"[\d.]", r"[0-9.]"),
    (r"[^\w-]", r"[^0-9A-Za-z_-]"),
    (r"[\D]", r"[[^0-9]]"),
    (r"\bx", r"(?-u:\b)x"),
    (r"[[:alpha:]_]", r"[[:alpha:]_]"),
    (r"[a[b]", r"[a\[b]"),
    (r"[a&&b]", r"[a&\&b]"),
    (r"[]x]", r"[\]x]"),
    (r"[^]x]", r"[^\]x]"),
    (r"\\d", r"\\d"),
    (r"\p{L}\x{41}", r"\p{L}\x{41}"),
    (r"[~~]", r"[~\~]"),
]


@pytest.mark.parametrize(("text", "wanted"), PATTERNS)
def test_patterns_of_re2_in_rusts_words(text: str, wanted: str) -> None:
    assert pattern(text, "re2") == wanted
    assert pattern(text, "rust") == text


@given(st.lists(st.text(alphabet="a3_-& \t\x0b\n[]~^.é٣", max_size=4), min_size=1, max_size=8))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_patterns_mean_what_re2_says(values: list[str]) -> None:
    table = pa.table({"s": values})
    connection = duckdb.connect()
    connection.register("t", table)
    for text in (
        r"[[a]",
        r"[\d_]",
        r"\W",
        r"^\S+$",
        r"[a&&3]",
        r"[^\s]",
        r"\ba",
        r"[]~]",
        r"[\D]",
        r"[a-\w]",
        r"a$",
        r"(?i)É",
    ):
        try:
            wanted = connection.execute("SELECT count_if(regexp_matches(s, ?)) FROM t", [text]).fetchone()
        except duckdb.Error:
            continue
        count = a.Count(Matches(Col(("s",)), text))
        assert wanted == (Polars().run(as_frame(table), [count])[count],), text
    connection.close()
