"""Disks that are full, read-only or broken: the gate holds, says one line, and finishes when started again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place
from tests.survival.test_kills import PARTITIONS, points, recover, whole

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EROFS", "EMFILE")
EVERY = int(os.environ.get("DQ_TEST_EVERY", "131"))


def one_clear_line(said: str) -> None:
    for word in ("Traceback", "internal error"):
        assert word not in said, [line for line in said.splitlines() if word in line]


def held_or_done(place: Place, world: law.World, code: int, said: str) -> None:
    """Exit 3 with the reason; or the fault hit nothing that mattered, and all is done."""
    one_clear_line(said)
    law.at_any_moment(world)
    assert whole(place)
    held = [d for d in law.documents_in(said) if d["verdict"] == "hold"]
    if code == 3:
        told = [r["message"] for d in held for r in d["reasons"]] + [x for x in said.splitlines() if x[:1] != "{"]
        assert any(why in line for line in told for why in ("(E", "read back", "failed: OSError")), told[:5]
    else:
        assert code == 1, said[-1000:]
        assert not held
        law.i6_everything_landed_is_finished(world, PARTITIONS)


def fail_at(warm: Warm, scene: Scene, n: int, error: str) -> int:
    place = scene.fresh()
    world = place.world()
    out = place.root / "said"
    (code,) = warm(place, seam="system", act="fail", at=n, errno=error, out=str(out))
    held_or_done(place, world, code, out.read_text())
    if scene.is_new(place):
        recover(warm, place, world)
    scene.done(place)
    return code


def test_a_call_that_fails_once(warm: Warm, scene: Scene) -> None:
    count = len(warm.steps(scene.fresh(), seam="system"))
    assert count > 150
    codes = [fail_at(warm, scene, n, ERRORS[i % len(ERRORS)]) for i, n in enumerate(points(count, EVERY))]
    assert codes.count(3) > len(codes) / 2


@pytest.mark.soak
def test_every_call_fails_once(warm: Warm, scene: Scene) -> None:
    for n, error in product(points(len(warm.steps(scene.fresh(), seam="system")), 1), ERRORS):
        fail_at(warm, scene, n, error)


@pytest.mark.soak
def test_killed_at_every_call(warm: Warm, scene: Scene) -> None:
    for n in points(len(warm.steps(scene.fresh(), seam="system")), 1):
        place = scene.fresh()
        world = place.world()
        assert warm(place, seam="system", act="kill", at=n) == [-9]
        law.at_any_moment(world)
        assert whole(place)
        if scene.is_new(place):
            recover(warm, place, world)
        scene.done(place)


@pytest.fixture
def mounts() -> Iterator[list[Path]]:
    """Folders to be unmounted in the end."""
    if os.geteuid() != 0:
        pytest.skip("file systems are mounted by root")
    mounted: list[Path] = []
    yield mounted
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(mounts: list[Path], folder: Path, *command: str) -> None:
    folder.mkdir(exist_ok=True)
    if subprocess.run(["mount", *command, str(folder)], capture_output=True).returncode != 0:
        pytest.skip(f"mount {' '.join(command)}: not permitted here")
    mounts.append(folder)


@pytest.mark.parametrize("zone", ["curated", "_dq", "quarantine"])
def test_a_full_disk(warm: Warm, tmp_path: Path, mounts: list[Path], zone: str) -> None:
    place = Place(tmp_path / "place")
    mount(mounts, place.root / zone, "-t", "tmpfs", "-o", "size=256k", "tmpfs")
    stuffing = place.root / zone / "stuffing"
    for start, day in enumerate(("2026-03-01", "2026-03-02")):
        place.land(day, start * 100_000, n=2_000, fare=-1.0 if zone == "quarantine" else 1.0)
    for left in (0, 4096, 8192, 16384, 32768):
        stuffing.unlink(missing_ok=True)
        space = os.statvfs(place.root / zone)
        stuffing.write_bytes(bytes(max(0, space.f_bfree * space.f_frsize - left)))
        out = place.root / f"out-{left}"
        (code,) = warm(place, out=str(out))
        one_clear_line(out.read_text())
        law.at_any_moment(place.world())
        assert code == 3 or left >= 8192, left
        if code == 3:
            assert "(ENOSPC)" in out.read_text()
    stuffing.unlink()
    warm(place)  # however often it was tried, nothing is parked
    law.i6_everything_landed_is_finished(place.world(), PARTITIONS[:2])
    assert not list((place.root / "curated").glob(".dq/staging/*/*"))


@pytest.mark.parametrize("zone", ["curated", "_dq", "quarantine"])
def test_a_read_only_zone(warm: Warm, scene: Scene, mounts: list[Path], zone: str) -> None:
    place = scene.fresh()
    folder = place.root / zone
    mount(mounts, folder, "--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    out = place.root / "said"
    world = place.world()
    assert warm(place, out=str(out)) == [3]
    one_clear_line(out.read_text())
    assert "(EROFS)" in out.read_text()
    law.at_any_moment(world)
    subprocess.run(["umount", str(mounts.pop())], check=True)
    recover(warm, place, world)


def test_no_room_for_temporary_files(warm: Warm, scene: Scene) -> None:
    place = scene.fresh()
    world = place.world()
    text = place.settings.read_text()
    place.settings.write_text(f'{text}temp = "{place.root}/nowhere"\n')
    out = place.root / "said"
    assert warm(place, out=str(out)) == [3]
    held_or_done(place, world, 3, out.read_text())
    place.settings.write_text(text)
    recover(warm, place, world)


def test_a_file_where_a_folder_should_be(warm: Warm, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.land("2026-03-01", 0)
    (place.root / "_dq").mkdir()
    (place.root / "_dq" / "decisions").write_text("in the way")
    out = place.root / "said"
    assert warm(place, out=str(out)) == [3]
    one_clear_line(out.read_text())
    assert "(ENOTDIR)" in out.read_text()


def test_no_more_open_files(warm: Warm, scene: Scene) -> None:
    """With too few open files allowed the gate holds; it never takes its own want for a fault of the data."""
    codes = []
    for limit in (8, 13, 64):
        place = scene.fresh()
        world = place.world()
        out = place.root / "said"
        (code,) = warm(place, open_files=limit, out=str(out))
        codes.append(code)
        held_or_done(place, world, code, out.read_text())
        recover(warm, place, world)
        scene.done(place)
    assert {1, 3} == set(codes)
