"""One column on both sides: every difference that has a size, whether or not it matters."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.drift.relabel import relabelling
from dq.drift.significance import chi2_p_value, ks_distance, ks_p_value, wilson
from dq.ir.aggregate import TallyState, TopState
from dq.ir.data import INTEGERS, Kind, format_path
from dq.profile import (
    SHARE,
    ColumnProfile,
    date_formats,
    distinct_count,
    exact_counts,
    is_null_like,
    masks,
    quantile,
    size_counts,
)
from dq.words import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Names: TypeAlias = tuple[str, str]
Sides: TypeAlias = tuple[ColumnProfile, ColumnProfile]

_EXAMPLES = 5
_NEARLY_UNIQUE_RATIO = 0.9
_FEW_CODES = 20  # distinct whole numbers that may be names
_MANY_NAMES = 20  # distinct values that may be identifiers


@dataclass(frozen=True, slots=True)
class Observation:
    """`warn` and `fail` are the sizes of `effect` from which it matters; a p-value, where there is one, must agree."""

    kind: str
    effect: float
    warn: float
    fail: float
    message: str
    p_value: float | None = None
    examples: tuple[str, ...] = ()


def observe(sides: Sides, names: Names) -> Iterator[Observation]:
    """All but spelling, for columns whose values can be compared, with enough rows on both sides."""
    for find in (_rates, _distribution, _named, _cardinality, _texts):
        yield from find(sides, names)


def respelt(sides: Sides, names: Names) -> Observation | None:
    """One systematic change of spelling between the values of a text column."""
    lists = [_listed(c) for c in sides]
    if lists[0] is None or lists[1] is None or not {c.type.kind for c in sides} <= {Kind.STRING, Kind.ENUM}:
        return None
    found = relabelling(lists[0].counts, lists[1].counts, format_path(sides[0].path), names)
    if found is None:
        return None
    examples = tuple(f"{quoted(v)} in {names[0]}, {quoted(w)} in {names[1]}" for v, w in found.pairs[:_EXAMPLES])
    return Observation("relabelled", found.share, 0.0, 0.0, found.says, examples=examples)


def quoted(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


_RATES: dict[str, str] = {
    "nulls": "are missing",
    "infinities": "are infinite",
    "zeros": "are zero",
    "negatives": "are negative",
    "empty": "are empty",
    "blank": "are nothing but blanks",
    "padded": "have blanks around them",
    "null_like": "are words for a missing value",
    "future": "lie in the future",
    "placeholders": "are placeholders for a date (1900-01-01, 1970-01-01, 9999-12-31)",
}


def _rates(sides: Sides, names: Names) -> Iterator[Observation]:
    """99.9 % Wilson intervals apart, and five points with the rarer side halved or doubled, or 0.5 % where was none.
    NaN is missing. Missing values are a share of rows, everything else of the values that are there."""
    a, b = sides
    for name, words in _RATES.items():
        if name not in a.states or name not in b.states:
            continue
        extra, kind = ("nans", "completeness") if name == "nulls" else ("", name)
        hits = [c.states[name] + c.states.get(extra, 0) for c in sides]
        rows = [c.rows if name == "nulls" else c.present for c in sides]
        if not all(rows) or not _apart(hits, rows):
            continue
        before, after = hits[0] / rows[0], hits[1] / rows[1]
        subject = "rows" if name == "nulls" else "values"
        message = (
            f"{percent(after)} of the {subject} of `{format_path(a.path)}` in {names[1]} {words}, "
            f"{percent(before)} in {names[0]}"
        )
        yield Observation(kind, abs(after - before), 0.0, 0.2 if after > before else math.inf, message)


def _apart(hits: list[int], rows: list[int]) -> bool:
    (low_a, high_a), (low_b, high_b) = (wilson(h, n) for h, n in zip(hits, rows, strict=True))
    p, q = (h / n for h, n in zip(hits, rows, strict=True))
    if low_a <= high_b and low_b <= high_a:
        return False
    if 0 in hits:
        return max(p, q) >= 0.005
    doubled = max(p, q) >= 2 * min(p, q) or 1 - min(p, q) >= 2 * (1 - max(p, q))
    return abs(p - q) >= 0.05 and doubled


def _distribution(sides: Sides, names: Names) -> Iterator[Observation]:
    """Numbers by their logarithmic buckets. Whole numbers that hardly repeat are identifiers: they move by nature."""
    counts = [size_counts(c) for c in sides]
    if not counts[0] or not counts[1] or all(_is_identifier(c) for c in sides):
        return
    distance = ks_distance(counts[0], counts[1])
    rows = [sum(n for _, n in c) for c in (counts[0], counts[1])]
    before, after = ([number(quantile(c, q)) for q in (0.05, 0.5, 0.95)] for c in sides)
    message = (
        f"`{format_path(sides[0].path)}` is distributed differently: median {after[1]} in {names[1]}, {before[1]} in "
        f"{names[0]}; 5th to 95th percentile {after[0]} to {after[2]}, before {before[0]} to {before[2]} "
        f"(KS distance {distance:.2f})"
    )
    yield Observation("distribution", distance, 0.1, 0.2, message, ks_p_value(distance, rows[0], rows[1]))


def _is_identifier(column: ColumnProfile) -> bool:
    distinct = distinct_count(column)[0]
    return column.type.kind in INTEGERS and (distinct or 0) >= _NEARLY_UNIQUE_RATIO * column.present


@dataclass(frozen=True, slots=True)
class _Listed:
    """Frequent values; `error` as in TopState."""

    counts: dict[Any, int]
    error: int
    present: int

    def rows_of(self, value: Any) -> int | None:
        """None where it is not listed and may be there all the same."""
        return self.counts.get(value, 0 if self.error == 0 else None)


def _listed(column: ColumnProfile) -> _Listed | None:
    """Values of a column that names things: text but dates, conditions, and whole numbers of few values."""
    kind, top, counts = column.type.kind, column.states.get("top"), exact_counts(column)
    if not column.present or kind not in {Kind.STRING, Kind.ENUM, Kind.BOOL} | INTEGERS:
        return None
    if kind in INTEGERS:
        return _Listed(counts, 0, column.present) if counts and len(counts) <= _FEW_CODES else None
    if counts is None and not isinstance(top, TopState):
        return None
    found = _Listed(dict(top.counts), top.error, column.present) if isinstance(top, TopState) else None
    found = found or _Listed(counts or {}, 0, column.present)
    return None if date_formats(found.counts.items())[1] >= SHARE else found


def _named(sides: Sides, names: Names) -> Iterator[Observation]:
    """A batch has its own order numbers: many values, all of another batch's look, none of its own. Worth a remark."""
    a, b = (_listed(c) for c in sides)
    if a is None or b is None:
        return
    shared = sum(n for v, n in b.counts.items() if v in a.counts)
    looks = [masks(s.counts.items())[:1] for s in (a, b)]
    many = min(len(a.counts), len(b.counts)) >= _MANY_NAMES and sides[0].type.kind is Kind.STRING
    if many and shared <= 0.01 * b.present and [m for m, _ in looks[0]] == [m for m, _ in looks[1]]:
        listed = "" if a.error == b.error == 0 else "frequent "
        message = (
            f"{'none' if not shared else percent(shared / b.present)} of the {listed}values of "
            f"`{format_path(sides[0].path)}` in {names[1]} are {listed}values of {names[0]}, though they look alike: "
            "identifiers of the delivery, or other things"
        )
        yield Observation(
            "identifiers", 1 - shared / b.present, 0.0, math.inf, message, examples=_most(b.counts, b.present)
        )
        return
    if sides[0].type.kind not in INTEGERS:
        yield _categories(sides, names, a, b)
    yield from _new_values(sides, names, a, b)
    yield from _vanished_values(sides, names, a, b)


