"""Landings as people and their scripts leave them: odd names, late and growing files, sources that share a tree."""

from __future__ import annotations

import os
import unicodedata
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import config, running
from dq.gate import Wanted, gate
from tests.journeys.landing import NOW, TOML, Place, rows

DAILY = 'layout: "dt={date:%Y-%m-%d}"\n'
NAMED = 'layout: "{name}/{date:%Y-%m-%d}"\n'
KEY = "dt=2026-03-01"


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path, trips=DAILY)


HOSTILE = {
    "blanks": " a  b ",
    "quotes": 'o\'clock "x" `y`',
    "composed": unicodedata.normalize("NFC", "Übergröße"),
    "decomposed": unicodedata.normalize("NFD", "Übergröße"),
    "glob": "a[0-9]*?{b,c}",
    "percent": "50%20=%2F",
    "sql": "'; DROP TABLE x; --",
    "emoji": "\U0001f600" * 20,
    "long": "x" * 240,
    "long unicode": "ß" * 118,
    "backslash": "a\\n\\b",
    "newline": "a\nb",
    "bidi": "a\u202eb",
    "upper": "PART",
    "lower": "part",
    "like a flag": "-rf",
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_name_of_file_and_folder_is_judged_and_published_as_it_landed(tmp_path: Path, suffix: str) -> None:
    here = Place(tmp_path, trips=NAMED)
    for i, name in enumerate(HOSTILE.values()):
        here.put(f"trips/{name}/2026-03-01/{name}{suffix}", rows(start=100 * i))
    documents = here.gate()
    assert {d["partition"]: d["verdict"] for d in documents} == {
        f"{name}/2026-03-01": "promote" for name in HOSTILE.values()
    }
    assert {d["rows"] for d in documents} == {10}
    assert here.files("curated") == here.files("landing")
    assert here.gate() == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_name_is_quarantined_and_found_again(tmp_path: Path, suffix: str) -> None:
    here = Place(tmp_path, trips=NAMED + "columns: {fare: {max: 0}}\n")
    for i, name in enumerate(HOSTILE.values()):
        here.put(f"trips/{name}/2026-03-01/{name}{suffix}", rows(start=100 * i))
        here.put(f"trips/{name}{suffix}", rows(start=100 * i + 50))
    documents = here.gate()
    assert [d["verdict"] for d in documents] == ["quarantine"] * 2 * len(HOSTILE)
    assert sorted(Path(p).name for p in here.files("quarantine")) == ["quarantine.json"] * 2 * len(HOSTILE)
    assert here.gate() == []
    for name in HOSTILE.values():
        (document,) = here.gate(keys=frozenset({f"{name}/2026-03-01"}))
        assert document["adopted"]


def test_names_that_differ_in_case_or_form_are_two_files(here: Place) -> None:
    names = ["a.csv", "A.csv", HOSTILE["composed"] + ".csv", HOSTILE["decomposed"] + ".csv"]
    for i, name in enumerate(names):
        here.put(f"trips/{KEY}/{name}", rows(start=20 * i))
    (document,) = here.gate()
    assert (document["verdict"], document["rows"]) == ("promote", 40)
    assert here.files("curated") == here.files("landing")


def test_a_path_that_misses_the_layout_says_by_what(here: Place) -> None:
    here.put("trips/DT=2026-03-01/a.csv", rows())
    here.put("trips/dt=2026-02-30/a.csv", rows(start=20))
    here.put("trips/notes.csv", rows(start=40))
    said = {d["partition"]: d["reasons"][0]["message"] for d in here.gate()}
    assert said["DT=2026-03-01/a.csv"].endswith(
        'does not fit the layout "dt={date:%Y-%m-%d}": upper and lower case differ'
    )
    assert said["dt=2026-02-30/a.csv"].endswith("there is no such date or number")
    assert said["notes.csv"] == 'path "notes.csv" does not fit the layout "dt={date:%Y-%m-%d}"'


def test_folders_of_one_file_and_files_that_are_partitions(tmp_path: Path) -> None:
    here = Place(tmp_path, trips=DAILY, sales='layout: "{region}/sales_{date:%Y%m%d}.csv"\n')
    here.put(f"trips/{KEY}/whatever it is called.csv", rows())
    here.put("sales/eu/sales_20260301.csv", rows())
    here.put("sales/us/sales_20260301.csv", rows(start=20))
    assert here.verdicts() == {KEY: "promote"}
    assert here.verdicts("sales") == {"eu/sales_20260301.csv": "promote", "us/sales_20260301.csv": "promote"}
    assert here.files("curated") == here.files("landing")


def test_a_late_file_makes_a_revision_and_no_row_is_seen_twice(here: Place) -> None:
    here.put(f"trips/{KEY}/a.csv", rows())
    here.gate()
    here.put(f"trips/{KEY}/b.csv", rows(start=50))
    (document,) = here.gate(now=NOW + timedelta(days=1))
    assert (document["verdict"], document["revision"], document["rows"]) == ("promote", 2, 20)
    assert here.files("curated") == here.files("landing")
    assert pl.read_csv(f"{here.root}/curated/trips/*/*.csv")["id"].n_unique() == 20


def test_a_file_renamed_in_place_is_a_revision_with_the_new_name(here: Place) -> None:
    old = here.put(f"trips/{KEY}/a.csv", rows())
    here.gate()
    old.rename(old.with_name("b.csv"))
    (document,) = here.gate(now=NOW + timedelta(days=1))
    assert (document["verdict"], document["revision"]) == ("promote", 2)
    assert list(here.files("curated")) == [f"trips/{KEY}/b.csv"]
    assert here.gate() == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_that_grows_while_it_is_judged_is_judged_again(here: Place, suffix: str) -> None:
    path = here.put(f"trips/{KEY}/a{suffix}", rows())
    run = running.gate_run("trips", config.load(here.root / "dq.toml", environment={}), Wanted(), NOW)

    def grow(*arguments: Any) -> Any:
        scanned = run.scan(*arguments)
        with open(path, "ab") as file:
            file.write(b"99,99.0\n")
        return scanned

    with closing(run):
        assert [d["verdict"] for d in gate(replace(run, scan=grow))] == ["hold"]
    assert not (here.root / "curated").exists()
    verdict = "promote" if suffix == ".csv" else "quarantine table.truncated"
    assert here.verdicts() == {KEY: verdict}


def test_the_same_content_as_an_earlier_partition_is_withheld_whatever_it_is_called(here: Place) -> None:
    here.put(f"trips/{KEY}/a.csv", rows())
    here.put("trips/dt=2026-03-02/b.csv", rows())
    documents = here.gate()
    assert [r["id"] for r in documents[1]["reasons"]] == ["table.same_content"]
    assert documents[1]["reasons"][0]["message"] == f"the same content as partition {KEY}"


def test_an_empty_folder_is_no_partition(here: Place) -> None:
    (here.root / "landing" / "trips" / KEY).mkdir()
    assert here.gate() == []


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".ndjson", ".json", ".parquet"])
def test_a_partition_of_nothing_but_empty_files_is_quarantined(here: Place, suffix: str) -> None:
    for part in range(2):
        here.put(f"trips/{KEY}/{part}{suffix}")
    (document,) = here.gate()
    assert document["verdict"] == "quarantine"
    assert document["reasons"][0]["id"] == "table.empty_file"


