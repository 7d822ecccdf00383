"""A check as entries of a contract that may mean the same, the plainest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dq.converting.meaning import accepted, is_of_type, shown
from dq.converting.parts import compared, key_paths, lengths, of_share, stripped
from dq.converting.patterns import translated
from dq.dialects import contract as dialect
from dq.dialects.dqdl.metrics import Share
from dq.dialects.gx.metrics import Distinct, DistinctValues, Present, Statistic, SumOfScope
from dq.dialects.gx.tables import ColumnAt, Columns
from dq.dialects.pandera.metrics import OnlyNamed
from dq.dialects.saying import Unsayable, said
from dq.init import flow, key
from dq.ir.aggregate import Max, Min, Moments
from dq.ir.check import Severity
from dq.ir.data import SIMPLE_TYPES, format_path, parse_type
from dq.ir.expr import Col, Exists, Expr, In, IsNan, Lit, Matches, Not, Path, all_of, replace_leaves, walk
from dq.ir.metric import RowMetric
from dq.metrics import completeness, distribution, schema, uniqueness, volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.ir.check import Bound, Check, Condition, Suite
    from dq.ir.data import Type

_TIMES = tuple(f"timestamp({unit}{zone})" for unit in ("us", "ms", "ns", "s") for zone in ("", ", UTC"))
TYPES: tuple[str, ...] = (*SIMPLE_TYPES, *_TIMES)
_TOGETHER = ({"min", "max"}, {"length", "min_length", "max_length"})  # one check, where all else is the same
_DERIVED = ("column_present", "type", "readable")


@dataclass(frozen=True, slots=True)
class Item:
    """Keys of a column, an entry of `checks`, or `strict` with columns that are `listed`, and with `all` are there."""

    column: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    table: Mapping[str, Any] | None = None
    strict: bool = False
    listed: tuple[str, ...] = ()
    all: bool = False


@dataclass
class Writer:
    """Collects what a contract says; a key of a column is taken once."""

    source: str
    called: str = "a contract"
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    checks: list[Mapping[str, Any]] = field(default_factory=list)
    strict: bool = False

    def candidates(self, check: Check, landed: Type | None) -> Iterator[Item]:
        return candidates(check, landed)

    def takes(self, item: Item) -> bool:
        taken = self.columns.get(item.column, {})
        together = any(
            {k, other} <= group and _more(form) == _more(taken[other])
            for k, form in item.keys.items() for group in _TOGETHER for other in taken
        )  # fmt: skip
        return not together and not item.keys.keys() & taken.keys()

    def compiled(self, item: Item) -> Check:
        """The one check that the item makes. Raises SuiteError where it makes none."""
        alone = Writer("trial")
        for name, spec in self.columns.items():
            alone.columns[name] = {k: v for k, v in spec.items() if k == "type"}
        alone.add(item)
        checks = dialect.load(alone.text(), "trial").suite.checks
        wanted = "column_present" if item.column and not item.keys else "type" if "type" in item.keys else ""
        named = [c for c in checks if c.origin.line is not None]
        own = [c for c in named if _kind(c) == wanted and c.column == item.column] if wanted else named
        return next(c for c in reversed(own) if wanted or _kind(c) not in _DERIVED)

    def add(self, item: Item) -> None:
        self.strict |= item.strict
        for name in map(shown, item.listed):
            self.columns.setdefault(name, {})
            if item.all:
                self.present.add(name)
        if item.table is not None:
            self.checks.append(item.table)
        elif item.column:
            self.columns.setdefault(item.column, {}).update(item.keys)
            if not item.keys:
                self.present.add(item.column)

    def reads(self, suite: Suite) -> tuple[()]:
        """How columns are read and shown is said here, too."""
        for column in suite.columns:
            said = {"formats": list(column.formats), "timezone": column.zone, "aliases": list(column.aliases)}
            if "type" in self.columns.get(column.name, {}):
                self.columns[column.name].update({k: v for k, v in said.items() if v})
        for name in suite.pii:
            self.columns.setdefault(name, {})["pii"] = True
        return ()

    def text(self, heading: str = "") -> str:
        lines = [heading] if heading else []
        lines.append(f"source: {re.sub('[^A-Za-z0-9_.-]+', '_', self.source).strip('_.-') or 'data'}")
        lines += ["columns:"] if self.columns else []
        for name, spec in self.columns.items():
            optional = {} if name in self.present or not heading else {"optional": True}
            lines.append(f"  {key(name)}: {flow({**spec, **optional})}")
        lines += ["strict: true"] if self.strict else []
        lines += ["checks:"] if self.checks else []
        lines += [f"  - {flow(dict(check))}" for check in self.checks]
        return "\n".join(lines) + "\n"


def _more(form: Any) -> Any:
    """Tolerance, severity and scope."""
    return {k: v for k, v in form.items() if k != "value"} if isinstance(form, dict) else {}


def _kind(check: Check) -> str:
    return check.id.rpartition(".")[2].partition("#")[0]


def candidates(check: Check, landed: Type | None) -> Iterator[Item]:
    """`landed` is the type that the check's column is taken for. Raises Unsayable."""
    metric = check.metric
    severe: dict[str, Any] = {} if check.severity is Severity.BLOCK else {"severity": "warn"}
    match metric:
        case schema.ColumnPresent(column):
            yield Item(column)
        case ColumnAt(column, 0):
            yield Item(format_path((column,)))
        case schema.NoOtherColumns(names) | OnlyNamed(names, ()):
            yield Item(strict=True, listed=names)
        case Columns(names, "same", False):
            yield Item(strict=True, listed=names, all=True)
        case volume.RowCount(where):
            count = _bound(check.bound)
            yield from (Item(table={"row_count": count, **s, **severe}) for s in _scopes(where, where))
        case volume.FileCount() | volume.ByteCount():
            yield Item(table={metric.name: _bound(check.bound), **severe})
        case Share(inner):
            if isinstance(inner, completeness.Required):
                yield from _whole(check, "completeness", inner.where, next(iter(inner.paths())), severe)
            yield from candidates(replace(check, metric=inner, bound=of_share(check.bound)), landed)
        case RowMetric():
            yield from _rows(check, metric, severe)
        case _ if is_of_type(check):
            yield from _types(check, str(landed), severe)
        case _ if paths := key_paths(metric):
            yield from _unique(check, paths, severe)
        case _:
            yield from _numbers(check, severe)


