"""Checks and profile -> unique aggregates -> passes by family. Pure: what is asked, never how an engine does it.

Binding turns what a suite asked into what the landed schema can answer: partition keys become literals, text literals
beside times become times, and an expression that does not fit the schema is set aside with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dq.ir import footer as footers
from dq.ir.aggregate import (
    Aggregate,
    Comoments,
    Count,
    Distinctness,
    DuplicateKeys,
    FirstRows,
    Max,
    Min,
    Moments,
    Order,
    Quantiles,
    Sum,
)
from dq.ir.data import NESTED, NUMBERS, RAW, TEXTS, TIMES, Field, Footer, Kind, Schema, Type, format_path, raw
from dq.ir.delegated import Delegated
from dq.ir.expr import And, Arith, Col, Exists, Expr, Foreign, IsNull, Key, Lit, Now, Path, Value, replace_leaves, walk
from dq.ir.numbers import number
from dq.ir.other import Lacking, Native, Of, Referenced, exchanged, lookups, nodes
from dq.ir.result import Cause, Status
from dq.ir.typecheck import Mistyped, Unanswerable, Unknown, check, comparable, describe, simplest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from dq.ir.check import Check
    from dq.ir.expr import Scalar

Storage: TypeAlias = Literal["parquet", "remote", "text", "frame"]
FAMILIES = ("held", "simple", "tally", "exact", "top", "rows", "sql", "foreign", "delegated")
_ORDERED = frozenset(Kind) - NESTED
_TAKES: dict[type[Aggregate], tuple[str, frozenset[Kind]]] = {
    Sum: ("a sum needs numbers", NUMBERS), Moments: ("a mean or deviation needs numbers", NUMBERS),
    Comoments: ("a correlation needs numbers", NUMBERS), Quantiles: ("a median needs numbers", NUMBERS),
    Order: ("an order of rows needs values that have one", _ORDERED),
    Min: ("a smallest value needs an order", _ORDERED), Max: ("a largest value needs an order", _ORDERED),
}  # fmt: skip
SMALL_ROWS = 250_000  # below, Polars answers before DuckDB has planned
_STREAMS = (Count, Sum, Min, Max, Moments, Comoments, Distinctness, Quantiles)
_STREAMED = NUMBERS | TEXTS | TIMES | {Kind.BOOL, Kind.BINARY, Kind.UUID, Kind.TIME, Kind.DURATION}
_SHARE = 0.75  # of the memory, for an estimate to be safe
_BASE_BYTES = 150_000_000
_GROUPS_AT_ONCE = 6  # row groups that Polars decodes ahead
_SORTED_BYTES = 24
_REGROUPED_ROWS = 4_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What the planner knows of an opened partition."""

    storage: Storage
    schema: Schema
    rows: int | None = None
    bytes: int = 0
    footer: Footer | None = None
    keys: tuple[tuple[str, Scalar], ...] = ()
    hidden: frozenset[str] = frozenset()  # raw-text columns that exist
    memory_bytes: int | None = None  # an engine may use
    others: tuple[tuple[str, Shape], ...] = ()  # data sets to compare with
    lacking: tuple[Referenced, ...] = ()  # those that cannot be compared with
    now: datetime | None = None  # the moment that counts as such
    seen: Schema = field(init=False, repr=False, compare=False)  # with the raw-text columns
    memo: dict[Aggregate, Aggregate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        raws = tuple(Field(name, Type(Kind.STRING)) for name in sorted(self.hidden))
        others = tuple((name, other.schema) for name, other in self.others)
        object.__setattr__(self, "seen", replace(self.schema, fields=self.schema.fields + raws))
        object.__setattr__(self, "memo", _memo(self.schema, self.hidden, others))


@dataclass(frozen=True, slots=True)
class Pass:
    """What one engine answers together. `bytes` is what its columns weigh, where footers say so; single columns may be
    read again (counts of many keys, keys that share a hash). `dataset`: another one than the one that is judged."""

    family: str
    engine: str
    aggregates: tuple[Aggregate, ...]
    columns: tuple[Path, ...] = ()
    bytes: int | None = None
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why a check has no answer on this schema. `unknown` names a column that neither suite nor data has: it is the
    suite's mistake, mended as `advice` says, unless history knows it. `step`: what to do first where it is
    neither's."""

    status: Status
    cause: Cause | None
    message: str
    unknown: str = ""
    advice: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`bound` maps an aggregate as asked to itself as an engine sees it; `known` holds states the footers gave; `later`
    are asked in a second stage, when the numbers they name are known; `remarks` by check id tell what does not run in
    the scan; `shared` are aggregates that serve several checks, with those, told to people only."""

    passes: tuple[Pass, ...] = ()
    bound: Mapping[Aggregate, Aggregate] = field(default_factory=dict)
    known: Mapping[Aggregate, Any] = field(default_factory=dict)
    unjudged: Mapping[str, Unjudged] = field(default_factory=dict)
    later: tuple[Aggregate, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[Aggregate, tuple[str, ...]] = field(default_factory=dict)


def plan(
    checks: Iterable[Check],
    questions: Iterable[Aggregate],
    shape: Shape,
    engine: str = "auto",
    *,
    promised: frozenset[str] = frozenset(),
) -> Plan:
    """Fold everything asked into passes. `promised` names columns whose absence another check already tells."""
    bound: dict[Aggregate, Aggregate] = {}
    unjudged: dict[str, Unjudged] = {}
    later: dict[Aggregate, None] = {}
    for item in checks:
        try:
            for name in sorted(item.metric.references()):
                other(name, shape)
            asked = item.metric.aggregates()
            staged = [a for a in asked if _numbers(a)]
            for aggregate in staged:
                bind(exchanged(aggregate, {v: Lit(0.0) for v in _numbers(aggregate)}), shape)  # faults are told at once
            inner = [v.aggregate for a in staged for v in _numbers(a)]
            bound.update({a: bind(a, shape) for a in (*asked, *inner) if a not in staged})
            later.update(dict.fromkeys(staged))
        except Unknown as error:
            unjudged[item.id] = _missing(error.path, shape.schema, promised)
        except Mistyped as error:
            unjudged[item.id] = Unjudged(Status.FAIL, Cause.DATA, str(error))
        except Unanswerable as error:
            unjudged[item.id] = Unjudged(Status.ERROR, Cause.SUITE, str(error))
        except Lacking as error:
            unjudged[item.id] = Unjudged(Status.ERROR, Cause.GATE, str(error), step=error.step)
    for question in questions:
        bound[question] = bind(question, shape)
    known = {a: s for a in dict.fromkeys(bound.values()) if (s := _footer_state(a, shape)) is not footers.MISSING}
    wanted = [a for a in dict.fromkeys(bound.values()) if a not in known]
    return Plan(passes_over(wanted, shape, engine), bound, known, unjudged, tuple(later))


def second_stage(first: Plan, states: Mapping[Aggregate, Any], shape: Shape, engine: str = "auto") -> Plan:
    """The plan of what needs numbers that the states of the first give. A number of too few values is NULL."""
    bound = {a: bind_known(a, first, states, shape) for a in first.later}
    asked = [a for a in dict.fromkeys(bound.values()) if a not in states]
    return replace(first, passes=passes_over(asked, shape, engine), bound={**first.bound, **bound}, later=())


def bind_known(aggregate: Aggregate, first: Plan, states: Mapping[Aggregate, Any], shape: Shape) -> Aggregate:
    """`bind`, with the numbers it names as the states tell them."""
    known: dict[Expr, Expr] = {v: Lit(number(v, states[first.bound[v.aggregate]])) for v in _numbers(aggregate)}
    return bind(exchanged(aggregate, known), shape) if known else bind(aggregate, shape)


def _numbers(aggregate: Aggregate) -> tuple[Value, ...]:
    """Numbers of the whole partition that the aggregate's own expressions name."""
    return tuple(dict.fromkeys(e for part in _parts(aggregate) for e in walk(part) if isinstance(e, Value)))


def passes_over(aggregates: Iterable[Aggregate], shape: Shape, engine: str = "auto") -> tuple[Pass, ...]:
    """Bound aggregates in as few passes as engines run fastest: families are not mixed, each reads its columns only.
    What is small Polars reads once and holds for all of them. What only it computes joins its counts."""
    groups: dict[tuple[str, str], list[Aggregate]] = {}
    shapes = {"": shape, **dict(shape.others)}
    for aggregate in aggregates:
        name, asked = (aggregate.dataset, aggregate.aggregate) if isinstance(aggregate, Of) else ("", aggregate)
        held = _is_small(shapes[name]) and engine in ("auto", "polars") and asked.family not in ("sql", "delegated")
        family = "held" if held else "foreign" if _is_foreign(asked) else asked.family
        groups.setdefault((name, family), []).append(asked)
    counts, own = ("", "simple"), ("", "foreign")
    if {counts, own} <= groups.keys() and choose(groups[counts], shape, engine) == "polars":
        groups[counts] += groups.pop(own)
    return tuple(
        replace(_pass(family, choose(found, shapes[name], engine), found, shapes[name]), dataset=name)
        for (name, family), found in sorted(groups.items(), key=lambda g: (g[0][0], FAMILIES.index(g[0][1])))
    )


def choose(aggregates: Sequence[Aggregate], shape: Shape, engine: str = "auto") -> str:
    """The engine for aggregates of one family: Polars for what is small, in memory already, or streams through little
    memory; DuckDB for text, for counts of distinct values (it counts columns of few values once), and to spill."""
    first = aggregates[0]
    if isinstance(first, Delegated):
        return first.tool
    if any(map(_is_foreign, aggregates)):
        return "polars"
    if shape.storage == "remote" or any(isinstance(x, Native) for x in aggregates):
        return "duckdb"
    if engine != "auto":
        return engine
    if shape.storage == "frame" or _is_small(shape):
        return "polars"
    if shape.footer is None or not _streams(aggregates, shape):
        return "duckdb"
    fits = shape.memory_bytes is None or _polars_bytes(aggregates, shape.footer) <= shape.memory_bytes * _SHARE
    return "polars" if fits else "duckdb"


def _is_foreign(aggregate: Aggregate) -> bool:
    return any(True for _ in nodes(aggregate, (Foreign,)))


def _is_small(shape: Shape) -> bool:
    return shape.rows is not None and shape.rows <= SMALL_ROWS and shape.storage != "remote"


def _streams(aggregates: Sequence[Aggregate], shape: Shape) -> bool:
    found = (shape.seen.find(path) for path in _paths(aggregates))
    kinds = {f.kind if f else Kind.STRING for f in found}
    slow = any(isinstance(e, Arith) and e.op == "%" for x in aggregates for part in _parts(x) for e in walk(part))
    slow = slow or any(lookups(x) for x in aggregates)  # DuckDB spills what it looks into
    return kinds <= _STREAMED and not slow and all(isinstance(x, _STREAMS) for x in aggregates)


def _polars_bytes(aggregates: Sequence[Aggregate], footer: Footer) -> int:
    """What Polars holds at most at a time, by measurement: some decoded row groups, and of exact uniqueness and
    quantiles a sorted number of every row, and the keys of rows that may be duplicates."""
    row = sum(_decoded_bytes(path, footer) for path in _paths(aggregates))
    held = _BASE_BYTES + row * min(_GROUPS_AT_ONCE * footer.group_rows, footer.rows)
    exact = [x for x in aggregates if x.family == "exact"]
    return held + (_SORTED_BYTES * footer.rows + row * min(_REGROUPED_ROWS, footer.rows) if exact else 0)


def _decoded_bytes(path: Path, footer: Footer) -> int:
    """Of one value: at most 16 where it is a number, 16 beside its text."""
    found = footer.column(path)
    return 16 + found.plain_bytes // max(1, footer.rows) if found else 16


def _paths(aggregates: Iterable[Aggregate]) -> tuple[Path, ...]:
    return tuple(sorted(frozenset().union(*(a.columns() for a in aggregates))))


def _pass(family: str, engine: str, aggregates: list[Aggregate], shape: Shape) -> Pass:
    paths = _paths(aggregates)
    weight = None
    if shape.footer is not None:
        tops = {p[0] for p in paths}
        weight = sum(c.bytes for p, c in shape.footer.columns if p[0] in tops)
    return Pass(family, engine, tuple(aggregates), paths, weight)


def bind(aggregate: Aggregate, shape: Shape) -> Aggregate:
    """The aggregate as the landed schema answers it. Raises Unknown or Mistyped, of other data sets Unanswerable or
    Lacking."""
    memo = shape.memo
    if aggregate not in memo:
        bound = _bound(aggregate, shape)
        if any(isinstance(e, (Key, Now)) for part in _parts(aggregate) for e in walk(part)):
            return bound
        memo[aggregate] = bound
    return memo[aggregate]


@lru_cache(maxsize=64)
def _memo(schema: Schema, hidden: frozenset[str], others: tuple[tuple[str, Schema], ...]) -> dict[Aggregate, Aggregate]:
    """What was bound to a layout: partitions of a source ask the same of it again and again."""
    return {}


def _parts(aggregate: Aggregate) -> Iterator[Expr]:
    for f in fields(aggregate):
        value = getattr(aggregate, f.name)
        yield from (v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Expr))


