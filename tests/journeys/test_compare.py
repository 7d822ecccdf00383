"""A suite moves over: what we say of it, beside a validation result that Great Expectations itself stored."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq.cli import main

GOOD = pl.DataFrame(
    {
        "fare": [1.5, 2.0, None, 9.0], "tip": [0.5, 3.0, 1.0, None], "zone": ["a", "b", "b", "c"],
        "n": [1, 2, 3, 4], "day": ["2026-01-01", "2026-01-02", "x", None],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of GX in whose folder a run left its result."""
    root = tmp_path_factory.mktemp("compare")
    GOOD.write_csv(root / "day.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _run(root)
    (result,) = (root / "gx" / "uncommitted" / "validations").rglob("*.json")
    shutil.copy(result, root / "gx-result.json")
    shutil.copy(root / "gx" / "expectations" / "trips.json", root / "trips.json")
    return root


def _run(root: Path) -> None:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context: Any = gx.get_context(mode="file", project_root_dir=str(root))
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas_filesystem("files", base_directory=str(root)).add_csv_asset("day")
    suite = context.suites.add(gx.ExpectationSuite("trips"))
    for one in (
        gxe.ExpectColumnValuesToBeBetween(column="fare", max_value=5),
        gxe.ExpectColumnValuesToBeBetween(column="fare", min_value=0, mostly=0.9),
        gxe.ExpectColumnMeanToBeBetween(column="fare", max_value=4),
        gxe.ExpectColumnStdevToBeBetween(column="n", min_value=1),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="zone", value_set=["b"]),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="zone", value_set=["a", "b"]),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="fare", column_B="tip"),
        gxe.ExpectColumnValuesToBeUnique(
            column="zone", row_condition='col("n") > 1', condition_parser="great_expectations"
        ),
        gxe.ExpectColumnMaxToBeBetween(column="nowhere", max_value=3),
        gxe.ExpectTableRowCountToEqual(value=4),
    ):
        suite.add_expectation(one)
    batch = asset.add_batch_definition_path("whole", "day.csv")
    definition = gx.ValidationDefinition(name="daily", data=batch, suite=suite)
    context.validation_definitions.add(definition).run()


@pytest.fixture
def here(stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("day.csv", "trips.json", "gx-result.json"):
        shutil.copy(stored / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(*more: str, data: str = "day.csv") -> int:
    return main(["validate", data, "--suite", "trips.json", "--compare", "gx-result.json", *more])


def test_on_the_same_data_nothing_differs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "day.csv", "--suite", "trips.json"]) == 1
    capsys.readouterr()
    assert compare() == 0
    assert "10 expectations compared with what GX 1." in (told := capsys.readouterr().out)
    assert told.endswith("says: no difference\n")


@pytest.mark.parametrize("keep_ids", [True, False])
def test_on_other_data_what_differs_is_listed(here: Path, capsys: pytest.CaptureFixture[str], keep_ids: bool) -> None:
    if not keep_ids:
        suite = json.loads((here / "trips.json").read_text())
        for one in suite["expectations"]:
            del one["id"]
        (here / "trips.json").write_text(json.dumps(suite))
    pl.concat([GOOD, GOOD.with_columns(pl.col("fare") + 1)[:1]]).write_csv(here / "day.csv")
    assert compare("--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["success"]
    assert document["compared"] == 10
    found = [[d["type"].removeprefix("expect_"), d["what"], d["gx"], d["ours"]] for d in document["differences"]]
    for one in (
        ["table_row_count_to_equal", "success", True, False], ["table_row_count_to_equal", "observed_value", 4, 5],
        ["column_values_to_be_between", "element_count", 4, 5],
        ["column_most_common_value_to_be_in_set", "observed_value", ["b"], ["a", "b"]],
        ["column_pair_values_a_to_be_greater_than_b", "element_count", 4, 5],
    ):  # fmt: skip
        assert one in found
    assert not [d for d in found if "max_to_be" in d[0]]
    assert compare() == 1
    assert "expect_table_row_count_to_equal" in capsys.readouterr().out


def test_expectations_that_only_one_of_them_knows(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = json.loads((here / "trips.json").read_text())
    gone = suite["expectations"].pop(0)
    suite["expectations"].append({"type": "expect_column_to_exist", "kwargs": {"column": "fare"}})
    (here / "trips.json").write_text(json.dumps(suite))
    assert compare("--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert [(d["type"], d["what"], d["gx"], d["ours"]) for d in document["differences"]] == [
        ("expect_column_to_exist", "expectation", "not there", "there"),
        (gone["type"], "expectation", "there", "not there"),
    ]
    assert document["compared"] == 9


def test_what_cannot_be_judged_here_holds(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DQ_ISOLATED", "false")
    monkeypatch.setattr("dq.engines.gx.find_spec", lambda _: None)
    suite = json.loads((here / "trips.json").read_text())
    suite["expectations"][0]["kwargs"] |= {"row_condition": "fare.abs() > 0", "condition_parser": "pandas"}
    (here / "trips.json").write_text(json.dumps(suite))
    assert compare() == 3
    assert "raised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"results": [}', 'no JSON: Expecting value (column 14)\n    {"results": [}\n                 ^'),
        ("[1]", "no validation result of Great Expectations"),
        ('{"run_results": {}}', "a checkpoint's result: name one of the validation results"),
        ('{"results": [{"success": 1}]}', "result 1 tells no success of an expectation_config"),
    ],
)
def test_what_is_no_result(here: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    (here / "gx-result.json").write_text(text)
    assert compare() == 2
    assert says in capsys.readouterr().err


def test_usage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--suite", "trips.json") == 2
    assert "--compare goes with one --suite" in capsys.readouterr().err
    assert compare("--gx", "-") == 2
    (here / "gx-result.json").unlink()
    assert compare() == 2
    assert "gx-result.json: No such file or directory" in capsys.readouterr().err


def test_what_is_not_shown_differs_from_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mails = pl.DataFrame({"mail": [f"{n}@example.org" for n in range(9)]})
    mails.write_parquet(tmp_path / "mails.parquet")
    kind = "expect_column_most_common_value_to_be_in_set"
    config = {"type": kind, "kwargs": {"column": "mail", "value_set": ["8@example.org"], "ties_okay": True}}
    (tmp_path / "s.json").write_text(json.dumps({"name": "s", "expectations": [config]}))
    stored = {"success": True, "expectation_config": config, "result": {"observed_value": ["8@example.org"]}}
    (tmp_path / "r.json").write_text(json.dumps({"results": [stored]}))
    command = ["validate", str(tmp_path / "mails.parquet"), "--suite", str(tmp_path / "s.json")]
    assert main([*command, "--compare", str(tmp_path / "r.json")]) == 0
    assert main([*command, "--gx", "-"]) == 0
    written = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(written["results"][0]["result"]["observed_value"]) == {"•••"}
