"""Data in, numbers of a profile out: summary.toml is editable without programming."""

import json
import math
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dq.ir.aggregate import (
    ApproxDistinct,
    Distinctness,
    Min,
    Moments,
    MomentsState,
    RegistersState,
    TallyState,
    TopState,
    TopValues,
)
from dq.ir.data import Type
from dq.ir.expr import Col
from dq.ir.numbers import distinct_estimate
from dq.profile import (
    decode,
    document,
    encode,
    further_questions,
    histogram,
    is_never_negative,
    merge,
    profile,
    quantile,
    questions,
    summary,
    zero,
)
from dq.reports import tables
from tests.golden.profile.answers import ENGINE, NOW, profile_of, schema_of

CASES = tomllib.loads((Path(__file__).parent / "summary.toml").read_text())["case"]


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_summary(case: dict[str, Any]) -> None:
    rows = [{"x": None if v == "NULL" else v} for v in case["values"]]
    found = summary(profile_of({"x": case["type"]}, rows).columns[0])
    for key, expected in case["found"].items():
        if key == "quantiles" and not expected:
            expected = dict.fromkeys(found["quantiles"])
        assert found[key] == (pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else expected), key


@pytest.mark.parametrize(
    ("type_", "values", "never"),
    [
        ("double", [12.0 + 5 * math.sin(n) for n in range(50)], False),  # temperatures
        ("double", [75.0 + 5 * math.sin(n) for n in range(50)], False),  # the same in summer, in another unit
        ("double", [60.0 + 2 * math.exp(math.sin(n)) for n in range(50)], False),  # skewed, far from nothing
        ("double", [math.exp(math.sin(n) + n % 7 / 2) for n in range(50)], True),  # amounts
        ("int64", [12 + n % 9 for n in range(50)], True),  # counts
        ("double", [7.5] * 50, True),
        ("double", [-1.0, *range(1, 50)], False),
        ("double", [None] * 50, False),
    ],
)
def test_what_is_never_negative(type_: str, values: list[Any], never: bool) -> None:
    (column,) = profile_of({"x": type_}, [{"x": v} for v in values]).columns
    assert is_never_negative(column) is never


def test_no_rows_have_no_completeness() -> None:
    assert summary(profile_of({"x": "double"}, []).columns[0])["completeness"] is None


def test_leaves_of_structs_are_columns_of_their_own() -> None:
    rows = [{"s": {"a": 1}}, {"s": None}]
    found = profile_of({"s": "struct(a: int64)"}, rows)
    leaf = found.column(("s", "a"))
    assert [c.path for c in found.columns] == [("s",), ("s", "a")]
    assert leaf is not None
    assert leaf.states["nulls"] == 1


def test_full_depth_finds_keys_duplicates_and_what_is_missing_together() -> None:
    rows = [
        {"id": i, "often": i % 3, "a": None if i < 5 else "x", "b": None if i < 4 else "y", "whole": "z"}
        for i in range(100)
    ]
    types = {"id": "int64", "often": "int64", "a": "string", "b": "string", "whole": "string"}
    told = document(profile_of(types, rows, "full"))
    assert told["keys"] == [["id"]]
    assert told["duplicate_rows"] == 0
    assert told["missing_together"] == [{"columns": ["a", "b"], "rows": 4}]
    assert document(profile_of(types, [*rows, rows[0]], "full"))["duplicate_rows"] == 1


def test_only_columns_that_may_be_keys_are_asked_for_uniqueness() -> None:
    rows = [{"id": i % 99, "often": i % 3, "weight": i / 7} for i in range(100)]
    types = {"id": "int64", "often": "int64", "weight": "double"}
    assert further_questions(profile_of(types, rows)) == (Distinctness((Col(("id",)),)),)
    assert summary(profile_of(types, rows, "full").columns[0])["distinct"] == 99


def test_core_depth_asks_nothing_that_does_not_merge() -> None:
    asked = questions(schema_of({"x": "int64", "t": "string", "l": "list(int64)"}), NOW)
    assert all(a.mergeable for a in asked)
    assert len(asked) == len(set(asked))


