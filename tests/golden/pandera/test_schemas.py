"""Schemas of pandera: YAML, JSON and Python in, checks or errors out; what custom checks and changes of data mean."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandera.polars as pa
import polars as pl
import pytest

import dq
from dq.api import explain
from dq.dialects.pandera import load, objects
from dq.errors import SuiteError, UsageError
from dq.ir.aggregate import Count, Max
from dq.ir.contract import Contract
from dq.ir.data import Field, Kind, Schema, Type
from dq.ir.expr import Col, Foreign
from dq.plan import Shape, passes_over
from dq.suite import load_contract

if TYPE_CHECKING:
    from dq.api import Result

TABLE = tomllib.loads((Path(__file__).parent / "schemas.toml").read_text())
FRAME = pl.DataFrame({"a": [1, 20, 5, 8], "b": ["x", "q", None, "x"]})
CODE = """
import os
import polars as pl
import pandera.polars as pa
from limits import MOST

print("what a file prints is nobody's answer")


class Trips(pa.DataFrameModel):
    a: int = pa.Field(ge=0, le=MOST)
    b: pl.String = pa.Field(isin=["x"], nullable=True)

    @pa.check("a")
    def odd(cls, data):
        return data.lazyframe.select(pl.col(data.key) % 2 == 1)

    @pa.check("a")
    def branch(cls, data):
        return data.lazyframe.with_columns(z=pl.col(data.key) != 8).select("z")

    @pa.check("a", element_wise=True)
    def each(cls, value):
        return value != 5

    @pa.dataframe_check
    def alone(cls, data):
        return "AWS_SECRET_ACCESS_KEY" not in os.environ


