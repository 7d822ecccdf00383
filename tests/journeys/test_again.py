"""Decided digests are never reopened by themselves; who asks leaves a record; a dry run says what would change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Ran
from tests.journeys.test_gate_local import CONTRACT, NOW, Place, verdicts

Dq = Callable[..., Ran]
STRICTER = CONTRACT.replace("min: 0", "min: 100")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two promoted days and a quarantined one."""
    found = Place(tmp_path)
    found.land("2026-03-01", start=0)
    found.land("2026-03-02", start=1000)
    found.land("2026-03-03", start=2000, fare=-5000.0)
    found.gate()
    return found


def records(place: Place) -> dict[str, int]:
    """Decisions by day."""
    found: dict[str, int] = {}
    for path in place.files("_dq/decisions/trips"):
        found[path.split("/")[0]] = found.get(path.split("/")[0], 0) + 1
    return found


def test_another_contract_or_gate_reopens_nothing(place: Place) -> None:
    place.contract(STRICTER)
    before = {zone: place.files(zone) for zone in ("curated", "quarantine", "_dq")}
    assert place.gate(now=NOW + timedelta(days=1)) == []
    (named,) = place.gate(keys=frozenset({"dt=2026-03-01"}))
    assert (named["verdict"], named["adopted"], named["success"]) == ("promote", True, True)
    assert {zone: place.files(zone) for zone in before} == before


def test_again_appends_a_decision_with_who_and_why(place: Place, dq: Dq) -> None:
    place.contract(CONTRACT.replace("{min: 0}", "{min: -9000}"))
    ran = dq("gate", "--again", "--quarantined", "--reason", "refunds are right", "--json", at=place.root)
    (document,) = ran.documents
    assert (ran.code, document["verdict"], document["standing"]) == (0, "promote", "quarantine")
    assert (document["why"], "@" in document["by"]) == ("refunds are right", True)
    assert records(place) == {"dt=2026-03-01": 1, "dt=2026-03-02": 1, "dt=2026-03-03": 2}
    assert len(place.visible()) == 3


def test_again_since_a_date(place: Place, dq: Dq) -> None:
    ran = dq("gate", "--again", "--since", "2026-03-02", "--json", at=place.root)
    assert [d["partition"] for d in ran.documents] == ["dt=2026-03-02", "dt=2026-03-03"]
    assert records(place) == {"dt=2026-03-01": 1, "dt=2026-03-02": 2, "dt=2026-03-03": 2}


@pytest.mark.parametrize("flag", [["--since", "2026-03-01"], ["--reason", "x"], ["--quarantined"]])
def test_flags_of_again_go_with_it(place: Place, dq: Dq, flag: list[str]) -> None:
    ran = dq("gate", *flag, at=place.root)
    assert (ran.code, ran.err) == (2, f"dq: {flag[0]} goes with --again\n")


def test_judging_again_what_readers_see_leaves_it_with_them_and_says_so(place: Place) -> None:
    place.contract(STRICTER)
    before = place.visible()
    documents = place.gate(now=NOW + timedelta(days=1), again=True, since=date(2026, 3, 1), by="ann", why="stricter")
    assert verdicts(documents)["2026-03-01"] == "quarantine"
    assert documents[0]["standing"] == "promote"
    assert place.visible() == before


def everything(place: Place) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and time of change."""
    found = {}
    for path in place.root.rglob("*"):
        about = path.lstat()
        found[str(path.relative_to(place.root))] = (about.st_size if path.is_file() else 0, about.st_mtime_ns)
    return found


def test_a_dry_run_says_what_an_edited_contract_would_change_and_writes_nothing(place: Place, dq: Dq) -> None:
    place.land("2026-03-04", start=3000)
    place.contract(STRICTER)
    before = everything(place)
    ran = dq("gate", "--dry-run", "--json", at=place.root)
    found = {d["partition"]: (d["standing"], d["verdict"]) for d in ran.documents}
    assert found == {
        "dt=2026-03-01": ("promote", "quarantine"),
        "dt=2026-03-04": (None, "promote"),
    }
    assert ran.code == 1
    told = dq("gate", "--dry-run", at=place.root).out
    assert "\nQUARANTINE trips dt=2026-03-01: " in told
    assert "dq show" not in told, "it would tell of what was decided before"
    assert everything(place) == before


def test_a_dry_run_under_the_same_contract_tells_only_what_is_new(place: Place) -> None:
    place.land("2026-03-04", start=3000)
    place.land("2026-03-05", start=4000, n=10)
    dry = place.gate(dry=True)
    assert verdicts(dry) == {"2026-03-04": "promote", "2026-03-05": "quarantine"}
    real = place.gate()
    assert verdicts(real) == verdicts(dry)
    assert [[r["message"] for r in d["reasons"]] for d in dry] == [[r["message"] for r in d["reasons"]] for d in real]


def test_gates_that_start_together_make_one_decision_and_one_publication_each(place: Place) -> None:
    for n in range(4, 10):
        place.land(f"2026-03-{n:02}", start=n * 1000)
    command = [sys.executable, "-m", "dq", "gate", "trips", "--json"]
    gates: list[Any] = [subprocess.Popen(command, cwd=place.root, stdout=subprocess.PIPE) for _ in range(3)]
    printed = [gate.communicate(timeout=120)[0] for gate in gates]
    assert [gate.returncode for gate in gates] == [0, 0, 0]
    assert sum(len(out.splitlines()) for out in printed) == 6
    assert records(place) == {f"dt=2026-03-{n:02}": 1 for n in range(1, 10)}
    assert len(place.files("_dq/published/trips")) == 8


def test_a_late_copy_stays_out_and_what_it_copies_stays_in(place: Place, dq: Dq) -> None:
    """Whoever is judged again, for whatever reason: the copy comes first in order, but not in time."""
    copy = place.root / "landing/trips/dt=2026-02-20"
    shutil.copytree(place.root / "landing/trips/dt=2026-03-02", copy)
    (judged,) = place.gate()
    assert [r["message"] for r in judged["reasons"]] == ["the same content as partition dt=2026-03-02"]
    accepted = dq("accept", "trips", "2026-03-03", "--reason", "refunds are right", "--json", at=place.root)
    verdicts_by_key = {d["partition"]: d["verdict"] for d in accepted.documents}
    assert verdicts_by_key.get("dt=2026-02-20", "quarantine") == "quarantine"
    again = dq("gate", "--again", "--reason", "to be sure", "--json", at=place.root)
    verdicts_by_key = {d["partition"]: d["verdict"] for d in again.documents}
    assert verdicts_by_key["dt=2026-02-20"] == "quarantine"
    assert verdicts_by_key["dt=2026-03-02"] == "promote"