def other(name: str, shape: Shape) -> Shape:
    """A data set that is compared with. Raises Lacking where there is none."""
    found = dict(shape.others).get(name)
    if found is None:
        why = next((r for r in shape.lacking if r.name == name), Referenced(name))
        said = why.fault or f'nobody says where "{name}" is'
        raise Lacking(said, why.step or f"name it: --reference {name}=PATH")
    return found


def _bound(aggregate: Aggregate, shape: Shape) -> Aggregate:
    if isinstance(aggregate, Of):
        try:
            return Of(aggregate.dataset, bind(aggregate.aggregate, other(aggregate.dataset, shape)))
        except (Unknown, Mistyped) as error:
            raise _of_other(aggregate.dataset, error, shape) from None
    if isinstance(aggregate, Native):
        return _bound_query(aggregate, shape)
    changes: dict[str, Any] = {}
    for part in fields(aggregate):
        value = getattr(aggregate, part.name)
        if isinstance(value, Expr):
            condition = part.name == "where"
            takes = None if condition else _TAKES.get(type(aggregate))
            changes[part.name] = _bind(value, shape, condition=condition, takes=takes)
        elif isinstance(value, tuple) and value and all(isinstance(v, Expr) for v in value):
            changes[part.name] = tuple(_bind(v, shape) for v in value)
    if isinstance(aggregate, (FirstRows, DuplicateKeys)):
        changes["show"] = tuple(p for p in aggregate.show if shape.schema.find(p) or p[0] in shape.hidden)
    bound = replace(aggregate, **changes)
    return simplest(bound) if isinstance(bound, Distinctness) else bound