Other = pa.DataFrameSchema({"a": pa.Column(int)})
assert "AWS_SECRET_ACCESS_KEY" not in os.environ
"""


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "limits.py").write_text("MOST = 10\n")
    (folder / "trips.py").write_text(CODE)
    FRAME.write_parquet(tmp_path / "d.parquet")
    return folder


def failed(result: Result) -> dict[str, Any]:
    return {c.id: c.failed_rows for c in result.checks if c.status == "fail"}


@pytest.mark.parametrize("case", TABLE["schema"], ids=lambda c: c["name"])
def test_checks(case: dict[str, Any]) -> None:
    suite = load(case["text"].lstrip(), "s.yaml")
    found = [f"{c.id} | {c.bound} | {c.severity} | {c.origin.line}" for c in suite.checks]
    assert found == case["checks"].strip().splitlines()
    assert {c.origin.dialect for c in suite.checks} == {"pandera"}


@pytest.mark.parametrize("case", TABLE["error"], ids=lambda c: c["name"])
def test_errors(case: dict[str, Any]) -> None:
    with pytest.raises(SuiteError) as raised:
        load(case["text"].lstrip(), "s.yaml")
    assert str(raised.value) == case["says"].lstrip()


def test_a_file_of_python_is_run_apart_and_without_credentials(suites: Path, tmp_path: Path) -> None:
    contract = load_contract(f"{suites}/trips.py:Trips")
    result = dq.validate(tmp_path / "d.parquet", contract)
    assert failed(result) == {"a.range#2": 1, "b.allowed": 1, "a.odd": 2, "a.branch": 1, "a.each": 1}
    lines = {c.id: c.origin.line for c in result.checks}
    assert (lines["a.range"], lines["b.allowed"], lines["a.odd"], lines["table.alone"]) == (11, 12, 15, 27)
    evidence = {c.id: [e.row for e in c.evidence] for c in result.checks}
    assert (evidence["a.odd"], evidence["a.each"], evidence["a.branch"]) == ([2, 4], [3], [])
    assert sorted(os.listdir(suites)) == ["limits.py", "trips.py"]
    plan = explain(tmp_path / "d.parquet", contract)
    assert plan.remarks == {
        "a.branch": "runs as Python code on the columns of the same scan, which are held for it",
        "a.each": "runs in Python, value by value on its column alone",
        "table.alone": "runs as Python code on the columns of the same scan, which are held for it",
    }
    assert [p.engine for p in plan.passes] == ["polars"]


def test_what_a_file_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n"
    schema = "import pandera.polars as pa\nS = pa.DataFrameSchema({'a': pa.Column()})\n"
    (tmp_path / "s.py").write_text(thread + schema)
    assert load_contract(f"{tmp_path}/s.py:S").suite.checks


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("x = 1\n\ny = x / 0\n", "", "s.py:3: ZeroDivisionError: division by zero"),
        ("def f():\n  raise ValueError('a\\n b')\nf()\n", "", "s.py:2: ValueError: a b"),
        ("x = (\n", "X", "s.py:1: SyntaxError: '(' was never closed (column 5)\n    x = (\n        ^"),
        ("raise SystemExit(3)\n", "X", "s.py:1: SystemExit: 3"),
        ("import pandera.polars as pa\nTrips = pa.DataFrameSchema({'a': pa.Column()})\n", "Tips",
         's.py: no schema "Tips" (did you mean "Trips"?); schemas in it are Trips'),
        ("import pandera.pandas as pa\nS = pa.SeriesSchema(int)\n", "S",
         "s.py: S is of one series, data is a table: write it as a column of a schema"),
        ("x = 1\n", "", "s.py: which schema? name it like FILE.py:NAME; schemas in it are none"),
    ],
)  # fmt: skip
def test_a_file_that_gives_no_schema(tmp_path: Path, text: str, name: str, says: str) -> None:
    (tmp_path / "s.py").write_text(text)
    place = os.path.relpath(tmp_path)
    with pytest.raises(SuiteError) as raised:
        objects.load(f"{place}/s.py", name)
    assert str(raised.value) == f"{place}/{says}"


def test_command(suites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dq.cli import main

    (suites / "bad.py").write_text("\n1 / 0\n")
    data = str(tmp_path / "d.parquet")
    assert main(["validate", data, "--suite", f"{suites}/bad.py:Trips"]) == 2
    assert capsys.readouterr().err == f"dq: {suites}/bad.py:2: ZeroDivisionError: division by zero\n"
    assert main(["explain", data, "--suite", f"{suites}/trips.py:Trips"]) == 0
    assert "a.each: runs in Python, value by value" in capsys.readouterr().out


def test_a_contract_takes_schemas_in_from_its_own_folder_only(suites: Path, tmp_path: Path) -> None:
    (suites / "plain.yaml").write_text("schema_type: polars_dataframe\ncolumns:\n  b: {str_length: {max_value: 0}}\n")
    contract = suites / "trips.yaml"
    contract.write_text("source: trips\ncolumns:\n  a: {max: 10}\ninclude: ['trips.py:Other', plain.yaml]\n")
    assert failed(dq.validate(FRAME, contract)) == {"a.range": 1, "b.required": 1, "b.length": 3}
    landed = tmp_path / "landing"
    landed.mkdir()
    (landed / "planted.py").write_text("open('ran', 'w')\n")
    (suites / "linked.py").symlink_to(landed / "planted.py")
    for item in ("../landing/planted.py:Trips", f"{landed}/planted.py:Trips", "linked.py"):
        contract.write_text(f"source: trips\ninclude: ['{item}']\n")
        with pytest.raises(SuiteError, match=r"trips.yaml:2: include: .* lies outside the folder of suites"):
            load_contract(contract)


def test_what_would_change_the_data_changes_what_the_checks_see() -> None:
    schema = pa.DataFrameSchema(
        {
            "n": pa.Column(int, pa.Check.ge(2), coerce=True),
            "d": pa.Column(int, pa.Check.ge(0), default=7),
            "gone": pa.Column(int, pa.Check.ge(0), default=7),
        },
        checks=pa.Check(lambda data: data.lazyframe.select(pl.col("n") > 1)),
        add_missing_columns=True, strict="filter", drop_invalid_rows=True,
    )  # fmt: skip
    frame = pl.DataFrame({"n": ["1", "x", "3", None], "d": [1, None, 2, None], "other": [1, 2, 3, 4]})
    result = dq.validate(frame, schema)
    assert failed(result) == {"n.castable": 1, "n.required": 1, "n.range": 1, "table.check": 1}
    remarks = explain(frame, schema).remarks
    for said in (
        'strict="filter": other columns',
        "drop_invalid_rows: no row is dropped",
        "default: checks see d, gone",
    ):
        assert said in remarks["table.not_empty"]
    assert "the data stays as it landed" in remarks["n.castable"]


class Custom(pa.DataFrameModel):
    a: int
    b: pl.String = pa.Field(nullable=True)

    @pa.check("a")
    def one_answer(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.col(data.key).mean() > 100)

    @pa.check("a")
    def neighbours(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.col(data.key) >= pl.col(data.key).shift(1))

    @pa.check("b", ignore_na=False)
    def strictly(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.col(data.key) != "q")

    @pa.check("b")
    def raises(cls, data: Any) -> Any:
        raise ValueError("canary")

    @pa.check("b")
    def mistyped(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.col(data.key) > 3)

    @pa.dataframe_check
    def no_answer(cls, data: Any) -> Any:
        return data.lazyframe.collect()

    @pa.dataframe_check
    def wide(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.all().is_not_null())


def test_custom_checks() -> None:
    result = dq.validate(FRAME, Custom)
    assert failed(result) == {
        "a.one_answer": None, "a.neighbours": 1, "b.strictly": 2, "b.raises": None, "b.mistyped": None,
        "table.no_answer": None, "table.wide": 1,
    }  # fmt: skip
    said = {c.id: c.message for c in result.checks}
    assert said["b.raises"].startswith("it raises ValueError at test_schemas.py:")
    assert said["table.no_answer"].startswith("it raises TypeError")
    assert "canary" not in result.to_json()


def test_the_schema_s_own_expressions_are_part_of_the_scan() -> None:
    shape = Shape("parquet", Schema((Field("a", Type(Kind.INT64)),)), 10**7, 10**8)
    own = Count(Foreign("polars", '{"Column":"a"}', (Col(("a",)),)))
    others = [Count(), Max(Col(("a",)))]
    assert [(p.engine, p.family, len(p.aggregates)) for p in passes_over([own, *others], shape, "polars")] == [
        ("polars", "simple", 3)
    ]
    assert [(p.engine, p.family, len(p.aggregates)) for p in passes_over([own, *others], shape, "duckdb")] == [
        ("duckdb", "simple", 2), ("polars", "foreign", 1),
    ]  # fmt: skip


def test_expressions_see_columns_as_they_landed(tmp_path: Path) -> None:
    moments = [datetime(2020, 1, 1, 23, tzinfo=UTC)] * 3
    frame = pl.DataFrame(
        {"f": pl.Series([0.1] * 3, dtype=pl.Float32), "z": pl.Series(moments).dt.convert_time_zone("Asia/Tokyo")}
    )
    frame.write_parquet(tmp_path / "d.parquet")
    schema = pa.DataFrameSchema(
        {
            "f": pa.Column(pl.Float32, pa.Check(lambda d: d.lazyframe.select(pl.col(d.key) == 0.1))),
            "z": pa.Column(checks=pa.Check(lambda d: d.lazyframe.select(pl.col(d.key).dt.hour() == 8))),
        }
    )
    assert failed(dq.validate(frame, schema)) == failed(dq.validate(tmp_path / "d.parquet", schema)) == {}


def test_text_is_read_as_the_schema_says(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n1,x\nz,\n3,y\n")
    schema = tmp_path / "s.yaml"
    schema.write_text(
        "schema_type: polars_dataframe\ncolumns:\n  a: {dtype: Int32, ge: 2}\n  b: {dtype: String, nullable: true}\n"
    )
    assert failed(dq.validate(tmp_path / "d.csv", schema)) == {"a.readable": 1, "a.range": 1}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (
            pa.DataFrameSchema({"a": pa.Column(checks=pa.Check(len, groupby="b")), "b": pa.Column()}),
            "columns.a: groupby: pandera has no groups on Polars",
        ),
        (pa.DataFrameSchema({"a": pa.Column(int, default=pl.lit(1))}), "columns.a: default is an expression"),
    ],
)  # fmt: skip
def test_what_is_refused(schema: Any, says: str) -> None:
    with pytest.raises(SuiteError, match=says):
        dq.validate(FRAME, schema)


def test_schemas_of_pandas_where_they_translate() -> None:
    import pandera.pandas as pp

    schema = pp.DataFrameSchema(
        {
            "a": pp.Column(int, [pp.Check.le(10), pp.Check(lambda v: v != 5, element_wise=True)]),
            "b": pp.Column(str, nullable=True),
        }
    )
    assert failed(dq.validate(FRAME, schema)) == {"a.range": 1, "a.check": 1}
    with pytest.raises(SuiteError, match=r"code on pandas' frames; write it for pandera\.polars"):
        dq.validate(FRAME, pp.DataFrameSchema({"a": pp.Column(int, pp.Check(lambda s: s > 0))}))
    parsed = pp.DataFrameSchema({"a": pp.Column(int)}, parsers=pp.Parser(lambda frame: frame))
    with pytest.raises(SuiteError, match="parsers: they change the data"):
        dq.validate(FRAME, parsed)
    for index in (
        pp.Index(int, name="key"),
        pp.Index(str),
        pp.Index(int, pp.Check.le(3)),
        pp.MultiIndex([pp.Index(int)]),
    ):
        with pytest.raises(SuiteError, match="index: what lands has no index but the numbers of its rows"):
            dq.validate(FRAME, pp.DataFrameSchema({"a": pp.Column(int)}, index=index))


def test_numbers_of_rows_are_an_index(tmp_path: Path) -> None:
    """As every schema has it that pandera infers of pandas' frames."""
    import pandera.pandas as pp

    schema = pp.DataFrameSchema({"a": pp.Column(int, nullable=True)}, index=pp.Index(int, pp.Check.ge(0)))
    (tmp_path / "s.yaml").write_text(
        "schema_type: dataframe\ncolumns: {a: {nullable: true}}\nindex: [{dtype: int64}]\n"
    )
    for suite in (schema, tmp_path / "s.yaml"):
        assert dq.validate(FRAME, suite).success


