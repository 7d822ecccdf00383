"""Thousands of decided partitions cost a listing; a zone that takes nothing holds the source, not its partitions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.real import ROOT
from tests.survival.conftest import Warm
from tests.survival.place import Place
from tests.survival.test_faults import mount, mounts

__all__ = ["mounts"]
# Engines are not loaded, so that everything that is opened is opened by Python.
OPENS = """
import json, os, sys
from dq.cli import main
here, opened, counts = os.getcwd(), [], []

def opening(event, given):
    if event == "open" and isinstance(given[0], (str, os.PathLike)):
        opened.append(os.fspath(given[0]))

sys.addaudithook(opening)
for command in ("gate", "status"):
    opened.clear()
    code = main([command, "--config", "dq.toml"])
    inside = [p.removeprefix(here + "/") for p in opened if p.startswith(here)]
    data = [p for p in inside if p.startswith(("landing/", "curated/", "quarantine/"))]
    counts.append([code, len(inside), data])
print(json.dumps([counts, sorted({"duckdb", "polars"} & sys.modules.keys())]))
"""


def opens(place: Place) -> list[int]:
    """Files that a gate with nothing new and a status open; none of them is data."""
    ran = subprocess.run(
        [sys.executable, "-c", OPENS], cwd=place.root, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    counts, engines = json.loads(ran.stdout.splitlines()[-1])
    assert engines == [], ran.stderr
    assert [(code, data) for code, _, data in counts] == [(0, []), (0, [])], ran.stderr
    return [count for _, count, _ in counts]


def test_decided_partitions_are_listed_and_nothing_of_them_is_opened(warm: Warm, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    counts = []
    for first, last in ((1, 8), (8, 28)):
        for day in range(first, last):
            place.land(f"2026-03-{day:02}", day * 100, n=3, files=1)
        assert warm(place) == [0]
        counts.append(opens(place))
    assert counts[0] == counts[1], "it opens more the more partitions there are"
    assert sum(counts[0]) > 2  # dq.toml, and the index of history


def test_a_full_zone_holds_the_source_and_parks_nothing(warm: Warm, tmp_path: Path, mounts: list[Path]) -> None:
    place = Place(tmp_path / "place")
    for day in range(1, 10):
        place.land(f"2026-03-{day:02}", day * 100_000, n=2_000, files=1)
    mount(mounts, place.root / "curated", "-t", "tmpfs", "-o", "size=256k", "tmpfs")
    stuffing = place.root / "curated" / "stuffing"
    space = os.statvfs(place.root / "curated")
    stuffing.write_bytes(bytes(space.f_bfree * space.f_frsize - 4096))
    for n in range(4):
        said = place.root / f"said-{n}"
        assert warm(place, out=str(said)) == [3]
        lines = said.read_text().splitlines()
        assert len([line for line in lines if line.startswith("{")]) == 2
        (alert,) = [line for line in lines if not line.startswith("{")]
        assert alert.startswith("dq: trips: cannot ")
        assert alert.endswith("(ENOSPC); 3 partitions in a row ended so: the others are left for the next run")
    attempts = place.records("attempts")
    assert sorted((a["partition"], a["counts"]) for a in attempts) == [
        (f"dt=2026-03-0{day}", False) for day in (1, 2, 3)
    ], "more than what was seen first, or what parks"
    assert all("(ENOSPC)" in a["why"] for a in attempts)
    stuffing.unlink()
    place.root.joinpath("curated/.dq").mkdir(exist_ok=True)
    warm(place)
    assert len(place.records("published")) == 9
