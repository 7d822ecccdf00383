"""A source whose zones are in memory: landed, gated, overruled, disturbed at every store step by a seed."""

from __future__ import annotations

import hashlib
import io
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import polars as pl

from dq.dialects.contract import load
from dq.engines.base import Dataset
from dq.engines.frames import open_frame
from dq.errors import HoldError
from dq.gate import Run, Wanted, Zones, gate
from dq.history import History
from dq.ir.check import Suite
from dq.ir.data import DataFile, Partition
from dq.ir.limits import Budget
from dq.ir.result import Act, Verdict
from dq.judge import Asking, Scanned, scan
from dq.opening import Engines
from dq.stores.memory import Crash, MemoryStore, read_location
from dq.sweep import sweep
from tests.survival.invariants import World, at_any_moment, i9_success_is_what_readers_see

CONTRACT = load(
    'source: trips\nlayout: "dt={date:%Y-%m-%d}"\ncolumns: {id: {type: int64, required: true}, fare: {min: 0}}\n'
    'checks: [{row_count: ">= 50% of previous"}]\n',
    "trips.yaml",
)
ENGINES = Engines("polars", Budget(threads=1))
_names = count()
START = datetime(2026, 3, 10, tzinfo=UTC)


class Lockless(MemoryStore):
    """Locks are for efficiency, never for safety: here there are none."""

    def lock(self, name: str) -> Any:
        return nullcontext()


