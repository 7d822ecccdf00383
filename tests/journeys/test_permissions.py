"""What the gate may not read or write is its own fault: hold, exit 3, nothing decided; and it recovers.

Root may read everything, so the commands give that right up before they start.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = 'source: trips\nlayout: "{date:%Y-%m-%d}.csv"\ncolumns: {id: {required: true}}\n'
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave the bounding set: what is executed then has neither.
WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2) if os.geteuid() == 0 else ():
    if ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0):
        sys.exit("cannot give up rights: " + os.strerror(ctypes.get_errno()))
os.execv(sys.executable, [sys.executable, "-m", "dq", *sys.argv[1:]])
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "trips.yaml").write_text(CONTRACT)
    (tmp_path / "landing" / "trips").mkdir(parents=True)
    (tmp_path / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    for day in (1, 2):
        (tmp_path / "landing" / "trips" / f"2026-03-0{day}.csv").write_text(f"id\n{day}\n")
    yield tmp_path
    for path in tmp_path.rglob("*"):
        path.chmod(0o700)


@pytest.fixture
def without_judge(place: Path) -> Path:
    """What a judge process may not read is asked once; all else is asked by the gate itself."""
    with (place / "dq.toml").open("a") as file:
        file.write("[limits]\nisolated = false\n")
    return place


def dq(place: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that may read and write only what it is allowed to."""
    command = [sys.executable, "-c", WITHOUT_RIGHTS, *arguments]
    ran = subprocess.run(command, cwd=place, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert "Traceback" not in ran.stderr
    assert "cannot give up rights" not in ran.stderr
    return ran.returncode, ran.stdout, ran.stderr


def published(place: Path) -> list[str]:
    return sorted(p.name for p in (place / "curated").glob("trips/*"))


def test_a_file_that_may_not_be_read_is_no_bad_data(place: Path) -> None:
    closed = place / "landing" / "trips" / "2026-03-01.csv"
    closed.chmod(0)
    suite = ("--suite", "suites/trips.yaml")
    code, out, said = dq(place, "validate", str(closed), *suite)
    assert (code, out) == (3, "")
    assert re.fullmatch(rf"dq: {re.escape(str(closed))}: Permission denied; let user \d+ read it\n", said)
    code, _, said = dq(place, "profile", "landing")
    assert (code, said.partition(";")[0]) == (3, "dq: landing/trips/2026-03-01.csv: Permission denied")
    code, out, _ = dq(place, "gate", "--json")
    held, promoted = map(json.loads, out.splitlines())
    assert code == 3
    assert (held["partition"], held["verdict"], promoted["verdict"]) == ("2026-03-01.csv", "hold", "promote")
    assert "Permission denied" in held["reasons"][0]["message"]
    assert published(place) == ["2026-03-02.csv"]  # held partitions stop nobody else
    assert not (place / "quarantine").exists()
    closed.chmod(0o600)
    assert dq(place, "gate")[0] == 0
    assert published(place) == ["2026-03-01.csv", "2026-03-02.csv"]


@pytest.mark.usefixtures("without_judge")
@pytest.mark.parametrize("folder", ["landing/trips", "landing"])
def test_a_folder_that_may_not_be_listed_is_a_hold_of_the_source(place: Path, folder: str) -> None:
    (place / folder).chmod(0)
    code, out, said = dq(place, "gate")
    assert (code, out) == (3, "")
    assert "Permission denied" in said
    (place / folder).chmod(0o700)
    assert dq(place, "gate")[0] == 0


@pytest.mark.usefixtures("without_judge")
@pytest.mark.parametrize("zone", ["curated", "_dq"])
def test_a_zone_that_may_not_be_written_is_a_hold_and_is_finished_later(place: Path, zone: str) -> None:
    closed = place / zone
    closed.mkdir(mode=0o500)
    code, out, said = dq(place, "gate")
    assert code == 3
    assert (out + said).count("Permission denied") == 1, "two partitions alike, told once"
    assert "dq show" not in out, "it would know of nothing that is wrong"
    assert published(place) == []
    closed.chmod(0o700)
    assert dq(place, "gate")[0] == 0
    assert published(place) == ["2026-03-01.csv", "2026-03-02.csv"]


@pytest.mark.usefixtures("without_judge")
def test_a_contract_that_may_not_be_read_stops_before_anything_is_read(place: Path) -> None:
    (place / "suites" / "trips.yaml").chmod(0)
    code, out, said = dq(place, "gate")
    assert (code, out) == (2, "")
    assert said.startswith("dq: ")
    assert "suites/trips.yaml: Permission denied" in said
    assert not (place / "_dq").exists()
