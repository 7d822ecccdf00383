"""What options and ini keys make of contracts as tests: reports, hooks, the schema alone, marks, published data."""

from __future__ import annotations

import json

import polars as pl
import pytest

from dq.pytest_plugin import reading
from tests.journeys.landing import Place
from tests.plugin.conftest import BAD, GOOD, Repository, screen

pytest_plugins = ["pytester"]

DATA = ("--dq-source", "orders=data")


@pytest.fixture
def orders(repository: Repository) -> Repository:
    repository.write("data/part-0.parquet", GOOD)
    repository.write("data/part-1.parquet", BAD)
    return repository


HEARING = """import pytest


def pytest_dq_result(config, source, document):
    print(f"\\nheard {source}: {document['schema']} {document['counts']['fail']} failed")
"""


def test_what_was_judged_is_reported_and_heard(orders: Repository) -> None:
    orders.write("conftest.py", HEARING)
    marker = "@pytest.mark.dataset('suites/orders.yaml', source='sales')"
    orders.write("test_shop.py", f"import pytest\n{marker}\ndef test_one(dataset_result): pass\n")
    given = (*DATA, "--dq-source", "sales=data/part-0.parquet")
    found = orders.pytest("suites", "test_shop.py", "-s", "-k", "amount or one", *given, "--dq-report", "all.jsonl")
    documents = [json.loads(line) for line in (orders.path / "all.jsonl").read_text().splitlines()]
    assert [(d["source"], d["rows"], d["success"]) for d in documents] == [("orders", 40, False), ("sales", 20, True)]
    assert {c["column"] for c in documents[0]["checks"]} == {"amount", None}  # those that were selected
    found.stdout.fnmatch_lines(["heard orders: dq.result/1 1 failed", "*heard sales: dq.result/1 0 failed"])
    assert "nobody" not in (orders.path / "all.jsonl").read_text()


def test_a_report_is_a_page_or_a_folder(orders: Repository) -> None:
    (orders.path / "reports").mkdir()
    for place in ("reports", "page.html", "page.md"):
        orders.pytest("suites", "-k", "amount", *DATA, "--dq-report", place).assert_outcomes(failed=1, passed=3,
                                                                                            deselected=13)  # fmt: skip
    assert json.loads((orders.path / "reports" / "orders.json").read_text())["source"] == "orders"
    assert (orders.path / "page.html").read_text().startswith("<!doctype html>")
    assert "| fail | amount.range |" in (orders.path / "page.md").read_text()
    wrong = orders.pytest("suites", *DATA, "--dq-report", "no/all.jsonl")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["*--dq-report no/all.jsonl: name a file in a folder that is there, or a folder"])


def test_only_the_schema_is_judged_if_that_is_asked_for(orders: Repository, scans: list[list[str]]) -> None:
    found = orders.pytest("suites", "--dq-schema-only", *DATA)
    assert {i.split(".")[-1] for i in scans[0]} == {"not_empty", "files_agree", "column_present", "type"}
    outcomes = found.parseoutcomes()
    assert (outcomes["skipped"], outcomes.get("failed", 0)) == (9, 0)
    found.stdout.fnmatch_lines(["SKIPPED*suites/orders.yaml:4: only the schema is judged"])
    orders.write("data/part-0.parquet", GOOD.drop("amount"))
    orders.write("data/part-1.parquet", GOOD.drop("amount"))
    told = screen(orders.pytest("suites", "--dq-schema-only", *DATA), "orders: amount.column_present")
    assert told.splitlines()[-1].endswith("--dq-source orders=data --dq-schema-only")


