"""How surprising a difference would be by chance. Plain formulas; p-values are asymptotic and for large samples."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TINY = 1e-300
_STEPS = 10_000


def wilson(hits: int, rows: int, confidence: float = 0.999) -> tuple[float, float]:
    """Interval of a share. Wilson, Probable inference, JASA 22, 1927. Without rows: anything."""
    if not rows:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = hits / rows, z * z / rows
    middle = (share + weight / 2) / (1 + weight)
    reach = z * math.sqrt(share * (1 - share) / rows + weight / rows / 4) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def ks_distance(left: Iterable[tuple[float, int]], right: Iterable[tuple[float, int]]) -> float:
    """Largest difference of the two cumulative shares of rows per value; 0 where one side is empty."""
    a, b = dict(left), dict(right)
    rows_a, rows_b = sum(a.values()), sum(b.values())
    if not rows_a or not rows_b:
        return 0.0
    below_a = below_b = 0
    distance = 0.0
    for key in sorted(a.keys() | b.keys()):
        below_a += a.get(key, 0)
        below_b += b.get(key, 0)
        distance = max(distance, abs(below_a / rows_a - below_b / rows_b))
    return distance


def ks_p_value(distance: float, rows_a: int, rows_b: int) -> float:
    """Kolmogorov's limit with Stephens' correction (JRSS B 32, 1970). Conservative where values repeat."""
    root = math.sqrt(rows_a * rows_b / (rows_a + rows_b))
    return kolmogorov((root + 0.12 + 0.11 / root) * distance)


def kolmogorov(x: float) -> float:
    """Survival function of Kolmogorov's distribution; the series of Numerical Recipes, 3rd ed., 6.14.12."""
    if x <= 0:
        return 1.0
    if x < 1.18:
        y = math.exp(-(math.pi**2) / (8 * x * x))
        return 1 - math.sqrt(2 * math.pi) / x * (y + y**9 + y**25 + y**49)
    y = math.exp(-2 * x * x)
    return 2 * (y - y**4 + y**9)


def chi2_p_value(left: Mapping[Any, int], right: Mapping[Any, int]) -> float:
    """Pearson's test that both sides share their distribution over keys. Keys expected less than five times on a side
    are tested as one."""
    rows_a, rows_b = sum(left.values()), sum(right.values())
    if not rows_a or not rows_b:
        return 1.0
    smaller = min(rows_a, rows_b) / (rows_a + rows_b)
    cells, rest_a, rest_b = [], 0, 0
    for key in left.keys() | right.keys():
        a, b = left.get(key, 0), right.get(key, 0)
        if (a + b) * smaller >= 5:
            cells.append((a, b))
        else:
            rest_a, rest_b = rest_a + a, rest_b + b
    if rest_a + rest_b:
        cells.append((rest_a, rest_b))
    statistic = 0.0
    for a, b in cells:
        expected = (a + b) * rows_a / (rows_a + rows_b)
        statistic += (a - expected) ** 2 * (1 / expected + 1 / (a + b - expected))
    return chi2_survival(statistic, len(cells) - 1)


def chi2_survival(x: float, freedom: int) -> float:
    """Upper regularised incomplete gamma Q(freedom/2, x/2): Numerical Recipes, 3rd ed., 6.2."""
    if freedom < 1 or x <= 0:
        return 1.0
    a, x = freedom / 2, x / 2
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _STEPS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-16:
                break
        return max(0.0, 1 - total * scale)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for n in range(1, _STEPS):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b or _TINY)
        c = step / c + b or _TINY
        fraction *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return fraction * scale


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: Benjamini and Hochberg, JRSS B 57, 1995."""
    adjusted = [1.0] * len(p_values)
    lowest = 1.0
    for rank, i in reversed(list(enumerate(sorted(range(len(p_values)), key=p_values.__getitem__), 1))):
        lowest = min(lowest, p_values[i] * len(p_values) / rank)
        adjusted[i] = lowest
    return adjusted
