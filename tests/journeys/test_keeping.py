"""Keep the house: gc takes what nobody needs, doctor says what is in force and what is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]
CONTRACT = 'source: taxis\nlayout: "dt={date:%Y-%m-%d}"\ncolumns: {fare: {min: 0}}\n'
DAY_SECONDS = 86_400


def land(root: Path, day: str, fare: float) -> None:
    folder = root / "landing" / "taxis" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"fare": [fare, fare]}).write_parquet(folder / "part-0.parquet")


def settings(root: Path, more: str = "") -> None:
    (root / "dq.toml").write_text(f'[zones]\nlanding = "landing"\ncurated = "curated"\n{more}')


def age(root: Path, days: float = 2) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            found = path.stat()
            os.utime(path, (found.st_atime - days * DAY_SECONDS, found.st_mtime - days * DAY_SECONDS))


def below(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.fixture(params=["flat", "generations"])
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq, request: pytest.FixtureRequest) -> Path:
    """Five revisions of one partition, published two days ago and before."""
    monkeypatch.chdir(tmp_path)
    settings(tmp_path, f'[publish]\nlayout = "{request.param}"\n')
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "taxis.yaml").write_text(CONTRACT)
    for fare in range(5):
        land(tmp_path, "2026-03-01", float(fare))
        assert dq("gate").code == 0
    age(tmp_path / "curated")
    return tmp_path


def test_gc_leaves_the_newest_superseded_revisions(place: Path, dq: Dq) -> None:
    current = dq("ls", "taxis").out
    before = below(place)
    ran = dq("gc", "--dry-run", "--json")
    assert [(d["zone"], d["why"], d["removed"]) for d in ran.documents] == [("curated", "superseded", False)] * 2
    assert below(place) == before
    ran = dq("gc")
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (0, 3)
    assert lines[-1].startswith("removed 2 pieces, ")
    assert lines[0].endswith("  superseded")
    gone = sorted(set(before) - set(below(place)))
    assert len(gone) == 2
    assert all(path.endswith(".parquet") for path in gone)
    left = [p for p in below(place / "curated") if p.endswith(".parquet")]
    kept = pl.concat([pl.read_parquet(place / "curated" / p) for p in left])
    assert sorted(kept["fare"].unique()) == [2.0, 3.0, 4.0]
    assert dq("ls", "taxis").out == current
    assert dq("gc") == Ran(0, "nothing to remove\n", "")
    assert [d["revision"] for d in dq("history", "taxis", "--json").documents] == [1, 2, 3, 4, 5]


def test_gc_keeps_as_many_as_configured(place: Path, dq: Dq) -> None:
    text = (place / "dq.toml").read_text()
    (place / "dq.toml").write_text(text + "keep = 0\n")
    assert len(dq("gc", "taxis", "--json").documents) == 4
    (place / "dq.toml").write_text(text + "keep = -1\n")
    ran = dq("gc", "taxis")
    assert (ran.code, "publish.keep" in ran.err) == (2, True)


def test_gc_takes_what_ended_runs_left_once_it_is_old(place: Path, dq: Dq) -> None:
    dq("gc")
    run = "0123456789ab"
    left = [
        place / "curated" / ".dq" / "staging" / "taxis" / f"aa-bb-{run}" / "part-0.parquet",
        place / "curated" / ".dq" / "garbage" / f"{run}-0" / "part-0.parquet",
        place / "_dq" / "documents" / "taxis" / "dt=2026-03-01" / f"{'ab' * 32}-1-{run}.json",
        place / "_dq" / "decisions" / "taxis" / "dt=2026-03-01" / ".123-0123abcd",
        place / "quarantine" / "taxis" / "dt=2026-03-01" / ".123-0123abcd",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
    assert [Path(d["path"]).parts[1] for d in dq("gc", "--json").documents] == ["garbage"]
    for path in left[:1] + left[2:]:
        os.utime(path, (time.time() - 2 * DAY_SECONDS,) * 2)
    ran = dq("gc", "--json")
    assert [d["bytes"] for d in ran.documents] == [4] * 4
    assert not any(path.exists() for path in left)
    assert dq("show", "taxis", "2026-03-01").code == 0


@pytest.mark.parametrize("place", ["generations"], indirect=True)
def test_a_generation_no_pointer_tells_of_goes_only_when_the_pointer_moved_past_it(place: Path, dq: Dq) -> None:
    dq("gc")
    pointer = place / "curated" / "taxis" / "dt=2026-03-01" / "_current.json"
    lost = place / "curated" / ".dq" / "generations" / "taxis" / "dt=2026-03-01" / "ffff-0123456789ab" / "part.parquet"
    lost.parent.mkdir()
    lost.write_bytes(b"1234")
    moved = pointer.stat().st_mtime
    os.utime(lost, (moved + 1, moved + 1))
    assert dq("gc").out == "nothing to remove\n"
    os.utime(lost, (moved - 1, moved - 1))
    (document,) = dq("gc", "--json").documents
    assert (document["why"], lost.exists()) == ("never published", False)
    assert pl.read_parquet(dq("ls", "taxis").out.strip())["fare"].to_list() == [4.0, 4.0]


@pytest.fixture
def well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("DQ_")]:
        monkeypatch.delenv(name)
    settings(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "taxis.yaml").write_text(CONTRACT)
    land(tmp_path, "2026-03-01", 1.0)
    return tmp_path


def test_doctor_is_well_and_leaves_nothing(well: Path, dq: Dq) -> None:
    before = below(well)
    ran = dq("doctor")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("all is well\n")
    assert below(well) == before
    assert not (well / "curated").exists()
    assert "not there yet: the first dq gate makes it" in ran.out
    dq("gate")
    before = below(well)
    (document,) = dq("doctor", "--json").documents
    found = {z["zone"]: (z["readable"], z["writable"], z["layout"]) for z in document["zones"]}
    assert found == {
        "landing": (True, None, None), "curated": (True, True, "flat"), "quarantine": (False, None, None),
        "history": (True, True, None),
    }  # fmt: skip
    assert (document["success"], document["engines"].keys() >= {"duckdb", "polars"}) == (True, True)
    assert document["temp"]["free_bytes"] > 0
    assert below(well) == before


def test_doctor_tells_where_every_setting_comes_from(well: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DQ_HISTORY", "elsewhere")
    monkeypatch.setenv("DQ_THREADS", "3")
    (document,) = dq("doctor", "--json").documents
    origins = {s["key"]: (s["value"], s["origin"]) for s in document["settings"]}
    file = str(well / "dq.toml")
    assert document["file"] == file
    assert origins["zones.history"] == (str(well / "elsewhere"), "DQ_HISTORY")
    assert origins["limits.threads"] == (3, "DQ_THREADS")
    assert origins["zones.landing"] == (str(well / "landing"), file)
    assert origins["zones.quarantine"] == (str(well / "quarantine"), "default")
    assert origins["publish.keep"] == (2, "default")


def test_doctor_finds_what_is_wrong(well: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    dq("gate")
    monkeypatch.setenv("DQ_CURRATED", "x")
    settings(well, f'[limits]\ntemp = "nowhere"\n[sources.taxi]\nlanding = "{well}/landing/taxis"\n')
    (well / "suites" / "bikes.yaml").write_text("source: bikes\ncloumns: {}\n")
    (well / "_dq").rename(well / "away")
    (well / "_dq").write_text("a file where history should be")
    ran = dq("doctor", "--json")
    (document,) = ran.documents
    assert (ran.code, document["exit_code"], document["contracts"]) == (2, 2, {"read": 1, "broken": ["bikes"]})
    told = {p["where"]: p["message"] for p in document["problems"]}
    assert 'did you mean "DQ_CURATED"?' in told["environment"]
    assert 'did you mean "taxis"?' in told["sources.taxi"]
    assert 'unknown key "cloumns"' in told["bikes"]
    assert told["limits.temp"].endswith("nowhere: No such file or directory")
    assert "history" in told
    assert all(p["next"] for p in document["problems"])


def test_doctor_finds_a_promotion_that_was_never_published(well: Path, dq: Dq) -> None:
    dq("gate")
    for folder in ("curated/taxis", "_dq/published", "_dq/audit"):
        (well / folder).rename(well / folder.replace("/", "-"))
    ran = dq("doctor")
    assert ran.code == 3
    assert "PROBLEM taxis: taxis dt=2026-03-01: promoted 20" in ran.out
    assert ran.out.endswith("  next: dq gate taxis\n")
    assert dq("gate").code == 0
    assert dq("doctor").code == 0


def test_doctor_finds_a_record_that_was_edited(well: Path, dq: Dq) -> None:
    dq("gate")
    (record,) = (well / "_dq" / "decisions" / "taxis").rglob("1.json")
    record.write_text(record.read_text().replace('"promote"', '"quarantine"'))
    ran = dq("doctor")
    assert ran.code == 3
    assert "PROBLEM taxis: history is not as the gate wrote it: decisions/taxis/dt=2026-03-01/" in ran.out
    assert "/1.json: changed" in ran.out


def test_doctor_without_contracts_or_landing(tmp_path: Path, dq: Dq) -> None:
    ran = dq("doctor", "--json", at=tmp_path)
    assert (ran.code, {p["where"] for p in ran.documents[0]["problems"]}) == (2, {"landing", "suites"})
    assert below(tmp_path) == []
