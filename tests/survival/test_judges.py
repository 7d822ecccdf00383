"""The gate, its judge process, or both are killed while one works for the other: nothing is lost, and no process and no
folder is left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place
from tests.survival.test_kills import points, recover, whole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENDS = {"kill": {-9}, "kill both": {-9}, "terminate": {3}, "kill judge": {1, 3}}


def judges_of(place: Place) -> list[int]:
    """Judge processes whose folder is in the place."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"dq.isolation" in (process / "cmdline").read_bytes():
                found += [int(process.name)] * (str(place.root).encode() in (process / "environ").read_bytes())
        except OSError:
            continue
    return found


def no_judge_is_left(place: Place) -> None:
    until = time.monotonic() + 20
    while judges_of(place):
        assert time.monotonic() < until, "a judge process outlives its gate"
        time.sleep(0.01)


def isolated(scene: Scene) -> Place:
    place = scene.fresh()
    layout = "generations" if "generations" in place.settings.read_text() else "flat"
    place.layout(layout, isolated=True)
    return place


def end_at(warm: Warm, scene: Scene, n: int, act: str, *, again_isolated: bool = False) -> int:
    place = isolated(scene)
    world = place.world()
    (code,) = warm(place, act=act, at=n, out=str(place.root / "said"))
    assert code in ENDS[act], (act, n, (place.root / "said").read_text()[-1000:])
    no_judge_is_left(place)
    law.at_any_moment(world)
    assert whole(place)
    if not again_isolated:
        place.settings.write_text(place.settings.read_text().replace("isolated = true", "isolated = false"))
    if scene.is_new(place) or again_isolated:
        recover(warm, place, world)
        assert len(place.records("published")) == 4  # one to begin with, its revision, a new one, a split
        assert whole(place)
        no_judge_is_left(place)
    scene.done(place)
    return code


def steps_from_the_first_scan(warm: Warm, scene: Scene) -> tuple[int, int]:
    """The step at which the second partition is hashed, so that the first, of two files, is being scanned; and all."""
    steps = warm.steps(isolated(scene))
    hashed = [n for n, step in enumerate(steps, 1) if "before landing digest" in step]
    return hashed[2], len(steps)


@pytest.mark.parametrize("scene", ["flat"], indirect=True)
def test_killed_while_judging(warm: Warm, scene: Scene) -> None:
    first, count = steps_from_the_first_scan(warm, scene)
    third = (count - first) // 3
    for act, at in (("kill both", first), ("terminate", first + 4), ("kill", first + third)):
        end_at(warm, scene, at, act)
    assert end_at(warm, scene, first, "kill judge") == 3


@pytest.mark.soak
@pytest.mark.parametrize("act", sorted(ENDS))
def test_killed_while_judging_at_every_step(warm: Warm, scene: Scene, act: str) -> None:
    first, count = steps_from_the_first_scan(warm, scene)
    for n in points(count, 1):
        if n >= first:
            end_at(warm, scene, n, act, again_isolated=n % 7 == 0)
