"""Is the value there? NULL is absent; NaN in a float column is absent too; an empty text is present."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Aggregate, Count, FirstRows
from dq.ir.expr import Col, Expr, IsNan, IsNull, Or, Path, all_of
from dq.ir.metric import Dimension, Facts, Measure, Metric, RowMetric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping


def absent(path: Path) -> Expr:
    return Or((IsNull(Col(path)), IsNan(Col(path))))


@metric
@dataclass(frozen=True)
class Required(RowMetric):
    """Rows whose value is absent. `ok` is the negation of `absent`."""

    name: ClassVar[str] = "required"
    dimension: ClassVar[Dimension] = Dimension.COMPLETENESS

    def phrase(self) -> str:
        return "without a value"


@metric
@dataclass(frozen=True)
class Completeness(Metric):
    """Share of rows in scope whose value is present, 0 to 1. DQDL Completeness; Schelter et al., PVLDB 11(12), 2018."""

    name: ClassVar[str] = "completeness"
    dimension: ClassVar[Dimension] = Dimension.COMPLETENESS
    unit: ClassVar[str] = "ratio"

    path: Path
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(self.where), Count(all_of(self.where, absent(self.path)))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        total, missing = (states[a] for a in self.aggregates())
        return Measure((total - missing) / total, total) if total else None

    def phrase(self) -> str:
        return "of the rows have a value"

    def evidence(self) -> FirstRows:
        return FirstRows(all_of(self.where, absent(self.path)), (self.path,))
