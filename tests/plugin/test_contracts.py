"""Contract files as tests: ids, what a failure says, warnings, selection, and that one scan answers it all."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ET

import polars as pl
import pytest

from tests.plugin.conftest import BAD, GOOD, Repository, screen

pytest_plugins = ["pytester"]

IDS = [
    "table.readable",
    "table.not_empty",
    "table.files_agree",
    "order_id.column_present",
    "order_id.type",
    "order_id.readable",
    "order_id.required",
    "order_id.unique",
    "amount.column_present",
    "amount.type",
    "amount.readable",
    "amount.range",
    "email.column_present",
    "email.required",
    "email.matches",
    "table.row_count",
    "table.cheap",
]
RANGE = "suites/orders.yaml::orders::amount.range"


@pytest.fixture
def orders(repository: Repository) -> Repository:
    repository.write("data/part-0.parquet", GOOD)
    repository.write("data/part-1.parquet", BAD)
    return repository


def test_ids_follow_the_contract_and_need_no_data(repository: Repository) -> None:
    assert repository.ids("suites/orders.yaml") == [f"suites/orders.yaml::orders::{i}" for i in IDS]


def test_good_data_passes(orders: Repository, scans: list[list[str]]) -> None:
    found = orders.pytest("suites", "--dq-source", "orders=data/part-0.parquet", "-W", "error")
    found.assert_outcomes(passed=len(IDS))
    assert len(scans) == 1
    found.stdout.fnmatch_lines(
        ["*dataset contracts*", "orders: 17 passed; 20 rows, scanned in * s: data/part-0.parquet"]
    )


def test_a_failure_is_one_screen_without_a_traceback(orders: Repository) -> None:
    found = orders.pytest("suites", "--dq-source", "orders=data")
    found.assert_outcomes(passed=15, failed=2, warnings=1)
    assert screen(found, "orders: amount.range") == "\n".join(
        [
            "3 rows (8 %, allowed 0) outside [0, 500]",
            "rule       min: 0, max: 500   severity block, dimension validity   suites/orders.yaml:4",
            "data       data, 40 rows",
            "files      part-1.parquet: 3",
            "first rows",
            "  part-1.parquet row 18   order_id=117   amount=-1.5",
            "  part-1.parquet row 19   order_id=118   amount=-1.5",
            "  part-1.parquet row 20   order_id=119   amount=-1.5",
            f"rerun      pytest {RANGE} --dq-source orders=data",
        ]
    )
    found.stdout.fnmatch_lines([f"FAILED {RANGE} - 3 rows (8 %, allowed 0) outside [[]0, 500]"])
    assert "Traceback" not in found.stdout.str()
    assert "collecting.py" not in found.stdout.str()


def test_personal_values_are_masked(orders: Repository) -> None:
    told = screen(orders.pytest("suites", "--dq-source", "orders=data"), "orders: email.matches")
    assert 'part-1.parquet row 5   order_id=104   email="•••"' in told
    assert "nobody" not in told


def test_the_worst_files_come_first(repository: Repository) -> None:
    for n in range(7):
        repository.write(f"data/{n}.parquet", GOOD.with_columns(amount=pl.when(pl.col("order_id") < n).then(-1.0)))
    told = screen(repository.pytest("suites", "--dq-source", "orders=data"), "orders: amount.range")
    worst = "   ".join(f"{n}.parquet: {n}" for n in (6, 5, 4, 3, 2))
    assert f"files      {worst}   and 1 more file" in told.splitlines()


def test_the_rerun_line_is_this_failure_again(orders: Repository) -> None:
    told = screen(orders.pytest("suites", "--dq-source", "orders=data"), "orders: amount.range")
    command = shlex.split(told.splitlines()[-1].removeprefix("rerun"))
    again = orders.pytest(*command[1:])
    again.assert_outcomes(failed=1)
    assert screen(again, "orders: amount.range") == told


@pytest.mark.parametrize("style", ["line", "native"])
def test_every_traceback_style_keeps_the_fact(orders: Repository, style: str) -> None:
    found = orders.pytest(RANGE, "--dq-source", "orders=data", f"--tb={style}")
    assert "3 rows (8 %, allowed 0) outside [0, 500]" in found.stdout.str()
    assert "Traceback" not in found.stdout.str()
    if style == "line":
        found.stdout.fnmatch_lines(["*suites/orders.yaml:4: 3 rows*"])


def test_a_warning_is_a_warning_at_its_line(orders: Repository) -> None:
    found = orders.pytest("suites", "-k", "cheap", "--dq-source", "orders=data")
    found.assert_outcomes(passed=1, deselected=16, warnings=1)
    found.stdout.fnmatch_lines(
        ["*suites/orders.yaml:8: DatasetContractWarning: orders: table.cheap: 17 rows (42 %*break amount < 100*"]
    )
    found.stdout.fnmatch_lines(["orders: 1 warned; 40 rows*"])


def test_a_warning_can_be_an_error(orders: Repository) -> None:
    warnings = ("-W", "error::dq.DatasetContractWarning")
    found = orders.pytest("suites", "-k", "cheap", "--dq-source", "orders=data", *warnings)
    found.assert_outcomes(failed=1, deselected=16)
    assert screen(found, "orders: table.cheap").startswith("17 rows (42 %, allowed 0) break amount < 100\nrule")


@pytest.mark.parametrize(
    ("arguments", "selected"),
    [
        (["-k", "amount"], ["amount.column_present", "amount.type", "amount.readable", "amount.range"]),
        (["-k", "unique or cheap"], ["order_id.unique", "table.cheap"]),
        (["-m", "dq(dimension='uniqueness')"], ["order_id.unique"]),
        (["-m", "dq(severity='warn')"], ["table.cheap"]),
        (["--deselect", "suites/orders.yaml::orders::table.readable", "-k", "table.r"], ["table.row_count"]),
    ],
)
def test_only_what_is_selected_is_computed(
    orders: Repository, scans: list[list[str]], arguments: list[str], selected: list[str]
) -> None:
    if "dq(" in arguments[1] and pytest.version_tuple < (8, 3):
        pytest.skip("-m takes no arguments before pytest 8.3")
    orders.pytest("suites", "--dq-source", "orders=data", *arguments)
    (asked,) = scans
    columns = {"amount" if s == "table.cheap" else s.split(".")[0] for s in selected} - {"table"}
    assert set(asked) == {*selected, "table.not_empty", *(f"{c}.column_present" for c in columns)}


def test_one_node_id_is_one_test(orders: Repository) -> None:
    assert orders.ids(RANGE) == [RANGE]
    assert len(orders.ids("suites/orders.yaml::orders")) == len(IDS)


def test_exitfirst_and_last_failed(orders: Repository) -> None:
    orders.pytest("suites", "-x", "--dq-source", "orders=data").assert_outcomes(failed=1, passed=11)
    orders.pytest("suites", "--dq-source", "orders=data")
    again = orders.pytest("suites", "--lf", "--dq-source", "orders=data")
    again.assert_outcomes(failed=2, deselected=15)


def test_junit_keeps_the_numbers(orders: Repository) -> None:
    orders.pytest("suites", "--dq-source", "orders=data", "--junitxml=junit.xml")
    cases = {c.get("name"): c for c in ET.parse(orders.path / "junit.xml").iter("testcase")}
    assert list(cases) == IDS
    found = {p.get("name"): p.get("value") for p in cases["amount.range"].iter("property")}
    seconds = float(found.pop("dq_scan_seconds") or "")
    assert seconds > 0
    assert len(found.pop("dq_suite_digest") or "") == 64
    assert found == {
        "dq_source": "orders", "dq_check": "amount.range", "dq_status": "fail", "dq_data": str(orders.path / "data"),
        "dq_rows": "40", "dq_files": "2", "dq_scan_engine": "polars", "dq_severity": "block",
        "dq_dimension": "validity", "dq_bound": "<= 0", "dq_failed_rows": "3", "dq_total_rows": "40",
    }  # fmt: skip
    (failure,) = cases["amount.range"].iter("failure")
    assert failure.get("message") == "3 rows (8 %, allowed 0) outside [0, 500]"


def test_a_missing_column_fails_once(repository: Repository) -> None:
    repository.write("data/a.parquet", GOOD.drop("amount"))
    found = repository.pytest("suites", "--dq-source", "orders=data")
    found.assert_outcomes(failed=1, passed=12, skipped=4)
    assert screen(found, "orders: amount.column_present").startswith('no column "amount"')
    found.stdout.fnmatch_lines(["SKIPPED*suites/orders.yaml:4: column*amount*did not land"])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (GOOD.drop("amount"), "not judged, since amount.column_present: "),
        (GOOD.clear(), "not judged, since table.not_empty: "),
    ],
)
def test_what_was_not_judged_is_no_pass(repository: Repository, data: pl.DataFrame, told: str) -> None:
    repository.write("data/a.parquet", data)
    found = repository.pytest("suites", "-k", "amount.range", "--dq-source", "orders=data")
    found.assert_outcomes(failed=1, deselected=16)
    assert screen(found, "orders: amount.range").startswith(told)


def test_damaged_data_fails_whatever_is_selected(repository: Repository) -> None:
    repository.write("data/a.parquet", "PAR1 no parquet at all PAR1")
    alone = repository.pytest("suites", "-k", "amount.range", "--dq-source", "orders=data")
    alone.assert_outcomes(failed=1, deselected=16)
    assert "not judged, since table." in screen(alone, "orders: amount.range")
    found = repository.pytest("suites", "--dq-source", "orders=data")
    assert found.parseoutcomes() == {"failed": 1, "skipped": 16}
    assert "a.parquet" in screen(found, "orders: table.readable")


def test_a_rule_that_cannot_be_judged_fails(repository: Repository) -> None:
    repository.write("suites/orders.yaml", 'source: orders\nchecks:\n  - {rule: "nothing > 1"}\n')
    repository.write("data/a.parquet", GOOD)
    found = repository.pytest("suites", "--dq-source", "orders=data")
    told = screen(found, "orders: table.rule")
    assert told.startswith('could not be judged: no column "nothing"')


def test_a_version_that_does_not_hold_is_skipped(repository: Repository) -> None:
    text = """source: orders
