"""A person overrules the gate: each word is a record of its own, says who and why, and is carried out or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]
CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {min: 0}
checks:
  - {row_count: ">= 60% of previous"}
"""
DAY = "dt=2026-03-02"


def rows(n: int = 100, start: int = 0, fare: float = 5.0) -> pl.DataFrame:
    return pl.DataFrame({"id": range(start, start + n), "fare": [fare + start] * n})


def land(root: Path, day: str, frame: pl.DataFrame, name: str = "part-0.parquet") -> None:
    folder = root / "landing" / "trips" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(folder / name)


def records(root: Path, kind: str = "decisions") -> dict[str, dict[str, Any]]:
    """Records below history by name, without their digest folder."""
    base = root / "_dq" / kind / "trips"
    return {
        "/".join((p.parts[-3], p.name)): json.loads(p.read_text()) for p in sorted(base.rglob("*.json"))
    }  # fmt: skip


def visible(root: Path) -> dict[str, bytes]:
    base = root / "curated"
    found = {str(p.relative_to(base)): p.read_bytes() for p in sorted(base.rglob("*")) if p.is_file()}
    return {p: content for p, content in found.items() if not p.startswith(".dq/")}


@pytest.fixture
def place(tmp_path: Path, dq: Dq) -> Path:
    """Two days gated: the first promoted, the second in quarantine for its fares."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "trips.yaml").write_text(CONTRACT)
    (tmp_path / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    land(tmp_path, "2026-03-01", rows())
    land(tmp_path, "2026-03-02", rows(start=1000, fare=-5000.0))
    assert dq("gate", at=tmp_path).code == 1
    return tmp_path


def test_a_release_publishes_the_quarantined_bytes_and_says_who_and_why(place: Path, dq: Dq) -> None:
    ran = dq("release", "trips", "2026-03-02", "--reason", "refunds, all right", "--by", "ada", "--json")
    (document,) = ran.documents
    assert (ran.code, document["verdict"], document["success"]) == (0, "promote", True)
    assert (document["act"], document["by"], document["why"]) == ("released", "ada", "refunds, all right")
    assert (document["revision"], document["rows_quarantined"], document["adopted"]) == (1, 0, False)
    assert [r["id"] for r in document["reasons"]] == ["fare.range"]
    landed = (place / "landing" / "trips" / DAY / "part-0.parquet").read_bytes()
    assert visible(place)[f"trips/{DAY}/part-0.parquet"] == landed

    kept = records(place)
    assert sorted(name for name in kept if name.startswith(DAY)) == [f"{DAY}/1.json", f"{DAY}/2.json"]
    first, second = kept[f"{DAY}/1.json"], kept[f"{DAY}/2.json"]
    assert (first["verdict"]["value"], first["by"]) == ("quarantine", "")
    assert (second["n"], second["by"], second["why"]) == (2, "ada", "refunds, all right")
    for name in ("digest", "suite_digest", "content", "files"):
        assert second[name] == first[name]
        assert second[name]
    assert second["decided_at"] > first["decided_at"]
    assert dq("gate") == Ran(0, "", "")

    shown = dq("show", "trips", DAY).out.splitlines()
    assert shown[0].startswith(f"PROMOTE trips {DAY} rev 1: 100 rows, ")
    assert shown[1].startswith("  released by ada, 20")
    assert shown[1].endswith(": refunds, all right")
    assert shown[2].startswith("  fare.range  overruled: 100 rows (100 %, allowed 0) ")
    assert not any(line.startswith("next:") for line in shown)


def test_the_default_author_is_who_runs_the_command(place: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    (document,) = dq("release", "trips", DAY, "--reason", "known", "--json").documents
    assert document["by"].startswith("grace@")


def test_a_release_said_again_changes_nothing(place: Path, dq: Dq) -> None:
    first = dq("release", "trips", DAY, "--reason", "refunds", "--by", "ada", "--json")
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    again = dq("release", "trips", DAY, "--reason", "other words", "--by", "bob", "--json")
    assert (again.code, again.documents) == (0, first.documents)
    assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before


def test_bytes_that_changed_are_not_released(place: Path, dq: Dq) -> None:
    land(place, "2026-03-02", rows(start=1000, fare=-6000.0))
    before = records(place)
    ran = dq("release", "trips", DAY, "--reason", "refunds")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f"dq: trips {DAY}: other files landed since it was decided and it is undecided, so there is nothing to"
        f" release; run  dq gate trips --partition {DAY}  first\n"
    )
    assert records(place) == before
    assert list(visible(place)) == ["trips/dt=2026-03-01/part-0.parquet"]


def test_bytes_that_are_gone_are_not_released_but_may_be_rejected(place: Path, dq: Dq) -> None:
    (place / "landing" / "trips" / DAY / "part-0.parquet").unlink()
    ran = dq("release", "trips", DAY, "--reason", "refunds")
    assert (ran.code, "land the same files again" in ran.err) == (2, True)
    assert dq("reject", "trips", DAY, "--reason", "vendor withdrew it").code == 0


def test_a_promoted_partition_is_neither_released_nor_rejected(place: Path, dq: Dq) -> None:
    before = records(place)
    for command in ("release", "reject"):
        ran = dq(command, "trips", "2026-03-01", "--reason", "x")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("dq: trips dt=2026-03-01 is promoted, and readers see it as rev 1; ")
    assert records(place) == before


def test_a_rejection_confirms_the_quarantine_and_a_release_may_overrule_it(place: Path, dq: Dq) -> None:
    ran = dq("reject", "trips", DAY, "--reason", "vendor confirmed the fault", "--by", "bob", "--json")
    (document,) = ran.documents
    assert (ran.code, document["verdict"], document["success"]) == (0, "quarantine", False)
    assert (document["act"], document["by"], document["rows_quarantined"]) == ("rejected", "bob", 100)
    assert dq("gate", "trips", "--partition", DAY).code == 1
    assert dq("reject", "trips", DAY, "--reason", "again").code == 0
    assert sorted(n for n in records(place) if n.startswith(DAY)) == [f"{DAY}/1.json", f"{DAY}/2.json"]
    assert dq("status", "trips", "--check").code == 0

    ran = dq("release", "trips", DAY, "--reason", "it was refunds", "--by", "ada", "--json")
    assert ran.err == f"dq: trips {DAY}: overrules the rejection by bob: vendor confirmed the fault\n"
    (document,) = ran.documents
    assert (document["act"], document["by"], document["success"]) == ("released", "ada", True)
    assert records(place)[f"{DAY}/2.json"]["by"] == "bob"
    ran = dq("reject", "trips", DAY, "--reason", "no")
    assert (ran.code, "readers see it as rev 1" in ran.err) == (2, True)


def test_a_released_partition_teaches_only_when_told_to(place: Path, dq: Dq) -> None:
    land(place, "2026-03-03", rows(n=10, start=2000))
    dq("gate")
    dq("release", "trips", "2026-03-03", "--reason", "holiday")
    land(place, "2026-03-04", rows(n=12, start=3000))
    ran = dq("gate", "--json")
    assert ran.documents[0]["reasons"][0]["message"].startswith("12 rows, 88 % below the 100 of dt=2026-03-01; ")
    assert dq("release", "trips", "2026-03-04", "--reason", "smaller fleet", "--teach").code == 0
    land(place, "2026-03-05", rows(n=13, start=4000))
    assert dq("gate", "--json").documents[0]["verdict"] == "promote"


def test_without_a_curated_zone_the_verdict_is_the_release(place: Path, dq: Dq) -> None:
    (place / "dq.toml").write_text('[zones]\nlanding = "landing"\nhistory = "_other"\n')
    dq("gate")
    (document,) = dq("release", "trips", DAY, "--reason", "refunds", "--json").documents
    assert (document["success"], document["published"]) == (True, None)


def test_accepting_judges_open_quarantines_again_but_not_rejected_ones(place: Path, dq: Dq) -> None:
    for day, start in (("03", 2000), ("04", 3000)):
        land(place, f"2026-03-{day}", rows(n=10, start=start))
    dq("gate")
    dq("reject", "trips", "2026-03-04", "--reason", "no")
    ran = dq("accept", "trips", "2026-03-03", "--reason", "smaller fleet", "--by", "ada", "--json")
    assert {d["partition"]: d["verdict"] for d in ran.documents} == {DAY: "quarantine", "dt=2026-03-03": "promote"}
    assert {d["by"] for d in ran.documents} == {"ada"}
    (accepted,) = records(place, "accepted").values()
    assert (accepted["by"], accepted["why"], len(accepted["reopens"])) == ("ada", "smaller fleet", 2)
    assert dq("accept", "trips", "2026-03-03", "--reason", "smaller fleet", "--json").code == 1  # the fares again
    assert dq("gate") == Ran(0, "", "")


@pytest.mark.parametrize("command", ["release", "reject", "accept"])
def test_nothing_is_said_about_what_is_not_there_or_without_a_reason(place: Path, dq: Dq, command: str) -> None:
    land(place, "2026-03-03", rows(start=2000))
    before = records(place)
    assert dq(command, "trips", "2026-03-09", "--reason", "x").code == 2
    ran = dq(command, "trips", "2026-03-03", "--reason", "x")
    assert (ran.code, f"it is undecided, so there is nothing to {command}" in ran.err) == (2, True)
    assert dq(command, "trips", DAY, "--reason", " ").code == 2
    assert dq(command, "trips", DAY, "--reason", "x", "--by", "").code == 2
    assert dq(command, "trips", DAY).code == 2
    assert records(place) == before


def test_a_relanding_that_is_promoted_closes_the_quarantine(place: Path, dq: Dq) -> None:
    land(place, "2026-03-02", rows(start=1000))
    ran = dq("gate", "--json")
    assert (ran.code, ran.documents[0]["revision"]) == (0, 1)
    assert dq("status", "--check").code == 0


def test_a_relanding_in_quarantine_leaves_readers_what_they_have(place: Path, dq: Dq) -> None:
    before = visible(place)
    land(place, "2026-03-01", rows(fare=-1.0))
    ran = dq("gate")
    assert ran.code == 1
    assert ran.out.splitlines()[0] == "QUARANTINE trips dt=2026-03-01 rev 2 (readers keep rev 1)"
    assert visible(place) == before
    (document,) = dq("release", "trips", "2026-03-01", "--reason", "refunds", "--json").documents
    assert (document["revision"], document["success"]) == (2, True)
    assert dq("show", "trips", "2026-03-01").out.startswith("PROMOTE trips dt=2026-03-01 rev 2: ")


def test_accepting_where_no_quarantine_is_open_says_so(place: Path, dq: Dq) -> None:
    dq("reject", "trips", DAY, "--reason", "no")
    ran = dq("accept", "trips", "2026-03-01", "--reason", "as ever")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == ("dq: trips 2026-03-01 is the new normal; no quarantine is open, so nothing is judged again\n")
    assert len(records(place, "accepted")) == 1
