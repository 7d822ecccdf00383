"""Nodes of this engine's own, beside those of the language: looks into tables of the connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dq.ir.data import TEXTS, Kind, Type
from dq.ir.expr import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq.engines.duckdb.sql import Sql
    from dq.ir.expr import Comparison

_VARCHAR = TEXTS | {Kind.UUID}


@dataclass(frozen=True, slots=True)
class Listed(Expr):
    """Whether the value is one of those in column `v` of a table of the connection."""

    arg: Expr
    table: str


@dataclass(frozen=True, slots=True)
class ListedKey(Expr):
    """Whether a table has a row with these values in `v0`, `v1` ..., whose types are `types`, to DuckDB `names`."""

    args: tuple[Expr, ...]
    table: str
    types: tuple[Type, ...]
    names: tuple[str, ...]
    nulls_equal: bool

    def sql(self, args: Sequence[Sql], compared: Callable[[Comparison, Sql, Sql], str]) -> str:
        """A value that no value of the other type equals is no key at all, and not one that was rounded."""
        keys, tests = [], []
        for arg, found, name in zip(args, self.types, self.names, strict=True):
            if arg.type == found or {arg.kind, found.kind} <= _VARCHAR:
                keys.append(arg.text)
                continue
            cast = replace(arg, text=f"TRY_CAST({arg.text} AS {name})", type=found, digits=None, value=None)
            keys.append(f"(CASE WHEN {compared('=', arg, cast)} THEN {cast.text} END)")
            tests.append(f"({arg.text} IS NULL) = ({keys[-1]} IS NULL)")
        key, row = keys[0], "v0"
        if len(keys) > 1 or self.nulls_equal:  # a row's NULLs are equal
            key, row = _packed(keys), _packed([f"v{i}" for i in range(len(keys))])
        found_there = f"coalesce({key} IN (SELECT {row} FROM {self.table}), FALSE)"
        if self.nulls_equal:
            return "(" + " AND ".join([found_there, *tests]) + ")"
        return f"(CASE WHEN {' AND '.join(f'{a.text} IS NOT NULL' for a in args)} THEN {found_there} END)"


def _packed(values: Sequence[str]) -> str:
    return f"struct_pack({', '.join(f'k{i} := {v}' for i, v in enumerate(values))})"