def test_personal_data_shows_no_single_value() -> None:
    rows = [{"email": f"{i}@example.org", "s": {"name": "Ada"}} for i in range(3)]
    types = {"email": "string", "s": "struct(name: string)"}
    private = profile_of(types, rows, pii={"email", "s"})
    asked = questions(schema_of(types), NOW, pii={"email", "s"})
    assert Min(Col(("email",))) not in asked
    assert not [a for a in asked if isinstance(a, TopValues)]
    assert all(not {"min", "max", "top"} & set(c.states) for c in private.columns)
    assert "example.org" not in json.dumps(document(private))
    assert private.columns[0].states["nulls"] == 0


def test_a_missing_answer_is_unknown() -> None:
    found = summary(profile("s", "k", schema_of({"x": "int64"}), {}, 3, NOW).columns[0])
    assert found["completeness"] is None
    assert found["distinct"] is None
    assert found["unique"] is None


def test_long_values_do_not_enter_a_profile_and_the_bound_stays_true() -> None:
    rows = [{"x": "y" * 300}] * 3 + [{"x": "short"}]
    states = profile_of({"x": "string"}, rows).columns[0].states
    assert states["top"] == TopState((("short", 1),), 3)
    assert "max" not in states
    assert states["min"] == "short"


def test_quantiles_are_unknown_where_sizes_overflow() -> None:
    column = profile_of({"x": "double"}, [{"x": 1.5}]).columns[0]
    wild = replace(column, states={**column.states, "sizes": TallyState(over=True), "top": TopState((), 1)})
    assert quantile(wild, 0.5) is None
    assert histogram(wild) is None


def test_histogram_counts_every_finite_row_and_an_outlier_does_not_flatten_it() -> None:
    rows = [{"x": float(v)} for v in [*range(1, 1000), 10**9]]
    bars = histogram(profile_of({"x": "double"}, rows).columns[0])
    assert bars is not None
    assert sum(b["count"] for b in bars) == 1000
    assert sum(b["count"] > 0 for b in bars) == 20


def test_naive_now_is_utc() -> None:
    assert questions(schema_of({"d": "timestamp"}), datetime(2026, 11, 21)) == questions(
        schema_of({"d": "timestamp"}), NOW
    )


@pytest.mark.parametrize("types", [("int64", "string"), ("string", "int64")])
def test_a_retyped_column_keeps_what_adds_up_only(types: tuple[str, str]) -> None:
    values = {"int64": 1, "string": "1"}
    left, right = (profile_of({"x": t}, [{"x": values[t]}, {"x": None}]) for t in types)
    column = merge(left, right).columns[0]
    assert [str(t) for t in column.types] == ["int64", "string"]
    assert column.states == {"nulls": 2}


def test_widened_numbers_add_up_but_their_hashes_do_not() -> None:
    left, right = profile_of({"x": "int32"}, [{"x": 1}]), profile_of({"x": "int64"}, [{"x": 2**40}])
    column = merge(left, right).columns[0]
    assert column.type == Type(right.columns[0].type.kind)
    assert column.states["max"] == 2**40
    assert "distinct" not in column.states


def test_engines_do_not_mix_in_a_distinct_count() -> None:
    left, right = (profile_of({"x": "int64"}, [{"x": 1}]) for _ in range(2))
    column = right.columns[0]
    other = replace(column.states["distinct"], stamp="other")
    right = replace(right, columns=(replace(column, states={**column.states, "distinct": other}),))
    assert "distinct" not in merge(left, right).columns[0].states


def test_a_column_of_nothing_but_null_adds_rows_only() -> None:
    left, right = profile_of({"x": "string"}, [{"x": None}]), profile_of({"x": "int64"}, [{"x": 7}])
    column = merge(left, right).columns[0]
    assert (column.rows, column.states["nulls"], column.states["max"]) == (2, 1, 7)
    assert [str(t) for t in column.types] == ["int64"]


def test_a_column_that_is_missing_is_unknown_there() -> None:
    left, right = profile_of({"x": "int64"}, [{"x": 1}] * 3), profile_of({"y": "int64"}, [{"y": 1}] * 2)
    both = merge(left, right)
    assert both.rows == 5
    assert {c.path: c.rows for c in both.columns} == {("x",): 3, ("y",): 2}


def test_sources_do_not_merge() -> None:
    found = profile_of({"x": "int64"}, [{"x": 1}])
    with pytest.raises(ValueError, match='"source" and "other"'):
        merge(found, replace(found, source="other"))
    assert merge(zero, found) == merge(found, zero) == found


