"""Landings as Spark, Hive and Databricks write them: keys in paths, markers, files beside the data."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.landing import NOW, TOML, Place, rows

DAILY = 'layout: "dt={date:%Y-%m-%d}"\n'
REGIONAL = 'layout: "region={str}/dt={date:%Y-%m-%d}"\n'


def place(tmp_path: Path, contract: str = DAILY) -> Place:
    return Place(tmp_path, trips=contract)


def age(path: Path, seconds: float) -> None:
    """As if written `seconds` before NOW."""
    at = (NOW - timedelta(seconds=seconds)).timestamp()
    os.utime(path, (at, at))


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("name", ["part-0.parquet", "part-0.csv"])
def test_keys_are_typed_columns_of_every_rule(
    tmp_path: Path, name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = """layout: "region={str}/year={year}/month={month}/n={int}"
columns: {region: {allowed: ["a/b", "x=y", "50%", "é"]}, year: {min: 2026}, n: {type: int64, max: 7}}
checks:
  - {rule: "year = 2026 and month < 4"}
  - {rule: "partition.n >= -2 and count(*) = 10"}
  - {rule: "id >= 0", where: "region = 'a/b'"}
"""
    monkeypatch.setenv("DQ_ENGINE", engine)
    here = place(tmp_path, contract)
    for i, (region, month, n) in enumerate(
        [("a%2Fb", 3, -2), ("x%3Dy", 3, 7), ("50%25", 3, 7), ("%C3%A9", 3, 1), ("é", 12, 0), ("a%3Ab", 3, 8)]
    ):
        here.put(f"trips/region={region}/year=2026/month={month}/n={n}/{name}", rows(start=i))
    found = here.verdicts()
    assert found.pop("region=é/year=2026/month=12/n=0").split() == ["quarantine", "table.rule"]
    assert found.pop("region=a%3Ab/year=2026/month=3/n=8").split() == ["quarantine", "region.allowed", "n.range"]
    assert set(found.values()) == {"promote"}
    assert len(found) == 4


def test_keys_that_hive_writes_without_a_value_are_quarantined_as_one_folder(tmp_path: Path) -> None:
    here = place(tmp_path, REGIONAL)
    here.put("trips/region=eu/dt=2026-03-01/part-0.parquet", rows())
    null = "region=eu/dt=__HIVE_DEFAULT_PARTITION__"
    for part in range(3):
        here.put(f"trips/{null}/part-{part}.parquet", rows(start=part))
    here.put("trips/region=__HIVE_DEFAULT_PARTITION__/dt=2026-03-01/part-0.parquet", rows(start=99))
    documents = {d["partition"]: d for d in here.gate()}
    assert {k: d["verdict"] for k, d in documents.items()} == {
        "region=eu/dt=2026-03-01": "promote",
        null: "quarantine",
        "region=__HIVE_DEFAULT_PARTITION__/dt=2026-03-01": "quarantine",
    }
    assert len(documents[null]["files"]) == 3
    assert "rows without a value of the partition key" in documents[null]["reasons"][0]["message"]
    assert here.gate() == []


BESIDE = (
    "_SUCCESS", "_metadata", "_committed_123", "_started_123", ".part-0.parquet.crc", "._SUCCESS.crc", ".DS_Store",
    "Thumbs.db", "_delta_log/00000000000000000000.json", ".hive-staging_1/x.parquet", ".spark-staging-7/dt=1/x.parquet",
    "sub_$folder$",
)  # fmt: skip


def test_files_beside_the_data_are_neither_read_nor_published_nor_strays(tmp_path: Path) -> None:
    here = place(tmp_path)
    here.put("trips/dt=2026-03-01/part-0.parquet", rows())
    for name in BESIDE:
        here.put(f"trips/{name}", b"not data")
        here.put(f"trips/dt=2026-03-01/{name}", b"not data")
    here.put("trips/dt=2026-03-01_$folder$")
    assert here.verdicts() == {"dt=2026-03-01": "promote"}
    assert list(here.files("curated")) == ["trips/dt=2026-03-01/part-0.parquet"]


@pytest.mark.parametrize("where", ["", "region=eu/", "region=eu/dt=2026-03-01/"])
def test_a_marker_counts_from_the_partition_up_to_the_root(tmp_path: Path, where: str) -> None:
    here = place(tmp_path, REGIONAL + "ready: {marker: _SUCCESS}\n")
    key = "region=eu/dt=2026-03-01"
    data = here.put(f"trips/{key}/part-0.parquet", rows())
    assert here.waits(key) == "no _SUCCESS yet"
    here.put("trips/region=us/_SUCCESS")
    assert here.waits(key) == "no _SUCCESS yet"
    marker = here.put(f"trips/{where}_SUCCESS")
    age(data, 60)
    age(marker, 61)
    assert here.waits(key) == "_SUCCESS is older than the newest file"
    assert here.gate() == []
    age(marker, 60)
    assert here.verdicts() == {key: "promote"}


def test_a_marker_may_have_any_name_and_is_no_data(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "ready: {marker: DONE.csv}\n")
    here.put("trips/dt=2026-03-01/a.csv", rows())
    assert here.waits("dt=2026-03-01") == "no DONE.csv yet"
    here.put("trips/dt=2026-03-01/DONE.csv", "finished\n")
    assert here.verdicts() == {"dt=2026-03-01": "promote"}
    assert list(here.files("curated")) == ["trips/dt=2026-03-01/a.csv"]


def test_a_folder_that_is_said_to_be_complete_and_is_empty_is_quarantined(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "ready: {marker: _SUCCESS}\n")
    here.put("trips/dt=2026-03-01/_SUCCESS")
    (here.root / "landing" / "trips" / "dt=2026-03-02").mkdir()
    assert here.verdicts() == {"dt=2026-03-01": "quarantine table.not_empty"}
    here.put("trips/dt=2026-03-01/a.csv", rows())
    here.put("trips/dt=2026-03-01/_SUCCESS")
    assert here.verdicts() == {"dt=2026-03-01": "promote"}


def test_a_partition_that_asks_for_quiet_waits_while_files_change(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "ready: {quiet: 5m}\n")
    age(here.put("trips/dt=2026-03-01/a.csv", rows()), 400)
    late = here.put("trips/dt=2026-03-01/b.csv", rows(start=50))
    age(late, 299)
    assert here.waits("dt=2026-03-01") == "changed 299 s ago, quiet for 300 s is asked"
    assert here.gate() == []
    age(late, 300)
    assert here.verdicts() == {"dt=2026-03-01": "promote"}


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("dt=2026-03-01/b.parquet.tmp", "dt=2026-03-01/b.parquet.tmp"),
        ("dt=2026-03-01/b.parquet.PART", "dt=2026-03-01/b.parquet.PART"),
        ("dt=2026-03-01/b.parquet._COPYING_", "dt=2026-03-01/b.parquet._COPYING_"),
        ("dt=2026-03-01/_temporary/0/task_7/part-1.parquet", "dt=2026-03-01/_temporary/"),
        ("_temporary/0/task_7/dt=2026-03-01/part-1.parquet", "_temporary/"),
        ("dt=2026-03-01/_started_42", "dt=2026-03-01/_started_42"),
    ],
)
def test_a_partition_into_which_somebody_writes_is_not_ready(tmp_path: Path, trace: str, said: str) -> None:
    here = place(tmp_path)
    data = here.put("trips/dt=2026-03-01/part-0.parquet", rows())
    writing = here.put(f"trips/{trace}", rows(start=100))
    age(data, 50)
    age(writing, 60)
    assert here.waits("dt=2026-03-01") == f"{said} is there: somebody is still writing"
    assert here.gate() == []
    if "_started_" in trace:
        here.put("trips/dt=2026-03-01/_committed_42", "{}")
    else:
        writing.unlink()
    assert here.verdicts() == {"dt=2026-03-01": "promote"}


def test_what_a_dead_job_left_above_does_not_stop_partitions_that_it_did_not_touch(tmp_path: Path) -> None:
    here = place(tmp_path)
    age(here.put("trips/_temporary/0/x/part-1.parquet", rows()), 100)
    age(here.put("trips/dt=2026-03-01/part-0.parquet", rows()), 200)
    age(here.put("trips/dt=2026-03-02/part-0.parquet", rows(start=20)), 90)
    assert here.verdicts() == {"dt=2026-03-01": "promote"}


def test_a_marker_that_is_newer_overrules_what_a_dead_job_left(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "ready: {marker: _SUCCESS}\n")
    age(here.put("trips/dt=2026-03-01/_temporary/0/x/part-1.parquet", rows()), 100)
    age(here.put("trips/dt=2026-03-01/part-0.parquet", rows()), 90)
    age(here.put("trips/dt=2026-03-01/_SUCCESS"), 80)
    assert here.verdicts() == {"dt=2026-03-01": "promote"}


def test_an_upload_that_has_no_place_yet_is_waited_for_and_not_quarantined(tmp_path: Path) -> None:
    here = place(tmp_path, 'layout: "{date:%Y-%m-%d}.csv"\n')
    upload = here.put("trips/2026-03-01.csv.part", rows())
    assert here.gate() == []
    assert "somebody is still writing" in here.waits("2026-03-01.csv.part")
    upload.rename(upload.with_suffix(""))
    assert here.verdicts() == {"2026-03-01.csv": "promote"}


MANIFESTS = {
    "names": lambda a, b: ["a.csv", "./b.csv"],
    "names and sizes": lambda a, b: {"files": [{"path": "a.csv", "bytes": a}, {"name": "b.csv", "size": b}]},
    "Redshift": lambda a, b: {
        "entries": [
            {"url": "s3://x/trips/dt=2026-03-01/a.csv", "meta": {"content_length": a}},
            {"url": "s3://x/trips/dt%3D2026-03-01/b.csv", "meta": {"content_length": b}},
        ]
    },
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_says_what_has_to_be_there(tmp_path: Path, kind: str) -> None:
    here = place(tmp_path, DAILY + "ready: {manifest: m.json}\n")
    key = "dt=2026-03-01"
    a = here.put(f"trips/{key}/a.csv", rows())
    assert here.waits(key) == "no m.json yet"
    size = a.stat().st_size
    here.put(f"trips/{key}/m.json", "{")
    assert here.waits(key).startswith(f"{key}/m.json is no manifest")
    here.put(f"trips/{key}/m.json", json.dumps(MANIFESTS[kind](size, size)))
    assert here.waits(key) == f"{key}/b.csv is not there yet ({key}/m.json names 2 files)"
    if kind != "names":
        here.put(f"trips/{key}/b.csv", a.read_bytes()[:-5])
        assert here.waits(key) == f"{key}/b.csv has {size - 5} bytes, {key}/m.json says {size}"
    here.put(f"trips/{key}/b.csv", a.read_bytes())
    extra = here.put(f"trips/{key}/c.csv", rows(start=70))
    assert here.waits(key) == f"{key}/c.csv is not in {key}/m.json"
    assert here.gate() == []
    extra.unlink()
    assert here.verdicts() == {key: "promote"}
    assert [Path(f).name for f in here.files("curated")] == ["a.csv", "b.csv"]


def test_one_manifest_may_serve_all_partitions(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "ready: {manifest: m.json}\n")
    here.put("trips/m.json", json.dumps(["dt=2026-03-01/a.csv", "dt=2026-03-03/a.csv"]))
    here.put("trips/dt=2026-03-01/a.csv", rows())
    here.put("trips/dt=2026-03-02/a.csv", rows(start=20))
    assert here.verdicts() == {"dt=2026-03-01": "promote"}
    assert here.waits("dt=2026-03-02") == "m.json names no file of it"


def test_part_files_may_differ_in_order_and_not_in_columns_or_types(tmp_path: Path) -> None:
    here = place(tmp_path, DAILY + "columns: {id: {type: int64}, fare: {type: double, min: 0}}\n")
    other = rows(start=50)
    parts = {
        "2026-03-01": other.select("fare", "id"),
        "2026-03-02": other.with_columns(pl.col("id").cast(pl.Int32)),
        "2026-03-03": other.with_columns(tip=1.0),
        "2026-03-04": other.drop("fare"),
        "2026-03-05": other.with_columns(pl.col("id").cast(pl.String)),
        "2026-03-06": other.with_columns(pl.lit(-1.0).alias("fare")).select("fare", "id"),
    }
    for i, (day, part) in enumerate(parts.items()):
        here.put(f"trips/dt={day}/part-0.parquet", rows(start=100 * i))
        here.put(f"trips/dt={day}/part-1.parquet", part)
    found = {d["partition"]: d for d in here.gate()}
    assert {k.removeprefix("dt="): d["verdict"] for k, d in found.items()} == {
        "2026-03-01": "promote", "2026-03-02": "promote", "2026-03-03": "quarantine", "2026-03-04": "quarantine",
        "2026-03-05": "quarantine", "2026-03-06": "quarantine",
    }  # fmt: skip
    said = found["dt=2026-03-03"]["reasons"][0]["message"]
    assert 'part-1.parquet differs from part-0.parquet: column "tip" (double) is new' in said
    assert [r["id"] for r in found["dt=2026-03-06"]["reasons"]] == ["fare.range"]


def test_one_folder_elsewhere_on_disk(tmp_path: Path) -> None:
    here = Place(tmp_path, TOML + '[sources.trips]\nlanding = "elsewhere/partner drop/v2"\n', trips=DAILY)
    target = tmp_path / "elsewhere" / "partner drop" / "v2" / "dt=2026-03-01" / "part-0.parquet"
    target.parent.mkdir(parents=True)
    rows().write_parquet(target)
    assert here.verdicts() == {"dt=2026-03-01": "promote"}
    assert list(here.files("curated")) == ["trips/dt=2026-03-01/part-0.parquet"]