layout: "{date:%Y-%m-%d}.parquet"
columns: {amount: {min: 0}}
versions:
  - from: 2026-02-01
    columns: {email: {required: true}}
"""
    repository.write("suites/orders.yaml", text)
    for day in ("2026-01-31", "2026-02-01"):
        repository.write(f"data/{day}.parquet", GOOD)
    early = repository.pytest("suites", "--dq-source", "orders=data/2026-01-31.parquet")
    early.assert_outcomes(passed=5, skipped=2)
    early.stdout.fnmatch_lines(["SKIPPED*asked of other partitions"])
    repository.pytest("suites", "--dq-source", "orders=data/2026-02-01.parquet").assert_outcomes(passed=7)


def test_policy_warn_warns(repository: Repository) -> None:
    repository.write("suites/orders.yaml", "source: orders\ncolumns: {amount: {max: 1}}\npolicy: {on_fail: warn}\n")
    repository.write("data/a.parquet", GOOD)
    found = repository.pytest("suites", "--dq-source", "orders=data")
    found.assert_outcomes(passed=5, warnings=1)


def test_names_of_columns_do_not_break_ids(repository: Repository) -> None:
    repository.write("suites/orders.yaml", 'source: orders\ncolumns:\n  "\\"a::b[1]\\"": {required: true}\n')
    repository.write("data/a.parquet", pl.DataFrame({"a::b[1]": [1, None]}))
    (one,) = [i for i in repository.ids("suites/orders.yaml") if i.endswith("required")]
    repository.pytest(one, "--dq-source", "orders=data").assert_outcomes(failed=1)
