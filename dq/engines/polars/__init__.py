"""Polars: small Parquet and frames in memory. Large data is streamed, small data is held and answered in one query."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import FILE, ROW, Unreadable
from dq.engines.polars.comparison import compare
from dq.engines.polars.distinct import distinctness, sortable
from dq.engines.polars.exists import LOOKUP, Lookups
from dq.engines.polars.expression import translate
from dq.engines.polars.node import Node, column
from dq.engines.polars.simple import (
    SEED,
    Question,
    codes,
    finite,
    key,
    largest_codes,
    registers,
    scoped,
    simple,
)
from dq.engines.polars.source import COLUMNS_AT_ONCE, held, pieces
from dq.engines.polars.values import output, plain, plain_counts
from dq.errors import EngineError
from dq.ir import aggregate as a
from dq.ir.code import Raised
from dq.ir.data import NESTED, Field, Finding, Kind, Type
from dq.ir.expr import Col, Foreign, columns
from dq.ir.numbers import rank
from dq.ir.other import exchanged, lookups, nodes
from dq.ir.positions import Positions, PositionsState, packed
from dq.ir.sampling import SampleState, ValueSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dq.engines.base import Dataset
    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema
    from dq.ir.expr import Expr, Path

_SLOTS = 2**18  # hash slots of many keys, of which the fullest are counted key by key
_FULLEST = 1_024


class Polars:
    """Exact in everything but ApproxDistinct and, of many keys, TopValues. Keys are held in memory: nothing spills.

    Up to `held_rows` the columns are held too, and one query answers for all; above, they are streamed key by key,
    `piece_bytes` of Parquet at a time.
    """

    name = "polars"

    def __init__(self, *, held_rows: int = 250_000, piece_bytes: int = 2**28) -> None:
        self._held_rows = held_rows
        self._piece_bytes = piece_bytes

    def run(self, dataset: Dataset, aggregates: Sequence[Aggregate]) -> Mapping[Aggregate, Any]:
        if not dataset.readable:
            raise EngineError("polars: there is nothing to read")
        if dataset.ranged:
            with tempfile.TemporaryDirectory(prefix="dq-polars-") as folder:
                return self.run(dataset.brought({p[0] for x in aggregates for p in x.columns()}, folder), aggregates)
        try:
            return _answered(lambda x: _Run(dataset, self._held_rows, self._piece_bytes).answers(x), aggregates)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError) as error:
            # NOTE: the engine's own text may quote data. A panic derives from BaseException.
            raise _fault(dataset, aggregates, error) from error


def _answered(run: Callable[[Sequence[Aggregate]], dict[Aggregate, Any]], asked: Sequence[Aggregate]) -> dict[Any, Any]:
    """All in one, unless foreign code fails on this data: then what holds such code is asked by itself."""
    try:
        return run(asked)
    except Exception:
        if not _foreign(asked):
            raise
    states = run([x for x in asked if not _foreign((x,))])
    for one in (x for x in asked if _foreign((x,))):
        try:
            states |= run([one])
        except Exception as error:  # of whoever wrote it
            states[one] = Raised(f"it raises {_named(error)}")
    return states


def _named(error: Exception) -> str:
    """The class, and of Python code its own class and line; the text may quote data."""
    found: BaseException = error
    while found.__cause__ is not None:
        found = found.__cause__
    last = found.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    own = last is not None and "polars" not in last.tb_frame.f_code.co_filename
    where = f" at {os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}" if last and own else ""
    return f"{type(found).__name__}{where}"


def _foreign(aggregates: Iterable[Aggregate]) -> bool:
    return any(True for x in aggregates for _ in nodes(x, (Foreign,)))


def _fault(dataset: Dataset, aggregates: Sequence[Aggregate], error: BaseException) -> Exception:
    """Bytes that a second reader cannot read either are at fault, else the engine is."""
    names = {p[0] for x in aggregates for p in x.columns()}
    for part, file in ((p, f) for p in dataset.parts for f in p.files):
        columns = [landed for name, landed, _ in part.columns if name in names and landed is not None]
        try:
            with pq.ParquetFile(file.location or file.path) as opened:
                for _ in opened.iter_batches(batch_size=65_536, columns=columns):
                    pass
        except FileNotFoundError:
            break
        except (pa.ArrowException, OSError):
            return Unreadable(Finding("unreadable", "a data page cannot be read", file.path))
    return EngineError(f"polars failed: {type(error).__name__}")


class _Run:
    def __init__(self, dataset: Dataset, held_rows: int, piece_bytes: int) -> None:
        self.dataset = held(dataset)
        self.piece_bytes = piece_bytes
        self.schema = dataset.schema
        self.held = dataset.rows is not None and dataset.rows <= held_rows

    def answers(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """States, with what is looked up in other data sets as columns of their own."""
        asked = tuple(dict.fromkeys(e for x in aggregates for e in lookups(x)))
        self.lookups = Lookups(self.dataset, asked)
        if not asked:
            return self.states(aggregates)
        fields = tuple(Field(f"{LOOKUP}{i}", Type(Kind.BOOL)) for i in range(len(asked)))
        self.schema = replace(self.schema, fields=self.schema.fields + fields)
        leaves: dict[Expr, Expr] = {e: Col((f.name,)) for e, f in zip(asked, fields, strict=True)}
        found = {x: exchanged(x, leaves) for x in aggregates}
        states = self.states(list(dict.fromkeys(found.values())))
        return {x: states[y] for x, y in found.items()}

    def states(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        keyed = (a.Tally, a.TopValues, a.ApproxDistinct)
        fused = [x for x in aggregates if x.family == "simple" or isinstance(x, keyed)]
        states = self.fused([x for x in fused if self.held or not isinstance(x, keyed)])
        for aggregate in aggregates:
            if aggregate not in states:
                states[aggregate] = self.one(aggregate)
        return states

    def fused(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """Everything that reduces to one row, in one query unless it reads very many columns."""
        states: dict[Aggregate, Any] = {}
        for part, paths in _by_columns({x: x.columns() for x in aggregates}):
            whole = self.held or _foreign(part)  # foreign code may look at its neighbours
            for piece in (self.dataset,) if whole else pieces(self.dataset, self.piece_bytes):
                found = self.reduced(piece, part, paths)
                states |= {x: x.merge(states[x], s) if x in states else s for x, s in found.items()}
        return states

    def reduced(self, dataset: Dataset, aggregates: Sequence[Aggregate], paths: Iterable[Path]) -> dict[Aggregate, Any]:
        lazy = self.lookups.frame(dataset, paths)
        questions = _questions(tuple(aggregates), self.schema)
        asked = [s for q in questions for s in q.select]
        # NOTE: what is held is selected from at once: looking for common parts costs more than it saves.
        row = (lazy.collect().select(asked) if self.held else self.collect(lazy.select(asked))).row(0)
        states: dict[Aggregate, Any] = {}
        start = 0
        for aggregate, question in zip(aggregates, questions, strict=True):
            states[aggregate] = question.read(row[start : start + len(question.select)])
            start += len(question.select)
        return states

    def collect(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        return lazy.collect(engine="in-memory" if self.held else "streaming")

    def one(self, asked: Aggregate) -> Any:
        match asked:
            case a.ApproxDistinct():
                lazy = self.lazy(asked.arg, asked.where).select(codes(asked, self.schema).alias("k"))
                found = self.collect(lazy.drop_nulls().unique())
                return registers(found.select(largest_codes(pl.col("k"))).item().to_list())
            case a.Tally():
                return self.tally(asked)
            case a.TopValues():
                return self.top(asked)
            case ValueSample():
                return self.sampled(asked)
            case a.Distinctness():
                return self.distinctness(asked)
            case a.Quantiles():
                return self.quantiles(asked)
            case a.Order():
                return self.order(asked)
            case a.FirstRows():
                lazy = self.lazy(asked.where, show=asked.show, positions=True)
                return self.evidence(_within(lazy, asked.where, self.schema), asked.show, asked.limit)
            case a.DuplicateKeys():
                return self.duplicates(asked)
            case Positions():
                return self.positions(asked)
        raise EngineError(f"polars does not compute {type(asked).__name__}")

    def lazy(self, *parts: Expr | None, show: Iterable[Path] = (), positions: bool = False) -> pl.LazyFrame:
        paths = {p for part in parts for p in columns(part)} | set(show)
        return self.lookups.frame(self.dataset, paths, positions=positions)

    def tally(self, asked: a.Tally) -> Any:
        node = scoped(asked.key, asked.where, self.schema)
        values = self.lazy(asked.key, asked.where).select(output(node.expr, node.type).alias("k")).drop_nulls()
        counted = values.group_by("k").agg(pl.len().alias("n"))
        return _state(asked, self.collect(counted if asked.cap is None else counted.head(asked.cap + 1)).rows(), node)

    def top(self, asked: a.TopValues) -> Any:
        """Of many keys only those in the fullest hash slots are counted: no other occurs more often than its slot."""
        node = scoped(asked.arg, asked.where, self.schema)
        values = self.lazy(asked.arg, asked.where).select(output(node.expr, node.type).alias("k")).drop_nulls()
        slot = (pl.col("k").hash(SEED) % _SLOTS).cast(pl.UInt32).alias("slot")
        slots = self.collect(values.group_by(slot).agg(pl.len().alias("n"))).sort("n", "slot", descending=True)
        missed = 0
        if len(slots) > _SLOTS // 2:
            missed = slots["n"][_FULLEST]
            values = values.filter(slot.is_in(slots["slot"].head(_FULLEST).implode()))
        by, reverse = (["n"], False) if node.kind in NESTED else (["n", "k"], [False, True])
        ranked = values.group_by("k").agg(pl.len().alias("n")).top_k(asked.limit + 1, by=by, reverse=reverse)
        found = _state(asked, self.collect(ranked).rows(), node)
        return replace(found, error=max(found.error, missed))

    def sampled(self, asked: ValueSample) -> SampleState | None:
        node = scoped(asked.arg, asked.where, self.schema)
        values = self.lazy(asked.arg, asked.where).select(output(node.expr, node.type).alias("k")).drop_nulls()
        chosen = values.filter(pl.col("k").hash(SEED) % asked.every == 0)
        counted = chosen.group_by("k").agg(pl.len().alias("n")).head(asked.cap + 1)
        return asked.state(plain_counts(self.collect(counted).rows(), node.type))

    def distinctness(self, asked: a.Distinctness) -> a.DistinctnessState:
        lazy = _within(self.lazy(asked.where, *asked.keys), asked.where, self.schema)
        nodes = [key(k, self.schema) for k in asked.keys]
        if not self.held and sortable(nodes):
            return distinctness(lazy, nodes, self.collect)
        counted = _grouped(lazy, asked.keys, self.schema).agg(pl.len().cast(pl.Int64).alias("n"))
        sums = counted.select(rows=pl.col("n").sum(), groups=pl.len(), single=(pl.col("n") == 1).sum())
        return a.DistinctnessState(*self.collect(sums).row(0))

    def quantiles(self, asked: a.Quantiles) -> tuple[float, ...] | None:
        value = finite(scoped(asked.arg, asked.where, self.schema)).alias("k")
        ordered = self.collect(self.lazy(asked.arg, asked.where).select(value).drop_nulls().sort("k"))["k"]
        places = [rank(at, len(ordered), asked.between) for at in asked.at]
        return tuple(_between(ordered, place) for place in places) if len(ordered) else None

    def order(self, asked: a.Order) -> a.OrderState:
        node = translate(asked.arg, self.schema)
        lazy = self.lazy(asked.arg, asked.where, positions=True)
        value = output(node.expr, node.type).alias("k")
        values = _within(lazy, asked.where, self.schema).select(FILE, ROW, value).drop_nulls("k")
        before = Node(pl.col("k").shift(1), node.type, node.wide)
        holds = compare(asked.op, Node(pl.col("k"), node.type, node.wide), before)
        broken = values.with_columns(ok=holds.fill_null(False), n=pl.int_range(pl.len())).filter(~pl.col("ok"))
        first, last, breaks = (
            self.collect(values.head(1)), self.collect(values.tail(1)), self.collect(broken.filter(pl.col("n") > 0)),
        )  # fmt: skip

        def rows(found: pl.DataFrame) -> list[a.RowState]:
            return [a.RowState(f, r, (plain(v, node.type),)) for f, r, v in found.select(FILE, ROW, "k").rows()]

        if not len(first):
            return a.OrderState()
        return a.OrderState(rows(first)[0], rows(last)[0], len(breaks), tuple(rows(breaks.head(asked.limit))))

    def duplicates(self, asked: a.DuplicateKeys) -> tuple[a.RowState, ...]:
        """Rows of the keys that begin first: the first rows of all duplicates are among them."""
        lazy = self.lazy(asked.where, *asked.keys, show=asked.show, positions=True)
        within = _within(lazy, asked.where, self.schema).with_row_index("order")
        grouped = _grouped(within, asked.keys, self.schema).agg(pl.len().alias("n"), pl.col("order").min())
        first = self.collect(grouped.filter(pl.col("n") > 1).bottom_k(asked.limit, by="order").drop("n", "order"))
        if not len(first):
            return ()
        named = within.with_columns(*_keys(asked.keys, self.schema))
        rows = named.join(first.lazy(), on=first.columns, how="semi", nulls_equal=True).sort("order")
        return self.evidence(rows, asked.show, asked.limit)

    def positions(self, asked: Positions) -> PositionsState:
        """One list of numbers per file: no row becomes an object of its own."""
        within = _within(self.lazy(asked.where, *asked.keys, positions=True), asked.where, self.schema)
        if asked.keys:
            counted = _grouped(within, asked.keys, self.schema).agg(pl.len().alias("n"))
            twice = counted.filter(pl.col("n") > 1).drop("n")
            keyed = within.select(FILE, ROW, *_keys(asked.keys, self.schema))
            within = keyed.join(twice, on=[f"⟨key⟩{i}" for i in range(len(asked.keys))], how="semi", nulls_equal=True)
        chosen = within.select(FILE, ROW)
        found = self.collect(chosen if asked.limit is None else chosen.head(asked.limit + 1))
        if asked.limit is not None and len(found) > asked.limit:
            return PositionsState(over=True)
        files = found.sort(FILE, ROW).partition_by(FILE, as_dict=True, maintain_order=True)
        return PositionsState(tuple((name, packed(part[ROW])) for (name,), part in files.items()))

    def evidence(self, rows: pl.LazyFrame, show: Sequence[Path], limit: int) -> tuple[a.RowState, ...]:
        shown = [column(path, self.schema) for path in show]
        values = [output(n.expr, n.type).alias(f"v{i}") for i, n in enumerate(shown)]
        found = self.collect(rows.head(limit).select(FILE, ROW, *values)).rows()
        return tuple(
            a.RowState(file, row, tuple(plain(v, n.type) for v, n in zip(rest, shown, strict=True)))
            for file, row, *rest in found
        )


def _by_columns(read: Mapping[Aggregate, frozenset[Path]]) -> Iterator[tuple[list[Aggregate], set[Path]]]:
    """Parts that read so many columns, with what they read: planning and holding a query grows faster than they do."""
    many = len({path[0] for paths in read.values() for path in paths}) > COLUMNS_AT_ONCE
    part: list[Aggregate] = []
    known: set[Path] = set()
    for aggregate in sorted(read, key=lambda x: sorted(read[x])) if many else read:
        if many and part and len({path[0] for path in known | read[aggregate]}) > COLUMNS_AT_ONCE:
            yield part, known
            part, known = [], set()
        part.append(aggregate)
        known |= read[aggregate]
    if part:
        yield part, known


@lru_cache(maxsize=64)
def _questions(aggregates: tuple[Aggregate, ...], schema: Schema) -> tuple[Question, ...]:
    """Partition after partition asks the same. Every column has a name of its own."""
    found = [_question(x, schema) for x in aggregates]
    named = [tuple(s.alias(f"{i}.{j}") for j, s in enumerate(q.select)) for i, q in enumerate(found)]
    return tuple(replace(q, select=select) for q, select in zip(found, named, strict=True))


def _question(asked: Aggregate, schema: Schema) -> Question:
    if isinstance(asked, a.ApproxDistinct):
        return Question((largest_codes(codes(asked, schema)),), lambda v: registers(v[0]))
    if isinstance(asked, (a.Tally, a.TopValues)):
        return _counts(asked, schema)
    return simple(asked, schema)


def _counts(asked: a.Tally | a.TopValues, schema: Schema) -> Question:
    node = scoped(asked.key if isinstance(asked, a.Tally) else asked.arg, asked.where, schema)
    values = output(node.expr, node.type).alias("k").drop_nulls()
    counted, pair = values.value_counts(name="n").implode(), pl.element()
    if isinstance(asked, a.TopValues):  # NOTE: inside the list, for else it is counted again, in another order
        by = [pair.struct.field("n")] if node.kind in NESTED else [pair.struct.field("n"), pair.struct.field("k")]
        ordered = pair.sort_by(by, descending=[True, False][: len(by)])  # ties by value, not by chance
        counted = counted.list.eval(ordered.head(asked.limit + 1))
    elif asked.cap is not None:
        counted = counted.list.head(asked.cap + 1)
    return Question((counted,), lambda v: _state(asked, (c.values() for c in v[0]), node))


def _state(asked: a.Tally | a.TopValues, counts: Iterable[Iterable[Any]], node: Node) -> Any:
    return asked.state(plain_counts(counts, node.type))


def _within(lazy: pl.LazyFrame, where: Expr | None, schema: Schema) -> pl.LazyFrame:
    return lazy if where is None else lazy.filter(translate(where, schema).expr)


def _keys(keys: Sequence[Expr], schema: Schema) -> list[pl.Expr]:
    return [key(k, schema).expr.alias(f"⟨key⟩{i}") for i, k in enumerate(keys)]


def _grouped(lazy: pl.LazyFrame, keys: Sequence[Expr], schema: Schema) -> Any:
    """Groups of rows with at least one key part."""
    named = _keys(keys, schema)
    present = pl.any_horizontal(*(k.is_not_null() for k in named))
    return lazy.filter(present).group_by(*named)


def _between(ordered: pl.Series, place: float) -> float:
    """The value at a place, or between the two nearest, as SQL's percentile_cont."""
    low = math.floor(place)
    below, above = ordered[low], ordered[min(low + 1, len(ordered) - 1)]
    return float(below + (above - below) * (place - low))
