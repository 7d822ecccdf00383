"""Profiles of two training sets against pandas, and what `dq diff` says of the adult labels."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dq import api
from dq.profile import document
from tests.data.bundled import ADULT_TEST, ADULT_TRAIN, NOW, SUITES, TITANIC
from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]
ENGINES: tuple[api.EngineName, ...] = ("duckdb", "polars")
CENSUS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race",
    "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income",
]  # fmt: skip


def titanic() -> pd.DataFrame:
    return pd.read_csv(TITANIC)


def adult() -> pd.DataFrame:
    return pd.read_csv(ADULT_TRAIN, names=CENSUS, sep=", ", na_values="?", keep_default_na=False, engine="python")


CASES: dict[str, tuple[Callable[[], pd.DataFrame], Path, frozenset[str]]] = {
    "titanic": (titanic, TITANIC, frozenset({"Name"})),
    "adult": (adult, ADULT_TRAIN, frozenset({"race"})),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def expected(case: str) -> pd.DataFrame:
    return CASES[case][0]()


@pytest.fixture(scope="module", params=ENGINES)
def found(request: pytest.FixtureRequest, case: str) -> dict[str, Any]:
    """`dq.profile/1`, read as the contract says."""
    suite = SUITES / f"{case}.yaml"
    return document(api.profile(CASES[case][1], suite=suite, now=NOW, engine=request.param, depth="full"))


def columns(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["column"]: c for c in found["columns"]}


def test_rows_columns_and_completeness(found: dict[str, Any], expected: pd.DataFrame) -> None:
    assert found["rows"] == len(expected)
    assert list(columns(found))[: len(expected.columns)] == list(expected.columns)
    for name, body in columns(found).items():
        if name in expected:
            missing = int(expected[name].isna().sum())
            assert body["nulls"] == missing
            assert body["completeness"] == 1 - missing / len(expected)


def test_numbers(found: dict[str, Any], expected: pd.DataFrame) -> None:
    for name in expected.select_dtypes("number"):
        body, values = columns(found)[name], expected[name].dropna()
        assert (body["min"], body["max"]) == (values.min(), values.max())
        assert (body["zeros"], body["negatives"]) == (int((values == 0).sum()), int((values < 0).sum()))
        for statistic, value in (
            ("sum", values.sum()),
            ("mean", values.mean()),
            ("std", values.std()),
            ("skew", population_skew(values)),
        ):
            assert math.isclose(body[statistic], value, rel_tol=1e-9), (name, statistic)


def population_skew(values: pd.Series) -> float:
    centred = values - values.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def test_quantiles_are_within_one_percent(found: dict[str, Any], expected: pd.DataFrame) -> None:
    for name in expected.select_dtypes("number"):
        values = expected[name].dropna()
        for percentile, value in columns(found)[name]["quantiles"].items():
            exact = np.quantile(values, int(percentile) / 100, method="inverted_cdf")
            assert abs(value - exact) <= 0.01 * abs(exact), (name, percentile)


def test_distinct_values(found: dict[str, Any], expected: pd.DataFrame) -> None:
    """Exact where the error is said to be 0; else within four standard errors."""
    stated = set()
    for name in expected:
        body, true = columns(found)[name], expected[name].nunique()
        error = body["distinct_error_ratio"]
        stated.add(error)
        assert abs(body["distinct"] - true) <= 4 * error * true, name
    assert 0.0 in stated


def test_top_values(found: dict[str, Any], expected: pd.DataFrame, case: str) -> None:
    private = CASES[case][2]
    for name in expected:
        body = columns(found)[name]
        if name in private:
            assert not {"top", "min", "max"} & body.keys()
            continue
        counts = expected[name].value_counts()
        for top in body["top"]:
            assert top["count"] <= counts[top["value"]] <= top["count"] + body["top_error"], (name, top)
        if body["top_error"] == 0:
            assert [t["count"] for t in body["top"]] == counts.head(20).tolist(), name


def test_lengths_of_texts(found: dict[str, Any], expected: pd.DataFrame) -> None:
    for name in expected.select_dtypes(exclude="number"):
        lengths = expected[name].dropna().str.len()
        body = columns(found)[name]["length"]
        assert (body["min"], body["max"]) == (lengths.min(), lengths.max())
        assert math.isclose(body["mean"], lengths.mean(), rel_tol=1e-9)


def test_the_table_as_a_whole(found: dict[str, Any], expected: pd.DataFrame, case: str) -> None:
    assert found["duplicate_rows"] == int(expected.duplicated().sum())
    assert (["PassengerId"] in found["keys"]) == (case == "titanic")
    for pair in found["missing_together"]:
        assert pair["rows"] == int(expected[pair["columns"]].isna().all(axis=1).sum())
    assert found["missing_together"]


def test_without_a_contract_the_types_are_found(expected: pd.DataFrame, case: str) -> None:
    """A missing value written as `?` leaves a text a text, and numbers are numbers."""
    guessed = document(api.profile(CASES[case][1], now=NOW, depth="core"))
    numeric = {True: "int64", False: "double"}
    for name, body in zip(expected, guessed["columns"], strict=True):
        values = expected[name]
        wanted = numeric[values.dtype == "int64"] if values.dtype in ("int64", "float64") else "string"
        assert body["type"] == wanted, name


SAID = "every value of `income` in B ends in '.', none in A"


def test_diff_tells_that_every_label_ends_in_a_full_stop() -> None:
    first = api.diff(ADULT_TRAIN, ADULT_TEST)[0]
    assert (first.kind, first.severity, first.effect) == ("relabelled", "fail", 1.0)
    assert first.message == SAID.replace("income", "column14")
    assert list(first.examples) == ["'<=50K' in A, '<=50K.' in B", "'>50K' in A, '>50K.' in B"]


@pytest.mark.parametrize("engine", ENGINES)
def test_diff_at_the_command_line(dq: Dq, engine: str) -> None:
    arguments = (ADULT_TRAIN, ADULT_TEST, "--suite", SUITES / "adult.yaml", "--engine", engine)
    ran = dq("diff", *arguments)
    assert ran.code == 1
    head, first, *_ = ran.out.splitlines()
    assert head.endswith("(32,561 rows), B " + str(ADULT_TEST) + " (16,281 rows)")
    assert first == f"  fail  income  {SAID}"
    (body,) = dq("diff", *arguments, "--json").documents
    assert [d["message"] for d in body["differences"] if d["column"] == "income"] == [SAID]
    assert dq("diff", ADULT_TRAIN, ADULT_TRAIN).code == 0


def test_the_contract_withholds_the_test_labels_and_keeps_personal_data_to_itself(dq: Dq) -> None:
    ran = dq("validate", ADULT_TEST, "--suite", SUITES / "adult.yaml", "--json")
    (body,) = ran.documents
    assert (ran.code, [r["id"] for r in body["reasons"]]) == (1, ["income.allowed"])
    assert body["reasons"][0]["message"].startswith("16,281 rows (100 %, allowed 0) not one of <=50K, >50K")
    assert "Asian-Pac-Islander" not in json.dumps([c["evidence"] for c in body["checks"]])
    for data, suite in ((ADULT_TRAIN, "adult"), (TITANIC, "titanic")):
        assert dq("validate", data, "--suite", SUITES / f"{suite}.yaml").code == 0
