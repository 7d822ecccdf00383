"""Faults put into copies of real landings: what is withheld is exactly what was spoilt, in every form data lands in."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.bundled import DATA, SUITES, gated, landed

SPLITTING = "policy: {on_fail: split}\n"


def place(root: Path, source: str, *names: str) -> Path:
    """The source's landing, and its contract that splits where rows fail."""
    landed(root, source, *names)
    contract = (SUITES / f"{source}.yaml").read_text().replace('"= 10000"', '">= 9900"')
    (root / "suites" / f"{source}.yaml").write_text(contract + SPLITTING)
    return root


def spoil(file: Path, edits: dict[int, tuple[str, str]], end: str = "\n") -> list[str]:
    """The file's lines, those by index with a text in them replaced; landed anew."""
    content = file.read_bytes()
    packed = file.suffix == ".gz"
    lines = (gzip.decompress(content) if packed else content).decode().splitlines()
    for i, (old, new) in edits.items():
        assert old in lines[i], lines[i]
        lines[i] = lines[i].replace(old, new, 1)
    lines = [line + end for line in lines]
    spoilt = "".join(lines).encode()
    file.write_bytes(gzip.compress(spoilt) if packed else spoilt)
    return lines


def lines_of(root: Path, zone: str, name: str) -> list[str]:
    (found,) = [p for p in (root / zone).rglob(name) if p.is_file()]
    content = found.read_bytes()
    return (gzip.decompress(content) if found.suffix == ".gz" else content).decode().splitlines(keepends=True)


TEXTS: dict[str, tuple[str, str, str, bool, dict[int, tuple[str, str]]]] = {
    "gzip without a header": (
        "adult", "adult-train.csv.gz", "\n", False,
        {10: ("37, ", "370, "), 100: ("Male", "Mail"), 5000: (">50K", "50K"), 20000: (", 40,", ",")},
    ),
    "gzip with quotes": (
        "retail", "2010-12-01.csv.gz", "\n", True,
        {1: ("536365", "53636"), 2: (",6,", ",six,"), 3: (",2.75", ""), 4: ("2010-12-01", "2011-12-01")},
    ),
    "plain with CRLF": (
        "titanic", "titanic.csv", "\r\n", True,
        {1: ("male", "mail"), 5: ("5,", "6,"), 6: ("6,", "6,"), 7: (",S", ",X"), 8: ("8,0", "8,7")},
    ),
    "with a key in its path": (
        "trips", "yellow_tripdata_sample_2019-01.csv.gz", "\n", True,
        {1: (",", "7,"), 2: ("2019-01-25 18", "25.01.2019 18"), 3: (",1,1.1", ",-1,1.1"), 9000: (",", ",,")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", TEXTS)
def test_text(tmp_path: Path, form: str) -> None:
    source, name, end, header, edits = TEXTS[form]
    root = place(tmp_path, source, name)
    lines = spoil(root / "landing" / source / name, edits, end)
    document = gated(root, source)[name]
    assert document["verdict"] == "promote", document["reasons"]
    assert document["rows_quarantined"] == len(edits)
    good, withheld = lines_of(root, "curated", name), lines_of(root, "quarantine", name)
    head = [0] if header else []
    assert withheld == [lines[i] for i in (*head, *sorted(edits))]
    assert good == [line for i, line in enumerate(lines) if i not in edits]
    assert Counter(good) + Counter(withheld[len(head) :]) == Counter(lines)


TRIPS = """
source: rides
layout: "month={month:%Y-%m}"
columns:
  vendor_id: {type: int64, allowed: [1, 2, 4]}
  trip_distance: {type: double, min: 0}
  ride: {type: int64, unique: true}
checks:
  - {rule: "dropoff_datetime >= pickup_datetime", fails: "<= 0.1%"}
policy: {on_fail: split}
"""
NAMES = ("a.parquet", "b.parquet", "c.parquet")


def rides() -> list[pl.DataFrame]:
    """Three files of one partition, with times, decimals, lists, an enum and NaN; of each some rows spoilt."""
    files = sorted((DATA / "trips").glob("*.csv.gz"))[:1]
    whole = pl.read_csv(gzip.decompress(files[0].read_bytes()), try_parse_dates=True).with_row_index("ride")
    whole = whole.with_columns(
        pl.col("ride").cast(pl.Int64),
        pl.col("trip_distance").abs(),
        pl.col("vendor_id").clip(1, 2),
        fare=pl.col("fare_amount").cast(pl.Decimal(10, 2)),
        flag=pl.col("store_and_fwd_flag").cast(pl.Categorical),
        zones=pl.concat_list("pickup_location_id", "dropoff_location_id"),
        odd=pl.when(pl.col("ride") % 3 == 0).then(float("nan")).otherwise(pl.col("tip_amount")),
    )
    spoilt = {7: {"vendor_id": 9}, 11: {"trip_distance": -1.0}, 4000: {"trip_distance": -0.5}, 8000: {"ride": 8001}}
    for row, changes in spoilt.items():
        for column, value in changes.items():
            chosen = pl.int_range(pl.len()) == row
            whole = whole.with_columns(pl.when(chosen).then(pl.lit(value)).otherwise(column).alias(column))
    return [whole.slice(0, 3000), whole.slice(3000, 3000), whole.slice(6000)]


SPOILT = {"a.parquet": [7, 11], "b.parquet": [1000], "c.parquet": [2000, 2001]}


def ride(root: Path) -> list[pl.DataFrame]:
    folder = root / "landing" / "rides" / "month=2018-01"
    folder.mkdir(parents=True)
    (root / "suites").mkdir()
    (root / "suites" / "rides.yaml").write_text(TRIPS)
    (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    frames = rides()
    for name, frame in zip(NAMES, frames, strict=True):
        frame.write_parquet(folder / name, row_group_size=1000)
    return frames


def without(frame: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
    return frame.with_row_index("at").filter(~pl.col("at").is_in(rows)).drop("at")


def test_parquet_of_several_files_is_the_same_on_both_engines(tmp_path: Path) -> None:
    digests: dict[str, Any] = {}
    for engine in ("duckdb", "polars"):
        root = tmp_path / engine
        frames = ride(root)
        document = gated(root, "rides", engine=engine)["month=2018-01"]
        assert document["verdict"] == "promote", document["reasons"]
        assert (document["rows"], document["rows_quarantined"]) == (10_000, 5)
        for name, frame in zip(NAMES, frames, strict=True):
            good = pl.read_parquet(root / "curated" / "rides" / "month=2018-01" / name)
            (path,) = (root / "quarantine").rglob(name)
            withheld = pl.read_parquet(path)
            assert good.schema == frame.schema
            assert good.equals(without(frame, SPOILT[name]))
            assert withheld.drop("dq_rules").equals(frame[SPOILT[name]])
        told = pl.concat([pl.read_parquet(p) for p in sorted((root / "quarantine").rglob("*.parquet"))])
        assert told["dq_rules"].to_list() == [
            ["vendor_id.allowed"], ["trip_distance.range"], ["trip_distance.range"], ["ride.unique"], ["ride.unique"],
        ]  # fmt: skip
        digests[engine] = (document["split"]["digest"], document["split"]["withheld"])
    assert digests["duckdb"] == digests["polars"]
