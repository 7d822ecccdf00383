"""A contract of the standard in, checks out; a wrong one in, errors by line out. Data in, verdicts out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq
from dq.dialects import odcs
from dq.dialects.odcs.times import bound, seconds, strptime_format
from dq.errors import SuiteError, UsageError
from dq.suite import load_contract
from tests.journeys.landing import Place

HERE = Path(__file__).parent
CONTRACTS, ERRORS = sorted((HERE / "contracts").glob("*.yaml")), sorted((HERE / "errors").glob("*.yaml"))
NOW = datetime(2026, 3, 10, tzinfo=UTC)
HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"


def told(file: Path) -> str:
    """One line per check: id, bound, severity, line, what a failing row is, the rule as it is written."""
    suite = odcs.load(file.read_text(), file.name, likely="orders")
    lines = [
        f"{c.id} | {c.bound} | {c.severity} | {c.origin.line} | {c.metric.phrase()} | {c.origin.rule}"
        for c in suite.checks
    ]
    read = [f"{c.name}: {c.type} {' '.join(c.formats)}".rstrip() for c in suite.columns]
    return "\n".join([*lines, "", *read, f"private: {', '.join(sorted(suite.pii)) or 'none'}"]) + "\n"


@pytest.mark.parametrize("file", CONTRACTS, ids=lambda f: f.stem)
def test_checks(file: Path) -> None:
    assert told(file) == file.with_suffix(".txt").read_text()


@pytest.mark.parametrize("file", ERRORS, ids=lambda f: f.stem)
def test_errors(file: Path) -> None:
    with pytest.raises(SuiteError) as raised:
        odcs.load(file.read_text(), file.name, likely="orders")
    assert str(raised.value) + "\n" == file.with_suffix(".txt").read_text()


def test_every_file_has_an_answer() -> None:
    for folder in ("contracts", "errors"):
        names = {f.stem for f in (HERE / folder).glob("*.yaml")}
        assert names == {f.stem for f in (HERE / folder).glob("*.txt")} != set()


DATA = pl.DataFrame(
    {
        "id": [5, 10, 15, 15, None],
        "price": [1.0, 2.5, 2.5, float("nan"), None],
        "unit": ["kg", "lb", "", "N/A", None],
        "at": [datetime(2026, 3, 1, 12)] * 4 + [datetime(2020, 1, 1)],
        "day": [date(2026, 3, 8)] * 5,
        "flag": [True, False, None, True, True],
    }
)


def judged(tmp_path: Path, column: str, spec: dict[str, Any], **more: Any) -> dq.Result:
    """`DATA` held against one property, or with `column` "" against an object's own keys."""
    path = tmp_path / "data.parquet"
    DATA.write_parquet(path)
    properties = [{"name": n, **(spec if n == column else {})} for n in DATA.columns]
    whole = {"name": "goods", "properties": properties, **({} if column else spec)}
    contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "x", "version": "1", "schema": [whole], **more}
    file = tmp_path / "goods.odcs.yaml"
    file.write_text(json.dumps({**contract, "status": "active"}))
    return dq.validate(path, file, now=NOW)


def quality(metric: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"quality": [{"metric": metric, operator: value, **more}]}


def sql(query: str, operator: str, value: Any) -> dict[str, Any]:
    return {"quality": [{"type": "sql", "query": query, operator: value}]}