def _types(check: Check, declared: str, severe: Mapping[str, Any]) -> Iterator[Item]:
    assert check.column is not None
    metric, column = check.metric, check.column
    for text in (*TYPES, declared):
        ours = schema.ColumnType(column, parse_type(text))
        if text == declared or accepted(ours, column, metric) == accepted(metric, column, ours):
            yield Item(column, {"type": _form(text, severe)})
            return


def _rows(check: Check, metric: RowMetric, severe: Mapping[str, Any]) -> Iterator[Item]:
    tolerance = _tolerance(check.bound)
    ok = replace_leaves(metric.ok, {m: _in_re2(m) for m in walk(metric.ok) if isinstance(m, Matches)})
    scopes = [{**tolerance, **severe, **s} for s in _scopes(metric.where, metric.scope, *metric.paths())]
    if isinstance(metric.ok, Exists):
        yield from (Item(c, {k: _form(v, s)}) for s in scopes for c, k, v in _reference(metric.ok))
        return
    for scope in scopes:
        yield from (Item(c, {k: _form(v, scope) for k, v in keys.items()}) for c, keys in _keys(ok))
    for scope in scopes:
        for total in (False, True):
            yield Item(table={"rule": said(ok, total=total), **scope})


def _in_re2(match: Matches) -> Expr:
    return Matches(match.arg, translated(match.pattern, match.flavour, "re2"))


def _reference(ok: Exists) -> Iterator[tuple[str, str, str]]:
    match ok:
        case Exists((Col(path),), dataset, (column,), False):
            yield format_path(path), "references", format_path((dataset, *column))


