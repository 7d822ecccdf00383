"""Aggregates as DuckDB queries, family by family: mixed in one query they cost several times as much."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from dq.engines.base import FILE, ROW, Dataset, Unreadable
from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.counted import MANY_ROWS, Counted, chosen_by_hash, few, subject
from dq.engines.duckdb.distinct import distinctness, hashed_distinctness
from dq.engines.duckdb.holds import settled
from dq.engines.duckdb.native import query
from dq.engines.duckdb.sample import distinct_ratios, distinct_values, open_sample
from dq.engines.duckdb.simple import Question, simple
from dq.engines.duckdb.source import FRAME, Source, open_source, readable_paths
from dq.engines.duckdb.sql import Sql, compared, stored, translate
from dq.engines.duckdb.values import key_output, output, packed_column, plain
from dq.engines.ranged import fault
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import NESTED, TEXTS, Finding, Kind
from dq.ir.numbers import distinct_estimate, rank
from dq.ir.other import Native
from dq.ir.positions import Positions, PositionsState
from dq.ir.sampling import SampleState, ValueSample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Expr, Path

_CHUNK = 200  # expressions in one query: thousands take DuckDB longer to plan than to run
_PEEK_ROWS = 400_000  # looked at to tell whether a key has few values
_MANY_KEYS = 100_000
_SLOTS = 2**12  # hash slots of many keys, of which the fullest are counted key by key: DuckDB counts these in an array
_FULLEST = 128
_FLAT = 2  # times the mean: the fullest slot of keys none of which is frequent
_FEW_RATIO, _MANY_RATIO = 1 / 8, 0.9  # of distinct values in a sample, beyond which nothing else needs to be known

# In the text of errors over damaged bytes, beside those that have no class of their own.
_DAMAGE = ("Failed to read file", "Could not read enough bytes", "Parquet")


class DuckDB:
    """Not for several threads at once. `temp` is a directory to spill into; without one a private one is made.

    A connection is kept for the files it may read until a dataset of other files arrives, or `close`.
    """

    name = "duckdb"

    def __init__(
        self,
        *,
        threads: int | None = None,
        memory_bytes: int | None = None,
        temp: str | None = None,
        temp_bytes: int | None = None,
        many_rows: int = MANY_ROWS,
    ) -> None:
        self._many_rows = many_rows
        self._counted: dict[str, Counted] = {}
        self._counted_of: Dataset | None = None
        self._threads = threads
        self._memory_bytes = memory_bytes
        self._temp_bytes = temp_bytes
        self._own_temp = tempfile.TemporaryDirectory(prefix="dq-duckdb-") if temp is None else None
        self._temp = temp if self._own_temp is None else self._own_temp.name
        self._paths: tuple[str, ...] = ()
        self._connection: Any = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._own_temp is not None:
            self._own_temp.cleanup()

    def run(self, dataset: Dataset, aggregates: Sequence[Aggregate]) -> Mapping[Aggregate, Any]:
        if not dataset.readable:
            raise EngineError("duckdb: there is nothing to read")
        connection = dataset.connection if dataset.table else self._connect(readable_paths(dataset))
        try:
            run = _Run(open_source(dataset, connection), dataset, self._many_rows)
            asked = settled(aggregates, run.source, dataset.others)
            states = self._from_counts(run, dataset, list(asked.values()))
            states |= run.simple([x for x in asked.values() if x.family == "simple" and x not in states])
            return {x: states[y] if y in states else run.one(y) for x, y in asked.items()}
        except duckdb.Error as error:
            connection.abort()
            raise _fault(dataset, error) from error
        finally:
            if dataset.frame is not None:
                connection.unregister(FRAME)  # it would keep the data alive

    def _from_counts(self, run: _Run, dataset: Dataset, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """What counts of columns with few values answer. That they are few a sample tells, else ApproxDistinct."""
        if not dataset.parts or (dataset.rows or 0) < self._many_rows:
            return {}
        if self._counted_of is not dataset:
            self._counted, self._counted_of = {}, dataset
        types = run.source.types
        rows = dataset.rows or 0
        sketches = {
            name: x for x in aggregates
            if isinstance(x, a.ApproxDistinct) and x.where is None
            and (name := subject(x, types)) and x.arg == e.Col((name,)) and name not in self._counted
        }  # fmt: skip
        sample = open_sample(dataset, run.source.connection) if sketches else None
        ratios = distinct_ratios(sample, tuple(sketches)) if sample else {}
        values = {name: ratio * rows for name, ratio in ratios.items()}
        between = [n for n in sketches if n in ratios and _FEW_RATIO < ratios[n] < _MANY_RATIO]
        values |= {n: distinct_values(sample, n) for n in between if sample}
        unsure = [x for n, x in sketches.items() if n not in ratios or values[n] == math.inf]
        states = run.simple(unsure)
        values |= {subject(x, types) or "": distinct_estimate(registers) for x, registers in states.items()}
        for name in (n for n in sketches if few(values[n], rows)):
            self._counted[name] = run.count(name, f"counted_{len(self._counted)}")
        for asked in aggregates:
            counted = self._counted.get(subject(asked, types) or "")
            if counted is not None and asked not in states:
                states[asked] = counted.answer(asked)
        return states

    def _connect(self, paths: tuple[str, ...]) -> Any:
        if self._connection is None or paths != self._paths:
            if self._connection is not None:
                self._connection.close()
            self._connection = connect(
                paths,
                threads=self._threads,
                memory_bytes=self._memory_bytes,
                temp=str(self._temp),
                temp_bytes=self._temp_bytes,
            )
            self._paths = paths
        return self._connection


def _fault(dataset: Dataset, error: duckdb.Error) -> Exception:
    """DuckDB's own text may quote data, so it stays in the cause and out of the message."""
    files = [f for part in dataset.parts for f in part.files]
    if (why := fault(f.location for f in files)) is not None:
        return why
    read = isinstance(error, (duckdb.InvalidInputException, duckdb.IOException))
    damaged = type(error) is duckdb.Error or (read and any(sign in str(error) for sign in _DAMAGE))
    if not damaged or not files:
        return EngineError(f"duckdb failed: {type(error).__name__}")
    named = [f.path for f in files if f.location in str(error)] or [f.path for f in files[:1] if len(files) == 1]
    return Unreadable(Finding("unreadable", "a page of a Parquet file cannot be read", "".join(named[:1])))


