"""Numbers of a whole column: NULL, NaN (and, for mean and deviation, infinity) are left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Aggregate, Count, Max, Min, Moments, Quantiles, Sum
from dq.ir.expr import Col, Expr, Path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class OfColumn(Metric):
    """A metric that is the state of one aggregate of one column. Rows in scope without a value to compute it from
    measure NULL, which no bound allows; without rows there is nothing in scope."""

    dimension: ClassVar[Dimension] = Dimension.DISTRIBUTION

    path: Path
    where: Expr | None = None

    def aggregate(self) -> Aggregate:
        raise NotImplementedError

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.aggregate(), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        of_column, rows = self.aggregates()
        return Measure(self.value(states[of_column])) if states[rows] else None

    def value(self, state: Any) -> Any:
        return state


@metric
@dataclass(frozen=True)
class Smallest(OfColumn):
    name: ClassVar[str] = "min"

    def aggregate(self) -> Aggregate:
        return Min(Col(self.path), self.where)


@metric
@dataclass(frozen=True)
class Largest(OfColumn):
    name: ClassVar[str] = "max"

    def aggregate(self) -> Aggregate:
        return Max(Col(self.path), self.where)


@metric
@dataclass(frozen=True)
class Total(OfColumn):
    name: ClassVar[str] = "sum"

    def aggregate(self) -> Aggregate:
        return Sum(Col(self.path), self.where)


@metric
@dataclass(frozen=True)
class Mean(OfColumn):
    name: ClassVar[str] = "mean"

    def aggregate(self) -> Aggregate:
        return Moments(Col(self.path), self.where)

    def value(self, state: Any) -> float | None:
        return state.mean if state.n else None


@metric
@dataclass(frozen=True)
class Deviation(OfColumn):
    """Sample standard deviation; None below two values."""

    name: ClassVar[str] = "stddev"

    def aggregate(self) -> Aggregate:
        return Moments(Col(self.path), self.where)

    def value(self, state: Any) -> float | None:
        return math.sqrt(state.m2 / (state.n - 1)) if state.n > 1 else None


@metric
@dataclass(frozen=True)
class Median(OfColumn):
    """Exact, interpolated between the two middle values."""

    name: ClassVar[str] = "median"

    def aggregate(self) -> Aggregate:
        return Quantiles(Col(self.path), (0.5,), self.where)

    def value(self, state: Any) -> float | None:
        return state[0] if state else None
