"""What the person on call sees: one line a source, what needs somebody first, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import polars as pl
import pytest

from dq.stores.local import LocalStore
from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]
CONTRACT = """
source: {source}
layout: "dt={{date:%Y-%m-%d}}"
owner: growth
columns:
  fare: {{min: 0}}
"""


def land(root: Path, source: str, day: str, fare: float = 5.0, name: str = "part-0.parquet") -> Path:
    folder = root / "landing" / source / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"fare": [fare, fare], "key": [f"{source} {day} {name}"] * 2}).write_parquet(folder / name)
    return folder / name


def add(root: Path, source: str, more: str = "") -> None:
    (root / "suites").mkdir(exist_ok=True)
    (root / "suites" / f"{source}.yaml").write_text(CONTRACT.format(source=source) + more)
    (root / "landing" / source).mkdir(parents=True, exist_ok=True)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and "locks" not in p.parts}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    return tmp_path


def counts(document: dict[str, Any]) -> dict[str, int]:
    return {state: n for state, n in document["counts"].items() if n}


def test_many_sources_are_a_line_each_the_needy_ones_first(place: Path, dq: Dq) -> None:
    for source in ("bikes", "taxis", "trains"):
        add(place, source)
        land(place, source, "2026-03-01")
    land(place, "taxis", "2026-03-02", fare=-1.0)
    dq("gate")
    land(place, "trains", "2026-03-02")
    ran = dq("status")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "SOURCE  NEEDS SOMEBODY  PROMOTED  BESIDES      LAST",
        "taxis   1 quarantined          1               dt=2026-03-02",
        "bikes   -                      1               dt=2026-03-01",
        "trains  -                      1  1 undecided  dt=2026-03-01",
        "3 sources: 1 needs somebody",
        "next: dq status taxis",
    ]
    assert (dq("status", "--check").code, dq("status", "bikes", "--check").code) == (1, 0)


def test_one_source_says_what_to_do(place: Path, dq: Dq) -> None:
    add(place, "taxis")
    land(place, "taxis", "2026-03-01")
    land(place, "taxis", "2026-03-02", fare=-1.0)
    dq("gate")
    lines = dq("status", "taxis").out.splitlines()
    assert lines[0] == "taxis: 1 promoted, 1 quarantined; last dt=2026-03-02, 2 rows"
    assert lines[1].startswith("QUARANTINED dt=2026-03-02, since 20")
    assert lines[2].startswith("  fare.range: 2 rows (100 %, allowed 0) ")
    assert lines[3:] == [
        "  next: land it again, or change the rule in the contract",
        "        dq gate taxis --partition dt=2026-03-02 --again  once the contract is changed",
        '        dq release taxis dt=2026-03-02 --reason "…"  to publish it as it is',
        '        dq reject taxis dt=2026-03-02 --reason "…"  to keep it out for good',
    ]
    dq("release", "taxis", "2026-03-02", "--reason", "refunds", "--by", "ada")
    lines = dq("status", "taxis").out.splitlines()
    assert lines[0] == "taxis: 2 promoted; last dt=2026-03-02, 2 rows"
    assert lines[1].startswith("released: dt=2026-03-02 by ada, 20")
    assert lines[1].endswith(": refunds")
    assert lines[2] == "nothing needs somebody"
    (document,) = dq("status", "--json").documents
    (word,) = document["overruled"]
    assert (word["act"], word["by"], word["why"]) == ("released", "ada", "refunds")
    assert (document["success"], document["owner"]) == (True, "growth")


def test_a_contract_that_does_not_parse_hides_no_other_source(place: Path, dq: Dq) -> None:
    for source in ("bikes", "taxis"):
        add(place, source)
        land(place, source, "2026-03-01")
    dq("gate")
    (place / "suites" / "taxis.yaml").write_text("source: taxis\ncloumns: {}\n")
    ran = dq("status")
    assert ran.code == 2
    assert [line.split()[0] for line in ran.out.splitlines()[1:3]] == ["taxis", "bikes"]
    assert 'taxis.yaml:2: unknown key "cloumns"' in ran.out
    ran = dq("status", "--json", "--check")
    assert (ran.code, [d["source"] for d in ran.documents]) == (2, ["bikes"])
    assert "unknown key" in ran.err


def test_late_partitions_need_somebody_until_they_land_or_are_excused(place: Path, dq: Dq) -> None:
    add(place, "taxis", 'expected: {every: 3650d, by: "06:00"}\n')
    for day in ("1996-01-01", "2015-12-22"):
        land(place, "taxis", day)
    dq("gate")
    (document,) = dq("status", "--json", "--check").documents
    assert [(n["partition"], n["state"], n["since"]) for n in document["needs"]] == [
        ("dt=2005-12-29", "late", "2015-12-27T06:00:00+00:00")
    ]
    assert counts(document) == {"promoted": 2, "late": 1}
    assert dq("status", "--check").code == 1
    assert dq("status").out.splitlines()[1:] == [
        "LATE dt=2005-12-29, due 2015-12-27 06:00 UTC: nothing has landed",
        "  next: ask growth, who owns the source",
        '        dq reject taxis dt=2005-12-29 --reason "…"  if it will not come',
    ]
    ran = dq("reject", "taxis", "2005-12-29", "--reason", "strike", "--by", "ada")
    assert (ran.code, ran.out) == (0, "taxis dt=2005-12-29 will not come, says ada: strike\n")
    assert dq("status", "--check").code == 0
    assert dq("history", "taxis", "--json").documents[-1]["event"] == "excused"

    land(place, "taxis", "2005-12-29")  # it came after all
    assert dq("gate", "--json").documents[0]["verdict"] == "promote"
    assert counts(dq("status", "--json").documents[0]) == {"promoted": 3}


def test_a_partition_that_landed_and_never_became_ready_is_late(place: Path, dq: Dq) -> None:
    add(place, "taxis", 'expected: {every: 1d, by: "06:00"}\nready: {marker: _SUCCESS}\n')
    land(place, "taxis", "2026-03-01")
    (document,) = dq("status", "--json").documents
    late = [n for n in document["needs"] if n["partition"] == "dt=2026-03-01"]
    assert [(n["state"], n["why"]) for n in late] == [("late", "landed, and is not ready: no _SUCCESS yet")]


def test_what_is_gone_from_landing_stays_published_and_alarms_nobody(place: Path, dq: Dq) -> None:
    add(place, "taxis")
    land(place, "taxis", "2026-03-01")
    land(place, "taxis", "2026-03-02", fare=-1.0)
    dq("gate")
    dq("reject", "taxis", "2026-03-02", "--reason", "vendor")
    published = files(place / "curated")
    rmtree(place / "landing" / "taxis" / "dt=2026-03-01")
    ran = dq("status", "--check", "--json")
    assert (ran.code, ran.documents[0]["gone"]) == (0, 1)
    assert dq("status").out.startswith("taxis: 1 promoted, 1 rejected, 1 gone; last ")
    dq("gate")
    assert files(place / "curated") == published


def test_an_open_quarantine_that_is_gone_still_needs_a_word(place: Path, dq: Dq) -> None:
    add(place, "taxis")
    land(place, "taxis", "2026-03-02", fare=-1.0)
    dq("gate")
    rmtree(place / "landing" / "taxis" / "dt=2026-03-02")
    (need,) = dq("status", "--json").documents[0]["needs"]
    assert (need["gone"], need["next"][0]) == (True, "its files are gone: land the partition again")
    assert dq("reject", "taxis", "2026-03-02", "--reason", "withdrawn").code == 0
    assert dq("status", "--check").code == 0


@pytest.mark.parametrize("touched", [False, True])
def test_a_partition_that_lost_files_is_shrunk(place: Path, dq: Dq, touched: bool) -> None:
    add(place, "taxis")
    for part in range(3):
        land(place, "taxis", "2026-03-01", name=f"part-{part}.parquet")
    dq("gate")
    folder = place / "landing" / "taxis" / "dt=2026-03-01"
    (folder / "part-1.parquet").unlink()
    if touched:
        os.utime(folder / "part-0.parquet")
    ran = dq("status", "--json", "--check")
    (need,) = ran.documents[0]["needs"]
    assert (ran.code, need["state"]) == (1, "shrunk")
    assert need["why"] == "1 of 3 files gone from landing: part-1.parquet"
    assert need["readers_revision"] == 1


def test_history_tells_decisions_and_words_in_order(place: Path, dq: Dq) -> None:
    add(place, "taxis")
    land(place, "taxis", "2026-03-01")
    land(place, "taxis", "2026-03-02", fare=-1.0)
    dq("gate")
    dq("release", "taxis", "2026-03-02", "--reason", "refunds", "--by", "ada")
    land(place, "taxis", "2026-03-01", fare=-2.0)
    dq("gate")
    dq("reject", "taxis", "2026-03-01", "--reason", "no refunds", "--by", "bob")
    land(place, "taxis", "2026-03-01", fare=7.0)
    dq("gate")
    documents = dq("history", "taxis", "--json").documents
    assert [(d["partition"][-1], d["event"], d["n"], d["revision"], d["by"]) for d in documents] == [
        ("1", "promoted", 1, 1, ""),
        ("2", "quarantined", 1, None, ""),
        ("2", "released", 2, 1, "ada"),
        ("1", "quarantined", 1, None, ""),
        ("1", "rejected", 2, None, "bob"),
        ("1", "promoted", 1, 2, ""),
    ]
    lines = dq("history", "taxis", "2026-03-02").out.splitlines()
    assert [line.split()[2:5] for line in lines[1:]] == [
        ["dt=2026-03-02", "quarantined", "2"],
        ["dt=2026-03-02", "released", "1"],
    ]
    assert lines[2].endswith("fare.range  ada: refunds")
    assert dq("history", "taxis", "2026-03-09").code == 2
    add(place, "bikes")
    assert dq("history", "bikes") == Ran(0, "", "")


def test_a_landing_folder_that_is_not_there_is_told(place: Path, dq: Dq) -> None:
    for source in ("bikes", "taxis", "trains"):
        add(place, source)
    land(place, "bikes", "2026-03-01")
    land(place, "taxis", "2026-03-01")
    dq("gate")
    published = files(place / "curated")
    (place / "landing" / "taxis").rename(place / "unmounted")
    (place / "landing" / "trains").rmdir()
    lines = dq("status").out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["taxis", "landing", "missing", "1", "1", "gone", "dt=2026-03-01"],
        ["bikes", "-", "1", "dt=2026-03-01"],
        ["trains", "-", "0", "nothing", "has", "landed", "yet", "-"],
    ]
    assert dq("status", "--check").code == 1
    (need,) = dq("status", "taxis", "--json").documents[0]["needs"]
    assert (need["state"], need["why"]) == ("missing", f"the landing folder {place}/landing/taxis is not there")
    assert dq("show", "taxis", "2026-03-01").code == 0
    assert len(dq("ls", "taxis").out.splitlines()) == 1
    assert len(dq("history", "taxis", "--json").documents) == 1
    assert "PROBLEM taxis: the landing folder" in dq("doctor").out
    dq("gate")
    dq("gc")
    assert files(place / "curated") == published


def test_what_a_running_gate_is_about_to_publish_alarms_nobody(place: Path, dq: Dq) -> None:
    add(place, "taxis")
    land(place, "taxis", "2026-03-01")
    dq("gate")
    for folder in ("curated/taxis", "_dq/published"):  # as if it had ended between record and publication
        rmtree(place / folder)
    ran = dq("status", "--json", "--check")
    (need,) = ran.documents[0]["needs"]
    assert (ran.code, need["state"], need["next"]) == (1, "unpublished", ["dq gate taxis  finishes it"])
    with LocalStore(place / "_dq").lock("taxis"):
        ran = dq("status", "--json", "--check")
    assert (ran.code, counts(ran.documents[0])) == (0, {"unpublished": 1})
    assert dq("gate").code == 0
    assert counts(dq("status", "--json").documents[0]) == {"promoted": 1}
