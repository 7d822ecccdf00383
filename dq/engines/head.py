"""The first rows of a file as a file of its own: lines of text as they are, Parquet in the same schema."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from dq.ir.data import Reading

_LINES = ("csv", "ndjson")


def write_head(source: str, target: str, kind: str, rows: int, reading: Reading) -> bool:
    """False where only the whole file tells what its first rows are: it is damaged, or no line is a record."""
    with suppress(OSError, EOFError, pa.ArrowException):
        if kind == "parquet":
            return _parquet(source, target, rows)
        if kind in _LINES and (reading.encoding or "utf-8").lower().replace("-", "") not in ("utf16", "utf32"):
            return _text(source, target, rows, reading if kind == "csv" else None)
    return False


def _parquet(source: str, target: str, rows: int) -> bool:
    with pq.ParquetFile(source) as opened:
        left = rows
        with pq.ParquetWriter(target, opened.schema_arrow) as writer:
            for batch in opened.iter_batches(min(rows, 65_536)):
                writer.write_batch(batch.slice(0, left))
                left -= batch.num_rows
                if left <= 0:
                    break
    return True


def _text(source: str, target: str, rows: int, csv: Reading | None) -> bool:
    """A quote that is open at the end of a line keeps the record open."""
    quote = (csv.quote or "").encode() if csv else b""
    left = rows + (1 if csv and csv.header and not csv.names else 0)
    with pa.input_stream(source, compression="detect") as read, pa.output_stream(target, compression="detect") as kept:
        is_open = False
        for line in io.BufferedReader(read):
            kept.write(line)
            is_open ^= bool(quote) and line.count(quote) % 2 == 1
            left -= not is_open
            if left <= 0:
                break
    return True
