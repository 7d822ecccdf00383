"""A sample of values rather than of rows: what rare ones look like is seen beside what frequent ones do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from dq.ir.aggregate import Aggregate, Family
from dq.ir.expr import Expr


@dataclass(frozen=True, slots=True)
class SampleState:
    """Values with their rows, sorted, of one in `every`."""

    counts: tuple[tuple[Any, int], ...] = ()
    every: int = 1


@dataclass(frozen=True, slots=True)
class ValueSample(Aggregate):
    """Distinct values with all their rows: of one in `every`, chosen by a hash of the value, so that frequent ones are
    no likelier than rare ones. `every` 1: of all. State: SampleState, or None where that is more than `cap` values.
    Engines hash differently, so it does not merge."""

    family: ClassVar[Family] = "top"
    mergeable: ClassVar[bool] = False
    arg: Expr
    every: int = 1
    cap: int = 8_000
    where: Expr | None = None

    def zero(self) -> SampleState:
        return SampleState((), self.every)

    def state(self, counts: dict[Any, int]) -> SampleState | None:
        """State of the counts of all chosen values."""
        return None if len(counts) > self.cap else SampleState(tuple(sorted(counts.items())), self.every)
