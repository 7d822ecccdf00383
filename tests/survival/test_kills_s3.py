"""A gate on S3, or a watch, that dies at any request, before it is sent or after it was done, or sleeps there: run
again, it finishes the same move, and brings nothing old back.

Dead is who sends nothing any more: S3 sees no difference, and a process per request would cost its start. Some gates
are killed and stopped as processes all the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from threading import Event, Thread, current_thread
from typing import Any
from urllib.parse import unquote

import pytest

from dq.stores.s3.access import Access
from dq.worker.watch import Watch
from tests.conftest import configure
from tests.s3.place import before, kind
from tests.s3.told import Told
from tests.survival import invariants
from tests.survival.conftest import Covers, Warm
from tests.survival.scene_s3 import PARTITIONS, S3Scene

# Where a gate is slow enough to renew its lease, the thread that does so dies with it.
pytestmark = pytest.mark.filterwarnings("ignore:Exception in thread dq-")
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

    def during(self, act: Callable[[], object], *others: Any) -> int:
        """`others`: clients that it speaks through, beside those of S3."""
        with ExitStack() as stack:
            for client in (0, 1, *others):
                stack.enter_context(before("", self, client))
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
    for n in count(start, step):
        death = Death(n, after, on)
        with suppress(Dead):
            death.during(scene.fresh().gate)
        if not death.asked:
            break
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
    assert found.total() > 80


@pytest.mark.soak
@pytest.mark.parametrize("made", [True], ids=["ranged"], indirect=True)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_every_request_about_ranges(scene: S3Scene, after: bool, covers: Covers) -> None:
    found = dies(scene, after, on="/landing/")
    covers(found)
    assert found["GetObject of a range"] >= 5


def watch(scene: S3Scene, told: Told | None) -> Watch:
    """One that goes by messages alone, or one that looks at everything at once."""
    found = Watch(scene.config(), lambda _: None, 3600.0, told and told.queue)
    found._next += 3600.0 * bool(told)
    return found


def watch_dies(scene: S3Scene, queued: bool, after: bool, n: int) -> str:
    """At what, if there was an n-th request. The next one settles all that was told, and decides nothing twice."""
    scene.fresh()
    told = Told(scene, hidden_seconds=1, tries=9) if queued else None
    if told:
        told.tell(*(k for k in scene.objects("landing/") if k.endswith(".parquet")))
    one, death = watch(scene, told), Death(n, after)
    with suppress(Dead):
        death.during(lambda: one.work(one.wait()), *([told.client] if told else []))
    scene.holds()
    until, other = time.monotonic() + 300, watch(scene, told)
    other.work(other.wait())
    while told and sum(told.left) and time.monotonic() < until:
        time.sleep(0.05)
        other.work(other.wait())
    scene.is_finished([])
    found = scene.world().history.decisions("trips")
    assert {key: len(found[key]) for key in PARTITIONS} == dict.fromkeys(PARTITIONS, 1) | {PARTITIONS[0]: 2}
    assert not told or (told.left, told.attributes(told.dead)["ApproximateNumberOfMessages"]) == ((0, 0), "0")
    assert not scene.objects("history/dirty/")
    return death.asked


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers one request at a time."""
    for name in ("LONGEST_WAIT_SECONDS", "_GATHER_SECONDS"):
        monkeypatch.setattr(f"dq.worker.queue.{name}", 0)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("n", [1, 60])
def test_a_watch_dies(scene: S3Scene, n: int) -> None:
    """Once it has taken its messages, and in the middle of carrying out what they brought."""
    assert watch_dies(scene, True, True, n) != ""


@pytest.mark.soak
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("queued", [False, True], ids=["poll", "queue"])
def test_a_watch_dies_at_every_request(scene: S3Scene, queued: bool, after: bool, covers: Covers) -> None:
    found: Counter[str] = Counter()
    for n in count():
        if not (asked := watch_dies(scene, queued, after, n)):
            break
        found[asked] += 1
    covers(found)
    assert found.total() > 80
    assert not queued or {"ReceiveMessage", "DeleteMessageBatch"} <= found.keys()


ENDED = """
import os, sys
from botocore.httpsession import URLLib3Session
from dq.cli import main
what, left, signal = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
send = URLLib3Session.send
def sent(session, request):
    global left
    met = what in (request.method, str(request.headers.get("X-Amz-Target", b"").decode().rpartition(".")[2]))
    left -= met
    if met and left == 0:
        os.kill(os.getpid(), signal)
    return send(session, request)
URLLib3Session.send = sent
sys.exit(main(sys.argv[4:]))
"""


def process(scene: S3Scene, signal: int, n: int, what: str = "PUT", *command: str) -> subprocess.Popen[bytes]:
    """A gate, or a command, that ends itself before it asks so for the n-th time."""
    given = [*(command or ["gate"]), "--config", str(scene.settings)]
    program = [sys.executable, "-c", ENDED, what, str(n), str(int(signal)), *given]
    return subprocess.Popen(program, env=dict(os.environ), stdout=subprocess.DEVNULL)


def decided(scene: S3Scene) -> tuple[Any, Any, list[str]]:
    """All decisions, publications, and objects in the curated zone."""
    history = scene.world().history
    return history.decisions("trips"), history.publications("trips"), sorted(scene.objects("curated/"))