@pytest.mark.parametrize(
    ("option", "ini", "samples", "shown"),
    [
        (["--dq-show-values", "none"], "", "", "row 18"),
        (["--dq-show-values", "masked"], "", "", 'amount="-9.9"'),
        ([], "dq_show_values = masked\n", "", 'amount="-9.9"'),
        (["--dq-show-values", "full"], "dq_show_values = none\n", "", "amount=-1.5"),
        (["--dq-show-values", "full"], "", "policy: {samples: masked}\n", 'amount="-9.9"'),
    ],
)
def test_values_are_shown_as_asked_and_never_more_than_the_contract_allows(
    repository: Repository, option: list[str], ini: str, samples: str, shown: str
) -> None:
    repository.write("suites/orders.yaml", f"source: orders\ncolumns: {{amount: {{min: 0}}}}\n{samples}")
    repository.write("data/a.parquet", BAD)
    found = repository.pytest("suites", "-k", "range", *DATA, *option, config=ini)
    (row, *_) = screen(found, "orders: amount.range").split("first rows\n")[1].splitlines()
    assert shown in row
    assert ("-1.5" in row) == (shown == "amount=-1.5")


MARKS = """dq_xfail =
    orders::amount.range: refunds are negative
dq_skip =
    orders::email.matches: until the form is mended
"""


def test_checks_are_known_to_fail_or_left_out_with_a_reason(orders: Repository, scans: list[list[str]]) -> None:
    found = orders.pytest("suites", *DATA, config=MARKS)
    assert found.parseoutcomes() == {"passed": 15, "xfailed": 1, "skipped": 1, "warnings": 1}
    found.stdout.fnmatch_lines(["orders: 14 passed, 1 failed as expected, 1 warned; 40 rows*"])
    found.stdout.fnmatch_lines(["SKIPPED*until the form is mended", "XFAIL*amount.range - refunds are negative*"])
    assert "email.matches" not in scans[0]
    mended = orders.pytest(
        "suites", "--dq-source", "orders=data/part-0.parquet", config=f"{MARKS}xfail_strict = true\n"
    )
    mended.assert_outcomes(passed=15, failed=1, skipped=1)
    mended.stdout.fnmatch_lines(["*XPASS(strict)*refunds are negative*"])


def test_what_is_left_out_hides_no_fault_of_others(repository: Repository) -> None:
    repository.write("data/a.parquet", GOOD.drop("amount"))
    lines = "dq_skip =\n    orders::amount.column_present: it will come\n"
    found = repository.pytest("suites", "-k", "amount", *DATA, config=lines)
    found.assert_outcomes(failed=3, skipped=1, deselected=13)
    assert "not judged, since amount.column_present" in screen(found, "orders: amount.range")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("dq_xfail = orders::amount.rnge: why\n", 'amount.rnge": no such check (did you mean "amount.range"?)'),
        ("dq_skip = amount.range\n", 'dq_skip "amount.range": write it like orders::amount.range: refunds are'),
        ("dq_show_values = all\n", 'dq_show_values = "all": none, masked, full'),
    ],
)  # fmt: skip
def test_marks_that_are_wrong_are_told(orders: Repository, lines: str, told: str) -> None:
    found = orders.pytest("suites", *DATA, config=lines)
    assert found.ret != 0
    assert told in found.stdout.str() + found.stderr.str()
    assert "Traceback" not in found.stdout.str()


DAYS = 'layout: "dt={date:%Y-%m-%d}"\ncolumns: {id: {type: int64}, zone: {references: zones.id}}\n'
SHOP = """import pytest

@pytest.mark.dataset("shop/suites/trips.yaml", data="dq://trips/2026-03-02")
def test_frame(dataset):
    assert dataset.collect().height == 2
"""


