"""Columns that say once more what time their partition is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import pytest

from dq.drift.learnt import Lesson, levels
from dq.drift.usual import unusual

Numbers: TypeAlias = Mapping[str, float]

FIRST = datetime(2026, 1, 10)
COLUMNS: dict[str, Callable[[datetime], Numbers]] = {
    "number": lambda t: {"x.mean": float(t.day), "x.size": float(t.day), "x.mode": 1.0, f"x.share of {t.day}": 1.0},
    "number of few rows": lambda t: {"x.mean": float(t.day), "x.size": float(t.day)},
    "month": lambda t: {"x.mean": float(t.month), f"x.share of {t.month}": 1.0},
    "text": lambda t: {f'x.share of "{t:%Y-%m-%d}"': 1.0, "x.mode": 1.0},
    "month as text": lambda t: {f'x.share of "{t:%m}"': 1.0},
}


def told(numbers: Numbers, past: list[Numbers], first: datetime = FIRST) -> list[str]:
    days = [first + timedelta(days=n) for n in range(len(past) + 1)]
    known = levels([Lesson(n, at=t) for n, t in zip(past, days, strict=False)][-28:], 3)
    return [u.message for u in unusual(numbers, known, days[-1])]


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_the_time_of_a_partition_changes_as_it_does(column: Callable[[datetime], Numbers]) -> None:
    past: list[Numbers] = []
    for n in range(80):
        numbers = {"table.rows": 100.0, **column(FIRST + timedelta(days=n))}
        assert told(numbers, past) == []
        past.append(numbers)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("number", "the mean of `x` is 9, where the partition's time says 10, as it always did"),
        ("number of few rows", "the mean of `x` is 9, where the partition's time says 10, as it always did"),
        ("month", "the mean of `x` is 1, where the partition's time says 3, as it always did"),
        ("text", '100 % of `x` is "2026-01-31", where the partition\'s time says 2026-03-10, as it always did'),
        ("month as text", '100 % of `x` is "01", where the partition\'s time says 3, as it always did'),
    ],
)
def test_another_time_is_told(column: str, says: str) -> None:
    past = [COLUMNS[column](FIRST + timedelta(days=n)) for n in range(59)]
    other = {"text": 21, "month": 3, "month as text": 3}.get(column, 58)
    assert told(COLUMNS[column](FIRST + timedelta(days=other)), past) == [says]


def test_a_constant_that_happens_to_be_the_time_is_a_constant() -> None:
    past: list[Numbers] = [{"x.mean": 1.0, "x.share of 1": 1.0, "table.rows": 100.0}] * 22  # until the end of January
    same = {"x.mean": 1.0, "x.share of 1": 1.0, "table.rows": 100.0}
    assert told(same, past) == []
    assert "100 % of `x` is 7, never before" in told({"x.mean": 7.0, "x.share of 7": 1.0, "table.rows": 100.0}, past)


def test_a_column_that_says_more_than_one_thing_is_no_time() -> None:
    past = [{"x.mean": float((FIRST + timedelta(days=n)).day), "table.rows": 100.0} for n in range(20)]
    past[10] = {"x.mean": 19.5, "table.rows": 100.0}
    assert told({"x.mean": 31.5, "table.rows": 100.0}, past) == []
