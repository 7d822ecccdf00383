"""Numbers a person reads, derived from states. None where the states do not tell."""

from __future__ import annotations

import math
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from dq.ir import codec
from dq.ir.aggregate import DistinctnessState, MomentsState, TallyState, TopState
from dq.ir.data import INTEGERS, NUMBERS, TEXTS, Kind, format_path
from dq.ir.expr import BUCKET_OFFSET, BUCKETS_PER_E
from dq.ir.numbers import distinct_estimate
from dq.profile.meaning import Meaning, hide, masks, semantic_type
from dq.profile.states import ColumnProfile, Profile, looks_of

if TYPE_CHECKING:
    from dq.ir.expr import Path

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
DISTINCT_ERROR_RATIO = 1.04 / 32  # standard error of 2**10 registers
_BARS = 20
_SHOWN = 20
_TELLING = 20  # values that show a distribution
_SKEWED, _NEAR = 0.5, 6.0  # of a distribution that nothing below zero belongs to; in standard deviations
_EXACT_BELOW = 50  # a bucket of smaller size holds one integer at most


def summary(column: ColumnProfile) -> dict[str, Any]:
    """`dq.profile/1` of one column. Quantiles within 1 %; `distinct` within `distinct_error_ratio` (standard error);
    counts of `top` may be low by `top_error`. Skew and excess kurtosis are of the population, `std` is of a sample.
    """
    states = column.states
    found: dict[str, Any] = {
        "column": format_path(column.path),
        "type": str(column.type),
        "types": [str(t) for t in column.types],
        "rows": column.rows,
        "completeness": completeness(column),
        **{n: s for n, s in states.items() if type(s) is int and not n.startswith("length")},
        **{n: states[n] for n in ("min", "max", "sum") if n in states},
    }
    if isinstance(states.get("moments"), MomentsState):
        found |= _moments(states["moments"])
        found["quantiles"] = {str(p): quantile(column, p / 100) for p in PERCENTILES}
        found["histogram"] = histogram(column)
    if "length_sum" in states:
        total, counted = states["length_sum"], column.present
        mean = total / counted if counted and total is not None else None
        found["length"] = {"min": states.get("length_min"), "max": states.get("length_max"), "mean": mean}
    distinct, error = distinct_count(column)
    found |= {"distinct": distinct, "distinct_error_ratio": error, "unique": is_unique(column)}
    found["constant"] = None if distinct is None else error == 0 and distinct == 1
    return found | _top(column)


def completeness(column: ColumnProfile) -> float | None:
    """Share of rows that are neither NULL nor NaN; None without rows."""
    if not column.rows or "nulls" not in column.states:
        return None
    missing: int = column.states["nulls"] + column.states.get("nans", 0)
    return 1 - missing / column.rows


def _moments(state: MomentsState) -> dict[str, float | None]:
    """None where a power of the values leaves the range of doubles."""
    n = state.n
    deviation = math.sqrt(state.m2 / n) if n and state.m2 > 0 else 0.0
    kurtosis = _divided(state.m4, n, deviation, deviation, deviation, deviation)
    return {
        "mean": _divided(state.mean, 1) if n else None,
        "std": _divided(math.sqrt(max(state.m2, 0.0)), math.sqrt(n - 1)) if n > 1 else None,
        "skew": _divided(state.m3, n, deviation, deviation, deviation),
        "kurtosis": None if kurtosis is None else kurtosis - 3,
    }


def _divided(value: float, *by: float) -> float | None:
    for divisor in by:
        if not divisor or not math.isfinite(value) or not math.isfinite(divisor):
            return None
        value /= divisor
    return value if math.isfinite(value) else None


def exact_counts(column: ColumnProfile) -> dict[Any, int] | None:
    """Rows per value where all values are known."""
    if column.type.kind is Kind.BOOL and "trues" in column.states:
        trues = column.states["trues"]
        return {v: n for v, n in ((True, trues), (False, column.present - trues)) if n}
    top = column.states.get("top")
    return dict(top.counts) if isinstance(top, TopState) and top.error == 0 else None


def distinct_count(column: ColumnProfile) -> tuple[int | None, float]:
    """Distinct values and the standard error of the number as a ratio: 0 where it is exact."""
    if isinstance(key := column.states.get("key"), DistinctnessState):
        return key.groups, 0.0
    if (counts := exact_counts(column)) is not None:
        return len(counts), 0.0
    if "distinct" not in column.states:
        return None, 0.0
    return min(round(distinct_estimate(column.states["distinct"])), column.present), DISTINCT_ERROR_RATIO


def is_unique(column: ColumnProfile) -> bool | None:
    """Whether no value occurs twice. None where that is not known for certain, or without values."""
    key, top = column.states.get("key"), column.states.get("top")
    if isinstance(key, DistinctnessState):
        return key.duplicate_rows == 0 if key.rows else None
    if isinstance(top, TopState) and top.counts:
        return False if top.counts[0][1] > 1 else True if top.error == 0 else None
    return None


def is_never_negative(column: ColumnProfile) -> bool:
    """No value is, and none is to be expected: whole numbers count, skewed ones grow from nothing. What lies around its
    middle, like a temperature, may pass it, however far from zero the days lie that were seen."""
    if not column.present or column.states.get("negatives") != 0:
        return False
    state = column.states.get("moments")
    if column.type.kind in INTEGERS or not isinstance(state, MomentsState) or state.n < _TELLING:
        return True
    skew, spread = _moments(state)["skew"], math.sqrt(max(state.m2, 0.0) / state.n)
    return skew is None or (skew >= _SKEWED and state.mean <= _NEAR * spread)


