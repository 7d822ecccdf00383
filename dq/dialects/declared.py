"""What the declared columns say about an expression. Columns nobody declared a type for fit everything."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, Field, Kind, Schema, Type, format_path
from dq.ir.typecheck import Mistyped, Unknown, check, describe

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Names:
    """What a rule may call things. `columns` maps canonical names and aliases to canonical names; unless `complete`,
    other columns may exist. `keys` are the partition's; None: not known."""

    columns: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Typing:
    """`schema` holds the declared columns and the partition's keys."""

    schema: Schema

    def fault(self, expr: e.Expr) -> str:
        """Why the condition on rows cannot be, or an empty text."""
        try:
            self.coerce(expr)
        except ValueError as error:
            return str(error)
        return ""

    def coerce(self, expr: e.Expr) -> e.Expr:
        """The condition with text beside dates read as dates. Raises ValueError where operands do not fit."""
        leaves: dict[e.Expr, e.Expr] = {}
        fields: list[Field] = []
        for node in e.walk(expr):
            if isinstance(node, e.Value) and node not in leaves:
                name = _called(node)
                while any(f.name == name for f in fields):
                    name += "'"
                fields.append(Field(name, self._value(node)))
                leaves[node] = e.Col((fields[-1].name,))
            elif isinstance(node, e.Key):
                leaves[node] = e.Col((node.name,))
        schema = replace(self.schema, fields=(*self.schema.fields, *fields))
        found, type_ = self._check(e.replace_leaves(expr, leaves), schema)
        if type_.kind not in (Kind.BOOL, Kind.NULL):
            raise ValueError(f"a condition is needed, not {describe(expr, type_)}")
        return e.replace_leaves(found, {column: node for node, column in leaves.items()})

    def _check(self, expr: e.Expr, schema: Schema) -> tuple[e.Expr, Type]:
        unknown: dict[e.Expr, e.Expr] = {}
        while True:
            try:
                return check(e.replace_leaves(expr, unknown), schema)
            except Mistyped as error:
                raise ValueError(str(error)) from None
            except Unknown as error:
                self._may_exist(error.path)
                unknown[e.Col(error.path)] = e.Lit(None)

    def _may_exist(self, path: e.Path) -> None:
        """A column or leaf nobody declared may land; a leaf of a declared column of another type may not."""
        top = self.schema.find(path[:1])
        if top and len(path) > 1 and (top.fields or top.kind not in (Kind.STRUCT, Kind.NULL)):
            raise ValueError(f'no "{format_path(path[1:])}" in {path[0]}, which is {top}')

    def _value(self, node: e.Value) -> Type:
        aggregate: Any = node.aggregate
        if aggregate.where is not None:
            self.coerce(aggregate.where)
        if isinstance(aggregate, (a.Count, a.Distinctness)):
            return Type(Kind.INT64)
        _, found = self._check(aggregate.arg, self.schema)
        if isinstance(aggregate, (a.Min, a.Max)):
            return found
        if found.kind not in NUMBERS | {Kind.NULL}:
            raise ValueError(f"{_called(node)} needs a number, not {describe(aggregate.arg, found)}")
        if not isinstance(aggregate, a.Sum) or found.kind in FLOATS:
            return Type(Kind.DOUBLE)
        return Type(Kind.INT64) if found.kind in INTEGERS else found


def _called(node: e.Value) -> str:
    aggregate: Any = node.aggregate
    name = {"mean": "avg", "groups": "count"}.get(node.part or "", node.part or type(aggregate).__name__.lower())
    paths: Mapping[e.Path, None] = dict.fromkeys(sorted(aggregate.columns()))
    return f"{name}({', '.join(map(format_path, paths)) or '*'})"