@pytest.mark.soak
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("at", [("PUT", 9), ("ReceiveMessage", 2), ("DeleteMessageBatch", 1)], ids=lambda at: at[0])
@pytest.mark.parametrize("queued", [False, True], ids=["poll", "queue"])
def test_a_watch_ends_as_a_process(scene: S3Scene, how: int, at: tuple[str, int], queued: bool) -> None:
    """Or stops for longer than its messages are hidden, while another one does all of it."""
    if not queued and at[0] != "PUT":
        pytest.skip("there are no messages")
    told = Told(scene, hidden_seconds=1, tries=9)
    told.tell(*(k for k in scene.objects("landing/") if k.endswith(".parquet")))
    command = ["watch", "--queue", told.queue.url] if queued else ["watch", "--poll", "3600"]
    with process(scene, how, at[1], at[0], *command) as watching:
        os.waitid(os.P_PID, watching.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        scene.holds()
        other, until = watch(scene, told if queued else None), time.monotonic() + 300
        other.work(other.wait())
        while queued and sum(told.left) and time.monotonic() < until:
            time.sleep(0.2)
            other.work(other.wait())
        scene.is_finished([])
        done = decided(scene)
        if how == signal.SIGSTOP:
            os.kill(watching.pid, signal.SIGCONT)
            time.sleep(2)
            watching.send_signal(signal.SIGTERM)
            assert watching.wait() == 0
        else:
            assert watching.wait() == -signal.SIGKILL
    scene.is_finished([])
    *records, objects = decided(scene)
    assert records == list(done[:2]), "nothing twice"
    assert set(objects) <= set(done[2]), "who comes too late takes away what it had begun to copy"


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


class Pausing:
    """A gate in a thread of its own that stops where it is about to put an object, until it may go on."""

    def __init__(self, scene: S3Scene, name: str) -> None:
        self.name, self.there, self.on = name, Event(), Event()
        self.thread = Thread(target=scene.tried)

    def __call__(self, request: Any) -> None:
        if current_thread() is self.thread and self.name in unquote(unquote(request.url)) and not self.there.is_set():
            self.there.set()
            assert self.on.wait(120)

    def start(self) -> None:
        self.thread.start()
        while not self.there.wait(0.05) and self.thread.is_alive():
            pass

    def finish(self) -> None:
        self.on.set()
        self.thread.join()


STEPS = {"decision": "history/decisions/trips/dt=2026-03-02", "pointer": "curated/trips/dt=2026-03-02/_current.json"}


def two_inventories(scene: S3Scene, old_stops: str, new_stops: str, newer_first: bool) -> None:
    """One gate listed before a file was replaced, and one after it: whoever ends first, the newer state wins."""
    old, new = Pausing(scene, STEPS[old_stops]), Pausing(scene, STEPS[new_stops])
    with before("PutObject", old, client=1), before("PutObject", new, client=1):
        old.start()
        assert old.there.is_set()
        scene.put(f"landing/trips/{PARTITIONS[1]}/part-1.parquet", scene.table(700, 20))
        new.start()
        for one in (new, old) if newer_first else (old, new):
            one.finish()
            invariants.at_any_moment(scene.world())
    world = scene.world()
    seen = world.visible()[PARTITIONS[1]]
    assert scene.ids_in([f"curated/{seen.path}/{f.path}" for f in seen.files]) == [*range(200, 220), *range(700, 720)]
    scene.gate()
    invariants.i6_everything_landed_is_finished(scene.world(), PARTITIONS)


def test_two_inventories(scene: S3Scene) -> None:
    two_inventories(scene, "decision", "pointer", newer_first=False)


@pytest.mark.soak
@pytest.mark.parametrize("newer_first", [True, False], ids=["newer first", "older first"])
@pytest.mark.parametrize("new_stops", STEPS)
@pytest.mark.parametrize("old_stops", STEPS)
def test_two_inventories_anywhere(scene: S3Scene, old_stops: str, new_stops: str, newer_first: bool) -> None:
    two_inventories(scene, old_stops, new_stops, newer_first)


@pytest.mark.soak
@pytest.mark.parametrize("made", [True], ids=["ranged"], indirect=True)
@pytest.mark.parametrize("room", [False, True], ids=["nothing is kept", "kept"])
@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_an_object_replaced_at_any_range_is_never_mixed(
    scene: S3Scene, room: bool, isolated: bool, covers: Covers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one of the same size, so that every range is as good in the other."""
    settings, old, new = scene.settings.read_text(), scene.table(200, 20), scene.table(700, 20)
    assert len(old) == len(new)
    text = settings.replace("isolated = false", f"isolated = {str(isolated).lower()}")
    changed = scene.root / "changed.toml"
    changed.write_text(text if room else text.replace("ranged_bytes", "spool_bytes"))
    monkeypatch.setattr(S3Scene, "settings", changed)
    points = 0
    for n in count(1):
        left = [n]

        def replace(_: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                scene.put(f"landing/trips/{PARTITIONS[1]}/part-0.parquet", new)

        with before("GetObject", replace, on=f"{PARTITIONS[1].replace('=', '%3D')}/part-0"):
            scene.fresh().gate(keys=frozenset({PARTITIONS[1]}))
        if left[0] > 0:
            break
        points += 1
        world = scene.world()
        invariants.at_any_moment(world)
        seen = world.visible()[PARTITIONS[1]]
        read = scene.ids_in([f"curated/{seen.path}/{f.path}" for f in seen.files])
        assert read == [*range(220, 240), *range(700, 720)]
        (document,) = (world.history.document(d) for d in world.history.decisions("trips")[PARTITIONS[1]].values())
        assert document is not None
        assert document["rows"] == 40
    covers(Counter(points=points))
    assert points >= (1 if room else 6), "a file so small comes at once, where there is room"