CASES: list[tuple[str, dict[str, Any], str, Any, str]] = [
    # column, what it says, id of the check, observed, status
    ("id", {"required": True}, "id.required", 1, "fail"),
    ("day", {"required": True}, "day.required", 0, "pass"),
    ("id", {"unique": True}, "id.unique", 2, "fail"),  # all members of a duplicate key
    ("id", {"primaryKey": True}, "id.unique", 2, "fail"),
    ("id", {"primaryKey": True}, "id.required", 1, "fail"),
    ("id", {"logicalType": "integer"}, "id.type", 0, "pass"),
    ("id", {"logicalType": "string"}, "id.type", 1, "fail"),
    ("id", {"logicalType": "number"}, "id.type", 0, "pass"),
    ("price", {"logicalType": "integer"}, "price.type", 1, "fail"),
    ("at", {"logicalType": "timestamp"}, "at.type", 0, "pass"),
    ("at", {"logicalType": "date"}, "at.type", 1, "fail"),
    ("day", {"logicalType": "date"}, "day.type", 0, "pass"),
    ("flag", {"logicalType": "boolean"}, "flag.type", 0, "pass"),
    ("unit", {"enum": [{"value": "kg"}, {"value": "lb"}, {"value": ""}]}, "unit.allowed", 1, "fail"),
    ("id", {"enum": [{"value": 5}, {"value": "10"}, {"value": 15}]}, "id.allowed", 1, "fail"),  # "10" is a text
    ("id", {"logicalType": "integer", "logicalTypeOptions": {"minimum": 10}}, "id.range", 1, "fail"),
    ("id", {"logicalType": "integer", "logicalTypeOptions": {"exclusiveMaximum": 15}}, "id.range", 2, "fail"),
    ("id", {"logicalType": "integer", "logicalTypeOptions": {"format": "u8"}}, "id.range", 0, "pass"),
    ("id", {"logicalType": "integer", "logicalTypeOptions": {"multipleOf": 10}}, "id.multiple_of", 3, "fail"),
    ("price", {"logicalType": "number", "logicalTypeOptions": {"multipleOf": 0.5}}, "price.multiple_of", 1, "fail"),
    ("price", {"logicalType": "number", "logicalTypeOptions": {"maximum": 9}}, "price.range", 1, "fail"),  # NaN
    ("day", {"logicalType": "date", "logicalTypeOptions": {"maximum": "2026-03-08"}}, "day.range", 0, "pass"),
    ("day", {"logicalType": "date", "logicalTypeOptions": {"exclusiveMaximum": "2026-03-08"}}, "day.range", 5, "fail"),
    ("at", {"logicalType": "timestamp", "logicalTypeOptions": {"minimum": "2026-01-01"}}, "at.range", 1, "fail"),
    ("unit", {"logicalType": "string", "logicalTypeOptions": {"minLength": 1}}, "unit.length", 1, "fail"),
    ("unit", {"logicalType": "string", "logicalTypeOptions": {"pattern": "[a-z]"}}, "unit.matches", 2, "fail"),
    ("unit", {"logicalType": "string", "logicalTypeOptions": {"format": "ipv4"}}, "unit.matches", 4, "fail"),
    ("price", quality("nullValues", "mustBe", 2), "price.null_values", 2, "pass"),  # NaN is no value
    ("price", quality("nullValues", "mustNotBe", 2), "price.null_values", 2, "fail"),
    ("price", quality("nullValues", "mustBeLessThan", 40, unit="percent"), "price.null_values", 2, "fail"),
    ("price", quality("nullValues", "mustBeLessOrEqualTo", 40, unit="percent"), "price.null_values", 2, "pass"),
    ("id", quality("nullValues", "mustBeGreaterThan", 1), "id.null_values", 1, "fail"),
    ("id", quality("nullValues", "mustBeGreaterOrEqualTo", 1), "id.null_values", 1, "pass"),
    ("id", quality("nullValues", "mustBeBetween", [0, 1]), "id.null_values", 1, "pass"),  # the ends are inside
    ("id", quality("nullValues", "mustBeBetween", [2, 3]), "id.null_values", 1, "fail"),
    ("id", quality("nullValues", "mustNotBeBetween", [0, 1]), "id.null_values", 1, "fail"),
    ("id", quality("nullValues", "mustNotBeBetween", [2, 3]), "id.null_values", 1, "pass"),
    ("unit", quality("missingValues", "mustBe", 3, arguments={"missingValues": ["", "N/A"]}), "unit.missing_values", 3,
     "pass"),  # NULL is missing whether it is listed or not
    ("unit", quality("missingValues", "mustBe", 1), "unit.missing_values", 1, "pass"),
    ("id", quality("missingValues", "mustBe", 2, arguments={"missingValues": [None, 5, "N/A"]}), "id.missing_values", 2,
     "pass"),
    ("unit", quality("invalidValues", "mustBe", 2, arguments={"validValues": ["kg", "lb"]}), "unit.invalid_values", 2,
     "pass"),  # NULL is not invalid
    ("unit", quality("invalidValues", "mustBe", 3, arguments={"validValues": ["kg", "lb"], "pattern": "g$"}),
     "unit.invalid_values", 3, "pass"),
    ("id", quality("invalidValues", "mustBeLessThan", 50, unit="percent", arguments={"validValues": [5, 10]}),
     "id.invalid_values", 2, "pass"),
    ("id", quality("duplicateValues", "mustBe", 1), "id.duplicate_values", 1, "pass"),  # the row beyond the first
    ("id", quality("duplicateValues", "mustBeLessThan", 25, unit="percent"), "id.duplicate_values", 1, "fail"),
    ("", quality("duplicateValues", "mustBe", 3, arguments={"properties": ["day", "flag"]}), "table.duplicate_values",
     2, "fail"),
    ("", quality("rowCount", "mustBe", 5), "table.row_count", 5, "pass"),
    ("", quality("rowCount", "mustBeBetween", [6, 9]), "table.row_count", 5, "fail"),
    ("", quality("rowCount", "mustNotBeBetween", [5, 9]), "table.row_count", 5, "fail"),
    ("", sql("SELECT count(*) FROM {object} WHERE unit = ''", "mustBe", 1), "table.query_value", 1, "pass"),
    ("price", sql("SELECT max({property}) FROM ${table} WHERE NOT isnan(price)", "mustBeLessThan", 2.5),
     "price.query_value", 2.5, "fail"),
    ("id", sql("SELECT count(${column}) = 4 FROM {table}", "mustBe", True), "id.query_value", 1, "pass"),
    ("id", sql("SELECT count(*) > 9 FROM goods", "mustBe", True), "id.query_value", 0, "fail"),
    ("id", sql("SELECT max(nothing) FROM goods", "mustBe", 1), "id.query_value", None, "error"),
    ("id", {"quality": [{"type": "custom", "engine": "soda", "implementation": "x"}]}, "id.not_run", None, "error"),
    ("id", {"quality": [{"type": "text", "description": "is nice"}]}, "id.not_run", None, "skip"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "spec", "identity", "observed", "status"), CASES, ids=lambda v: str(v)[:60])
