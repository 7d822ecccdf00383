"""A user's repository with contracts, and pytest in it: in this process where nothing speaks against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest

import dq
import dq.pytest_plugin
from dq import api
from dq.dialects import contract, dqdl, gx, odcs
from dq.dialects.pandera import written
from dq.engines import head
from dq.engines.duckdb import engine, stored, text
from dq.engines.polars import scan
from dq.isolation import pool
from dq.pytest_plugin import choosing, collecting, gathering, hooks, marked, reading, sampling, telling

# What a run of pytest in this process imports it forgets. Libraries in C are loaded once only, a warm judge process is
# to be found by the next run, and so are the errors that S3 answers with.
IMPORTED = (
    boto3,
    engine,
    stored,
    text,
    dqdl,
    gx,
    odcs,
    written,
    head,
    scan,
    pool,
    choosing,
    collecting,
    gathering,
    hooks,
    marked,
    reading,
    sampling,
    telling,
)

STRICT = "[pytest]\naddopts = --strict-markers --strict-config -ra\nfilterwarnings = default\n"
ROOT = Path(__file__).parents[2]

ORDERS = """source: orders
columns:
  order_id: {type: int64, required: true, unique: true}
  amount:   {type: double, min: 0, max: 500}
  email:    {required: true, pii: true, matches: "@"}
checks:
  - {row_count: ">= 10"}
  - {rule: "amount < 100", name: cheap, severity: warn}
"""
GOOD = pl.DataFrame({"order_id": range(20), "amount": [float(n) for n in range(20)], "email": ["a@example.org"] * 20})
BAD = GOOD.with_columns(
    order_id=pl.col("order_id") + 100,
    amount=pl.when(pl.col("order_id") >= 17).then(-1.5).otherwise(250.0),
    email=pl.when(pl.col("order_id") == 4).then(pl.lit("nobody")).otherwise("email"),
)

api.validate(GOOD, contract.load(ORDERS, "orders.yaml"))


class Repository:
    """`pytester` with the plugin, whether it is installed here or not."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("COLUMNS", "160")
        self.pytester, self.path = pytester, pytester.path

    def write(self, name: str, content: str | pl.DataFrame) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content)
        else:
            (content.write_csv if name.endswith(".csv") else content.write_parquet)(target)
        return target

    def pytest(self, *arguments: Any, config: str = "") -> pytest.RunResult:
        """In this process, with strict settings."""
        self.write("pytest.ini", STRICT + config)
        return self.pytester.runpytest_inprocess(*arguments, plugins=[dq.pytest_plugin])

    def apart(self, *arguments: Any) -> pytest.RunResult:
        """In a process of its own, as a user does."""
        return self.pytester.runpytest_subprocess("-p", "dq.pytest_plugin", *arguments)

    def ids(self, *arguments: Any, config: str = "") -> list[str]:
        found = self.pytest("--collect-only", "-q", *arguments, config=config)
        return [line for line in found.outlines if "::" in line]


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """With the contract of orders, and without any data."""
    found = Repository(pytester, monkeypatch)
    found.write("suites/orders.yaml", ORDERS)
    return found


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids of the checks of every scan that is made."""
    found: list[list[str]] = []
    validate = api.validate

    def recorded(data: Any, suite: Any, **more: Any) -> dq.Result:
        found.append([c.id for c in suite.suite.checks])
        return validate(data, suite, **more)

    monkeypatch.setattr(api, "validate", recorded)
    return found


def screen(result: pytest.RunResult, title: str) -> str:
    """The failure under a title."""
    text = result.stdout.str()
    match = re.search(rf"^_+ {re.escape(title)} _+\n(.*?)(?=^(?:_{{3,}}|={{3,}}))", text, re.M | re.S)
    assert match, text
    return match[1].rstrip()
