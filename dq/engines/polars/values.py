"""What Polars hands out, as the plain Python values every engine answers with."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.ir.data import INTEGERS, NESTED, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = INTEGERS | {Kind.STRING}  # as Polars hands them out


def output(expr: pl.Expr, found: Type) -> pl.Expr:
    """Times beyond the years that Python has are the last one there is."""
    if found.kind is Kind.TIMESTAMP:
        return expr.cast(pl.Datetime("us")).clip(datetime.min, datetime.max)
    return expr.clip(date.min, date.max) if found.kind is Kind.DATE else expr


def plain(value: Any, found: Type) -> Any:
    """The plain Python value: zoned times in UTC, one NaN, one zero."""
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value + 0.0
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC if found.zone else None)
    if isinstance(value, list):
        return [plain(v, found.item or found) for v in value]
    if isinstance(value, dict) and found.kind is Kind.STRUCT:
        types = {f.name: f.type for f in found.fields}
        return {k: plain(v, types.get(k, found)) for k, v in value.items()}
    return value


def _text(value: Any) -> str:
    return str(value.replace(tzinfo=None) if isinstance(value, datetime) else value)


def plain_counts(counts: Iterable[Any], found: Type) -> dict[Any, int]:
    """Of pairs of a key and its count."""
    if found.kind in _PLAIN:
        return dict(counts)
    return {_plain_key(key, found): count for key, count in counts}


def _plain_key(value: Any, found: Type) -> Any:
    """A key that hashes and sorts: nested values as their JSON text."""
    value = plain(value, found)
    if found.kind in NESTED:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_text)
    return value