def _categories(sides: Sides, names: Names, a: _Listed, b: _Listed) -> Observation:
    """Total variation over the values both sides know the counts of, all others as one, and NULL. What is expected less
    than five times on a side is one of the others: rare values differ by chance."""
    enough = 5 * (sides[0].rows + sides[1].rows) / min(s.rows for s in sides)
    counted = ((v, a.rows_of(v), b.rows_of(v)) for v in {**a.counts, **b.counts})
    known = [v for v, p, q in counted if p is not None and q is not None and p + q >= enough]
    tables = []
    for column, side in zip(sides, (a, b), strict=True):
        table = {v: side.rows_of(v) or 0 for v in known}
        table[_OTHER] = side.present - sum(table.values())
        table[None] = column.rows - side.present
        tables.append(table)
    left, right = tables
    moves = {v: right[v] / sides[1].rows - left[v] / sides[0].rows for v in left}
    distance = sum(abs(m) for m in moves.values()) / 2 - a.error / a.present - b.error / b.present
    most = sorted(moves, key=lambda v: (-round(abs(moves[v]), 9), str(v)))[:_EXAMPLES]
    shares = [(v, left[v] / sides[0].rows, right[v] / sides[1].rows) for v in most if moves[v]]
    examples = tuple(f"{'NULL' if v is None else quoted(v)} {percent(q)}, before {percent(p)}" for v, p, q in shares)
    message = (
        f"the values of `{format_path(sides[0].path)}` are shared out differently: {percent(max(0.0, distance))} of "
        f"the rows of {names[1]} would have to change to look like {names[0]}"
    )
    return Observation("categories", distance, 0.1, 0.25, message, chi2_p_value(left, right), examples)


class _Other:
    def __str__(self) -> str:
        return "all others"


