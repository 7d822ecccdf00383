"""What is usual: laws of the history of a number, and of the band around it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.drift.learnt import Lesson, Seen, levels
from dq.drift.placed import PLACED
from dq.drift.scale import SCALES
from dq.drift.usual import MINIMUM_HISTORY, unusual

LAW = settings(deadline=None, derandomize=True, max_examples=50, suppress_health_check=list(HealthCheck))
NAMES = st.sampled_from(
    ["table.rows", *(f"fare.{metric}" for metric in SCALES if metric != "rows" and metric not in PLACED)]
)


def number(name: str) -> st.SearchStrategy[float]:
    kind = SCALES[name.rpartition(".")[2]].kind
    if kind == "share":
        return st.floats(0, 1)
    return st.integers(0, 10**6).map(float) if kind == "count" else st.floats(-1e6, 1e6)


def seen(values: Iterable[float]) -> tuple[Seen, ...]:
    return tuple(map(Seen, values))


@st.composite
def histories(draw: st.DrawFn, least: int = 0) -> tuple[str, list[float], float]:
    name = draw(NAMES)
    return name, draw(st.lists(number(name), min_size=least, max_size=28)), draw(number(name))


@LAW
@given(histories())
def test_nothing_is_unusual_before_there_is_a_history(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    told = unusual({name: value}, {name: seen(history)})
    assert not told or len(history) >= MINIMUM_HISTORY


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_is_unusual_lies_outside_the_band_that_is_told(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    for one in unusual({name: value}, {name: seen(history)}):
        slack = 1e-9 * max(1.0, abs(value))
        assert not one.low + slack < value < one.high - slack
        assert one.partitions == len(history)
        assert all(math.isfinite(n) for n in (one.low, one.high, one.effect))


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_the_last_partition_had_is_usual(found: tuple[str, list[float], float]) -> None:
    name, history, _ = found
    assert unusual({name: history[-1]}, {name: seen(history)}) == ()


@LAW
@given(histories(), st.integers(1, 5))
def test_what_was_never_flagged_is_the_history(found: tuple[str, list[float], float], adopt_after: int) -> None:
    name, history, _ = found
    learnt = levels([Lesson({name: v}) for v in history], adopt_after)
    assert learnt.get(name, ()) == seen(history)


@LAW
@given(histories(), st.integers(2, 5), st.data())
def test_fewer_flagged_numbers_than_must_agree_teach_nothing(
    found: tuple[str, list[float], float], adopt_after: int, data: st.DataObject
) -> None:
    name, history, value = found
    lessons = [Lesson({name: v}) for v in history]
    for _ in range(adopt_after - 1):
        lessons.insert(data.draw(st.integers(0, len(lessons))), Lesson({name: value}, frozenset({name})))
    assert levels(lessons, adopt_after).get(name, ()) == seen(history)


@LAW
@given(histories(least=1), st.integers(1, 5))
def test_as_many_in_a_row_are_the_new_level(found: tuple[str, list[float], float], adopt_after: int) -> None:
    name, history, value = found
    lessons = [Lesson({name: v}) for v in history] + [Lesson({name: value}, frozenset({name}))] * adopt_after
    assert levels(lessons, adopt_after)[name] == seen([value] * adopt_after)


@LAW
@given(histories(least=1), st.integers(2, 5))
def test_as_many_with_others_between_are_normal_beside_them(
    found: tuple[str, list[float], float], adopt_after: int
) -> None:
    name, history, value = found
    lessons = [Lesson({name: v}) for v in history]
    for _ in range(adopt_after):
        lessons += [Lesson({name: value}, frozenset({name})), Lesson({name: history[-1]})]
    learnt = levels(lessons, adopt_after)[name]
    assert learnt[: len(history)] == seen(history)
    assert learnt.count(Seen(value)) >= adopt_after


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_a_person_accepts_far_from_it_begins_the_history_anew(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    learnt = levels([*(Lesson({name: v}) for v in history), Lesson({name: value}, accepted=True)], 3)[name]
    assert learnt in (seen([*history, value]), seen([value]))
    if unusual({name: value}, {name: seen(history)}):
        assert learnt == seen([value])


def test_a_drop_is_told_with_what_is_usual() -> None:
    history = {"table.rows": seen([1000.0, 1020.0, 980.0, 1010.0, 990.0, 1000.0])}
    (one,) = unusual({"table.rows": 500.0}, history)
    assert one.message == "500 rows, usually 888 to 1,126"
    assert unusual({"table.rows": 930.0}, history) == ()


MONDAY = datetime(2026, 1, 5)
WEEK = (1000.0, 1010.0, 990.0, 1005.0, 1100.0, 560.0, 420.0)


def dated(values: Iterable[float], step: timedelta = timedelta(days=1)) -> list[Lesson]:
    return [Lesson({"table.rows": v}, partition=str(n), at=MONDAY + n * step) for n, v in enumerate(values)]


def rows_on(day: int, rows: float, history: list[Lesson], step: timedelta = timedelta(days=1)) -> list[str]:
    return [u.message for u in unusual({"table.rows": rows}, levels(history, 3), MONDAY + day * step)]


def test_a_weekday_is_held_against_its_like() -> None:
    noise = [1 + 0.03 * math.sin(5 * n) for n in range(28)]
    known = dated(v * f for v, f in zip(WEEK * 4, noise, strict=True))
    for day, rows in enumerate(WEEK, 28):
        assert rows_on(day, rows, known) == []
        (low,), (high,) = rows_on(day, rows / 2, known), rows_on(day, rows * 2, known)
        assert f"usual for a {MONDAY + timedelta(days=day):%A}: " in low
        assert f"usual for a {MONDAY + timedelta(days=day):%A}: " in high
    (one,) = rows_on(33, 1000.0, known)  # a working day's on a Saturday
    assert one.startswith("1,000 rows, usual for a Saturday: ")


@pytest.mark.parametrize(("saturday", "days"), [(560.0, []), (140.0, [5, 6, 12])])
def test_the_first_weekends_are_told_where_rows_more_than_halve(saturday: float, days: list[int]) -> None:
    history: list[Lesson] = []
    told = []
    for day, rows in enumerate((*WEEK[:5], saturday, 0.75 * saturday) * 4):
        found = rows_on(day, rows, history)
        told += [day] if found else []
        flagged = frozenset(["table.rows"] if found else [])
        history += [Lesson({"table.rows": rows}, flagged, at=MONDAY + timedelta(days=day))]
    assert told == days


def test_without_a_pattern_weekdays_are_days_like_others() -> None:
    chance = Random(1)
    known = dated(chance.gauss(1000, 20) for n in range(28))
    (one,) = rows_on(33, 500.0, known)
    assert one.startswith("500 rows, usually ")


def test_a_level_grows_from_week_to_week() -> None:
    known = dated(v * 1.03**n for n, v in enumerate(WEEK * 4))
    assert rows_on(33, 560.0 * 1.03**33, known) == []
    assert len(rows_on(33, 560.0 * 1.03**33 / 1.7, known)) == 1


def test_an_hour_is_held_against_the_same_hour() -> None:
    hour = timedelta(hours=1)
    curve = [200.0 + 800.0 * max(0.0, math.sin(math.pi * (h - 5) / 19)) for h in range(24)]
    known = dated(curve * 7, hour)
    alike = [one for n, one in enumerate(known) if n % 24 == 2 or n >= 7 * 24 - 26]
    assert rows_on(7 * 24 + 2, 200.0, alike, hour) == []
    (one,) = rows_on(7 * 24 + 2, 400.0, alike, hour)
    assert one.startswith("400 rows, usual for 02:00: ")
    told = [n for n in range(5, 24) if rows_on(n, curve[n], known[:n], hour)]
    assert told == []  # the first morning


def test_growth_is_no_anomaly_and_a_stop_of_it_is() -> None:
    history = [1000.0 * 1.05**day for day in range(28)]
    assert unusual({"table.rows": 1000.0 * 1.05**28}, {"table.rows": seen(history)}) == ()
    (one,) = unusual({"table.rows": 500.0 * 1.05**28}, {"table.rows": seen(history)})
    assert one.low > 500.0 * 1.05**28


def test_more_rows_and_more_distinct_values_are_one_cause() -> None:
    history = {"table.rows": seen([1000.0] * 6), "name.distinct": seen([100.0] * 6)}
    history["fare.completeness"] = seen([1.0] * 6)
    found = unusual({"table.rows": 9000.0, "name.distinct": 900.0, "fare.completeness": 0.2}, history)
    assert [one.id for one in found] == ["table.rows", "fare.completeness"]
