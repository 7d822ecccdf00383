"""A ruleset of Glue at every door: validated as it is, included by a contract, held against its own history."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq as package
from tests.journeys.conftest import Ran
from tests.journeys.landing import Place

RULES = """# what Glue ran so far
DefaultLabels = ["team"="taxi"]
Rules = [
    RowCount > 2,
    IsComplete "id",
    ColumnValues "fare" >= 0 with threshold > 0.5,
    (IsUnique "id") or (ColumnCount > 5),
    ReferentialIntegrity "zone" "zones.id" = 1.0
]
"""


def test_a_ruleset_runs_as_it_is(dq: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "rules.dqdl").write_text(RULES)
    (tmp_path / "zones.csv").write_text("id\n1\n2\n")
    (tmp_path / "good.csv").write_text("id,fare,zone\n1,5,1\n2,7,2\n3,-1,2\n")
    (tmp_path / "bad.csv").write_text("id,fare,zone\n1,5,1\n,7,9\n3,1,2\n")
    (tmp_path / "narrow.csv").write_text("id,fares,zone\n1,5,1\n2,7,2\n3,1,2\n")
    others = ("--suite", tmp_path / "rules.dqdl", "--reference", f"zones={tmp_path / 'zones.csv'}")
    good = dq("validate", tmp_path / "good.csv", *others, "--json")
    assert good.code == 0, good.out
    bad = dq("validate", tmp_path / "bad.csv", *others, "--json")
    assert bad.code == 1
    (document,) = map(json.loads, bad.out.splitlines())
    failed = {c["id"]: c for c in document["checks"] if c["status"] == "fail"}
    assert set(failed) == {"id.required", "zone.references"}
    assert failed["id.required"]["origin"] == {
        "dialect": "dqdl", "file": str(tmp_path / "rules.dqdl"), "line": 5, "rule": 'IsComplete "id"'
    }  # fmt: skip
    assert failed["id.required"]["evidence"][0]["row"] == 3
    narrow = dq("validate", tmp_path / "narrow.csv", *others)
    assert narrow.code == 1
    assert 'no column "fare" (did you mean "fares"?)' in narrow.out


def test_a_wrong_ruleset_says_where(dq: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "rules.dqdl").write_text("Rules = [\n    RowCount > 2,\n    IsComplet id\n]\n")
    (tmp_path / "a.csv").write_text("id\n1\n")
    ran = dq("validate", tmp_path / "a.csv", "--suite", tmp_path / "rules.dqdl")
    assert ran.code == 2
    assert 'rules.dqdl:3: no rule "IsComplet" (did you mean "IsComplete"?) (column 5)' in ran.err
    assert "\n        IsComplet id\n        ^" in ran.err


def place(tmp_path: Path, rules: str, more: str = "", history: str = "") -> Place:
    made = Place(
        tmp_path, trips=f"layout: 'dt={{date:%Y-%m-%d}}.parquet'\ninclude: [{{suite: rules.dqdl{more}}}]\n{history}"
    )
    (tmp_path / "suites" / "rules.dqdl").write_text(rules)
    return made


def land(made: Place, *sizes: int) -> dict[str, dict[str, Any]]:
    """Partitions of so many rows, day by day, gated one after the other: their checks by day, and its verdict."""
    for day, size in enumerate(sizes, 1):
        made.put(f"trips/dt=2026-01-{day:02}.parquet", pl.DataFrame({"id": range(1000 * day, 1000 * day + size)}))
    found = {}
    for document in made.gate():
        checks = {c["id"]: c for c in document["checks"]}
        found[document["partition"]] = {**checks, "verdict": document["verdict"]}
    return found


def of_day(found: dict[str, dict[str, Any]], day: int, identity: str) -> tuple[str, str, str]:
    one = found[f"dt=2026-01-{day:02}.parquet"]
    return one[identity]["status"], one["verdict"], one[identity]["message"]


QUIET = "history: {anomaly: ignore}\n"


def test_limits_are_made_of_what_partitions_before_had(tmp_path: Path) -> None:
    rules = "Rules = [ RowCount >= avg(last(3)) * 0.5, RowCount < last() * 10 ]"
    found = land(place(tmp_path, rules, history=QUIET), 100, 110, 120, 54, 60, 700)
    status, verdict, message = of_day(found, 1, "table.row_count")
    assert (status, verdict, message) == ("skip", "promote", "insufficient history")
    assert found["dt=2026-01-01.parquet"]["table.row_count"]["observed"] == 100
    assert of_day(found, 3, "table.row_count")[:2] == ("pass", "promote")
    status, verdict, message = of_day(found, 4, "table.row_count")
    assert (status, verdict) == ("fail", "quarantine")
    assert message == "54 rows, expected >= 55"
    assert of_day(found, 5, "table.row_count")[:2] == ("pass", "promote")  # what was withheld teaches nothing
    assert of_day(found, 6, "table.row_count#2")[2] == "700 rows, expected < 600"


def test_without_history_glue_counts_from_zero(tmp_path: Path) -> None:
    rules = "Rules = [ RowCount > avg(last(3)) * 0.5, RowCount < last() * 10 ]"
    found = land(place(tmp_path, rules, ", glue_compat: true", QUIET), 100)
    assert of_day(found, 1, "table.row_count")[0] == "pass"
    assert of_day(found, 1, "table.row_count#2") == ("fail", "quarantine", "100 rows, expected < 0")


def test_a_limit_that_divides_by_zero_holds(tmp_path: Path) -> None:
    rules = 'Rules = [ RowCount > 1, DistinctValuesCount "id" > 5 / (last() - last()) ]'
    found = land(place(tmp_path, rules, history=QUIET), 100, 100)
    assert of_day(found, 2, "id.distinct_count")[:2] == ("error", "hold")
    assert "divides by zero" in of_day(found, 2, "id.distinct_count")[2]


def test_anomalies_are_those_of_a_numbers_own_history(tmp_path: Path) -> None:
    rules = 'Rules = [ DetectAnomalies "RowCount" ]\nAnalyzers = [ Completeness "id", Mean "id", AllStatistics ]'
    found = land(place(tmp_path, rules, history=QUIET), 100, 104, 98, 101, 99, 102, 20, 103)
    assert of_day(found, 5, "table.row_count_anomaly")[0] == "skip"
    assert "4 of 5 partitions" in of_day(found, 5, "table.row_count_anomaly")[2]
    assert of_day(found, 6, "table.row_count_anomaly")[:2] == ("pass", "promote")
    status, verdict, message = of_day(found, 7, "table.row_count_anomaly")
    assert (status, verdict) == ("fail", "quarantine")
    assert message.startswith("20 rows, usually ")
    assert of_day(found, 8, "table.row_count_anomaly")[:2] == ("pass", "promote")
    assert found["dt=2026-01-08.parquet"]["id.mean"]["status"] == "pass"


def test_composite_rules_are_judged_as_the_contract_says(tmp_path: Path) -> None:
    rules = '(ColumnValues "id" > 1002) or (ColumnValues "id" < 1002)'
    by_row = land(place(tmp_path, f"Rules = [ {rules} ]", ", composite: row", QUIET), 5)
    assert of_day(by_row, 1, "table.composite")[:2] == ("fail", "quarantine")
    assert by_row["dt=2026-01-01.parquet"]["table.composite"]["failed_rows"] == 1


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_now_is_the_moment_of_the_run_for_every_engine(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.dqdl").write_text(
        'Rules = [ DataFreshness "at" < 2 hours, ColumnValues "at" >= (now() - 1 days),'
        ' RowCount = 1 where "at is not null" ]'
    )
    pl.DataFrame({"at": [datetime(2026, 3, 1, 11), datetime(2026, 3, 1, 9)]}).write_parquet(tmp_path / "a.parquet")
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = package.validate(tmp_path / "a.parquet", tmp_path / "rules.dqdl", now=now, engine=engine)
    told = {c.id: (c.status, c.observed) for c in found.checks}
    assert told["at.freshness"] == ("fail", 1)
    assert told["at.values"] == ("pass", 0)
    assert told["table.row_count"] == ("fail", 2)


def test_files_are_as_old_as_they_landed(tmp_path: Path) -> None:
    """Where their copies are judged in another process, too."""
    rules = 'Rules = [ FileFreshness > "2026-01-05", FileSize > 1 KB with threshold < 2 ]'
    made = place(tmp_path, rules, history=QUIET)
    land(made, 3)
    landed = made.root / "landing/trips/dt=2026-01-01.parquet"
    os.utime(landed, (datetime(2026, 1, 4, 23, tzinfo=UTC).timestamp(),) * 2)
    (document,) = made.gate(again=True)
    checks = {c["id"]: c for c in document["checks"]}
    assert checks["table.file_freshness"]["status"] == "fail"
    assert "dt=2026-01-01.parquet (written 2026-01-04 23:00:00 UTC)" in checks["table.file_freshness"]["message"]


def test_histories_of_different_queries_are_not_mixed(tmp_path: Path) -> None:
    """Whichever rules are added before them."""
    one, two = (f'CustomSql "select {n}(id) from primary" < last() + 1100' for n in ("min", "max"))
    made = place(tmp_path, f"Rules = [ {two} ]", history=QUIET)
    land(made, 10, 10)
    (tmp_path / "suites" / "rules.dqdl").write_text(f"Rules = [ {one}, {two} ]")
    found = land(made, 10, 10, 200)
    last = {c: v["status"] for c, v in found["dt=2026-01-03.parquet"].items() if c.startswith("table.query_value_")}
    assert sorted(last.values()) == ["fail", "skip"]  # the maximum knows its own, the minimum has none yet
