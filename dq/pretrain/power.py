"""How much of what there is to predict one feature predicts, between 0 and 1, judged out of sample: a row is predicted
from the other rows of the same value (or of its part of the range), never from itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Key: TypeAlias = "float | int | str | None"
Classes: TypeAlias = "Sequence[tuple[Key, str, int]]"
"""Value, class, rows; values in order."""
Sums: TypeAlias = "Sequence[tuple[Key, int, float, float]]"
"""Value, rows, sum and sum of squares of the label less its mean; values in order."""

PARTS = 64
_REPEATS = 10  # rows of each value, below which it is no name of a class
_RARE = 10  # rows of the rarer class that a value has, or would have by chance, below which its share says nothing
_FEWEST = 30  # rows of each class, below which an order of values says nothing


def of_classes(found: Classes) -> float:
    """Rows that the majority of the other rows of their value predict, beyond what the largest class does (lambda)."""
    total: dict[str, int] = {}
    for _, label, n in found:
        total[label] = total.get(label, 0) + n
    rows, most = sum(total.values()), max(total.values(), default=0)
    if rows == most:
        return 0.0
    major = max(total, key=lambda c: (total[c], c))
    return max(0.0, (sum(_predicted(g, major) for g in _grouped(found).values()) - most) / (rows - most))


def _grouped(found: Classes) -> dict[Key, dict[str, int]]:
    groups: dict[Key, dict[str, int]] = {}
    for key, label, n in found:
        group = groups.setdefault(key, {})
        group[label] = group.get(label, 0) + n
    return groups


def _predicted(group: Mapping[str, int], major: str) -> int:
    """Rows of a group that its other rows predict; one that is alone is taken for the largest class."""
    if sum(group.values()) == 1:
        return group.get(major, 0)
    first, second, *_ = (*sorted(group.values(), reverse=True), 0)
    return first if first - 1 > second else 0


def of_order(found: Classes) -> float:
    """|2 AUC - 1| of two classes by the order of values, of which those missing count as nothing known."""
    labels = sorted({label for _, label, _ in found})
    if len(labels) != 2:
        return 0.0
    below = area = present = ranked = 0.0
    rows = sum(n for _, _, n in found)
    for group in (g for key, g in _grouped(found).items() if key is not None):
        a, b = group.get(labels[0], 0), group.get(labels[1], 0)
        area += a * (below + b / 2)
        below, ranked, present = below + b, ranked + a, present + a + b
    if min(below, ranked) < _FEWEST:
        return 0.0
    return abs(2 * area / (below * ranked) - 1) * present / rows


def by_share(found: Classes) -> Classes:
    """With values in the order of how often they are of the rarer of two classes, however rare it is; those of so few
    rows that it says little are taken for missing."""
    labels, groups = Counter[str](), _grouped(found)
    for _, label, n in found:
        labels[label] += n
    if len(labels) != 2:
        return []
    rarer, rarest = min(labels.items(), key=lambda c: (c[1], c[0]))
    share = rarest / labels.total()
    shares: dict[Key, float] = {}
    for key, group in groups.items():
        rows, rare = sum(group.values()), group.get(rarer, 0)
        if max(rare, rows * share) >= _RARE:
            shares[key] = rare / rows
    return sorted(((shares.get(k), y, n) for k, y, n in found), key=lambda f: (f[0] is None, f[0]))


def of_numbers(found: Sums) -> float:
    """Share of the label's variance that the mean of the other rows of the same value explains (R2)."""
    total = sum(q for _, _, _, q in found)
    if total <= 0:
        return 0.0
    left = sum(q if n == 1 else max(0.0, q - s * s / n) * (n / (n - 1)) ** 2 for _, n, s, q in found)
    return max(0.0, 1 - left / total)


def parted(rows: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    """To which of PARTS parts of equally many rows a value belongs; missing values are a part of their own."""
    counts: dict[Key, int] = {}
    for key, n in rows:
        if key is not None:
            counts[key] = counts.get(key, 0) + n
    total, before = sum(counts.values()), 0
    parts: dict[Key, int] = {}
    for key, n in counts.items():
        parts[key] = min(PARTS - 1, int(PARTS * (before + n / 2) / total))
        before += n
    return parts


def in_parts_of_classes(found: Classes) -> Classes:
    parts = parted((k, n) for k, _, n in found)
    return [(parts.get(k), y, n) for k, y, n in found]


def in_parts_of_numbers(found: Sums) -> Sums:
    parts = parted((k, n) for k, n, _, _ in found)
    summed: dict[Key, tuple[int, float, float]] = {}
    for key, n, s, q in found:
        a, b, c = summed.get(parts.get(key), (0, 0.0, 0.0))
        summed[parts.get(key)] = (a + n, b + s, c + q)
    return [(k, n, s, q) for k, (n, s, q) in summed.items()]


def missingness(found: Classes) -> float:
    """What is predicted by whether a value is there at all."""
    told: Classes = [(int(k is None), y, n) for k, y, n in sorted(found, key=lambda f: f[0] is None)]
    return max(of_classes(told), of_order(told)) if len({k for k, _, _ in told}) == 2 else 0.0


def missingness_of_numbers(found: Sums) -> float:
    summed = {0: (0, 0.0, 0.0), 1: (0, 0.0, 0.0)}
    for key, n, s, q in found:
        a, b, c = summed[int(key is None)]
        summed[int(key is None)] = (a + n, b + s, c + q)
    return of_numbers([(k, *v) for k, v in summed.items() if v[0]]) if summed[0][0] and summed[1][0] else 0.0


def renamed(found: Classes) -> bool:
    """Whether every value is one class and every class one value."""
    pairs = {(k, y) for k, y, _ in found}
    if sum(n for _, _, n in found) < _REPEATS * len(pairs):
        return False
    return len(pairs) == len({k for k, _ in pairs}) == len({y for _, y in pairs}) > 1
