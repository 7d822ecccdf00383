"""What a partition's own history tells of it, in words: small tables in, messages out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dq.drift.learnt import Lesson, Seen, levels
from dq.drift.measured import measures, modes
from dq.drift.usual import unusual
from tests.golden.profile.answers import profile_of

FIRST, DAYS, ROWS = datetime(2026, 1, 5), 6, 200
TYPES = {
    "at": "timestamp(us)", "on": "date", "epoch": "int64", "user": "int64", "amount": "double", "born": "date",
    "zip": "string", "name": "string", "code": "string", "delay": "double",
}  # fmt: skip
Row = dict[str, Any]
NAMES = ("Müller", "Peña", "Łukasz", "Smith", "Ångström", "Jones")


def rows(day: int) -> list[Row]:
    draw, at = random.Random(day), FIRST + timedelta(days=day)
    moments = [at + timedelta(minutes=7.2 * n) for n in range(ROWS)]
    return [
        {
            "at": moment, "on": at.date(), "epoch": int((moment - datetime(1970, 1, 1)) / timedelta(milliseconds=1)),
            "user": draw.randrange(1, 10**6), "amount": round(draw.lognormvariate(3, 0.8), 2),
            "born": (at - timedelta(days=draw.randrange(7_000, 30_000))).date(),
            "zip": f"{draw.randrange(10**5):05}", "name": f"{draw.choice(NAMES)} {n}",
            "code": draw.choice("AAAABBBC"), "delay": round(draw.gauss(0, 10), 1),
        }
        for n, moment in enumerate(moments)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def history() -> Any:
    days = [(measures(profile_of(TYPES, rows(d))), FIRST + timedelta(days=d)) for d in range(DAYS)]
    return levels((Lesson(numbers, at=at) for numbers, at in days), 3)


def told(history: Any, change: Callable[[Row, int], Row]) -> Iterator[str]:
    """Of the day after them, changed."""
    here = profile_of(TYPES, [change(row, n) for n, row in enumerate(rows(DAYS))])
    found = unusual(measures(here), history, FIRST + timedelta(days=DAYS), modes(here))
    return (one.message for one in found)


def moved(column: str, **by: float) -> Callable[[Row, int], Row]:
    return lambda row, n: row | {column: row[column] + timedelta(**by)}


def some(column: str, value: Any, every: int) -> Callable[[Row, int], Row]:
    return lambda row, n: row | {column: value} if n % every == 0 else row


def misread(text: str, written: str, read: str) -> str:
    return text.encode(written, "ignore").decode(read, "replace")


def test_a_day_like_those_before_it_is_usual(history: Any) -> None:
    assert list(told(history, lambda row, n: row)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (moved("at", hours=5), "`at` begins 5 h after the partition's time, usually -3 h to 3 h"),
        (moved("at", days=-1), "`at` ends -0.12 h after the partition's time, usually 20.9 h to 26.9 h"),
        (moved("on", days=-1), "the middle day of `on` is -24 h after the partition's time, usually -3 h to 3 h"),
        (lambda row, n: row | {"at": datetime(1970, 1, 21)}, "`at` begins -20,444 days after the partition's"),
        (lambda row, n: row | {"epoch": row["epoch"] + 3_600_000 * 5}, "`epoch` begins 5 h after the partition's"),
        (lambda row, n: row | {"epoch": row["epoch"] // 1000}, "the numbers of `epoch` lie around 1,76"),
        (some("born", datetime(1970, 1, 1).date(), 5), "20 % of `born` is a placeholder for a date, never before"),
        (lambda row, n: row | {"code": "A"}, '0 % of `code` is "B", usually '),
        (lambda row, n: row | {"code": row["code"].replace("C", "A")}, '0 % of `code` is "C", usually '),
        (lambda row, n: row | {"amount": 7.5}, "100 % of `amount` is 7.5, usually "),
        (lambda row, n: row | {"amount": row["amount"] * 3}, "the median of `amount` is "),
        (some("amount", 9999.0, 5), "20 % of `amount` is 9999.0, usually "),
        (some("amount", -1.0, 15), "7 % of `amount` is negative, never before"),
        (some("user", 0, 15), "7 % of `user` is zero, never before"),
        (some("name", "N/A", 20), "5 % of `name` is words for a missing value, never before"),
        (lambda row, n: row | {"zip": row["zip"].lstrip("0")}, "of the texts of `zip` have the same length, usually "),
        (lambda row, n: row | {"zip": row["zip"][1:]}, "the texts of `zip` have 4 characters on average, usually 4.9"),
        (lambda row, n: row | {"name": misread(row["name"], "utf-8", "cp1252")}, "of the frequent texts of `name`"),
        (lambda row, n: row | {"name": misread(row["name"], "cp1252", "utf-8")}, "of the frequent texts of `name`"),
    ],
)  # fmt: skip
def test_what_departs_is_told(history: Any, change: Callable[[Row, int], Row], message: str) -> None:
    assert any(message in one for one in told(history, change)), list(told(history, change))


def test_no_band_of_what_is_never_negative_begins_below_zero(history: Any) -> None:
    (one,) = (m for m in told(history, lambda row, n: row | {"amount": row["amount"] * 9}) if "median" in m)
    assert " usually -" not in one
    signed = [m for m in told(history, lambda row, n: row | {"delay": row["delay"] + 90}) if "median" in m]
    assert " usually -" in signed[0]


def test_times_that_fall_behind_from_day_to_day_are_learnt() -> None:
    lessons = []
    for day, hours in enumerate([0, 0, 0, 0, 0, 0, -96, -120, -144]):
        at = FIRST + timedelta(days=day)
        since_1970 = (at - datetime(1970, 1, 1)) / timedelta(hours=1)
        lessons.append(Lesson({"at.earliest": since_1970 + hours}, frozenset(["at.earliest"] if hours else []), at=at))
    assert [seen.value for seen in levels(lessons, 3)["at.earliest"]] == [-96, -120, -144]


def test_of_partitions_without_a_time_no_distance_is_told() -> None:
    lessons = [Lesson(measures(profile_of(TYPES, rows(0)))) for _ in range(DAYS)]
    here = profile_of(TYPES, [row | {"at": row["at"] + timedelta(hours=9)} for row in rows(0)])
    assert unusual(measures(here), levels(lessons, 3)) == ()


def test_a_column_of_passing_values_has_no_usual_mix() -> None:
    types = {"level": "int64"}
    lessons = [Lesson(measures(profile_of(types, [{"level": 100 - d + n % 5} for n in range(200)]))) for d in range(9)]
    here = measures(profile_of(types, [{"level": 91 + n % 5} for n in range(200)]))
    assert unusual(here, levels(lessons, 3)) == ()


@pytest.mark.parametrize(
    ("name", "known", "value", "rows", "is_told"),
    [
        ("table.rows", [7.0] * 28, 10.0, 10, False),
        ("table.rows", [7.0] * 28, 30.0, 30, True),
        ("table.rows", [100.0] * 28, 60.0, 60, True),
        ("x.completeness", [1.0] * 28, 0.8, 5, False),
        ("x.completeness", [1.0] * 28, 0.5, 42, True),
        ("x.zeros", [0.0] * 27 + [0.1], 0.25, 8, False),
        ("x.zeros", [0.0] * 27 + [0.1], 0.25, 80, True),
    ],
)
def test_of_few_rows_chance_explains_more(
    name: str, known: list[float], value: float, rows: int, is_told: bool
) -> None:
    history = {"table.rows": tuple(map(Seen, [float(rows)] * 28)), name: tuple(map(Seen, known))}
    assert bool(unusual({"table.rows": rows, name: value}, history)) is is_told


def test_what_varies_in_its_own_way_is_learnt() -> None:
    rain = [
        0.0,
        0.0,
        3.1,
        0.0,
        0.4,
        0.0,
        0.0,
        11.0,
        0.0,
        1.9,
        6.2,
        0.0,
        0.0,
        0.9,
        0.0,
        0.0,
        4.4,
        0.0,
        8.0,
        0.0,
        0.0,
        2.6,
    ]
    lessons: list[Lesson] = []
    days = []
    for day, millimetres in enumerate(rain):
        found = unusual({"rain.mean": millimetres}, levels(lessons, 3))
        days += [day] if found else []
        lessons.append(Lesson({"rain.mean": millimetres}, frozenset(u.id for u in found)))
    assert days == [7]
    assert unusual({"rain.mean": 300.0}, levels(lessons, 3))


def test_the_band_that_is_told_is_of_the_history_alone() -> None:
    (one,) = unusual({"x.mean": 68.0}, {"x.mean": tuple(map(Seen, [0.0] * 28))})
    assert one.message == "the mean of `x` is 68, usually 0"
