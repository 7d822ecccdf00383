"""Numbers that cannot be computed: never a pass, never a crash, the same on both engines."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

import dq

if TYPE_CHECKING:
    from pathlib import Path

ENGINES = ("duckdb", "polars")
FRAME = pl.DataFrame(
    {
        "text": ["a", None],
        "flag": [True, None],
        "day": [dt.date(2024, 1, 1), None],
        "items": pl.Series([[1], None], dtype=pl.List(pl.Int64)),
        "empty": pl.Series([None, None], dtype=pl.Int64),
        "untyped": pl.Series([None, None], dtype=pl.Null),
        "number": [1, 2],
    }
)


def _status(tmp_path: Path, contract: str, check_id: str, engine: str, frame: pl.DataFrame = FRAME) -> tuple[str, str]:
    suite = tmp_path / "x.yaml"
    suite.write_text(f"source: x\n{contract}\n")
    result = dq.validate(frame, suite, engine=engine)  # type: ignore[arg-type]
    found = next(c for c in result.checks if c.id == check_id)
    return found.status.value, found.message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("column", ["text", "flag", "day", "items"])
@pytest.mark.parametrize("key", ["mean", "sum", "stddev", "median"])
def test_a_number_of_what_is_no_number_is_the_datas_fault(tmp_path: Path, key: str, column: str, engine: str) -> None:
    status, message = _status(tmp_path, f"columns: {{{column}: {{{key}: '>= 0'}}}}", f"{column}.{key}", engine)
    assert status == "fail"
    assert f"needs numbers, not {column}, which is" in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["sum(text) > 0", "avg(day) > 0", "median(items) > 0", "max(items) is not null"])
def test_a_rule_over_such_a_number_is_too(tmp_path: Path, rule: str, engine: str) -> None:
    assert _status(tmp_path, f"checks: [{{rule: '{rule}'}}]", "table.rule", engine)[0] == "fail"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("key", ["mean", "sum", "stddev", "median"])
def test_a_column_without_values_passes_no_bound_on_its_numbers(tmp_path: Path, key: str, engine: str) -> None:
    contract = f"columns: {{empty: {{{key}: '<= 5'}}}}"
    assert _status(tmp_path, contract, f"empty.{key}", engine)[0] == "fail"
    assert _status(tmp_path, contract, f"empty.{key}", engine, FRAME.clear())[0] == "skip"
    scoped = f"columns: {{empty: {{{key}: {{value: '<= 5', where: 'number > 9'}}}}}}"
    assert _status(tmp_path, scoped, f"empty.{key}", engine)[0] == "skip"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_without_values_has_no_different_ones(tmp_path: Path, engine: str) -> None:
    assert _status(tmp_path, "columns: {empty: {distinct_count: '>= 1'}}", "empty.distinct_count", engine) == (
        "fail",
        "0 different values, expected >= 1",
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_that_is_neither_true_nor_false_fails_unless_it_had_no_rows(tmp_path: Path, engine: str) -> None:
    for rule in ("max(empty) >= 3", "sum(number) / sum(number - number) > 0"):
        assert _status(tmp_path, f"checks: [{{rule: '{rule}'}}]", "table.rule", engine)[0] == "fail", rule
    rule = "max(number) filter (where number > 9) >= 3"
    assert _status(tmp_path, f"checks: [{{rule: '{rule}'}}]", "table.rule", engine)[0] == "skip"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pattern_over_a_column_without_a_type_fails_no_row(tmp_path: Path, engine: str) -> None:
    assert _status(tmp_path, "columns: {untyped: {matches: x}}", "untyped.matches", engine)[0] == "pass"


def test_only_what_history_says_can_be_accepted_and_a_file_is_named_once(tmp_path: Path) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / "d.csv"
    suite.write_text("source: x\nchecks: [{row_count: '>= 5'}]\n")
    data.write_text("a,b\n1,2\n3\n")
    reasons = {r["id"]: r for r in json.loads(dq.validate(data, suite).to_json())["reasons"]}
    assert "dq accept" not in reasons["table.row_count"]["next"]
    assert reasons["table.ragged"]["message"].count("d.csv") == 1


@pytest.mark.parametrize("name", ["d.csv", "d.ndjson", "d.parquet"])
def test_a_column_that_landed_in_another_case_is_another_column_of_its_own_name(tmp_path: Path, name: str) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / name
    frame = pl.DataFrame({"a": [1], "b": [2]})
    {".csv": frame.write_csv, ".ndjson": frame.write_ndjson, ".parquet": frame.write_parquet}[data.suffix](data)
    suite.write_text("source: x\ncolumns: {a: {}, B: {}}\n")
    (reason,) = json.loads(dq.validate(data, suite).to_json())["reasons"]
    assert reason["message"] == 'no column "B" (did you mean "b"?); "a", "b" landed'
    suite.write_text("source: x\ncolumns: {a: {}, b: {min: 3}, B: {optional: true}}\n")
    assert [c.id for c in dq.validate(data, suite).checks if c.blocks] == ["b.range"]
    suite.write_text("source: x\ncolumns: {a: {}, B: {aliases: [b], max: 1}}\n")
    assert [c.id for c in dq.validate(data, suite).checks if c.blocks] == ["B.range"]


@pytest.mark.parametrize("first", ["b", "B"])
def test_a_declared_column_keeps_its_name_beside_one_that_differs_in_case(tmp_path: Path, first: str) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / "d.csv"
    suite.write_text("source: x\ncolumns: {B: {min: 5}}\n")
    data.write_text("b,B\n1,7\n" if first == "b" else "B,b\n7,1\n")
    blocking = {c.id: c.message for c in dq.validate(data, suite).checks if c.blocks}
    assert list(blocking) == ["table.duplicate_columns"]
    assert '"b" stand for a column that is there already, case aside' in blocking["table.duplicate_columns"]


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_bounds_may_be_infinite_and_not_nan(tmp_path: Path, engine: str) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / "d.parquet"
    pl.DataFrame({"n": [1, 2], "x": [float("inf"), float("nan")]}).write_parquet(data)
    suite.write_text("source: x\ncolumns: {n: {min: -.inf, max: .inf}, x: {not_allowed: [-.inf], max: .inf}}\n")
    found = {c.id: c.failed_rows for c in dq.validate(data, suite, engine=engine).checks if c.blocks}
    assert found == {"x.range": 1}  # NaN is in no range
    for rule in ("min: .nan", "max: .NaN", "allowed: [.nan, 1]", "not_allowed: [.NAN]"):
        suite.write_text(f"source: x\ncolumns:\n  x: {{{rule}}}\n")
        with pytest.raises(dq.SuiteError, match=r"x\.yaml:3: .*isnan"):
            dq.validate(data, suite)


def test_a_column_that_arrow_does_not_take_is_named(tmp_path: Path) -> None:
    suite = tmp_path / "x.yaml"
    suite.write_text("source: x\n")
    frame = pl.DataFrame({"fine": [1], "wide": pl.Series([2**100], dtype=pl.Int128)})
    found = next(c for c in dq.validate(frame, suite).checks if c.id == "table.unsupported_type")
    assert 'column "wide"' in found.message
