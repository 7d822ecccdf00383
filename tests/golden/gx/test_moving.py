"""Moving in: projects that Great Expectations itself made, and projects of 0.x, as contracts that the gate runs."""

from __future__ import annotations

import json
import textwrap
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq.cli import main
from dq.dialects.gx.sources import parted
from dq.suite import load_contract

OLD = {
    "great_expectations.yml": """
        config_version: 3.0
        config_variables_file_path: uncommitted/config_variables.yml
        plugins_directory: plugins/
        stores:
          expectations_store:
            class_name: ExpectationsStore
            store_backend: {class_name: TupleFilesystemStoreBackend, base_directory: expectations/}
        expectations_store_name: expectations_store
        datasources:
          lake:
            class_name: Datasource
            execution_engine: {class_name: PandasExecutionEngine}
            data_connectors:
              inferred:
                class_name: InferredAssetFilesystemDataConnector
                base_directory: ${LAKE}/taxi
                default_regex: {pattern: '(.*)_(\\d{4})-(\\d{2})\\.csv', group_names: [data_asset_name, year, month]}
              runtime: {class_name: RuntimeDataConnector, batch_identifiers: [run]}
          warehouse:
            class_name: Datasource
            execution_engine: {class_name: SqlAlchemyExecutionEngine, connection_string: '${SECRET}'}
            data_connectors: {tables: {class_name: InferredAssetSqlDataConnector}}
        fluent_datasources:
          spark:
            type: spark_filesystem
            base_directory: lake/zones
            assets:
              zones: {type: csv, header: true, batching_regex: 'zones_(?P<part>\\d+)\\.csv'}
              book: {type: excel, batching_regex: 'book.*'}
        """,
    "uncommitted/config_variables.yml": "LAKE: lake\nSECRET: canary-5f2c\n",
    "expectations/taxi/warning.json": json.dumps(
        {
            "expectation_suite_name": "taxi.warning",
            "expectations": [
                {
                    "expectation_type": "expect_column_values_to_not_be_null",
                    "kwargs": {"column": "fare", "auto": False},
                },
                {
                    "expectation_type": "expect_column_values_to_be_between",
                    "kwargs": {"column": "fare", "max_value": {"$PARAMETER": "high"}},
                },
                {
                    "expectation_type": "expect_column_values_to_be_unique",
                    "kwargs": {"column": "fare", "row_condition": "fare.abs() > 1", "condition_parser": "pandas"},
                },
                {"expectation_type": "expect_column_values_to_be_betwen", "kwargs": {"column": "fare"}},
            ],
        },
        indent=1,
    ),
    "expectations/zones.json": json.dumps(
        {
            "expectation_suite_name": "zones",
            "expectations": [{"expectation_type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}],
        }
    ),
    "expectations/empty.json": '{"expectation_suite_name": "empty", "expectations": []}',
    "checkpoints/nightly.yml": """
        name: nightly
        config_version: 1.0
        class_name: Checkpoint
        action_list:
          - {name: store, action: {class_name: StoreValidationResultAction}}
          - {name: tell, action: {class_name: SlackNotificationAction}}
        validations:
          - batch_request: {datasource_name: lake, data_connector_name: inferred, data_asset_name: yellow}
            expectation_suite_name: taxi.warning
            evaluation_parameters: {high: 50}
          - batch_request: {datasource_name: spark, data_asset_name: zones}
            expectation_suite_name: zones
          - batch_request: {datasource_name: lake, data_connector_name: runtime, data_asset_name: handed}
            expectation_suite_name: zones
          - batch_request: {datasource_name: warehouse, data_connector_name: tables, data_asset_name: orders}
            expectation_suite_name: zones
        """,
}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "great_expectations"
    for name, text in OLD.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    for name, text in {"taxi/yellow_2024-01.csv": "fare\n1.5\n60\n", "zones/zones_7.csv": "z\n1\n"}.items():
        path = tmp_path / "lake" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return root


def test_a_project_of_0x(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--gx", "."]) == 1
    told, complaints = capsys.readouterr()
    rows = [line.split() for line in told.splitlines()[:4]]
    assert rows[1:] == [
        ["taxi.warning", "4", "2", "1", "1"],
        ["zones", "1", "1", "0", "0"],
        ["total", "5", "3", "1", "1"],
    ]
    written = OLD["expectations/taxi/warning.json"].splitlines()
    line = next(n for n, text in enumerate(written) if '_betwen"' in text)
    for said in (
        "checkpoint nightly: its action SlackNotificationAction stays with GX",
        f'warning.json:{line}: unknown: no core expectation "expect_column_values_to_be_betwen" (did you mean '
        '"expect_column_values_to_be_between"?)',
        "empty.json: the suite empty has no expectations",
        "lake.handed: data handed over at run time",
        "warehouse.orders: tables of SQL are not read",
        "spark.book: files of type excel are not read",
    ):
        assert said in complaints
    assert "canary-5f2c" not in told + complaints + "".join(p.read_text() for p in Path("suites").rglob("*.*"))
    assert sorted(p.name for p in Path("suites").iterdir()) == ["gx", "yellow.yaml", "zones.yaml"]
    assert main(["gate", "zones"]) == 0
    assert load_contract("suites/zones.yaml").layout == "zones_{part:int}.csv"
    assert "semantics: sql" in Path("suites/zones.yaml").read_text()
    assert "parameters: {high: 50}" in Path("suites/yellow.yaml").read_text()


def test_what_is_unknown_keeps_its_contract_from_running_until_it_is_mended(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", "--gx", "great_expectations"])
    assert main(["gate", "yellow"]) == 2
    suite = Path("suites/gx/taxi.warning.json")
    document = json.loads(suite.read_text())
    document["expectations"] = document["expectations"][:2]
    suite.write_text(json.dumps(document))
    capsys.readouterr()
    assert main(["gate", "yellow"]) == 1
    assert "1 row (50 %, allowed 0)" in capsys.readouterr().out


def test_nothing_is_overwritten(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("dq.toml").write_text("")
    assert main(["init", "--gx", "."]) == 2
    assert "dq.toml: already there" in capsys.readouterr().err
    assert not Path("suites").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["init", "--gx", "lake"], "lake: no project of Great Expectations"),
        (["init"], "dq init needs PATH, or --gx DIR"),
        (["init", "lake", "--gx", "."], "dq init needs PATH, or --gx DIR"),
    ],
)
def test_usage(old: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: *x\n", "great_expectations.yml:2: aliases (*x) are not allowed"),
        ("stores: foo\n", "great_expectations.yml:1: stores: a mapping of mappings is needed"),
        ("a: 1\nfluent_datasources: {d: [1]}\n", "great_expectations.yml:2: fluent_datasources: a mapping of"),
        ("- 1\n", "great_expectations.yml: no settings of Great Expectations"),
        ("fluent_datasources: {d: {assets: [a]}}\n", "d: its assets are no mapping"),
        ("fluent_datasources: {d: {assets: {a: 1}}}\n", "d.a: not written as Great Expectations writes it"),
    ],
)
def test_settings_that_cannot_be_read(old: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    (old / "great_expectations.yml").write_text(text)
    assert main(["init", "--gx", "."]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("text", ["batches: 3", "validations: [3]", "actions: [3]", "validation_definitions: [x]"])
def test_a_checkpoint_that_is_none_is_told(old: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (old / "checkpoints" / "odd.yml").write_text(text)
    assert main(["init", "--gx", "."]) == 1
    assert "odd.yml: no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "layout"),
    [
        (r"trips_(?P<year>\d{4})-(?P<month>\d{2})\.csv", "trips_{year}-{month}.csv"),
        (r"^t_(?P<day>\d{4}-\d{2}-\d{2})\.parquet$", "t_{day:date}.parquet"),
        (r"(?P<region>[a-z]+)/x_(?P<n>\d+)\.csv", "{region:str}/x_{n:int}.csv"),
        (r"trips_(?P<code>\d{3})\.csv", "trips_{code:str}.csv"),
        (r"z_(?P<day>\d{8})\.parquet", "z_{day:%Y%m%d}.parquet"),
        (r"z_(?P<month>[0-9]{6})\.csv", "z_{month:%Y%m}.csv"),
        (r"z_(?P<day>\d{3})\.csv", "z_{day:str}.csv"),
        ("one.csv", None),
    ],
)
def test_batch_patterns(pattern: str, layout: str | None) -> None:
    assert parted(pattern) == ("", layout)


def test_folders_that_all_batches_share_are_those_of_the_source() -> None:
    assert parted(r"a/b\.c/x_(?P<day>\d{4}-\d{2}-\d{2})/y\.csv") == ("a/b.c", "x_{day:date}/y.csv")
    assert parted("zones/zones.csv$") == ("zones", None)


@pytest.mark.parametrize("pattern", [r".*\.csv", r"(\d{4})\.csv", r"a{2}(?P<year>\d{4})\.csv", r"\d(?P<a>x)(?P<b>y)"])
def test_batch_patterns_that_no_layout_has(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parted(pattern)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """By GX's own file context."""
    monkeypatch.chdir(tmp_path)
    landed = tmp_path / "lake" / "trips"
    landed.mkdir(parents=True)
    for month, fares in (("01", [1.0, 2.0]), ("02", [1.0, 200.0])):
        frame = pl.DataFrame({"fare": fares, "zone": ["a", "NA"]})
        frame.write_csv(landed / f"trips_2024-{month}.csv", separator=";")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _make()
    return tmp_path


def _make() -> None:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context: Any = gx.get_context(mode="file", project_root_dir=".")
    source = context.data_sources.add_pandas_filesystem("files", base_directory="lake/trips")
    asset = source.add_csv_asset("trips", sep=";")
    monthly = asset.add_batch_definition_monthly("m", regex=r"trips_(?P<year>\d{4})-(?P<month>\d{2})\.csv")
    suite = context.suites.add(gx.ExpectationSuite("trips"))
    suite.add_expectation(gxe.ExpectColumnValuesToBeBetween(column="fare", max_value=100))
    suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column="zone", mostly=0.5))
    rows = gxe.ExpectColumnValuesToBeUnique(column="fare", row_condition="fare.abs() > 1", condition_parser="pandas")
    suite.add_expectation(rows)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=monthly, suite=suite))
    context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition]))
    context.data_sources.add_pandas("frames").add_dataframe_asset("frame")


@pytest.mark.filterwarnings("ignore")
def test_a_project_that_gx_made(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--gx", "."]) == 0
    told, complaints = capsys.readouterr()
    assert [line.split() for line in told.splitlines()[1:3]] == [
        ["trips", "3", "2", "1", "0"],
        ["total", "3", "2", "1", "0"],
    ]
    assert "frames.frame: a frame handed over in Python" in complaints
    assert main(["gate", "--json"]) == 1
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(d["partition"], d["verdict"]) for d in documents] == [
        ("trips_2024-01.csv", "promote"), ("trips_2024-02.csv", "quarantine"),
    ]  # fmt: skip
    assert [r["id"] for r in documents[1]["reasons"]] == ["fare.range"]
    zones = next(c for c in documents[0]["checks"] if c["id"] == "zone.required")
    assert zones["failed_rows"] == 1  # to pandas NA is missing
    assert any(c["metric"] == "custom" and c["status"] == "pass" for c in documents[0]["checks"])
