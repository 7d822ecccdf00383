"""Order and learning: a partition is judged by those before its key, whenever they landed; what teaches, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import api, opening
from dq.history import History
from dq.ir.result import Acceptance
from tests.journeys.test_gate_local import CONTRACT, NOW, Place, rows, verdicts

RELATIVE = CONTRACT.replace('">= 60% of previous"', '">= 60% of previous", severity: warn')
SERIES = CONTRACT.replace('layout: "dt={date:%Y-%m-%d}"', 'layout: "region={str}/dt={date:%Y-%m-%d}"')
VOLATILE = ("scan", "run_id", "decided_at", "published", "landing")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def day(n: int) -> str:
    return (datetime(2026, 1, 1) + timedelta(days=n)).strftime("%Y-%m-%d")


def land(place: Place, key: str, n: int, start: int, fare: float = 5.0) -> Path:
    folder = place.root / "landing" / "trips" / key
    folder.mkdir(parents=True, exist_ok=True)
    rows(n=n, start=start, fare=fare).write_parquet(folder / "part-0.parquet")
    return folder


def warned(document: dict[str, Any]) -> set[str]:
    return {c["id"] for c in document["checks"] if c["status"] == "fail" and c["severity"] == "warn"}


def test_a_late_partition_is_judged_by_those_before_its_key(place: Place) -> None:
    place.land("2026-03-01", n=600)
    place.land("2026-03-03", n=1000, start=5000)
    assert verdicts(place.gate()) == {"2026-03-01": "promote", "2026-03-03": "promote"}
    place.land("2026-03-02", n=510, start=9000)
    assert verdicts(place.gate()) == {"2026-03-02": "promote"}
    place.land("2026-03-04", n=590, start=20000)
    (found,) = place.gate()
    assert found["reasons"][0]["message"].startswith("590 rows, 41 % below the 1,000 of dt=2026-03-03")


def test_what_is_gone_from_landing_still_teaches(place: Place) -> None:
    path = place.land("2026-03-01", n=100)
    place.gate()
    path.unlink()
    path.parent.rmdir()
    place.land("2026-03-02", n=50, start=1000)
    (found,) = place.gate()
    assert (found["partition"], found["verdict"]) == ("dt=2026-03-02", "quarantine")


def test_a_revision_replaces_what_its_predecessor_taught(place: Place) -> None:
    place.land("2026-03-01", n=100)
    place.gate()
    place.land("2026-03-01", n=1000)
    place.gate(now=NOW + timedelta(days=1))
    place.land("2026-03-02", n=100, start=5000)
    (found,) = place.gate(now=NOW + timedelta(days=2))
    assert found["reasons"][0]["message"].startswith("100 rows, 90 % below the 1,000 of dt=2026-03-01")


def test_a_quarantined_revision_leaves_what_readers_see_as_the_teacher(place: Place) -> None:
    place.land("2026-03-01", n=1000)
    place.gate()
    place.land("2026-03-01", n=100, fare=-5.0)
    assert verdicts(place.gate(now=NOW + timedelta(days=1))) == {"2026-03-01": "quarantine"}
    place.land("2026-03-02", n=100, start=5000)
    (found,) = place.gate(now=NOW + timedelta(days=2))
    assert found["reasons"][0]["message"].startswith("100 rows, 90 % below the 1,000 of dt=2026-03-01")


def test_regions_are_series_of_their_own_unless_the_contract_says_otherwise(tmp_path: Path) -> None:
    found = {}
    for name, series in (("own", ""), ("named", "series: [region]\n"), ("one", "series: []\n")):
        (tmp_path / name).mkdir()
        place = Place(tmp_path / name)
        place.contract(SERIES + series)
        for n, (key, size) in enumerate((("eu", 1000), ("us", 100), ("eu", 900), ("us", 90))):
            land(place, f"region={key}/dt={day(n)}", size, n * 10_000)
        found[name] = [d["verdict"] for d in place.gate()]
    assert found["own"] == found["named"] == ["promote"] * 4
    assert found["one"] == ["promote", "quarantine", "promote", "quarantine"]


def test_a_level_that_fails_softly_teaches_once_enough_agree(place: Place) -> None:
    place.contract(RELATIVE)
    sizes = [1000, 1010, 300, 290, 310, 305, 150]
    for n, size in enumerate(sizes):
        place.land(day(n), n=size, start=n * 10_000)
    documents = place.gate()
    assert [d["verdict"] for d in documents] == ["promote"] * 7
    told = [n for n, d in enumerate(documents) if "table.row_count" in warned(d)]
    assert told == [2, 3, 4, 6]
    (last,) = (c for c in documents[6]["checks"] if c["id"] == "table.row_count")
    assert "below the 310 of " in last["message"] or "below the 305 of " in last["message"]


def test_a_lower_level_of_anomalies_warns_until_enough_agree(place: Place) -> None:
    place.contract(CONTRACT.partition("checks:")[0])
    sizes = [1000, 1010, 990, 1005, 995, 1000, 400, 410, 405, 402, 408, 399]
    for n, size in enumerate(sizes):
        place.land(day(n), n=size, start=n * 10_000)
    documents = place.gate()
    told = [n for n, d in enumerate(documents) if d["anomalies"]]
    assert told == [6, 7, 8]
    assert [d["verdict"] for d in documents] == ["promote"] * len(sizes)
    first = documents[6]
    assert warned(first) == {"table.anomaly"}
    assert [(a["id"], a["observed"], a["partitions"]) for a in first["anomalies"]] == [("table.rows", 400, 6)]
    (check,) = (c for c in first["checks"] if c["id"] == "table.anomaly")
    assert check["message"] == first["anomalies"][0]["message"] == "400 rows, usually 499 to 2,001"
    (before,) = (c for c in documents[3]["checks"] if c["id"] == "table.anomaly")
    assert (before["status"], before["message"]) == ("skip", "3 of 5 partitions to compare with")


def test_a_flood_of_rows_is_not_what_the_next_day_is_held_against(place: Place) -> None:
    sizes = [100, 104, 98, 101, 99, 102, 600, 103, 600, 600, 600, 100]
    for n, size in enumerate(sizes):
        land(place, f"dt={day(n)}", size, 1000 * n)
    found = list(verdicts(place.gate()).items())
    assert [key for key, verdict in found if verdict != "promote"] == [day(11)]  # by then 600 is the new normal


@pytest.mark.parametrize("history", ["", "history: {anomaly: ignore}\n"])
def test_nor_is_an_early_flood_of_an_hour(place: Place, history: str) -> None:
    hourly = CONTRACT.replace('layout: "dt={date:%Y-%m-%d}"', 'layout: "dt={date:%Y-%m-%d}/hour={hour}"')
    place.contract(hourly + history)
    sizes = [100, 300, 104, 98, 300, 300, 300, 100]
    for n, size in enumerate(sizes):
        land(place, f"dt={day(0)}/hour={n:02d}", size, 1000 * n)
    found = place.gate()
    assert [d["partition"] for d in found if d["verdict"] != "promote"] == [f"dt={day(0)}/hour=07"]
    assert found[-1]["reasons"][0]["message"].startswith(f"100 rows, 67 % below the 300 of dt={day(0)}/hour=06")


def test_a_blocking_anomaly_is_withheld_until_a_person_accepts_it(place: Place) -> None:
    place.contract(CONTRACT.partition("checks:")[0] + "history: {anomaly: block}\n")
    for n, size in enumerate([1000, 1010, 990, 1005, 995]):
        place.land(day(n), n=size, start=n * 10_000)
    place.gate()
    place.land(day(5), n=300, start=50_000)
    (found,) = place.gate()
    assert [r["id"] for r in found["reasons"]] == ["table.anomaly"]
    assert found["reasons"][0]["next"].startswith("land it again, or  dq accept trips PARTITION")
    history = History(opening.store(place.config().zones.history))
    (stands,) = history.decisions("trips")[f"dt={day(5)}"].values()
    history.accept(
        Acceptance("trips", stands.partition, stands.digest, stands.values, stands.schema, "ann", "fewer now", "now",
                   ((stands.partition, stands.digest, 1),))
    )  # fmt: skip
    (again,) = place.gate()
    assert (again["verdict"], again["by"], again["standing"]) == ("promote", "ann", "quarantine")
    place.land(day(6), n=305, start=60_000)
    (found,) = place.gate()
    assert (found["verdict"], found["anomalies"]) == ("promote", [])


def test_ignored_anomalies_are_not_looked_for(place: Place) -> None:
    place.contract(CONTRACT.partition("checks:")[0] + "history: {anomaly: ignore}\n")
    for n, size in enumerate([1000, 1010, 990, 1005, 995, 100]):
        place.land(day(n), n=size, start=n * 10_000)
    documents = place.gate()
    assert [d["anomalies"] for d in documents] == [[]] * 6
    assert "table.anomaly" not in {c["id"] for d in documents for c in d["checks"]}


def test_the_window_forgets(place: Place) -> None:
    place.contract(CONTRACT.partition("checks:")[0] + "history: {window: 5}\n")
    sizes = [100, 100, 1000, 1005, 995, 1010, 990, 100]
    for n, size in enumerate(sizes):
        place.land(day(n), n=size, start=n * 10_000)
    documents = place.gate()
    assert [n for n, d in enumerate(documents) if d["anomalies"]] == [7]


def test_a_late_copy_of_what_readers_have_is_withheld(place: Place) -> None:
    first = place.land("2026-03-02")
    place.gate()
    place.land("2026-03-01").write_bytes(first.read_bytes())
    (found,) = place.gate()
    assert [r["id"] for r in found["reasons"]] == ["table.same_content"]


def test_a_partition_that_lands_again_as_it_was_before_is_published_again(place: Place) -> None:
    path = place.land("2026-03-01", n=100)
    before = path.read_bytes()
    place.gate()
    place.land("2026-03-01", n=120)
    place.gate(now=NOW + timedelta(days=1))
    path.write_bytes(before)
    (found,) = place.gate(now=NOW + timedelta(days=2))
    assert (found["verdict"], found["success"], found["adopted"], found["revision"]) == ("promote", True, True, 3)
    assert len(pl.read_parquet(place.root / "curated" / "trips" / "dt=2026-03-01")) == 100


def many(place: Place, count: int) -> list[str]:
    """Tiny partitions of three regions, with shifts, outliers, copies and faults among them; keys in order."""
    lenient = SERIES.replace('">= 60% of previous"', '">= 60% of previous", severity: warn')
    place.contract(lenient + "history: {adopt_after: 2}\n")
    keys = []
    for n in range(count):
        region, at = ("eu", "us", "asia")[n % 3], n // 3
        size = (40 if at % 17 < 9 else 12) + (at * 7 + n) % 5
        key = f"region={region}/dt={day(at)}"
        fare = -1e9 if n % 29 == 13 else 5.0
        land(place, key, size, 0 if n % 31 == 30 else n * 1000, fare)
        keys.append(key)
    return keys


def essence(document: dict[str, Any]) -> dict[str, Any]:
    """But for where it was found."""
    checks = [{**c, "origin": c["origin"]["line"]} for c in document["checks"]]
    return {k: v for k, v in document.items() if k not in VOLATILE} | {"checks": checks}


@pytest.mark.parametrize("count", [36, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_backfill_gives_what_day_by_day_gives_however_many_scan(tmp_path: Path, count: int) -> None:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, jobs in (("at-once", 1), ("in-parallel", 3)):
        (tmp_path / name).mkdir()
        place = Place(tmp_path / name)
        many(place, count)
        settings = place.config().model_copy(
            update={"limits": place.config().limits.model_copy(update={"jobs": jobs})}
        )  # fmt: skip
        documents = list(api.gate("trips", config=settings, now=NOW))
        found[name] = {d["partition"]: essence(d) for d in documents}
    (tmp_path / "daily").mkdir()
    daily = Place(tmp_path / "daily")
    hidden = tmp_path / "hidden"
    many(daily, count)
    (daily.root / "landing" / "trips").rename(hidden)
    found["daily"] = {}
    for at in range(-(-count // 3)):
        for region in sorted(p.name for p in hidden.iterdir()):
            source = hidden / region / f"dt={day(at)}"
            if source.exists():
                target = daily.root / "landing" / "trips" / region
                target.mkdir(parents=True, exist_ok=True)
                source.rename(target / source.name)
        found["daily"] |= {d["partition"]: essence(d) for d in daily.gate()}
    assert len(found["at-once"]) == count
    assert {d["verdict"] for d in found["at-once"].values()} == {"promote", "quarantine"}
    assert sum(bool(d["anomalies"]) for d in found["at-once"].values()) > 3
    assert found["at-once"] == found["in-parallel"]
    assert found["at-once"] == found["daily"]
