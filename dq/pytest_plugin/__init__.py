"""Dataset contracts as tests: hooks, options and fixtures of pytest, under the entry point `dq`.

Nothing of the gate is imported before there is a contract to collect or to judge; no data is opened before a test runs,
and none is ever moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from dq.api import Result

_SUITES = (".yaml", ".yml", ".json", ".dqdl")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dq", "dataset contracts")
    group.addoption(
        "--dq-source", action="append", default=[], metavar="NAME=DATA",
        help="where the data of a source is, or data that a contract compares with: a path, pattern or folder",
    )  # fmt: skip
    group.addoption(
        "--dq-root", metavar="PLACE", help="a folder or s3:// in which every source has a folder of its name"
    )
    group.addoption("--dq-partition", metavar="KEY", help="of data in partitions this one only; latest: the newest")
    group.addoption("--dq-engine", choices=("auto", "duckdb", "polars"), help="instead of the one of dq.toml")
    group.addoption(
        "--dq-sample", type=_rows, metavar="N", help="judge the first N rows of every file only: passes are partial"
    )
    group.addoption("--dq-schema-only", action="store_true", help="judge what the schema must be, and no values")
    group.addoption(
        "--dq-show-values", choices=("none", "masked", "full"), help="of offending rows; never more than the contract"
    )
    group.addoption(
        "--dq-report", metavar="PATH",
        help="write what was judged: a JSON document a line, a page (.html), Markdown (.md), or a folder of documents",
    )  # fmt: skip
    group.addoption("--dq-missing", choices=("fail", "skip"), help="a test whose data is not there fails (or skips)")
    group.addoption("--dq-config", metavar="FILE", help="dq.toml, instead of the nearest one upwards")
    parser.addini("dq_suites", "folders whose contracts are collected wherever pytest meets them", "paths", [])
    parser.addini("dq_sources", "NAME=DATA, one a line: where the data of sources is", "linelist", [])
    parser.addini("dq_root", "folder or s3:// in which every source has a folder of its name", default="")
    parser.addini("dq_partition", "of data in partitions this one only; latest: the newest", default="")
    parser.addini("dq_show_values", "none, masked or full: of offending rows", default="")
    parser.addini("dq_xfail", "SOURCE::CHECK: REASON, one a line: checks that are known to fail", "linelist", [])
    parser.addini("dq_skip", "SOURCE::CHECK: REASON, one a line: checks that are not judged", "linelist", [])
    parser.addini("dq_missing", "fail (the default) or skip: tests whose data is not there", default="fail")


def _rows(text: str) -> int:
    rows = int(text)
    if rows < 1:
        raise ValueError
    return rows


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "dataset(contract, source=None, data=None): data and contract of the fixtures dataset and dataset_result",
        "dq(source, column, metric, dimension, severity): what pytest makes of a contract's checks",
    ):
        config.addinivalue_line("markers", line)
    inis = any(map(config.getini, ("dq_sources", "dq_xfail", "dq_skip", "dq_show_values")))
    if inis or any(map(config.getoption, ("dq_source", "dq_report"))) or config.getini("dq_missing") != "fail":
        from dq.pytest_plugin.sources import check_settings

        check_settings(config)
    from dq.pytest_plugin.gathering import Gathering

    config.pluginmanager.register(Gathering(config), "dq-documents")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from dq.pytest_plugin import hooks

    pluginmanager.add_hookspecs(hooks)


def pytest_report_header(config: pytest.Config) -> str | None:
    rows = config.getoption("dq_sample")
    return f"dq: only the first {rows:,} rows of every file are judged: passes are partial" if rows else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix.lower() not in _SUITES:
        return None
    from dq.pytest_plugin.choosing import is_wanted

    if not is_wanted(file_path, parent.config):
        return None
    from dq.pytest_plugin.collecting import ContractFile

    return ContractFile.from_parent(parent, path=file_path)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Collector | None:
    if type(obj).__module__ != "dq.pytest_plugin.declaring":
        return None
    from dq.pytest_plugin.collecting import DatasetNode
    from dq.pytest_plugin.declaring import DatasetContract

    return DatasetNode.from_parent(collector, name=name, declared=obj) if isinstance(obj, DatasetContract) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    from dq.pytest_plugin.telling import summary

    reports = [r for found in terminalreporter.stats.values() for r in found if isinstance(r, pytest.TestReport)]
    lines = summary(reports, config.getoption("dq_sample"))
    if lines:
        terminalreporter.section("dataset contracts")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def dq_source() -> Mapping[str, Any]:
    """Data by the name of its source: a path or a frame. Overridden in a conftest.py; a function of the name will do
    too. What the command line and the ini file say goes first."""
    return {}


@pytest.fixture
def dataset_result(request: pytest.FixtureRequest, dq_source: Any) -> Result:
    """`dq.Result` of the data under the contract of the test's marker `dataset`: every check, judged once a session."""
    from dq.pytest_plugin.marked import result

    return result(request, dq_source)


@pytest.fixture
def dataset(request: pytest.FixtureRequest, dq_source: Any, tmp_path: Path) -> Iterator[Any]:
    """The data of the test's marker `dataset`: a Polars LazyFrame, read as the contract says; a frame as it is."""
    from dq.pytest_plugin.marked import frame

    with frame(request, dq_source, tmp_path) as found:
        yield found
