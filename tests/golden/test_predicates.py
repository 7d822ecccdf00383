"""Conditions that only Python can judge, value by value."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from dq.ir.predicates import PREDICATES, predicate

TABLE: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("matches", r"^(?!a)\d+\Z", ["1", 12], ["a", "1\n", 1.5, ""]),
    ("matches", "(a)\\1", ["aa"], ["ab"]),
    ("text_length", [1, 3, False, True], ["a", "é😀", 10, 7], ["", "abc", 1.0]),
    ("text_length", [3, None, True, False], ["abcd", True, datetime(2020, 1, 1)], ["abc", 123]),
    ("json", None, ["{}", "1", "NaN", '"é"'], ["", "{", "[1,]", "[" * 100_000]),
    ("json_schema", {"type": "object", "required": ["a"]}, ['{"a": 1}'], ["{}", "[]", "{"]),
    ("strptime", "%Y-%m-%d", ["2020-02-29"], ["2021-02-29", "2020-02-29 ", ""]),
    ("moment", ["<=", "2020-03-01T12:00:00"], ["2020-2-9", " 2020-02-29T23:59:59.5Z ", "2020-03-01T14:00:00+02:00"],
     ["2020-03-01 12:00:01", "2020-02-30", "20200201", "2020-02-01 x", ""]),
    ("moment", [">", "2020-03-01T12:00:00+00:00"], ["2020-03-02", "2020-03-01 11:00-03:00"], ["2020-03-01", "x"]),
    ("dateutil", None, ["2020-02-29", "Feb 29 2020", "10:00"], ["2021-02-29", "x", "99999999999999999999"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "good", "bad"), TABLE)
def test_values(name: str, args: Any, good: list[Any], bad: list[Any]) -> None:
    condition = predicate(name, json.dumps(args))
    assert [v for v in good if not condition(v)] == []
    assert [v for v in bad if condition(v)] == []


def test_every_name_is_in_the_table() -> None:
    assert {name for name, *_ in TABLE} == set(PREDICATES)


@pytest.mark.parametrize(("name", "args"), [("json_schema", {"type": "nonsense"}), ("matches", "(")])
def test_wrong_arguments_are_refused(name: str, args: Any) -> None:
    with pytest.raises(ValueError, match=r"nonsense|cannot be read"):
        predicate(name, json.dumps(args))
