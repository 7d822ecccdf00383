"""The whole contract vocabulary, on every engine and from every format: the same results, reference included."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import api

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CONTRACT = """
source: trips
layout: "region={str}/dt={date:%Y-%m-%d}"
strict: true
columns:
  trip_id: {type: int64, required: true, unique: {value: true, fails: "<= 2"}, min: 1, distinct_count: ">= 6"}
  fare:    {type: double, min: {value: 0, fails: "<= 20%"}, max: {value: 500, severity: warn}, completeness: ">= 0.5",
            mean: "between 1 and 100", stddev: ">= 0", sum: "> 0", median: "<= 50"}
  payment: {type: string, allowed: [card, cash], not_allowed: [dispute], matches: "^c", not_matches: "z$",
            min_length: 4, max_length: 4, length: 4}
  at:      {type: timestamp, timezone: UTC, min: "2026-03-01", aliases: [landed_at]}
  day:     {type: date, required: {value: true, where: "payment = 'card'"}}
  note:    {type: string, optional: true, completeness: {value: ">= 0.9", severity: warn}}
  absent:  {type: int32}
checks:
  - {row_count: "between 5 and 100"}
  - {row_count: ">= 60% of previous", severity: warn}
  - {file_count: "= 1"}
  - {byte_count: "> 0"}
  - {unique: [trip_id, payment], where: "fare > 0"}
  - {rule: "length(payment) = 4 or fare is null", fails: "<= 10%"}
  - {rule: "abs(fare) < 100 and lower(payment) in ('card', 'cash')", where: "trip_id > 2", severity: warn}
  - {rule: "max(at) >= partition.dt"}
  - {rule: "count(*) filter (where payment = 'card') > 1 and avg(fare) < 1000 and region = 'eu'", severity: warn}
  - {rule: "sum(fare) / count(fare) between 0 and 100"}
"""
CONTRACT = CONTRACT.replace(" and region = 'eu'", " and partition.region = 'eu'")
FRAME = pl.DataFrame(
    {
        "trip_id": [1, 2, 3, 4, 5, 6, 6, None],
        "fare": [5.0, -1.0, 700.5, None, 7.25, 8.0, 9.0, 10.0],
        "payment": ["card", "cash", "dispute", "card", None, "caz", "cash", "card"],
        "landed_at": [datetime(2026, 3, 1, h) for h in range(8)],
        "day": [date(2026, 3, 1), None, None, None, date(1999, 1, 1), date(2026, 3, 1), None, None],
    }
)


def write(folder: Path, suffix: str) -> Path:
    place = folder / "region=eu" / "dt=2026-03-01"
    place.mkdir(parents=True)
    path = place / f"part.{suffix}"
    frame = FRAME if suffix == "parquet" else FRAME.with_columns(pl.col("landed_at").dt.strftime("%Y-%m-%dT%H:%M:%S"))
    {"parquet": frame.write_parquet, "csv": frame.write_csv, "ndjson": frame.write_ndjson}[suffix](path)
    return path


def judged(path: Path, suite: Path, engine: Any) -> dict[str, Any]:
    document = json.loads(api.validate(path, suite, now=NOW, engine=engine).to_json())
    return {k: v for k, v in document.items() if k not in ("scan", "run_id")}


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_three_engines_one_answer(suffix: str, tmp_path: Path) -> None:
    suite = tmp_path / "trips.yaml"
    suite.write_text(CONTRACT)
    path = write(tmp_path, suffix)
    wanted = judged(path, suite, "reference")
    assert {c["status"] for c in wanted["checks"]} == {"pass", "fail", "skip"}
    for engine in ("duckdb", "polars", "auto"):
        found = judged(path, suite, engine)
        for mine, right in zip(found["checks"], wanted["checks"], strict=True):
            assert approximately(mine) == approximately(right), (engine, mine["id"])
        assert found["reasons"] == wanted["reasons"]
        assert (found["verdict"], found["counts"]) == ("quarantine", wanted["counts"])


def approximately(check: dict[str, Any]) -> dict[str, Any]:
    """Floats agree to nine digits; everything else to the last."""
    observed = check["observed"]
    return {**check, "observed": float(f"{observed:.9g}") if isinstance(observed, float) else observed}


def test_formats_give_one_answer(tmp_path: Path) -> None:
    suite = tmp_path / "trips.yaml"
    suite.write_text(CONTRACT)
    found = {}
    for suffix in ("parquet", "csv", "ndjson"):
        document = judged(write(tmp_path / suffix, suffix), suite, "auto")
        found[suffix] = {
            c["id"]: (c["status"], c["failed_rows"]) for c in document["checks"] if c["metric"] != "readable"
        }
    for checks in found.values():
        checks.pop("table.byte_count")
    assert found["parquet"] == found["csv"] == found["ndjson"]


def test_json_of_another_kind_fails_on_every_engine(tmp_path: Path) -> None:
    """Also text and what is nested, which no other format could misread."""
    suite = tmp_path / "kinds.yaml"
    suite.write_text(
        "source: kinds\ncolumns:\n"
        '  text: {type: string}\n  inner: {type: "struct(n: int64, gone: string)", readable: {fails: "<= 1"}}\n'
    )
    path = tmp_path / "part.ndjson"
    path.write_text('{"text":"5","inner":{"n":1}}\n{"text":5,"inner":{"n":"1"}}\n{"text":null,"inner":null}\n')
    for engine in ("reference", "duckdb", "polars"):
        document = judged(path, suite, engine)
        failed = {
            c["id"]: (c["failed_rows"], [v for e in c["evidence"] for v in e["values"].values()])
            for c in document["checks"]
        }
        assert failed["text.readable"] == (1, ["5"])
        assert failed["inner.readable"] == (1, [])  # as many as may
        assert [r["id"] for r in document["reasons"]] == ["text.readable", "inner.type"]


def test_a_local_time_that_never_was_fails_on_every_engine(tmp_path: Path) -> None:
    suite, path = tmp_path / "clocks.yaml", tmp_path / "part.csv"
    rules = ("min(at) >= '2026-03-29T01:00:00+00:00'", "max(at) = '2026-10-25T00:30:00+00:00'")
    suite.write_text(
        "source: clocks\ncolumns:\n  at: {type: timestamp, timezone: Europe/Berlin, required: true}\nchecks:\n"
        + "".join(f'  - {{rule: "{rule}"}}\n' for rule in rules)
    )
    path.write_text("at\n2026-03-29 02:30:00\n2026-10-25 02:30:00\n2026-03-29 03:00:00\n")
    for engine in ("reference", "duckdb", "polars"):
        document = judged(path, suite, engine)
        assert [(r["id"], r["message"].partition(", e.g.")[0]) for r in document["reasons"]] == [
            ("at.readable", "1 row (33 %, allowed 0) cannot be read as timestamp")
        ]
