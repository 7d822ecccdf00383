"""A gate on S3 that dies at any request, before it is sent or after it was done: run again, it finishes the same move.

Dead is who sends nothing any more: S3 sees no difference, and a process per request would cost its start. One gate is
killed as a process all the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dq.errors import HoldError
from dq.stores.s3.access import Access
from tests.conftest import make_bucket
from tests.s3.place import S3Place
from tests.survival import invariants

PARTITIONS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03")


class Dead(BaseException):
    pass


class Death:
    """Counts requests; at the n-th it dies, and from then on everything it tries to send does."""

    def __init__(self, at: int = -1, after: bool = False) -> None:
        self.at, self.after, self.seen = at, after, list[str]()

    def __call__(self, request: Any, **_: Any) -> None:
        self.seen.append(request.method)
        n = len(self.seen) - 1
        if self.at < 0 or n < self.at:
            return
        if n == self.at and self.after:
            Access().clients[0]._endpoint.http_session.send(request)
        raise Dead

    def __enter__(self) -> Death:
        for client in Access().clients:
            client.meta.events.register("before-send.s3", self)
        return self

    def __exit__(self, *_: object) -> None:
        for client in Access().clients:
            client.meta.events.unregister("before-send.s3", self)


def scene(root: Path) -> S3Place:
    """One partition to be revised, one new, one bad; the gate has yet to see them."""
    place = S3Place(root, make_bucket())
    place.land("2026-03-01", 0, files=1)
    place.gate()
    place.world().quarantine.put_if_absent(".dq/seen", b"")  # has the store probed
    place.land("2026-03-01", 100, files=1)
    place.land("2026-03-02", 200, files=2)
    place.land("2026-03-03", 300, files=1, fare=-1.0)
    return place


def finishes(place: S3Place) -> None:
    invariants.at_any_moment(place.world())
    seen = place.ids()
    assert seen[:20] in ([*range(20)], [*range(100, 120)]), "one revision or the other, whole"
    assert seen[20:] in ([], [*range(200, 240)])
    documents = place.gate()
    world = place.world()
    invariants.at_any_moment(world)
    invariants.i6_everything_landed_is_finished(world, PARTITIONS)
    invariants.i9_success_is_what_readers_see(world, documents)
    assert place.ids() == [*range(100, 120), *range(200, 240)]
    lasting = place.lasting()
    place.gate()
    assert place.lasting() == lasting


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead give none back."""
    monkeypatch.setattr("dq.stores.s3.lease.SECONDS", -1.0)


def dies(tmp_path: Path, after: bool, start: int, step: int, *methods: str) -> int:
    """At every `step`-th request of these methods; at how many."""
    place = scene(tmp_path / "counted")
    with Death() as counted:
        place.gate()
    tried = [n for n, method in enumerate(counted.seen) if method in methods][start::step]
    for n in tried:
        place = scene(tmp_path / f"{n}")
        with Death(n, after), pytest.raises(Dead):
            place.gate()
        finishes(place)
    return len(tried)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_requests_that_change_something(tmp_path: Path, s3: str, after: bool) -> None:
    assert dies(tmp_path, after, int(after) * 6, 12, "PUT", "POST", "DELETE") >= 3


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dies_at_every_request(tmp_path: Path, s3: str, after: bool) -> None:
    assert dies(tmp_path, after, 0, 1, "PUT", "POST", "DELETE", "GET", "HEAD") > 50


KILLED = """
import os, signal, sys
from dq.stores.s3.access import Access
from dq.cli import main
left = int(sys.argv[1])
def kill(request, **_):
    global left
    left -= request.method == "PUT"
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
for client in Access().clients:
    client.meta.events.register("before-send.s3", kill)
main(["gate", "--config", sys.argv[2]])
"""


def test_killed_as_a_process(tmp_path: Path, s3: str) -> None:
    place = scene(tmp_path)
    ended = subprocess.run([sys.executable, "-c", KILLED, "9", str(place.settings)], env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    finishes(place)


def test_requests_that_fail_for_a_while_hold_and_are_done_next_time(tmp_path: Path, s3: str) -> None:
    """Each request in turn is answered with an error of the server, every time it is tried."""
    from botocore.awsrequest import AWSResponse

    class Failing(Death):
        def __call__(self, request: Any, **_: Any) -> Any:
            self.seen.append(request.method)
            if request.method == "PUT" and self.seen.count("PUT") == self.at:
                return AWSResponse(request.url, 403, {}, Body(b"<Error><Code>AccessDenied</Code></Error>"))
            return None

    for n in (3, 8):
        place = scene(tmp_path / str(n))
        with Failing(n):
            try:
                documents = place.gate()
            except HoldError:
                documents = []
        invariants.at_any_moment(place.world())
        invariants.i9_success_is_what_readers_see(place.world(), [d for d in documents if d["verdict"] != "hold"])
        finishes(place)


class Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self.content]

    def read(self, *_: Any) -> bytes:
        return self.content


def test_gates_at_once_publish_one_lineage(tmp_path: Path, s3: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    place = scene(tmp_path)
    command = [sys.executable, "-m", "dq", "gate", "--config", str(place.settings)]
    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(lambda _: subprocess.run(command, env=dict(os.environ)).returncode, range(3)))
    assert set(codes) <= {0, 1, 3}
    finishes(place)


@pytest.mark.parametrize("landed", [False, True], ids=["the same landing", "a newer landing"])
def test_a_gate_that_slept_past_its_lease_brings_nothing_old_back(tmp_path: Path, s3: str, landed: bool) -> None:
    """It stops where it is about to move the pointer; meanwhile another one takes the lease over and does all of it."""
    place = scene(tmp_path)
    slept: list[str] = []

    def sleep(request: Any, **_: Any) -> None:
        if not slept and request.url.endswith("_current.json"):
            slept.append(request.url)
            if landed:
                place.land("2026-03-01", 700, files=1)
            place.gate()

    events = Access().clients[1].meta.events
    events.register("before-send.s3.PutObject", sleep)
    try:
        documents = place.gate()
    finally:
        events.unregister("before-send.s3.PutObject", sleep)
    assert slept
    first = 700 if landed else 100
    assert place.ids()[-20:] == [*range(first, first + 20)] or place.ids()[:20] == [*range(first, first + 20)]
    world = place.world()
    invariants.at_any_moment(world)
    invariants.i9_success_is_what_readers_see(world, [d for d in documents if d["verdict"] != "hold" and not landed])
    place.gate()
    invariants.at_any_moment(place.world())
    invariants.i6_everything_landed_is_finished(place.world(), PARTITIONS)
