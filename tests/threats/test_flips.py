"""Flipped bits: never a crash, never a hang, and what passes is what was written wherever checksums tell."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.threats.victim import CONTRACT, Victim

ROWS = 400
TABLE = pa.table(
    {
        "i": range(ROWS),
        "f": [i / 7 for i in range(ROWS)],
        "s": [f"value {i % 50}" for i in range(ROWS)],
        "l": [[i, i + 1] for i in range(ROWS)],
    }
)


def flipped(content: bytes, seed: int) -> bytes:
    """One to three bits changed; sometimes the end is missing too."""
    draw, found = random.Random(seed), bytearray(content)
    for _ in range(draw.randint(1, 3)):
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found[: draw.randrange(len(found))] if draw.random() < 0.1 else found)


def parquet(*, checksums: bool, compression: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, write_page_checksum=checksums, compression=compression, row_group_size=150)
    return sink.getvalue()


def read(path: Path) -> Iterator[pa.Table]:
    """By everybody who can read it."""
    with suppress(pa.ArrowException, OSError):
        yield pq.read_table(path)
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
        yield pl.read_parquet(path).to_arrow().cast(TABLE.schema)


def judged(victim: Victim, count: int) -> dict[int, str]:
    found = {int(d["partition"].removeprefix("k=")): d["verdict"] for d in victim.gate()}
    assert set(found) == set(range(count)), "every file has an outcome"
    return found


@pytest.mark.parametrize("count", [25, pytest.param(250, marks=pytest.mark.soak)])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_parquet_with_checksums(tmp_path: Path, count: int, compression: str) -> None:
    victim = Victim(tmp_path)
    content = parquet(checksums=True, compression=compression)
    for seed in range(count):
        victim.land(f"{seed:03}", flipped(content, seed))
    found = judged(victim, count)
    assert "quarantine" in found.values()
    for seed, verdict in found.items():
        if verdict == "promote":
            landed = victim.path(f"{seed:03}", "part.parquet")
            assert all(t.equals(TABLE) for t in read(landed)), seed


@pytest.mark.parametrize("count", [15, pytest.param(250, marks=pytest.mark.soak)])
def test_parquet_without_checksums(tmp_path: Path, count: int) -> None:
    victim = Victim(tmp_path)
    content = parquet(checksums=False, compression="snappy")
    for seed in range(count):
        victim.land(f"{seed:03}", flipped(content, seed))
    assert set(judged(victim, count).values()) <= {"promote", "quarantine", "hold"}


@pytest.mark.parametrize("count", [15, pytest.param(250, marks=pytest.mark.soak)])
def test_gzipped_csv(tmp_path: Path, count: int) -> None:
    """gzip has a checksum of its own: what passes is what was compressed."""
    victim = Victim(tmp_path, CONTRACT + "format: csv\n")
    text = b"i,s\n" + b"".join(b"%d,value %d\n" % (i, i % 50) for i in range(ROWS))
    for seed in range(count):
        victim.land(f"{seed:03}", flipped(gzip.compress(text, mtime=0), seed), "part.csv.gz")
    for seed, verdict in judged(victim, count).items():
        if verdict == "promote":
            assert gzip.decompress(victim.path(f"{seed:03}", "part.csv.gz").read_bytes()) == text, seed


@pytest.mark.parametrize("count", [15, pytest.param(250, marks=pytest.mark.soak)])
def test_csv(tmp_path: Path, count: int) -> None:
    victim = Victim(
        tmp_path, CONTRACT + "format: csv\ncolumns:\n  i: {type: int64, unique: true}\n  s: {required: true}\n"
    )
    text = b"i,s\n" + b"".join(b'%d,"value %d"\n' % (i, i % 50) for i in range(ROWS))
    for seed in range(count):
        victim.land(f"{seed:03}", flipped(text, seed), "part.csv")
    assert set(judged(victim, count).values()) <= {"promote", "quarantine"}


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_flip_in_a_page_is_found_by_its_checksum_and_said(tmp_path: Path, engine: str) -> None:
    victim = Victim(tmp_path)
    sound = parquet(checksums=True, compression="none")
    at = sound.index(b"value 7")
    victim.land("bad", sound[:at] + b"VALUE" + sound[at + 5 :])
    victim.land("good", sound)
    victim.land("silent", parquet(checksums=False, compression="none"))
    bad, good, silent = victim.gate(engine)
    assert (bad["verdict"], bad["reasons"][0]["id"]) == ("quarantine", "table.unreadable")
    assert "checksum" in bad["reasons"][0]["message"]
    assert (good["verdict"], good["scan"]["integrity"]) == ("promote", "page checksums")
    assert (silent["verdict"], silent["scan"]["integrity"]) == ("promote", "none")


def test_gzip_vouches_for_text(tmp_path: Path) -> None:
    victim = Victim(tmp_path, CONTRACT + "format: csv\n")
    victim.land("a", gzip.compress(b"a,b\n1,2\n"), "part.csv.gz")
    victim.land("b", b"a,b\n1,2\n3,4\n", "part.csv")
    assert [d["scan"]["integrity"] for d in victim.gate()] == ["gzip checksums", "none"]
