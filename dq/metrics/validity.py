"""Is each value one that may be? Row-level: `ok` is the condition, built by the dialect, with NaN already decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dq.ir.expr import Col, Compare, Expr, Lit, Path, Scalar, all_of, is_number
from dq.ir.metric import Dimension, RowMetric, metric


def in_range(path: Path, low: Scalar, high: Scalar) -> Expr:
    """Both ends inclusive, None open; NaN is in no range."""
    ends = (
        None if low is None else Compare(">=", Col(path), Lit(low)),
        None if high is None else Compare("<=", Col(path), Lit(high)),
        is_number(Col(path)),
    )
    return all_of(*ends) or Lit(True)


@dataclass(frozen=True)
class Validity(RowMetric):
    """`words` says what a failing row is."""

    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    words: str = ""

    def phrase(self) -> str:
        return self.words


@metric
@dataclass(frozen=True)
class Range(Validity):
    name: ClassVar[str] = "range"


@metric
@dataclass(frozen=True)
class Allowed(Validity):
    name: ClassVar[str] = "allowed"


@metric
@dataclass(frozen=True)
class NotAllowed(Validity):
    name: ClassVar[str] = "not_allowed"


@metric
@dataclass(frozen=True)
class Matching(Validity):
    name: ClassVar[str] = "matches"


@metric
@dataclass(frozen=True)
class NotMatching(Validity):
    name: ClassVar[str] = "not_matches"


@metric
@dataclass(frozen=True)
class Length(Validity):
    name: ClassVar[str] = "length"


@metric
@dataclass(frozen=True)
class Readable(Validity):
    """Landed text that could not be read as the declared type: a failure of its own, never a NULL."""

    name: ClassVar[str] = "readable"
