"""Killed before and after every store operation and started again, the gate finishes the same move."""

from __future__ import annotations

import os
from collections import Counter
from itertools import chain, product

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place

OLD, REVISED, NEW = range(40), range(100, 140), range(200, 240)
GOOD = [*range(401, 420), *range(421, 440)]
PARTITIONS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03", "dt=2026-03-04")
EVERY = int(os.environ.get("DQ_TEST_EVERY", "97"))


def points(count: int, every: int) -> list[int]:
    """Which of the steps 1 to count; the last is one."""
    return sorted({*range(1, count + 1, every), count} - {0})


def whole(place: Place) -> bool:
    """Each reader that knows nothing of the gate sees old or revised, new or none, good or none; never a part."""
    seen = [Counter(chain(*sets)) for sets in product((OLD, REVISED), (NEW, ()), (GOOD, ()))]
    if "generations" in place.settings.read_text():
        seen = [Counter()]
    return all(found in seen for found in place.naive().values())


def recover(warm: Warm, place: Place, world: law.World) -> None:
    """Start again: finished; and again: nothing changes."""
    out = place.root / "out"
    out.unlink(missing_ok=True)
    (code,) = warm(place, out=str(out))
    said = out.read_text()
    assert code in (0, 1), said[-1000:]
    law.at_any_moment(world)
    law.i6_everything_landed_is_finished(world, PARTITIONS)
    law.i9_success_is_what_readers_see(world, law.documents_in(said))
    before = place.everything()
    assert warm(place) == [0]
    law.i5_running_again_changes_nothing(before, place.everything())


def kill_at(warm: Warm, scene: Scene, n: int) -> None:
    place = scene.fresh()
    world = place.world()
    (code,) = warm(place, act="kill", at=n)
    assert code == -9
    law.at_any_moment(world)
    assert whole(place), f"killed at step {n}: {place.naive()}"
    if scene.is_new(place):
        recover(warm, place, world)
        assert whole(place)
    scene.done(place)


def test_killed_at_store_operations(warm: Warm, scene: Scene) -> None:
    count = len(warm.steps(scene.fresh()))
    assert count > 60
    for n in points(count, EVERY):
        kill_at(warm, scene, n)


@pytest.mark.soak
def test_killed_at_every_store_operation(warm: Warm, scene: Scene) -> None:
    for n in points(len(warm.steps(scene.fresh())), 1):
        kill_at(warm, scene, n)


@pytest.mark.soak
def test_killed_twice(warm: Warm, scene: Scene) -> None:
    count = len(warm.steps(scene.fresh()))
    for n in points(count, 5):
        place = scene.fresh()
        world = place.world()
        for at in (n, max(1, count - n), 3):
            warm(place, act="kill", at=at)
            law.at_any_moment(world)
            assert whole(place)
        if scene.is_new(place):
            recover(warm, place, world)
        scene.done(place)
