"""What a column of few values is made of, against the partitions before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.drift.learnt import Lesson, levels
from dq.drift.measured import measures
from dq.drift.mix import METRIC, is_share, parts
from dq.drift.usual import summary, unusual
from dq.ir.result import Unusual
from tests.golden.profile.answers import profile_of

EVEN = {"cat": 330, "dog": 340, "bird": 330}


def lesson(counts: dict[Any, int], **options: Any) -> dict[str, float]:
    rows = [{"label": value} for value, n in counts.items() for _ in range(n)]
    kind = {bool: "bool", int: "int64"}.get(type(next(iter(counts))), "string")
    return measures(profile_of({"label": kind}, rows), **options)


def found(before: list[dict[Any, int]], now: dict[Any, int]) -> tuple[Unusual, ...]:
    return unusual(lesson(now), levels([Lesson(lesson(counts)) for counts in before], 3))


def test_a_mix_that_shifts_is_told_once() -> None:
    told = found([EVEN] * 6, {"cat": 830, "dog": 90, "bird": 80})
    assert {u.metric for u in told} == {f'{METRIC}"cat"', f'{METRIC}"dog"', f'{METRIC}"bird"'}
    assert summary(told) == '83 % of `label` is "cat", usually 24 % to 42 % (and 2 more)'


def test_a_value_that_never_was() -> None:
    (one,) = found([EVEN] * 6, EVEN | {"lion": 15})
    assert one.message == '1.5 % of `label` is "lion", never before'


def test_a_value_that_is_gone() -> None:
    told = found([EVEN] * 6, {"cat": 500, "dog": 500})
    assert ('share of "bird"', 0.0) in {(u.metric, u.observed) for u in told}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([EVEN] * 6, {"cat": 360, "dog": 350, "bird": 290}),
        ([EVEN] * 6, EVEN | {"lion": 9}),  # hardly a category
        ([EVEN] * 4, {"cat": 830, "dog": 90, "bird": 80}),  # too short a history
        ([{"cat": 20, "dog": 20}] * 6, {"cat": 36, "dog": 4}),  # too few rows
        ([{f"{n:03}": 10 for n in range(120)}] * 6, {f"{n:03}": 10 for n in range(120, 240)}),  # too many values
        ([EVEN, {"lion": 1000}] * 3, EVEN),  # it comes and goes
        ([EVEN | {f"{n}": 20} for n in range(6)], EVEN | {"lion": 20}),  # there is a new one each time
    ],
)
def test_what_is_not_told(before: list[dict[Any, int]], now: dict[Any, int]) -> None:
    assert found(before, now) == ()


@pytest.mark.parametrize("values", [(True, False), (1, 2)])
def test_other_kinds_of_categories(values: tuple[Any, Any]) -> None:
    a, b = values
    told = found([{a: 500, b: 500}] * 6, {a: 950, b: 50})
    assert sorted(u.observed for u in told) == [0.05, 0.95]


def test_values_of_private_columns_are_not_remembered() -> None:
    assert any(is_share(n) for n in lesson(EVEN))
    assert not any(is_share(n) for n in (*lesson(EVEN, private=["label"]), *lesson(EVEN, values=False)))


def test_a_new_mix_that_stays_is_learnt() -> None:
    shifted = lesson({"cat": 830, "dog": 90, "bird": 80})
    flagged = Lesson(shifted, frozenset(n for n in shifted if is_share(n)))
    assert unusual(shifted, levels([Lesson(lesson(EVEN))] * 6 + [flagged] * 3, 3)) == ()


@settings(deadline=None, derandomize=True)
@given(st.text(), st.text())
def test_names_hold_any_value(column: str, value: str) -> None:
    name = f"{column}.{METRIC}{json.dumps(value, ensure_ascii=False)}"
    assert parts(name)[1] == f"{METRIC}{json.dumps(value, ensure_ascii=False)}"
    assert parts(f"{column}.median") == (column, "median")
