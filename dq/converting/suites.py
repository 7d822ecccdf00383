"""A check as expectations of GX that may mean the same, the plainest first."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.converting.lost import Lost
from dq.converting.meaning import accepted, is_of_type
from dq.converting.parts import compared, key_paths, lengths, of_share, stripped
from dq.converting.patterns import translated
from dq.dialects import gx
from dq.dialects.dqdl.metrics import Share
from dq.dialects.gx.custom import Custom
from dq.dialects.gx.metrics import Distinct, Present, Statistic, SumOfScope
from dq.dialects.gx.tables import ColumnAt, ColumnCount, Columns
from dq.dialects.gx.types import pandas_name
from dq.dialects.pandera.metrics import OnlyNamed
from dq.dialects.saying import Unsayable
from dq.ir.aggregate import Max, Min, Moments, Quantiles, Sum
from dq.ir.check import Bound, Condition, Severity
from dq.ir.data import Kind, parse_path
from dq.ir.expr import And, Arith, Col, Compare, Expr, In, IsNan, IsNull, Lit, Matches, Not, Or, Value
from dq.ir.metric import RowMetric
from dq.metrics import completeness, consistency, distribution, schema, uniqueness, volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.ir.check import Check, Suite
    from dq.ir.data import Type
    from dq.ir.expr import Comparison, Path

VERSION = "1.24.1"  # of Great Expectations, whose types and arguments these are
UNREAD = "a suite does not say how a column is read or shown"
Item = dict[str, Any]


@dataclass
class Writer:
    source: str
    called: str = "Great Expectations"
    expectations: list[Item] = field(default_factory=list)

    def candidates(self, check: Check, landed: Type | None) -> Iterator[Item]:
        for kind, given in expectations(check, landed):
            yield {"type": f"expect_{kind}", "kwargs": given, **_severity(check)}

    def takes(self, item: Item) -> bool:
        return True

    def compiled(self, item: Item) -> Check:
        """The check that the expectation makes."""
        return gx.load(_text("trial", [item]), "trial").checks[-1]

    def add(self, item: Item) -> None:
        if item not in self.expectations:
            self.expectations.append(item)

    def reads(self, suite: Suite) -> Iterator[Lost]:
        """How columns are read and shown, of which it says nothing."""
        file = next((c.origin.file for c in suite.checks if c.origin.file), suite.source)
        for name in sorted(suite.pii):
            yield Lost(file, None, f"{name}.pii", UNREAD)
        for column in suite.columns:
            for key in ("formats", "zone", "aliases"):
                if getattr(column, key):
                    yield Lost(file, None, f"{column.name}.{key}", UNREAD)

    def text(self, heading: str = "") -> str:
        rows = {"min_value": 0, "strict_min": True}
        some = {"type": "expect_table_row_count_to_be_between", "kwargs": rows}
        return _text(self.source, [some, *(e for e in self.expectations if e != some)])


def _text(name: str, expectations: list[Item]) -> str:
    suite = {"name": name, "expectations": expectations, "meta": {"great_expectations_version": VERSION}}
    return json.dumps(suite, ensure_ascii=False, indent=2) + "\n"


def expectations(check: Check, landed: Type | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type without `expect_`, and arguments. `landed` is what the check's column is taken for. Raises Unsayable."""
    metric = check.metric
    match metric:
        case schema.ColumnPresent(column):
            yield "column_to_exist", {"column": _name(parse_path(column))}
        case ColumnAt(column, place):
            yield "column_to_exist", {"column": column, **({"column_index": place} if place else {})}
        case schema.NoOtherColumns(names) | OnlyNamed(names, ()):
            yield "table_columns_to_match_set", {"column_set": list(names)}
        case Columns(names, "order"):
            yield "table_columns_to_match_ordered_list", {"column_list": list(names)}
        case Columns(names, how, False):
            yield "table_columns_to_match_set", {"column_set": list(names), "exact_match": how == "same"}
        case ColumnCount():
            yield "table_column_count_to_be_between", _ends(check.bound)
        case volume.RowCount(where):
            yield "table_row_count_to_be_between", {**_ends(check.bound), **_condition(where)}
        case Share(inner):
            if isinstance(inner, completeness.Required):
                given = {"column": _name(next(iter(inner.paths()))), **_ends(check.bound)}
                yield "column_proportion_of_non_null_values_to_be_between", given
            yield from expectations(replace(check, metric=inner, bound=of_share(check.bound)), landed)
        case RowMetric():
            for kind, given in _rows(metric.ok):
                yield kind, {**given, **_mostly(check.bound), **_condition(metric.where)}
        case consistency.TableRule(condition):
            yield from _whole(condition)
        case _ if is_of_type(check):
            yield from _types(check, landed)
        case _ if paths := key_paths(metric):
            yield from _unique(check, paths)
        case _:
            yield from _numbers(check)


def _name(path: Path) -> str:
    if len(path) != 1:
        raise Unsayable("to Great Expectations a struct has no leaves")
    return path[0]


