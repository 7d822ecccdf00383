"""Random frames, and random expectations on them: every core type, with nulls, NaN, empty frames, unicode and times."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dq.dialects.gx.conditions import moment
from dq.dialects.gx.vocabulary import KINDS

if TYPE_CHECKING:
    from random import Random

TEXTS = ["a", "b", "abc", "é", "😀x", "", "A1", "12", "2020-01-01", "not a date", '{"k": 1}', "[1, 2", "a\nb", "b "]
PATTERNS = ["a", "^a", r"\d", r"^\w+$", "(?i)A", "b$", r"(?!a)", r"^.$", "é", r"\s", "(?s).*", r"1\Z"]
HALVES = [n / 2 for n in range(-4, 5)]
NUMBERS = ("i", "f", "k")
COLUMNS = ("i", "f", "k", "s", "u", "b", "t", "n")


def frame(random: Random) -> pd.DataFrame:
    size = random.choice([0, 1, 2, 5, 12, 30])

    def column(values: Any, *, missing: Any = None, share: float = 0.2) -> list[Any]:
        sparse = random.choice([0.0, share])
        return [missing if random.random() < sparse else values() for _ in range(size)]

    start = datetime(2020, 1, 1)
    calls: Any = {5: list("vwxyz"), 12: range(24, 0, -2)}.get(size)
    return pd.DataFrame(
        {
            "i": pd.Series([random.randint(-5, 5) for _ in range(size)], dtype="int64"),
            "f": pd.Series(column(lambda: random.choice([*HALVES, 1e9]), missing=math.nan), dtype=float),
            "k": pd.Series(sorted(random.randint(0, 40) for _ in range(size)), dtype="int64"),
            "s": pd.Series(column(lambda: random.choice(TEXTS)), dtype=object),
            "u": pd.Series(column(lambda: random.choice("xyz")), dtype="str"),
            "b": pd.Series([random.random() < 0.7 for _ in range(size)], dtype=bool),
            "t": pd.Series(
                column(lambda: start + timedelta(hours=random.randint(0, 90))), dtype="datetime64[us]"
            ),
            "n": pd.Series([math.nan] * size, dtype=float),
        }
    ).set_axis(range(size) if calls is None else calls)  # fmt: skip


def expectation(random: Random, kind: str | None = None) -> tuple[str, dict[str, Any]]:
    kind = kind or random.choice(sorted(KINDS))
    arguments = _arguments(random, kind)
    conditional = "row_condition" in KINDS[kind].takes or KINDS[kind].domain != "table"
    if conditional and "pair_values_to_be_in_set" not in kind:  # which GX computes wrongly under a condition
        arguments |= _condition(random)
    if "mostly" in KINDS[kind].takes or KINDS[kind].domain in ("pair", "columns"):
        arguments |= random.choice([{}, {}, {"mostly": random.choice([0.0, 0.3, 0.5, 2 / 3, 0.9, 1.0])}])
    return kind, arguments


def table(random: Random) -> pd.DataFrame:
    """A frame as a database holds it: whole numbers and booleans may be missing, nothing is NaN."""
    found = frame(random).reset_index(drop=True)
    known = pd.Series([random.random() < 0.85 for _ in found.index], dtype=bool)
    whole, floats = found["i"].astype("Int64").where(known), found[["f", "n"]].astype("Float64")
    return found.assign(i=whole, b=found["b"].astype("boolean").where(known), s=found["s"].astype("str"), **floats)


def on_sql(random: Random, kind: str) -> tuple[str, dict[str, Any]]:
    """An expectation that every database takes: SQLite compares text with numbers, and adds it up, others raise."""
    while True:
        kind, drawn = expectation(random, kind)
        for pattern in ("like_pattern", "like_pattern_list"):  # SQLite's LIKE knows no case
            if pattern in drawn:
                likes = random.sample(["b%", "_b%", "%2%", "", "%", "_"], 2)
                drawn[pattern] = likes if "list" in pattern else likes[0]
        if _fits(kind, drawn):
            return kind, drawn


def _fits(kind: str, drawn: dict[str, Any]) -> bool:
    column = drawn.get("column", "")
    if any(w in kind for w in ("regex", "like_pattern", "lengths")):
        return column in "su"
    if any(w in kind for w in ("mean", "median", "sum_to_be", "stdev", "quantile", "z_scores", "outliers")):
        return column in (*NUMBERS, "n")
    if any(w in kind for w in ("values_to_be_between", "min_to", "max_to")):
        return column in (*NUMBERS, "n", *("t" if "values" in kind else ""))
    if "kl_divergence" in kind:
        judged = drawn["threshold"] is not None  # else GX raises where nothing is to be compared
        return judged and column in (*NUMBERS, "n" if "bins" in drawn["partition_object"] else "u")
    if "_set" in kind and "column" in drawn:  # SQLite has no booleans, and times are text to it
        values = drawn.get("value_set", ())
        mixed = len({isinstance(v, str) for v in values}) > 1  # which other databases refuse, as they do
        dated = any(moment(v) for v in values)  # texts beside dates, which GX makes of texts that look like one
        return column not in "bt" and not mixed and not dated
    if "type" in kind:
        return "bool" not in (drawn.get("type_"), *drawn.get("type_list", ()))
    if "column_pair" in kind:  # in_set under a condition GX computes wrongly
        pairs = [("i", "u")] if "in_set" in kind else [("i", "k"), ("i", "f"), ("f", "n"), ("s", "u")]
        return (drawn["column_A"], drawn["column_B"]) in pairs
    return not any(w in kind for w in ("within_record", "multicolumn_values")) or "b" not in drawn["column_list"]


def _condition(random: Random) -> dict[str, Any]:
    def one() -> dict[str, Any]:
        name = random.choice(["i", "f", "s", "b"])
        if random.random() < 0.3:
            return {"type": "nullity", "column": {"name": name}, "is_null": random.random() < 0.5}
        value: Any = {"i": random.randint(-3, 3), "f": 0.5, "s": "a", "b": True}[name]
        order = ["==", "!="] if name in "sb" else ["==", "!=", "<", "<=", ">", ">="]
        if random.random() < 0.2 and name != "b":
            return {"type": "comparison", "column": {"name": name}, "operator": random.choice(["IN", "NOT_IN"]),
                    "parameter": [value]}  # fmt: skip
        return {"type": "comparison", "column": {"name": name}, "operator": random.choice(order), "parameter": value}

    chance = random.random()
    if chance < 0.75:
        return {}
    if chance < 0.9:
        return {"row_condition": one()}
    if chance < 0.95:
        return {"row_condition": {"type": random.choice(["and", "or"]), "conditions": [one(), one()]}}
    text, parser = random.choice(
        [
            ('col("i") > 1', "great_expectations"), ('col("s") == "a"', "great_expectations"),
            ('col("f").notNull()', "great_expectations"), ("i > 1 and s == 'a'", "pandas"), ("f != 0.5", "pandas"),
        ]
    )  # fmt: skip
    return {"row_condition": text, "condition_parser": parser}


def _ends(random: Random, low: Any, high: Any) -> dict[str, Any]:
    ends = random.choice([{"min_value": low}, {"max_value": high}, {"min_value": low, "max_value": high}])
    strict = random.choice([{}, {}, {"strict_min": True}, {"strict_max": True}])
    return {**ends, **strict}


def _range(random: Random, column: str) -> dict[str, Any]:
    if column == "t":
        return _ends(random, "2020-01-01T12:00:00", "2020-01-03T00:00:00")
    low = random.choice([-3, 0, 0.5, 2])
    return _ends(random, low, low + random.choice([0, 1, 5, 1e10]))


def _set(random: Random, column: str) -> list[Any]:
    pools: dict[str, list[Any]] = {
        "i": [-1, 0, 1, 2.0, 3, "a"], "f": [-1, 0.5, 1, 1e9], "k": [0, 1, 2, 3], "s": [*TEXTS, 1],
        "u": ["x", "y", "z", "w"],
        "b": [True, False, 1], "t": ["2020-01-01T00:00:00", "2020-01-02"], "n": [1, "a"],
    }  # fmt: skip
    return random.sample(pools[column], random.randint(0, min(4, len(pools[column]))))


def _partition(random: Random, column: str) -> dict[str, Any]:
    if column in NUMBERS and random.random() < 0.6:
        tails = random.choice([{}, {"tail_weights": [0.1, 0.1]}])
        share = 0.4 if tails else 0.5
        return {"bins": [-2, 0, 20], "weights": [share, share], **tails}
    values = {"i": [0, 1, 2], "f": [0.5, 1.0, 2.0], "k": [0, 1, 2], "u": ["x", "y", "z"], "b": [True, False, None]}
    return {"values": values.get(column, ["a", "b", "c"])[:2], "weights": [0.25, 0.75]}


def _arguments(random: Random, kind: str) -> dict[str, Any]:
    column = random.choice(COLUMNS)
    one = {"column": column}
    match kind.removeprefix("expect_").removeprefix("column_"):
        case "values_to_be_between" | "min_to_be_between" | "max_to_be_between":
            return one | _range(random, column)
        case "mean_to_be_between" | "median_to_be_between" | "stdev_to_be_between" | "sum_to_be_between":
            return one | _range(random, random.choice(NUMBERS))
        case "values_to_be_in_set" | "values_to_not_be_in_set" | "most_common_value_to_be_in_set":
            ties = {"ties_okay": random.random() < 0.5} if "most" in kind else {}
            return one | ties | {"value_set": _set(random, column)}
        case "distinct_values_to_be_in_set" | "distinct_values_to_contain_set" | "distinct_values_to_equal_set":
            return one | {"value_set": _set(random, column)}
        case "value_lengths_to_be_between":
            column = random.choice(["i", "f", "s", "u", "b"])
            return {"column": column} | _ends(random, random.choice([0, 1, 2]), random.choice([2, 3, 9]))
        case "value_lengths_to_equal":
            return {"column": random.choice(["i", "f", "s", "u", "b"]), "value": random.choice([1, 2, 3])}
        case "values_to_match_regex" | "values_to_not_match_regex":
            return {"column": random.choice(["i", "f", "s", "u", "b"]), "regex": random.choice(PATTERNS)}
        case "values_to_match_regex_list" | "values_to_not_match_regex_list":
            on = {"match_on": random.choice(["any", "all"])} if "not_" not in kind else {}
            listed = random.sample(PATTERNS, random.randint(1, 3))
            return {"column": random.choice(["i", "s", "u"]), "regex_list": listed, **on}
        case "values_to_match_like_pattern" | "values_to_not_match_like_pattern":
            return one | {"like_pattern": "a%"}
        case "values_to_match_like_pattern_list" | "values_to_not_match_like_pattern_list":
            return one | {"like_pattern_list": ["a%"]}
        case "values_to_match_json_schema":
            return one | {"json_schema": {"type": random.choice(["object", "number"])}}
        case "values_to_match_strftime_format":
            return one | {"strftime_format": random.choice(["%Y-%m-%d", "%H"])}
        case "values_to_be_increasing" | "values_to_be_decreasing":
            return {"column": random.choice(["i", "f", "k", "s", "t", "n"])} | random.choice([{}, {"strictly": True}])
        case "value_z_scores_to_be_less_than":
            return {"column": random.choice(TYPED)} | {
                "threshold": random.choice([0.5, 1.5, 3]),
                "double_sided": random.random() < 0.5,
            }
        case "values_to_not_be_outliers":
            return {"column": random.choice(TYPED)} | random.choice(
                [{}, {"method": "std", "multiplier": 1.0}, {"method": "iqr", "multiplier": 0.5}]
            )
        case "values_to_be_of_type" | "type_to_be":
            return {"column": random.choice(TYPED), "type_": random.choice(TYPES)}
        case "values_to_be_in_type_list":
            return {"column": random.choice(TYPED), "type_list": random.sample(TYPES, 2)}
        case "unique_value_count_to_be_between":
            return one | _ends(random, random.choice([0, 1, 3]), random.choice([3, 5, 20]))
        case "proportion_of_unique_values_to_be_between" | "proportion_of_non_null_values_to_be_between":
            return one | _ends(random, random.choice([0.0, 0.5, 1.0]), 1.0)
        case "quantile_values_to_be_between":
            ranges = [[random.choice([None, -1, 0]), random.choice([None, 2, 50])] for _ in range(3)]
            relative = random.choice([{}, {"allow_relative_error": random.choice(["linear", "lower", "higher"])}])
            return one | {"quantile_ranges": {"quantiles": [0.1, 0.5, 0.75], "value_ranges": ranges}} | relative
        case "kl_divergence_to_be_less_than":
            holdout = random.choice([{}, {"tail_weight_holdout": 0.1}, {"internal_weight_holdout": 0.1}])
            threshold = random.choice([0.01, 0.5, 5, None])
            return one | {"partition_object": _partition(random, column), "threshold": threshold} | holdout
        case "pair_values_to_be_equal" | "pair_values_a_to_be_greater_than_b" | "pair_values_to_be_in_set":
            return _pair(random, kind)
        case (
            "compound_columns_to_be_unique"
            | "multicolumn_sum_to_equal"
            | "multicolumn_values_to_be_equal"
            | ("select_column_values_to_be_unique_within_record")
        ):
            return _several(random, kind)
    return _table(random, kind, one)


TYPED = [c for c in COLUMNS if c != "s"]  # pandas has two names for the type of text, Arrow one
TYPES = [
    "int64",
    "float64",
    "int",
    "float",
    "str",
    "bool",
    "object",
    "datetime64",
    "datetime64[us]",
    "list",
    "nonsense",
]


def _pair(random: Random, kind: str) -> dict[str, Any]:
    a, b = random.choice([("i", "k"), ("i", "f"), ("f", "n"), ("s", "u"), ("b", "i"), ("k", "t"), ("i", "s")])
    if "in_set" in kind:
        a, b = random.choice([("i", "b"), ("u", "b"), ("i", "u")])
    ignored = random.choice(["both_values_are_missing", "either_value_is_missing", "neither", None])
    more: dict[str, Any] = {"ignore_row_if": ignored} if ignored else {}
    if "greater" in kind:
        more |= random.choice([{}, {"or_equal": True}])
    if "in_set" in kind:
        more["value_pairs_set"] = [
            [random.choice(_set(random, a) or [None]), random.choice(_set(random, b) or [None])] for _ in range(4)
        ]
    return {"column_A": a, "column_B": b, **more}


def _several(random: Random, kind: str) -> dict[str, Any]:
    pools = [["i", "k"], ["i", "b", "u"], ["f", "n"], ["u", "s"], ["i", "f"]]
    columns = random.choice([["i", "k"], ["i", "f", "k"], ["f", "n"]] if "sum" in kind else pools)
    ignored = random.choice(["all_values_are_missing", "any_value_is_missing", "never", None])
    total = {"sum_total": random.choice([0, 5, 1.5])} if "sum" in kind else {}
    return {"column_list": columns, **total, **({"ignore_row_if": ignored} if ignored else {})}


def _table(random: Random, kind: str, one: dict[str, Any]) -> dict[str, Any]:
    names = list(COLUMNS)
    match kind:
        case "expect_column_to_exist":
            name = random.choice([*names, "nowhere"])
            return {"column": name} | random.choice([{}, {"column_index": random.randint(0, 9)}])
        case "expect_table_columns_to_match_ordered_list":
            return {"column_list": random.choice([names, names[::-1], names[:-1], [*names, "z"]])}
        case "expect_table_columns_to_match_set":
            chosen = random.choice([names, names[::-1], names[:-1], [*names, "z"]])
            return {"column_set": chosen} | random.choice([{}, {"exact_match": False}])
        case "expect_table_column_count_to_equal":
            return {"value": random.choice([8, 9])}
        case "expect_table_column_count_to_be_between":
            return random.choice([{"min_value": 3, "max_value": 8}, {"min_value": 9, "max_value": 12}])
        case "expect_table_row_count_to_equal":
            return {"value": random.choice([0, 1, 5, 12])}
        case "expect_table_row_count_to_be_between":
            return _ends(random, random.choice([0, 2, 5]), random.choice([5, 12]))
        case "expect_table_row_count_to_equal_other_table":
            return {"other_table_name": "other"}
        case "unexpected_rows_expectation":
            return {"unexpected_rows_query": "SELECT * FROM {batch} WHERE i > 1"}
        case "expect_query_results_to_match_comparison":
            query = "SELECT * FROM {batch}"
            return {"base_query": query, "comparison_data_source_name": "other", "comparison_query": "SELECT 1"}
    return one
