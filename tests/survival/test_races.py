"""Many gates at once, gates told to stop, producers that write while a gate reads."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place
from tests.survival.test_kills import PARTITIONS, points, recover, whole

EVERY = int(os.environ.get("DQ_TEST_EVERY", "97"))
HOW = ("replace", "overwrite", "append", "remove", "add")


def alone(place: Place, partitions: int) -> None:
    """One decision and one publication each, and nothing left half done."""
    world = place.world()
    law.at_any_moment(world)
    decisions = world.history.decisions("trips")
    assert {len(by_digest) for by_digest in decisions.values()} == {1}
    assert len(place.records("decisions")) == len(decisions) == partitions
    assert len(place.records("published")) == partitions
    law.i6_everything_landed_is_finished(world, decisions)
    assert not list((place.root / "curated").glob(".dq/staging/*/*"))


@pytest.mark.parametrize("layout", ["flat", "generations"])
@pytest.mark.parametrize("locks", [True, False], ids=["locked", "no locks"])
def test_eight_gates_on_one_partition(warm: Warm, tmp_path: Path, layout: str, locks: bool) -> None:
    place = Place(tmp_path / "place", layout)
    place.land("2026-03-01", 0)
    out = place.root / "said"
    codes = warm(place, gates=8, locks=locks, arguments=["trips", "--partition", "2026-03-01"], out=str(out))
    assert codes == [0] * 8, [d["reasons"] for d in law.documents_in(out.read_text())]
    alone(place, 1)


@pytest.mark.parametrize("layout", ["flat", "generations"])
@pytest.mark.parametrize("locks", [True, False], ids=["locked", "no locks"])
def test_eight_gates_on_a_source(warm: Warm, tmp_path: Path, layout: str, locks: bool) -> None:
    place = Place(tmp_path / "place", layout)
    for day in range(1, 51 if locks else 7):
        place.land(f"2026-{3 + day // 31:02}-{1 + day % 28:02}", day * 100, files=1)
    partitions = len(list((place.root / "landing" / "trips").iterdir()))
    codes = warm(place, gates=8, locks=locks)
    assert set(codes) <= ({0} if locks else {0, 3})
    warm(place)
    alone(place, partitions)


@pytest.mark.parametrize("layout", ["flat", "generations"])
def test_eight_gates_on_a_revision(warm: Warm, tmp_path: Path, layout: str) -> None:
    place = Place(tmp_path / "place", layout)
    for revision in (1, 2, 3):
        place.land("2026-03-01", revision * 1000)
        codes = warm(place, gates=8, locks=False)
        assert set(codes) <= {0, 3}
        warm(place)
        law.at_any_moment(place.world())
        assert len(place.records("published")) == revision


def test_told_to_stop(warm: Warm, scene: Scene) -> None:
    count = len(warm.steps(scene.fresh()))
    for n in points(count, EVERY):
        place = scene.fresh()
        world = place.world()
        out = place.root / "said"
        assert warm(place, act="terminate", at=n, out=str(out)) == [3]
        assert "interrupted; run the same command again to finish" in out.read_text()
        law.at_any_moment(world)
        assert whole(place)
        recover(warm, place, world)
        scene.done(place)


def meddle(warm: Warm, scene: Scene, n: int, how: str, content: Path) -> None:
    """Whatever is published afterwards is one state of landing, whole, with a decision of its own."""
    place = scene.fresh()
    file = place.root / "landing" / "trips" / "dt=2026-03-02" / "part-1.parquet"
    order = {"file": str(file), "how": how, "content": str(content)}
    (code,) = warm(place, act="meddle", at=n, **order)
    assert code in (1, 3)
    world = place.world()
    for _ in range(2 * scene.is_new(place)):
        law.at_any_moment(world)
        part, rest = Counter(range(200, 220)), Counter(range(220, 240))
        other = Counter(range(900, 920))
        states = (Counter(), part + rest, part, part + other, part + rest + other)
        rows = [{i: c for i, c in found.items() if 200 <= i < 300 or i >= 900} for found in place.naive().values()]
        assert all(Counter(found) in states for found in rows), (n, how, rows)
        warm(place)
        law.i6_everything_landed_is_finished(world, PARTITIONS)
    scene.done(place)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """As long as what it replaces, and other rows."""
    file = tmp_path / "other.parquet"
    pyarrow.parquet.write_table(pa.table({"id": list(range(900, 920)), "fare": [5.0] * 20}), file)
    return file


def test_landing_changes_between_steps(warm: Warm, scene: Scene, content: Path) -> None:
    count = len(warm.steps(scene.fresh()))
    for i, n in enumerate(points(count, EVERY)):
        meddle(warm, scene, n, HOW[i % len(HOW)], content)


@pytest.mark.soak
@pytest.mark.parametrize("how", HOW)
def test_landing_changes_between_any_two_steps(warm: Warm, scene: Scene, content: Path, how: str) -> None:
    for n in points(len(warm.steps(scene.fresh())), 1):
        meddle(warm, scene, n, how, content)
