"""Metrics that only Great Expectations has. What it shares with everybody is in `dq.metrics`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from dq.ir.aggregate import Aggregate, Count, Distinctness, Moments, Order, Quantiles, Sum, Tally, TopValues
from dq.ir.expr import Col, Compare, Expr, IsNan, IsNull, Lit, Not, Or, Path, Scalar, Value, all_of
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.numbers import number
from dq.ir.positions import Positions
from dq.ir.typecheck import Mistyped, Unanswerable, Unknown
from dq.metrics.completeness import Required
from dq.metrics.uniqueness import Unique
from dq.metrics.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Mapping

Semantics: TypeAlias = Literal["pandas", "sql"]
_LISTED = 200  # values that GX lists at most in COMPLETE
SHOWN = 20  # values that GX lists at most of distinct-set expectations


def absent(path: Path, semantics: Semantics = "pandas") -> Expr:
    """To pandas NaN is missing, to SQL it is a value."""
    missing = IsNull(Col(path))
    return missing if semantics == "sql" else Or((missing, IsNan(Col(path))))


def present(path: Path, semantics: Semantics = "pandas") -> Expr:
    return Not(absent(path, semantics))


@metric
@dataclass(frozen=True)
class Refused(Metric):
    """What cannot be asked of the landed types (`types`), or of nobody here."""

    name: ClassVar[str] = "refused"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    message: str
    types: bool = True

    def paths(self) -> frozenset[Path]:
        return frozenset()

    def aggregates(self) -> tuple[Aggregate, ...]:
        raise Mistyped(self.message) if self.types else Unanswerable(self.message)


@metric
@dataclass(frozen=True)
class Missing(Metric):
    """An expectation on a column that did not land."""

    name: ClassVar[str] = "missing"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA

    path: Path

    def paths(self) -> frozenset[Path]:
        return frozenset({self.path})

    def aggregates(self) -> tuple[Aggregate, ...]:
        raise Unknown(self.path)


@metric
@dataclass(frozen=True)
class Raises(Metric):
    """What GX raises over where there are `least` values in scope; with fewer the expectation is met."""

    name: ClassVar[str] = "raises"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY
    unit: ClassVar[str] = "rows"

    message: str
    scope: Expr | None = None
    where: Expr | None = None
    least: int = 1

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(self.scope), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        total, rows = (states[a] for a in self.aggregates())
        if total >= self.least:
            return Measure(None, note=self.message)
        return Measure(0, total, details=(("rows", rows),))


@metric
@dataclass(frozen=True)
class Nulls(Required):
    """Rows whose value is absent, or is not. Of no rows all are as they should be."""

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        total, failing, _ = (states[a] for a in self.aggregates())
        return Measure(failing, total)


@metric
@dataclass(frozen=True)
class UniqueKey(Unique):
    """`Unique`, with the rows that a missing value leaves out in the detail `rows`; `never` leaves out none. Of the
    rows that are `counted`, those of `where` may be alike."""

    domain: Expr | None = None
    never: bool = False
    counted: Expr | None = None

    def keys_asked(self) -> tuple[Expr, ...]:
        columns: tuple[Expr, ...] = tuple(Col(k) for k in self.keys)
        return (*columns, IsNull(columns[0])) if self.never else columns  # so that no key is all NULL

    def aggregates(self) -> tuple[Aggregate, ...]:
        counted = self.where if self.counted is None else self.counted
        return Distinctness(self.keys_asked(), self.where), Count(self.domain), Count(counted)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        state, rows, scope = (states[a] for a in self.aggregates())
        return Measure(state.duplicate_rows, scope, details=(("rows", rows),))

    def evidence(self) -> Any:
        return replace(super().evidence(), keys=self.keys_asked())

    def failing(self, limit: int | None = None) -> Aggregate:
        return Positions(self.where, self.keys_asked(), limit)


@metric
@dataclass(frozen=True)
class Typical(Validity):
    """Values not too far from the others. With `deviation`, fewer than two values fail: they have none."""

    name: ClassVar[str] = "typical"

    deviation: Moments | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (*super().aggregates(), *([self.deviation] if self.deviation else []))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found = super().measure(states, facts)
        if self.deviation and states[self.deviation].n < 2:
            return Measure(None, note="a single time has no deviation")
        return found


@metric
@dataclass(frozen=True)
class JsonValid(Validity):
    """A value that is no JSON at all (`read` is not TRUE) fails the whole expectation: GX raises."""

    name: ClassVar[str] = "json_schema"

    read: Expr = Lit(True)

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (*super().aggregates(), Count(all_of(self.scope, Not(self.read))))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        total, failing, rows, unread = (states[a] for a in self.aggregates())
        if unread:
            return Measure(None, note="a value is no JSON: there is nothing to hold against the schema")
        return Measure(failing, total, details=(("rows", rows),))


@metric
@dataclass(frozen=True)
class InOrder(Metric):
    """Rows whose value does not stand to the one before it as `op` says; absent values are left out."""

    name: ClassVar[str] = "order"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "rows"

    path: Path
    op: Literal[">=", ">", "<=", "<"]
    where: Expr | None = None
    semantics: Semantics = "pandas"

    def aggregates(self) -> tuple[Aggregate, ...]:
        scope = all_of(self.where, present(self.path, self.semantics))
        return Order(Col(self.path), self.op, scope, _LISTED), Count(scope), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        state, total, rows = (states[a] for a in self.aggregates())
        values = tuple(r.values[0] for r in state.rows)
        at = tuple((r.file, r.row) for r in state.rows)
        return Measure(state.breaks, total, details=(("rows", rows), ("values", values), ("at", at)))

    def phrase(self) -> str:
        return "out of order"


@dataclass(frozen=True)
class OfScope(Metric):
    """A number of the rows in scope. Without one it is NULL, which fails: GX does not skip what it cannot compute."""

    dimension: ClassVar[Dimension] = Dimension.DISTRIBUTION

    path: Path
    where: Expr | None = None
    semantics: Semantics = "pandas"

    @property
    def scope(self) -> Expr | None:
        return all_of(self.where, present(self.path, self.semantics))

    def number(self, *states: Any) -> Scalar:
        raise NotImplementedError

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        return Measure(self.number(*(states[a] for a in self.aggregates())))


@metric
@dataclass(frozen=True)
class Statistic(OfScope):
    """The state of one aggregate over the values in scope: a minimum, a maximum, a median."""

    name: ClassVar[str] = "statistic"

    aggregate: Aggregate = Count()
    part: Literal["mean", "stddev", "quantile"] | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (self.aggregate,)

    def number(self, *states: Any) -> Scalar:
        return number(Value(self.aggregate, self.part), states[0])  # type: ignore[no-any-return]


@metric
@dataclass(frozen=True)
class SumOfScope(OfScope):
    """To pandas the sum of nothing is 0."""

    name: ClassVar[str] = "sum"

    value: Expr = Lit(0)

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Sum(self.value, self.scope),)

    def number(self, *states: Any) -> Scalar:
        return 0 if states[0] is None and self.semantics == "pandas" else states[0]


@metric
@dataclass(frozen=True)
class Distinct(OfScope):
    """Distinct values, or their share of the values (`ratio`): 0 of none."""

    name: ClassVar[str] = "distinct"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS

    ratio: bool = False

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Distinctness((Col(self.path),), self.scope),)

    def number(self, *states: Any) -> Scalar:
        (state,) = states
        if not self.ratio:
            return state.groups  # type: ignore[no-any-return]
        return state.groups / state.rows if state.rows else 0


@metric
@dataclass(frozen=True)
class Present(OfScope):
    """Share of the rows that have a value: 0 of none."""

    name: ClassVar[str] = "present"
    dimension: ClassVar[Dimension] = Dimension.COMPLETENESS

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(self.scope), Count(self.where)

    def number(self, *states: Any) -> Scalar:
        values, rows = states
        return values / rows if rows else 0


@metric
@dataclass(frozen=True)
class QuantilesOutside(OfScope):
    """Quantiles outside their ranges; close to an end (1e-4 relative) is inside, and a quantile of nothing outside."""

    name: ClassVar[str] = "quantiles"
    unit: ClassVar[str] = "violations"

    at: tuple[float, ...] = ()
    ranges: tuple[tuple[float | None, float | None], ...] = ()
    between: Any = "nearest"
    value: Expr = Lit(0)

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Quantiles(self.value, self.at, self.scope, self.between),)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.aggregates()[0]] or (None,) * len(self.at)
        inside = [_inside(v, *ends) for v, ends in zip(found, self.ranges, strict=False)]
        note = ", ".join(f"{at:g}: {v}" for at, v in zip(self.at, found, strict=True))
        values = (("values", found), ("inside", tuple(inside)))
        return Measure(inside.count(False), note=note, details=values)

    def phrase(self) -> str:
        return "quantiles in their ranges"


def _inside(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None:
        return False
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    near = any(math.isfinite(e) and abs(value - e) <= 1e-8 + 1e-4 * abs(e) for e in (low, high))
    return near or low <= value <= high


@metric
@dataclass(frozen=True)
class MostCommon(OfScope):
    """1 where the most common value is not of the set; of several (a tie) GX wants one to be, or none at all."""

    name: ClassVar[str] = "most_common"
    unit: ClassVar[str] = "violations"

    values: tuple[Scalar, ...] = ()
    ties_okay: bool = False

    def aggregates(self) -> tuple[Aggregate, ...]:
        counts = [Count(all_of(self.scope, Compare("=", Col(self.path), Lit(v)))) for v in self.values]
        return (TopValues(Col(self.path), SHOWN, self.scope), *counts)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        top, *counts = (states[a] for a in self.aggregates())
        most = max((n for _, n in top.counts), default=0)
        modes = sorted(v for v, n in top.counts if n == most)
        hits = [v for v, n in zip(self.values, counts, strict=True) if most and n == most]
        alone = len(modes) == 1 and top.error < most
        holds = bool(hits) if self.ties_okay else alone and len(hits) == 1
        return Measure(0 if holds else 1, note=", ".join(map(str, modes)), details=(("modes", tuple(modes)),))

    def phrase(self) -> str:
        return "the most common value is of the set"


@metric
@dataclass(frozen=True)
class DistinctValues(OfScope):
    """Distinct values outside the set (`inside`), and values of the set that are not there (`all`)."""

    name: ClassVar[str] = "distinct_values"
    unit: ClassVar[str] = "violations"

    values: tuple[Scalar, ...] = ()
    inside: bool = True
    all: bool = False
    others: tuple[Any, ...] = ()  # values of the set that no value of the column's type equals
    outside: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        other = all_of(self.scope, self.outside)
        counts = [Count(all_of(self.scope, Compare("=", Col(self.path), Lit(v)))) for v in self.values]
        return (Distinctness((Col(self.path),), other), Tally(Col(self.path), other), *counts)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        distinct, listed, *counts = (states[a] for a in self.aggregates())
        unexpected = tuple(v for v, _ in listed.counts[:SHOWN])
        missing = (*(v for v, n in zip(self.values, counts, strict=True) if not n), *self.others)
        lacking = len(missing)
        details: tuple[tuple[str, Any], ...] = ()
        if self.inside:
            details += (("unexpected_count", distinct.groups), ("unexpected", unexpected))
        if self.all:
            details += (("missing_count", lacking), ("missing", missing[:SHOWN]))
        note = f"unexpected: {', '.join(map(str, unexpected)) or 'none'}; missing: {lacking}"
        return Measure(distinct.groups * self.inside + lacking * self.all, note=note, details=details)

    def phrase(self) -> str:
        return "the distinct values are the set"
