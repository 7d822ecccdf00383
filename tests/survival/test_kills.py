"""Killed before and after every store operation and started again, the gate finishes the same move."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, product
from typing import Any

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import ZONES, Place

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


class Changes:
    """Everything in a place, changed one by one; each is undone before the next."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.paths = sorted(p for zone in ZONES for p in (place.root / zone).rglob("*"))
        self.told = [p for p in self.paths if p.suffix == ".json" and p.is_file()]
        text = "\n".join([*map(str, self.paths), *(p.read_text() for p in self.told)])
        self.names = sorted({*re.findall(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])|[0-9a-f]{64}", text)})
        self.times = sorted({*re.findall(r"2\d{3}-\d\d-\d\dT[\d:.]+", text)})

    def of_files(self) -> Iterator[str]:
        """Its name, its kind, what a link names, its last byte; of what landed its time."""
        for path in (p for p in self.paths if "locks" not in p.parts):
            aside = path.with_name(f"{path.name}.aside")
            path.rename(aside)
            yield f"{path} renamed"
            for kind in ("gone", "link", "other link", "pipe", "file", "folder"):
                if kind in ("link", "other link"):
                    path.symlink_to(aside if kind == "link" else self.place.root)
                elif kind == "pipe":
                    os.mkfifo(path)
                elif kind == "file" and not aside.is_file():
                    path.touch()
                elif kind == "folder" and not aside.is_dir():
                    path.mkdir()
                yield f"{path} replaced by {kind}"
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)
            aside.rename(path)
            if path.is_file():
                with_byte = path.read_bytes()
                path.write_bytes(with_byte + b" ")
                yield f"{path} longer"
                path.write_bytes(with_byte)
            if "landing" in path.parts:
                os.utime(path, (1, 1))
                yield f"{path} touched"

    def of_records(self) -> Iterator[str]:
        """Each value of each record: another number, word or list; another run, digest or time that is there too."""
        for path in self.told:
            before = path.read_text()
            for value, span in leaves(before):
                path.write_text(before[: span[0]] + json.dumps(self._other(value)) + before[span[1] :])
                yield f"{path}: {before[max(0, span[0] - 40) : span[1]]}"
            path.write_text(before)

    def _other(self, value: Any) -> Any:
        if not isinstance(value, str):
            return not value if isinstance(value, bool) else (value or 0) + 1
        kinds = [k for k in (self.names, self.times) if value in k]
        return next(o for o in kinds[0] if o != value and len(o) == len(value)) if kinds else value + "x"


def leaves(text: str) -> Iterator[tuple[Any, tuple[int, int]]]:
    """Values of a JSON text that are neither lists nor objects nor names, and where they stand; but times taken."""
    token = re.compile(r'"(?:[^"\\]|\\.)*"(?P<name>\s*:)?|-?\d[\d.eE+-]*|true|false|null')
    name = ""
    for found in token.finditer(text):
        if found["name"]:
            name = found[0]
        elif "seconds" not in name and "memory" not in name:
            yield json.loads(found[0]), found.span()


@pytest.mark.parametrize("scene", ["flat"], indirect=True)
def test_states_that_a_gate_tells_apart_are_not_alike(warm: Warm, scene: Scene) -> None:
    """However a place differs from another one: recovery is rehearsed from both."""
    differ(warm, scene, 601)


@pytest.mark.soak
def test_no_two_states_are_taken_for_one(warm: Warm, scene: Scene) -> None:
    differ(warm, scene, 1)


def differ(warm: Warm, scene: Scene, every: int) -> None:
    place, same = scene.fresh(), scene.fresh()
    assert warm(place) == warm(same) == [1]
    assert place.likeness() == same.likeness(), "recovery would be rehearsed at every point"
    likeness, changes = place.likeness(), Changes(place)
    for n, change in enumerate(chain(changes.of_files(), changes.of_records())):
        if n % every == 0:
            assert place.likeness() != likeness, change
