"""What chance does to values that repeat: mean and variance against all ways in which rows can fall."""

from __future__ import annotations

import math
from itertools import product

import pytest

from dq.pretrain import chance

SIZES = (1, 2, 3, 5, 9)
SHARES = (0.1, 0.2, 0.5)


def fallen(n: int, p: float) -> list[tuple[float, int, int]]:
    """Probability, rows in the split, rows in train."""
    return [(math.comb(n, k) * p**k * (1 - p) ** (n - k), k, n - k) for k in range(n + 1)]


@pytest.mark.parametrize(("n", "p"), list(product(SIZES, SHARES)))
def test_a_random_split_is_expected_exactly(n: int, p: float) -> None:
    """The excess is zero on average, and its variance is the one that is taken for it."""
    for measure, variance, rows, known in (
        (chance.shared, chance._shared_variance, lambda k, m: k if m else 0, lambda m: m if m > 1 else 0),
        (chance.unseen, chance._unseen_variance, lambda k, m: 0 if m else k, lambda m: int(m == 1)),
    ):
        found = [(w, measure(rows(k, m), known(m), [], p)[0]) for w, k, m in fallen(n, p)]
        assert sum(w * x for w, x in found) == pytest.approx(0, abs=1e-12)
        assert sum(w * x * x for w, x in found) == pytest.approx(variance(n, p), abs=1e-12)


def test_planted_rows_are_beyond_chance_and_natural_ones_are_not() -> None:
    p, pairs = 0.2, 4_000  # duplicates: of 4,000 pairs 64 % lie in train, 32 % across
    natural = round(0.32 * pairs)
    inside = 2 * round(0.64 * pairs)
    excess, beyond = chance.shared(natural, inside, [(2, pairs)], p)
    assert abs(excess) < 1
    assert not beyond
    assert not chance.shared(natural + 90, inside, [(2, pairs + 90)], p)[1]
    excess, beyond = chance.shared(natural + 300, inside, [(2, pairs + 300)], p)
    assert beyond
    assert excess == pytest.approx(300, abs=1)


def test_a_handful_may_be_chance_where_nothing_repeats() -> None:
    assert not chance.shared(1, 0, [(2, 1)], 0.2)[1]
    assert chance.shared(10, 0, [(2, 10)], 0.2)[1]
    assert not chance.unseen(1, 0, [(1, 1)], 0.2)[1]
    assert chance.unseen(50, 0, [(50, 1)], 0.2) == (50, True)


def test_values_that_occur_once_explain_unseen_ones() -> None:
    """All values are unique: every row of the split has an unseen one, by nature."""
    excess, beyond = chance.unseen(200, 800, [(1, 1000)], 0.2)
    assert excess == pytest.approx(0)
    assert not beyond
