"""A gate on S3 that dies at any request, before it is sent or after it was done, or sleeps there: run again, it
finishes the same move, and brings nothing old back.

Dead is who sends nothing any more: S3 sees no difference, and a process per request would cost its start. Some gates
are killed and stopped as processes all the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dq.stores.s3.access import Access
from tests.conftest import configure
from tests.s3.place import before, kind
from tests.survival import invariants
from tests.survival.conftest import Covers, Warm
from tests.survival.scene_s3 import PARTITIONS, S3Scene

# Where a gate is slow enough to renew its lease, the thread that does so dies with it.
pytestmark = pytest.mark.filterwarnings("ignore:Exception in thread dq-lease")
EVERY = int(os.environ.get("DQ_TEST_EVERY", "17"))


class Dead(BaseException):
    pass


class Death:
    """Counts requests; at the n-th it dies, and from then on everything it tries to send does."""

    def __init__(self, at: int = -1, after: bool = False, on: str = "") -> None:
        self.at, self.after, self.on, self.seen = at, after, on, 0
        self.asked = ""  # what it dies at

    def __call__(self, request: Any) -> None:
        if self.asked:
            raise Dead
        if self.on not in request.url:
            return
        n, self.seen = self.seen, self.seen + 1
        if n != self.at:
            return
        self.asked = kind(request)
        if self.after:
            Access().clients[0]._endpoint.http_session.send(request)
        raise Dead

    def during(self, act: Callable[[], object]) -> int:
        with before("", self), before("", self, client=1):
            act()
        return self.seen


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead give none back."""
    monkeypatch.setattr("dq.stores.s3.lease.SECONDS", -1.0)
    monkeypatch.setattr("dq.stores.s3.lease.RENEW_SECONDS", 3600.0)  # no request but those of the gate


@pytest.fixture(scope="module")
def made(request: Any, tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> S3Scene:
    with pytest.MonkeyPatch.context() as patch:
        configure(s3_endpoint, patch)
        return S3Scene(tmp_path_factory.mktemp("place"), ranged=getattr(request, "param", False))


@pytest.fixture
def scene(made: S3Scene, s3: str) -> S3Scene:
    return made.fresh()


def dies(scene: S3Scene, after: bool, start: int = 0, step: int = 1, on: str = "") -> Counter[str]:
    """At every `step`-th request about a key with `on` in it; at which."""
    found: Counter[str] = Counter()
    for n in range(start, Death(on=on).during(scene.fresh().gate), step):
        death = Death(n, after, on)
        with pytest.raises(Dead):
            death.during(scene.fresh().gate)
        found[death.asked] += 1
        scene.holds()
        scene.finishes()
    return found


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_requests(scene: S3Scene, after: bool) -> None:
    assert dies(scene, after, 11 + 8 * after, 2 * EVERY).total() >= 3


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_every_request(scene: S3Scene, after: bool, covers: Covers) -> None:
    found = dies(scene, after)
    covers(found)
    assert found.total() > 100


@pytest.mark.soak
@pytest.mark.parametrize("made", [True], ids=["ranged"], indirect=True)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_every_request_about_ranges(scene: S3Scene, after: bool, covers: Covers) -> None:
    found = dies(scene, after, on="/landing/")
    covers(found)
    assert found["GetObject of a range"] >= 5


ENDED = """
import os, sys
from dq.stores.s3.access import Access
from dq.cli import main
left, signal = int(sys.argv[1]), int(sys.argv[2])
def end(request, **_):
    global left
    left -= request.method == "PUT"
    if request.method == "PUT" and left == 0:
        os.kill(os.getpid(), signal)
for client in Access().clients:
    client.meta.events.register("before-send.s3", end)
sys.exit(main(["gate", "--config", sys.argv[3]]))
"""


def process(scene: S3Scene, signal: int, puts: int) -> subprocess.Popen[bytes]:
    """A gate that ends itself before it puts so many objects."""
    command = [sys.executable, "-c", ENDED, str(puts), str(int(signal)), str(scene.settings)]
    return subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL)


def test_killed_as_a_process(scene: S3Scene) -> None:
    assert process(scene, signal.SIGKILL, 9).wait() == -signal.SIGKILL
    scene.holds()
    scene.finishes()


def stopped(scene: S3Scene, puts: int, meanwhile: Callable[[], object]) -> bool:
    """Whether there was a gate that slept meanwhile, longer than its lease."""
    with process(scene, signal.SIGSTOP, puts) as gate:
        stops = os.waitid(os.P_PID, gate.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert stops is not None
        if stops.si_code != os.CLD_STOPPED:
            return False
        meanwhile()
        os.kill(gate.pid, signal.SIGCONT)
        assert gate.wait() in (0, 1, 3)
        return True


def test_stopped_for_longer_than_its_lease(scene: S3Scene) -> None:
    assert stopped(scene, 12, scene.finishes)
    scene.is_finished([])


@pytest.mark.soak
def test_stopped_anywhere_for_longer_than_its_lease(scene: S3Scene, covers: Covers) -> None:
    puts = 1
    while stopped(scene.fresh(), puts, scene.finishes):
        scene.is_finished([])
        puts += 1
    covers(Counter(points=puts - 1))
    assert puts > 20


def test_eight_gates_at_once_publish_one_lineage(scene: S3Scene, warm: Warm, s3: str) -> None:
    """With no lock between them, and S3 doing one write after the other."""
    env = {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
    codes = warm(scene, gates=8, locks=False, env=env, command=["gate", "trips", "--partition", "2026-03-02"])
    assert set(codes) <= {0, 3}
    assert 0 in codes
    world = scene.world()
    invariants.at_any_moment(world)
    assert [len(p) for p in world.history.publications("trips").values()] == [1, 1]
    assert len(world.history.decisions("trips")[PARTITIONS[1]]) == 1
    scene.finishes()


@pytest.mark.parametrize("how", ["the same", "replaced", pytest.param("added", marks=pytest.mark.soak)])
@pytest.mark.parametrize("at", ["decision", "pointer"])
def test_a_gate_that_sleeps_brings_nothing_old_back(scene: S3Scene, how: str, at: str) -> None:
    """It stops where it is about to decide or to move the pointer; meanwhile another one does all of it, with what is
    in landing by then."""
    slept: list[str] = []
    name = {"decision": "history/decisions/trips/dt%3D2026-03-02", "pointer": "trips/dt%3D2026-03-02/_current.json"}[at]

    def sleep(request: Any) -> None:
        if slept or name not in request.url.replace("%253D", "%3D"):
            return
        slept.append(request.url)
        if how != "the same":
            key = f"landing/trips/{PARTITIONS[1]}/part-{1 if how == 'replaced' else 2}.parquet"
            scene.put(key, scene.table(700, 20))
        scene.gate()

    with before("PutObject", sleep, client=1):
        scene.tried()
    assert slept
    wanted = {"the same": range(200, 240), "replaced": [*range(200, 220), *range(700, 720)],
              "added": [*range(200, 240), *range(700, 720)]}[how]  # fmt: skip
    world = scene.world()
    invariants.at_any_moment(world)
    seen = world.visible()[PARTITIONS[1]]
    assert scene.ids_in([f"curated/{seen.path}/{f.path}" for f in seen.files]) == [*wanted]
    scene.gate()
    invariants.i6_everything_landed_is_finished(scene.world(), PARTITIONS)
