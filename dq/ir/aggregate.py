"""The closed set of aggregates: all that an engine computes. Each has a zero and a merge; a state is plain data.

States merge only if their aggregates are equal: identity is the licence to merge. Scope (`where`) takes the rows for
which it is TRUE. All but Count skip NULL; Min, Max, Sum and Moments skip NaN; Moments skip infinity.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from decimal import Context, Decimal
from typing import Any, ClassVar, Literal, TypeAlias

from dq.ir import scalar
from dq.ir.expr import Comparison, Expr, Path, columns

Family: TypeAlias = Literal["simple", "tally", "exact", "top", "rows", "sql", "delegated"]
Interpolation: TypeAlias = Literal["linear", "nearest", "lower", "higher", "midpoint", "discrete"]
_EXACT = Context(prec=100)  # Python's own rounds decimals to 28 digits


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Base. `mergeable`: states of shards add up to the state of the whole. `commutative`: in any order."""

    family: ClassVar[Family] = "simple"
    mergeable: ClassVar[bool] = True
    commutative: ClassVar[bool] = True

    def zero(self) -> Any:
        """State of no rows."""
        return None

    def merge(self, left: Any, right: Any) -> Any:
        raise NotImplementedError

    def columns(self) -> frozenset[Path]:
        found: set[Path] = set()
        for f in fields(self):
            value = getattr(self, f.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Expr):
                    found |= columns(part)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Count(Aggregate):
    """Rows in scope. State: int."""

    where: Expr | None = None

    def zero(self) -> int:
        return 0

    def merge(self, left: int, right: int) -> int:
        return left + right


@dataclass(frozen=True, slots=True)
class Sum(Aggregate):
    """State: exact int or Decimal, or float; None when no value is in scope. Integers never wrap."""

    arg: Expr
    where: Expr | None = None

    def merge(self, left: Any, right: Any) -> Any:
        if left is None or right is None:
            return right if left is None else left
        return _EXACT.add(left, right) if isinstance(left, Decimal) else left + right


@dataclass(frozen=True, slots=True)
class Min(Aggregate):
    """Smallest value; None when no value is in scope. Text in code point order."""

    arg: Expr
    where: Expr | None = None

    def merge(self, left: Any, right: Any) -> Any:
        if left is None or right is None:
            return right if left is None else left
        return left if scalar.compare(left, right) <= 0 else right


@dataclass(frozen=True, slots=True)
class Max(Aggregate):
    """Largest value; None when no value is in scope."""

    arg: Expr
    where: Expr | None = None

    def merge(self, left: Any, right: Any) -> Any:
        if left is None or right is None:
            return right if left is None else left
        return left if scalar.compare(left, right) >= 0 else right


