"""Suites of Great Expectations: JSON in, checks or errors out; and the result that GX itself loads."""

from __future__ import annotations

import json
import tomllib
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq
from dq.dialects.gx import load
from dq.errors import SuiteError
from dq.suite import load_contract

TABLE = tomllib.loads((Path(__file__).parent / "suites.toml").read_text())
FRAME = pl.DataFrame({"a": [1, 2, None, 9], "s": ["x", "y", "x", None]})


@pytest.mark.parametrize("case", TABLE["suite"], ids=lambda c: c["name"])
def test_checks(case: dict[str, Any]) -> None:
    suite = load(case["text"], "s.json")
    found = [f"{c.id} | {c.bound} | {c.severity} | {c.origin.line}" for c in suite.checks]
    assert found == case["checks"].strip().splitlines()


@pytest.mark.parametrize("case", TABLE["error"], ids=lambda c: c["name"])
def test_errors(case: dict[str, Any]) -> None:
    with pytest.raises(SuiteError) as raised:
        load(case["text"], "s.json")
    assert "\n".join(str(raised.value).splitlines()[: case["says"].count("\n") + 1]) == case["says"]


def test_bytes_of_other_editors(tmp_path: Path) -> None:
    text, file = TABLE["suite"][0]["text"], tmp_path / "s.json"
    file.write_text(text, encoding="utf-8-sig")
    assert load_contract(file).suite.digest == load(text, "s.json").digest
    file.write_text(text, encoding="utf-16")
    with pytest.raises(SuiteError, match=r"s\.json: UTF-16: save it as UTF-8$"):
        load_contract(file)


def written(folder: Path, *expectations: dict[str, Any]) -> Path:
    path = folder / "suite.json"
    path.write_text(json.dumps({"name": "a suite", "expectations": expectations}))
    return path