def _bind(
    expr: Expr, shape: Shape, *, condition: bool = False, takes: tuple[str, frozenset[Kind]] | None = None
) -> Expr:
    keys = dict(shape.keys)
    leaves: dict[Expr, Expr] = {}
    for e in walk(expr):
        if isinstance(e, Key):
            if e.name not in keys:
                raise Mistyped(f'no partition key "{e.name}"; keys are {", ".join(keys) or "none"}')
            leaves[e] = Lit(keys[e.name])
        elif isinstance(e, Now):
            assert shape.now is not None
            leaves[e] = Lit(e.at(shape.now))
        elif isinstance(e, IsNull) and isinstance(e.arg, Col) and raw(e.arg.path[0]) in shape.hidden:
            # Text that could not be read is a failure of its own, not a NULL.
            leaves[e] = And((e, IsNull(Col((raw(e.arg.path[0]),)))))
        elif isinstance(e, Exists):
            _comparable(e, shape)
    checked, found = check(replace_leaves(expr, leaves), shape.seen)
    if condition and found.kind not in (Kind.BOOL, Kind.NULL):
        raise Mistyped(f"a condition is needed, not {found}")
    if takes is not None and found.kind not in takes[1] | {Kind.NULL}:
        raise Mistyped(f"{takes[0]}, not {describe(checked, found)}")
    return checked


