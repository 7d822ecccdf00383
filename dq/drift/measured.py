"""The numbers of a partition that later ones are compared with."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dq.drift.mix import shares
from dq.drift.observe import quoted
from dq.drift.placed import times
from dq.ir.aggregate import TallyState, TopState
from dq.ir.data import INTEGERS, NUMBERS, format_path
from dq.profile import ColumnProfile, Profile, completeness, distinct_count, exact_counts, quantile

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = 20  # distinct values from which their number means something
_FEW = 20  # distinct numbers whose median jumps
_NEARLY_UNIQUE_RATIO = 0.9
_ENOUGH = 20  # values of which a frequent one tells something
_COUNTED = ("zeros", "negatives", "empty", "null_like", "placeholders")
# What UTF-8 looks like that was read as Latin-1, and what stands for a byte that could not be read.
_GARBLED = re.compile(
    "[\u00c2-\u00c5\u00d0\u00d1][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u2122]|\u00e2\u20ac|\ufffd"
)


def measures(profile: Profile, private: Iterable[str] = (), *, values: bool = True) -> dict[str, float]:
    """What is remembered of a partition: order-free numbers only, so that the same bytes always give the same. Levels
    and values of `private` columns are not, and of no column without `values`."""
    hidden = frozenset(private)
    found: dict[str, float] = {"table.rows": profile.rows}
    for column in profile.columns:
        name = format_path(column.path)
        numbers = _shares(column)
        if column.path[0] not in hidden:
            numbers |= _levels(column) | times(column) | _mode(column) | (shares(column) if values else {})
        found |= {f"{name}.{metric}": value for metric, value in numbers.items() if value is not None}
    return found


def modes(profile: Profile, private: Iterable[str] = ()) -> dict[str, str]:
    """By name of its share: the most frequent value."""
    hidden = frozenset(private)
    shown = [c for c in profile.columns if c.path[0] not in hidden and _tops(c)]
    return {f"{format_path(c.path)}.mode": quoted(_tops(c)[0][0]) for c in shown}


def _shares(column: ColumnProfile) -> dict[str, float | None]:
    found: dict[str, float | None] = {"completeness": completeness(column)}
    for name in _COUNTED:
        if name in column.states and column.present:
            found[name] = column.states[name] / column.present
    exact = exact_counts(column)  # an estimate differs between engines
    if exact is not None and MANY <= len(exact) < _NEARLY_UNIQUE_RATIO * column.present:
        found["distinct"] = len(exact)
    return found


def _levels(column: ColumnProfile) -> dict[str, float | None]:
    """Where the values lie. Whole numbers that hardly repeat are identifiers, which move by nature, but not to another
    size. The median of few numbers jumps from one to the next."""
    lengths = column.states.get("lengths")
    if isinstance(lengths, TallyState) and lengths.counts and not lengths.over:
        rows = sum(n for _, n in lengths.counts)
        one = max(n for _, n in lengths.counts) / rows
        return {"length": sum(v * n for v, n in lengths.counts) / rows, "one_length": one} | _garbled(column)
    if column.type.kind not in NUMBERS:
        return {}
    exact = exact_counts(column)
    if exact and len(exact) <= _FEW and all(map(math.isfinite, exact)):
        return {"mean": float(sum(Fraction(v) * n for v, n in exact.items()) / sum(exact.values()))}
    middle = quantile(column, 0.5)
    size = {"size": middle} if column.type.kind in INTEGERS else {}
    if size and (distinct_count(column)[0] or 0) >= _NEARLY_UNIQUE_RATIO * column.present:
        return size
    low, high, most = (quantile(column, share) for share in (0.25, 0.75, 0.95))
    return size | {"median": middle, "high": most, "spread": None if low is None or high is None else high - low}


def _mode(column: ColumnProfile) -> dict[str, float | None]:
    top = _tops(column)
    return {"mode": top[0][1] / column.present} if top and column.present >= _ENOUGH else {}


def _tops(column: ColumnProfile) -> tuple[tuple[Any, int], ...]:
    top = column.states.get("top")
    return top.counts if isinstance(top, TopState) else ()


def _garbled(column: ColumnProfile) -> dict[str, float | None]:
    """Of the frequent values."""
    listed = [(v, n) for v, n in _tops(column) if isinstance(v, str)]
    hits, rows = sum(n for v, n in listed if _GARBLED.search(v)), sum(n for _, n in listed)
    return {"garbled": hits / rows} if rows >= _ENOUGH else {}
