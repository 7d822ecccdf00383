"""Rules about columns, rows and what is in them: rule -> metric."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.dqdl import metrics as m
from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl import types
from dq.dialects.dqdl.build import Asked, Meant
from dq.dialects.dqdl.operands import Fault, duration
from dq.dialects.dqdl.printing import condition_text, text_of
from dq.dialects.dqdl.values import compared, condition
from dq.dialects.gx.tables import ColumnCount
from dq.dialects.patterns import check_pattern
from dq.errors import nearest
from dq.ir.data import format_path
from dq.ir.expr import And, Col, Compare, Expr, IsNull, Not, Now, Or
from dq.metrics import completeness, distribution, schema, uniqueness, validity, volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.expr import Path
    from dq.ir.metric import Metric, RowMetric


def _of_rows(asked: Asked, metric: RowMetric) -> Meant:
    """All rows, or the share that the threshold asks for."""
    share = asked.share()
    if share is None:
        return Meant(metric, column=asked.path, rows=True)
    assert asked.rule.condition is not None
    return Meant(
        m.Share(metric, f"of the rows hold {condition_text(asked.rule.condition)}"), share, asked.path, metric.name
    )


def row_count(asked: Asked) -> Meant:
    return Meant(volume.RowCount(asked.where), asked.bound())


def column_count(asked: Asked) -> Meant:
    return Meant(ColumnCount(), asked.bound())


def column_exists(asked: Asked) -> Meant:
    return Meant(schema.ColumnPresent(format_path(asked.path)), column=asked.path)


def column_names(asked: Asked) -> Meant:
    (parameter,) = asked.rule.parameters
    pattern = asked.names()[0]
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise Fault(str(error), parameter.place) from None
    return Meant(m.NamesMatch(pattern))


def column_values(asked: Asked) -> Meant:
    written = asked.rule.condition
    assert written is not None
    ok, dated = condition(written, asked.path)
    return _of_rows(
        asked, m.Values(ok, asked.where, f"do not hold {condition_text(written)}", path=asked.path, dated=dated)
    )


def column_length(asked: Asked) -> Meant:
    """A limit that looks back is one of the shortest text, or of the longest: rows are read before history is known."""
    written = asked.rule.condition
    assert written is not None
    limits = [asked.number(o) for o in written.operands]
    if any(isinstance(v, Expr) for v in limits):
        if written.op not in (">", ">=", "<", "<="):
            raise Fault("a length that looks back is compared with <, <=, > or >=", written.place)
        of: Any = "shortest" if written.op in (">", ">=") else "longest"
        return Meant(m.TextLength(asked.path, of, asked.where), asked.bound(), asked.path)
    ok = compared(written, m.length(asked.path), limits)
    words = f"are of a length that does not hold {condition_text(written)}"
    return Meant(validity.Length(ok, asked.where, words), column=asked.path, rows=True)


def column_type(asked: Asked) -> Meant:
    written = asked.rule.condition
    assert written is not None
    if written.op not in ("=", "!=", "in"):
        raise Fault('a type is compared with =, != and in, like = "Integer"', written.place)
    names = []
    for operand in written.operands:
        if not isinstance(operand, t.Text):
            raise Fault(f'a type is a text like "Integer", not {text_of(operand)}', operand.place)
        try:
            names.append(types.known(operand.value))
        except ValueError as error:
            raise Fault(str(error), operand.place) from None
    pattern, tag = asked.said("format"), asked.tag("format")
    if tag and pattern not in types.FORMATS:
        known = ", ".join(types.FORMATS)
        raise Fault(f'no format "{pattern}"{nearest(pattern, types.FORMATS)}; formats are {known}', tag.place)
    denied = written.negated or written.op == "!="
    said = " or ".join(o.value for o in written.operands if isinstance(o, t.Text))
    words = f"would {'' if denied else 'not '}be cast to {said}"
    ok = Not(IsNull(Col(asked.path)))  # until the type of the column is known
    return _of_rows(asked, m.ReadsAs(ok, asked.where, words, asked.path, tuple(names), pattern, denied))


def correlation(asked: Asked) -> Meant:
    return Meant(m.Correlated(asked.paths[0], asked.paths[1], asked.where), asked.bound())


def _present(path: Path) -> Expr:
    return Not(IsNull(Col(path)))


def is_complete(asked: Asked) -> Meant:
    return Meant(completeness.Required(_present(asked.path), asked.where), column=asked.path, rows=True)


def complete_share(asked: Asked) -> Meant:
    required = completeness.Required(_present(asked.path), asked.where)
    return Meant(m.Share(required, "of the rows have a value"), asked.bound(), asked.path, "completeness")


def is_unique(asked: Asked) -> Meant:
    column = asked.path if len(asked.paths) == 1 else None
    return Meant(m.OnlyUnique(asked.paths, asked.where), column=column, name="unique")


def is_primary_key(asked: Asked) -> Meant:
    return Meant(m.PrimaryKey(asked.paths, asked.where), column=asked.path if len(asked.paths) == 1 else None)


def _keys(kind: type[m.OfKeys]) -> Callable[[Asked], Meant]:
    def rule(asked: Asked) -> Meant:
        column = asked.path if len(asked.paths) == 1 else None
        return Meant(kind(asked.paths, asked.where), asked.bound(), column)

    return rule


def _number(make: Callable[[Path, Expr | None], Metric], name: str = "") -> Callable[[Asked], Meant]:
    def rule(asked: Asked) -> Meant:
        return Meant(make(asked.path, asked.where), asked.bound(), asked.path, name)

    return rule


def freshness(asked: Asked) -> Meant:
    """By the age in hours, rounded to two decimals."""
    written = asked.rule.condition
    assert written is not None
    hours = [_hours(duration(o)) for o in written.operands]
    column = Col(asked.path)
    match written.op:
        case "between" if written.negated:
            inner: Expr = Or((_aged("<=", column, hours[0]), _aged(">=", column, hours[1])))
        case "between":
            inner = And((_aged(">", column, hours[0]), _aged("<", column, hours[1])))
        case "in":
            found = Or(tuple(_aged("=", column, h) for h in hours))
            inner = And(tuple(_aged("!=", column, h) for h in hours)) if written.negated else found
        case "matches":
            raise Fault("an age does not match a pattern", written.place)
        case _:
            inner = _aged(written.op, column, hours[0])
    ok = And((_present(asked.path), inner))
    words = f"are of an age that does not hold {condition_text(written)}"
    metric = m.Fresh(ok, asked.where, words, path=asked.path)
    return Meant(metric, column=asked.path, rows=True)


def _hours(span: timedelta) -> Decimal:
    return (Decimal(span // timedelta(seconds=1)) / 3600).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _aged(op: str, column: Expr, hours: Decimal) -> Expr:
    """An age of n hundredths of an hour, as rounded, begins 18 seconds before 36 n seconds."""
    above, least = (
        int((hours * 100).to_integral_value(ROUND_FLOOR)) + 1,
        int((hours * 100).to_integral_value(ROUND_CEILING)),
    )
    match op:
        case ">":
            return _older(column, above)
        case ">=":
            return _older(column, least)
        case "<":
            return _younger(column, least)
        case "<=":
            return _younger(column, above)
        case "!=":
            return Or((_younger(column, least), _older(column, above)))
    return And((_older(column, least), _younger(column, above)))


def _older(column: Expr, hundredths: int) -> Expr:
    return Compare("<=", column, Now(-timedelta(seconds=36 * hundredths - 18)))


def _younger(column: Expr, hundredths: int) -> Expr:
    return Compare(">", column, Now(-timedelta(seconds=36 * hundredths - 18)))


COLUMNS: dict[str, Callable[[Asked], Meant]] = {
    "RowCount": row_count, "ColumnCount": column_count, "ColumnExists": column_exists,
    "ColumnNamesMatchPattern": column_names, "ColumnDataType": column_type, "ColumnLength": column_length,
    "ColumnValues": column_values, "ColumnCorrelation": correlation, "Completeness": complete_share,
    "IsComplete": is_complete, "Uniqueness": _keys(m.Uniqueness), "IsUnique": is_unique,
    "IsPrimaryKey": is_primary_key, "UniqueValueRatio": _keys(m.UniqueValueRatio), "DataFreshness": freshness,
    "DistinctValuesCount": _number(uniqueness.DistinctCount), "Entropy": _number(m.Entropy),
    "Mean": _number(distribution.Mean), "Sum": _number(distribution.Total),
    "StandardDeviation": _number(m.Spread, "stddev"),
    "Variance": _number(lambda path, where: m.Spread(path, where, True), "variance"),
}  # fmt: skip
