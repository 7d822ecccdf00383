"""A hold is never a decision: it is retried after a while, parked after three alike, and keeps nobody else waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dq import api, running, status
from dq.gate import Run, Wanted, gate
from tests.journeys.conftest import Ran
from tests.journeys.real import ROOT
from tests.journeys.test_gate_local import CONTRACT, NOW, Place, rows, verdicts

Dq = Callable[..., Ran]
HELD = CONTRACT + '  - {rule: "tipp >= 0"}\n'  # a column that nobody knows: the contract's fault, not the data's
MINUTE = timedelta(minutes=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    found.contract(HELD)
    return found


def run(place: Place, now: Any = NOW, **wanted: Any) -> Run:
    return running.gate_run("trips", place.config(), Wanted(**wanted), now)


def tried(place: Place, after: timedelta, **wanted: Any) -> tuple[list[dict[str, Any]], Run]:
    one = run(place, NOW + after, **wanted)
    return list(api.gated(one)), one


def test_a_hold_is_tried_again_after_a_minute_then_after_ten(place: Place) -> None:
    place.land("2026-03-01")
    attempts = {0: 1, 30: 0, 61: 1, 400: 0, 600: 0, 662: 1}
    for seconds, count in attempts.items():
        documents, one = tried(place, timedelta(seconds=seconds))
        assert [d["verdict"] for d in documents] == ["hold"] * count, seconds
        assert bool(one.open), seconds  # exit 3 in any case


def test_three_holds_alike_park_it_with_one_alert(place: Place) -> None:
    place.land("2026-03-01")
    told = [tried(place, n * 20 * MINUTE)[0] for n in range(5)]
    assert [[r["id"] for d in documents for r in d["reasons"]] for documents in told] == [
        ["table.rule"], ["table.rule"], ["table.rule", "table.parked"], [], []
    ]  # fmt: skip
    assert told[2][0]["reasons"][1]["message"].startswith("parked: 3 attempts ended so")
    _, one = tried(place, 100 * MINUTE)
    assert [(key, t.parked) for key, t in one.open.resting] == [("dt=2026-03-01", True)]
    found = status.status(run(place))
    assert (found["counts"]["parked"], found["success"]) == (1, False)
    (need,) = found["needs"]
    assert need["state"] == "parked"
    assert 'column "tipp"' in need["why"]


def parked(place: Place) -> timedelta:
    place.land("2026-03-01")
    for n in range(3):
        tried(place, n * 20 * MINUTE)
    assert tried(place, 60 * MINUTE)[0] == []
    return 61 * MINUTE


def test_a_hold_that_history_takes_no_record_of_says_so(place: Place, dq: Dq) -> None:
    place.land("2026-03-01")
    (place.root / "_dq").mkdir()
    (place.root / "_dq" / "attempts").write_text("in the way")
    ran = dq("gate", "--json", at=place.root)
    assert (ran.code, [d["verdict"] for d in ran.documents]) == (3, ["hold"])
    (line,) = ran.err.splitlines()
    assert line.startswith("dq: trips: 1 held without a record in history: cannot write ")


def test_other_bytes_end_the_parking_and_a_touch_does_not(place: Place) -> None:
    later = parked(place)
    os.utime(place.root / "landing/trips/dt=2026-03-01/part-0.parquet")
    assert tried(place, later)[0] == []
    place.land("2026-03-01", n=101)
    (document,) = tried(place, later)[0]
    assert [r["id"] for r in document["reasons"]] == ["table.rule"]


def test_another_contract_ends_the_parking(place: Place) -> None:
    later = parked(place)
    place.contract(CONTRACT)
    assert verdicts(tried(place, later)[0]) == {"2026-03-01": "promote"}
    assert not tried(place, later)[1].open


def test_another_gate_ends_the_parking(place: Place) -> None:
    later = parked(place)
    (document,) = gate(replace(run(place, NOW + later), version="0.2.0"))
    assert [r["id"] for r in document["reasons"]] == ["table.rule"]


def test_a_person_who_names_it_has_it_tried_again(place: Place) -> None:
    later = parked(place)
    (document,) = tried(place, later, keys=frozenset({"dt=2026-03-01"}))[0]
    assert [r["id"] for r in document["reasons"]] == ["table.rule", "table.parked"]


def test_a_held_partition_keeps_no_other_waiting(place: Place) -> None:
    place.land("2026-03-01")
    place.land("2026-03-02", rows(start=1000).with_columns(tipp=1.0))
    place.land("2026-03-03", rows(start=2000).with_columns(tipp=1.0))
    documents, one = tried(place, timedelta())
    assert verdicts(documents) == {"2026-03-01": "hold", "2026-03-02": "promote", "2026-03-03": "promote"}
    assert one.open


def test_a_hold_of_a_named_partition_is_an_exit_of_3_and_nothing_new_is_3_while_it_rests(place: Place, dq: Dq) -> None:
    place.land("2026-03-01")
    assert dq("gate", "--json", at=place.root).code == 3
    ran = dq("gate", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("dq: trips dt=2026-03-01: held, tried again from ")
    assert "tipp" in ran.err
    assert dq("gate", "--partition", "2026-03-01", "--json").code == 3
    place.contract(CONTRACT)
    assert dq("gate", "--partition", "2026-03-01").code == 0
    assert dq("gate") == Ran(0, "", "")


def test_waiting_tries_a_held_partition_again_when_that_is_due(place: Place, dq: Dq) -> None:
    (place.root / "dq.toml").write_text((place.root / "dq.toml").read_text() + "[limits]\nretry_seconds = 1\n")
    place.land("2026-03-01")
    mended = threading.Timer(0.5, place.contract, [CONTRACT])
    mended.start()
    ran = dq("gate", "trips", "--partition", "2026-03-01", "--wait", "60s", "--json", at=place.root)
    mended.join()
    assert (ran.code, [d["verdict"] for d in ran.documents]) == (0, ["promote"])
    assert len(place.files("_dq/attempts")) == 1


def test_late_partitions_are_an_exit_of_3(place: Place) -> None:
    place.contract(CONTRACT + 'expected: {every: 1d, by: "06:00"}\n')
    place.land("2026-03-07")
    place.land("2026-03-09", start=1000)
    documents, one = tried(place, timedelta())  # the 10th of March
    assert verdicts(documents) == {"2026-03-07": "promote", "2026-03-09": "promote"}
    assert one.open.late == ["dt=2026-03-08"]
    _, named = tried(place, timedelta(), keys=frozenset({"dt=2026-03-09"}))
    assert not named.open
    place.land("2026-03-08", start=2000)
    assert not tried(place, timedelta())[1].open
    assert tried(place, timedelta(days=2))[1].open.late == ["dt=2026-03-10"]


def test_what_landed_and_is_not_ready_in_time_is_late(place: Place) -> None:
    place.contract(CONTRACT + 'expected: {every: 1d, by: "06:00"}\nready: {marker: _SUCCESS}\n')
    folder = place.land("2026-03-08").parent
    (folder / "_SUCCESS").touch()
    place.land("2026-03-09", start=1000)
    assert tried(place, timedelta())[1].open.late == []
    assert tried(place, timedelta(hours=7))[1].open.late == ["dt=2026-03-09"]


def test_older_ones_are_ignored_and_nobody_calls_them_late(place: Place) -> None:
    place.contract(CONTRACT + 'expected: {every: 1d, by: "06:00"}\n')
    place.land("2026-03-01")
    place.land("2026-03-08", start=1000)
    place.land("2026-03-09", start=2000)
    documents, one = tried(place, timedelta(), start=NOW.date() - timedelta(days=2))
    assert (sorted(verdicts(documents)), one.open.late) == (["2026-03-08", "2026-03-09"], [])
    found = status.status(run(place))
    assert (found["counts"]["ignored"], found["counts"]["promoted"], found["needs"]) == (1, 2, [])


def test_fewer_files_than_decided_are_not_judged_by_themselves(place: Place) -> None:
    place.contract(CONTRACT)
    place.land("2026-03-01")
    extra = place.land("2026-03-01", start=500, name="part-1.parquet")
    place.gate()
    before = place.visible()
    extra.unlink()
    assert tried(place, MINUTE)[0] == []
    (named,) = tried(place, MINUTE, keys=frozenset({"dt=2026-03-01"}))[0]
    assert (named["verdict"], named["reasons"][0]["message"]) == (
        "hold", "1 of 2 files gone from landing: part-1.parquet"
    )  # fmt: skip
    assert place.visible() == before
    (judged,) = tried(place, MINUTE, keys=frozenset({"dt=2026-03-01"}), again=True, by="ann", why="half is right")[0]
    assert (judged["verdict"], judged["revision"], judged["by"]) == ("promote", 2, "ann")


def test_landing_that_changes_once_is_judged_again_at_once(place: Place) -> None:
    place.contract(CONTRACT)
    path = place.land("2026-03-01", fare=-1000.0)
    one = run(place)
    meddled: list[int] = []

    def scan(*arguments: Any) -> Any:
        scanned = one.scan(*arguments)
        if not meddled:
            meddled.append(1)
            rows(n=70).write_parquet(path)
        return scanned

    (document,) = gate(replace(one, scan=scan))
    one.close()
    assert (document["verdict"], document["rows"]) == ("promote", 70)
    assert list(place.visible().values()) == list(place.files("landing").values())


def test_landing_that_goes_while_it_is_judged_leaves_nothing(place: Place) -> None:
    place.contract(CONTRACT)
    path = place.land("2026-03-01")
    one = run(place)

    def scan(*arguments: Any) -> Any:
        scanned = one.scan(*arguments)
        path.unlink(missing_ok=True)
        return scanned

    assert list(gate(replace(one, scan=scan))) == []
    one.close()
    assert not place.visible()
    assert place.gate() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_gate_that_scans_in_parallel_stops_and_is_finished_later(place: Place, number: int) -> None:
    place.contract(CONTRACT)
    for n in range(40):
        place.land(f"2026-01-{n + 1:02}" if n < 31 else f"2026-02-{n - 30:02}", start=n * 1000)
    command = [sys.executable, "-m", "dq", "gate", "--json", "--jobs", "2"]
    with subprocess.Popen(
        command, cwd=place.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        started = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err == "dq: interrupted; run the same command again to finish\n"
    assert time.monotonic() - started < 30
    assert 0 < len(place.visible()) < 40
    place.gate()
    assert len(place.visible()) == 40
    assert sorted(place.visible().values()) == sorted(place.files("landing").values())
