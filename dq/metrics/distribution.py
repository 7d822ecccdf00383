"""Numbers of a whole column: NULL, NaN (and, for mean and deviation, infinity) are left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Aggregate, Max, Min, Moments, Quantiles, Sum
from dq.ir.expr import Col, Expr, Path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class OfColumn(Metric):
    """A metric that is the state of one aggregate of one column."""

    dimension: ClassVar[Dimension] = Dimension.DISTRIBUTION

    path: Path
    where: Expr | None = None

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        value = self.value(states[self.aggregates()[0]])
        return None if value is None else Measure(value)

    def value(self, state: Any) -> Any:
        return state


@metric
@dataclass(frozen=True)
class Smallest(OfColumn):
    name: ClassVar[str] = "min"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Min(Col(self.path), self.where),)


@metric
@dataclass(frozen=True)
class Largest(OfColumn):
    name: ClassVar[str] = "max"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Max(Col(self.path), self.where),)


@metric
@dataclass(frozen=True)
class Total(OfColumn):
    name: ClassVar[str] = "sum"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Sum(Col(self.path), self.where),)


@metric
@dataclass(frozen=True)
class Mean(OfColumn):
    name: ClassVar[str] = "mean"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Moments(Col(self.path), self.where),)

    def value(self, state: Any) -> float | None:
        return state.mean if state.n else None


@metric
@dataclass(frozen=True)
class Deviation(OfColumn):
    """Sample standard deviation; None below two values."""

    name: ClassVar[str] = "stddev"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Moments(Col(self.path), self.where),)

    def value(self, state: Any) -> float | None:
        return math.sqrt(state.m2 / (state.n - 1)) if state.n > 1 else None


@metric
@dataclass(frozen=True)
class Median(OfColumn):
    """Exact, interpolated between the two middle values."""

    name: ClassVar[str] = "median"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Quantiles(Col(self.path), (0.5,), self.where),)

    def value(self, state: Any) -> float | None:
        return state[0] if state else None