def _top(column: ColumnProfile) -> dict[str, Any]:
    top, counts = column.states.get("top"), exact_counts(column)
    found: dict[str, Any] = {}
    if isinstance(top, TopState):
        shown = [(_shown(v), n, n / column.present) for v, n in top.counts[:_SHOWN]]
        found = {"top": [{"value": v, "count": n, "share": s} for v, n, s in shown], "top_error": top.error}
    if counts:
        shares = [n / sum(counts.values()) for n in counts.values()]
        entropy = -sum(s * math.log2(s) for s in shares) or 0.0
        found["entropy_bits"] = entropy
        found["imbalance"] = 1 - entropy / math.log2(len(shares)) if len(shares) > 1 else None
    return found


def _shown(value: Any) -> Any:
    return hide(value, by_chance=False) if isinstance(value, str) else value


def size_counts(column: ColumnProfile) -> tuple[tuple[float, int], ...] | None:
    """Rows per logarithmic bucket, ascending, each named by the value that is within 1 % of all its members."""
    state = column.states.get("sizes")
    if not isinstance(state, TallyState) or state.over:
        return None
    return tuple((bucket_middle(key), count) for key, count in state.counts)


def bucket_middle(key: int) -> float:
    """Harmonic mean of the edges: the relative error to both is the same, tanh(1/100)."""
    if key == 0:
        return 0.0
    low = math.exp(min((abs(key) - BUCKET_OFFSET - 1) / BUCKETS_PER_E, 709.7))
    high = math.exp(min((abs(key) - BUCKET_OFFSET) / BUCKETS_PER_E, 709.7))
    middle = 2 * low / (1 + low / high) if high else 5e-324
    return middle if key > 0 else -middle


def quantile(column: ColumnProfile, share: float) -> float | int | None:
    """The finite value at rank ceil(share * n): exact where all values are known, else within 1 %, and integers below
    50 exactly. None for what is no number, and where sizes are spread too widely to be counted."""
    exact = exact_counts(column)
    if column.type.kind in NUMBERS and exact is not None:
        finite = sorted((v, n) for v, n in exact.items() if math.isfinite(v))
        known: float | int | Decimal | None = _at(tuple(finite), share)
        return float(known) if isinstance(known, Decimal) else known
    sizes = column.states.get("sizes")
    key = _at(sizes.counts, share) if isinstance(sizes, TallyState) else None
    if key is None:
        return None
    value = bucket_middle(key)
    if column.type.kind in INTEGERS and abs(value) < _EXACT_BELOW:
        return round(value)
    low, high = column.states.get("min"), column.states.get("max")
    return value if low is None or high is None else min(max(value, float(low)), float(high))


def _at(counts: tuple[tuple[Any, int], ...], share: float) -> Any:
    """Value at the rank, of ascending values with their rows; None without rows."""
    rank = max(1, math.ceil(share * sum(map(itemgetter(1), counts))))
    for value, count in counts:
        rank -= count
        if rank <= 0:
            return value
    return None


def histogram(column: ColumnProfile) -> list[dict[str, float]] | None:
    """At most 20 bars of equal width between the 1st and 99th percentile; the outer two also hold what lies beyond."""
    counts, low, high = size_counts(column), quantile(column, 0.01), quantile(column, 0.99)
    if not counts or low is None or high is None:
        return None
    width = (high - low) / _BARS
    if not width or not math.isfinite(width):
        return [{"low": low, "high": high, "count": sum(n for _, n in counts)}]
    bars = [0] * _BARS
    for middle, count in counts:
        bars[min(max(int((middle - low) / width), 0), _BARS - 1)] += count
    return [{"low": low + i * width, "high": low + (i + 1) * width, "count": n} for i, n in enumerate(bars)]


def document(found: Profile) -> dict[str, Any]:
    """JSON-ready `dq.profile/1`; nothing to read back from. Masks and meanings of texts come from their most frequent
    values and, at depth `full`, from all others or a sample of them."""
    columns = []
    for column in found.columns:
        body, looks = summary(column), looks_of(column)
        if "top" in column.states and column.type.kind in TEXTS:
            listed = sum(n for _, n in looks)
            body["masks"] = [{"mask": m, "share": n / listed} for m, n in masks(looks)[:10]]
            body["meaning"] = semantic_type(looks)
        if column.personal:
            body["meaning"] = Meaning(*column.personal, is_pii=True)
        columns.append(body)
    rows = found.states.get("rows")
    together = found.states.get("missing_together", {})
    plain: dict[str, Any] = codec.plain(
        {
            "schema": "dq.profile/1",
            "source": found.source,
            "partitions": found.partitions,
            "rows": found.rows,
            "files": found.files,
            "bytes": found.bytes,
            "now": found.now,
            "duplicate_rows": rows.rows - rows.groups if isinstance(rows, DistinctnessState) else None,
            "keys": [[format_path(p) for p in key] for key in keys(found)],
            "missing_together": [
                {"columns": [format_path(a), format_path(b)], "rows": n} for (a, b), n in together.items() if n
            ],
            "columns": columns,
        }
    )
    return plain


def keys(found: Profile) -> tuple[tuple[Path, ...], ...]:
    """Columns that are keys, and where none is, pairs of columns that are together."""
    pairs = [p for p, state in found.states.get("pairs", {}).items() if not state.duplicate_rows]
    return (*((c.path,) for c in found.columns if c.rows and is_key(c)), *pairs)


def is_key(column: ColumnProfile) -> bool:
    """Complete and, for certain, unique."""
    return column.present == column.rows and is_unique(column) is True
