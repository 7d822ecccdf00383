"""Rulesets come back from print as they were, whatever they say; limits over earlier numbers are what they say."""

from __future__ import annotations

import re
import statistics
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.operands import Fault, number
from dq.dialects.dqdl.parse import parse
from dq.dialects.dqdl.printing import text
from dq.dialects.dqdl.registry import RULES
from dq.errors import SuiteError
from dq.ir.check import Bound, Condition
from dq.ir.recall import NoHistory, settled

LAW = settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
ANY_WORDS = st.text('ab"\\#/\n $é,[]{}()=', max_size=6)
WORDS = ANY_WORDS.filter(lambda w: not re.search(r"(?<!\\)(\\\\)*\\(\"|$)", w))  # what can stand in quotes as it is
NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,5}", fullmatch=True).filter(
    lambda n: (
        n not in {"and", "or", "of", "in", "not", "between", "matches", "where", "with", "labels", "null", "empty"}
    )
)
FLOATS = st.floats(-1e9, 1e9).map(lambda f: float(f"{f:.6f}"))
NUMBERS: st.SearchStrategy[Any] = st.builds(t.Number, st.integers(-(10**9), 10**12) | FLOATS)
TEXTS = st.builds(t.Text, WORDS)
LISTED = st.builds(t.Text, ANY_WORDS)
VARIABLES = st.builds(t.Variable, NAMES)
AMOUNTS = st.builds(t.Amount, st.integers(0, 99), st.sampled_from(["days", "hours", "minutes", "B", "KB", "TB"]))
KEYWORDS = st.builds(t.Keyword, st.sampled_from(["NULL", "EMPTY", "WHITESPACES_ONLY"]))
OPERANDS: st.SearchStrategy[Any] = st.recursive(
    NUMBERS | TEXTS | VARIABLES | AMOUNTS | KEYWORDS | st.just(t.Called("now")),
    lambda inner: (
        st.builds(t.Arithmetic, st.sampled_from("+-*/"), inner, inner)
        | st.builds(t.Called, st.sampled_from(["last", "avg", "index"]), st.lists(inner, max_size=2).map(tuple))
    ),
    max_leaves=5,
)
LISTS = st.lists(OPERANDS, min_size=1, max_size=3).map(tuple)
CONDITIONS = st.one_of(
    st.builds(t.Condition, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.tuples(OPERANDS)),
    st.builds(t.Condition, st.just("between"), st.tuples(OPERANDS, OPERANDS), st.booleans()),
    st.builds(
        t.Condition, st.just("in"), st.lists(OPERANDS | LISTED, min_size=1, max_size=3).map(tuple), st.booleans()
    ),
    st.builds(t.Condition, st.just("matches"), st.tuples(TEXTS | VARIABLES), st.booleans()),
)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=2).map(tuple)
TAGS = st.builds(t.Tag, NAMES, CONDITIONS | LISTS)
RULE = st.builds(
    t.Rule,
    st.sampled_from(sorted(RULES)),
    st.lists(TEXTS | VARIABLES, max_size=2).map(tuple),
    st.none() | CONDITIONS,
    st.none() | TEXTS | VARIABLES,
    st.just(()) | PAIRS,
    st.lists(TAGS, max_size=2).map(tuple),
)


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    joined = st.builds(
        t.Group, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple), st.just(()) | PAIRS
    )
    alone = st.builds(lambda rule, labels: t.Group("and", (rule,), labels), RULE, PAIRS)
    return joined | alone


ITEMS: st.SearchStrategy[Any] = st.recursive(RULE, groups, max_leaves=4)
VALUES = WORDS | st.lists(WORDS, min_size=1, max_size=2).map(tuple)
DICTS = st.dictionaries(WORDS, VALUES, min_size=1, max_size=2).map(lambda d: tuple(d.items()))
RULESETS = st.builds(
    t.Ruleset,
    st.just(()) | DICTS,
    st.just(()) | DICTS,
    st.dictionaries(NAMES, VALUES, max_size=2).map(lambda d: tuple(d.items())),
    st.just(()) | PAIRS,
    st.none() | st.lists(ITEMS, max_size=3).map(tuple),
    st.none() | st.lists(RULE, max_size=2).map(tuple),
)