def test_verdicts(tmp_path: Path, column: str, spec: dict[str, Any], identity: str, observed: Any, status: str) -> None:
    found = judged(tmp_path, column, spec)
    check = next(c for c in found.checks if c.id == identity)
    assert (check.observed, check.status) == (observed, status)
    assert check.origin.dialect == "odcs"
    verdicts = {"pass": "promote", "skip": "promote", "fail": "quarantine", "error": "hold"}
    others = [c for c in found.checks if c.blocks and c.id != identity]
    assert others or found.verdict == verdicts[status]


@pytest.mark.parametrize(
    ("agreed", "status", "age"),
    [
        ({"property": "latency", "value": 9, "unit": "d", "element": "goods.at"}, "pass", 734_400),
        ({"property": "ly", "value": 200, "unit": "h", "element": "at"}, "fail", 734_400),
        ({"property": "freshness", "value": 1, "element": "goods.day"}, "pass", 86_400),  # until the day has ended
        ({"property": "latency", "value": 86_399, "unit": "s", "element": "day"}, "fail", 86_400),
        ({"property": "Retention", "value": 7, "unit": "years", "element": "at"}, "pass", 195_264_000),
        ({"property": "retention", "value": 6, "unit": "y", "element": "at"}, "fail", 195_264_000),
        ({"property": "retention", "value": "P7Y", "element": "at"}, "pass", 195_264_000),
        ({"property": "latency", "value": 6, "unit": "y", "element": "id"}, "error", None),
    ],
)
def test_how_old_data_may_be(tmp_path: Path, agreed: dict[str, Any], status: str, age: int | None) -> None:
    found = judged(tmp_path, "", {}, slaProperties=[agreed])
    (check,) = [c for c in found.checks if c.metric == "age" or c.id.endswith(agreed["property"].lower())]
    assert (check.status, check.observed) == (status, age)


