"""What only Great Expectations itself can judge: in a process of its own, or a hold; never skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq
from dq.config import Limits
from dq.dialects.gx import load
from dq.errors import SuiteError
from dq.ir.contract import Contract
from dq.suite import load_contract

PLUGIN = """
import os
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

class ColumnValuesEven(ColumnMapMetricProvider):
    condition_metric_name = "column_values.even"
    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return column % 2 == 0

class ExpectColumnValuesToBeEven(ColumnMapExpectation):
    map_metric = "column_values.even"

class ColumnValuesUnkept(ColumnMapMetricProvider):
    condition_metric_name = "column_values.unkept"
    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        print("loud")
        return column.notnull() & ("AWS_SECRET_ACCESS_KEY" not in os.environ)

class ExpectColumnValuesToFindNoSecret(ColumnMapExpectation):
    map_metric = "column_values.unkept"

class ColumnValuesBroken(ColumnMapMetricProvider):
    condition_metric_name = "column_values.broken"
    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        raise ZeroDivisionError("canary-" + str(column.iloc[0]))

class ExpectColumnValuesToBeBroken(ColumnMapExpectation):
    map_metric = "column_values.broken"

class ColumnValuesHuge(ColumnMapMetricProvider):
    condition_metric_name = "column_values.huge"
    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return len(bytearray(1 << 36)) > 0

class ExpectColumnValuesToBeHuge(ColumnMapExpectation):
    map_metric = "column_values.huge"
"""
FRAME = pl.DataFrame({"a": [2, 4, 5, 8], "p": ["x@example.org"] * 4})
ODD = {"row_condition": "a.abs() > 4", "condition_parser": "pandas"}


def suite(folder: Path, *expectations: tuple[str, dict[str, Any]]) -> Path:
    path = folder / "suite.json"
    listed = [{"type": f"expect_column_{k}", "kwargs": {"column": "a", **a}} for k, a in expectations]
    path.write_text(json.dumps({"name": "own", "expectations": listed}))
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "mine.py").write_text(PLUGIN)
    return path


def contract(folder: Path, *expectations: tuple[str, dict[str, Any]], more: str = "") -> Contract:
    path = suite(folder, *expectations)
    written = folder / "own.yaml"
    written.write_text(f"source: own\n{more}include: [{{suite: {path.name}, plugins: plugins}}]\n")
    return load_contract(written)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dq.Result:
    """All that one process of GX is asked."""
    folder = tmp_path_factory.mktemp("custom")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "canary-81")
        asked = contract(
            folder, ("values_to_be_even", {"mostly": 0.5}), ("values_to_be_even", {}),
            ("values_to_find_no_secret", {}), ("values_to_be_broken", {}), ("values_to_be_huge", {}),
            ("values_to_be_between", {"max_value": 5, **ODD}), ("max_to_be_between", {"max_value": 8, **ODD}),
        )  # fmt: skip
        return dq.validate(FRAME, asked, result_format="COMPLETE")


def test_verdicts_are_those_of_gx(judged: dq.Result) -> None:
    found = {c.id: (c.status.value, c.message) for c in judged.checks if c.origin.rule.startswith("{")}
    assert {k: s for k, (s, _) in found.items()} == {
        "a.values_to_be_even": "pass", "a.values_to_be_even#2": "fail", "a.values_to_find_no_secret": "pass",
        "a.values_to_be_broken": "error", "a.values_to_be_huge": "error", "a.range": "fail", "a.max": "pass",
    }  # fmt: skip
    assert found["a.values_to_be_even#2"][1].endswith("does not hold: 1 of 4 rows are unexpected")
    assert judged.verdict == "hold"


def test_what_its_code_raises_is_told_without_its_text(judged: dq.Result) -> None:
    said = next(c.message for c in judged.checks if c.id == "a.values_to_be_broken")
    assert "raises" in said
    assert "canary" not in judged.to_json()


def test_the_result_is_its_own(judged: dq.Result) -> None:
    results = judged.to_gx()["results"]
    assert results[1]["result"]["unexpected_list"] == [5]
    assert results[1]["result"]["unexpected_index_list"] == [2]
    assert results[5]["result"]["unexpected_list"] == [8]
    assert results[3]["exception_info"]["raised_exception"]
    assert not results[3]["success"]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of GX without GX."""
    result = {"element_count": 4, "unexpected_count": 1, "partial_unexpected_list": [5]}
    answer = json.dumps({"success": False, "result": result})
    monkeypatch.setattr("dq.engines.gx.GreatExpectations.run", lambda _, __, asked: dict.fromkeys(asked, answer))
    monkeypatch.setenv("DQ_ISOLATED", "false")


