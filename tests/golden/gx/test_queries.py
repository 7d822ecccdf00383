"""Expectations in SQL and of other tables, whose verdicts and results are those of GX's own `_validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq
from dq.errors import SuiteError
from dq.suite import load_contract

FRAME = pl.DataFrame({"a": [1, 2, 2, 9], "s": ["x", "y", "y", None]})
OTHER = pl.DataFrame({"b": [1, 2, 5], "t": ["x", "y", "z"]})


def judged(tmp_path: Path, kind: str, semantics: str = "sql", other: bool = True, **given: Any) -> dq.Result:
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"name": "s", "expectations": [{"type": kind, "kwargs": given}]}))
    contract = load_contract(path, semantics=semantics)  # type: ignore[arg-type]
    wanted = {name for c in contract.suite.checks for name in c.metric.references()} if other else set()
    return dq.validate(FRAME, contract, references=dict.fromkeys(wanted, OTHER), result_format="COMPLETE")


def result(found: dq.Result) -> tuple[bool, dict[str, Any]]:
    (one,) = found.to_gx()["results"]
    return one["success"], one["result"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("SELECT * FROM {batch} WHERE a > 1", 3),
        ("SELECT * FROM {batch} WHERE a > 100", 0),
        ("SELECT s, count(*) FROM {batch} GROUP BY s HAVING count(*) > 1", 1),
        ("SELECT b.a FROM {batch} b LEFT JOIN lookup l ON b.a = l.b WHERE l.b IS NULL", 1),
        ("SELECT * FROM {batch} WHERE regexp_matches(s, '^x{{1}}$')", 1),
    ],
)
def test_rows_that_are_unexpected(tmp_path: Path, query: str, count: int) -> None:
    found = judged(tmp_path, "unexpected_rows_expectation", unexpected_rows_query=query)
    success, body = result(found)
    assert (success, body["observed_value"], len(body["details"]["unexpected_rows"])) == (count == 0, count, count)
    assert found.success == success


def test_the_rows_themselves_are_in_a_complete_result(tmp_path: Path) -> None:
    query = "SELECT a, s FROM {batch} WHERE a = 9"
    assert result(judged(tmp_path, "unexpected_rows_expectation", unexpected_rows_query=query)) == (
        False, {"observed_value": 1, "details": {"unexpected_rows": [{"a": 9, "s": None}]}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "comparison", "mostly", "unexpected", "percent", "missing", "surplus"),
    [
        ("SELECT a, s FROM {batch}", "SELECT b, t FROM lookup", None, 2, 50.0, [{"b": 5, "t": "z"}], 2),
        ("SELECT a, s FROM {batch}", "SELECT b, t FROM lookup", 0.5, 2, 50.0, [{"b": 5, "t": "z"}], 2),
        ("SELECT DISTINCT a FROM {batch} WHERE a < 5", "SELECT b FROM lookup WHERE b < 5", None, 0, 0.0, [], 0),
        ("SELECT a FROM {batch} WHERE a > 99", "SELECT b FROM lookup WHERE b > 99", None, 0, 0.0, [], 0),
        ("SELECT a FROM {batch} WHERE a > 99", "SELECT b FROM lookup", None, 3, 100.0,
         [{"b": 1}, {"b": 2}, {"b": 5}], 0),
        ("SELECT count(*) FROM {batch}", "SELECT 1 + count(*) FROM lookup", None, 0, 0.0, [], 0),
    ],
)  # fmt: skip
def test_results_of_two_queries(
    tmp_path: Path, base: str, comparison: str, mostly: float | None, unexpected: int, percent: float,
    missing: list[Any], surplus: int,
) -> None:  # fmt: skip
    more = {} if mostly is None else {"mostly": mostly}
    found = judged(
        tmp_path, "expect_query_results_to_match_comparison", base_query=base, comparison_query=comparison,
        comparison_data_source_name="elsewhere", **more,
    )  # fmt: skip
    success, body = result(found)
    assert success == (100 - percent >= (mostly or 1) * 100) == found.success
    assert (body["unexpected_count"], body["unexpected_percent"]) == (unexpected, percent)
    assert body["details"]["missing_rows"] == missing
    assert len(body["details"]["unexpected_rows"]) == surplus


def test_more_rows_than_gx_compares_are_not_compared_in_part(tmp_path: Path) -> None:
    base = "SELECT x.a FROM {batch} x, {batch} y, {batch} z, {batch} u"
    found = judged(
        tmp_path, "expect_query_results_to_match_comparison", base_query=base,
        comparison_query="SELECT b FROM lookup", comparison_data_source_name="elsewhere",
    )  # fmt: skip
    assert found.verdict == "hold"
    assert "returns 256 rows" in found.judgement.reasons[0].message


def test_rows_of_another_table(tmp_path: Path) -> None:
    found = judged(tmp_path, "expect_table_row_count_to_equal_other_table", other_table_name="lookup")
    assert result(found) == (False, {"observed_value": {"self": 4, "other": 3}})
    assert 'as many rows as in "lookup" does not hold: 4 and 3' in found.judgement.reasons[0].message
    held = judged(tmp_path, "expect_table_row_count_to_equal_other_table", other=False, other_table_name="lookup")
    assert held.verdict == "hold"


def test_gx_on_pandas_has_no_sql(tmp_path: Path) -> None:
    query = "SELECT * FROM {batch}"
    assert not judged(tmp_path, "unexpected_rows_expectation", "pandas", unexpected_rows_query=query).success


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DROP TABLE {batch}", "a query is one SELECT"),
        ("SELECT * FROM {batch}; DELETE FROM {batch}", "not several statements"),
        ("SELECT * FROM read_csv('/etc/passwd')", '"read_csv" is no data set'),
        ("SELECT * FROM {other}", 'a single "{" means nothing'),
        ("SELECT getenv('HOME') FROM {batch}", '"getenv" is no function'),
    ],
)
def test_sql_that_is_more_than_a_question_is_refused(tmp_path: Path, query: str, said: str) -> None:
    with pytest.raises(SuiteError) as raised:
        judged(tmp_path, "unexpected_rows_expectation", unexpected_rows_query=query)
    assert said in str(raised.value)


def test_a_column_that_is_not_there_fails(tmp_path: Path) -> None:
    found = judged(tmp_path, "unexpected_rows_expectation", unexpected_rows_query="SELECT * FROM {batch} WHERE z > 1")
    assert found.verdict == "quarantine"
