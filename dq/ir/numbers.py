"""Numbers that states stand for: parts of a state, the place of a quantile, distinct values of a HyperLogLog."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dq.ir.aggregate import Interpolation, RegistersState
    from dq.ir.expr import Value


def number(value: Value, state: Any) -> Any:
    """The number that `value.part` names; None where there are too few values for it."""
    match value.part:
        case "mean":
            return state.mean if state.n else None
        case "stddev":
            return math.sqrt(state.m2 / (state.n - 1)) if state.n > 1 else None
        case "quantile":
            return state[0] if state else None
        case "groups":
            return state.groups
    return state


def rank(at: float, count: int, between: Interpolation) -> float:
    """Place of a quantile among `count` sorted values, from 0: whole, but for "linear" and "midpoint", between two.
    "discrete" is SQL's percentile_disc, the others are numpy's methods (ties of "nearest" to the even)."""
    place = (count - 1) * at
    match between:
        case "nearest":
            return round(place)
        case "lower":
            return math.floor(place)
        case "higher":
            return math.ceil(place)
        case "midpoint":
            return (math.floor(place) + math.ceil(place)) / 2
        case "discrete":
            return max(0, math.ceil(Fraction(str(at)) * count) - 1)
    return place


def distinct_estimate(state: RegistersState) -> float:
    """Estimated distinct values, standard error 3.3 %. A register holds the largest rank (from 1) of its hashes, or 0.

    Ertl, New cardinality estimation algorithms for HyperLogLog sketches, 2017, algorithm 6, for 64-bit hashes.
    """
    m = len(state.registers)
    if not any(state.registers):
        return 0.0
    longest = 64 - (m.bit_length() - 1)
    multiplicity = [0] * (longest + 2)
    for rank, count in Counter(state.registers).items():
        multiplicity[min(rank, longest + 1)] += count
    z = m * _tau(1 - multiplicity[longest + 1] / m)
    for count in reversed(multiplicity[1 : longest + 1]):
        z = (z + count) / 2
    return m * m / (2 * math.log(2) * (z + m * _sigma(multiplicity[0] / m)))


def _sigma(x: float) -> float:
    """Correction for registers that saw nothing; x < 1."""
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z, y = z + x * y, 2 * y
    return z


def _tau(x: float) -> float:
    """Correction for saturated registers."""
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, y / 2
        z -= (1 - x) ** 2 * y
    return z / 3