class Rehearsal:
    def __init__(self, layout: Any) -> None:
        self.time = START
        self._runs = count(1)
        self.stores, seen = self.made(("landing", "history", "quarantine", "curated"), layout)
        landing, history, quarantine, curated = self.stores
        self.zones = Zones(landing, "trips", history, quarantine, curated)
        self.world = World("trips", seen[0], seen[3], seen[2], History(seen[1]))
        self.bad: set[str] = set()  # digests of files that no gate may promote

    def made(self, names: tuple[str, ...], layout: Any) -> tuple[list[Any], list[Any]]:
        """The zones, and where they are looked into."""
        n = next(_names)
        stores = [Lockless(f"memory://{n}/{name}", layout) for name in names]
        for store in stores:
            store.clock = lambda: self.time.timestamp()
        return stores, stores

    def put(self, path: str, content: bytes) -> None:
        landing = self.stores[0]
        with landing._guard:
            landing._write(path, content)
            landing.durable = dict(landing.now)

    def take(self, path: str) -> None:
        self.stores[0].now.pop(path, None)
        self.stores[0].durable.pop(path, None)

    def read(self, file: DataFile) -> bytes:
        return read_location(file.location)

    def now(self) -> datetime:
        self.time += timedelta(hours=1)
        return self.time

    def state(self) -> Any:
        """Everything that lies anywhere."""
        return [dict(s.now) for s in self.stores]

    def land(self, day: int, content: int, file: int = 0, rows: int = 6) -> None:
        """`content` under 0 is bad; the same content is the same bytes."""
        path = f"trips/dt=2026-03-{day:02}/part-{file}.csv"
        body = "id,fare\n" + "".join(f"{day * 1000 + file * 100 + n},{content}\n" for n in range(rows))
        self.put(path, body.encode())
        digest = self.world.landed[path] = hashlib.sha256(body.encode()).hexdigest()
        if content < 0:
            self.bad.add(digest)

    def take_away(self, day: int, file: int) -> None:
        path = f"trips/dt=2026-03-{day:02}/part-{file}.csv"
        self.take(path)
        self.world.landed.pop(path, None)

    def run(self, **wanted: Any) -> Run:
        asking = Asking(self.now(), "polars", None)

        def opened(partition: Partition, suite: Suite) -> Dataset:
            frames = [pl.read_csv(io.BytesIO(self.read(f))) for f in partition.files]
            return open_frame(pl.concat(frames), replace(suite.reading, keys=partition.values))

        def scanned(partition: Partition, suite: Suite) -> Future[Scanned]:
            done: Future[Scanned] = Future()
            done.set_result(scan(partition, suite, lambda: opened(partition, suite), asking, ENGINES))
            return done

        history = History(self.zones.history)
        return Run(CONTRACT, self.zones, history, scanned, asking, f"run{next(self._runs)}", Wanted(**wanted))

    def disturbed(self, faults: Callable[[str, str, str], None] | None) -> None:
        for store in self.stores:
            store.faults = faults

    def gate(self, faults: Callable[[str, str, str], None] | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """One run; what it said before it died, if it did."""
        return self.act(faults, lambda: self.gated(**wanted))

    def gated(self, **wanted: Any) -> Iterable[dict[str, Any]]:
        return gate(self.run(**wanted))

    def collect(self, faults: Callable[[str, str, str], None] | None, keep: int) -> None:
        """Long after everything so far."""
        self.time += timedelta(days=100)
        run = self.run()
        self.act(faults, lambda: sweep(run, keep))

    def act(self, faults: Callable[[str, str, str], None] | None, what: Callable[[], Iterable[Any]]) -> list[Any]:
        said: list[Any] = []
        self.disturbed(faults)
        try:
            said.extend(what())
        except (Crash, HoldError):
            pass
        finally:
            self.disturbed(None)
        return said

    def at_once(
        self, seed: int, gates: int, faults: Callable[[str, str, str], None] | None,
        between: Callable[[], None] | None = None, keep: int | None = None,
    ) -> None:  # fmt: skip
        """Several runs that take turns at every store step, in an order that the seed gives; with `keep`, and a gc."""
        turns = Turns(seed, faults, between)
        self.disturbed(turns.step)
        collecting = [] if keep is None else [partial(lambda run: list(sweep(run, keep)), self.run())]
        try:
            turns.take([*collecting, *(partial(list, gate(self.run())) for _ in range(gates))])
        finally:
            self.disturbed(None)

    def power_loss(self, drawn: random.Random) -> None:
        """A record that its writer was killed over, before it was durable, may go: nobody acted on it. If somebody
        did, what he did breaks another invariant."""
        safe = self.stores[1].durable
        self.world.records = {p: d for p, d in self.world.records.items() if p in safe}
        for store in self.stores[1:]:
            store.power_loss(drawn)

    def check(self, documents: Iterable[dict[str, Any]] = ()) -> None:
        now = at_any_moment(self.world)
        for by_digest in now.history.decisions("trips").values():
            for one in by_digest.values():
                bad = any(f.digest in self.bad for f in one.files)
                assert not (bad and one.verdict is Verdict.PROMOTE and one.act is Act.JUDGED), f"{one.partition}: bad"
                good = not bad and (one.rows or 0) >= 6 and not one.reasons
                assert one.verdict is Verdict.PROMOTE or not good, f"{one.partition}: {one.verdict} without a reason"
        i9_success_is_what_readers_see(now, [d for d in documents if d["verdict"] != "hold"])


class Turns:
    """Threads of which one runs, until its next store step; who is next is drawn, the same for the same seed."""

    def __init__(
        self, seed: int, faults: Callable[[str, str, str], None] | None, between: Callable[[], None] | None
    ) -> None:
        self._drawn = random.Random(seed)
        self._faults, self._between = faults, between
        self._mine = threading.local()
        self._waiting: dict[int, threading.Semaphore] = {}
        self._failed: list[BaseException] = []

    def step(self, moment: str, operation: str, path: str) -> None:
        if self._between is not None and self._drawn.random() < 0.1:
            self._between()
        chosen = self._drawn.choice(sorted(self._waiting))
        if chosen != self._mine.number:
            self._waiting[chosen].release()
            self._waiting[self._mine.number].acquire()
        if self._faults is not None:
            self._faults(moment, operation, path)

    def take(self, tasks: list[Callable[[], Any]]) -> None:
        self._waiting = {n: threading.Semaphore(0) for n in range(len(tasks))}
        threads = [threading.Thread(target=self._work, args=pair) for pair in enumerate(tasks)]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _work(self, number: int, task: Callable[[], Any]) -> None:
        self._mine.number = number
        self._waiting[number].acquire()
        try:
            task()
        except (Crash, HoldError):
            pass
        except BaseException as error:  # raised again where the turns were asked for
            self._failed.append(error)
        finally:
            del self._waiting[number]
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._waiting[self._drawn.choice(sorted(self._waiting))].release()
