"""What a footer says of each column, merged over row groups and files, and nothing it does not say.

Floats have no range here (a NaN may hide beside it), text only where the writer vouches that it cut nothing off.
Source: parquet.thrift of Apache Parquet; the numbers in comments and lookups are its field ids.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from dq.engines.parquet.chunks import span
from dq.engines.parquet.thrift import Malformed
from dq.ir.data import INTEGERS, TEXTS, ColumnFooter, Kind, Schema, Type
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dq.ir.expr import Path, Scalar

Struct: TypeAlias = "dict[int, Any]"


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A primitive column, under the path of its list or map if it is inside one: then it counts items, not rows."""

    path: Path
    repeated: bool
    required: bool
    element: Struct


@dataclass(slots=True)
class Range:
    """Sums over chunks. `known` until a chunk with values does not tell its smallest and largest."""

    nulls: int | None = 0
    low: Any = None
    high: Any = None
    known: bool = True
    bytes: int = 0
    plain_bytes: int = 0

    def widen(self, low: Any, high: Any) -> None:
        if low is None or high is None or compare(low, high) > 0:
            self.known = False
            return
        self.low = low if self.low is None or compare(low, self.low) < 0 else self.low
        self.high = high if self.high is None or compare(high, self.high) > 0 else self.high

    def absorb(self, other: Range) -> None:
        self.nulls = None if self.nulls is None or other.nulls is None else self.nulls + other.nulls
        self.bytes += other.bytes
        self.plain_bytes += other.plain_bytes
        self.known = self.known and other.known
        if other.low is not None:
            self.widen(other.low, other.high)


@dataclass(frozen=True, slots=True)
class FileStatistics:
    rows: int
    schema: Schema
    ranges: Mapping[Path, Range]
    group_rows: int = 0


def row_groups_fit(footer: Struct, end: int) -> bool:
    """Whether row groups add up to the row count and every column chunk lies in front of the footer, and
    whether numbers say where its indexes and its filter lie."""
    for group in footer[4]:
        for chunk in group[1]:
            meta = chunk[3]
            start, behind = span(meta)
            apart = chunk.get(4, 0), chunk.get(5, 0), chunk.get(6, 0), chunk.get(7, 0), meta.get(14, 0)
            if {*map(type, apart)} != {int}:
                return False
            if meta[5] and (start < 4 or meta[7] < 0 or behind > end):
                return False
    return bool(sum(group[3] for group in footer[4]) == footer[3])


def intervals(footer: Struct) -> frozenset[str]:
    """Columns that hold the converted type INTERVAL, which pyarrow takes for bytes. Raises Malformed."""
    return frozenset(leaf.path[0] for leaf in _leaves_of(footer) if leaf.element.get(6) == 21)


def of_file(footer: Struct, schema: Schema, names: Mapping[str, str]) -> FileStatistics:
    """Statistics under canonical names (`names`: landed to canonical). Raises Malformed."""
    ranges: dict[Path, Range] = {}
    ordered = 7 in footer  # column orders: without them min_value and max_value mean nothing
    for position, leaf in enumerate(_leaves_of(footer)):
        if leaf.path[0] not in names:
            continue
        path = (names[leaf.path[0]], *leaf.path[1:])
        found = _range([group[1][position][3] for group in footer[4]], leaf, schema.find(path), ordered)
        ranges.setdefault(path, Range()).absorb(found)
    return FileStatistics(footer[3], schema, ranges, max((group[3] for group in footer[4]), default=0))


def merge(
    schema: Schema, files: Iterable[FileStatistics], keys: Iterable[tuple[str, Scalar]]
) -> tuple[tuple[Path, ColumnFooter], ...]:
    """Columns of all files together. A column some file lacks is NULL in all its rows; a path key is a constant."""
    files = tuple(files)
    rows = sum(f.rows for f in files)
    found: dict[Path, ColumnFooter] = {}
    for path in dict.fromkeys(p for f in files for p in f.ranges):
        total = Range()
        for file in files:
            own = file.schema.find(path)
            here = file.ranges.get(path, Range(nulls=file.rows))
            comparable = own is None or _comparable(own, schema.find(path))
            total.absorb(here if comparable else replace(here, low=None, high=None, known=False))
        told = total.known and total.low is not None
        low, high = (total.low, total.high) if told else (None, None)
        found[path] = ColumnFooter(total.nulls, low, high, total.bytes, total.plain_bytes)
    for name, value in keys:
        bounds = None if isinstance(value, float) else value
        found[(name,)] = ColumnFooter(rows if value is None else 0, bounds, bounds)
    return tuple(found.items())


def _comparable(own: Type, whole: Type | None) -> bool:
    """Whether values of the file are the same values in the union: a cast to text or a wider float may not be."""
    return whole is not None and (own == whole or {own.kind, whole.kind} <= INTEGERS)


def _leaves_of(footer: Struct) -> list[_Leaf]:
    elements = iter(footer[2])
    try:
        root = next(elements)
        return list(_leaves(elements, root.get(5, 0), _Leaf((), False, True, root)))
    except (StopIteration, RuntimeError):
        raise Malformed("the schema is cut off") from None


