"""Few bytes that stand for many, and shapes that no reader expects: withheld, in little time and memory."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq import api
from dq.config import Limits
from dq.engines.duckdb.table import Names
from dq.engines.parquet import thrift
from dq.engines.parquet.chunks import chunks_of
from tests.threats.victim import CONTRACT, Victim

CSV = CONTRACT + "format: csv\n"


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path)


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def dictionary_bomb(rows: int, value_bytes: int) -> bytes:
    """One long text, said over and over."""
    indices = pa.array([0], pa.int32()).take(pa.array([0] * rows, pa.int32()))
    table = pa.table({"s": pa.DictionaryArray.from_arrays(indices, pa.array(["x" * value_bytes]))})
    return parquet(table, compression="zstd", row_group_size=rows, dictionary_pagesize_limit=2 * value_bytes)


def test_parquet_dictionary_bomb(victim: Victim) -> None:
    bomb = dictionary_bomb(800_000, 900_000)
    assert len(bomb) < 200_000
    victim.land("a", bomb)
    assert victim.outcome() == ("quarantine", "table.over_limit")
    assert victim.published() == set()


@pytest.mark.parametrize(("engine", "rows", "value_bytes"), [("polars", 100_000, 50_000), ("duckdb", 800_000, 900_000)])
def test_a_bomb_that_no_cap_stops_is_ended_by_its_memory(
    victim: Victim, engine: str, rows: int, value_bytes: int
) -> None:
    """DuckDB would take many times the memory it was told."""
    victim.settings(memory_bytes=700_000_000, expanded_bytes=1 << 60, deadline_seconds=120)
    victim.land("a", dictionary_bomb(rows, value_bytes))
    victim.contract(CONTRACT + "columns:\n  s: {unique: true, matches: '^x+$'}\n")
    (document,) = victim.gate(engine)
    assert (document["verdict"], document["reasons"][0]["cause"]) == ("hold", "gate")


def test_parquet_value_too_large(victim: Victim) -> None:
    victim.settings(value_bytes=1_000_000)
    victim.land("a", parquet(pa.table({"s": ["x" * 2_000_000]}), use_dictionary=False))
    victim.land("b", parquet(pa.table({"s": ["x" * 2_000_000]})))
    victim.land("c", parquet(pa.table({"s": ["x" * 2_000]})))
    assert [(d["partition"], d["verdict"]) for d in victim.gate()] == [
        ("k=a", "quarantine"), ("k=b", "quarantine"), ("k=c", "promote"),
    ]  # fmt: skip


def test_gzip_bomb_of_one_line(victim: Victim) -> None:
    victim.contract(CSV)
    temp = victim.root / "temp"
    temp.mkdir()
    victim.settings(temp=str(temp))
    bomb = io.BytesIO()
    with gzip.open(bomb, "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(32):
            stream.write(b"1" * (1 << 20))
    victim.land("a", bomb.getvalue(), "part.csv.gz")
    assert victim.outcome() == ("quarantine", "table.line_too_long")
    assert list(temp.rglob("*.txt")) == []


def test_gzip_bomb_of_many_lines(victim: Victim) -> None:
    victim.contract(CSV)
    victim.settings(expanded_bytes=8 << 20)
    victim.land("a", gzip.compress(b"a,b\n" + b"1,2\n" * (4 << 20)), "part.csv.gz")
    assert victim.outcome() == ("quarantine", "table.over_limit")


def test_text_of_too_many_bytes(victim: Victim) -> None:
    victim.contract(CSV)
    victim.settings(text_bytes=1_000)
    victim.land("a", b"a,b\n" + b"1,2\n" * 500, "part.csv")
    assert victim.outcome() == ("quarantine", "table.over_limit")


def test_gzip_in_gzip(victim: Victim) -> None:
    victim.contract(CSV)
    victim.land("a", gzip.compress(gzip.compress(b"a,b\n1,2\n")), "part.csv.gz")
    assert victim.outcome() == ("quarantine", "table.not_csv")


@pytest.mark.parametrize("cell", [b"x" * (5 << 20), b"x\n" * (3 << 20)], ids=["one line", "many lines"])
def test_huge_csv_cell(victim: Victim, cell: bytes) -> None:
    victim.contract(CSV)
    victim.land("a", b'a,b\n1,"' + cell + b'"\n2,3\n', "part.csv")
    assert victim.outcome() == ("quarantine", "table.line_too_long")


GIGABYTE = 1 << 30


def poured(path: Path, before: bytes, piece: bytes, after: bytes) -> None:
    """A cell of a gigabyte, made of pieces."""
    with open(path, "wb") as file:
        file.write(before)
        for _ in range(GIGABYTE // (1 << 20)):
            file.write(piece * ((1 << 20) // len(piece)))
        file.write(after)


@pytest.mark.soak
def test_a_cell_of_a_gigabyte(victim: Victim) -> None:
    victim.settings(memory_bytes=2_000_000_000, deadline_seconds=600)
    for name, cell in (("one", (b"a,b\n1,", b"x", b"\n2,3\n")), ("quoted", (b'a,b\n1,"', b"x\n", b'"\n2,3\n'))):
        victim.contract(CSV)
        poured(victim.path(name, "part.csv"), *cell)
    assert [(d["verdict"], d["reasons"][0]["id"]) for d in victim.gate()] == [("quarantine", "table.line_too_long")] * 2
    victim.contract(CONTRACT)
    poured(victim.path("lines", "part.ndjson"), b'{"a":1}\n{"a":"', b"x", b'"}\n')
    poured(victim.path("list", "part.json"), b'[{"a":1},\n{"a":"', b"x", b'"}]')
    for name, options in (("plain", {"use_dictionary": False, "compression": "none"}), ("packed", {})):
        table = pa.table({"s": pa.array(["x" * GIGABYTE], pa.large_string())})
        pq.write_table(table, victim.path(name, "part.parquet"), write_statistics=False, **options)
    found = {d["partition"]: (d["verdict"], d["reasons"][0]["id"]) for d in victim.gate()}
    text, parquets = ("quarantine", "table.line_too_long"), ("quarantine", "table.over_limit")
    assert found == {"k=lines": text, "k=list": text, "k=plain": parquets, "k=packed": parquets}


@pytest.mark.parametrize("layout", ["lines", "list"])
def test_a_record_of_json_that_is_too_large(victim: Victim, layout: str) -> None:
    record = b'{"a":"' + b"x" * (40 << 20) + b'"}'
    content = b'{"a":1}\n' + record + b"\n" if layout == "lines" else b'[{"a":1},\n' + record + b"]"
    victim.land("a", content, "part.ndjson" if layout == "lines" else "part.json")
    assert victim.outcome() == ("quarantine", "table.line_too_long")


@pytest.mark.parametrize("row", [b"1,2,3\n", b"1\n", b'"1","\xe9"\n'], ids=["more", "fewer", "latin"])
def test_nothing_but_faulty_records(victim: Victim, row: bytes) -> None:
    """A kilobyte of memory each, if all of them were told."""
    victim.contract(CSV)
    victim.settings(memory_bytes=1_000_000_000)
    victim.land("a", b"a,b\n1,2\n" + row * 300_000, "part.csv")
    (document,) = victim.gate()
    assert (document["verdict"], document["reasons"][0]["id"]) == ("quarantine", "table.over_limit")
    assert "more than 100,000 " in document["reasons"][0]["message"]


def test_too_many_columns(victim: Victim) -> None:
    names = [f"c{i}" for i in range(100_000)]
    victim.land("a", (",".join(names) + "\n" + "1," * 99_999 + "1\n").encode(), "part.csv")
    victim.land("b", parquet(pa.table({n: [1] for n in names[:20_000]})))
    keys = ",".join(f'"{n}":1' for n in names[:20_000])
    victim.land("c", f"{{{keys}}}\n".encode(), "part.ndjson")
    assert [(d["verdict"], d["reasons"][0]["id"]) for d in victim.gate()] == [("quarantine", "table.over_limit")] * 3


@pytest.mark.soak
def test_a_hundred_thousand_columns(victim: Victim) -> None:
    """In one record, or over many; inside a column they are a map, which is JSON."""
    victim.settings(memory_bytes=2_000_000_000, deadline_seconds=300)
    names = [f"c{i}" for i in range(100_000)]
    victim.land("parquet", parquet(pa.table({n: [1] for n in names})))
    record = dict.fromkeys(names, 1)
    victim.land("record", json.dumps(record).encode(), "part.ndjson")
    pieces = [json.dumps(dict.fromkeys(names[i : i + 1000], 1)) for i in range(0, 100_000, 1000)]
    victim.land("records", "\n".join(pieces).encode(), "part.ndjson")
    victim.land("inner", json.dumps({"x": record}).encode(), "part.ndjson")
    found = {d["partition"]: (d["verdict"], [r["id"] for r in d["reasons"]]) for d in victim.gate()}
    over = ("quarantine", ["table.over_limit"])
    assert found == {**dict.fromkeys(("k=parquet", "k=record", "k=records"), over), "k=inner": ("promote", [])}


def test_a_map_of_many_keys(victim: Victim) -> None:
    """As a struct of so many fields it would take DuckDB minutes."""
    victim.settings(deadline_seconds=30)
    victim.land("a", json.dumps({"x": {f"c{i}": i for i in range(5_000)}}).encode(), "part.ndjson")
    assert victim.outcome() == ("promote", "")


def nested(levels: int) -> pa.Table:
    value: pa.Array = pa.array([1])
    for _ in range(levels):
        value = pa.StructArray.from_arrays([value], ["a"])
    return pa.table({"x": value})


def test_nesting(victim: Victim) -> None:
    victim.land("a", parquet(nested(1000)))
    victim.land("b", (b'{"a":' * 1000) + b"1" + b"}" * 1000 + b"\n", "part.ndjson")
    victim.land("c", parquet(nested(60)))
    found = {d["partition"]: (d["verdict"], [r["id"] for r in d["reasons"]]) for d in victim.gate()}
    assert found["k=a"] == ("quarantine", ["table.over_limit"])
    assert found["k=b"][0] == "quarantine"
    assert found["k=c"] == ("promote", [])


def deep(levels: int) -> dict[str, bytes]:
    """JSON that opens so often before it closes, as files of all kinds."""
    objects = b'{"a":' * levels + b"1" + b"}" * levels
    arrays = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    return {
        "objects.ndjson": objects + b"\n",
        "arrays.ndjson": arrays + b"\n",
        "between.ndjson": b'{"a":1}\n' + objects + b'\n{"a":2}\n',
        "document.json": objects.replace(b":", b":\n"),
        "list.json": b"[" + arrays + b"]\n",
        "packed.ndjson.gz": gzip.compress(objects + b"\n"),
    }


@pytest.mark.parametrize(
    "levels", [1_000, pytest.param(100_000, marks=pytest.mark.soak), pytest.param(1_000_000, marks=pytest.mark.soak)]
)
def test_deep_json(victim: Victim, levels: int) -> None:
    files = deep(levels)
    for name, content in files.items():
        victim.land(name, content, name)
    found = {d["partition"]: (d["verdict"], d["reasons"][0]["id"]) for d in victim.gate()}
    assert found == {f"k={name}": ("quarantine", "table.over_limit") for name in files}


def test_json_that_opens_and_never_closes(victim: Victim) -> None:
    victim.land("a", b'{"a":' * 1_000_000, "part.ndjson")
    victim.land("b", b'{"a":' + b"[" * 1_000_000, "part.json")
    found = {d["partition"]: d["verdict"] for d in victim.gate()}
    assert found == {"k=a": "quarantine", "k=b": "quarantine"}


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.soak)])
def test_columns_of_a_wide_text_are_told_apart(victim: Victim, engine: str) -> None:
    """They are more than one query names: each keeps its type, its values and its lines."""
    head = ",".join(f"c{i}" for i in range(300))
    rows = [",".join(f"{i + r}" if i % 2 else f"t{i + r}" for i in range(300)) for r in range(3)]
    victim.contract(CSV + 'checks:\n  - {rule: "c299 + c1 < 304"}\n')
    victim.land("a", "\n".join([head, *rows, ""]).encode(), "part.csv")
    (document,) = victim.gate(engine)
    (failed,) = [c for c in document["checks"] if c["status"] == "fail"]
    assert (failed["failed_rows"], [e["row"] for e in failed["evidence"]]) == (1, [4])


def test_a_header_of_one_name_over_and_over() -> None:
    """Numbered in time that grows with their number, not with its square."""
    names, twice = Names(()).of(["a"] * 10_000)
    assert (names[:3], names[-1], len({*names}), len(twice)) == (("a", "a_2", "a_3"), "a_10000", 10_000, 9_999)


@pytest.mark.soak
def test_a_text_of_as_many_columns_as_are_read(victim: Victim) -> None:
    victim.contract(CSV)
    victim.settings(deadline_seconds=600, memory_bytes=2_000_000_000)
    head, row = (b",".join(b"%s%d" % (mark, i) for i in range(10_000)) for mark in (b"c", b""))
    victim.land("a", b"\n".join([head, *[row] * 20, b""]), "part.csv")
    (document,) = victim.gate()
    assert (document["verdict"], document["rows"]) == ("promote", 20)


def test_too_many_row_groups(victim: Victim) -> None:
    victim.settings(row_groups=50)
    victim.land("a", parquet(pa.table({"x": list(range(100))}), row_group_size=1))
    assert victim.outcome() == ("quarantine", "table.over_limit")


def test_too_many_files(victim: Victim) -> None:
    victim.settings(files=3)
    for i in range(4):
        victim.land("a", parquet(pa.table({"x": [i]})), f"{i}.parquet")
    assert victim.outcome() == ("quarantine", "table.over_limit")


def test_footer_statistics_too_large(victim: Victim) -> None:
    """Text of a megabyte as smallest and largest value, in every row group."""
    victim.settings(footer_bytes=100_000)
    values = pa.table({"s": ["x" * 300_000] * 3})
    victim.land("a", parquet(values, row_group_size=1, write_statistics=True, store_schema=False))
    small = pa.table({"s": ["x"] * 3}).replace_schema_metadata({"k": "v" * 200_000})
    victim.land("b", parquet(small))
    found = {d["partition"]: d["verdict"] for d in victim.gate()}
    assert found["k=b"] == "quarantine"


def test_a_footer_that_lies_about_its_length(victim: Victim) -> None:
    sound = parquet(pa.table({"x": [1]}))
    victim.land("a", sound[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1")
    assert victim.outcome() == ("quarantine", "table.unreadable")


def test_a_footer_with_text_where_an_index_is_said_to_lie(victim: Victim) -> None:
    sound = parquet(pa.table({"x": range(100)}), write_page_index=True)
    body = sound[: -8 - int.from_bytes(sound[-8:-4], "little")]
    (chunk,) = chunks_of(thrift.read(sound[len(body) : -8])[0])
    at = chunk[4]
    number = b"\x16" + bytes([at << 1 & 0x7F | 0x80, at >> 6])
    footer = sound[len(body) : -8]
    assert footer.count(number) == 1
    footer = footer.replace(number, b"\x18\x01x")  # a text of one byte
    victim.land("a", body + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    assert victim.outcome() == ("quarantine", "table.unreadable")


def test_a_raw_deflate_of_zeros_is_no_text(victim: Victim) -> None:
    victim.contract(CSV)
    victim.land("a", zlib.compress(b"\0" * (1 << 20)), "part.csv")
    assert victim.outcome()[0] == "quarantine"


def test_files_are_validated_in_a_judge_process_and_frames_here(victim: Victim) -> None:
    path = victim.land("a", b"a,b\n" + b"1,2\n" * 2_000_000, "part.csv")
    contract = api.load_contract(victim.root / "suites" / "drop.yaml")
    limits = Limits(memory_bytes=30_000_000, threads=1)
    (reason,) = api.validate(str(path), contract, limits=limits).judgement.reasons
    assert (reason.cause, reason.id) == ("gate", "table.judged")
    assert api.validate(pa.table({"x": [1]}), contract, limits=limits).success


def test_the_gate_takes_another_partition_after_each(victim: Victim) -> None:
    """What ends one partition ends no other."""
    victim.settings(deadline_seconds=30)
    victim.land("a", dictionary_bomb(800_000, 900_000))
    victim.land("b", parquet(pa.table({"x": [1]})))
    assert [d["verdict"] for d in victim.gate()] == ["quarantine", "promote"]
