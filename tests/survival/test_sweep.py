"""What gc takes away is never anything that readers, pointers or an unfinished move need."""

from __future__ import annotations

import os

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place
from tests.survival.test_kills import PARTITIONS, recover

EVERY = int(os.environ.get("DQ_TEST_EVERY", "53"))
GC = ["gc", "trips", "--json"]


def age(place: Place, days: float = 2.0) -> None:
    """Everything happened that much earlier, in the same order."""
    for zone in ("curated", "quarantine", "_dq"):
        for path in (place.root / zone).rglob("*"):
            if path.is_file():
                found = path.stat()
                os.utime(path, (found.st_atime - days * 86400, found.st_mtime - days * 86400))


def keep(place: Place, count: int) -> None:
    text = place.settings.read_text()
    place.settings.write_text(text.replace("[publish]\n", f"[publish]\nkeep = {count}\n"))


def test_a_killed_gate_is_finished_although_gc_ran(warm: Warm, scene: Scene) -> None:
    count = len(warm.steps(scene.fresh()))
    for n in [*range(EVERY, count + 1, 2 * EVERY), count]:
        place = scene.fresh()
        keep(place, 0)
        world = place.world()
        assert warm(place, act="kill", at=n) == [-9]
        age(place)
        assert warm(place, command=GC) == [0]
        law.at_any_moment(world)
        recover(warm, place, world)
        scene.done(place)


def test_gc_killed_at_any_step_harms_nothing_and_is_finished(warm: Warm, scene: Scene) -> None:
    made = scene.fresh()
    warm(made)
    keep(made, 0)
    age(made)
    used = Scene(made, made.root.parent / "used")
    count = len(warm.steps(used.fresh(), command=GC))
    for n in range(1, count + 1, EVERY):
        place = used.fresh()
        world = place.world()
        assert warm(place, act="kill", at=n, command=GC) == [-9]
        law.at_any_moment(world)
        assert warm(place, command=GC) == [0]
        assert not [p for p in place.files("curated") if "/superseded/" in p or "/garbage/" in p]
        law.at_any_moment(world)
        law.i6_everything_landed_is_finished(world, PARTITIONS)
        used.done(place)


@pytest.mark.parametrize("locks", [True, False])
def test_gc_beside_gates(warm: Warm, scene: Scene, locks: bool) -> None:
    """Revision after revision, and everything that lies there already is old enough to go."""
    place = scene.fresh()
    keep(place, 0)
    for start in range(1000, 1300, 100):
        age(place)
        place.land("2026-03-01", start)
        world = place.world()
        codes = warm(place, gates=2, locks=locks, beside=GC)
        assert set(codes) <= {0, 1, 3}
        law.at_any_moment(world)
        warm(place)
        law.i6_everything_landed_is_finished(world, PARTITIONS)
    age(place)
    assert warm(place, command=GC) == [0]
    published = [p for p in place.files("curated") if p.endswith(".parquet")]
    assert len(published) == 6  # two files of three partitions
