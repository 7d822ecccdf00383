"""The numbers of a partition that later ones are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.drift.mix import shares
from dq.ir.aggregate import TallyState
from dq.ir.data import INTEGERS, NUMBERS, format_path
from dq.profile import ColumnProfile, Profile, completeness, distinct_count, exact_counts, quantile

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = 20  # distinct values from which their number means something
_NEARLY_UNIQUE_RATIO = 0.9


def measures(profile: Profile, private: Iterable[str] = (), *, values: bool = True) -> dict[str, float]:
    """What is remembered of a partition: order-free numbers only, so that the same bytes always give the same. Levels
    and values of `private` columns are not, and of no column without `values`."""
    hidden = frozenset(private)
    found: dict[str, float] = {"table.rows": profile.rows}
    for column in profile.columns:
        name = format_path(column.path)
        numbers = _shares(column)
        if column.path[0] not in hidden:
            numbers |= _levels(column) | (shares(column) if values else {})
        found |= {f"{name}.{metric}": value for metric, value in numbers.items() if value is not None}
    return found


def _shares(column: ColumnProfile) -> dict[str, float | None]:
    found: dict[str, float | None] = {"completeness": completeness(column)}
    for name in ("zeros", "negatives", "empty", "null_like"):
        if name in column.states and column.present:
            found[name] = column.states[name] / column.present
    exact = exact_counts(column)  # an estimate differs between engines
    if exact is not None and MANY <= len(exact) < _NEARLY_UNIQUE_RATIO * column.present:
        found["distinct"] = len(exact)
    return found


def _levels(column: ColumnProfile) -> dict[str, float | None]:
    """Where the values lie. Whole numbers that hardly repeat are identifiers: they move by nature."""
    lengths = column.states.get("lengths")
    if isinstance(lengths, TallyState) and lengths.counts and not lengths.over:
        return {"length": sum(v * n for v, n in lengths.counts) / sum(n for _, n in lengths.counts)}
    if column.type.kind not in NUMBERS:
        return {}
    distinct, _ = distinct_count(column)
    if column.type.kind in INTEGERS and (distinct or 0) >= _NEARLY_UNIQUE_RATIO * column.present:
        return {}
    low, high = quantile(column, 0.25), quantile(column, 0.75)
    return {"median": quantile(column, 0.5), "spread": None if low is None or high is None else high - low}
