"""The order of fsync, link and rename, read from a trace: what a kill cannot show and a power cut would."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import product

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import ZONES, Place
from tests.survival.test_faults import ERRORS, one_clear_line
from tests.survival.test_kills import recover, whole
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
    for n in count(warm, scene, call):
        disturb(warm, scene, f"inject={call}:signal=SIGKILL:when={n}", (-9, 1))


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("call", ["mkdir", "openat", "write", "fsync", "rename", "renameat2", "link"])
def test_every_system_call_fails_once(warm: Warm, scene: Scene, call: str) -> None:
    """But with ENOENT, which is an answer. Files outside the zones are not opened by the gate's own will."""
    calls = count(warm, scene, call, below=ZONES if call == "openat" else ("",))
    for n, error in product(calls, (*ERRORS, "ENFILE", "ESTALE") if call == "openat" else ERRORS):
        disturb(warm, scene, f"inject={call}:error={error}:when={n}", (1, 3))


def count(warm: Warm, scene: Scene, call: str, below: Iterable[str] = ("",)) -> list[int]:
    """Which of the calls, by number, name something below these folders of the place."""
    place = scene.fresh()
    log = place.root / "strace.log"
    warm(place, strace=["-s", "4096", "-e", f"trace={call}", "-o", str(log)])
    found = [line for line in log.read_text().splitlines() if line.startswith(f"{call}(")]
    scene.done(place)
    named = [f'"{place.root}/{folder}' for folder in below] if any(below) else [""]
    return [n for n, line in enumerate(found, 1) if any(name in line for name in named)]


def disturb(warm: Warm, scene: Scene, fault: str, codes: tuple[int, ...]) -> None:
    place = scene.fresh()
    world = place.world()
    out = place.root / "said"
    (code,) = warm(place, out=str(out), strace=["-o", "/dev/null", "-e", fault])
    said = out.read_text() if out.exists() else ""
    assert code in codes, f"{fault}: {code}: {said[-2000:]}"
    law.at_any_moment(world)
    assert whole(place), fault
    if code == 3:
        remembered(place, said, fault)
    if scene.is_new(place):
        recover(warm, place, world)
    scene.done(place)


def remembered(place: Place, said: str, fault: str) -> None:
    """Each hold is one clear line, and in history, or a line says that it is not."""
    one_clear_line(said)
    held = {d["partition"] for d in law.documents_in(said) if d["verdict"] == "hold"}
    tried = {a["partition"] for a in place.records("attempts")}
    assert not held - tried or "without a record in history" in said, f"{fault}: {held - tried}: {said[-2000:]}"
