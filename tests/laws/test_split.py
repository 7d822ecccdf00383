"""Parting a file loses nothing and changes nothing: good and bad records together are the file, each as it was."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.engines import part
from dq.engines.base import ROW, Dataset, Indivisible, Parted
from dq.engines.duckdb.text import open_text
from dq.ir.data import DataFile, Declared, Kind, Reading, Type
from dq.ir.positions import FileSplit, packed, unpacked
from tests.conformance.hostile import FRAMES

LAW = settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=list(HealthCheck))
CELL = st.text("ab1 ,'\"\n\réß", max_size=5)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') or not cell else cell


@st.composite
def sheets(draw: st.DrawFn) -> tuple[bytes, str]:
    """A CSV of two columns as bytes, with records of too many or too few fields and blank lines, and its encoding."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    inner = st.builds(lambda c: c.replace("\r", "").replace("\n", end), CELL)
    row = st.lists(inner.map(quoted), min_size=2, max_size=2).map(",".join)
    ragged = st.sampled_from(["x", "x,y,z", '"p",q,"r"'])
    blank = st.just("")
    lines = draw(st.lists(row | row | row | row | ragged | blank, min_size=1, max_size=30))
    text = end.join(["k,v", "1,first", *lines]) + (end if draw(st.booleans()) else "")
    encoding, mark = draw(
        st.sampled_from(
            [("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("cp1252", b""), ("utf-16-le", codecs.BOM_UTF16_LE)]
        )
    )
    return mark + text.encode(encoding), encoding


def laid(folder: Path, content: bytes, name: str, reading: Reading, bad: set[int]) -> tuple[DataFile, Any, list[int]]:
    """The file, its split where `bad` rows (counted from 0) are withheld, and the lines of all rows."""
    path = folder / name
    path.write_bytes(content)
    file = DataFile(name, path.stat().st_size, str(path))
    dataset = open_text([file], reading, temp=str(folder), threads=1)
    try:
        lines = lines_of(dataset)
        chosen = packed(lines[i] for i in sorted(bad) if i < len(lines))
        (found,) = dataset.lay_out({name: chosen})
        rules = (("t.chosen", chosen), *found.rules)
        return file, FileSplit(name, tuple(r for r in rules if r[1]), found.text), lines
    finally:
        dataset.close()


def lines_of(dataset: Dataset) -> list[int]:
    return sorted(r[0] for r in dataset.connection.execute(f'SELECT "{ROW}" FROM {dataset.table}').fetchall())


def values(folder: Path, content: bytes, name: str, reading: Reading) -> list[tuple[Any, ...]]:
    path = folder / f"again-{name}"
    path.write_bytes(content)
    dataset = open_text([DataFile(name, len(content), str(path))], reading, temp=str(folder), threads=1)
    try:
        assert not dataset.findings
        shown = ", ".join(f'"{n}"::VARCHAR' for n in dataset.schema.names)
        return dataset.connection.execute(f'SELECT {shown} FROM {dataset.table} ORDER BY "{ROW}"').fetchall()  # type: ignore[no-any-return]
    finally:
        dataset.close()


@LAW
@given(sheet=sheets(), bad=st.sets(st.integers(0, 20)), packing=st.sampled_from(["", ".gz"]))
def test_csv(tmp_path_factory: pytest.TempPathFactory, sheet: tuple[bytes, str], bad: set[int], packing: str) -> None:
    folder = tmp_path_factory.mktemp("csv")
    content, encoding = sheet
    text = tuple(Declared(name, Type(Kind.STRING)) for name in ("k", "v"))
    reading = Reading(format="csv", delimiter=",", encoding=encoding, declared=text)
    landed = gzip.compress(content) if packing else content
    try:
        file, split, lines = laid(folder, landed, f"a.csv{packing}", reading, bad)
    except Indivisible:
        assert "\r\r" in content.decode(encoding)  # blank lines that end in CR alone are in no record
        return
    if not split.rules:
        return
    good, withheld = folder / "good", folder / "bad"
    parted = part(file, split, str(good), str(withheld), str(folder / "rules"))
    kept, left = (gzip.decompress(p.read_bytes()) if packing else p.read_bytes() for p in (good, withheld))

    header = "k,v".encode(encoding)
    mark = content[: content.index(header)]
    assert kept.startswith(mark + header)
    assert left.startswith(mark + header)
    told = [json.loads(line) for line in (folder / "rules").read_text().splitlines()]
    chosen = [lines[i] for i in sorted(bad) if i < len(lines)]
    assert [t["line"] for t in told if "t.chosen" in t["rules"]] == chosen
    rejected = [line for rule, p in split.rules if rule != "t.chosen" for line in unpacked(p)]
    assert len(told) == parted.withheld == len(chosen) + len(rejected)

    physical = content[len(mark) :].decode(encoding).splitlines(keepends=True)
    gone = {t["line"] + i for t in told for i in range(t["lines"])}
    assert kept == mark + "".join(x for i, x in enumerate(physical, 1) if i not in gone).encode(encoding)
    assert left == mark + "".join(x for i, x in enumerate(physical, 1) if i in gone or i == 1).encode(encoding)

    if parted.kept:
        whole = values(folder, content, "a.csv", reading) if not rejected else None
        rest = values(folder, kept, "b.csv", reading)
        assert len(rest) == len(lines) - len(chosen)
        if whole is not None:
            assert rest == [v for i, v in enumerate(whole) if i not in bad]


@LAW
@given(
    records=st.lists(
        st.dictionaries(st.sampled_from(["k", "v"]), st.integers(0, 9) | st.text("aé\n", max_size=3)), max_size=20
    ),
    broken=st.sets(st.integers(0, 19), max_size=3),
    bad=st.sets(st.integers(0, 19)),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_ndjson(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], broken: set[int], bad: set[int], end: str
) -> None:
    folder = tmp_path_factory.mktemp("ndjson")
    texts = ['{"k": 1}', *(json.dumps(r, ensure_ascii=False) for r in records)]
    texts = [t[:-1] if i - 1 in broken else t for i, t in enumerate(texts)]
    content = end.join(texts).encode()
    file, split, _ = laid(folder, content, "a.ndjson", Reading(format="ndjson"), bad)
    if not split.rules:
        return
    parted = part(file, split, *(str(folder / name) for name in ("good", "bad", "rules")))
    gone = sorted({line for _, p in split.rules for line in unpacked(p)})
    physical = content.splitlines(keepends=True)
    assert (folder / "good").read_bytes() == b"".join(x for i, x in enumerate(physical, 1) if i not in gone)
    assert (folder / "bad").read_bytes() == b"".join(physical[i - 1] for i in gone)
    assert parted.withheld == len(gone)


FORMS: dict[str, tuple[str, str, set[int]]] = {
    "ends of all kinds": ("utf-8", "k,v\r\n1,a\n|2,b\r|3,c\r\n|4,d\n", {1, 3}),
    "ends within values": ("utf-8", 'k,v\r\n1,"a\nb"\n|2,b\r|3,"c\rd"\r\n|4,d', {0, 2}),
    "blank lines": ("utf-8", "\n\nk,v\n1,a\n|\n2,b\n\n", {0}),
    "letters with bytes of an end": ("utf-16-be", "\ufeffk,v\r\n1,\u0a0a\r\n|2,\u0a00\r\n", {1}),
    "an end of a line that is another byte": ("cp500", "k,v\n1,é\n|2,b\n", {0}),
    "letters of two bytes": ("shift_jis", "k,v\n1,表\n|2,ソ\n", {0}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_text(form: str, tmp_path: Path) -> None:
    """A bar stands in front of every record but the first, whose header goes to both parts."""
    encoding, text, bad = FORMS[form]
    first, *records = text.split("|")
    header, found, record = first.partition("1,")
    records = [found + record, *records]
    content = text.replace("|", "").encode(encoding)
    reading = Reading(format="csv", delimiter=",", encoding=encoding)
    file, split, _ = laid(tmp_path, content, "a.csv", reading, bad)
    good, withheld = tmp_path / "good", tmp_path / "bad"
    part(file, split, str(good), str(withheld), str(tmp_path / "rules"))
    kept = [r for i, r in enumerate(records) if i not in bad]
    left = [r for i, r in enumerate(records) if i in bad]
    assert good.read_bytes() == "".join([header, *kept]).encode(encoding)
    assert withheld.read_bytes() == "".join([header, *left]).encode(encoding)


def test_a_row_to_withhold_that_is_not_there_is_no_split(tmp_path: Path) -> None:
    from dq.errors import EngineError

    file, split, _ = laid(tmp_path, b"k\n1\n2\n", "a.csv", Reading(format="csv", delimiter=","), {0})
    for lines in ([1], [9]):
        wrong = FileSplit(split.path, (("t.chosen", packed(lines)),), split.text)
        with pytest.raises(EngineError, match="not where it was read"):
            part(file, wrong, *(str(tmp_path / name) for name in ("good", "bad", "rules")))


OPTIONS: dict[str, dict[str, Any]] = {
    "snappy": {},
    "zstd": {"compression": "zstd", "row_group_size": 2},
    "foreign": {"store_schema": False, "compression": "gzip"},
    "each": {"compression": {"i8": "zstd", "s": "brotli", "t_us": "gzip", "li": "zstd"}, "use_dictionary": False},
    "int96": {"use_deprecated_int96_timestamps": True},
    "whole": {"store_decimal_as_integer": True, "store_schema": False},
}


def bits(table: pa.Table) -> pa.Table:
    """Floats as the integers of their bits: one NaN is not like another."""
    wide = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}
    columns = []
    for column in table.columns:
        whole = column.combine_chunks()
        columns.append(whole.view(wide[column.type]) if column.type in wide else column)
    return pa.Table.from_arrays(columns, names=table.column_names)


def odd(table: pa.Table) -> pa.Table:
    """With a NaN that nobody computes."""
    payload = pa.array([0x7FF8DEADBEEF0001] * table.num_rows, pa.int64()).view(pa.float64())
    return table.append_column("odd nan", payload)


PARTED = {n: f for n, f in FRAMES.items() if n not in ("empty", "times")} | {
    "near": FRAMES["times"].drop_columns(["far"]),
    "far": FRAMES["times"].drop_columns(["t_ns", "z_ns"]),
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", PARTED)
@settings(LAW, max_examples=4)
@given(bad=st.sets(st.integers(1, 16), min_size=1))
def test_parquet(tmp_path_factory: pytest.TempPathFactory, name: str, option: str, bad: set[int]) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    path = folder / "a.parquet"
    pq.write_table(odd(PARTED[name]), path, **OPTIONS[option])
    unit = {"coerce_int96_timestamp_unit": "us" if name == "far" else "ns"}
    landed = pq.ParquetFile(path, **unit)
    rows = landed.metadata.num_rows
    chosen = sorted(b for b in bad if b <= rows)
    other = [b for b in chosen if b % 2]
    split = FileSplit("a.parquet", (("x", packed(chosen)), ("y", packed(other))))
    file = DataFile("a.parquet", path.stat().st_size, str(path))
    parted = part(file, split, *(str(folder / name) for name in ("good", "bad", "rules")))

    good, withheld = (pq.ParquetFile(folder / name, **unit) for name in ("good", "bad"))
    assert good.schema_arrow.equals(landed.schema_arrow, check_metadata=True)
    assert str(good.schema).split("\n", 1)[1] == str(landed.schema).split("\n", 1)[1]
    assert parted == Parted(len(chosen), len(chosen) < rows)
    told = withheld.read()
    assert told.column_names[-1] == "dq_rules"
    assert told.column(told.num_columns - 1).to_pylist() == [["x", "y"] if b in other else ["x"] for b in chosen]
    whole, kept = landed.read(), [i for i in range(rows) if i + 1 not in chosen]
    assert bits(good.read()).equals(bits(whole.take(pa.array(kept, pa.int64()))))
    assert bits(told.remove_column(told.num_columns - 1)).equals(
        bits(whole.take(pa.array([b - 1 for b in chosen], pa.int64())))
    )
    if chosen != list(range(1, rows + 1)):
        codecs = [
            {c.column(i).compression for c in [f.metadata.row_group(0)] for i in range(c.num_columns)}
            for f in (landed, good)
        ]
        assert codecs[0] == codecs[1]


def test_times_that_no_unit_holds_are_not_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(FRAMES["times"], path, use_deprecated_int96_timestamps=True)
    file = DataFile("a.parquet", path.stat().st_size, str(path))
    with pytest.raises(Indivisible, match="2262"):
        part(
            file, FileSplit("a.parquet", (("x", packed([1])),)), *(str(tmp_path / n) for n in ("good", "bad", "rules"))
        )
