"""A hundred real first landings of a public source, judged with a contract that names no date as bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from dq import api, config
from tests.journeys.real import NOW, ROOT, prepare

# What a person who knew the history would have withheld, and the reason that names the defect.
WITHHELD = {
    "03-23-2020.csv.gz": ("column_present", "FIPS"),  # the retired layout
    "03-24-2020.csv.gz": ("rule", "Last_Update"),  # yesterday's content under today's name
    "04-01-2020.csv.gz": ("row_count", "256 rows"),  # truncated
    "04-12-2020.csv.gz": ("strict", "People_Tested"),  # a foreign layout of 17 columns
    "04-18-2020.csv.gz": ("strict", "People_Tested"),
    "04-18-20.csv.gz": ("layout", "does not fit the layout"),  # misnamed
}


def judged(root: Path, engine: str) -> dict[str, dict[str, Any]]:
    """Documents by partition, without the folder in which it was done."""
    settings = config.load(prepare(root, "jhu") / "dq.toml", environment={}, engine=engine)
    found = json.loads(json.dumps(api.gate("jhu", config=settings, now=NOW)).replace(str(root), ""))
    return {d["partition"]: d for d in found}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return judged(tmp_path_factory.mktemp("demo"), "auto")


def test_every_landing_is_decided(documents: dict[str, dict[str, Any]]) -> None:
    assert len(documents) == 101
    assert {d["verdict"] for d in documents.values()} == {"promote", "quarantine"}


@pytest.mark.parametrize("name", WITHHELD)
def test_defects_are_withheld_with_a_reason_that_names_them(documents: dict[str, dict[str, Any]], name: str) -> None:
    metric, words = WITHHELD[name]
    reasons = documents[name]["reasons"]
    assert documents[name]["verdict"] == "quarantine"
    assert any(metric in r["id"] and words in r["message"] for r in reasons), reasons


def test_other_days_are_promoted(documents: dict[str, dict[str, Any]]) -> None:
    withheld = {k: [r["message"] for r in d["reasons"]] for k, d in documents.items() if d["verdict"] == "quarantine"}
    assert set(withheld) == set(WITHHELD), withheld


def test_the_other_engine_says_the_same(documents: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """But for how it was scanned, and the run's own name."""

    def said(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: {k: v for k, v in d.items() if k not in {"scan", "run_id"}} for name, d in found.items()}

    others = judged(tmp_path, "duckdb")
    assert {d["scan"]["engine"] for d in documents.values() if d["checks"]} >= {"polars"}
    assert {d["scan"]["engine"] for d in others.values() if d["checks"]} >= {"duckdb"}
    assert said(others) == said(documents)


def test_every_timestamp_of_four_formats_is_read(documents: dict[str, dict[str, Any]]) -> None:
    unread = {
        k: c["failed_rows"]
        for k, d in documents.items()
        for c in d["checks"]
        if c["id"] == "Last_Update.readable" and c["failed_rows"]
    }
    assert unread == {}


def test_the_contract_names_no_partition_as_bad() -> None:
    text = (ROOT / "suites" / "jhu.yaml").read_text()
    for name in WITHHELD:
        month, day, _ = name.split("-")
        assert f"2020-{month}-{day}" not in text or (month, day) in {
            ("03", "23")
        }  # the start of the layout known to hold
