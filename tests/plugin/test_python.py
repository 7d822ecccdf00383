"""Data sets in test modules: objects, markers, fixtures, `assert_contract`, and the page that shows them."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import polars as pl
import pytest

import dq
from tests.plugin.conftest import BAD, GOOD, ORDERS, ROOT, Repository, screen

pytest_plugins = ["pytester"]

PAGE = (ROOT / "dq" / "pytest_plugin" / "README.md").read_text()


def test_the_example_of_the_page_runs_as_written(repository: Repository) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    repository.write("test_orders.py", code)
    repository.write("data/orders.parquet", GOOD)
    found = repository.pytest()
    found.assert_outcomes(passed=17, failed=1)
    assert "test_nobody_orders_for_nothing" in found.stdout.str()
    repository.write("data/orders.parquet", GOOD.with_columns(amount=pl.col("amount") + 1))
    repository.pytest().assert_outcomes(passed=18)
    (command,) = re.findall(r"^pytest (.*)$", PAGE, re.M)
    repository.pytest(*command.split()).assert_outcomes(passed=17)


def test_the_failure_of_the_page_is_what_is_printed(repository: Repository) -> None:
    repository.write("data/part-0.parquet", GOOD)
    repository.write("data/part-1.parquet", BAD)
    found = repository.pytest("suites/orders.yaml", "--dq-source", "orders=data")
    (shown,) = re.findall(r"^_+ orders: amount.range _+\n(.*?)\n```", PAGE, re.M | re.S)
    assert screen(found, "orders: amount.range") == shown


def test_a_data_set_of_a_module_is_collected_under_its_name(repository: Repository) -> None:
    repository.write("data/orders.parquet", BAD)
    repository.write(
        "tests/test_shop.py",
        """import dq
import polars as pl

SUITE = "suites/orders.yaml"
bad = dq.dataset_contract(SUITE, "data/orders.parquet")
frame = dq.dataset_contract(SUITE, lambda: pl.read_parquet("data/orders.parquet").head(3))
named = dq.dataset_contract(SUITE, source="sales")
""",
    )
    ids = repository.ids()
    assert [i for i in ids if i.endswith("range")] == [
        f"tests/test_shop.py::{n}::amount.range" for n in ("bad", "frame", "named")
    ]
    found = repository.pytest("-k", "range", "--dq-source", "sales=data/orders.parquet")
    found.assert_outcomes(passed=1, failed=2, deselected=48)
    assert "suites/orders.yaml:4" in screen(found, "bad: amount.range")
    assert "pytest tests/test_shop.py::named::amount.range --dq-source sales=" in screen(found, "named: amount.range")


def test_a_contract_that_is_wrong_is_a_collection_error(repository: Repository) -> None:
    repository.write("test_shop.py", "import dq\norders = dq.dataset_contract('suites/no.yaml')\n")
    found = repository.pytest()
    assert found.ret == pytest.ExitCode.INTERRUPTED
    found.stdout.fnmatch_lines(["*suites/no.yaml: No such file or directory"])
    assert "Traceback" not in found.stdout.str()


MARKED = """import polars as pl
import pytest

pytestmark = pytest.mark.dataset("suites/orders.yaml")


def test_result(dataset_result):
    assert dataset_result.document["rows"] == 20
    assert not dataset_result.success


def test_again(dataset_result):
    assert {c.id for c in dataset_result.checks if c.blocks} == {"amount.range", "email.matches"}


def test_frame(dataset):
    assert isinstance(dataset, pl.LazyFrame)
    assert dataset.select(pl.col("amount").min()).collect().item() == -1.5
    assert dataset.collect_schema()["order_id"] == pl.Int64


@pytest.mark.dataset("suites/orders.yaml", data=pl.DataFrame({"order_id": [1]}))
def test_given(dataset):
    assert dataset.height == 1
"""


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_fixtures_give_the_data_of_the_marker(repository: Repository, scans: list[list[str]], name: str) -> None:
    repository.write(f"data/{name}", BAD)
    repository.write("test_shop.py", MARKED)
    repository.pytest("--dq-source", "orders=data").assert_outcomes(passed=4)
    assert len(scans) == 1
    without = repository.pytest()
    assert without.parseoutcomes() == {"passed": 1, "errors": 3}
    without.stdout.fnmatch_lines(['*no data for source "orders": give it with --dq-source orders=DATA*'])
    repository.pytest("--dq-missing", "skip").assert_outcomes(passed=1, skipped=3)


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("", "this fixture needs a marker: @pytest.mark.dataset"),
        ("@pytest.mark.dataset()", "missing 1 required positional argument: 'contract'"),
        ("@pytest.mark.dataset('suites/orders.yaml', sorce='a')", "it is dataset(contract, source=None, data=None)"),
        ("@pytest.mark.dataset('suites/no.yaml')", "suites/no.yaml: No such file or directory"),
    ],
)
def test_a_marker_that_is_wrong_is_told(repository: Repository, marker: str, told: str) -> None:
    repository.write("test_shop.py", f"import pytest\n{marker}\ndef test_one(dataset_result): pass\n")
    found = repository.pytest()
    found.assert_outcomes(errors=1)
    assert told in found.stdout.str()
    assert "Traceback" not in found.stdout.str()


def test_frames_are_asserted(tmp_path: Path) -> None:
    suite = tmp_path / "orders.yaml"
    suite.write_text(ORDERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dq.assert_contract(GOOD, suite)
    with (
        pytest.warns(dq.DatasetContractWarning, match=r"table.cheap: 17 rows"),
        pytest.raises(AssertionError) as caught,
    ):
        dq.assert_contract(BAD, suite)
    told = str(caught.value)
    assert told.startswith("amount.range: 3 rows (15 %, allowed 0) outside [0, 500]\nrule       min: 0, max: 500")
    assert "row 18   amount=-1.5" in told
    assert "email.matches: 1 row (5 %" in told
    assert "nobody" not in told
    assert "table.cheap" not in told


def test_what_cannot_be_judged_is_told_where_it_was_asked(repository: Repository) -> None:
    repository.write(
        "test_shop.py", "import dq\ndef test_one(): dq.assert_contract('gone.csv', 'suites/orders.yaml')\n"
    )
    found = repository.pytest()
    found.assert_outcomes(failed=1)
    assert "test_shop.py:2: UsageError" in found.stdout.str()
    assert "api.py" not in found.stdout.str()


def test_a_frame_that_cannot_be_judged_is_no_pass(tmp_path: Path) -> None:
    suite = tmp_path / "orders.yaml"
    suite.write_text('source: orders\nchecks: [{rule: "nothing > 1"}]\n')
    with pytest.raises(AssertionError, match="nothing"):
        dq.assert_contract(GOOD, suite)