def test_later_now_wins_and_partitions_with_different_now_add_up() -> None:
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    row = [{"t": datetime(2021, 1, 1)}]
    left = profile_of({"t": "timestamp"}, row, now=earlier)
    right = profile_of({"t": "timestamp"}, row)
    both = merge(left, right)
    assert both.now == NOW
    assert both.columns[0].states["future"] == 1


def test_document_is_json() -> None:
    rows = [{"t": "https://b.org", "d": datetime(2021, 1, 1), "x": float("nan")}]
    told = document(profile_of({"t": "string", "d": "timestamp", "x": "double"}, rows, "full"))
    assert json.loads(json.dumps(told, allow_nan=False))["schema"] == "dq.profile/1"
    assert told["columns"][0]["meaning"]["name"] == "url"
    assert told["columns"][0]["masks"] == [{"mask": "a:/a.a", "share": 1.0}]


def test_a_column_that_looks_personal_keeps_its_counts_and_no_value() -> None:
    rows: list[dict[str, Any]] = [{"t": f"a{n}@b.org", "n": n} for n in range(20)] + [{"t": None, "n": 5}]
    found = profile_of({"t": "string", "n": "int64"}, rows, "full")
    (column, other) = found.columns
    assert column.personal == ("email", 1.0)
    assert not {"min", "max", "top", "sum", "moments", "sizes", "days"} & set(column.states)
    assert {"nulls", "distinct", "length_max", "padded"} <= set(column.states)
    assert other.personal is None
    told = document(found)["columns"][0]
    assert told["meaning"] == {"name": "email", "share": 1.0, "is_pii": True, "formats": []}
    assert "a1@b.org" not in repr(found)
    assert decode(json.loads(json.dumps(encode(found)))) == found


def test_some_personal_values_are_enough_unless_by_chance() -> None:
    mails = [{"t": f"a{n}@b.org" if n < 3 else "absent"} for n in range(20)]
    assert profile_of({"t": "string"}, mails).columns[0].personal == ("email", 0.15)
    digits = [{"t": str(4012888888881881 + n)} for n in range(20)]  # two of them pass as cards
    assert profile_of({"t": "string"}, digits).columns[0].personal is None


def test_personal_values_among_many_frequent_ones_are_not_shown_as_ends() -> None:
    rows = [{"t": f"none-{n % 150}"} for n in range(450)] + [{"t": f"user{n}@b.org"} for n in range(40)]
    found = profile_of({"t": "string"}, rows)
    assert found.columns[0].personal == ("email", 0.0)
    assert "@b.org" not in repr(found)
    cards = [{"t": t} for t in ("4012888888881881", "5")]
    assert profile_of({"t": "string"}, [*cards, *[{"t": "42"}] * 8]).columns[0].personal is None


def test_what_was_personal_in_one_partition_is_so_in_the_whole() -> None:
    plain, mails = [{"t": "x"}] * 9, [{"t": f"a{n}@b.org"} for n in range(9)]
    whole = merge(profile_of({"t": "string"}, plain), profile_of({"t": "string"}, mails, key="dt=2"))
    assert whole.columns[0].personal == ("email", 1.0)
    assert "top" not in whole.columns[0].states


@pytest.mark.parametrize(
    "state",
    [
        MomentsState(2, 1e-120, 1e-240, 0.0, 0.0),
        MomentsState(3, 1e100, 8e200, math.inf, math.nan),
        MomentsState(3, 1e300, math.inf, math.nan, math.nan),
    ],
)
def test_powers_beyond_doubles_are_unknown(state: MomentsState) -> None:
    column = profile_of({"x": "double"}, [{"x": 1.0}]).columns[0]
    found = summary(replace(column, states={**column.states, "moments": state}))
    assert found["mean"] == state.mean
    assert found["skew"] is None or state.m3 == 0
    assert found["kurtosis"] is None or math.isfinite(found["kurtosis"])
    assert found["std"] == (pytest.approx(math.sqrt(state.m2 / (state.n - 1))) if state.m2 < math.inf else None)


def test_merging_moments_beyond_doubles_does_not_fail() -> None:
    left, right = (Moments(Col(("x",))).merge(MomentsState(1, m), MomentsState(1, -m)) for m in (1e110, 1e200))
    assert left.mean == right.mean == 0.0