@dataclass(frozen=True, slots=True)
class MomentsState:
    """Count, mean and central power sums of the finite values."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0


@dataclass(frozen=True, slots=True)
class Moments(Aggregate):
    """Pebay, Formulas for robust one-pass parallel computation of covariances and moments, 2008."""

    arg: Expr
    where: Expr | None = None

    def zero(self) -> MomentsState:
        return MomentsState()

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        if left.n == 0 or right.n == 0:
            return right if left.n == 0 else left
        a, b = float(left.n), float(right.n)
        n, d = a + b, right.mean - left.mean
        m2 = left.m2 + right.m2 + d * d * a * b / n
        m3 = left.m3 + right.m3 + d * d * d * a * b * (a - b) / n**2 + 3 * d * (a * right.m2 - b * left.m2) / n
        m4 = (
            left.m4
            + right.m4
            + d * d * d * d * a * b * (a * a - a * b + b * b) / n**3
            + 6 * d * d * (a * a * right.m2 + b * b * left.m2) / n**2
            + 4 * d * (a * right.m3 - b * left.m3) / n
        )
        return MomentsState(left.n + right.n, left.mean + d * b / n, m2, m3, m4)


@dataclass(frozen=True, slots=True)
class ComomentsState:
    n: int = 0
    mean_x: float = 0.0
    mean_y: float = 0.0
    m2_x: float = 0.0
    m2_y: float = 0.0
    c: float = 0.0


@dataclass(frozen=True, slots=True)
class Comoments(Aggregate):
    """Covariance and correlation of pairs in which both values are finite."""

    x: Expr
    y: Expr
    where: Expr | None = None

    def zero(self) -> ComomentsState:
        return ComomentsState()

    def merge(self, left: ComomentsState, right: ComomentsState) -> ComomentsState:
        if left.n == 0 or right.n == 0:
            return right if left.n == 0 else left
        a, b = float(left.n), float(right.n)
        n, dx, dy = a + b, right.mean_x - left.mean_x, right.mean_y - left.mean_y
        return ComomentsState(
            left.n + right.n,
            left.mean_x + dx * b / n,
            left.mean_y + dy * b / n,
            left.m2_x + right.m2_x + dx * dx * a * b / n,
            left.m2_y + right.m2_y + dy * dy * a * b / n,
            left.c + right.c + dx * dy * a * b / n,
        )


@dataclass(frozen=True, slots=True)
class TallyState:
    """Rows per key, keys sorted; `over` when there were more keys than the cap, and then no counts."""

    counts: tuple[tuple[Any, int], ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class Tally(Aggregate):
    """Rows per value of the key; NULL is no key. Exact, or `over` beyond `cap` keys (None: no cap)."""

    family: ClassVar[Family] = "tally"
    key: Expr
    where: Expr | None = None
    cap: int | None = 5_000

    def zero(self) -> TallyState:
        return TallyState()

    def merge(self, left: TallyState, right: TallyState) -> TallyState:
        if left.over or right.over:
            return TallyState(over=True)
        return self.state(_added(left.counts, right.counts))

    def state(self, counts: dict[Any, int]) -> TallyState:
        """State of complete counts."""
        if self.cap is not None and len(counts) > self.cap:
            return TallyState(over=True)
        return TallyState(tuple(sorted(counts.items(), key=lambda c: (c[0] != c[0], c[0]))))


def _added(*counts: tuple[tuple[Any, int], ...]) -> dict[Any, int]:
    """Counts by key. NaN equals nothing, so as a key it is always the one object `math.nan`."""
    total: Counter[Any] = Counter()
    for key, count in (pair for part in counts for pair in part):
        total[math.nan if key != key else key] += count
    return total


@dataclass(frozen=True, slots=True)
class RegistersState:
    """HyperLogLog registers; `stamp` names engine and hash family, and states of different stamps do not merge."""

    stamp: str = ""
    registers: bytes = b""


@dataclass(frozen=True, slots=True)
class ApproxDistinct(Aggregate):
    """Distinct values, by HyperLogLog with 2**10 registers: standard error 3.3 %. NaN is a value."""

    family: ClassVar[Family] = "simple"
    arg: Expr
    where: Expr | None = None

    def zero(self) -> RegistersState:
        return RegistersState()

    def merge(self, left: RegistersState, right: RegistersState) -> RegistersState:
        """Raises ValueError across stamps."""
        if not left.registers or not right.registers:
            return left if left.registers else right
        if left.stamp != right.stamp:
            raise ValueError(f"distinct counts of {left.stamp} and {right.stamp} do not merge")
        return RegistersState(left.stamp, bytes(map(max, left.registers, right.registers)))


@dataclass(frozen=True, slots=True)
class TopState:
    """Most frequent values with counts, most frequent first, ties by value. A count may be low by up to `error`,
    and a value that is missing occurs at most `error` times. `error` 0: exact and complete."""

    counts: tuple[tuple[Any, int], ...] = ()
    error: int = 0


@dataclass(frozen=True, slots=True)
class TopValues(Aggregate):
    """The `limit` most frequent values. Merging keeps the bound honest (Misra-Gries; Agarwal et al., PODS 2012)."""

    family: ClassVar[Family] = "top"
    arg: Expr
    limit: int = 100
    where: Expr | None = None

    def zero(self) -> TopState:
        return TopState()

    def merge(self, left: TopState, right: TopState) -> TopState:
        return self.state(_added(left.counts, right.counts), left.error + right.error)

    def state(self, counts: dict[Any, int], error: int = 0) -> TopState:
        """State of lower-bound counts that may each be low by `error`."""
        ranked = sorted(sorted(counts.items(), key=lambda c: _order(c[0])), key=lambda c: -c[1])
        dropped = ranked[self.limit][1] if len(ranked) > self.limit else 0
        return TopState(tuple(ranked[: self.limit]), error + dropped)


def _order(value: Any) -> tuple[str, Any]:
    return (type(value).__name__, str(value) if isinstance(value, (bool, float, Decimal, dict, list)) else value)


@dataclass(frozen=True, slots=True)
class DistinctnessState:
    """`rows` with any key part present, their distinct keys (`groups`), and the keys occurring once (`singletons`)."""

    rows: int = 0
    groups: int = 0
    singletons: int = 0

    @property
    def duplicate_rows(self) -> int:
        """All members of every duplicate key."""
        return self.rows - self.singletons


@dataclass(frozen=True, slots=True)
class Distinctness(Aggregate):
    """Exact uniqueness of a key. Adds up only over key-disjoint shards, so it does not merge."""

    family: ClassVar[Family] = "exact"
    mergeable: ClassVar[bool] = False
    keys: tuple[Expr, ...]
    where: Expr | None = None

    def zero(self) -> DistinctnessState:
        return DistinctnessState()


@dataclass(frozen=True, slots=True)
class Quantiles(Aggregate):
    """Exact quantiles over finite values. State: tuple of floats, or None without values."""

    family: ClassVar[Family] = "exact"
    mergeable: ClassVar[bool] = False
    arg: Expr
    at: tuple[float, ...]
    where: Expr | None = None
    between: Interpolation = "linear"


@dataclass(frozen=True, slots=True)
class RowState:
    """One row of evidence: file, position from 1 (line of text, row number of Parquet), values in column order."""

    file: str
    row: int
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstRows(Aggregate):
    """The first `limit` rows in scope in order of file and row. State: tuple of RowState."""

    family: ClassVar[Family] = "rows"
    where: Expr | None
    show: tuple[Path, ...]
    limit: int = 5

    def zero(self) -> tuple[RowState, ...]:
        return ()

    def merge(self, left: tuple[RowState, ...], right: tuple[RowState, ...]) -> tuple[RowState, ...]:
        return tuple(sorted((*left, *right), key=lambda r: (r.file, r.row))[: self.limit])

    def columns(self) -> frozenset[Path]:
        return columns(self.where) | frozenset(self.show)


@dataclass(frozen=True, slots=True)
class DuplicateKeys(Aggregate):
    """The first `limit` rows whose key occurs more than once: evidence of a failed uniqueness. State as FirstRows."""

    family: ClassVar[Family] = "rows"
    mergeable: ClassVar[bool] = False
    keys: tuple[Expr, ...]
    show: tuple[Path, ...]
    where: Expr | None = None
    limit: int = 5

    def zero(self) -> tuple[RowState, ...]:
        return ()

    def columns(self) -> frozenset[Path]:
        return frozenset(self.show).union(*(columns(k) for k in self.keys), columns(self.where))


@dataclass(frozen=True, slots=True)
class OrderState:
    """The first and last value in order of row, each with its row, and the rows that break the order."""

    first: RowState | None = None
    last: RowState | None = None
    breaks: int = 0
    rows: tuple[RowState, ...] = ()


@dataclass(frozen=True, slots=True)
class Order(Aggregate):
    """Whether each value stands to the one before it, NULL left out, as `op` says (`>=`: increasing).

    A row breaks the order where the comparison is not TRUE; the first `limit` of them are kept. Merges in order of row.
    """

    family: ClassVar[Family] = "rows"
    commutative: ClassVar[bool] = False
    arg: Expr
    op: Comparison
    where: Expr | None = None
    limit: int = 20

    def zero(self) -> OrderState:
        return OrderState()

    def merge(self, left: OrderState, right: OrderState) -> OrderState:
        if left.last is None or right.first is None:
            return right if left.last is None else left
        seam = () if self.holds(left.last.values[0], right.first.values[0]) else (right.first,)
        rows = (*left.rows, *seam, *right.rows)[: self.limit]
        return OrderState(left.first, right.last, left.breaks + len(seam) + right.breaks, rows)

    def holds(self, before: Any, value: Any) -> bool:
        return scalar.ordered(self.op, value, before)
