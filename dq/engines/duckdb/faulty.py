"""CSV with more faulty records than are told one by one: DuckDB keeps a kilobyte of each, and cannot be stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv

from dq.ir.data import Finding

if TYPE_CHECKING:
    from dq.engines.duckdb.landed import Text
    from dq.ir.data import Reading

MOST = 100_000


def beyond(text: Text, columns: int, reading: Reading) -> Finding | None:
    """What keeps the file from being read: too many faulty records, or one that is longer than a line may be."""
    path = text.file.path
    if found := _ragged(text, columns, reading):
        return Finding(found[0], f"{path}: {found[1]}", path)
    if _undecoded(text) > MOST:
        return Finding("over_limit", f"{path}: more than {MOST:,} lines are not {text.encoding}", path)
    return None


def _ragged(text: Text, columns: int, reading: Reading) -> tuple[str, str] | None:
    delimiter, quote, escape = reading.delimiter or ",", reading.quote, reading.escape or reading.quote
    if not all(m.isascii() and len(m) < 2 for m in (delimiter, quote, escape)):
        return None
    count = 0

    def seen(_: Any) -> str:
        nonlocal count
        count += 1
        return "skip" if count <= MOST else "error"

    parse = csv.ParseOptions(
        delimiter=delimiter, quote_char=quote or False, escape_char=escape if escape != quote else False,
        double_quote=escape == quote, newlines_in_values=True, invalid_row_handler=seen,
    )  # fmt: skip
    names, longest = [f"c{i}" for i in range(columns)], reading.caps.line_bytes
    read = csv.ReadOptions(use_threads=False, block_size=longest, column_names=names)
    convert = csv.ConvertOptions(check_utf8=False, include_columns=names[:1], column_types={"c0": pa.binary()})
    try:
        with csv.open_csv(text.path, read, parse, convert) as batches:
            for _ in batches:
                pass
    except pa.ArrowInvalid as error:
        if count > MOST:
            return "over_limit", f"more than {MOST:,} records without {columns:,} fields"
        if "straddling" in str(error) and text.lines > 10 * MOST:  # else DuckDB tells which of the two it is
            return "line_too_long", f"a record of more than {longest:,} bytes, or a quote that is not closed"
    return None


def _undecoded(text: Text) -> int:
    count, held = 0, b""
    with open(text.path, "rb") as stream:
        while count <= MOST and (chunk := stream.read(1 << 20)):
            whole, end, rest = (held + chunk).rpartition(b"\n")
            held = rest
            if not _is_utf8(whole):
                count += sum(not _is_utf8(line) for line in whole.split(end))
    return count + (not _is_utf8(held))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