def _leaves(elements: Iterator[Struct], count: int, above: _Leaf) -> Iterator[_Leaf]:
    for _ in range(count):
        element = next(elements)
        repeated = above.repeated or element.get(3) == 2
        path = above.path if repeated and above.path else (*above.path, element[4].decode())
        leaf = _Leaf(path, repeated, above.required and element.get(3) == 0, element)
        if element.get(5):
            yield from _leaves(elements, element[5], leaf)
        else:
            yield leaf


def _range(chunks: list[Struct], leaf: _Leaf, kind: Type | None, ordered: bool) -> Range:
    """What the column chunks of all row groups say. Ends are compared as they are stored, and decoded once."""
    total = Range(bytes=sum(m[7] for m in chunks), plain_bytes=sum(m[6] for m in chunks))
    if kind is not None and kind.kind is Kind.NULL:
        return replace(total, nulls=sum(m[5] for m in chunks))
    if leaf.repeated or kind is None:
        return replace(total, nulls=None, known=False)
    read, told = _reading(leaf.element, kind)
    lows, highs, nulls = [], [], 0
    for meta in chunks:
        stats: Struct = meta.get(12, {})
        absent = 0 if leaf.required else stats.get(3)
        if absent is None or not 0 <= absent <= meta[5]:
            return replace(total, nulls=None, known=False)
        nulls += absent
        if absent < meta[5] and total.known:
            low, high = _bounds(stats, leaf.element, kind, ordered)
            if low is None or high is None or read is None:
                total.known = False
            else:
                lows.append(read(low))
                highs.append(read(high))
                total.known = lows[-1] <= highs[-1]
    total.nulls = nulls
    if lows and total.known:
        with suppress(ValueError, OverflowError):
            total.low, total.high = told(min(lows)), told(max(highs))
        total.known = total.low is not None and total.high is not None
    return total


def _bounds(stats: Struct, element: Struct, kind: Type, ordered: bool) -> tuple[bytes | None, bytes | None]:
    """Smallest and largest value as stored, where the writer vouches for them."""
    high, low = stats.get(5), stats.get(6)
    if low is None and high is None and element[1] in (1, 2) and not kind.kind.startswith("uint"):
        high, low, ordered = stats.get(1), stats.get(2), True  # the old pair: right for signed numbers only
    exact = (stats.get(7), stats.get(8))
    vouched = exact == (True, True) if element[1] > 5 else False not in exact
    return (low, high) if ordered and vouched else (None, None)


def _reading(element: Struct, kind: Type) -> tuple[Callable[[bytes], Any] | None, Callable[[Any], Scalar]]:
    """From a stored value to what compares, None where that is not known, and from there to the value.

    The second raises ValueError or OverflowError beyond Python.
    """
    physical = element[1]
    if kind.kind is Kind.BOOL:
        return _unsigned, bool
    if kind.kind in INTEGERS and physical in (1, 2):
        return (_unsigned if kind.kind.startswith("uint") else _signed), int
    if kind.kind is Kind.DECIMAL:
        exact, scale = Context(prec=50), -element.get(7, 0)
        read = _signed if physical in (1, 2) else _signed_from_high
        return read, lambda number: Decimal(number).scaleb(scale, exact)
    if kind.kind in TEXTS and physical == 6:
        return bytes, bytes.decode
    if kind.kind is Kind.UUID:
        return bytes, lambda value: str(UUID(bytes=value))
    return (_signed if physical in (1, 2) else None), lambda number: _moment(number, element, kind)


def _signed(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


def _signed_from_high(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _unsigned(value: bytes) -> int:
    return int.from_bytes(value, "little")


_EPOCH = datetime(1970, 1, 1)
_TICKS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_UNITS = {1: "ms", 2: "us", 3: "ns"}
_CONVERTED = {7: "ms", 8: "us", 9: "ms", 10: "us"}  # TIME_MILLIS, TIME_MICROS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS


def _moment(number: int, element: Struct, kind: Type) -> Scalar:
    if kind.kind is Kind.DATE:
        return date(1970, 1, 1) + timedelta(days=number)
    unit = kind.unit if kind.kind is Kind.DURATION else _unit(element)
    if unit is None:
        return None
    since = timedelta(microseconds=number * _TICKS[unit] // 1000)  # floor, as engines do
    if kind.kind is Kind.DURATION:
        return since
    if kind.kind is Kind.TIMESTAMP:
        return (_EPOCH + since).replace(tzinfo=UTC if kind.zone else None)
    return (_EPOCH + since).time() if kind.kind is Kind.TIME and since < timedelta(days=1) else None


def _unit(element: Struct) -> str | None:
    """Unit of TIME (7) or TIMESTAMP (8) of the logical type, or of the older converted type."""
    logical: Struct = element.get(10, {})
    stated: Struct = logical.get(8) or logical.get(7) or {}
    return next((_UNITS[n] for n in stated.get(2, {}) if n in _UNITS), None) or _CONVERTED.get(element.get(6, -1))
