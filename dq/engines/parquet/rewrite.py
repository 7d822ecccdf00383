"""A Parquet file parted into two of the same schema: rows are copied, never read as anything else."""

from __future__ import annotations

from contextlib import ExitStack
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dq.engines.base import Indivisible, Parted
from dq.engines.parquet import footer_of
from dq.errors import EngineError
from dq.ir.positions import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from dq.ir.data import DataFile
    from dq.ir.positions import FileSplit

RULES = "dq_rules"
_BATCH_ROWS = 65_536
_GROUP_ROWS = (65_536, 1_048_576)
_GROUP_BYTES = 256 * 1024 * 1024  # in memory
_INT32, _INT64, _INT96, _DECIMAL = 1, 2, 3, 5
_NEAR_MICROS = 2**63 // 1000  # what 64 bits of nanoseconds reach
_CODECS = {0: "none", 1: "snappy", 2: "gzip", 4: "brotli", 5: "lz4", 6: "zstd", 7: "lz4"}


def part(file: DataFile, split: FileSplit, good: str, bad: str, rules: str) -> Parted:
    """Write the rows of `split` to `bad`, with a last column of the rules each one broke, and all others to `good`.

    Raises Indivisible where the schema cannot be written as it was read, EngineError where rows are missing.
    """
    try:
        with pq.ParquetFile(file.location, **_reading(file)) as landed:
            kept, withheld, rows = _part(landed, split, good, bad, _options(file, landed))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError) as error:
        raise Indivisible(f"{file.path} cannot be written as it was read ({type(error).__name__})") from None
    except (pa.ArrowException, OSError) as error:
        raise EngineError(f"{file.path}: parting its rows failed ({type(error).__name__})") from error
    wanted = sum(1 for _ in _rows(split))
    if kept + withheld != rows or withheld != wanted:
        raise EngineError(f"{file.path}: {kept} + {withheld} of {rows} rows were written, {wanted} to withhold")
    return Parted(withheld, kept > 0)


def _part(
    landed: pq.ParquetFile, split: FileSplit, good: str, bad: str, options: dict[str, Any]
) -> tuple[int, int, int]:
    """Rows kept, withheld and read."""
    schema, group = landed.schema_arrow, options.pop("group_rows")
    column = pa.field(_free(schema.names), pa.list_(pa.string()), nullable=False)
    with ExitStack() as stack:
        kept = stack.enter_context(_Writer(good, schema, group, options))
        withheld = stack.enter_context(_Writer(bad, schema.append(column), group, options))
        marked = _rows(split)
        upcoming = next(marked, None)
        start = 1
        for batch in landed.iter_batches(_BATCH_ROWS):
            places, rules = [], []
            while upcoming and upcoming[0] < start + len(batch):
                places.append(upcoming[0] - start)
                rules.append(upcoming[1])
                upcoming = next(marked, None)
            kept.write(_without(batch, places))
            if places:
                withheld.write(batch.take(pa.array(places)).append_column(column, pa.array(rules, column.type)))
            start += len(batch)
    return kept.rows, withheld.rows, start - 1


def _rows(split: FileSplit) -> Iterator[tuple[int, list[str]]]:
    """Every row to withhold, in order, with its rules."""
    for position, marks in groupby(merge(*(_marks(*rule) for rule in split.rules)), key=itemgetter(0)):
        yield position, [rule for _, rule in marks]


def _marks(rule: str, positions: bytes) -> Iterator[tuple[int, str]]:
    return ((position, rule) for position in unpacked(positions))


def _without(batch: pa.RecordBatch, places: list[int]) -> pa.RecordBatch:
    if not places:
        return batch
    keep = [True] * len(batch)
    for place in places:
        keep[place] = False
    return batch.filter(pa.array(keep))


def _free(names: list[str]) -> str:
    taken = {name.lower() for name in names}
    return next(n for i in range(1, len(taken) + 2) if (n := RULES if i == 1 else f"{RULES}_{i}") not in taken)


class _Writer:
    """Row groups of about the landed size, whatever size batches come in."""

    def __init__(self, path: str, schema: pa.Schema, group_rows: int, options: dict[str, Any]) -> None:
        self._writer = pq.ParquetWriter(path, schema, **options)
        self._group_rows = group_rows
        self._held: list[pa.RecordBatch] = []
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self.rows += len(batch)
        full = sum(map(len, self._held)) >= self._group_rows or sum(b.nbytes for b in self._held) >= _GROUP_BYTES
        if full:
            self._flush()

    def _flush(self) -> None:
        held, self._held = [b for b in self._held if len(b)], []
        if held:
            self._writer.write_table(pa.Table.from_batches(held), row_group_size=_GROUP_ROWS[1])

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def _reading(file: DataFile) -> dict[str, Any]:
    """INT96 holds nanoseconds, and times that 64 bits of them do not reach. Raises Indivisible for a file of both."""
    if not _has(footer_of(file), _INT96):
        return {}
    far = fine = False
    with ExitStack() as stack:
        micros, nanos = (
            stack.enter_context(pq.ParquetFile(file.location, coerce_int96_timestamp_unit=unit)).iter_batches()
            for unit in ("us", "ns")
        )
        for coarse, exact in zip(micros, nanos, strict=True):
            for us, ns in zip(_leaves(coarse.columns), _leaves(exact.columns), strict=True):
                if us.type != ns.type:
                    numbers = us.cast(pa.int64())
                    near = pc.less(pc.abs(numbers), _NEAR_MICROS)
                    cut = pc.not_equal(pc.multiply(numbers, 1000), ns.cast(pa.int64()))
                    far |= bool(pc.any(pc.invert(near), min_count=0).as_py())
                    fine |= bool(pc.any(pc.and_(near, cut), min_count=0).as_py())
    if far and fine:
        raise Indivisible(f"{file.path} holds nanoseconds and times beyond the year 2262 in one file")
    return {"coerce_int96_timestamp_unit": "us" if far else "ns"}


def _leaves(arrays: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """The arrays within nested ones, in order."""
    for array in arrays:
        if isinstance(array, pa.MapArray):
            yield from _leaves([array.keys, array.items])
        elif isinstance(array, (pa.StructArray, pa.ListArray)):
            inner = array.flatten()
            yield from _leaves(inner if isinstance(inner, list) else [inner])
        else:
            yield array


def _options(file: DataFile, landed: pq.ParquetFile) -> dict[str, Any]:
    """How to write so that every column is stored as it was."""
    footer = footer_of(file)
    groups = footer[4]
    codecs = (
        {".".join(p.decode() for p in c[3][3]): _CODECS.get(c[3][4], "zstd") for c in groups[0][1]} if groups else {}
    )
    kinds = set(codecs.values())
    low, high = _GROUP_ROWS
    return {
        "group_rows": min(max(groups[0][3] if groups else low, low), high),
        "compression": kinds.pop() if len(kinds) == 1 else codecs or "snappy",
        "store_schema": b"ARROW:schema" in (landed.metadata.metadata or {}),
        "use_deprecated_int96_timestamps": _has(footer, _INT96),
        "store_decimal_as_integer": any(e.get(6) == _DECIMAL and e.get(1) in (_INT32, _INT64) for e in footer[2]),
    }


def _has(footer: dict[int, Any], physical: int) -> bool:
    return any(element.get(1) == physical for element in footer[2])