def test_published_data_is_named_by_its_source(repository: Repository) -> None:
    (repository.path / "shop").mkdir()
    place = Place(repository.path / "shop", zones='layout: "{name}.csv"\n', trips=DAYS)
    place.put("zones/all.csv", "id\n1\n2\n")
    for day, rows in (("2026-03-01", 1), ("2026-03-02", 2), ("2026-03-10", 3)):
        place.put(f"trips/dt={day}/a.parquet", pl.DataFrame({"id": range(rows), "zone": [1] * rows}))
    place.gate("zones")
    place.gate("trips")
    repository.write("test_shop.py", SHOP)
    options = ("shop/suites/trips.yaml", "--dq-config", "shop/dq.toml", "--dq-source")
    for name, rows in (("2026-03-02", 2), ("dt=2026-03-10", 3)):
        found = repository.pytest(*options, f"trips=dq://trips/{name}", "test_shop.py")
        assert found.ret == 0
        found.stdout.fnmatch_lines([f"trips: * passed; {rows} row*: dq://trips/{name}"])
    since = repository.pytest(*options, "trips=dq://trips?since=2026-03-02", "--dq-source", "zones=dq://zones")
    since.stdout.fnmatch_lines(["trips: * passed; 5 rows*: dq://trips[?]since=2026-03-02"])
    none = repository.pytest(*options, "trips=dq://trips/2026-03-03", "-k", "type")
    assert screen(none, "trips: id.type") == (
        'no data for source "trips": dq://trips/2026-03-03: trips has published nothing as 2026-03-03'
    )


PANDERA = """import pandera.polars as pa
import polars as pl


class Orders(pa.DataFrameModel):
    amount: float = pa.Field(ge=0)
    order_id: int

    @pa.check("order_id")
    def ids_are_small(cls, data):
        return data.lazyframe.select(pl.col(data.key) < 110)
"""


def test_a_schema_of_pandera_is_tested_as_part_of_the_contract_that_names_it(repository: Repository) -> None:
    repository.write("suites/orders.yaml", "source: orders\ninclude: [orders_schema.py:Orders]\n")
    repository.write("suites/orders_schema.py", PANDERA)
    repository.write("data/a.parquet", BAD)
    found = repository.pytest("suites", *DATA)
    failed = {line.split("::")[-1].split(" - ")[0] for line in found.outlines if line.startswith("FAILED")}
    assert {i.split(".")[0] for i in failed} == {"amount", "order_id"}, failed
    (own,) = [i for i in failed if i.startswith("order_id")]
    assert screen(found, f"orders: {own}").startswith("10 ")
    assert "orders_schema.py" in screen(found, f"orders: {own}")
    assert found.parseoutcomes()["failed"] == 2


def test_what_a_frame_is_made_of_is_opened_by_a_judge_process(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is: a file that is none, and one with values that are none of their type."""
    repository.write("test_shop.py", SHOP.replace("shop/", "").replace("trips.yaml", "orders.yaml").replace(
        "dq://trips/2026-03-02", "data"))  # fmt: skip
    repository.write("data/a.parquet", "PAR1 no parquet at all PAR1")
    found = repository.pytest("test_shop.py")
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*the data of orders cannot be read: a.parquet: *"])
    monkeypatch.delattr(reading, "open_files")  # here
    repository.write("data/a.parquet", GOOD[:2])
    repository.pytest("test_shop.py").assert_outcomes(passed=1)
    (repository.path / "data" / "a.parquet").unlink()
    repository.write("data/a.csv", GOOD[:2])
    repository.pytest("test_shop.py").assert_outcomes(passed=1)


def test_records_that_may_be_malformed_are_warned_of(repository: Repository) -> None:
    repository.write("suites/orders.yaml", 'source: orders\nmalformed: "<= 10%"\ncolumns: {a: {type: int64}, b: {}}\n')
    lines = ["a,b", *(f"{n},x" for n in range(20)), "broken"]
    (repository.path / "orders.csv").write_text("\n".join(lines) + "\n")
    asked = ("suites", "--dq-source", "orders=orders.csv", "-k", "readable")
    found = repository.pytest(*asked)
    found.assert_outcomes(passed=2, warnings=1, deselected=5)
    found.stdout.fnmatch_lines(
        ["*DatasetContractWarning: orders: table.readable: orders.csv: 1 record without*1 of 21 records are malformed*"]
    )
    repository.write("suites/orders.yaml", 'source: orders\nmalformed: "<= 1%"\ncolumns: {a: {type: int64}, b: {}}\n')
    repository.pytest(*asked).assert_outcomes(failed=1, skipped=1, deselected=5)
