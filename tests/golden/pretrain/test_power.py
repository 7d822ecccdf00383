"""How much one feature predicts, out of sample."""

from __future__ import annotations

import random

import pytest

from dq.pretrain import power


def test_the_label_itself_predicts_everything() -> None:
    found = [(1, "a", 500), (2, "b", 500)]
    assert power.of_classes(found) == power.of_order(found) == 1
    assert power.renamed(found)
    assert not power.renamed([*found, (2, "a", 1)])
    assert not power.renamed([(1, "a", 2), (2, "b", 2)])


def test_values_that_occur_once_predict_nothing() -> None:
    """In sample each would predict its own row."""
    unique = [(n, "ab"[n % 2], 1) for n in range(1000)]
    assert power.of_classes(unique) == 0
    assert power.of_numbers([(n, 1, z := (n % 2) - 0.5, z * z) for n in range(1000)]) == 0


def test_no_feature_knows_what_is_random() -> None:
    draw = random.Random(5)
    rows = sorted((draw.randrange(300), draw.choice("ab")) for _ in range(3000))
    found = [(k, y, rows.count((k, y))) for k, y in sorted(set(rows))]
    assert power.of_classes(found) < 0.05
    assert power.of_order(found) < 0.1
    assert power.of_classes(power.in_parts_of_classes(found)) < 0.1


def test_a_leave_one_out_majority_by_hand() -> None:
    """Of 2 a and 1 b only the a's are told by the others; of 1 a and 1 b nobody; alone is the largest class."""
    assert power.of_classes([(1, "a", 6), (1, "b", 1), (2, "b", 5)]) == pytest.approx((6 + 5 - 6) / 6)
    assert power._predicted({"a": 2, "b": 1}, "a") == 0
    assert power._predicted({"a": 3, "b": 1}, "a") == 3
    assert power._predicted({"b": 1}, "a") == 0
    assert power._predicted({"a": 1}, "a") == 1


def test_order_against_all_pairs() -> None:
    draw = random.Random(3)
    values = [(draw.randrange(40), y) for y in "ab" * 150]
    values = [(x + (4 if y == "b" else 0), y) for x, y in values]
    counts = sorted((x, y, values.count((x, y))) for x, y in set(values))
    pairs = [(x > z) + (x == z) / 2 for x, y in values if y == "b" for z, w in values if w == "a"]
    assert power.of_order(counts) == pytest.approx(abs(2 * sum(pairs) / len(pairs) - 1))


def test_missing_values_count_as_nothing_known() -> None:
    half = [(0, "a", 250), (1, "b", 250), (None, "a", 250), (None, "b", 250)]
    assert power.of_order(half) == pytest.approx(0.5)
    assert power.missingness(half) == 0
    assert power.missingness([(0, "a", 500), (None, "b", 500)]) == 1


def test_a_curve_is_seen_in_parts_of_the_range() -> None:
    """A label that is large at both ends of the feature correlates with nothing."""
    rows = [(x, 1, x * x - 1 / 3, (x * x - 1 / 3) ** 2) for x in (n / 5000 - 1 for n in range(10001))]
    assert power.of_numbers(power.in_parts_of_numbers(rows)) > 0.99
    missing = [(0, 50, 50.0, 50.0), (None, 50, -50.0, 50.0)]
    assert power.missingness_of_numbers(missing) == pytest.approx(1)


def test_what_tells_a_rare_class_is_power_though_no_value_has_a_majority_of_it() -> None:
    found = [("no", "bad", 10), ("no", "good", 8_280), ("yes", "bad", 80), ("yes", "good", 920)]
    assert power.of_classes(found) == 0
    assert power.of_order(power.by_share(found)) == pytest.approx(80 / 90 - 920 / 9_200)
    by_chance = [(n, label, rows) for n in range(300) for label, rows in (("bad", n % 3), ("good", 98 + n % 5))]
    assert power.of_order(power.by_share(by_chance)) == 0  # one or two of a hundred