def test_state_versions_that_are_not_known_are_not_comparable() -> None:
    written = encode(profile_of({"x": "int64"}, [{"x": 1}]))
    with pytest.raises(ValueError, match="not comparable"):
        decode({**written, "state_version": 2})


@pytest.mark.parametrize("distinct", [0, 1, 10, 300, 3_000, 30_000])
def test_distinct_estimate_keeps_its_error(distinct: int) -> None:
    state = ENGINE.state(ApproxDistinct(Col(("x",))), [{"x": i} for i in range(distinct)])
    assert distinct_estimate(state) == pytest.approx(distinct, rel=3 * 0.0325, abs=0.1)


def test_distinct_estimate_of_saturated_registers_is_finite() -> None:
    assert math.isfinite(distinct_estimate(RegistersState("x", bytes([55] * 1023 + [54]))))


def test_full_depth_finds_pairs_that_are_keys_where_no_column_is() -> None:
    rows = [{"store": s, "day": d, "kind": (s + d) % 3, "sold": s * d % 7} for s in range(12) for d in range(15)]
    types = dict.fromkeys(("store", "day", "kind", "sold"), "int64")
    told = document(profile_of(types, rows, "full"))
    assert told["keys"] == [["day", "store"]]
    assert "keys: day with store" in tables.profile(told).splitlines()
    assert document(profile_of(types, rows))["keys"] == []
    assert document(profile_of(types, [*rows, rows[0]], "full"))["keys"] == []  # a row that occurs twice: no key at all
    alone = [{**r, "id": i} for i, r in enumerate(rows)]
    assert document(profile_of({**types, "id": "int64"}, alone, "full"))["keys"] == [["id"]]
    holed = [*rows, {"store": None, "day": 99, "kind": 0, "sold": 0}]
    assert document(profile_of(types, holed, "full"))["keys"] == []


def test_masks_and_meaning_are_of_rare_values_too() -> None:
    frequent = [{"x": f"{i % 150:03}"} for i in range(3_000)]
    rows = [*frequent, *({"x": f"2026-01-{1 + i % 28:02} 10:{i // 28 % 60:02}:{i % 60:02}"} for i in range(57_000))]
    found = profile_of({"x": "string"}, rows, "full")
    told = document(found)["columns"][0]
    assert told["meaning"]["name"] == "date"
    assert told["masks"][0]["mask"] == "9-9-9 9:9:9"
    assert told["masks"][0]["share"] == pytest.approx(0.95, abs=0.02)
    assert decode(encode(found)) == found


def test_personal_values_among_many_frequent_ones_are_found_by_their_share() -> None:
    rows = [{"x": f"{i % 150}"} for i in range(4_000)] + [{"x": f"zz{i}@mail.example"} for i in range(2_000)]
    rows += [{"x": "0"}, {"x": "~"}]
    told = document(profile_of({"x": "string"}, rows, "full"))["columns"][0]
    assert told["meaning"]["name"] == "email"
    assert "top" not in told


def test_a_most_frequent_value_that_looks_personal_is_hidden() -> None:
    rows = [{"x": f"{i % 90}"} for i in range(900)] + [{"x": "a@mail.example"}] * 50 + [{"x": "0"}, {"x": "~"}]
    told = json.dumps(document(profile_of({"x": "string"}, rows)))
    assert "mail.example" not in told
    assert '"•••"' in json.dumps(json.loads(told), ensure_ascii=False)


@pytest.mark.parametrize("word", ["a{}@mail.example", "10.0.{}.7", "5 10.0.{}.7", "GB82WEST12345698765432"])
def test_personal_words_in_the_smallest_and_largest_text_are_not_shown(word: str) -> None:
    """Each text is told apart by its words, so that no list of frequent ones shows what they are."""
    rows = [{"x": f"text {word.format(i)} and {i}"} for i in range(200)]
    found = profile_of({"x": "string"}, rows)
    assert not {"min", "max", "top"} & found.columns[0].states.keys()
    assert "text" not in json.dumps(encode(found)["columns"])


def test_addresses_within_some_texts_make_the_column_personal() -> None:
    rows = [{"x": f"note {i % 7}" if i % 5 else f"ask bob{i % 4}@mail.example, he knows"} for i in range(200)]
    assert document(profile_of({"x": "string"}, rows))["columns"][0]["meaning"]["name"] == "email"