@settings(LAW, max_examples=120)
@given(RULESETS)
def test_what_is_printed_is_read_back(ruleset: t.Ruleset) -> None:
    printed = text(ruleset)
    assert parse(printed, "r.dqdl") == ruleset
    assert (
        parse(printed.replace("\n", "\r\n") if "\n" not in repr(ruleset).replace("\\\\", "") else printed, "r")
        == ruleset
    )
    assert text(parse(printed, "r.dqdl")) == printed


@settings(LAW, max_examples=200)
@given(st.text(st.sampled_from('Rules=[]()"ab 1.>-*,/#\n$andlst'), max_size=40))
def test_any_text_is_a_ruleset_or_an_error_with_its_line(written: str) -> None:
    try:
        found = parse(written, "r.dqdl")
    except SuiteError as error:
        told = str(error)
    else:
        told = "r.dqdl:"
        assert parse(text(found), "r.dqdl") == found
    assert told.startswith("r.dqdl:")


def arithmetic(ops: list[str], values: list[float]) -> float:
    total = values[0]
    for op, value in zip(ops, values[1:], strict=False):
        total = {"+": total + value, "-": total - value, "*": total * value, "/": total / value if value else 0.0}[op]
    return total


@LAW
@given(st.lists(st.sampled_from("+-*"), min_size=1, max_size=4), st.lists(st.integers(-9, 9), min_size=5, max_size=5))
def test_arithmetic_goes_from_left_to_right(ops: list[str], values: list[int]) -> None:
    written = str(values[0]) + "".join(f" {op} {v}" for op, v in zip(ops, values[1:], strict=False))
    (rule,) = parse(f"Rules = [ RowCount > {written} ]", "r.dqdl").rules or ()
    assert isinstance(rule, t.Rule)
    assert rule.condition is not None
    assert number(rule.condition.operands[0]) == arithmetic(list(ops), [float(v) for v in values])


REDUCED: dict[str, Any] = {
    "avg": statistics.fmean, "median": statistics.median, "min": min, "max": max, "sum": sum, "std": statistics.pstdev,
}  # fmt: skip


@LAW
@given(st.sampled_from(sorted(REDUCED)), st.integers(1, 6), st.lists(st.integers(-99, 99), max_size=8))
def test_limits_over_earlier_numbers(name: str, count: int, known: list[int]) -> None:
    (rule,) = parse(f"Rules = [ RowCount > {name}(last({count})) * 2 ]", "r.dqdl").rules or ()
    assert isinstance(rule, t.Rule)
    assert rule.condition is not None
    bound = Bound((Condition(">", number(rule.condition.operands[0], recall=True)),))
    assert bound.reach == count
    if not known:
        with pytest.raises(NoHistory):
            settled(bound, known)
        compat = number(rule.condition.operands[0], recall=True, none=0.0)
        assert settled(Bound((Condition(">", compat),)), known).conditions[0].limit == 0
        return
    limit = settled(bound, known).conditions[0].limit
    assert limit == pytest.approx(REDUCED[name]([float(v) for v in known[-count:]]) * 2)


def test_limits_that_come_to_nothing() -> None:
    def limit(written: str) -> Bound:
        (rule,) = parse(f"Rules = [ RowCount > {written} ]", "r.dqdl").rules or ()
        assert isinstance(rule, t.Rule)
        assert rule.condition is not None
        return Bound((Condition(">", number(rule.condition.operands[0], recall=True)),))

    with pytest.raises(ValueError, match=r"5 / last\(\) divides by zero"):
        settled(limit("5 / last()"), [1, 0])
    with pytest.raises(ValueError, match="there are 2 earlier numbers"):
        settled(limit("index(last(5), 2)"), [1, 2])
    assert settled(limit("index(last(5), 1)"), [7, 8, 9]).conditions[0].limit == 8
    assert settled(limit("abs(last() - 10)"), [7]).conditions[0].limit == 3
    with pytest.raises(Fault, match="is a list"):
        limit("abs(last(3))")