def _comparable(asked: Exists, shape: Shape) -> None:
    """Raises Unanswerable where the values are never equal."""
    schema = other(asked.dataset, shape).schema
    for arg, path in zip(asked.args, asked.columns, strict=True):
        theirs = schema.find(path)
        if theirs is None:
            raise _of_other(asked.dataset, Unknown(path), shape)
        checked, found = check(arg, shape.seen)
        if not comparable(found, theirs):
            there = f"{asked.dataset}.{format_path(path)}"
            raise Unanswerable(f"{describe(checked, found)}, never equals {there}, which is {theirs}")


def _of_other(name: str, error: Unknown | Mistyped, shape: Shape) -> Unanswerable:
    if isinstance(error, Mistyped):
        return Unanswerable(f'of "{name}": {error}')
    from dq.errors import nearest

    known = other(name, shape).schema.names
    column = format_path(error.path)
    return Unanswerable(f'"{name}" has no column "{column}"{nearest(column, known)}; it has {", ".join(known[:12])}')


def _bound_query(asked: Native, shape: Shape) -> Native:
    """With the columns that it reads: names compare as DuckDB compares them."""
    known = {name.lower(): name for name in reversed(shape.schema.names)}
    for path in asked.needs:
        if path[0].lower() not in known:
            raise Unknown(path)
    named = known if asked.reads is None else {p[0].lower() for p in asked.reads}
    return replace(asked, reads=tuple((known[n],) for n in sorted(named) if n in known))


def _missing(path: Path, schema: Schema, promised: frozenset[str]) -> Unjudged:
    """A column that did not land: told once by `column_present`; a column nobody promised by its own check."""
    if path[0].startswith(RAW):
        return Unjudged(Status.SKIP, None, "the data is typed: nothing was read from text")
    name = format_path(path)
    if not promised.isdisjoint((name, format_path(path[:1]))):
        return Unjudged(Status.SKIP, None, f'column "{name}" did not land')
    from dq.errors import nearest

    listed = ", ".join(schema.names[:12])
    said = f'no column "{name}"{nearest(name, schema.names)}; {listed} landed'
    advice = "; list it under `columns` if it should have"
    return Unjudged(Status.ERROR, Cause.SUITE, said, path[0], advice)


def _footer_state(aggregate: Aggregate, shape: Shape) -> Any:
    return footers.answer(aggregate, shape.footer) if shape.footer is not None else footers.MISSING