@pytest.mark.usefixtures("said")
def test_no_value_of_a_column_is_told_where_one_is_private(tmp_path: Path) -> None:
    asked = contract(tmp_path, ("values_to_be_even", {}), more="columns:\n  p: {pii: true}\n")
    found = dq.validate(FRAME, asked).to_gx()["results"][0]
    assert found["result"]["unexpected_count"] == 1
    assert "partial_unexpected_list" not in found["result"]


def test_without_the_extra_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.engines.gx.find_spec", lambda _: None)
    result = dq.validate(FRAME, contract(tmp_path, ("values_to_be_even", {}), ("values_to_be_unique", ODD)))
    assert result.verdict == "hold"
    assert [c.status.value for c in result.checks if c.metric == "custom"] == ["error", "error"]
    assert "install the extra: dq-gate[gx]" in result.judgement.reasons[0].message


def test_a_deadline(tmp_path: Path) -> None:
    result = dq.validate(FRAME, contract(tmp_path, ("values_to_be_even", {})), limits=Limits(deadline_seconds=0.2))
    assert result.verdict == "hold"
    assert "not judged within 0.2 s" in result.judgement.reasons[0].message


def test_classes_are_found_without_running_them(tmp_path: Path) -> None:
    path = suite(tmp_path, ("values_to_be_evn", {}))
    (tmp_path / "plugins" / "trap.py").write_text("raise SystemExit('imported')")
    (tmp_path / "plugins" / "torn.py").write_text("class (")
    with pytest.raises(SuiteError, match='did you mean "expect_column_values_to_be_even"'):
        load(path.read_text(), "suite.json", plugins=str(tmp_path / "plugins"))
    (tmp_path / "own.yaml").write_text("source: own\ninclude: [{suite: suite.json, plugins: nowhere}]\n")
    with pytest.raises(SuiteError, match=r"own.yaml:2: include: plugins: .*nowhere: no such folder"):
        load_contract(tmp_path / "own.yaml")


def test_other_code_is_another_suite(tmp_path: Path) -> None:
    one = contract(tmp_path, ("values_to_be_even", {}))
    (tmp_path / "plugins" / "mine.py").write_text(PLUGIN.replace("% 2 == 0", "% 2 == 1"))
    assert load_contract(tmp_path / "own.yaml").suite.digest != one.suite.digest


def test_code_comes_from_the_folder_of_suites_only(tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    folder.mkdir()
    suite(folder, ("values_to_be_even", {}))
    (folder / "plugins").rename(tmp_path / "plugins")
    (folder / "own.yaml").write_text("source: own\ninclude: [{suite: suite.json, plugins: ../plugins}]\n")
    with pytest.raises(SuiteError, match=r"own.yaml:2: include: plugins: .* lies outside the folder of suites"):
        load_contract(folder / "own.yaml")


@pytest.mark.usefixtures("said")
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dq.cli import main

    path = suite(tmp_path, ("values_to_be_even", {}))
    FRAME.write_parquet(tmp_path / "d.parquet")
    command = ["validate", str(tmp_path / "d.parquet"), "--suite", str(path)]
    assert main(command) == 2
    assert "the class of a custom one is looked for in plugins" in capsys.readouterr().err
    assert main([*command, "--plugins", str(tmp_path / "nowhere")]) == 2
    assert main([*command, "--plugins", str(tmp_path / "plugins")]) == 1
    assert "a.values_to_be_even" in capsys.readouterr().out