@dataclass(frozen=True, slots=True)
class _Run:
    source: Source
    dataset: Dataset
    many_rows: int

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows: DuckDB refuses the next query while one is left."""
        return self.source.connection.execute(sql).fetchall()  # type: ignore[no-any-return]

    def count(self, name: str, table: str) -> Counted:
        """The column's values and their rows, in a table that lives as long as the connection, or its next namesake."""
        relation, columns = self.source.relation({name})
        counted = f"SELECT {columns[name].text} AS c0, count(*) AS n FROM {relation} GROUP BY c0"
        self.source.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {counted}")
        return Counted(name, table, columns[name].type, self.fetch)

    def relation(self, *parts: Expr | None, show: Iterable[Path] = ()) -> tuple[str, dict[str, Sql]]:
        names = {path[0] for part in parts for path in e.columns(part)} | {path[0] for path in show}
        return self.source.relation(names)

    def simple(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """All in few queries. Aggregates of one column stand together, so that each chunk reads few columns."""
        states: dict[Aggregate, Any] = {}
        ordered = sorted(aggregates, key=lambda x: (isinstance(x, a.ApproxDistinct), sorted(x.columns())))
        for start in range(0, len(ordered), _CHUNK):
            chunk = ordered[start : start + _CHUNK]
            relation, columns = self.source.relation({p[0] for x in chunk for p in x.columns()})
            questions = [simple(x, columns) for x in chunk]
            row = self.fetch(f"SELECT {', '.join(s for q in questions for s in q.select)} FROM {relation}")[0]
            states.update(zip(chunk, _answers(questions, row), strict=True))
        return states

    def one(self, aggregate: Aggregate) -> Any:
        match aggregate:
            case a.Tally():
                return self.tally(aggregate)
            case a.TopValues():
                return self.top(aggregate)
            case ValueSample():
                return self.sampled(aggregate)
            case a.Distinctness():
                return self.distinctness(aggregate)
            case a.Quantiles():
                return self.quantiles(aggregate)
            case a.Order():
                return self.order(aggregate)
            case a.FirstRows():
                return self.first_rows(aggregate)
            case a.DuplicateKeys():
                return self.duplicate_keys(aggregate)
            case Positions():
                return self.positions(aggregate)
            case Native():
                return query(aggregate, {"": self.dataset, **self.dataset.others}, self.source.connection)
        raise EngineError(f"duckdb does not compute {type(aggregate).__name__}")

    def tally(self, asked: a.Tally) -> a.TallyState:
        relation, columns = self.relation(asked.key, asked.where)
        key = key_output(translate(asked.key, columns))
        rows = f"FROM {relation} WHERE {_scope(asked.where, columns)} AND {key.text} IS NOT NULL"
        if asked.cap is not None and not isinstance(asked.key, e.Bucket) and self.many(key.text, rows, asked.cap):
            return a.TallyState(over=True)
        limit = "" if asked.cap is None else f" LIMIT {asked.cap + 1}"
        counted = f"SELECT {key.text} AS k, count(*) AS n {rows} GROUP BY k{limit}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, n FROM ({counted})")
        return asked.state({plain(k, key.type): n for k, n in found})

    def many(self, key: str, rows: str, cap: int) -> bool:
        """Whether the first rows alone hold more than `cap` keys: unlike grouping, it stops as soon as it knows."""
        if self.dataset.rows is not None and self.dataset.rows <= cap:
            return False
        first = f"SELECT {key} AS k {rows} LIMIT {_PEEK_ROWS}"
        return bool(self.fetch(f"SELECT count(*) FROM (SELECT DISTINCT k FROM ({first}) LIMIT {cap + 1})")[0][0] > cap)

    def top(self, asked: a.TopValues) -> a.TopState:
        relation, columns = self.relation(asked.arg, asked.where)
        key = key_output(translate(asked.arg, columns))
        scope = f"{_scope(asked.where, columns)} AND {key.text} IS NOT NULL"
        missed = 0
        if self.many(key.text, f"FROM {relation} WHERE {scope}", _MANY_KEYS):
            relation, scope, missed = self.fullest(asked, key.text, relation, scope)
        counted = f"SELECT {key.text} AS k, count(*) AS n FROM {relation} WHERE {scope} GROUP BY k"
        ties = "hash(k), k" if missed else "k"  # of very many, values that stand for all, not the first in the alphabet
        most = f"{counted} ORDER BY n DESC, {ties} LIMIT {asked.limit + 1}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, n FROM ({most}) ORDER BY n DESC, k")
        kept = asked.state({plain(k, key.type): n for k, n in found[: asked.limit]})
        dropped = found[asked.limit][1] if len(found) > asked.limit else 0
        return a.TopState(kept.counts, max(dropped, missed))

    def fullest(self, asked: a.TopValues, key: str, relation: str, scope: str) -> tuple[str, str, int]:
        """Where the most frequent of many keys are to be counted, and how often any other occurs at most: the rows of
        the fullest hash slots. Where no slot stands out no key does, and a sample shows some."""
        slot = f"CAST(hash({key}) & {_SLOTS - 1} AS USMALLINT)"
        grouped = f"SELECT {slot} AS s, count(*) AS n FROM {relation} WHERE {scope} GROUP BY s ORDER BY n DESC, s"
        slots = self.fetch(grouped)
        flat = slots[0][1] * _SLOTS <= _FLAT * sum(n for _, n in slots)
        sample = open_sample(self.dataset, self.source.connection) if flat else None
        if sample is not None:
            return sample.relation({p[0] for p in asked.columns()})[0], scope, slots[0][1]
        kept = ", ".join(str(s) for s, _ in slots[:_FULLEST])
        return relation, f"{scope} AND {slot} IN ({kept})", slots[_FULLEST][1] if len(slots) > _FULLEST else 0

    def sampled(self, asked: ValueSample) -> SampleState | None:
        relation, columns = self.relation(asked.arg, asked.where)
        key = key_output(translate(asked.arg, columns))
        rows = f"FROM {relation} WHERE {_scope(asked.where, columns)} AND {key.text} IS NOT NULL"
        chosen = f"{rows} AND {chosen_by_hash(key.text, asked.every)}"
        counted = f"SELECT {key.text} AS k, count(*) AS n {chosen} GROUP BY k LIMIT {asked.cap + 1}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, n FROM ({counted})")
        return asked.state({plain(k, key.type): n for k, n in found})

    def distinctness(self, asked: a.Distinctness) -> a.DistinctnessState:
        relation, columns = self.relation(asked.where, *asked.keys)
        keys = _keys(asked.keys, columns)
        rows = f"FROM {relation} WHERE {_scope(asked.where, columns)} AND {_any(keys)}"
        kinds = {translate(k, columns).kind for k in asked.keys}
        long = len(keys) > 1 or kinds <= TEXTS | {Kind.BINARY, Kind.UUID}
        many = (self.dataset.rows or 0) >= self.many_rows
        count = hashed_distinctness if many and long and not kinds & NESTED else distinctness
        return count(self.fetch, rows, keys)

    def quantiles(self, asked: a.Quantiles) -> tuple[float, ...] | None:
        relation, columns = self.relation(asked.arg, asked.where)
        value = f"CAST({translate(asked.arg, columns).text} AS DOUBLE)"
        scope = f"{_scope(asked.where, columns)} AND isfinite({value})"
        at = asked.at
        if asked.between != "linear":  # the share that DuckDB takes for exactly that place
            count = self.fetch(f"SELECT count(*) FROM {relation} WHERE {scope}")[0][0]
            at = tuple(rank(share, count, asked.between) / max(1, count - 1) for share in at)
        shares = ", ".join(map(repr, at))
        found = self.fetch(f"SELECT quantile_cont({value}, [{shares}]) FROM {relation} WHERE {scope}")[0][0]
        return None if found is None else tuple(found)

    def order(self, asked: a.Order) -> a.OrderState:
        relation, columns = self.relation(asked.arg, asked.where, show=((FILE,), (ROW,)))
        value = translate(asked.arg, columns)
        place = f"{columns[FILE].text} AS f, {columns[ROW].text} AS r"
        rows = f"SELECT {place}, {value.text} AS v FROM {relation} WHERE {_scope(asked.where, columns)}"
        before = f"SELECT *, lag(v) OVER (ORDER BY f, r) AS b FROM ({rows}) WHERE v IS NOT NULL"
        sides = {"v": replace(value, text="v"), "b": replace(value, text="b")}
        holds = compared(asked.op, sides["v"], sides["b"])
        row = f"struct_pack(f := f, r := r, v := {output(sides['v'])})"
        ends = f"arg_min({row}, (f, r)), arg_max({row}, (f, r))"
        broken = f"b IS NOT NULL AND NOT coalesce({holds}, FALSE)"
        kept = f"arg_min({row}, (f, r), {asked.limit}) FILTER (WHERE {broken})"
        first, last, breaks, found = self.fetch(f"SELECT {ends}, count_if({broken}), {kept} FROM ({before})")[0]

        def state(one: Mapping[str, Any]) -> a.RowState:
            return a.RowState(one["f"], one["r"], (plain(one["v"], value.type),))

        if first is None:
            return a.OrderState()
        return a.OrderState(state(first), state(last), breaks, tuple(map(state, found or ())))

    def first_rows(self, asked: a.FirstRows) -> tuple[a.RowState, ...]:
        relation, columns = self.relation(asked.where, show=((FILE,), (ROW,), *asked.show))
        return self.evidence(asked.show, f"{relation} WHERE {_scope(asked.where, columns)}", columns, asked.limit)

    def duplicate_keys(self, asked: a.DuplicateKeys) -> tuple[a.RowState, ...]:
        rows, columns = self.duplicates(asked.keys, asked.where, asked.show)
        return self.evidence(asked.show, rows, columns, asked.limit)

    def duplicates(
        self, keys: Sequence[Expr], where: Expr | None, show: Sequence[Path] = ()
    ) -> tuple[str, dict[str, Sql]]:
        """All rows whose key occurs more than once."""
        relation, columns = self.relation(where, *keys, show=((FILE,), (ROW,), *show))
        parts = _keys(keys, columns)
        scope = f"{_scope(where, columns)} AND {_any(parts)}"
        named = ", ".join(f"{k} AS k{i}" for i, k in enumerate(parts))
        names = ", ".join(f"k{i}" for i in range(len(parts)))
        twice = f"SELECT {named} FROM {relation} WHERE {scope} GROUP BY {names} HAVING count(*) > 1"
        same = " AND ".join(f"{k} IS NOT DISTINCT FROM twice.k{i}" for i, k in enumerate(parts))
        return f"(SELECT * FROM {relation} WHERE {scope}) SEMI JOIN ({twice}) AS twice ON {same}", columns

    def positions(self, asked: Positions) -> PositionsState:
        """One list of numbers per file: no row becomes an object of its own."""
        if asked.keys:
            rows, columns = self.duplicates(asked.keys, asked.where)
        else:
            relation, columns = self.relation(asked.where, show=((FILE,), (ROW,)))
            rows = f"{relation} WHERE {_scope(asked.where, columns)}"
        most = "" if asked.limit is None else f" LIMIT {asked.limit + 1}"
        found = f"SELECT {columns[FILE].text} AS f, {columns[ROW].text} AS r FROM {rows}{most}"
        grouped = f"SELECT f, list(r ORDER BY r) AS r FROM ({found}) GROUP BY f ORDER BY f"
        table = self.source.connection.sql(grouped).to_arrow_table()
        files = tuple(
            (file.as_py(), packed_column(pa.chunked_array([rows.values])))
            for file, rows in zip(table.column("f"), table.column("r"), strict=True)
        )
        state = PositionsState(files)
        return PositionsState(over=True) if asked.limit is not None and state.count > asked.limit else state

    def evidence(
        self, show: Sequence[Path], rows: str, columns: Mapping[str, Sql], limit: int
    ) -> tuple[a.RowState, ...]:
        shown = [Sql(*stored(path, columns)) for path in show]
        place = f"{columns[FILE].text}, {columns[ROW].text}"
        select = ", ".join([place, *map(output, shown)])
        found = self.fetch(f"SELECT {select} FROM {rows} ORDER BY {place} LIMIT {limit}")
        return tuple(
            a.RowState(file, row, tuple(plain(v, s.type) for v, s in zip(values, shown, strict=True)))
            for file, row, *values in found
        )


def _scope(where: Expr | None, columns: Mapping[str, Sql]) -> str:
    return "TRUE" if where is None else translate(where, columns).text


def _keys(keys: Sequence[Expr], columns: Mapping[str, Sql]) -> list[str]:
    """A column by itself counts as it is stored: its nanoseconds tell rows apart."""
    return [stored(k.path, columns)[0] if isinstance(k, e.Col) else translate(k, columns).text for k in keys]


def _any(keys: Sequence[str]) -> str:
    return "(" + " OR ".join(f"{k} IS NOT NULL" for k in keys) + ")"


def _answers(questions: Iterable[Question], row: Sequence[Any]) -> Iterable[Any]:
    start = 0
    for question in questions:
        yield question.read(row[start : start + len(question.select)])
        start += len(question.select)
