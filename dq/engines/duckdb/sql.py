"""Row expressions as DuckDB SQL. Numbers of different kinds compare exactly, which DuckDB by itself does not.

Values take few SQL types here: a float is a DOUBLE, text of every kind a VARCHAR, a time of any unit a TIMESTAMP of
microseconds (floor, where DuckDB rounds) or a TIMESTAMPTZ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.connect import identifier, literal
from dq.engines.duckdb.listed import Listed, ListedKey
from dq.engines.duckdb.pattern import pattern
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TIMES, Kind, Type, integer_range
from dq.ir.names import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DIGITS = 38  # of a DECIMAL
_LONG_DIGITS, _FLOAT_DIGITS = 18, 15  # that a BIGINT holds, and a DOUBLE exactly
_LARGEST = 2**127 - 1  # of a HUGEINT
_BOOL, _LONG, _DOUBLE, _TEXT = Type(Kind.BOOL), Type(Kind.INT64), Type(Kind.DOUBLE), Type(Kind.STRING)


@dataclass(frozen=True, slots=True)
class Sql:
    """Text and type. `digits` bounds an integer that was computed; `value` is set where the text is a literal."""

    text: str
    type: Type
    digits: int | None = None
    value: Any = None

    @property
    def kind(self) -> Kind:
        return self.type.kind


# What has no literal form of its own is its text in expressions, and a column of nothing is one of numbers.
_AS_READ = {Kind.UUID: "VARCHAR", Kind.JSON: "VARCHAR", Kind.ENUM: "VARCHAR", Kind.NULL: "INTEGER"}
_NAMES: dict[Kind, str] = {kind: NAMES["duckdb"][kind].text for kind in Kind} | _AS_READ


def type_name(found: Type, *, output: bool = False) -> str | None:
    """DuckDB's name; None where the type is not told in full. As `output` without the zone: the client would want a
    library for it."""
    if found.kind is Kind.DECIMAL:
        return f"DECIMAL({found.precision},{found.scale or 0})" if found.precision else None
    if found.kind is Kind.TIMESTAMP:
        nano = "_NS" if found.unit == "ns" and not output else ""
        return f"TIMESTAMP{'TZ' if found.zone and not output else ''}{nano}"
    if found.kind in (Kind.LIST, Kind.MAP, Kind.STRUCT):
        inner = [type_name(t, output=output) for t in _inner(found)]
        if not inner or None in inner:
            return None
        if found.kind is Kind.LIST:
            return f"{inner[0]}[]"
        if found.kind is Kind.MAP:
            return f"MAP({inner[0]}, {inner[1]})"
        return f"STRUCT({', '.join(f'{identifier(f.name)} {n}' for f, n in zip(found.fields, inner, strict=True))})"
    return _NAMES[found.kind]


def _inner(found: Type) -> list[Type]:
    return [t for t in (found.key, found.item) if t is not None] + [f.type for f in found.fields]


def scalar_form(text: str, found: Type) -> Sql:
    """A stored value in the one SQL type its kind has in expressions."""
    if found.kind is Kind.TIMESTAMP and found.unit == "ns":
        nano = f"epoch_ns({text})"
        micro = f"make_timestamp(({nano} - (({nano} % 1000) + 1000) % 1000) // 1000)"
        return Sql(f"CAST({micro} AS TIMESTAMPTZ)" if found.zone else micro, replace(found, unit="us"))
    if found.kind is Kind.FLOAT:
        return Sql(f"CAST({text} AS DOUBLE)", _DOUBLE)
    if found.kind in (Kind.ENUM, Kind.UUID, Kind.JSON):
        return Sql(f"CAST({text} AS VARCHAR)", found)
    return Sql(text, found)


def translate(expr: e.Expr, columns: Mapping[str, Sql]) -> Sql:
    """SQL of a checked expression over `columns`. Raises TypeError on a node no engine may see (keys, values)."""

    def sql(part: e.Expr) -> Sql:
        return translate(part, columns)

    match expr:
        case e.Col(path):
            return scalar_form(*stored(path, columns))
        case e.Lit(value):
            return constant(value)
        case e.Compare(op, left, right):
            return _boolean(compared(op, sql(left), sql(right)))
        case e.In(arg, values):
            return _boolean(_member(sql(arg), values))
        case e.And(args):
            return _boolean("(" + " AND ".join(sql(a).text for a in args) + ")" if args else "TRUE")
        case e.Or(args):
            return _boolean("(" + " OR ".join(sql(a).text for a in args) + ")" if args else "FALSE")
        case e.Not(arg):
            return _boolean(f"(NOT {sql(arg).text})")
        case e.IsNull(arg):
            return _boolean(f"({sql(arg).text} IS NULL)")
        case e.IsNan(arg):
            return _boolean(_float_test("isnan", sql(arg)))
        case e.IsInf(arg):
            return _boolean(_float_test("isinf", sql(arg)))
        case e.Matches(arg, text, flavour):
            searched = sql(arg)
            if searched.kind is Kind.NULL:
                return _boolean("CAST(NULL AS BOOLEAN)")
            return _boolean(f"regexp_matches({searched.text}, {literal(pattern(text, flavour))})")
        case Listed(arg, table):
            return _boolean(_known(sql(arg), f"{sql(arg).text} IN (SELECT v FROM {table})"))
        case ListedKey(args):
            return _boolean(expr.sql([sql(a) for a in args], compared))
        case e.Arith(op, left, right):
            return _arithmetic(op, sql(left), sql(right))
        case e.Call(name, args):
            return _call(name, [sql(a) for a in args])
        case e.Bucket(arg):
            return _bucket(sql(arg))
    raise TypeError(f"{type(expr).__name__} has no value for a row")


def stored(path: e.Path, columns: Mapping[str, Sql]) -> tuple[str, Type]:
    """The column or struct leaf as it is stored."""
    column = columns[path[0]]
    text, found = column.text, column.type
    for name in path[1:]:
        text = f"struct_extract({text}, {literal(name)})"
        found = next(f.type for f in found.fields if f.name == name)
    return (text if len(path) == 1 else unread_statistics(text, found)), found


def unread_statistics(text: str, found: Type) -> str:
    """A float whose minimum and maximum in Parquet DuckDB 2.0 does not look at.

    Writers leave NaN out of them; trusting them, DuckDB answers that no value is NaN, and skips the rows where one is.
    Statistics do not pass through a union, and values do without being copied.
    """
    return f"union_extract(union_value(v := {text}), 'v')" if found.kind in FLOATS else text


def constant(value: Any) -> Sql:
    """A typed literal. A number too large for its own SQL type becomes a DOUBLE."""
    if value is None:
        return Sql("NULL", Type(Kind.NULL))
    if isinstance(value, bool):
        return Sql(str(value).upper(), _BOOL, value=value)
    if isinstance(value, (int, Decimal)):
        return _number(value)
    if isinstance(value, float):
        return Sql(f"'{value}'::DOUBLE", _DOUBLE, value=value)
    if isinstance(value, bytes):
        return Sql("'" + "".join(f"\\x{b:02X}" for b in value) + "'::BLOB", Type(Kind.BINARY), value=value)
    if isinstance(value, datetime):
        zone = "UTC" if value.tzinfo else None
        text = f"{'TIMESTAMPTZ' if zone else 'TIMESTAMP'} '{value.isoformat(sep=' ')}'"
        return Sql(text, Type(Kind.TIMESTAMP, unit="us", zone=zone), value=value)
    if isinstance(value, date):
        return Sql(f"DATE '{value.isoformat()}'", Type(Kind.DATE), value=value)
    if isinstance(value, time):
        return Sql(f"TIME '{value.isoformat()}'", Type(Kind.TIME), value=value)
    if isinstance(value, timedelta):
        return Sql(f"to_microseconds({value // timedelta(microseconds=1)})", Type(Kind.DURATION), value=value)
    return Sql(literal(value), _TEXT, value=value)


def _number(value: int | Decimal) -> Sql:
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return Sql(f"({value})", _LONG, digits=len(str(abs(value))), value=value)
    if isinstance(value, Decimal) and value.is_finite():
        scale = max(0, -int(value.as_tuple().exponent))
        digits = max(len(f"{value.copy_abs():f}".replace(".", "").lstrip("0")), scale, 1)
        if digits <= _DIGITS:
            found = Type(Kind.DECIMAL, precision=digits, scale=scale)
            return Sql(f"'{value:f}'::{type_name(found)}", found, value=value)
    return constant(float(value))


def _boolean(text: str) -> Sql:
    return Sql(text, _BOOL)


def _known(arg: Sql, answer: str) -> str:
    """The answer, NULL for NULL."""
    return f"(CASE WHEN {arg.text} IS NOT NULL THEN {answer} END)"


def _float_test(name: str, arg: Sql) -> str:
    return f"{name}({arg.text})" if arg.kind in FLOATS else _known(arg, "FALSE")


_MIRROR: dict[str, e.Comparison] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compared(op: e.Comparison, left: Sql, right: Sql) -> str:
    if Kind.NULL in (left.kind, right.kind):
        return "CAST(NULL AS BOOLEAN)"
    if left.kind in NUMBERS and right.kind in NUMBERS:
        if right.kind in INTEGERS and left.kind not in INTEGERS:
            return compared(_MIRROR[op], right, left)
        return _compare_numbers(op, left, right)
    if left.kind in TIMES and right.kind in TIMES and left.type != right.type:
        name = "TIMESTAMPTZ" if left.type.zone or right.type.zone else "TIMESTAMP"
        return f"(TRY_CAST({left.text} AS {name}) {op} TRY_CAST({right.text} AS {name}))"
    return f"({left.text} {op} {right.text})"


def _compare_numbers(op: e.Comparison, left: Sql, right: Sql) -> str:
    if left.kind in INTEGERS and right.kind not in INTEGERS:
        if right.value is not None:
            return _compare_whole(op, left, right.value)
        if right.kind is Kind.DECIMAL:
            bound = f"{'floor' if op in ('<=', '>') else 'ceil'}({right.text})"
            compared = f"(CAST({left.text} AS HUGEINT) {op} CAST({bound} AS HUGEINT))"
            exact = f"({right.text} = {_whole(right)})"
            if op in ("=", "!="):  # known only if both are: NULL AND FALSE would be FALSE
                return _known(left, f"({compared} AND {exact})" if op == "=" else f"({compared} OR NOT {exact})")
            return compared
        return _compare_rounded(op, left, right)
    if left.kind is Kind.DECIMAL and right.kind is Kind.DECIMAL:
        if _common(left, right):
            return f"({left.text} {op} {right.text})"
        both = f"{left.text} IS NOT NULL AND {right.text} IS NOT NULL"  # a row of NULLs is not NULL
        return f"(CASE WHEN {both} THEN {_halves(left)} {op} {_halves(right)} END)"
    if left.kind in FLOATS or right.kind in FLOATS:
        return f"(CAST({left.text} AS DOUBLE) {op} CAST({right.text} AS DOUBLE))"
    return f"({left.text} {op} {right.text})"


def _compare_whole(op: e.Comparison, left: Sql, value: float | Decimal) -> str:
    """An integer against a constant: against the nearest integer on the side where nothing changes."""
    if not math.isfinite(value):
        above = op in (("<", "<=", "!=") if value != -math.inf else (">", ">=", "!="))
        return _known(left, str(above).upper())
    if op in ("=", "!=") and value != int(value):
        return _known(left, "TRUE" if op == "!=" else "FALSE")
    bound = math.floor(value) if op in ("<=", ">") else math.ceil(value)
    return f"({left.text} {op} ({max(-_LARGEST, min(_LARGEST, bound))}))"


def _compare_rounded(op: e.Comparison, left: Sql, right: Sql) -> str:
    """An integer against a float. Rounding keeps the order, so only where both round alike the integers decide."""
    rounded = f"CAST({left.text} AS DOUBLE)"
    if sum(digits_of(left)) <= _FLOAT_DIGITS or _exactly_float(left.value):
        return f"({rounded} {op} {right.text})"
    exact = f"(CAST({left.text} AS HUGEINT) {op} TRY_CAST({right.text} AS HUGEINT))"
    return f"(CASE WHEN {rounded} = {right.text} THEN {exact} ELSE {rounded} {op} {right.text} END)"


def _exactly_float(value: Any) -> bool:
    return isinstance(value, int) and float(value) == value


def _halves(arg: Sql) -> str:
    """Whole and fraction of a decimal, for two that have no common type."""
    return f"row(CAST(trunc({arg.text}) AS DECIMAL(38,0)), CAST({arg.text} - {_whole(arg)} AS DECIMAL(38,38)))"


def _whole(arg: Sql) -> str:
    """The whole part at the scale of the decimal, where it always fits."""
    return f"CAST(trunc({arg.text}) AS DECIMAL(38,{arg.type.scale or 0}))"


def _member(arg: Sql, values: tuple[Any, ...]) -> str:
    if arg.kind is Kind.NULL:
        return "CAST(NULL AS BOOLEAN)"
    if arg.kind in NUMBERS or arg.kind in TIMES:
        tests = [compared("=", arg, constant(v)) for v in values]
        plain = [constant(v).text for v in values if constant(v).type == arg.type or _same_integers(arg, v)]
        if len(plain) < len(values) or not values:
            return "(" + " OR ".join(tests) + ")" if tests else _known(arg, "FALSE")
        return f"({arg.text} IN ({', '.join(plain)}))"
    return f"({arg.text} IN ({', '.join(constant(v).text for v in values)}))" if values else _known(arg, "FALSE")


def _same_integers(arg: Sql, value: Any) -> bool:
    return arg.kind in INTEGERS and type(value) is int and abs(value) <= _LARGEST


def digits_of(arg: Sql) -> tuple[int, int]:
    """Digits before and behind the point."""
    if arg.kind is Kind.DECIMAL:
        scale = arg.type.scale or 0
        return (arg.type.precision or _DIGITS) - scale, scale
    return arg.digits or len(str(integer_range(arg.kind)[1])), 0


def _common(left: Sql, right: Sql, more: int = 0) -> Type | None:
    """The decimal type that holds both operands and `more` digits; None where 38 digits do not."""
    (whole, scale), (wholes, scales) = digits_of(left), digits_of(right)
    whole, scale = max(whole, wholes) + more, max(scale, scales)
    return Type(Kind.DECIMAL, precision=whole + scale, scale=scale) if whole + scale <= _DIGITS else None


def _arithmetic(op: e.Operator, left: Sql, right: Sql) -> Sql:
    if Kind.NULL in (left.kind, right.kind):
        return Sql("CAST(NULL AS DOUBLE)", _DOUBLE)
    kinds = {left.kind, right.kind}
    if op != "/" and kinds <= INTEGERS:
        return _integer(op, left, right)
    if op != "/" and kinds <= INTEGERS | {Kind.DECIMAL} and (exact := _decimal(op, left, right)):
        return exact
    return Sql(_applied(op, left, right, "DOUBLE"), _DOUBLE)


def _integer(op: e.Operator, left: Sql, right: Sql) -> Sql:
    """In 64 bits where they are enough for every value, else in 128: DuckDB fails where 128 are not."""
    sides = (digits_of(left)[0], digits_of(right)[0])
    digits = sum(sides) if op == "*" else max(sides) + (op != "%")
    name = "BIGINT" if max(digits, *sides) <= _LONG_DIGITS else "HUGEINT"
    return Sql(_applied(op, left, right, name), _LONG, digits=digits)


def _decimal(op: e.Operator, left: Sql, right: Sql) -> Sql | None:
    """Exact arithmetic, where 38 digits are enough for every result."""
    if op != "*":
        found = _common(left, right, more=0 if op == "%" else 1)
        return Sql(_applied(op, left, right, str(type_name(found))), found) if found else None
    (whole, scale), (wholes, scales) = digits_of(left), digits_of(right)
    if whole + wholes + scale + scales > _DIGITS:
        return None
    found = Type(Kind.DECIMAL, precision=whole + wholes + scale + scales, scale=scale + scales)
    sides = (f"CAST({a.text} AS DECIMAL({max(sum(digits_of(a)), 1)},{digits_of(a)[1]}))" for a in (left, right))
    return Sql(f"({' * '.join(sides)})", found)


def _applied(op: e.Operator, left: Sql, right: Sql, name: str) -> str:
    divisor = f"CAST({right.text} AS {name})"
    divisor = f"nullif({divisor}, 0)" if op in "/%" else divisor
    return f"(CAST({left.text} AS {name}) {op} {divisor})"


def _bucket(arg: Sql) -> Sql:
    if arg.kind is Kind.NULL:
        return Sql("CAST(NULL AS BIGINT)", _LONG)
    value = f"CAST({arg.text} AS DOUBLE)"
    size = f"{e.BUCKET_OFFSET} + ceil(ln(abs({value})) * {e.BUCKETS_PER_E})"
    signed = f"CASE WHEN {value} = 0 THEN 0 ELSE sign({value}) * ({size}) END"
    finite = f"CASE WHEN isfinite({value}) THEN {signed} END" if arg.kind in FLOATS else signed
    return Sql(f"CAST({finite} AS BIGINT)", _LONG)


def _call(name: e.Function, args: list[Sql]) -> Sql:
    if name == "coalesce":
        found = next((a.type for a in args if a.kind is not Kind.NULL), args[0].type)
        digits = max(digits_of(a)[0] for a in args) if {a.kind for a in args} <= INTEGERS else None
        return Sql(f"coalesce({', '.join(a.text for a in args)})", found, digits=digits)
    arg = args[0]
    if arg.kind is Kind.NULL:
        return Sql("NULL", arg.type)
    return _CALLS[name](arg)


def _rounding(name: str) -> Callable[[Sql], Sql]:
    def rounded(arg: Sql) -> Sql:
        if arg.kind in INTEGERS:
            return arg
        scale = arg.type.scale or 0
        found = replace(arg.type, scale=0) if arg.kind is Kind.DECIMAL and scale else arg.type
        return Sql(f"{name}({arg.text})", found)

    return rounded


def _absolute(arg: Sql) -> Sql:
    if arg.kind in INTEGERS:
        return Sql(f"abs(CAST({arg.text} AS HUGEINT))", arg.type, digits=digits_of(arg)[0])
    return Sql(f"abs({arg.text})", arg.type)


def _length(arg: Sql) -> Sql:
    name = {Kind.BINARY: "octet_length", Kind.MAP: "cardinality"}.get(arg.kind, "length")
    return Sql(f"CAST({name}({arg.text}) AS BIGINT)", _LONG)


_AS_LONG = {Kind.BOOL: " AS BIGINT", Kind.TIMESTAMP: "", Kind.DURATION: ""}
_CALLS: dict[str, Callable[[Sql], Sql]] = {
    "length": _length,
    "lower": lambda a: Sql(f"lower({a.text})", _TEXT),
    "upper": lambda a: Sql(f"upper({a.text})", _TEXT),
    # trimming takes several times as long as seeing that there is nothing to trim
    "trim": lambda a: Sql(f"if({a.text} LIKE ' %' OR {a.text} LIKE '% ', trim({a.text}, ' '), {a.text})", _TEXT),
    "abs": _absolute,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "year": lambda a: Sql(f"year({a.text})", _LONG),
    "month": lambda a: Sql(f"month({a.text})", _LONG),
    "day": lambda a: Sql(f"day({a.text})", _LONG),
    "date": lambda a: Sql(f"CAST({a.text} AS DATE)", Type(Kind.DATE)),
    "number": lambda a: Sql(f"{'CAST' if a.kind is Kind.BOOL else 'epoch_us'}({a.text}{_AS_LONG[a.kind]})", _LONG),
}
