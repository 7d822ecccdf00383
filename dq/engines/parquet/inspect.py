"""What a footer asks of a reader, looked at before anything is read. The numbers in lookups are Parquet's field ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.engines.parquet import thrift
from dq.engines.parquet.chunks import chunks_of
from dq.engines.ranged import opened

if TYPE_CHECKING:
    from dq.engines.parquet.statistics import Struct
    from dq.ir.limits import Caps

_HEADER_BYTES = 1 << 16
_EXPANSION_RATIO = 10_000  # of values to landed bytes: text that repeats is a dictionary entry and a counter
_TEXT = 6  # physical type BYTE_ARRAY


def excess(location: str, size: int, footer: Struct, caps: Caps) -> str | None:
    """What is more than it may be, in words. Raises thrift.Malformed and LookupError where the footer is none."""
    columns = sum(1 for e in footer[2] if not e.get(5))
    if columns > caps.columns:
        return f"{columns:,} columns, at most {caps.columns:,} are read"
    if (deep := nesting(footer[2])) > caps.nesting:
        return f"a schema nested {deep:,} levels deep, at most {caps.nesting:,} are read"
    if (groups := len(footer[4])) > caps.row_groups:
        return f"{groups:,} row groups, at most {caps.row_groups:,} are read"
    return _weight(location, size, footer, caps)


def nesting(elements: list[Struct]) -> int:
    """Levels of a schema that is told in depth-first order."""
    left: list[int] = []
    deepest = 0
    for element in elements:
        deepest = max(deepest, len(left))
        if count := element.get(5):
            left.append(count)
            continue
        while left:
            left[-1] -= 1
            if left[-1] > 0:
                break
            left.pop()
    return deepest


def _weight(location: str, size: int, footer: Struct, caps: Caps) -> str | None:
    """Values so large, or so many beside what landed, that reading them is no use to anybody."""
    total = 0
    for meta in (chunk[3] for chunk in chunks_of(footer)):
        values, plain = max(meta[5], 1), meta[6]
        widest = plain
        if meta[1] == _TEXT and meta.get(11) and values * plain > caps.expanded_bytes:
            count, weight = _dictionary(location, meta[11])
            widest, plain = weight // max(count, 1), max(plain, values * (weight // max(count, 1)))
        elif values > 1:
            widest = plain // values
        if widest > caps.value_bytes:
            return f"values of {widest >> 20:,} MB, at most {caps.value_bytes >> 20:,} MB are read"
        total += plain
    if total > caps.expanded_bytes and total > size * _EXPANSION_RATIO:
        return f"{size:,} bytes that stand for {total >> 20:,} MB of values"
    return None


def _dictionary(location: str, offset: int) -> tuple[int, int]:
    """Entries and decompressed bytes of a dictionary page, as its header says."""
    with opened(location) as stream:
        stream.seek(offset)
        header, _ = thrift.read(stream.read(_HEADER_BYTES))
    return header[7][1], header[2]
