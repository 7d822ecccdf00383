"""How numbers of one kind are compared: what is a change at all, and in which unit it is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dq.drift.mix import METRIC, parts
from dq.drift.placed import PLACED

Kind: TypeAlias = Literal["count", "ratio", "share", "level", "hours"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts, and levels that are never negative (`ratio`), are compared by their ratio, shares by points, times by
    hours. No change smaller than `floor` is unusual: a ratio of counts or of levels, points of a share, of which the
    rarer side must also double."""

    kind: Kind
    floor: float

    def on(self, value: float) -> float:
        if self.kind == "ratio":
            return math.log(value)
        return math.log1p(max(value, 0.0)) if self.kind == "count" else value

    def off(self, value: float) -> float:
        """The number again, within what such a number can be."""
        if self.kind == "ratio":
            return math.exp(min(value, 700.0))
        if self.kind == "count":
            return max(0.0, math.expm1(min(value, 700.0)))
        return min(1.0, max(0.0, value)) if self.kind == "share" else value

    def least(self, level: float) -> float:
        """The smallest change that matters, on the scale."""
        if self.kind in ("share", "hours"):
            return self.floor
        return math.log1p(self.floor) if self.kind in ("count", "ratio") else self.floor * abs(level)

    def near(self, value: float, other: float, times: int) -> bool:
        a, b = self.on(value), self.on(other)
        return abs(a - b) <= times * max(self.least(a), self.least(b))


SCALES = {
    "rows": Scale("count", 0.1),
    "completeness": Scale("share", 0.05),
    "zeros": Scale("share", 0.05),
    "negatives": Scale("share", 0.05),
    "empty": Scale("share", 0.05),
    "null_like": Scale("share", 0.05),
    "distinct": Scale("count", 1.0),
    "median": Scale("level", 0.1),
    "mean": Scale("level", 0.1),
    "high": Scale("count", 2.0),
    "length": Scale("level", 0.25),
    "one_length": Scale("share", 0.05),
    "mode": Scale("share", 0.05),
    "placeholders": Scale("share", 0.05),
    "garbled": Scale("share", 0.05),
    "size": Scale("count", 9.0),
    **dict.fromkeys(PLACED, Scale("hours", 24.0)),
}
FLOORS = {"count": 0.1, "share": 0.02, "level": 0.1}  # of numbers of which nothing else is known
NEW = Scale("share", 0.01)  # of a value that never was
_MIX = Scale("share", 0.05)
_OTHER = Scale("level", 0.1)


def scale_of(name: str) -> Scale:
    metric = parts(name)[1]
    return _MIX if metric.startswith(METRIC) else SCALES.get(metric, _OTHER)
