"""Text to values, strictly: what a type cannot hold exactly is NULL, where DuckDB's own casts round, cut and guess.

DuckDB reads '1.7' as the integer 2, drops the offset of '10:00+02:00' and takes '20' for the year 20. A text must first
have the shape of its type. Blanks around it are allowed, but for those around the values of an enum.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dq.engines.duckdb.connect import literal
from dq.engines.duckdb.sql import type_name
from dq.errors import SuiteError
from dq.ir.data import FLOATS, INTEGERS, NESTED, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.data import Declared

BLANKS = "[ \t]*"
YEAR = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
DAY = YEAR + r"-\d\d-\d\d"
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d{fraction})?"
OFFSET = r"(?:Z|[+-]\d\d(?::?\d\d)?)"
_INTEGER = r"[+-]?\d+(?:\.0*)?"
_FLOAT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NOT_FINITE = r"(?i)nan|[+-]?inf(?:inity)?"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DURATION = r"\d+ days?(?: \d\d:[0-5]\d:[0-5]\d(?:\.\d{1,6})?)?|\d+:[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_DECIMAL = Type(Kind.DECIMAL, precision=38, scale=18)


def landing_type(declared: Declared) -> Type:
    """The type in full that a declared column has in the table; text where nothing else was said.

    A timestamp has a zone (UTC) as soon as its type or the column names one. Without precision a decimal is (38,18).
    """
    found = declared.type or Type(Kind.STRING)
    match found.kind:
        case Kind.DECIMAL:
            return found if found.precision else _DECIMAL
        case Kind.TIMESTAMP:
            return replace(found, unit=found.unit or "us", zone="UTC" if found.zone or declared.zone else None)
        case Kind.LIST if not found.item:
            return replace(found, item=Type(Kind.STRING))
        case Kind.MAP if not found.item:
            return replace(found, key=Type(Kind.STRING), item=Type(Kind.STRING))
        case Kind.STRUCT if not found.fields:
            return Type(Kind.JSON)
    return found


def cast(text: str, declared: Declared) -> str:
    """SQL for the value of the SQL expression `text`; NULL where it is none of the type.

    Raises SuiteError for a format that cannot be checked before it is read.
    """
    found = landing_type(declared)
    if found.kind in INTEGERS:
        return numeric(text, _INTEGER, f"TRY_CAST({text} AS {type_name(found)})")
    if found.kind in FLOATS:
        return _float(text, str(type_name(found)))
    if found.kind is Kind.TIMESTAMP:
        return _timestamp(text, declared, found)
    if found.kind in NESTED:
        return _nested(text, found)
    return _CASTS[found.kind](text, found, declared.formats)


def numeric(text: str, shape: str, value: str) -> str:
    """The value, where the text has the shape but for blanks around it."""
    return f"CASE WHEN regexp_full_match({text}, {literal(f'{BLANKS}(?:{shape}){BLANKS}')}) THEN {value} END"


def shaped(text: str, shape: str, value: Callable[[str], str]) -> str:
    """The same for values that do not cast with blanks. Trimming costs more than matching, so it comes last."""
    trimmed = f"trim({text}, ' \t')"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(shape)}) THEN {value(text)}"
        f" WHEN regexp_full_match({trimmed}, {literal(shape)}) THEN {value(trimmed)} END"
    )


def _float(text: str, name: str) -> str:
    value = f"TRY_CAST({text} AS {name})"
    finite = numeric(text, _FLOAT, f"CASE WHEN isfinite({value}) THEN {value} END")
    return (
        finite.removesuffix("END")
        + f"WHEN regexp_full_match(trim({text}, ' \t'), {literal(_NOT_FINITE)}) THEN {value} END"
    )


def _decimal(text: str, found: Type, _: tuple[str, ...]) -> str:
    scale = found.scale or 0
    fraction = rf"(?:\.\d{{0,{scale}}}0*)?" if scale else r"(?:\.0*)?"
    shape = rf"[+-]?(?:\d+{fraction}" + (rf"|\.\d{{1,{scale}}}0*)" if scale else ")")
    return numeric(text, shape, f"TRY_CAST({text} AS {type_name(found)})")


def _bool(text: str, _: Type, __: tuple[str, ...]) -> str:
    word = f"lower(trim({text}, ' \t'))"
    return (
        f"CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1') THEN TRUE"
        f" WHEN {word} IN ('false', 'f', 'no', 'n', '0') THEN FALSE END"
    )


def _date(text: str, _: Type, formats: tuple[str, ...]) -> str:
    midnight = r"(?:[T ]00:00(?::00(?:\.0+)?)?)?"
    values = [shaped(text, format_shape(f), lambda t, f=f: f"CAST({_parsed(t, f)} AS DATE)") for f in formats]  # type: ignore[misc]
    if keeps_iso(formats):
        values.append(shaped(text, DAY + midnight, lambda t: f"TRY_CAST({t} AS DATE)"))
    return _first(values)


def _time(text: str, _: Type, formats: tuple[str, ...]) -> str:
    values = [shaped(text, format_shape(f), lambda t, f=f: f"CAST({_parsed(t, f)} AS TIME)") for f in formats]  # type: ignore[misc]
    clock = CLOCK.format(fraction=_fraction("us"))
    return _first([*values, shaped(text, clock, lambda t: f"TRY_CAST({t} AS TIME)")])


def _timestamp(text: str, declared: Declared, found: Type) -> str:
    """Text with an offset is that instant; text without one is in the declared zone, else it has no zone."""
    nano = "_NS" if found.unit == "ns" else ""
    clock = CLOCK.format(fraction=_fraction(declared.type.unit if declared.type else None))
    zone = declared.zone or (declared.type.zone if declared.type else None)

    def instant(value: str) -> str:
        return value if zone else f"CAST({value} AS TIMESTAMP{nano})"

    def wall(value: str) -> str:
        return _moment(value, zone, nano=bool(nano)) if zone else value

    def read(spec: str) -> Callable[[str], str]:
        if "%z" in spec:
            return lambda t: instant(_parsed(t, spec))
        return lambda t: wall(f"CAST({_parsed(t, spec)} AS TIMESTAMP{nano})")

    values = [shaped(text, format_shape(f), read(f)) for f in declared.formats]
    if keeps_iso(declared.formats):
        values.append(shaped(text, f"{DAY}(?:[T ]{clock})?", lambda t: wall(f"TRY_CAST({t} AS TIMESTAMP{nano})")))
        aware = f"{DAY}[T ]{clock} ?{OFFSET}"
        values.append(shaped(text, aware, lambda t: instant(f"TRY_CAST({_compact(t)} AS TIMESTAMPTZ{nano})")))
    return _first(values)


def _moment(wall: str, zone: str, *, nano: bool) -> str:
    """When a clock there showed the time: the first time of two, and NULL where it never did. DuckDB takes the second,
    and one that never was for another; so on days when clocks change the offset of the day before is tried first."""
    place, plain = literal(zone), f"timezone({literal(zone)}, {wall})"
    if zone == "UTC":
        return plain
    shown = f"make_timestamp(epoch_ns({wall}) // 1000)" if nano else wall
    day = f"epoch_us({shown}) // 86400000000"
    second = f"timezone({place}, {shown})"
    before = f"({second} - INTERVAL 1 DAY)"
    first = f"CAST({shown} - (timezone({place}, {before}) - CAST({before} AS TIMESTAMP)) AS TIMESTAMPTZ)"
    found = [(m, f"WHEN timezone({place}, {m}) = {shown} THEN ") for m in (first, second)]
    if nano:
        exact = (
            f"CAST(make_timestamp_ns(epoch_ns({wall}) - (epoch_us({shown}) - epoch_us({{}})) * 1000) AS TIMESTAMPTZ_NS)"
        )
        found = [(exact.format(m), tested) for m, tested in found]
    known, changes = _changes(zone)
    usual = f"{day} >= {known[0]} AND {day} < {known[1]} AND NOT contains({changes}::BIGINT[], {day})"
    return f"CASE WHEN {usual} THEN {plain} {' '.join(tested + moment for moment, tested in found)} END"


_DAYS = 80 * 365


@cache
def _changes(zone: str) -> tuple[tuple[int, int], list[int]]:
    """Days since 1970 of which is known whether clocks change, from and to, and those on or beside which they do."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):  # that only DuckDB knows
        return (0, 0), []
    start = date(1970, 1, 1).toordinal()
    offsets = [datetime.fromordinal(start + n).replace(tzinfo=place).utcoffset() for n in range(_DAYS)]
    changed = {n for n, (a, b) in enumerate(pairwise(offsets)) if a != b}
    return (1, _DAYS - 1), sorted({n + beside for n in changed for beside in (-1, 0, 1)})


