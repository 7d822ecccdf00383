"""Do values agree with each other, and the whole with its key? Rules over rows, and over numbers of the partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Count
from dq.ir.codec import plain
from dq.ir.expr import Expr, Key, Lit, Value, replace_leaves, walk
from dq.ir.metric import Dimension, Facts, Measure, Metric, RowMetric, metric
from dq.ir.numbers import number
from dq.ir.scalar import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate


@metric
@dataclass(frozen=True)
class Rule(RowMetric):
    """A condition over the columns of one row; NaN fails every comparison but !=."""

    name: ClassVar[str] = "rule"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    text: str = ""

    def phrase(self) -> str:
        return f"break {self.text}"


@metric
@dataclass(frozen=True)
class References(RowMetric):
    """Rows whose key another data set does not have: `ok` is an `Exists`."""

    name: ClassVar[str] = "references"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    text: str = ""

    def phrase(self) -> str:
        return f"have no counterpart in {self.text}"


@metric
@dataclass(frozen=True)
class TableRule(Metric):
    """A condition over aggregates and partition keys: 1 where it is FALSE, or where its operands do not compare or a
    key is missing (the note says so). NULL is no pass either, unless a number had no row in scope."""

    name: ClassVar[str] = "rule"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "violations"

    condition: Expr
    text: str = ""

    def aggregates(self) -> tuple[Aggregate, ...]:
        asked = [e.aggregate for e in walk(self.condition) if isinstance(e, Value)]
        return (*asked, *map(_rows, asked))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        keys = dict(facts.keys)
        leaves: dict[Expr, Expr] = {}
        said = []
        for e in walk(self.condition):
            if isinstance(e, Value):
                found = number(e, states[e.aggregate])
                leaves[e] = Lit(found)
                said.append(str(plain(found)))
            elif isinstance(e, Key):
                if e.name not in keys:
                    return Measure(1, note=f'no partition key "{e.name}"')
                leaves[e] = Lit(keys[e.name])
                said.append(f"partition.{e.name} = {plain(keys[e.name])}")
        try:
            held = evaluate(replace_leaves(self.condition, leaves), {})
        except TypeError:
            return Measure(1, note=f"{', '.join(said)} do not compare")
        if held is None and not all(states[_rows(e.aggregate)] for e in leaves if isinstance(e, Value)):
            return None
        return Measure(0 if held else 1, note=", ".join(said))

    def phrase(self) -> str:
        return self.text


def _rows(aggregate: Aggregate) -> Count:
    return Count(getattr(aggregate, "where", None))


@metric
@dataclass(frozen=True)
class SameContent(Metric):
    """1 when another partition of the source holds the very same bytes, or the same rows in others."""

    name: ClassVar[str] = "same_content"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "violations"

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        same = "the same rows as" if facts.same_rows else "the same content as"
        return Measure(int(facts.twin is not None), note=f"{same} partition {facts.twin}" if facts.twin else "")

    def phrase(self) -> str:
        return "the same content as partition"
