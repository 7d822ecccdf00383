"""Land, gate, publish on a local disk: nothing lost, nothing let through, running again does nothing."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import api, config, opening, running
from dq.gate import Wanted, gate
from dq.history import History
from dq.ir.result import Acceptance
from dq.profile import merge

NOW = datetime(2026, 3, 10, tzinfo=UTC)
EXACT = ("min", "max", "nulls", "zeros", "negatives", "sum", "sizes", "distinct")
CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {min: 0}
checks:
  - {row_count: ">= 60% of previous"}
"""


class Place:
    """A landing with everything around it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "suites").mkdir()
        (root / "landing" / "trips").mkdir(parents=True)
        (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
        self.contract(CONTRACT)

    def contract(self, text: str) -> None:
        (self.root / "suites" / "trips.yaml").write_text(text)

    def land(self, day: str, frame: pl.DataFrame | None = None, name: str = "part-0.parquet", **columns: Any) -> Path:
        folder = self.root / "landing" / "trips" / f"dt={day}"
        folder.mkdir(parents=True, exist_ok=True)
        (frame if frame is not None else rows(**columns)).write_parquet(folder / name)
        return folder / name

    def config(self) -> config.Config:
        return config.load(self.root / "dq.toml", environment={})

    def gate(self, now: datetime = NOW, **wanted: Any) -> list[dict[str, Any]]:
        return list(api.gate("trips", config=self.config(), wanted=Wanted(**wanted), now=now))

    def files(self, zone: str) -> dict[str, str]:
        base = self.root / zone
        return {
            str(p.relative_to(base)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(base.rglob("*"))
            if p.is_file() and not p.is_symlink()
        }

    def visible(self) -> dict[str, str]:
        return {p: d for p, d in self.files("curated").items() if not p.startswith(".dq/")}


def rows(n: int = 100, start: int = 0, fare: float = 5.0) -> pl.DataFrame:
    return pl.DataFrame({"id": range(start, start + n), "fare": [fare + start] * n})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    return Place(tmp_path)


def verdicts(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {d["partition"].removeprefix("dt="): d["verdict"] for d in documents}


def test_good_is_promoted_bad_is_quarantined_and_landing_is_untouched(place: Place) -> None:
    place.land("2026-03-01", start=0)
    place.land("2026-03-02", start=1000, fare=-5000.0)
    place.land("2026-03-03", start=2000, n=10)
    before = place.files("landing")

    documents = place.gate()

    assert verdicts(documents) == {"2026-03-01": "promote", "2026-03-02": "quarantine", "2026-03-03": "quarantine"}
    assert place.files("landing") == before
    assert place.visible() == {"trips/" + p.removeprefix("trips/"): d for p, d in before.items() if "03-01" in p}
    reasons = {d["partition"]: [r["id"] for r in d["reasons"]] for d in documents if d["reasons"]}
    assert reasons == {"dt=2026-03-02": ["fare.range"], "dt=2026-03-03": ["table.row_count"]}
    assert (
        documents[2]["reasons"][0]["message"]
        == "10 rows, 90 % below the 100 of dt=2026-03-01; expected >= 60% of previous"
    )
    records = [p for p in place.files("quarantine") if p.endswith("quarantine.json")]
    assert [p.split("/")[1] for p in records] == ["dt=2026-03-02", "dt=2026-03-03"]


def test_running_again_does_nothing(place: Place) -> None:
    place.land("2026-03-01")
    place.land("2026-03-02", start=1000, fare=-5000.0)
    place.gate()
    before = {zone: place.files(zone) for zone in ("landing", "curated", "quarantine", "_dq")}
    assert place.gate() == []
    assert {zone: place.files(zone) for zone in before} == before


def test_a_named_partition_answers_with_the_standing_decision(place: Place) -> None:
    place.land("2026-03-01", fare=-5.0)
    first = place.gate()[0]
    again = place.gate(keys=frozenset({"dt=2026-03-01"}))[0]
    assert again["adopted"]
    assert not again["success"]
    assert {k: v for k, v in again.items() if k != "adopted"} == {k: v for k, v in first.items() if k != "adopted"}


def test_a_promotion_that_was_recorded_but_never_committed_is_finished(place: Place) -> None:
    place.land("2026-03-01")
    place.gate()
    for zone in ("curated/trips", "_dq/published"):
        os.rename(place.root / zone, place.root / f"gone-{Path(zone).name}")
    documents = place.gate()
    assert [d["adopted"] for d in documents] == [True]
    assert list(place.visible().values()) == list(place.files("landing").values())


def test_a_commit_whose_record_was_lost_is_recognised_by_its_bytes(place: Place) -> None:
    folder = place.land("2026-03-01").parent
    place.gate()
    committed = place.root / "curated" / "trips" / folder.name
    inode = committed.stat().st_ino
    os.rename(place.root / "_dq/published", place.root / "lost")
    assert len(place.gate()) == 1
    assert committed.stat().st_ino == inode
    assert not list((place.root / "curated" / ".dq").glob("superseded/**/*.parquet"))


def test_landing_again_is_a_revision_swapped_in_whole(place: Place) -> None:
    place.land("2026-03-01")
    place.gate()
    place.land("2026-03-01", start=500, n=120)
    place.land("2026-03-01", start=900, n=30, name="part-1.parquet")
    (document,) = place.gate(now=datetime(2026, 3, 11, tzinfo=UTC))
    assert document["verdict"] == "promote"
    assert document["revision"] == 2
    assert list(place.visible().values()) == list(place.files("landing").values())
    assert [p for p in place.files("curated") if "/superseded/" in p]
    assert place.gate() == []


def test_a_bad_revision_leaves_the_good_one_in_place(place: Place) -> None:
    place.land("2026-03-01")
    place.gate()
    good = place.visible()
    place.land("2026-03-01", fare=-5.0)
    (document,) = place.gate(now=datetime(2026, 3, 11, tzinfo=UTC))
    assert document["verdict"] == "quarantine"
    assert place.visible() == good
    assert place.gate() == []


def test_files_that_fit_no_layout_are_quarantined_unopened(place: Place) -> None:
    place.land("2026-03-01")
    stray = place.root / "landing" / "trips" / "notes.parquet"
    stray.write_text("no data at all")
    os.mkfifo(place.root / "landing" / "trips" / "dt=2026-03-01" / "pipe.parquet")
    (place.root / "landing" / "trips" / "dt=2026-03-01" / "link.parquet").symlink_to("/etc/passwd")
    found = {d["partition"]: (d["verdict"], d["reasons"] and d["reasons"][0]["id"]) for d in place.gate()}
    assert found.pop("dt=2026-03-01") == ("promote", [])
    assert set(found) == {"notes.parquet", "dt=2026-03-01/pipe.parquet", "dt=2026-03-01/link.parquet"}
    assert set(found.values()) == {("quarantine", "table.layout")}
    assert place.gate() == []


def test_the_gate_works_whether_its_documents_are_looked_at_or_not(place: Place) -> None:
    place.land("2026-03-01")
    api.gate("trips", config=place.config(), now=NOW)
    assert place.gate() == []


def test_the_same_content_as_an_earlier_partition_is_withheld(place: Place) -> None:
    first = place.land("2026-03-01")
    copy = place.land("2026-03-02")
    copy.write_bytes(first.read_bytes())
    documents = place.gate()
    assert [r["id"] for r in documents[1]["reasons"]] == ["table.same_content"]
    assert "dt=2026-03-01" in documents[1]["reasons"][0]["message"]


def test_landing_that_changes_while_it_is_judged_is_held_and_judged_again(place: Place) -> None:
    path = place.land("2026-03-01")
    run = running.gate_run("trips", place.config(), Wanted(), NOW)

    def meddle(*args: Any) -> Any:
        scanned = run.scan(*args)
        rows(n=50).write_parquet(path)
        return scanned

    (document,) = gate(replace(run, scan=meddle))
    assert (document["verdict"], document["success"]) == ("hold", False)
    assert not (place.root / "curated").exists()
    assert verdicts(place.gate()) == {"2026-03-01": "promote"}


def test_a_file_that_comes_late_voids_the_judgement(place: Place) -> None:
    place.land("2026-03-01")
    run = running.gate_run("trips", place.config(), Wanted(), NOW)

    def meddle(*args: Any) -> Any:
        place.land("2026-03-01", start=5000, name="part-1.parquet")
        return run.scan(*args)

    assert [d["verdict"] for d in gate(replace(run, scan=meddle))] == ["hold"]


def test_a_partition_waits_for_its_marker(place: Place) -> None:
    place.contract(CONTRACT + "ready: {marker: _SUCCESS}\n")
    path = place.land("2026-03-01")
    assert place.gate() == []
    (named,) = place.gate(keys=frozenset({"dt=2026-03-01"}))
    assert named["verdict"] == "hold"
    (path.parent / "_SUCCESS").touch()
    assert verdicts(place.gate()) == {"2026-03-01": "promote"}
    assert not [p for p in place.visible() if "_SUCCESS" in p]


def test_a_removed_column_blocks_until_a_person_accepts_it(place: Place) -> None:
    place.land("2026-03-01", rows().with_columns(tip=1.0))
    place.land("2026-03-02", start=1000)
    documents = place.gate()
    assert [r["id"] for r in documents[1]["reasons"]] == ["table.removed"]
    assert documents[1]["changes"] == ['column "tip" (double) is gone']
    history = History(opening.store(place.config().zones.history))
    (stands,) = history.decisions("trips")["dt=2026-03-02"].values()
    history.accept(
        Acceptance("trips", stands.partition, stands.digest, stands.values, stands.schema, "ann", "tips moved", "now")
    )
    again = place.gate(again=True, only_quarantined=True, by="ann", why="tips moved")
    assert verdicts(again) == {"2026-03-02": "promote"}
    place.land("2026-03-03", start=2000)
    assert verdicts(place.gate()) == {"2026-03-03": "promote"}


def test_an_added_column_warns_once(place: Place) -> None:
    place.land("2026-03-01")
    for day in ("2026-03-02", "2026-03-03"):
        place.land(day, rows(start=int(day[-1]) * 1000).with_columns(tip=1.0))
    documents = place.gate()
    assert [d["verdict"] for d in documents] == ["promote"] * 3
    assert [d["counts"]["warn"] for d in documents] == [0, 1, 0]


@pytest.mark.parametrize(("there", "verdict"), [(1, "promote"), (2, "promote"), (3, "quarantine")])
def test_a_column_that_came_for_a_day_or_two_may_go_again(place: Place, there: int, verdict: str) -> None:
    place.land("2026-03-01")
    for day in range(2, 2 + there):
        place.land(f"2026-03-0{day}", rows(start=day * 1000).with_columns(tip=1.0))
    place.land("2026-03-08", rows(start=8000))
    documents = place.gate()
    assert documents[-1]["verdict"] == verdict
    assert documents[-1]["changes"] == (['column "tip" (double) is gone'] if verdict == "quarantine" else [])


def test_a_dry_run_judges_and_writes_nothing(place: Place) -> None:
    place.land("2026-03-01")
    (document,) = place.gate(dry=True)
    assert document["verdict"] == "promote"
    assert not document["published"]
    assert not place.files("_dq")
    assert not (place.root / "curated").exists()


def test_a_backfill_gives_the_verdicts_of_day_by_day(tmp_path: Path) -> None:
    sizes = [100, 90, 40, 95, 50, 61, 60, 20, 100]
    for name in ("at-once", "daily"):
        (tmp_path / name).mkdir()
    at_once, daily = Place(tmp_path / "at-once"), Place(tmp_path / "daily")
    found: list[dict[str, str]] = [{}, {}]
    for day, size in enumerate(sizes, 1):
        for one in (at_once, daily):
            one.land(f"2026-03-{day:02}", start=day * 1000, n=size)
        found[1] |= verdicts(daily.gate())
    found[0] = verdicts(at_once.gate())
    assert found[0] == found[1]
    assert set(found[0].values()) == {"promote", "quarantine"}


def test_without_a_curated_zone_the_verdict_is_all(place: Place) -> None:
    (place.root / "dq.toml").write_text('[zones]\nlanding = "landing"\n')
    place.land("2026-03-01")
    (document,) = place.gate()
    assert (document["verdict"], document["success"], document["published"]) == ("promote", True, None)
    assert not (place.root / "curated").exists()


def test_published_lists_the_current_files(place: Place) -> None:
    place.land("2026-03-01")
    place.gate()
    place.land("2026-03-01", start=7, n=120)
    place.land("2026-03-02", start=1000)
    place.gate(now=datetime(2026, 3, 11, tzinfo=UTC))
    found = api.published("trips", config=place.config())
    assert [Path(p).parent.name for p in found] == ["dt=2026-03-01", "dt=2026-03-02"]
    assert pl.read_parquet(found)["id"].len() == 220


def test_the_profiles_in_history_add_up_to_the_source(place: Place) -> None:
    """Read back from their records, the states of the days are those of everything at once."""
    for n, day in enumerate(("2026-03-01", "2026-03-02", "2026-03-03")):
        place.land(day, rows(start=n * 1000))
    assert [d["verdict"] for d in place.gate()] == ["promote"] * 3
    run = running.gate_run("trips", place.config())
    found = [run.history.profile(d) for by in run.history.decisions("trips").values() for d in by.values()]
    whole = api.profile(api.published("trips", config=place.config()), depth="core", now=NOW)
    together = reduce(merge, (p for p in found if p is not None))
    assert (len(found), together.rows) == (3, whole.rows)
    for one, other in zip(together.columns, whole.columns, strict=True):
        assert one.path == other.path
        assert [one.states[n] for n in EXACT] == [other.states[n] for n in EXACT]