def test_an_agreement_on_an_object_of_nobody_holds(tmp_path: Path) -> None:
    found = judged(tmp_path, "", {}, slaProperties=[{"property": "latency", "value": 9, "element": "good.at"}])
    assert found.verdict == "hold"
    (reason,) = found.judgement.reasons
    assert 'no object "good" (did you mean "goods"?)' in reason.message


def test_variables_have_their_defaults_and_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOW", "0")
    query = "SELECT count(*) FROM ${TARGET:-goods} WHERE id > ${LOW%s}"
    found = judged(tmp_path, "", sql(query % ":-9", "mustBe", 3))
    assert next(c for c in found.checks if c.id == "table.query_value").observed == 3
    with pytest.raises(SuiteError, match=r"query: \$\{LOW\} has no value here"):
        judged(tmp_path, "", sql(query % "", "mustBe", 3))


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [
        (None, "quarantine"),
        ("error", "quarantine"),
        ("critical", "quarantine"),
        ("Warning", "promote"),
        ("info", "promote"),
    ],
)
def test_what_sounds_like_a_warning_warns(tmp_path: Path, severity: str | None, verdict: str) -> None:
    more = {"severity": severity} if severity else {}
    assert judged(tmp_path, "id", quality("nullValues", "mustBe", 0, **more)).verdict == verdict


def test_a_rule_of_another_engine_holds_unless_it_only_warns(tmp_path: Path) -> None:
    rule = {"type": "custom", "engine": "soda", "implementation": "x"}
    assert judged(tmp_path, "id", {"quality": [rule]}).verdict == "hold"
    assert judged(tmp_path, "id", {"quality": [{**rule, "severity": "info"}]}).verdict == "promote"


def test_expectations_of_gx_inside_are_judged_as_gx_does(tmp_path: Path) -> None:
    text = "type: expect_column_values_to_not_be_null\nkwargs: {mostly: %s}"
    rule = {"type": "custom", "engine": "greatExpectations", "implementation": text % 0.7}
    found = judged(tmp_path, "id", {"quality": [rule]})
    assert found.success
    assert [c.origin.dialect for c in found.checks if c.id == "id.required"] == ["odcs"]
    assert not judged(tmp_path, "id", {"quality": [{**rule, "implementation": text % 0.9}]}).success


def test_a_column_that_is_not_there_is_the_datas_fault(tmp_path: Path) -> None:
    found = judged(tmp_path, "", {"properties": [{"name": "prize", "logicalType": "number", "required": True}]})
    assert found.verdict == "quarantine"
    (reason,) = found.judgement.reasons
    assert reason.id == "prize.column_present"
    assert 'did you mean "price"' in reason.message


def test_a_key_into_another_object(tmp_path: Path) -> None:
    DATA.write_parquet(tmp_path / "data.parquet")
    (tmp_path / "units.csv").write_text("code\nkg\nlb\n")
    file = tmp_path / "shop.odcs.yaml"
    file.write_text(
        HEAD + "schema:\n  - name: goods\n    properties:\n      - {name: unit, relationships: [{to: units.name}]}\n"
        "  - name: units\n    properties: [{name: name, physicalName: code}]\n"
    )
    suite = f"{file}:goods"
    found = dq.validate(tmp_path / "data.parquet", suite, references={"units": tmp_path / "units.csv"})
    check = next(c for c in found.checks if c.id == "unit.references")
    assert (check.failed_rows, check.total_rows, check.origin.line) == (2, 5, 9)
    assert dq.validate(tmp_path / "data.parquet", suite).verdict == "hold"


