"""The order of fsync, link and rename, read from a trace: what a kill cannot show and a power cut would."""

from __future__ import annotations

import shutil
from itertools import product

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import Place
from tests.survival.test_faults import ERRORS
from tests.survival.test_kills import points, recover, whole
from tests.survival.trace import Disk, Event, parent, parse

CALLS = "mkdir,mkdirat,open,openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def traced(warm: Warm, place: Place) -> list[Event]:
    log = place.root / "strace.log"
    out = str(place.root / "said")
    assert warm(place, out=out, strace=["-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]) == [1]
    found = parse(log.read_text().splitlines(), str(place.root))
    log.unlink()
    return [e for e in found if not e.paths[-1].endswith(("strace.log", "/said"))]


@needs_strace
def test_what_becomes_visible_is_on_disk_before(warm: Warm, scene: Scene) -> None:
    """Content and inner names are fsynced before a file or folder gets the name it is looked for under."""
    place = scene.fresh()
    disk = Disk()
    shown = [
        e for e in disk.run(traced(warm, place)) if not (left := disk.unsafe(e.paths[0])) or pytest.fail(f"{e} {left}")
    ]
    assert len([e for e in shown if e.call.startswith("rename")]) >= 2
    assert len([e for e in shown if e.call.startswith("link")]) >= 9


@needs_strace
def test_one_step_is_on_disk_before_the_next_begins(warm: Warm, scene: Scene) -> None:
    """Documents before decisions, decisions before the move, the move before its publication; nothing is left to the
    kernel in the end."""
    place = scene.fresh()
    history, curated = f"{place.root}/_dq/", f"{place.root}/curated/"
    disk = Disk()
    kinds = []
    for event in disk.run(traced(warm, place)):
        kind = event.paths[1].removeprefix(history).split("/")[0] if event.paths[1].startswith(history) else ""
        if event.paths[1].startswith(curated):
            kind = "staged" if "/.dq/" in event.paths[1] else "shown"
        visible = {n for n in disk.names if parent(n) != parent(event.paths[0]) and n.rpartition("/")[2][:1] != "."}
        loose = {n for n in visible if "/staging/" not in n and "/locks/" not in n and "/pending" not in n}
        assert not loose - {event.paths[0]}, f"{event}: not on disk yet: {loose}"
        kinds.append(kind)
    assert not {n for n in disk.names if "/.dq/" not in n and "/locks/" not in n and "/." not in n}
    order = [k for k in kinds if k in ("documents", "decisions", "shown", "published")]
    promoted = ["documents", "decisions", "shown", "published"]
    assert order == promoted * 2 + ["documents", "decisions"] + promoted


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("call", ["mkdir", "openat", "write", "fsync", "rename", "renameat2", "link", "unlink"])
def test_killed_at_every_system_call(warm: Warm, scene: Scene, call: str) -> None:
    for n in points(count(warm, scene, call), 1):
        disturb(warm, scene, f"inject={call}:signal=SIGKILL:when={n}", (-9, 1))


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("call", ["mkdir", "write", "fsync", "rename", "renameat2", "link"])
def test_every_system_call_fails_once(warm: Warm, scene: Scene, call: str) -> None:
    for n, error in product(points(count(warm, scene, call), 1), ERRORS):
        disturb(warm, scene, f"inject={call}:error={error}:when={n}", (1, 3))


def count(warm: Warm, scene: Scene, call: str) -> int:
    place = scene.fresh()
    log = place.root / "strace.log"
    warm(place, strace=["-e", f"trace={call}", "-o", str(log)])
    found = sum(line.startswith(f"{call}(") for line in log.read_text().splitlines())
    scene.done(place)
    return found


def disturb(warm: Warm, scene: Scene, fault: str, codes: tuple[int, ...]) -> None:
    place = scene.fresh()
    world = place.world()
    (code,) = warm(place, strace=["-o", "/dev/null", "-e", fault])
    assert code in codes, fault
    law.at_any_moment(world)
    assert whole(place), fault
    if scene.is_new(place):
        recover(warm, place, world)
    scene.done(place)
