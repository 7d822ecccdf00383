"""How much landed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Aggregate, Count
from dq.ir.expr import Expr
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping


@metric
@dataclass(frozen=True)
class RowCount(Metric):
    """Rows in scope; 0 is an answer, never "nothing in scope"."""

    name: ClassVar[str] = "row_count"
    dimension: ClassVar[Dimension] = Dimension.VOLUME
    unit: ClassVar[str] = "rows in all"

    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Count(self.where),)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        return Measure(states[self.aggregates()[0]])

    def phrase(self) -> str:
        return "rows"


@metric
@dataclass(frozen=True)
class FileCount(Metric):
    """Landed data files."""

    name: ClassVar[str] = "file_count"
    dimension: ClassVar[Dimension] = Dimension.VOLUME

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        return Measure(facts.file_count)

    def phrase(self) -> str:
        return "files"


@metric
@dataclass(frozen=True)
class ByteCount(Metric):
    """Bytes of the landed data files, as stored."""

    name: ClassVar[str] = "byte_count"
    dimension: ClassVar[Dimension] = Dimension.VOLUME
    unit: ClassVar[str] = "bytes"

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        return Measure(facts.bytes)

    def phrase(self) -> str:
        return "bytes"