def test_which_object_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "shop.odcs.yaml"
    file.write_text(HEAD + "schema:\n  - {name: goods, physicalName: goods_v1}\n  - name: units\n")
    assert load_contract(f"{file}:units").source == "units"
    assert load_contract(f"{file}:goods_v1").source == "goods"
    with pytest.raises(SuiteError, match="which object"):
        load_contract(file)
    with pytest.raises(SuiteError, match=r'no object "unit" \(did you mean "units"'):
        load_contract(f"{file}:unit")
    with pytest.raises(UsageError):
        load_contract(f"{tmp_path / 'none.odcs.yaml'}:units")


def test_text_is_read_as_it_says(tmp_path: Path) -> None:
    data, file = tmp_path / "data.csv", tmp_path / "c.odcs.yaml"
    data.write_text("id;day;n\n1;31.12.2025;x\n2;soon;4\n")
    file.write_text(
        HEAD + "servers: [{server: s, type: local, path: x, format: csv}]\nschema:\n  - name: t\n    properties:\n"
        "      - {name: id, logicalType: integer}\n      - {name: n, logicalType: string}\n"
        "      - {name: day, logicalType: date, logicalTypeOptions: {format: dd.MM.yyyy, minimum: 01.01.2026}}\n"
    )
    found = {c.id: (c.status, c.failed_rows) for c in dq.validate(data, file).checks}
    assert (found["id.type"][0], found["id.readable"], found["n.type"][0]) == ("pass", ("pass", 0), "pass")
    assert (found["day.readable"], found["day.range"]) == (("fail", 1), ("fail", 1))


def test_an_included_contract_of_the_standard_joins_the_sources_own(tmp_path: Path) -> None:
    place = Place(tmp_path, goods="include: [goods.odcs.yaml]\n")
    file = place.root / "suites" / "goods.odcs.yaml"
    file.write_text(
        HEAD + "schema:\n  - name: other\n  - name: goods\n    properties:\n"
        "      - {name: id, required: true, classification: pii}\n"
    )
    place.put("goods/a.parquet", DATA)
    (document,) = place.gate("goods")
    assert document["verdict"] == "quarantine"
    (check,) = [c for c in document["checks"] if c["id"] == "id.required"]
    assert (check["origin"]["dialect"], check["origin"]["line"], check["failed_rows"]) == ("odcs", 10, 1)
    (place.root / "suites" / "goods.yaml").write_text('source: goods\ninclude: ["goods.odcs.yaml:other"]\n')
    (document,) = place.gate("goods", again=True)
    assert document["verdict"] == "promote"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: strptime_format("yyyy-QQ"), '"QQ"'),
        (lambda: bound("date", "soon", None), "no date"),
        (lambda: bound("time", "soon", "HH:mm"), "no time like HH:mm"),
        (lambda: seconds(3, "dayz"), "is no unit .did you mean"),
        (lambda: seconds(-3, "d"), "a number is needed"),
        (lambda: seconds(True, "d"), "a number is needed"),
        (lambda: seconds("P", None), "a duration like P1D"),
    ],
)
def test_times_that_are_none(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_times() -> None:
    assert strptime_format("EEE, d MMM yyyy 'at' hh:mm a, 100%") == "%a, %d %b %Y at %I:%M %p, 100%%"
    assert bound("date", "03/01/2020", "MM/dd/yyyy") == date(2020, 3, 1)
    assert bound("date", "2020-03-01T12:00:00", None) == datetime(2020, 3, 1, 12)
    assert (seconds(1.5, "h"), seconds("2", None), seconds(1, "Y")) == (5400, 172_800, 31_536_000)
    assert (seconds("P1M", None), seconds("P1DT2H", "d"), seconds("PT0.5M", None)) == (2_592_000, 93_600, 30)
