"""Aggregates as DuckDB queries, family by family: mixed in one query they cost several times as much."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from dq.engines.base import Dataset, Unreadable
from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.counted import MANY_ROWS, Counted, chosen_by_hash, few, subject
from dq.engines.duckdb.distinct import distinctness, hashed_distinctness
from dq.engines.duckdb.holds import settled
from dq.engines.duckdb.many import SLOTS, Slots, by_size, sized, slots, told_by_size
from dq.engines.duckdb.native import query
from dq.engines.duckdb.rows import duplicate_keys, first_rows, order, positions
from dq.engines.duckdb.run import Run, any_of, keys_of, scope_of
from dq.engines.duckdb.sample import distinct_estimates, means
from dq.engines.duckdb.simple import read_all, simple
from dq.engines.duckdb.source import FRAME, gather, open_source, readable_paths
from dq.engines.duckdb.sql import Sql, translate
from dq.engines.duckdb.values import key_output, output, plain
from dq.engines.ranged import fault
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import NESTED, TEXTS, Finding, Kind
from dq.ir.numbers import distinct_estimate, rank
from dq.ir.other import Native
from dq.ir.positions import Positions
from dq.ir.sampling import SampleState, ValueSample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Expr

_CHUNK = 200  # expressions in one query: thousands take DuckDB longer to plan than to run
_PEEK_ROWS = 400_000  # looked at to tell whether a key has few values
_MANY_KEYS = 100_000
_FULLEST = 128  # hash slots of many keys, which are counted key by key
_FLAT = 2  # times the mean: the fullest slot of keys none of which is frequent

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
            names = {path[0] for x in aggregates for path in x.columns()}
            source = gather(open_source(dataset, connection), dataset, names)
            run = _Run(source, dataset, self._many_rows)
            asked = settled(aggregates, run.source, dataset.others)
            states = self._from_counts(run, dataset, list(asked.values()))
            states |= run.by_size([x for x in asked.values() if x not in states])
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
        if not dataset.parts or not run.is_large:
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
        sample = run.sample if sketches else None
        values = distinct_estimates(sample, tuple(sketches), rows) if sample else {}
        known = {n for n in values if values[n] < math.inf}
        states = run.sketched([x for n, x in sketches.items() if not (n in known and few(values[n], rows))], aggregates)
        values |= {n: distinct_estimate(states[x]) for n, x in sketches.items() if n not in known}
        for name in (n for n in sketches if few(values[n], rows)):
            self._counted[name] = run.count(name, f"counted_{len(self._counted)}")
        asked: dict[str, list[Aggregate]] = {}
        for x in aggregates:
            if x not in states and (name := subject(x, types)) in self._counted:
                asked.setdefault(name, []).append(x)
        for name, found in asked.items():
            states |= self._counted[name].answers(found)
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


@dataclass(slots=True)
class _Run(Run):
    slots: dict[Expr, Slots] = field(default_factory=dict)

    def count(self, name: str, table: str) -> Counted:
        """The column's values and their rows, in a table that lives as long as the connection, or its next namesake."""
        relation, columns = self.source.relation({name})
        counted = f"SELECT {columns[name].text} AS c0, count(*) AS n FROM {relation} GROUP BY c0"
        self.source.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {counted}")
        return Counted(name, table, columns[name].type, self.fetch)

    def simple(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """All in few queries. Aggregates of one column stand together, so that each chunk reads few columns."""
        states: dict[Aggregate, Any] = {}
        ordered = sorted(aggregates, key=lambda x: (isinstance(x, a.ApproxDistinct), sorted(x.columns())))
        for start in range(0, len(ordered), _CHUNK):
            chunk = ordered[start : start + _CHUNK]
            relation, columns = self.source.relation({p[0] for x in chunk for p in x.columns()})
            questions = [simple(x, columns) for x in chunk]
            row = self.fetch(f"SELECT {', '.join(s for q in questions for s in q.select)} FROM {relation}")[0]
            states.update(zip(chunk, read_all(questions, row), strict=True))
        return states

    def sketched(self, asked: Sequence[a.ApproxDistinct], all_asked: Iterable[Aggregate]) -> dict[Aggregate, Any]:
        """Registers of many values. Where the most frequent ones are asked too, one scan tells of both."""
        ranked = {x.arg for x in all_asked if isinstance(x, a.TopValues) and x.where is None}
        states: dict[Aggregate, Any] = {}
        for one in asked:
            relation, columns = self.relation(one.arg)
            key = key_output(translate(one.arg, columns)).text
            if one.arg in ranked and (key,) == tuple(keys_of((one.arg,), columns)):
                self.slots[one.arg] = slots(self.fetch, key, f"FROM {relation} WHERE {key} IS NOT NULL")
                states[one] = self.slots[one.arg].registers
        return states | self.simple([x for x in asked if x not in states])

    def by_size(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """All that one scan of a number tells, where there are many."""
        tallies = {column: x for x in aggregates if isinstance(x, a.Tally) and (column := sized(x))}
        states: dict[Aggregate, Any] = {}
        if not tallies or not self.is_large:
            return states
        near = means(self.sample, tuple(tallies)) if self.sample else {}
        told: dict[e.Col, list[Aggregate]] = {}
        for asked in aggregates:
            column = told_by_size(asked)
            if column in tallies and (column in near or not isinstance(asked, a.Moments)):
                told.setdefault(column, []).append(asked)
        for column, tally in tallies.items():
            relation, columns = self.relation(column)
            others = told.get(column, ())
            states |= by_size(self.fetch, tally, others, relation, columns, near.get(column, 0.0))
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
                return order(self, aggregate)
            case a.FirstRows():
                return first_rows(self, aggregate)
            case a.DuplicateKeys():
                return duplicate_keys(self, aggregate)
            case Positions():
                return positions(self, aggregate)
            case Native():
                return query(aggregate, {"": self.dataset, **self.dataset.others}, self.source.connection)
        raise EngineError(f"duckdb does not compute {type(aggregate).__name__}")

    def tally(self, asked: a.Tally) -> a.TallyState:
        relation, columns = self.relation(asked.key, asked.where)
        key = key_output(translate(asked.key, columns))
        rows = f"FROM {relation} WHERE {scope_of(asked.where, columns)} AND {key.text} IS NOT NULL"
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
        scope = f"{scope_of(asked.where, columns)} AND {key.text} IS NOT NULL"
        missed = 0
        known = self.slots.get(asked.arg) if asked.where is None else None
        rows = f"FROM {relation} WHERE {scope}"
        if distinct_estimate(known.registers) > _MANY_KEYS if known else self.many(key.text, rows, _MANY_KEYS):
            by_hash = (known or slots(self.fetch, key.text, rows)).rows
            relation, scope, missed = self.fullest(asked, key.text, relation, scope, by_hash)
        counted = f"SELECT {key.text} AS k, count(*) AS n FROM {relation} WHERE {scope} GROUP BY k"
        ties = "hash(k), k" if missed else "k"  # of very many, values that stand for all, not the first in the alphabet
        most = f"{counted} ORDER BY n DESC, {ties} LIMIT {asked.limit + 1}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, n FROM ({most}) ORDER BY n DESC, k")
        kept = asked.state({plain(k, key.type): n for k, n in found[: asked.limit]})
        dropped = found[asked.limit][1] if len(found) > asked.limit else 0
        return a.TopState(kept.counts, max(dropped, missed))

    def fullest(
        self, asked: a.TopValues, key: str, relation: str, scope: str, by_hash: Sequence[tuple[int, int]]
    ) -> tuple[str, str, int]:
        """Where the most frequent of many keys are to be counted, and how often any other occurs at most: the rows of
        the fullest hash slots. Where no slot stands out no key does, and a sample shows some."""
        flat = by_hash[0][1] * SLOTS <= _FLAT * sum(n for _, n in by_hash)
        if flat and self.sample is not None:
            return self.sample.relation({p[0] for p in asked.columns()})[0], scope, by_hash[0][1]
        kept = ", ".join(str(s) for s, _ in by_hash[:_FULLEST])
        slot = f"hash({key}) & {SLOTS - 1}"
        return relation, f"{scope} AND {slot} IN ({kept})", by_hash[_FULLEST][1] if len(by_hash) > _FULLEST else 0

    def sampled(self, asked: ValueSample) -> SampleState | None:
        relation, columns = self.relation(asked.arg, asked.where)
        key = key_output(translate(asked.arg, columns))
        rows = f"FROM {relation} WHERE {scope_of(asked.where, columns)} AND {key.text} IS NOT NULL"
        chosen = f"{rows} AND {chosen_by_hash(key.text, asked.every)}"
        counted = f"SELECT {key.text} AS k, count(*) AS n {chosen} GROUP BY k LIMIT {asked.cap + 1}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, n FROM ({counted})")
        return asked.state({plain(k, key.type): n for k, n in found})

    def distinctness(self, asked: a.Distinctness) -> a.DistinctnessState:
        relation, columns = self.relation(asked.where, *asked.keys)
        keys = keys_of(asked.keys, columns)
        rows = f"FROM {relation} WHERE {scope_of(asked.where, columns)} AND {any_of(keys)}"
        kinds = {translate(k, columns).kind for k in asked.keys}
        long = len(keys) > 1 or kinds <= TEXTS | {Kind.BINARY, Kind.UUID}
        count = hashed_distinctness if self.is_large and long and not kinds & NESTED else distinctness
        return count(self.fetch, rows, keys)

    def quantiles(self, asked: a.Quantiles) -> tuple[float, ...] | None:
        relation, columns = self.relation(asked.arg, asked.where)
        value = f"CAST({translate(asked.arg, columns).text} AS DOUBLE)"
        scope = f"{scope_of(asked.where, columns)} AND isfinite({value})"
        at = asked.at
        if asked.between != "linear":  # the share that DuckDB takes for exactly that place
            count = self.fetch(f"SELECT count(*) FROM {relation} WHERE {scope}")[0][0]
            at = tuple(rank(share, count, asked.between) / max(1, count - 1) for share in at)
        shares = ", ".join(map(repr, at))
        found = self.fetch(f"SELECT quantile_cont({value}, [{shares}]) FROM {relation} WHERE {scope}")[0][0]
        return None if found is None else tuple(found)
