"""Kullback-Leibler divergence of a column from the partition it is expected to be, as GX computes it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from dq.dialects.gx.asked import Asked, Unfit
from dq.dialects.gx.conditions import comparable
from dq.dialects.gx.metrics import OfScope
from dq.ir.aggregate import Aggregate, Count, Tally
from dq.ir.data import NESTED, NUMBERS, TIMES
from dq.ir.expr import And, Col, Compare, Expr, Lit, Scalar, all_of
from dq.ir.metric import Facts, Measure, metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.ir.metric import Metric

_MOST_VALUES = 100_000


@metric
@dataclass(frozen=True)
class Divergence(OfScope):
    """Of categories: `values` with their weights; of numbers: `edges` of bins with theirs, and what lies outside.
    NULL, which fails, where there are no values, or where one occurs that was not expected to."""

    name: ClassVar[str] = "kl_divergence"

    values: tuple[Scalar, ...] = ()
    weights: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    tails: tuple[float, float] = (0.0, 0.0)
    holdout: float = 0.0
    judged: bool = True  # without a threshold anything will do

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = super().measure(states, facts)
        return found if self.judged else Measure(0, details=(("observed", found.value),))

    def aggregates(self) -> tuple[Aggregate, ...]:
        if not self.edges:
            return (Tally(Col(self.path), self.scope, _MOST_VALUES),)
        return tuple(Count(all_of(self.scope, test)) for test in self._bins())

    def _bins(self) -> list[Expr]:
        """Below all bins, in each, above all. A bin holds its lower edge, the last one both."""
        column = Col(self.path)
        inner = [
            And((Compare(">=", column, Lit(low)), Compare("<" if high != self.edges[-1] else "<=", column, Lit(high))))
            for low, high in pairwise(self.edges)
        ]
        below, above = Compare("<", column, Lit(self.edges[0])), Compare(">", column, Lit(self.edges[-1]))
        return [below, *inner, above]

    def number(self, *states: Any) -> float | None:
        if not self.edges:
            return self._of_categories(states[0])
        below, *inner, above = states
        expected, observed = list(self.weights), list(inner)
        if math.isfinite(self.edges[0]):
            expected, observed = [self.tails[0], *expected], [below, *observed]
        if math.isfinite(self.edges[-1]):
            expected, observed = [*expected, self.tails[1]], [*observed, above]
        return entropy(observed, expected)

    def _of_categories(self, state: Any) -> float | None:
        if state.over:
            return None
        expected = dict(zip(self.values, self.weights, strict=True))
        counts = dict(state.counts)
        strange = [v for v in counts if v not in expected]
        if strange:
            expected = {v: w * (1 - self.holdout) for v, w in expected.items()}
            expected |= dict.fromkeys(strange, self.holdout / len(strange))
        return entropy([counts.get(v, 0) for v in expected], list(expected.values()))

    def phrase(self) -> str:
        return "away from the expected distribution"


def entropy(observed: Sequence[float], expected: Sequence[float]) -> float | None:
    """Relative entropy of the shares, in nats (Kullback and Leibler, 1951); None where it is infinite or undefined."""
    whole, all_expected = sum(observed), sum(expected)
    if not whole or not all_expected or any(o and not w for o, w in zip(observed, expected, strict=True)):
        return None
    shares = ((o / whole, w / all_expected) for o, w in zip(observed, expected, strict=True) if o)
    return math.fsum(o * math.log(o / w) for o, w in shares)


def divergence(asked: Asked) -> Metric:
    """Raises Unfit on a partition that GX does not take."""
    partition = asked["partition_object"]
    tail, internal = float(asked["tail_weight_holdout"] or 0), float(asked["internal_weight_holdout"] or 0)
    if not 0 <= internal <= 1 - tail <= 1:
        raise Unfit("tail_weight_holdout and internal_weight_holdout are shares, and no more than all together")
    if asked["threshold"] is not None and asked["threshold"] < 0:
        raise Unfit("threshold is negative")
    if partition is None or not (_is_continuous(partition) or _is_categorical(partition)):
        raise Unfit("partition_object is none: it needs weights that add up to 1, with values or rising bins")
    if tail and "tail_weights" in partition:
        raise Unfit("tail_weight_holdout goes without tail_weights in the partition_object")
    if asked.type.kind in NESTED:
        raise Unfit(f"{asked.column} is {asked.type} and has no distribution")
    if _is_categorical(partition):
        judged = asked["threshold"] is not None
        if internal:
            raise Unfit("internal_weight_holdout is for bins only")
        values = tuple(_key(asked, v) for v in partition["values"])
        weights = tuple(map(float, partition["weights"]))
        return Divergence(asked.path, asked.where, asked.semantics, values, weights, holdout=tail, judged=judged)
    if asked["bucketize_data"] is False:
        raise Unfit("bins need bucketize_data")
    if asked.type.kind not in NUMBERS:
        raise Unfit(f"{asked.column} is {asked.type}, bins need numbers")
    return _of_bins(asked, partition, tail, internal)


def _of_bins(asked: Asked, partition: dict[str, Any], tail: float, internal: float) -> Metric:
    edges = tuple(map(float, partition["bins"]))
    open_ends = [not math.isfinite(e) for e in (edges[0], edges[-1])]
    if any(open_ends) and ("tail_weights" in partition or (all(open_ends) and tail)):
        raise Unfit("open bins go without tail weights")
    weights = [float(w) * (1 - tail - internal) for w in partition["weights"]]
    zeros = weights.count(0.0)
    if internal and zeros:
        weights = [w or internal / zeros for w in weights]
    share = tail if any(open_ends) else tail / 2
    low, high = partition.get("tail_weights", (share, share))
    return Divergence(
        asked.path, asked.where, asked.semantics, weights=tuple(weights), edges=edges, tails=(low, high),
        judged=asked["threshold"] is not None,
    )  # fmt: skip


def _key(asked: Asked, value: Any) -> Scalar:
    """The value as the column holds it; one that it cannot hold by its JSON text, which equals nothing."""
    fitting = comparable(asked.type, [value]) if asked.type.kind not in TIMES else ()
    return fitting[0] if fitting else f"\N{NULL}{json.dumps(value)}"


def _adds_up(weights: Sequence[float]) -> bool:
    return abs(sum(weights) - 1) <= 1e-8 + 1e-5


def _is_categorical(partition: dict[str, Any]) -> bool:
    values, weights = partition.get("values"), partition.get("weights")
    return values is not None and weights is not None and len(values) == len(weights) and _adds_up(weights)


def _is_continuous(partition: dict[str, Any]) -> bool:
    bins, weights = partition.get("bins"), partition.get("weights")
    if bins is None or weights is None:
        return False
    tails = partition.get("tail_weights", [0, 0])
    rising = all(low < high for low, high in pairwise(bins))
    return len(tails) == 2 and len(bins) == len(weights) + 1 and rising and _adds_up([*tails, *weights])