def expectation(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": arguments}


def test_great_expectations_loads_the_result(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        expectation("column_values_to_be_between", column="a", max_value=5),
        expectation("column_max_to_be_between", column="nowhere", max_value=5),
        expectation("column_distinct_values_to_be_in_set", column="s", value_set=["x"]),
        expectation("table_columns_to_match_set", column_set=["a", "s"]),
    )
    found = dq.validate(FRAME, suite).to_gx()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

        loaded = expectationSuiteValidationResultSchema.load(json.loads(json.dumps(found)))
    assert not loaded["success"]
    assert [r.success for r in loaded.results] == [False, False, False, True]
    assert loaded.results[0].result["partial_unexpected_list"] == [9]
    assert loaded.statistics["successful_expectations"] == 1


@pytest.mark.parametrize(
    ("result_format", "keys"),
    [
        ("BOOLEAN_ONLY", set()),
        ("BASIC", {"partial_unexpected_list", "unexpected_count"}),
        ("SUMMARY", {"partial_unexpected_list", "partial_unexpected_counts"}),
        ("COMPLETE", {"unexpected_list", "partial_unexpected_counts"}),
    ],
)
def test_formats(tmp_path: Path, result_format: Any, keys: set[str]) -> None:
    suite = written(tmp_path, expectation("column_values_to_be_between", column="n", max_value=9))
    result = dq.validate(pl.DataFrame({"n": list(range(60))}), suite, result_format=result_format)
    (one,) = result.to_gx()["results"]
    assert keys <= set(one["result"])
    assert bool(one["result"]) == bool(keys)
    assert len(one["result"].get("unexpected_list", range(50))) == 50
    counted = one["result"].get("partial_unexpected_counts")
    assert counted is None or len(counted) == 20


def test_a_column_that_did_not_land_is_one_fault(tmp_path: Path) -> None:
    suite = written(
        tmp_path, *(expectation(f"column_{k}_to_be_between", column="aa", max_value=1) for k in ("min", "max"))
    )
    result = dq.validate(FRAME, suite)
    assert [(r.id, r.message) for r in result.judgement.reasons] == [
        ("aa.column_present", 'no column "aa" (did you mean "a"?); "a", "s" landed')
    ]
    assert result.verdict == "quarantine"
    assert not any(r["success"] for r in result.to_gx()["results"])


def test_semantics_of_sql(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        expectation("column_values_to_match_like_pattern", column="s", like_pattern="x%"),
        expectation("column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b"),
        expectation("column_sum_to_be_between", column="e", min_value=0),
    )
    frame = pl.DataFrame({"s": ["x1", "xy"], "a": [2, None], "b": [1, 1], "e": pl.Series([None, None], dtype=pl.Int64)})
    verdicts = {
        s: [r["success"] for r in dq.validate(frame, suite, semantics=s).to_gx()["results"]] for s in ("pandas", "sql")
    }
    assert verdicts == {"pandas": [False, False, True], "sql": [True, True, False]}


def test_a_contract_includes_suites(tmp_path: Path) -> None:
    written(
        tmp_path,
        expectation("column_values_to_be_between", column="a", max_value={"$PARAMETER": "high"}),
        expectation("column_values_to_not_be_null", column="s"),
    )
    contract = tmp_path / "trips.yaml"
    contract.write_text(
        "source: trips\ncolumns:\n  a: {type: int64, max: 100}\n"
        "include: [{suite: suite.json, semantics: pandas, parameters: {high: 5}}]\n"
    )
    result = dq.validate(FRAME, contract)
    assert [r.id for r in result.judgement.reasons] == ["a.range#2", "s.required"]
    assert {c.origin.dialect for c in result.checks if c.id in ("a.range", "a.range#2")} == {"dq", "gx"}
    assert [c.id for c in result.checks].count("a.column_present") == 1


@pytest.mark.parametrize(
    ("item", "says"),
    [("gone.json", "include: .*gone.json: No such file"), ("trips.txt", "include: trips.txt is no suite of Great")],
)
def test_an_include_that_is_none(tmp_path: Path, item: str, says: str) -> None:
    (tmp_path / "trips.txt").write_text("none")
    contract = tmp_path / "trips.yaml"
    contract.write_text(f"source: trips\ninclude: [{item}]\n")
    with pytest.raises(SuiteError, match=f"trips.yaml:2: {says}"):
        load_contract(contract)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dq.cli import main

    FRAME.write_parquet(tmp_path / "d.parquet")
    suite = written(tmp_path, expectation("column_values_to_be_between", column="a", max_value=5))
    out = tmp_path / "gx.json"
    command = ["validate", str(tmp_path / "d.parquet"), "--suite", str(suite)]
    assert main([*command, "--gx", str(out)]) == 1
    assert "a.range" in capsys.readouterr().out
    assert json.loads(out.read_text())["results"][0]["result"]["unexpected_count"] == 1
    assert main([*command, "--gx", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["suite_name"] == "a suite"
    assert main([*command, "--semantics", "spark"]) == 2
    capsys.readouterr()
    assert main([*command, "--gx", str(tmp_path / "nowhere" / "gx.json")]) == 2
    assert "No such file or directory: name a file in a folder" in capsys.readouterr().err


def test_values_of_a_private_column_are_in_no_result(tmp_path: Path) -> None:
    canary = "canary-7d1f"
    written(
        tmp_path,
        expectation("column_values_to_be_in_set", column="p", value_set=["x"]),
        expectation("column_most_common_value_to_be_in_set", column="p", value_set=["x"]),
        expectation("column_distinct_values_to_be_in_set", column="p", value_set=["x"]),
        expectation("column_max_to_be_between", column="p", max_value=5),
    )
    contract = tmp_path / "people.yaml"
    contract.write_text("source: people\ncolumns:\n  p: {pii: true}\ninclude: [suite.json]\n")
    result = dq.validate(pl.DataFrame({"p": [canary, canary, "x"]}), contract)
    assert not result.success
    assert canary not in json.dumps(result.to_gx()) + result.to_json() + repr(result)


def indexed(found: dict[str, Any]) -> list[Any]:
    return list(found["results"][0]["result"]["unexpected_index_list"])


def test_rows_by_where_they_are(tmp_path: Path) -> None:
    suite = written(tmp_path, expectation("column_values_to_be_between", column="n", max_value=1))
    frame = pl.DataFrame({"n": [1, 5, None, 7]})
    (tmp_path / "d").mkdir()
    frame.write_parquet(tmp_path / "d" / "a.parquet")
    frame.write_csv(tmp_path / "d.csv")

    def found(data: Any) -> list[Any]:
        return indexed(dq.validate(data, suite, result_format="COMPLETE").to_gx())

    assert found(frame) == found(tmp_path / "d" / "a.parquet") == [1, 3]
    assert found(tmp_path / "d.csv") == [{"line": 3}, {"line": 5}]
    frame.write_parquet(tmp_path / "d" / "b.parquet")
    assert found(tmp_path / "d") == [{"file": f, "row": r} for f in ("a.parquet", "b.parquet") for r in (2, 4)]


def test_long_index_lists_have_a_file_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dq.cli import main

    suite = written(
        tmp_path,
        expectation("column_values_to_be_between", column="n", max_value=1),
        expectation("column_values_to_be_between", column="n", min_value=5),
    )
    pl.DataFrame({"n": range(20_000)}).write_parquet(tmp_path / "d.parquet")
    out = tmp_path / "gx.json"
    command = ["validate", str(tmp_path / "d.parquet"), "--suite", str(suite), "--gx", str(out)]
    assert main([*command, "--result-format", "COMPLET"]) == 2
    assert "BOOLEAN_ONLY, BASIC, SUMMARY, COMPLETE" in capsys.readouterr().err
    assert main([*command, "--result-format", "COMPLETE"]) == 1
    many, few = (r["result"] for r in json.loads(out.read_text())["results"])
    assert many["unexpected_index_list"] == list(range(2, 10_002))
    assert json.loads((tmp_path / many["unexpected_index_list_file"]).read_text()) == list(range(2, 20_000))
    assert (few["unexpected_index_list"], "unexpected_index_list_file" in few) == ([0, 1, 2, 3, 4], False)
    assert [p.name for p in tmp_path.glob("*.json")].count("gx.unexpected_index_list.0.json") == 1
