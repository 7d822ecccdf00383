"""Two tables in, differences out: diff.toml is editable without programming."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dq.drift import diff
from dq.profile import Profile, merge
from tests.golden.profile.answers import Rows, profile_of

CASES = tomllib.loads((Path(__file__).parent / "diff.toml").read_text())["case"]


def rows_of(values: list[list[Any]]) -> Rows:
    return [{"x": None if v == "NULL" else v} for v, n in values for _ in range(n)]


def of(type_: str, values: list[Any], **more: Any) -> Profile:
    return profile_of({"x": type_}, [{"x": v} for v in values], **more)


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_diff(case: dict[str, Any]) -> None:
    a, b = (profile_of({"x": case["type"]}, rows_of(case[side])) for side in "ab")
    found = diff(a, b)
    expected = case.get("differences", [])
    assert [(d.kind, d.severity) for d in found] == [(e["kind"], e["severity"]) for e in expected]
    for difference, wanted in zip(found, expected, strict=True):
        assert wanted["says"] in difference.message
        assert list(difference.examples) == wanted.get("examples", list(difference.examples))


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_a_table_is_like_itself(case: dict[str, Any]) -> None:
    found = profile_of({"x": case["type"]}, rows_of(case["b"]))
    assert diff(found, found) == ()


def test_layout() -> None:
    a = profile_of(
        {"Province/State": "string", "n": "int64", "code": "int64", "s": "struct(a: int64)"},
        [{"Province/State": "Hubei", "n": 1, "code": 7, "s": {"a": 1}}],
    )
    b = profile_of(
        {"Province_State": "string", "n": "double", "code": "string"},
        [{"Province_State": "Hubei", "n": 1.0, "code": "7"}],
    )
    assert [(d.severity, d.kind, d.column, d.message) for d in diff(a, b, ("monday", "tuesday"))] == [
        (
            "fail",
            "column_removed",
            "Province/State",
            "column `Province/State` is not in tuesday; `Province_State` is new and looks like it",
        ),
        ("fail", "column_retyped", "code", "`code` is string in tuesday, int64 in monday"),
        ("fail", "column_removed", "s", "column `s` is not in tuesday"),
        ("warn", "column_added", "Province_State", "column `Province_State` is not in monday"),
        ("warn", "column_retyped", "n", "`n` is double in tuesday, int64 in monday"),
    ]


def test_columns_missing_in_the_same_rows_are_one_message() -> None:
    types = {"vendor": "int64", "tip": "int64", "fare": "int64"}
    whole = [{"vendor": 1, "tip": 2, "fare": 3}] * 10_000
    holes = [{"vendor": None, "tip": None, "fare": 3}] * 60 + whole[60:]
    (found,) = diff(profile_of(types, whole), profile_of(types, holes))
    assert (found.column, found.also) == ("vendor", ("tip",))
    assert found.message.endswith("in A; the same in `tip`")


def test_a_shift_of_numbers_is_found_and_said_in_quantiles() -> None:
    a, b = of("double", [i / 10 for i in range(2000)]), of("double", [i / 10 + 30 for i in range(2000)])
    (found,) = diff(a, b)
    assert (found.kind, found.severity) == ("distribution", "warn")
    assert found.effect == pytest.approx(0.15, abs=0.01)
    assert found.p_value is not None
    assert found.p_value < 1e-9
    assert "(KS distance 0.15)" in found.message


def test_whole_numbers_that_do_not_repeat_are_identifiers() -> None:
    assert diff(of("int64", list(range(2000))), of("int64", list(range(2000, 4000)))) == ()


def test_identifiers_of_a_delivery_are_a_remark() -> None:
    a, b = (of("string", [f"{first + i % 50}" for i in range(2000)]) for first in (536_000, 537_000))
    (found,) = diff(a, b)
    assert (found.kind, found.severity) == ("identifiers", "info")


def test_length_of_various_texts() -> None:
    a, b = (of("string", ["x" * (i % size) + str(i) for i in range(2000)]) for size in (10, 20))
    assert [(d.kind, d.severity) for d in diff(a, b)] == [("lengths", "fail")]


def test_look_of_various_texts_alone_never_fails() -> None:
    a, b = of("string", [f"{i:05}" for i in range(2000)]), of("string", [f"{i:04}x" for i in range(2000)])
    assert [(d.kind, d.severity) for d in diff(a, b)][-1] == ("masks", "warn")


def test_cardinality() -> None:
    a, b = (of("double", [i % n / n for i in range(4000)]) for n in (1000, 150))
    assert [(d.kind, d.severity) for d in diff(a, b)] == [("cardinality", "warn")]


def test_cardinality_allows_for_rows_and_for_the_error_of_the_estimate() -> None:
    more_rows = [of("string", [f"user {i:05}" for i in range(n)]) for n in (1500, 2900)]
    assert diff(*more_rows) == ()
    hardly_double = [of("double", [i % n / n for i in range(4000)]) for n in (400, 840)]
    assert diff(*hardly_double) == ()


def test_a_merged_profile_counts_as_its_average_partition() -> None:
    day = [of("int64", [1] * 1000, key=f"dt={i}") for i in range(3)]
    assert diff(merge(merge(day[0], day[1]), day[2]), day[0]) == ()
    (found,) = diff(merge(day[0], day[1]), of("int64", [1] * 300))
    assert "B has 300 rows, A has 1,000 rows per partition" in found.message


def test_many_columns_do_not_raise_a_false_alarm_by_their_number() -> None:
    """p = 0.0004 counts for a column alone, and does not for one of two hundred."""
    others = {f"c{i}": "bool" for i in range(200)}
    types = {**others, "x": "string"}
    left, right = ([dict.fromkeys(others, True) | {"x": "ab"[i < n]} for i in range(600)] for n in (300, 361))
    alone = diff(profile_of({"x": "string"}, left), profile_of({"x": "string"}, right))
    assert [d.kind for d in alone] == ["categories"]
    assert diff(profile_of(types, left), profile_of(types, right)) == ()


def test_personal_data_is_compared_by_counts_only() -> None:
    rows = [{"x": f"{i}@example.org"} for i in range(1000)]
    holes = [{"x": None if i % 10 == 3 else r["x"]} for i, r in enumerate(rows)]
    a, b = (profile_of({"x": "string"}, r, pii={"x"}) for r in (rows, holes))
    assert [(d.kind, d.examples) for d in diff(a, b)] == [("completeness", ())]
