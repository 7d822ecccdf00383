"""Rules that are joined by `and` and `or`: each judged by the whole data, or all of them row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.ir.check import Bound
from dq.ir.expr import And, IsNull, Not, Or, Path
from dq.ir.metric import Dimension, Facts, Measure, Metric, RowMetric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema


@metric
@dataclass(frozen=True)
class Held(Metric):
    """1 where another metric is not within its bound."""

    name: ClassVar[str] = "composite"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "violations"

    metric: Metric
    bound: Bound
    text: str = ""

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.metric.aggregates()

    def references(self) -> frozenset[str]:
        return self.metric.references()

    def hashes(self) -> frozenset[str] | None:
        return self.metric.hashes()

    def paths(self) -> frozenset[Path]:
        return self.metric.paths()

    def fitted(self, schema: Schema) -> Metric:
        return replace(self, metric=self.metric.fitted(schema))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found = self.metric.measure(states, facts)
        if found is None or (found.total == 0 and self.metric.unit == "rows"):
            return None
        if found.fault or found.value is None:
            return found if found.fault else Measure(1, note=f"{self.text}: there is no number")
        held = all(c.holds(found.value, found.total, None) for c in self.bound.conditions) != self.bound.negated
        note = "" if held else f"{self.text}: {found.note or str(found.value)}"
        return Measure(0 if held else 1, note=note)

    def phrase(self) -> str:
        return self.text


@metric
@dataclass(frozen=True)
class Composite(Metric):
    """1 where not all (`and`), or not any (`or`), of several rules hold. What has nothing in scope decides nothing."""

    name: ClassVar[str] = "composite"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "violations"

    op: Literal["and", "or"]
    parts: tuple[Metric, ...]
    text: str = ""

    def aggregates(self) -> tuple[Aggregate, ...]:
        return tuple(dict.fromkeys(a for p in self.parts for a in p.aggregates()))

    def references(self) -> frozenset[str]:
        return frozenset().union(*(p.references() for p in self.parts))

    def hashes(self) -> frozenset[str] | None:
        found = [h for p in self.parts if (h := p.hashes()) is not None]
        return frozenset().union(*found) if found else None

    def paths(self) -> frozenset[Path]:
        return frozenset().union(*(p.paths() for p in self.parts))

    def fitted(self, schema: Schema) -> Metric:
        return replace(self, parts=tuple(p.fitted(schema) for p in self.parts))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found = [p.measure(states, facts) for p in self.parts]
        if fault := next((m for m in found if m is not None and m.fault), None):
            return fault
        decided = [m for m in found if m is not None]
        ends = 1 if self.op == "and" else 0
        if any(m.value == ends for m in decided) or len(decided) == len(found):
            broken = [m for m in decided if m.value]
            fails = bool(broken) if self.op == "and" else len(broken) == len(found)
            return Measure(int(fails), note="; ".join(m.note for m in broken if m.note))
        return None

    def phrase(self) -> str:
        return self.text


@metric
@dataclass(frozen=True)
class ByRow(RowMetric):
    """Rows that do not hold all (`and`), or any (`or`), of several conditions."""

    name: ClassVar[str] = "composite"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    op: Literal["and", "or"] = "and"
    parts: tuple[RowMetric, ...] = ()
    text: str = ""

    def fitted(self, schema: Schema) -> Metric:
        return by_row(self.op, tuple(p.fitted(schema) for p in self.parts), self.text)  # type: ignore[misc]

    def phrase(self) -> str:
        return f"do not hold {self.text}"


def by_row(op: Literal["and", "or"], parts: tuple[RowMetric, ...], text: str) -> ByRow:
    """A row out of the scope of a part holds it."""
    oks = tuple(Or((IsNull(p.where), Not(p.where), p.ok)) if p.where else p.ok for p in parts)
    return ByRow(And(oks) if op == "and" else Or(oks), op=op, parts=parts, text=text)
