"""Arrow's types as ours, and the one type that can hold what differing files landed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TIMES, Field, Kind, Type, integer_range
from dq.ir.names import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.expr import Scalar

_DIGITS = 38  # of a decimal, in every engine


class Unsupported(Exception):
    """A type no engine reads; the message names it."""


_BARE = INTEGERS | FLOATS | {Kind.BOOL, Kind.STRING, Kind.BINARY, Kind.DATE, Kind.NULL}
_SAME: dict[pa.DataType, Kind] = {pa.type_for_alias(NAMES["arrow"][kind].text): kind for kind in _BARE} | {
    pa.float16(): Kind.FLOAT, pa.date64(): Kind.DATE,
    pa.large_string(): Kind.STRING, pa.string_view(): Kind.STRING,
    pa.large_binary(): Kind.BINARY, pa.binary_view(): Kind.BINARY,
}  # fmt: skip
_TESTS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pt.is_time, Kind.TIME),
    (pt.is_fixed_size_binary, Kind.BINARY),
)


def to_type(found: pa.DataType) -> Type:
    """Dictionaries are their values: an encoding is no type. Raises Unsupported."""
    if found in _SAME:
        return Type(_SAME[found])
    if pt.is_dictionary(found):
        return to_type(found.value_type)
    if isinstance(found, pa.BaseExtensionType):
        known = {"arrow.uuid": Kind.UUID, "arrow.json": Kind.JSON}.get(found.extension_name)
        return Type(known) if known else to_type(found.storage_type)
    if pt.is_decimal(found):
        if found.precision > _DIGITS:
            raise Unsupported(f"{found}: more than {_DIGITS} digits")
        return Type(Kind.DECIMAL, precision=found.precision, scale=found.scale)
    if pt.is_timestamp(found):
        return Type(Kind.TIMESTAMP, unit=found.unit, zone=found.tz)
    if pt.is_duration(found):
        return Type(Kind.DURATION, unit=found.unit)
    if pt.is_map(found):
        return Type(Kind.MAP, key=to_type(found.key_type), item=to_type(found.item_type))
    if pt.is_nested(found) and hasattr(found, "value_type"):
        return Type(Kind.LIST, item=to_type(found.value_type))
    if pt.is_struct(found):
        return Type(Kind.STRUCT, fields=tuple(Field(f.name, to_type(f.type), f.nullable) for f in found))
    for test, kind in _TESTS:
        if test(found):
            return Type(kind)
    raise Unsupported(str(found))


_VALUES: tuple[tuple[type, Type], ...] = (
    (bool, Type(Kind.BOOL)), (int, Type(Kind.INT64)), (float, Type(Kind.DOUBLE)), (str, Type(Kind.STRING)),
    (bytes, Type(Kind.BINARY)), (date, Type(Kind.DATE)), (time, Type(Kind.TIME)), (timedelta, Type(Kind.DURATION)),
)  # fmt: skip


def type_of_value(value: Scalar) -> Type:
    """Type of a path key's column."""
    if isinstance(value, datetime):
        return Type(Kind.TIMESTAMP, unit="us", zone="UTC" if value.tzinfo else None)
    if isinstance(value, Decimal):
        scale = max(0, -int(value.as_tuple().exponent))
        return Type(Kind.DECIMAL, precision=_DIGITS, scale=scale)
    return next((kind for cls, kind in _VALUES if isinstance(value, cls)), Type(Kind.NULL))


def unify(left: Type, right: Type) -> Type | None:
    """The narrowest type that holds both: numbers widen, times become timestamps, other scalars text.

    None where there is none: something nested beside something else.
    """
    if left == right or right.kind is Kind.NULL:
        return left
    if left.kind is Kind.NULL:
        return right
    kinds = {left.kind, right.kind}
    if kinds <= NUMBERS:
        return _number(left, right)
    if kinds <= TIMES:
        return _moment(left, right)
    if kinds == {Kind.LIST} and left.item and right.item:
        item = unify(left.item, right.item)
        return Type(Kind.LIST, item=item) if item else None
    if kinds & {Kind.LIST, Kind.STRUCT, Kind.MAP, Kind.BINARY, Kind.DURATION}:
        return None
    return Type(Kind.STRING)


def _number(left: Type, right: Type) -> Type:
    if left.kind in FLOATS or right.kind in FLOATS:
        return Type(Kind.DOUBLE)
    if {left.kind, right.kind} <= INTEGERS:
        (low, high), (lowest, highest) = integer_range(left.kind), integer_range(right.kind)
        low, high = min(low, lowest), max(high, highest)
        holding = [k for k in INTEGERS if integer_range(k)[0] <= low and high <= integer_range(k)[1]]
        narrow = min(holding, key=lambda k: (integer_range(k)[1] - integer_range(k)[0], k), default=None)
        return Type(narrow) if narrow else Type(Kind.DECIMAL, precision=20, scale=0)
    (whole, scale), (wholes, scales) = _digits(left), _digits(right)
    whole, scale = max(whole, wholes), max(scale, scales)
    return Type(Kind.DECIMAL, precision=whole + scale, scale=scale) if whole + scale <= _DIGITS else Type(Kind.DOUBLE)


def _digits(kind: Type) -> tuple[int, int]:
    """Digits before and behind the point."""
    if kind.kind is Kind.DECIMAL:
        return (kind.precision or _DIGITS) - (kind.scale or 0), kind.scale or 0
    return len(str(integer_range(kind.kind)[1])), 0


def _moment(left: Type, right: Type) -> Type:
    """Microseconds where units differ: nanoseconds cannot hold every year."""
    zone = left.zone if left.zone == right.zone else "UTC"
    return Type(Kind.TIMESTAMP, unit=left.unit if left.unit == right.unit else "us", zone=zone)
