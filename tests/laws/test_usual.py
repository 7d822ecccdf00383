"""What is usual: laws of the history of a number, and of the band around it."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.drift.usual import MINIMUM_HISTORY, SCALES, Lesson, levels, unusual

LAW = settings(deadline=None, derandomize=True, max_examples=50, suppress_health_check=list(HealthCheck))
NAMES = st.sampled_from(["table.rows", *(f"fare.{metric}" for metric in SCALES if metric != "rows")])


def number(name: str) -> st.SearchStrategy[float]:
    kind = SCALES[name.rpartition(".")[2]].kind
    if kind == "share":
        return st.floats(0, 1)
    return st.integers(0, 10**6).map(float) if kind == "count" else st.floats(-1e6, 1e6)


@st.composite
def histories(draw: st.DrawFn, least: int = 0) -> tuple[str, list[float], float]:
    name = draw(NAMES)
    return name, draw(st.lists(number(name), min_size=least, max_size=28)), draw(number(name))


@LAW
@given(histories())
def test_nothing_is_unusual_before_there_is_a_history(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    told = unusual({name: value}, {name: history})
    assert not told or len(history) >= MINIMUM_HISTORY


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_is_unusual_lies_outside_the_band_that_is_told(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    for one in unusual({name: value}, {name: history}):
        slack = 1e-9 * max(1.0, abs(value))
        assert not one.low + slack < value < one.high - slack
        assert one.partitions == len(history)
        assert all(math.isfinite(n) for n in (one.low, one.high, one.effect))


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_the_last_partition_had_is_usual(found: tuple[str, list[float], float]) -> None:
    name, history, _ = found
    assert unusual({name: history[-1]}, {name: history}) == ()


@LAW
@given(histories(), st.integers(1, 5))
def test_what_was_never_flagged_is_the_history(found: tuple[str, list[float], float], adopt_after: int) -> None:
    name, history, _ = found
    learnt = levels([Lesson({name: v}) for v in history], adopt_after)
    assert learnt.get(name, ()) == tuple(history)


@LAW
@given(histories(), st.integers(2, 5), st.data())
def test_fewer_flagged_numbers_than_must_agree_teach_nothing(
    found: tuple[str, list[float], float], adopt_after: int, data: st.DataObject
) -> None:
    name, history, value = found
    lessons = [Lesson({name: v}) for v in history]
    for _ in range(adopt_after - 1):
        lessons.insert(data.draw(st.integers(0, len(lessons))), Lesson({name: value}, frozenset({name})))
    assert levels(lessons, adopt_after).get(name, ()) == tuple(history)


@LAW
@given(histories(least=1), st.integers(1, 5))
def test_as_many_in_a_row_are_the_new_level(found: tuple[str, list[float], float], adopt_after: int) -> None:
    name, history, value = found
    lessons = [Lesson({name: v}) for v in history] + [Lesson({name: value}, frozenset({name}))] * adopt_after
    assert levels(lessons, adopt_after)[name] == (value,) * adopt_after


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
    assert learnt[: len(history)] == tuple(history)
    assert learnt.count(value) >= adopt_after


@LAW
@given(histories(least=MINIMUM_HISTORY))
def test_what_a_person_accepts_far_from_it_begins_the_history_anew(found: tuple[str, list[float], float]) -> None:
    name, history, value = found
    learnt = levels([*(Lesson({name: v}) for v in history), Lesson({name: value}, accepted=True)], 3)[name]
    assert learnt in ((*history, value), (value,))
    if unusual({name: value}, {name: history}):
        assert learnt == (value,)


def test_a_drop_is_told_with_what_is_usual() -> None:
    history = {"table.rows": [1000.0, 1020.0, 980.0, 1010.0, 990.0, 1000.0]}
    (one,) = unusual({"table.rows": 500.0}, history)
    assert one.message == "500 rows, usually 888 to 1,126"
    assert unusual({"table.rows": 930.0}, history) == ()


def test_weekends_are_usual_once_three_were_seen() -> None:
    days = [1000.0, 1010.0, 990.0, 1005.0, 995.0, 400.0, 405.0] * 4
    lessons: list[Lesson] = []
    told = []
    for day in days:
        found = unusual({"table.rows": day}, levels(lessons[-28:], 3))
        told.append(bool(found))
        lessons.append(Lesson({"table.rows": day}, frozenset(u.id for u in found)))
    assert sum(told) == 3
    assert not any(told[14:])


def test_growth_is_no_anomaly_and_a_stop_of_it_is() -> None:
    history = [1000.0 * 1.05**day for day in range(28)]
    assert unusual({"table.rows": 1000.0 * 1.05**28}, {"table.rows": history}) == ()
    (one,) = unusual({"table.rows": 500.0 * 1.05**28}, {"table.rows": history})
    assert one.low > 500.0 * 1.05**28


def test_more_rows_and_more_distinct_values_are_one_cause() -> None:
    history = {"table.rows": [1000.0] * 6, "name.distinct": [100.0] * 6, "fare.completeness": [1.0] * 6}
    found = unusual({"table.rows": 9000.0, "name.distinct": 900.0, "fare.completeness": 0.2}, history)
    assert [one.id for one in found] == ["table.rows", "fare.completeness"]