def _keys(ok: Expr) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of conditions that keys of a column say."""
    parts, absence = stripped(ok)
    if not parts and absence is not None:
        yield format_path(absence), {"required": True}
    ends = compared(parts)
    if ends is not None:
        path, sides = ends
        named = {_END[op]: _value(v) for op, v in sides if op in _END}
        if len(named) == len(sides):
            yield format_path(path), named
        if len(sides) == 1 and sides[0][0] in ("=", "!="):
            yield format_path(path), {"allowed" if sides[0][0] == "=" else "not_allowed": [_value(sides[0][1])]}
    if (sizes := lengths(parts)) is not None:
        path, sides = sizes
        if all(float(v).is_integer() for _, v in sides):
            yield format_path(path), {"length": " and ".join(f"{op} {int(v)}" for op, v in sides)}
    match parts:
        case [In(Col(path), values)] if values:
            yield format_path(path), {"allowed": [_value(v) for v in values]}
        case [Not(In(Col(path), values))] if values:
            yield format_path(path), {"not_allowed": [_value(v) for v in values]}
        case [Matches(Col(path), pattern)]:
            yield format_path(path), {"matches": pattern}
        case [Not(Matches(Col(path), pattern))]:
            yield format_path(path), {"not_matches": pattern}


_END = {">=": "min", "<=": "max"}


def _unique(check: Check, paths: tuple[Path, ...], severe: Mapping[str, Any]) -> Iterator[Item]:
    where: Expr | None = getattr(check.metric, "where", None)
    base = getattr(check.metric, "domain", where)
    for scope in _scopes(base, where, *paths):
        form = {**_tolerance(check.bound), **severe, **scope}
        if len(paths) == 1:
            yield Item(format_path(paths[0]), {"unique": _form(True, form)})
        yield Item(table={"unique": [format_path(p) for p in paths], **form})


def _numbers(check: Check, severe: Mapping[str, Any]) -> Iterator[Item]:
    metric: Any = check.metric
    where: Expr | None = getattr(metric, "where", None)
    path: Path = getattr(metric, "path", ())
    match metric:
        case completeness.Completeness() | Present():
            yield from _whole(check, "completeness", where, path, severe)
        case DistinctValues(inside=True, all=False, values=values):
            for scope in _scopes(where, metric.scope, path):
                yield Item(format_path(path), {"allowed": _form([_value(v) for v in values], {**severe, **scope})})
            for scope in _scopes(where, metric.scope, path):
                yield Item(table={"rule": said(In(Col(path), values)), **severe, **scope})
        case uniqueness.DistinctCount() | Distinct(ratio=False):
            yield from _whole(check, "distinct_count", where, path, severe)
        case Statistic(aggregate=Min() | Max() as aggregate) if isinstance(aggregate.arg, Col):
            word = f"{type(aggregate).__name__.lower()}({said(aggregate.arg)})"
            parts = [f"{word} {c.op} {said(Lit(c.limit))}" for c in check.bound.conditions]  # type: ignore[arg-type]
            yield from (
                Item(table={"rule": " and ".join(parts), **severe, **s}) for s in _scopes(where, metric.scope, path)
            )
        case distribution.Mean() | Statistic(aggregate=Moments(Col()), part="mean"):
            yield from _whole(check, "mean", where, path, severe)
        case distribution.Deviation() | Statistic(aggregate=Moments(Col()), part="stddev"):
            yield from _whole(check, "stddev", where, path, severe)
        case distribution.Median() | Statistic(part="quantile"):
            yield from _whole(check, "median", where, path, severe)
        case distribution.Total() | SumOfScope():
            yield from _whole(check, "sum", where, path, severe)


def _whole(check: Check, name: str, where: Expr | None, path: Path, severe: Mapping[str, Any]) -> Iterator[Item]:
    text = _bound(check.bound)
    for scope in _scopes(where, where, path):
        yield Item(format_path(path), {name: _form(text, {**severe, **scope})})


def _scopes(base: Expr | None, scope: Expr | None, *paths: Path) -> list[dict[str, Any]]:
    """From the plainest on: rows without a value mostly do not matter, those with NaN sometimes do."""
    numbers = all_of(base, *(Not(IsNan(Col(p))) for p in sorted(paths)))
    shorter = None if base is None else all_of(*stripped(base)[0])
    found = [_scope(where) for where in dict.fromkeys((shorter, base, numbers, scope))]
    return [f for n, f in enumerate(found) if f not in found[:n]]


def _scope(where: Expr | None) -> dict[str, Any]:
    return {} if where is None or where == Lit(True) else {"where": said(where)}


def _form(value: Any, more: Mapping[str, Any]) -> Any:
    return {"value": value, **more} if more else value


def _tolerance(bound: Bound) -> dict[str, Any]:
    """Rows that may fail."""
    if bound.negated or bound.usual or len(bound.conditions) != 1:
        raise Unsayable(f"of failing rows a contract does not say: {bound}")
    (condition,) = bound.conditions
    if condition.limit == 0 and condition.op in ("=", "<="):
        return {}
    if condition.op not in ("<=", "<", "="):
        raise Unsayable(f"of failing rows a contract does not say: {bound}")
    return {"fails": f"{condition.op} {_number(condition)}"}


def _bound(bound: Bound) -> str:
    if bound.negated or bound.usual or not bound.conditions:
        raise Unsayable(f"a contract does not say: {bound}")
    return " and ".join(f"{c.op} {_number(c)}" for c in bound.conditions)


def _number(condition: Condition) -> str:
    limit = condition.limit
    if not isinstance(limit, (int, float, Decimal, Fraction)) or isinstance(limit, bool):
        raise Unsayable(f"a contract does not say: {condition}")
    exact = Decimal(str(float(limit) if isinstance(limit, Fraction) else limit))
    if not exact.is_finite():
        raise Unsayable(f"a contract does not say: {condition}")
    if condition.unit == "value":
        return f"{exact:f}" if exact != exact.to_integral_value() else str(int(exact))
    share = (exact * 100).normalize()
    return f"{share:f}%" + (" of previous" if condition.unit == "share of previous" else "")


def _value(value: Any) -> Any:
    """As YAML has it; 1 and 1.0 are one to a comparison."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal) and str(Decimal(str(float(value)))) == str(value):
        return float(value)
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    raise Unsayable(f"a contract has no value like {value!r}")