@pytest.mark.parametrize(
    ("contract", "suffix", "content", "verdict"),
    [
        ("csv: {header: false, names: [id, fare]}\n", ".csv", "1,5.0\n2,6.0\n", "promote"),
        ("format: ndjson\n", ".json", '{"id":1}\n{"id":2}\n', "promote"),
        ("", ".ndjson", '{"id":1}\n{"id":2}\n', "promote"),
        ("", ".csv", "id,fare\n1,5.0\n2,6.0\n", "quarantine table.empty_file"),
        ("", ".json", '[{"id":1},{"id":2}]', "quarantine table.empty_file"),
    ],
)
def test_an_empty_part_is_no_rows_where_the_format_has_neither_header_nor_end(
    tmp_path: Path, contract: str, suffix: str, content: str, verdict: str
) -> None:
    here = Place(tmp_path, trips=DAILY + contract)
    here.put(f"trips/{KEY}/part-00000{suffix}")
    here.put(f"trips/{KEY}/part-00001{suffix}", content)
    assert here.verdicts() == {KEY: verdict}


def test_an_empty_parquet_part_is_a_fault(here: Place) -> None:
    here.put(f"trips/{KEY}/part-0.parquet", rows())
    here.put(f"trips/{KEY}/part-1.parquet")
    assert here.verdicts() == {KEY: "quarantine table.empty_file"}


def test_files_of_several_formats_are_quarantined_with_their_names(here: Place) -> None:
    here.put(f"trips/{KEY}/a.csv", rows())
    here.put(f"trips/{KEY}/b.parquet", rows(start=20))
    (document,) = here.gate()
    assert [r["id"] for r in document["reasons"]] == ["table.mixed_formats"]
    assert "csv, parquet" in document["reasons"][0]["message"]


def test_two_sources_in_one_folder_are_told_apart_by_their_layouts(tmp_path: Path) -> None:
    toml = TOML + '[sources.trips]\nlanding = "landing/drop"\n[sources.sales]\nlanding = "landing/drop"\n'
    trips, sales = 'layout: "trips_{date:%Y-%m-%d}.csv"\n', 'layout: "sales/dt={date:%Y-%m-%d}"\n'
    here = Place(tmp_path, toml, trips=trips, sales=sales)
    here.put("drop/trips_2026-03-01.csv", rows())
    here.put("drop/trips_2026-03-01.csv.tmp", rows())
    here.put("drop/sales/dt=2026-03-01/a.csv", rows(start=20))
    here.put("drop/sales/dt=__HIVE_DEFAULT_PARTITION__/a.csv", rows(start=30))
    here.put("drop/notes.csv", rows(start=40))
    stray = {"notes.csv": "quarantine table.layout"}
    null = {"sales/dt=__HIVE_DEFAULT_PARTITION__": "quarantine table.layout"}
    assert here.verdicts() == {"trips_2026-03-01.csv": "promote"} | stray
    assert here.verdicts("sales") == {"sales/dt=2026-03-01": "promote"} | null | stray


def test_a_source_inside_another_ones_folder_keeps_its_files_to_itself(tmp_path: Path) -> None:
    toml = TOML + '[sources.all]\nlanding = "landing"\n[sources.refunds]\nlanding = "landing/sales/refunds"\n'
    here = Place(tmp_path, toml, all='layout: "{date:%Y-%m-%d}.csv"\n', sales=DAILY, refunds=DAILY)
    here.put("2026-03-01.csv", rows())
    here.put(f"sales/{KEY}/a.csv", rows(start=20))
    here.put(f"sales/refunds/{KEY}/a.csv", rows(start=40))
    here.put("sales/refunds/odd.csv", rows(start=60))
    os.mkfifo(here.root / "landing" / "sales" / "refunds" / "pipe")
    assert here.verdicts("all") == {"2026-03-01.csv": "promote"}
    assert here.verdicts("sales") == {KEY: "promote"}
    odd = {"odd.csv": "quarantine table.layout", "pipe": "quarantine table.layout"}
    assert here.verdicts("refunds") == {KEY: "promote"} | odd