def test_a_check_that_is_registered(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import pandera.extensions as extensions, pandera.polars as pa, polars as pl\n"
        '@extensions.register_check_method(statistics=["low"])\n'
        "def registered_above(data, *, low):\n"
        "    return data.lazyframe.select(pl.col(data.key) > low)\n"
        "S = pa.DataFrameSchema({'a': pa.Column(int, pa.Check.registered_above(low=5))})\n"
    )
    suite = objects.load(str(tmp_path / "s.py"), "S")
    assert failed(dq.validate(FRAME, Contract("s", suite))) == {"a.registered_above": 2}


def test_data_is_always_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANDERA_VALIDATION_DEPTH", "SCHEMA_ONLY")
    monkeypatch.setenv("PANDERA_VALIDATION_ENABLED", "False")
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.le(10))})
    assert failed(dq.validate(FRAME, schema)) == {"a.range": 1}
    assert failed(dq.validate(FRAME.lazy(), schema)) == {"a.range": 1}


def test_a_column_that_did_not_land_is_told_with_the_nearest_name() -> None:
    result = dq.validate(
        FRAME, pa.DataFrameSchema({"aa": pa.Column(int, pa.Check.le(10)), "c.+": pa.Column(regex=True)})
    )
    assert failed(result) == {"aa.column_present": None, "c.+.column_present": None}
    said = {c.id: c.message for c in result.checks}
    assert said["aa.column_present"] == 'no column "aa" (did you mean "a"?); "a", "b" landed'
    assert result.verdict == "quarantine"


