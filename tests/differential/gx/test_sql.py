"""Our verdicts under `semantics: sql` against those of Great Expectations on SQLite, through SQLAlchemy."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pandas as pd
import polars as pl
import pytest

from dq import api
from dq.dialects.gx import load
from dq.dialects.gx.vocabulary import KINDS
from dq.ir.contract import Contract
from tests.differential.gx import draws, oracle
from tests.differential.gx.test_gx import alike

EACH = 45
ALL = range(2_000, 2_060)
OF_TWO = ("expect_query_results_to_match_comparison", "expect_table_row_count_to_equal_other_table")  # the gallery's
COUNTS = (
    "element_count", "missing_count", "unexpected_count", "unexpected_percent", "missing_percent",
    "unexpected_percent_total", "unexpected_percent_nonmissing", "observed_value",
)  # fmt: skip
LISTS = ("unexpected_list", "partial_missing_list")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations


def drawn(random: Random, each: int = EACH) -> oracle.Asked:
    found = []
    for kind in random.sample(sorted(set(KINDS) - set(OF_TWO)), each):
        while not oracle.accepts(*(one := draws.on_sql(random, kind))):
            pass
        found.append(one)
    return found


def ours(table: pd.DataFrame, asked: oracle.Asked, engine: Any) -> list[dict[str, Any]]:
    text = json.dumps({"name": "drawn", "expectations": [{"type": k, "kwargs": a} for k, a in asked]})
    contract = Contract("drawn", load(text, "drawn.json", semantics="sql", samples=200))
    result = api.validate(pl.from_pandas(table), contract, engine=engine, result_format="COMPLETE")
    return list(result.to_gx()["results"])


def differences(asked: tuple[str, dict[str, Any]], mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = [] if bool(mine["success"]) == bool(theirs["success"]) else ["success"]
    left, right = mine["result"], theirs["result"]
    if "type" not in asked[0]:  # by whatever name the database calls it
        nothing = right.get("element_count") == 0 or right.get("unexpected_count", 0) is None  # NULL is the sum of none
        counts = [n for n in COUNTS if n in right and not (nothing and n == "unexpected_count")]
        found += [n for n in counts if not alike(left.get(n), right[n])]
        found += [n for n in LISTS if n in right and not alike(_told(left.get(n)), _told(right[n]))]
    return [f"{asked}: {n}: GX {right.get(n, theirs['success'])}, ours {left.get(n)}" for n in found]


def _told(values: Any) -> list[str]:
    """In whatever order the database has them; SQLite has no booleans, and times are its text."""
    told = (float(v) if isinstance(v, (bool, int, float)) else v for v in values or [])
    return sorted(
        str(v).replace("True", "1").replace("False", "0").replace("T", " ").replace(".000000", "") for v in told
    )


def test_a_slice_of_the_draws() -> None:
    compare(8, "auto", 12)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("seed", ALL)
def test_all_draws(seed: int, engine: str) -> None:
    compare(seed, engine, EACH)


def compare(seed: int, engine: str, each: int) -> None:
    random = Random(seed)
    table, asked = draws.table(random), drawn(random, each)
    found = zip(asked, ours(table, asked, engine), oracle.on_sqlite({"drawn": table}, asked), strict=True)
    assert [d for one in found for d in differences(*one)] == []


def test_the_draws_cover_every_type_that_is_asked_of_one_table() -> None:
    assert {kind for seed in ALL[:8] for kind, _ in drawn(Random(seed))} == set(KINDS) - set(OF_TWO)


@pytest.mark.parametrize(
    ("kind", "arguments", "failing"),
    [
        # whatever the draws hold: where SQL and pandas part
        ("expect_column_values_to_match_regex", {"column": "s", "regex": "^(?!a)"}, 2),
        ("expect_column_pair_values_to_be_equal", {"column_A": "i", "column_B": "k"}, 3),
        ("expect_column_pair_values_to_be_in_set",
         {"column_A": "i", "column_B": "k", "value_pairs_set": [[1, 1]], "ignore_row_if": "neither"}, 2),
        ("expect_compound_columns_to_be_unique", {"column_list": ["i", "s"], "ignore_row_if": "never"}, 0),
        ("expect_column_values_to_be_between",
         {"column": "k", "max_value": 0, "row_condition": {"type": "comparison", "column": {"name": "i"},
                                                            "operator": "!=", "parameter": 1}}, 1),
        ("expect_column_values_to_not_be_null",
         {"column": "k", "row_condition": "k > 1", "condition_parser": "pandas"}, None),
    ],
)  # fmt: skip
def test_nulls_and_what_is_no_sql(kind: str, arguments: dict[str, Any], failing: int | None) -> None:
    table = pd.DataFrame({"i": pd.array([1, None, None, 2], "Int64"), "k": [1, 2, 1, 9], "s": ["a", "b", "b", "ab"]})
    asked = [(kind, arguments)]
    (mine,), (theirs,) = ours(table, asked, "auto"), oracle.on_sqlite({"drawn": table}, asked)
    assert differences(asked[0], mine, theirs) == []
    assert mine["result"].get("unexpected_count") == failing
