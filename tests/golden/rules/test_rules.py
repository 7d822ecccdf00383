"""Rule text in, expression or refusal out; and a rule means what the same text means to DuckDB."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.dialects.rules import Names, RuleError, parse, parse_rule, within
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.metric import Facts
from dq.ir.scalar import evaluate
from dq.metrics.consistency import TableRule

CASES = tomllib.loads((Path(__file__).parent / "rules.toml").read_text())
NAMES = Names({n: n for n in ("a", "b", "s", "t", "at", "Country", "x.y")} | {"Last Update": "at"}, ("dt", "region"))
ROW: dict[str, Any] = {
    "a": 3, "b": 5, "s": "card", "t": None, "at": date(2020, 3, 1), "Country": "US", "x.y": 1, "loose": 2,
    "o": {"p": 7}, "Col with blank": 4, "nan": float("nan"), "flag": True,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES["holds"], ids=lambda c: c["rule"])
def test_rows(case: dict[str, Any]) -> None:
    expected = {"true": True, "false": False, "null": None}[case["is"]]
    keys: dict[e.Expr, e.Expr] = {e.Key("dt"): e.Lit(date(2020, 3, 1)), e.Key("region"): e.Lit("EU")}
    assert evaluate(e.replace_leaves(parse_rule(case["rule"], NAMES), keys), ROW) is expected


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda c: c["rule"])
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RuleError) as raised:
        parse(case["rule"], NAMES)
    message = str(raised.value)
    assert case["because"] in message
    if "at" in case:
        text, caret = message.splitlines()[-2:]
        assert text[len(caret) - 1 :].startswith(case["at"])
    else:
        assert raised.value.position is None


TABLE: list[tuple[str, e.Expr]] = [
    ("count(*)", e.Value(a.Count())),
    ("count(a)", e.Value(a.Count(e.Not(e.IsNull(e.Col(("a",))))))),
    ("count(distinct a)", e.Value(a.Distinctness((e.Col(("a",)),)), "groups")),
    ("count(distinct a, b)", e.Value(a.Distinctness((e.Col(("a",)), e.Col(("b",)))), "groups")),
    ("sum(a)", e.Value(a.Sum(e.Col(("a",))))),
    ("min(a)", e.Value(a.Min(e.Col(("a",))))),
    ('max("Last Update")', e.Value(a.Max(e.Col(("at",))))),
    ("avg(a)", e.Value(a.Moments(e.Col(("a",))), "mean")),
    ("stddev(a)", e.Value(a.Moments(e.Col(("a",))), "stddev")),
    ("median(a)", e.Value(a.Quantiles(e.Col(("a",)), (0.5,)), "quantile")),
    ("count(*) filter (where s = 'x')", e.Value(a.Count(e.Compare("=", e.Col(("s",)), e.Lit("x"))))),
    ("sum(a * 2)", e.Value(a.Sum(e.Arith("*", e.Col(("a",)), e.Lit(2))))),
    ("partition.dt", e.Key("dt")),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[t for t, _ in TABLE])
def test_numbers_of_the_partition(text: str, expected: e.Expr) -> None:
    found = parse(f"{text} > 1", NAMES)[0]
    assert found == e.Compare(">", expected, e.Lit(1))


def test_scope_of_a_table_rule_narrows_every_aggregate() -> None:
    where = parse_rule("s = 'x'", NAMES)
    found = within(parse("count(*) > 1 and sum(a) filter (where t = 'y') > 1")[0], where)
    scopes = [v.aggregate.where for v in e.walk(found) if isinstance(v, e.Value)]  # type: ignore[attr-defined]
    assert scopes == [where, e.And((e.Compare("=", e.Col(("t",)), e.Lit("y")), where))]


STATES: dict[str, Any] = {
    "count(*) = 4": 4,
    "avg(a) = 2.5": a.MomentsState(4, 2.5, 5.0),
    "stddev(a) between 1.29 and 1.30": a.MomentsState(4, 2.5, 5.0),
    "median(a) = 2": (2.0,),
    "count(distinct a) = 3": a.DistinctnessState(4, 3, 2),
}


@pytest.mark.parametrize("text", STATES)
def test_table_rules_read_states(text: str) -> None:
    metric = TableRule(parse(text)[0], text)
    measured = metric.measure(dict.fromkeys(metric.aggregates(), STATES[text]), Facts())
    assert measured is not None
    assert measured.value == 0


@pytest.mark.parametrize(
    ("text", "state"), [("avg(a) > 1", a.MomentsState()), ("median(a) > 1", None), ("max(a) > 1", None)]
)
def test_table_rules_without_rows_have_nothing_in_scope_and_without_values_fail(text: str, state: Any) -> None:
    metric = TableRule(parse(text)[0], text)
    states: dict[Any, Any] = dict.fromkeys(metric.aggregates(), state)
    assert metric.measure({**states, a.Count(): 0}, Facts()) is None
    measured = metric.measure({**states, a.Count(): 2}, Facts())
    assert measured is not None
    assert measured.value == 1


@pytest.mark.parametrize(
    ("text", "note"), [("max(a) > partition.dt", 'no partition key "dt"'), ("max(a) > 'x'", "3 do not compare")]
)
def test_table_rules_that_cannot_be_judged_fail(text: str, note: str) -> None:
    metric = TableRule(parse(text)[0], text)
    measured = metric.measure(dict.fromkeys(metric.aggregates(), 3), Facts())
    assert measured is not None
    assert (measured.value, measured.note) == (1, note)


def test_row_and_table_rules_are_told_apart() -> None:
    with pytest.raises(RuleError, match="a condition on rows is needed"):
        parse_rule("count(*) > 1")
    assert (parse("a > 1")[1], parse("count(*) > 1")[1]) == (False, True)


def test_a_strict_contract_knows_every_name() -> None:
    complete = Names({"fare": "fare"}, ("dt",), complete=True)
    assert parse_rule("fare > 1 and dt > '2020-01-01'", complete)
    with pytest.raises(RuleError, match=r'no column "fair".*did you mean "fare"'):
        parse_rule("fair > 1", complete)


def test_without_names_every_column_may_exist() -> None:
    assert e.columns(parse_rule("anything > 1 and \"Some Thing\" = 'x'")) == {("anything",), ("Some Thing",)}


def test_deep_and_long_rules_are_refused() -> None:
    with pytest.raises(RuleError, match="nested too deeply"):
        parse("(" * 3000 + "a > 1" + ")" * 3000)
    with pytest.raises(RuleError, match="at most"):
        parse("a > 1 and " * 2000 + "a > 1")


# ---- the same text, the same meaning --------------------------------------------------------------------------------

_NUMBERS = st.recursive(
    st.sampled_from(["a", "b", "1", "2", "-3", "0", "1.5"]),
    lambda n: st.one_of(
        st.builds("{} {} {}".format, n, st.sampled_from(["+", "-", "*"]), n),
        st.builds("({} {} {})".format, n, st.sampled_from(["+", "-", "*"]), n),
        st.builds("abs({})".format, n),
        st.builds("coalesce({}, {})".format, n, n),
        st.builds("-{}".format, st.sampled_from(["a", "b"])),
    ),
    max_leaves=5,
)
_TESTS = st.one_of(
    st.builds("a {} {}".format, st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="]), _NUMBERS),
    st.builds("{} < b".format, _NUMBERS),
    st.builds("a {}between {} and {}".format, st.sampled_from(["", "not "]), _NUMBERS, _NUMBERS),
    st.builds("b {}in (1, -2, 3)".format, st.sampled_from(["", "not "])),
    st.builds("{} is {}null".format, st.sampled_from(["a", "s", "b + 1"]), st.sampled_from(["", "not "])),
    st.builds(
        "s {}like '{}'".format, st.sampled_from(["", "not "]), st.sampled_from(["c%", "%a_d", "_", "%", "x.y", ""])
    ),
    st.builds("length(s) > {}".format, _NUMBERS),
    st.builds("lower(trim(s)) = '{}'".format, st.sampled_from(["card", "c", ""])),
)
_RULES = st.recursive(
    _TESTS,
    lambda r: st.one_of(
        st.builds("{} and {}".format, r, r),
        st.builds("{} or {}".format, r, r),
        st.builds("not {}".format, r),
        st.builds("({})".format, r),
    ),
    max_leaves=6,
)
_ROWS = st.fixed_dictionaries(
    {
        "a": st.none() | st.integers(-4, 4),
        "b": st.none() | st.sampled_from([-2.0, 0.0, 1.0, 2.5, 3.0]),
        "s": st.none() | st.sampled_from(["card", " Card ", "c", "", "x.y", "xzy", "a\nb"]),
    }
)
_CONNECTION = duckdb.connect()


@settings(deadline=None, derandomize=True, max_examples=150)
@given(_RULES, _ROWS)
def test_a_rule_means_what_sql_means(text: str, row: dict[str, Any]) -> None:
    typed = "SELECT ?::INTEGER AS a, ?::DOUBLE AS b, ?::VARCHAR AS s"
    expected = _CONNECTION.execute(f"SELECT {text} FROM ({typed})", [row["a"], row["b"], row["s"]]).fetchone()
    assert expected is not None
    assert evaluate(parse_rule(text), row) is expected[0]