def test_what_is_no_schema_is_no_suite() -> None:
    with pytest.raises(UsageError, match="int is no suite: give a path, a contract, or a schema or model of pandera"):
        dq.validate(FRAME, 3)


def test_one_file_is_no_other(suites: Path) -> None:
    """What a judge process runs is what the suite was read from."""
    path = str(suites / "late.py")
    Path(path).write_text(
        "import pandera.polars as pa\nS = pa.DataFrameSchema({'a': pa.Column(checks=pa.Check(len))})\n"
    )
    text = next(c.metric.code for c in objects.load(path, "S").checks if getattr(c.metric, "code", ""))
    objects._module.cache_clear()
    Path(path).write_text(Path(path).read_text() + "\n")
    with pytest.raises(ImportError, match=r"late\.py changed since the suite was read"):
        objects.code(json.loads(text))


def test_lists_are_compared_as_polars_compares_them() -> None:
    schema = pa.DataFrameSchema({"tags": pa.Column(pl.List(pl.String), pa.Check.eq(["a"]), nullable=True)})
    frame = pl.DataFrame({"tags": [["a"], ["b"], ["a", "a"], None]})
    judged = {c.id: c for c in dq.validate(frame, schema).checks}
    assert (judged["tags.equal_to"].failed_rows, judged["tags.equal_to"].total_rows) == (2, 4)
    assert dq.validate(frame.head(1), schema).success
