"""Looks into other data sets as columns of their own: a join with the keys that both sides have."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from dq.engines.polars.comparison import compare
from dq.engines.polars.expression import translate
from dq.engines.polars.node import Node, column
from dq.engines.polars.source import dtype, frame, name_of
from dq.errors import EngineError
from dq.ir.data import Kind
from dq.ir.expr import Exists, columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.engines.base import Dataset
    from dq.ir.expr import Path

LOOKUP = "⟨exists⟩"


class Lookups:
    """The answers to `Exists` as columns `LOOKUP0`, `LOOKUP1` ... of a lazy frame. Keys are read once."""

    def __init__(self, dataset: Dataset, asked: Iterable[Exists]) -> None:
        self._dataset = dataset
        self._asked = {f"{LOOKUP}{i}": exists for i, exists in enumerate(asked)}
        self._shared: dict[str, pl.DataFrame] = {}

    def frame(self, dataset: Dataset, paths: Iterable[Path], *, positions: bool = False) -> pl.LazyFrame:
        """`source.frame`, of which some columns are answers."""
        paths = set(paths)
        wanted = {p[0] for p in paths if p[0] in self._asked}
        read = {p for name in wanted for arg in self._asked[name].args for p in columns(arg)}
        lazy = frame(dataset, {p for p in paths if p[0] not in wanted} | read, positions=positions)
        for name in sorted(wanted):
            lazy = self._answered(lazy, name)
        return lazy

    def _answered(self, lazy: pl.LazyFrame, name: str) -> pl.LazyFrame:
        asked = self._asked[name]
        found = self._keys(name).lazy().with_columns(pl.lit(True).alias(name))
        keys = _named(self._args(asked))
        names = [f"{LOOKUP}k{i}" for i in range(len(keys))]
        joined = lazy.with_columns(*keys).join(
            found, on=names, how="left", nulls_equal=asked.nulls_equal, maintain_order="left"
        )
        answer = pl.col(name).is_not_null()
        if asked.nulls_equal:
            answer = reduce(pl.Expr.__and__, (k.is_null() == a.is_null() for k, a in self._pairs(asked)), answer)
        else:
            present = pl.all_horizontal(*(a.is_not_null() for _, a in self._pairs(asked)))
            answer = pl.when(present).then(answer)
        return joined.with_columns(answer.alias(name_of((name,)))).drop(name, *names)

    def _pairs(self, asked: Exists) -> list[tuple[pl.Expr, pl.Expr]]:
        args = [translate(a, self._dataset.schema).expr for a in asked.args]
        return [(pl.col(f"{LOOKUP}k{i}"), arg) for i, arg in enumerate(args)]

    def _args(self, asked: Exists) -> list[pl.Expr]:
        theirs = self._dataset.others[asked.dataset].schema
        return [
            _as(translate(arg, self._dataset.schema), column(path, theirs))
            for arg, path in zip(asked.args, asked.columns, strict=True)
        ]

    def _keys(self, name: str) -> pl.DataFrame:
        """Those that both sides have: no more than the rows that are judged."""
        if name not in self._shared:
            asked = self._asked[name]
            other = self._dataset.others[asked.dataset]
            read = {p for arg in asked.args for p in columns(arg)}
            mine = frame(self._dataset, read).select(*_named(self._args(asked))).unique()
            theirs = frame(other, asked.columns).select(*_named([_key(column(p, other.schema)) for p in asked.columns]))
            shared = theirs.join(mine, on=mine.collect_schema().names(), how="semi", nulls_equal=asked.nulls_equal)
            try:
                self._shared[name] = shared.unique().collect(engine="streaming")
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError) as error:
                raise EngineError(f'"{asked.dataset}" cannot be compared with: {type(error).__name__}') from error
        return self._shared[name]


def _named(keys: Iterable[pl.Expr]) -> list[pl.Expr]:
    return [key.alias(f"{LOOKUP}k{i}") for i, key in enumerate(keys)]


def _key(theirs: Node) -> pl.Expr:
    """A column of nothing but NULL has no type to join on."""
    return theirs.expr.cast(pl.Boolean) if theirs.kind is Kind.NULL else theirs.expr


def _as(arg: Node, theirs: Node) -> pl.Expr:
    """The value as the other type; NULL, and not rounded, where no value of that equals it."""
    if theirs.kind is Kind.NULL:
        return pl.lit(None, dtype=pl.Boolean)
    wanted = dtype(theirs.type)
    if dtype(arg.type) == wanted and not arg.wide:
        return arg.expr
    cast = arg.expr.cast(wanted, strict=False)
    return pl.when(compare("=", arg, Node(cast, theirs.type))).then(cast)