def _types(check: Check, landed: Type | None) -> Iterator[tuple[str, dict[str, Any]]]:
    assert check.column is not None
    fitting = accepted(check.metric, check.column)
    column = {"column": _name(parse_path(check.column))}
    if landed is not None and landed.kind is Kind.STRING:
        yield "column_values_to_be_of_type", {**column, "type_": "str"}
        return
    names = {pandas_name(t) for t in fitting if t.zone in (None, "UTC")} - {"object"}
    if landed is None or pandas_name(landed) not in names:
        raise Unsayable("pandas has no type of its own for it")
    yield "column_values_to_be_in_type_list", {**column, "type_list": sorted(names)}


_LISTED = {True: "column_values_to_not_be_in_set", False: "column_values_to_be_in_set"}
_MATCHED = {True: "column_values_to_not_match_regex", False: "column_values_to_match_regex"}


def _rows(ok: Expr) -> Iterator[tuple[str, dict[str, Any]]]:
    parts, absence = stripped(ok)
    if not parts and absence is not None:
        column = {"column": _name(absence)}
        yield "column_values_to_not_be_null", column
        yield "column_values_to_be_null", column
    if (ends := compared(parts)) is not None:
        path, sides = ends
        column = {"column": _name(path)}
        if len(sides) == 1 and sides[0][0] in ("=", "!="):
            yield _LISTED[sides[0][0] == "!="], {**column, "value_set": [_value(sides[0][1])]}
        else:
            yield "column_values_to_be_between", {**column, **_between(sides)}
    if (sizes := lengths(parts)) is not None:
        yield "column_value_lengths_to_be_between", {"column": _name(sizes[0]), **_between(sizes[1])}
    match [(p.arg, True) if isinstance(p, Not) else (p, False) for p in parts]:
        case [(In(Col(path), values), denied)]:
            yield _LISTED[denied], {"column": _name(path), "value_set": [_value(v) for v in values]}
        case [(Matches(Col(path), pattern, flavour), denied)]:
            yield _MATCHED[denied], {"column": _name(path), "regex": translated(pattern, flavour, "python")}
        case [(Compare(op, Col(left), Col(right)), False)]:
            yield from _pair(op, _name(left), _name(right))
        case [(Compare("=", total, Lit(value)), False)] if (names := _added(total)) is not None:
            for ignored in ("any_value_is_missing", "all_values_are_missing", "never"):
                given = {"column_list": names, "sum_total": _value(value), "ignore_row_if": ignored}
                yield "multicolumn_sum_to_equal", given


