"""Where folders cannot be exchanged: immutable generations behind a pointer, and readers who know nothing of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import api, config
from tests.survival.place import NOW, Place


def gate(place: Place, **wanted: Any) -> list[dict[str, Any]]:
    return list(api.gate("trips", config=settings(place), now=NOW))


def settings(place: Place) -> config.Config:
    return config.load(place.settings, environment={})


def listed(place: Place) -> Counter[int]:
    files = api.published("trips", config=settings(place))
    return Counter(pl.read_parquet(files, hive_partitioning=False)["id"]) if files else Counter()


def pointer(place: Place, day: str = "2026-03-01") -> dict[str, Any]:
    return json.loads((place.root / "curated" / "trips" / f"dt={day}" / "_current.json").read_bytes())  # type: ignore[no-any-return]


@pytest.fixture(params=["forced", "fuse"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "forced":
        return Place(tmp_path / "place", "generations")
    return Place(request.getfixturevalue("passed_through") / tmp_path.name)


def test_a_pointer_tells_of_generations_that_no_pattern_finds(place: Place) -> None:
    folder = place.land("2026-03-01", 0)
    (document,) = gate(place)
    assert document["success"]
    assert Path(document["published"]).is_dir()
    assert {k: set(v) for k, v in place.naive().items()} == {"duckdb": set(), "polars": set(), "pyarrow": set()}
    assert listed(place) == Counter(range(40))
    told = pointer(place)
    assert (told["sequence"], told["digest"], len(told["history"])) == (1, document["digest"], 1)
    generation = place.root / "curated" / told["generation"]
    assert [(generation / f["path"]).read_bytes() for f in told["files"]] == [
        f.read_bytes() for f in sorted(folder.iterdir())
    ]


def test_a_revision_moves_the_pointer_and_keeps_the_past(place: Place) -> None:
    place.land("2026-03-01", 0)
    gate(place)
    place.land("2026-03-01", 100, files=1)
    (document,) = gate(place)
    assert (document["revision"], document["success"]) == (2, True)
    told = pointer(place)
    assert [e["sequence"] for e in told["history"]] == [1, 2]
    assert all((place.root / "curated" / e["generation"]).is_dir() for e in told["history"])
    assert listed(place) == Counter([*range(100, 120), *range(20, 40)])
    assert gate(place) == []


def test_a_zone_may_change_its_layout_and_no_row_is_seen_twice(tmp_path: Path) -> None:
    place = Place(tmp_path / "place", "flat")
    for revision, layout in enumerate(("flat", "generations", "generations", "flat", "flat", "generations"), 1):
        place.layout(layout)
        place.land("2026-03-01", revision * 1000, files=1)
        (document,) = gate(place)
        assert (document["verdict"], document["revision"]) == ("promote", revision), document["reasons"]
        expected = Counter(range(revision * 1000, revision * 1000 + 20))
        assert listed(place) == expected
        seen = expected if layout == "flat" else Counter()
        assert place.naive() == {"duckdb": seen, "polars": seen, "pyarrow": seen}


def test_single_files_have_generations_too(tmp_path: Path) -> None:
    place = Place(tmp_path / "place", "generations")
    (place.root / "suites" / "trips.yaml").write_text('source: trips\nlayout: "{date:%m-%d-%Y}.csv"\n')
    file = place.root / "landing" / "trips" / "03-01-2026.csv"
    for n in (1, 2):
        file.write_text("id\n" + "\n".join(map(str, range(n))) + "\n")
        (document,) = gate(place)
        assert document["success"]
    (current,) = api.published("trips", config=settings(place))
    assert Path(current).read_bytes() == file.read_bytes()
    assert not [p for p in (place.root / "curated" / "trips").rglob("*.csv") if p.is_file()]


def test_what_readers_see_is_known_before_it_is_recorded(place: Place, tmp_path: Path) -> None:
    flat = Place(tmp_path / "flat", "flat")
    for one in (place, flat):
        one.land("2026-03-01", 0)
        gate(one)
        one.land("2026-03-01", 500, files=2)
        gate(one)
        newest = one.root / "_dq" / "published" / "trips" / "dt=2026-03-01" / "2.json"
        newest.unlink()  # as if the gate had been killed between the commit and its record
        assert listed(one) == Counter(range(500, 540))
        (document,) = gate(one)
        assert (document["revision"], document["success"]) == (2, True)
        assert newest.exists()
        assert listed(one) == Counter(range(500, 540))


def test_a_commit_that_was_never_recorded_is_recorded_before_the_next(place: Place, tmp_path: Path) -> None:
    for one in (place, Place(tmp_path / "flat", "flat")):
        for start in (0, 100):
            one.land("2026-03-01", start)
            gate(one)
        (one.root / "_dq" / "published" / "trips" / "dt=2026-03-01" / "2.json").unlink()
        one.land("2026-03-01", 200)
        gate(one)
        digests = [d["digest"] for d in one.records("published")]
        assert len(digests) == len(set(digests)) == 3


def test_content_that_comes_back_is_published_again(place: Place, tmp_path: Path) -> None:
    for one in (place, Place(tmp_path / "flat", "flat")):
        for revision, start in enumerate((0, 100, 0, 100), 1):
            one.land("2026-03-01", start)
            (document,) = gate(one)
            assert (document["success"], document["revision"]) == (True, revision)
            assert listed(one) == Counter(range(start, start + 40))
        (one.root / "_dq" / "published" / "trips" / "dt=2026-03-01" / "4.json").unlink()
        assert gate(one)[0]["revision"] == 4


def test_a_pointer_that_the_gate_did_not_write_is_not_replaced(tmp_path: Path) -> None:
    place = Place(tmp_path / "place", "generations")
    place.land("2026-03-01", 0)
    theirs = place.root / "curated" / "trips" / "dt=2026-03-01" / "_current.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    (document,) = gate(place)
    assert document["verdict"] == "hold"
    assert "_current.json is no pointer of the gate" in document["reasons"][0]["message"]
    assert theirs.read_text() == "mine"


def test_a_layout_that_the_file_system_cannot_keep_is_refused(passed_through: Path, tmp_path: Path) -> None:
    place = Place(passed_through / tmp_path.name, "flat")
    place.land("2026-03-01", 0)
    (document,) = gate(place)
    assert document["verdict"] == "hold"
    assert "can exchange folders" in document["reasons"][0]["message"]
    place.layout("auto")
    assert gate(place)[0]["success"]
