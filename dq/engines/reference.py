"""The specification in code: every aggregate, slow and obvious, row by row over plain Python values."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import cmp_to_key, reduce, singledispatchmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import FILE, ROW, Dataset
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir import scalar
from dq.ir.data import FLOATS, NESTED, TEXTS, Kind, Type
from dq.ir.expr import Col
from dq.ir.numbers import rank
from dq.ir.other import exchanged, lookups
from dq.ir.positions import Positions, PositionsState, packed
from dq.ir.sampling import SampleState, ValueSample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Exists, Expr

STAMP = "reference-blake2b-hll10"
_EXACT = Context(prec=100)
Row = dict[str, Any]


class Reference:
    """Holds the whole dataset in memory. Reads Parquet and DuckDB tables through Arrow."""

    name = "reference"

    def __init__(self, **limits: Any) -> None:
        """Takes the limits other engines keep, and keeps none."""

    def run(self, dataset: Dataset, aggregates: Sequence[Aggregate]) -> Mapping[Aggregate, Any]:
        data = list(rows(dataset))
        leaves: dict[Expr, Expr] = {}
        for asked in dict.fromkeys(x for aggregate in aggregates for x in lookups(aggregate)):
            name = f"⟨exists⟩{len(leaves)}"
            theirs = [tuple(_leaf(r, p) for p in asked.columns) for r in rows(dataset.others[asked.dataset])]
            for row in data:
                row[name] = _exists(asked, tuple(scalar.evaluate(a, row) for a in asked.args), theirs)
            leaves[asked] = Col((name,))
        return {aggregate: self.state(exchanged(aggregate, leaves), data) for aggregate in aggregates}

    @singledispatchmethod
    def state(self, asked: Aggregate, data: list[Row]) -> Any:
        raise EngineError(f"reference does not compute {type(asked).__name__}")

    @state.register
    def _(self, asked: a.Count, data: list[Row]) -> int:
        return len(_scope(asked.where, data))

    @state.register
    def _(self, asked: a.Sum, data: list[Row]) -> Any:
        values = [v for v in _values(asked.arg, asked.where, data) if v == v]
        return reduce(_plus, values) if values else None

    @state.register
    def _(self, asked: a.Min, data: list[Row]) -> Any:
        values = [v for v in _values(asked.arg, asked.where, data) if v == v]
        return plain(min(values, key=cmp_to_key(scalar.compare))) if values else None

    @state.register
    def _(self, asked: a.Max, data: list[Row]) -> Any:
        values = [v for v in _values(asked.arg, asked.where, data) if v == v]
        return plain(max(values, key=cmp_to_key(scalar.compare))) if values else None

    @state.register
    def _(self, asked: a.Moments, data: list[Row]) -> a.MomentsState:
        values = _finite(asked.arg, asked.where, data)
        if not values:
            return a.MomentsState()
        mean = math.fsum(values) / len(values)
        powers = [math.fsum((v - mean) ** k for v in values) for k in (2, 3, 4)]
        return a.MomentsState(len(values), mean, *powers)

    @state.register
    def _(self, asked: a.Comoments, data: list[Row]) -> a.ComomentsState:
        pairs = [(scalar.evaluate(asked.x, r), scalar.evaluate(asked.y, r)) for r in _scope(asked.where, data)]
        pairs = [(float(x), float(y)) for x, y in pairs if _is_finite(x) and _is_finite(y)]
        if not pairs:
            return a.ComomentsState()
        n = len(pairs)
        x, y = math.fsum(p[0] for p in pairs) / n, math.fsum(p[1] for p in pairs) / n
        products = [((p - x) ** 2, (q - y) ** 2, (p - x) * (q - y)) for p, q in pairs]
        return a.ComomentsState(n, x, y, *(math.fsum(column) for column in zip(*products, strict=True)))

    @state.register
    def _(self, asked: a.Tally, data: list[Row]) -> a.TallyState:
        return asked.state(Counter(key(v) for v in _values(asked.key, asked.where, data)))

    @state.register
    def _(self, asked: a.TopValues, data: list[Row]) -> a.TopState:
        return asked.state(Counter(key(v) for v in _values(asked.arg, asked.where, data)))

    @state.register
    def _(self, asked: ValueSample, data: list[Row]) -> SampleState | None:
        counts = Counter(key(v) for v in _values(asked.arg, asked.where, data))
        return asked.state({v: n for v, n in counts.items() if _hash(v) % asked.every == 0})

    @state.register
    def _(self, asked: a.ApproxDistinct, data: list[Row]) -> a.RegistersState:
        """The first 10 bits of a hash choose a register, the place of the first 1 in the other 54 is the rank."""
        registers = [0] * 1024
        for value in {_identity(v) for v in _values(asked.arg, asked.where, data)}:
            bits = _hash(value)
            rank = 54 - (bits & (2**54 - 1)).bit_length() + 1
            registers[bits >> 54] = max(registers[bits >> 54], rank)
        return a.RegistersState(STAMP, bytes(registers)) if any(registers) else a.RegistersState()

    @state.register
    def _(self, asked: a.Distinctness, data: list[Row]) -> a.DistinctnessState:
        groups = _groups(asked.keys, asked.where, data)
        sizes = [len(members) for members in groups.values()]
        return a.DistinctnessState(sum(sizes), len(sizes), sizes.count(1))

    @state.register
    def _(self, asked: a.Quantiles, data: list[Row]) -> tuple[float, ...] | None:
        values = sorted(_finite(asked.arg, asked.where, data))
        if not values:
            return None
        places = [rank(at, len(values), asked.between) for at in asked.at]
        lower = [values[math.floor(p)] for p in places]
        upper = [values[math.ceil(p)] for p in places]
        return tuple(low + (high - low) * (p % 1) for p, low, high in zip(places, lower, upper, strict=True))

    @state.register
    def _(self, asked: a.FirstRows, data: list[Row]) -> tuple[a.RowState, ...]:
        return _evidence(_scope(asked.where, data), asked)

    @state.register
    def _(self, asked: a.Order, data: list[Row]) -> a.OrderState:
        placed = [(r, v) for r in _scope(asked.where, data) if (v := scalar.evaluate(asked.arg, r)) is not None]
        placed.sort(key=lambda p: (p[0][FILE], p[0][ROW]))
        rows = [a.RowState(r[FILE], r[ROW], (plain(v),)) for r, v in placed]
        breaks = [row for before, row in pairwise(rows) if not asked.holds(before.values[0], row.values[0])]
        return a.OrderState(rows[0], rows[-1], len(breaks), tuple(breaks[: asked.limit])) if rows else asked.zero()

    @state.register
    def _(self, asked: a.DuplicateKeys, data: list[Row]) -> tuple[a.RowState, ...]:
        groups = _groups(asked.keys, asked.where, data).values()
        return _evidence([r for members in groups if len(members) > 1 for r in members], asked)

    @state.register
    def _(self, asked: Positions, data: list[Row]) -> PositionsState:
        if not asked.keys:
            return _positions(_scope(asked.where, data), asked.limit)
        groups = _groups(asked.keys, asked.where, data).values()
        return _positions([r for members in groups if len(members) > 1 for r in members], asked.limit)


def _exists(asked: Exists, key: tuple[Any, ...], theirs: Iterable[tuple[Any, ...]]) -> bool | None:
    if None in key and not asked.nulls_equal:
        return None

    def same(one: Any, other: Any) -> bool:
        return one is other if None in (one, other) else scalar.ordered("=", one, other)

    return any(all(map(same, key, other)) for other in theirs)


def _scope(where: Expr | None, data: list[Row]) -> list[Row]:
    return [r for r in data if where is None or scalar.evaluate(where, r) is True]


def _values(arg: Expr, where: Expr | None, data: list[Row]) -> list[Any]:
    return [v for r in _scope(where, data) if (v := scalar.evaluate(arg, r)) is not None]


def _is_finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _finite(arg: Expr, where: Expr | None, data: list[Row]) -> list[float]:
    return [float(v) for v in _values(arg, where, data) if _is_finite(v)]


def _plus(left: Any, right: Any) -> Any:
    return _EXACT.add(left, right) if isinstance(left, Decimal) else left + right


def _groups(keys: Iterable[Expr], where: Expr | None, data: list[Row]) -> dict[Any, list[Row]]:
    """Rows by key, without the rows whose key is all NULL. NULL equals NULL here."""
    groups = defaultdict(list)
    for row in _scope(where, data):
        found = tuple(_identity(scalar.evaluate(k, row)) for k in keys)
        if any(part is not None for part in found):
            groups[found].append(row)
    return groups


def _evidence(found: list[Row], asked: a.FirstRows | a.DuplicateKeys) -> tuple[a.RowState, ...]:
    first = sorted(found, key=lambda r: (r[FILE], r[ROW]))[: asked.limit]
    return tuple(a.RowState(r[FILE], r[ROW], tuple(plain(_leaf(r, p)) for p in asked.show)) for r in first)


def _positions(found: list[Row], limit: int | None) -> PositionsState:
    if limit is not None and len(found) > limit:
        return PositionsState(over=True)
    files: dict[str, list[int]] = defaultdict(list)
    for row in found:
        files[row[FILE]].append(row[ROW])
    return PositionsState(tuple((name, packed(sorted(files[name]))) for name in sorted(files)))


def _leaf(row: Row, path: tuple[str, ...]) -> Any:
    return reduce(lambda value, name: None if value is None else value[name], path, row)


def _hash(value: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "big")


def _identity(value: Any) -> Any:
    """What tells two values apart: NaN is NaN, -0.0 is 0.0, and nanoseconds count."""
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value + 0.0
    if isinstance(value, Nanoseconds):
        return (plain(value), value.nanosecond)
    return json_text(value) if isinstance(value, (list, dict)) else value


def key(value: Any) -> Any:
    """The value as a key of a Tally: nested ones as JSON text, NaN as the one `math.nan`."""
    return plain(_identity(value)[0] if isinstance(value, Nanoseconds) else _identity(value))


def json_text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_naive_text)


def _naive_text(value: Any) -> str:
    return str(value.replace(tzinfo=None) if isinstance(value, datetime) else value)


class Nanoseconds(datetime):
    """A time to the microsecond with what is left behind it: expressions see the time, keys see both."""

    nanosecond = 0


def plain(value: Any) -> Any:
    return datetime.combine(value.date(), value.timetz()) if isinstance(value, Nanoseconds) else value


def rows(dataset: Dataset) -> Iterator[Row]:
    """Every row with its hidden columns, in order of file and position."""
    wanted = {f.name: f.type for f in dataset.schema.fields}
    for file, start, table in _tables(dataset):
        columns = {n: _column(table.column(i), wanted.get(n)) for i, n in enumerate(table.column_names)}
        for i in range(table.num_rows):
            row = dict.fromkeys(wanted) | dict(dataset.keys) | {n: v[i] for n, v in columns.items()}
            yield row if ROW in row else {**row, FILE: file, ROW: start + i}


def _tables(dataset: Dataset) -> Iterator[tuple[str, int, pa.Table]]:
    if dataset.frame is not None:
        yield "", 1, dataset.frame
    elif dataset.table:
        quoted = '"' + dataset.table.replace('"', '""') + '"'
        yield "", 1, dataset.connection.sql(f"SELECT * FROM {quoted}").to_arrow_table()
    for part in dataset.parts:
        names = {landed: canonical for canonical, landed, _ in part.columns if landed is not None}
        for file in part.files:
            table = pq.ParquetFile(file.location).read()
            kept = [i for i, n in enumerate(table.column_names) if n in names]
            chosen = table.select(kept)
            yield file.path, 1, chosen.rename_columns([names[n] for n in chosen.column_names])


def _column(column: pa.ChunkedArray, wanted: Type | None) -> list[Any]:
    found = column.type
    if pa.types.is_dictionary(found):
        column = column.cast(found.value_type)
    return [_python(v, wanted) for v in _listed(column)]


def _listed(column: pa.ChunkedArray) -> list[Any]:
    """Python values. Times go by way of integers, since Python's are narrower than Arrow's."""
    found = column.type
    if pa.types.is_timestamp(found):
        return [v if v is None else _moment(v, found) for v in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_date32(found):
        return [v if v is None else _day(v) for v in column.cast(pa.int32()).to_pylist()]
    if pa.types.is_duration(found):
        micro = [
            v if v is None else v * 1_000_000 // _PER_SECOND[found.unit] for v in column.cast(pa.int64()).to_pylist()
        ]
        return [v if v is None else timedelta(microseconds=v) for v in micro]
    if pa.types.is_time64(found):
        return column.cast(pa.time64("us"), safe=False).to_pylist()  # type: ignore[no-any-return]
    return column.to_pylist(maps_as_pydicts="strict")  # type: ignore[no-any-return]


_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1)


def _moment(value: int, found: Any) -> datetime:
    """Floor to microseconds; times beyond the years 1 to 9999 are the last one there is."""
    micro, rest = divmod(value * 1_000_000, _PER_SECOND[found.unit])
    try:
        moment = _EPOCH + timedelta(microseconds=micro)
    except OverflowError:
        moment = datetime.max if value > 0 else datetime.min
    moment = moment.replace(tzinfo=UTC) if found.tz else moment
    if found.unit != "ns":
        return moment
    exact = Nanoseconds.combine(moment.date(), moment.timetz())
    exact.nanosecond = rest // 1_000_000
    return exact


def _day(value: int) -> date:
    try:
        return _EPOCH.date() + timedelta(days=value)
    except OverflowError:
        return date.max if value > 0 else date.min


def _python(value: Any, wanted: Type | None) -> Any:
    """The value as the dataset's type, where a file landed it as another one; times inside nested values in UTC."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo and not isinstance(value, Nanoseconds):
        return value.astimezone(UTC)
    if isinstance(value, list):
        return [_python(v, wanted.item if wanted else None) for v in value]
    if isinstance(value, dict):
        return {k: _python(v, None) for k, v in value.items()}
    return _widened(value, wanted) if wanted is not None and wanted.kind not in NESTED else value


def _widened(value: Any, wanted: Type) -> Any:
    kind = wanted.kind
    if isinstance(value, (bool, bytes, time, timedelta)) and kind not in TEXTS:
        return value
    if kind is Kind.TIMESTAMP:
        return _widened_moment(value, wanted)
    if kind in FLOATS:
        return float(value)
    if kind is Kind.DECIMAL and isinstance(value, int):
        return Decimal(value)
    return str(value) if kind in TEXTS and not isinstance(value, str) else value


def _widened_moment(value: date, wanted: Type) -> datetime:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    moment = moment if wanted.unit == "ns" else plain(moment)
    return moment.replace(tzinfo=UTC) if wanted.zone and not moment.tzinfo else moment