def _pair(op: Comparison, left: str, right: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if op in ("<", "<="):
        op, left, right = (">" if op == "<" else ">="), right, left
    pair: dict[str, Any] = {"column_A": left, "column_B": right}
    for ignored in ("either_value_is_missing", "both_values_are_missing", "neither"):
        given = {**pair, "ignore_row_if": ignored}
        if op == "=":
            yield "column_pair_values_to_be_equal", given
        elif op != "!=":
            yield "column_pair_values_a_to_be_greater_than_b", {**given, "or_equal": op == ">="}


def _added(total: Expr) -> list[str] | None:
    match total:
        case Arith("+", left, Col(path)):
            before = [_name(left.path)] if isinstance(left, Col) else _added(left)
            return None if before is None else [*before, _name(path)]
    return None


def _unique(check: Check, paths: tuple[Path, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = [_name(p) for p in paths]
    where: Expr | None = getattr(check.metric, "domain", getattr(check.metric, "where", None))
    more = {**_mostly(check.bound), **_condition(where)}
    if len(names) == 1:
        yield "column_values_to_be_unique", {"column": names[0], **more}
        return
    for ignored in ("all_values_are_missing", "any_value_is_missing", "never"):
        yield "compound_columns_to_be_unique", {"column_list": names, "ignore_row_if": ignored, **more}


def _numbers(check: Check) -> Iterator[tuple[str, dict[str, Any]]]:
    metric: Any = check.metric
    kind = next((k for types, k in _OF_COLUMN if isinstance(metric, types)), None)
    if isinstance(metric, Statistic):
        kind = _of_aggregate(metric.aggregate, metric.part)
    elif isinstance(metric, Distinct) and metric.ratio:
        kind = "proportion_of_unique_values"
    if kind is not None:
        given = {"column": _name(metric.path), **_ends(check.bound), **_condition(metric.where)}
        yield f"column_{kind}_to_be_between", given


_OF_COLUMN: tuple[tuple[Any, str], ...] = (
    ((completeness.Completeness, Present), "proportion_of_non_null_values"),
    ((uniqueness.DistinctCount, Distinct), "unique_value_count"), (distribution.Mean, "mean"),
    (distribution.Deviation, "stdev"), ((distribution.Total, SumOfScope), "sum"), (distribution.Median, "median"),
)  # fmt: skip


def _of_aggregate(aggregate: Any, part: str | None) -> str | None:
    match aggregate:
        case Min(Col()) | Max(Col()):
            return type(aggregate).__name__.lower()
        case Sum(Col()):
            return "sum"
        case Moments(Col()):
            return {"mean": "mean", "stddev": "stdev"}.get(part or "")
        case Quantiles(Col(), (0.5,)):
            return "median"
    return None


def _whole(condition: Expr) -> Iterator[tuple[str, dict[str, Any]]]:
    """A rule about one number of the whole partition."""
    sides: list[tuple[Value, Condition]] = []
    for part in condition.args if isinstance(condition, And) else (condition,):
        match part:
            case Compare(op, Value() as value, Lit(limit)):
                sides.append((value, Condition(op, limit)))
            case Not(IsNan(Value())):
                pass
            case _:
                return
    if len({v for v, _ in sides}) != 1:
        return
    asked, bound = sides[0][0], Bound(tuple(c for _, c in sides))
    aggregate: Any = asked.aggregate
    if (kind := _of_aggregate(aggregate, asked.part)) is not None:
        given = {"column": _name(aggregate.arg.path), **_ends(bound), **_condition(aggregate.where)}
        yield f"column_{kind}_to_be_between", given


def _ends(bound: Bound) -> dict[str, Any]:
    if bound.negated or bound.usual or any(c.unit != "value" for c in bound.conditions):
        raise Unsayable(f"it does not say: {bound}")
    if any(isinstance(c.limit, Expr) for c in bound.conditions):
        raise Unsayable(f"it does not say: {bound}")
    return _between([(c.op, c.limit) for c in bound.conditions])


def _between(sides: list[tuple[Comparison, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for op, limit in sides:
        names = {">": ["min"], ">=": ["min"], "<": ["max"], "<=": ["max"], "=": ["min", "max"]}.get(op)
        if names is None or any(f"{n}_value" in found for n in names):
            raise Unsayable("it says one smallest and one largest value")
        for name in names:
            found[f"{name}_value"] = _value(limit)
            found |= {f"strict_{name}": True} if op in ("<", ">") else {}
    if not found:
        raise Unsayable("it needs a smallest or a largest value")
    return found


def _mostly(bound: Bound) -> dict[str, Any]:
    if bound.negated or len(bound.conditions) != 1:
        raise Unsayable(f"of failing rows it does not say: {bound}")
    (condition,) = bound.conditions
    if condition.limit == 0 and condition.op in ("=", "<="):
        return {}
    if condition.op != "<=" or condition.unit != "share of rows":
        raise Unsayable(f"of the values up to a share may fail, not {bound}")
    return {"mostly": float(1 - Decimal(str(condition.limit)))}


def _condition(where: Expr | None) -> dict[str, Any]:
    if where is None or where == Lit(True):
        return {}
    return {"row_condition": _of_rows(where)}


def _of_rows(where: Expr) -> dict[str, Any]:
    match where:
        case And(args) | Or(args):
            word = "and" if isinstance(where, And) else "or"
            parts = [_of_rows(a) for a in args if not (word == "and" and _is_number(a))]
            if word == "and" and any(p["type"] == "or" for p in parts):
                raise Unsayable("its row conditions have no `or` within `and`")
            flat = [x for p in parts for x in (p["conditions"] if p["type"] == word else [p])]
            return flat[0] if len(flat) == 1 else {"type": word, "conditions": flat}
        case IsNull(Col(path)) | Not(IsNull(Col(path))):
            return {"type": "nullity", "column": {"name": _name(path)}, "is_null": isinstance(where, IsNull)}
        case Not(Or((IsNull(Col(path)), IsNan(Col())))):
            return {"type": "nullity", "column": {"name": _name(path)}, "is_null": False}
        case Compare(op, Col(path), Lit(value)):
            return _leaf(path, {"=": "=="}.get(op, op), _value(value))
        case In(Col(path), (value,)):
            return _leaf(path, "==", _value(value))
        case In(Col(path), values):
            return _leaf(path, "IN", [_value(v) for v in values])
        case Not(In(Col(path), values)):
            return _leaf(path, "NOT_IN", [_value(v) for v in values])
    raise Unsayable("its row conditions have no words for this `where`")


def _is_number(expr: Expr) -> bool:
    return isinstance(expr, Not) and isinstance(expr.arg, IsNan)


def _leaf(path: Path, operator: str, parameter: Any) -> dict[str, Any]:
    return {"type": "comparison", "column": {"name": _name(path)}, "operator": operator, "parameter": parameter}


def _value(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    raise Unsayable(f"JSON has no value like {value!r}")


def as_written(check: Check) -> Item:
    """Of a check that was an expectation."""
    metric: Any = check.metric
    if check.origin.dialect == "gx":
        return dict(json.loads(check.origin.rule))
    if isinstance(metric, Custom):
        return dict(json.loads(metric.rule))
    return {"type": metric.kind, "kwargs": json.loads(metric.arguments), **_severity(check)}


def _severity(check: Check) -> dict[str, Any]:
    return {} if check.severity is Severity.BLOCK else {"severity": "warning"}
