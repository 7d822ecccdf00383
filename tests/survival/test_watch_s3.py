"""A `dq watch` that is killed in the middle of its work, and started again: decided, published once, the message gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from dq.worker.watch import Watch
from tests.conftest import make_bucket
from tests.journeys.test_watch import Told
from tests.s3.place import S3Place
from tests.survival import invariants
from tests.survival.conftest import Covers

KILLED = """
import os, signal, sys
from dq.cli import main
from dq.stores.s3.access import Access
from dq.worker import queue
queue.LONGEST_WAIT_SECONDS = queue._GATHER_SECONDS = 0  # the server answers one request at a time
queue.Queue.__init__.__defaults__ = (2,)  # soon the message comes again
left = int(sys.argv[1])
def end(request, **_):
    global left
    left -= request.method == "PUT"
    if request.method == "PUT" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
for client in Access().clients:
    client.meta.events.register("before-send.s3", end)
sys.exit(main(sys.argv[2:]))
"""


def was_killed(told: Told, puts: int) -> bool:
    """Before it put so many objects; or it settled everything first."""
    watch = ["watch", "--queue", told.queue.url, "--config", str(told.place.settings)]
    with subprocess.Popen([sys.executable, "-c", KILLED, str(puts), *watch], stdout=subprocess.DEVNULL) as watching:
        while watching.poll() is None and sum(told.left):
            time.sleep(0.1)
        watching.terminate()
    return watching.returncode == -signal.SIGKILL


@pytest.mark.soak
def test_killed_before_it_puts_any_object(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch, covers: Covers
) -> None:
    for name in ("LONGEST_WAIT_SECONDS", "_GATHER_SECONDS"):
        monkeypatch.setattr(f"dq.worker.queue.{name}", 0)
    monkeypatch.setattr("dq.stores.s3.lease.SECONDS", -1.0)  # the dead give none back
    for puts in count(1):
        place = S3Place(tmp_path / str(puts), make_bucket())
        told = Told(place, hidden_seconds=30)
        told.tell(*place.land("2026-03-01", 0))
        killed = was_killed(told, puts)
        invariants.at_any_moment(place.world())
        watch = Watch(place.config(), told.documents.append, 3600.0, told.queue)
        until = time.monotonic() + 120
        while sum(told.left) and time.monotonic() < until:
            watch.work(watch.wait())
        assert told.left == (0, 0)
        assert place.ids() == list(range(40))
        now = invariants.at_any_moment(place.world()).history
        assert [len(p) for p in now.publications("trips").values()] == [1]
        assert [len(d) for d in now.decisions("trips").values()] == [1]
        if not killed:
            break
    covers(Counter(points=puts - 1))
    assert puts > 5