def _parsed(text: str, spec: str) -> str:
    return f"try_strptime({text}, {literal(spec)})"


def _compact(text: str) -> str:
    """Without the blank before an offset, which DuckDB does not read."""
    return f"left({text}, 11) || replace(substr({text}, 12), ' ', '')"


def _fraction(unit: str | None) -> str:
    """Digits a unit can hold; where no unit was asked for, digits beyond microseconds are cut."""
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}.get(unit or "", 9)
    return rf"(?:\.\d{{1,{digits}}}0*)?" if digits else r"(?:\.0+)?"


def _nested(text: str, found: Type) -> str:
    """From JSON text. DuckDB rounds numbers on the way and turns what does not fit into NULL; so numbers as floats must
    be equal, and as text there must be as many NULLs."""
    value, floats, texts = (f"TRY_CAST(TRY_CAST({text} AS JSON) AS {type_name(t)})" for t in (found, *_loose(found)))
    same = f"CAST({value} AS {type_name(_loose(found)[0])}) = {floats}"
    return f"CASE WHEN {same} AND {_nulls(value)} = {_nulls(texts)} THEN {value} END"


def _nulls(value: str) -> str:
    shown = f"CAST(to_json({value}) AS VARCHAR)"
    return f"length({shown}) - length(replace({shown}, 'null', 'nul'))"