_OTHER = _Other()


def _new_values(sides: Sides, names: Names, a: _Listed, b: _Listed) -> Iterator[Observation]:
    """Known only where all values of A are known. What B does not list is counted in A's favour."""
    if a.error:
        return
    fresh = {v: n for v, n in b.counts.items() if v not in a.counts and not is_null_like(str(v))}
    share = sum(fresh.values()) / b.present
    if b.error:
        old = sum(b.counts.get(v, 0) + b.error for v in a.counts)
        share = max(share, 1 - old / b.present)
    message = (
        f"{percent(share)} of the values of `{format_path(sides[0].path)}` in {names[1]} do not occur in {names[0]}"
    )
    yield Observation("new_values", share, 0.01, 0.05, message, examples=_most(fresh, b.present))


def _vanished_values(sides: Sides, names: Names, a: _Listed, b: _Listed) -> Iterator[Observation]:
    if b.error:
        return
    gone = {v: n for v, n in a.counts.items() if v not in b.counts and n >= 0.01 * a.present}
    share = sum(gone.values()) / a.present
    one = "a value" if len(gone) == 1 else f"{len(gone)} values"
    by_chance = (1 - max(gone.values(), default=0) / a.present) ** b.present
    message = (
        f"{one} of `{format_path(sides[0].path)}` that made up {percent(share)} in {names[0]} "
        f"{'does' if len(gone) == 1 else 'do'} not occur in {names[1]}"
    )
    yield Observation("vanished_values", share, 0.01, 0.25, message, by_chance, _most(gone, a.present))


def _most(counts: Mapping[Any, int], rows: int) -> tuple[str, ...]:
    ranked = sorted(counts.items(), key=lambda c: (-c[1], str(c[0])))
    return tuple(f"{quoted(v)} ({percent(n / rows)})" for v, n in ranked[:_EXAMPLES])


def _cardinality(sides: Sides, names: Names) -> Iterator[Observation]:
    """Half or double beyond three standard errors, both in number and per row: categories keep their number when rows
    grow, identifiers their number per row. Of few values each one counts, and other differences tell."""
    (a, error_a), (b, error_b) = (distinct_count(c) for c in sides)
    if not a or not b or max(a, b) < _MANY_NAMES:
        return
    slack = 1 + 3 * math.hypot(error_a, error_b)
    ratio = b / a
    per_row = ratio * sides[0].present / sides[1].present
    change = min(ratio, per_row) if ratio > 1 else 1 / max(ratio, per_row)
    message = (
        f"`{format_path(sides[0].path)}` has {'about ' if error_b else ''}{b:,} distinct values in {names[1]}, {a:,} "
        f"in {names[0]}"
    )
    yield Observation("cardinality", math.log(max(change, 1e-9)), math.log(2 * slack), math.inf, message)


def _texts(sides: Sides, names: Names) -> Iterator[Observation]:
    """Length and look of texts too various to be listed."""
    tops = [c.states.get("top") for c in sides]
    if sides[0].type.kind is not Kind.STRING or any(isinstance(t, TopState) and t.error == 0 for t in tops):
        return
    lengths = [c.states.get("lengths") for c in sides]
    if all(isinstance(t, TallyState) and t.counts for t in lengths):
        counts = [t.counts for t in lengths if isinstance(t, TallyState)]
        distance = ks_distance(counts[0], counts[1])
        rows = [sum(n for _, n in c) for c in counts]
        means = [sum(v * n for v, n in c) / n_all for c, n_all in zip(counts, rows, strict=True)]
        message = (
            f"texts of `{format_path(sides[0].path)}` are of other length: {means[1]:.1f} characters on average "
            f"in {names[1]}, {means[0]:.1f} in {names[0]} (KS distance {distance:.2f})"
        )
        yield Observation("lengths", distance, 0.1, 0.2, message, ks_p_value(distance, rows[0], rows[1]))
    if all(isinstance(t, TopState) and t.counts for t in tops):
        yield _masks(sides, names, [t for t in tops if isinstance(t, TopState)])


def _masks(sides: Sides, names: Names, tops: list[TopState]) -> Observation:
    """Of the listed values, each counted once: they stand for the others, so this alone never fails."""
    left, right = (Counter(dict(masks((v, 1) for v, _ in t.counts))) for t in tops)
    shares = [{m: n / s.total() for m, n in s.items()} for s in (left, right)]
    distance = sum(abs(shares[0].get(m, 0) - shares[1].get(m, 0)) for m in left | right) / 2
    examples = [f"{quoted(m)} {percent(n / right.total())}" for m, n in right.most_common(_EXAMPLES)]
    message = f"texts of `{format_path(sides[0].path)}` look different in {names[1]} than in {names[0]}"
    return Observation("masks", distance, 0.25, math.inf, message, chi2_p_value(left, right), tuple(examples))
