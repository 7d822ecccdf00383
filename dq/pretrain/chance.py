"""What a random split does by itself to values that repeat, and how far what was found lies beyond it.

Of a value in n rows, each row lands in the split with probability p: k rows of it in the split, m in train. If the
split is random, train alone says what to expect. A row of train that has a copy in train is as likely as a row of the
split that has one there; a value that is in train once is as likely as one that is not in train at all. The sums below
have mean zero for every n, whatever the values are; their variance is exact.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHARED_SIGMAS = 3.72  # one side, p < 0.0001: one shared row beyond them fails
_UNSEEN_SIGMAS = 3.09  # p < 0.001


def shared(overlapping: int, repeated_in_train: int, sizes: Iterable[tuple[int, int]], p: float) -> tuple[float, bool]:
    """Rows of the split that are in train beyond those that duplicates inside train explain, and whether they are too
    many for chance. `sizes` are (n, number of values in n rows)."""
    q = 1 - p
    excess = overlapping - p / q * repeated_in_train
    variance = sum(groups * _shared_variance(n, p) for n, groups in sizes)
    return excess, excess > _SHARED_SIGMAS * math.sqrt(variance)


def unseen(rows: int, once_in_train: int, sizes: Iterable[tuple[int, int]], p: float) -> tuple[float, bool]:
    """Rows of the split whose value is not in train, beyond those that rare values explain (Good and Turing)."""
    q = 1 - p
    excess = rows - p / q * once_in_train
    variance = sum(groups * _unseen_variance(n, p) for n, groups in sizes)
    return excess, excess > _UNSEEN_SIGMAS * math.sqrt(variance)


def _unseen_variance(n: int, p: float) -> float:
    """Of k [m = 0] - p/q [m = 1]."""
    q = 1 - p
    return n * n * p**n + (p / q) ** 2 * n * q * p ** (n - 1)


def _shared_variance(n: int, p: float) -> float:
    """Of k [m > 0] - p/q m [m > 1], which is (k - p/q m) less the sum above."""
    q = 1 - p
    covariance = n * n * p**n - p / q * (n - 1 - n * p) / q * n * q * p ** (n - 1)
    return max(0.0, n * p / q + _unseen_variance(n, p) - 2 * covariance)