def _loose(found: Type) -> tuple[Type, Type]:
    """The type with floats for its exact numbers, and with text for all its leaves."""
    if found.kind not in NESTED:
        exact = found.kind in INTEGERS or found.kind is Kind.DECIMAL
        return Type(Kind.DOUBLE) if exact else found, Type(Kind.STRING)
    items = _loose(found.item) if found.item else (None, None)
    fields = [(replace(f, type=a), replace(f, type=b)) for f in found.fields for a, b in [_loose(f.type)]]
    return (
        replace(found, item=items[0], fields=tuple(a for a, _ in fields)),
        replace(found, item=items[1], fields=tuple(b for _, b in fields)),
    )


def _enum(text: str, found: Type, _: tuple[str, ...]) -> str:
    values = ", ".join(map(literal, found.values))
    return f"CASE WHEN {text} IN ({values}) THEN {text} END" if values else text


_CASTS: dict[Kind, Callable[[str, Type, tuple[str, ...]], str]] = {
    Kind.BOOL: _bool,
    Kind.DECIMAL: _decimal,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.ENUM: _enum,
    Kind.DURATION: lambda t, _, __: numeric(t, _DURATION, f"TRY_CAST({t} AS INTERVAL)"),
    Kind.UUID: lambda t, _, __: shaped(t, _UUID, lambda u: f"lower({u})"),
    Kind.BINARY: lambda t, _, __: shaped(t, _BASE64, lambda b: f"from_base64({b})"),
    Kind.JSON: lambda t, _, __: f"CASE WHEN json_valid({t}) THEN {t} END",
}


def _first(values: list[str]) -> str:
    return f"coalesce({', '.join(values)})"


_NUMBER = r"\d{1,2}"
_DIRECTIVES = {
    "Y": YEAR, "y": r"\d\d", "m": _NUMBER, "d": _NUMBER, "H": _NUMBER, "I": _NUMBER, "M": _NUMBER, "S": _NUMBER,
    "-m": _NUMBER, "-d": _NUMBER, "-H": _NUMBER, "-I": _NUMBER, "-M": _NUMBER, "-S": _NUMBER, "j": r"\d{1,3}",
    "f": r"\d{1,6}", "b": "[A-Za-z]{3}", "B": "[A-Za-z]+", "a": "[A-Za-z]{3}", "A": "[A-Za-z]+", "p": "[AaPp][Mm]",
    "z": r"[+-]\d\d(?::?\d\d)?", "%": "%",
}  # fmt: skip
_PART = re.compile(r"%(-?.)|([^%]+)", re.DOTALL)


def format_shape(spec: str) -> str:
    """The regular expression of texts a strptime format reads. Numbers side by side have all their digits, so that
    nothing is guessed. Raises SuiteError for a directive it does not know."""
    parts = [(m[1], m[2]) for m in _PART.finditer(spec)]
    shapes: list[str] = []
    for i, (directive, text) in enumerate(parts):
        if text is not None:
            shapes.append(re.escape(text))
            continue
        if directive not in _DIRECTIVES:
            raise SuiteError(f'format "{spec}": %{directive} is not known')
        shape = _DIRECTIVES[directive]
        beside = [p[0] for p in parts[max(i - 1, 0) : i] + parts[i + 1 : i + 2]]
        if any(d in _DIRECTIVES and "\\d" in _DIRECTIVES[d] for d in beside if d):
            shape = {_NUMBER: r"\d\d", r"\d{1,3}": r"\d{3}"}.get(shape, shape)
        shapes.append(shape)
    if not any(d for d, _ in parts if d != "%") or "".join(f"%{d}" if d else t for d, t in parts) != spec:
        raise SuiteError(f'format "{spec}" reads no date or time')
    return "".join(shapes)


def keeps_iso(formats: tuple[str, ...]) -> bool:
    """Whether ISO 8601 can be read beside the formats: not where one of them gives such a text another meaning."""
    for text in ("2001-02-03", "2001-02-03 04:05", "2001-02-03T04:05:06"):
        for spec in formats:
            if re.fullmatch(format_shape(spec), text):
                try:
                    if datetime.strptime(text, spec.replace("%-", "%")) != datetime.fromisoformat(text):
                        return False
                except ValueError:
                    return False
    return True
