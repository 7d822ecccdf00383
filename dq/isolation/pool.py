"""Judge processes and the threads that watch them, one partition at a time each."""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from dq.isolation.child import Setup
from dq.isolation.pipe import Closed
from dq.isolation.process import JudgeProcess, TooMuch
from dq.judge import Scanned, failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget
    from dq.judge import Asking

RECYCLE = 500  # partitions: no process lives for ever
_GRACE_SECONDS = 1.0  # for the system to say how a process died

Task: TypeAlias = "tuple[Partition, Suite, Future[Scanned]]"


class Pool:
    """Scans partitions of one source in up to `jobs` processes, which start when they are first needed."""

    def __init__(self, locations: Sequence[str], budget: Budget, asking: Asking, jobs: int = 1) -> None:
        self.setup = Setup(tuple(locations), budget, asking)
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()
        self.closed = False
        self._jobs, self._workers = jobs, list[_Worker]()
        self._pending, self._lock = 0, threading.Lock()

    def submit(self, partition: Partition, suite: Suite) -> Future[Scanned]:
        """A fault of ours is in the answer: it is never raised."""
        future: Future[Scanned] = Future()
        with self._lock:
            self._pending += 1
        future.add_done_callback(self._done)
        self.tasks.put((partition, suite, future))
        if len(self._workers) < min(self._jobs, self._pending):
            self._workers.append(_Worker.serving(self))
        return future

    def _done(self, _: Future[Scanned]) -> None:
        with self._lock:
            self._pending -= 1

    def close(self) -> None:
        """What has not been scanned is not scanned any more; what is being scanned is given up."""
        self.closed = True
        with suppress(Empty):
            while task := self.tasks.get_nowait():
                task[2].cancel()
        for _ in self._workers:
            self.tasks.put(None)
        for worker in self._workers:
            worker.leave()
        self._workers.clear()


class _Worker(threading.Thread):
    """A judge process and its watch. One outlives its pool: the next finds it warm."""

    _idle: ClassVar[list[_Worker]] = []

    def __init__(self, threads: int | None, temp: str | None) -> None:
        super().__init__(name="dq-judge", daemon=True)
        self._kind = (threads, temp)  # what cannot be changed once the process runs
        self._pools: SimpleQueue[Pool | None] = SimpleQueue()
        self._left = threading.Event()
        self._process: JudgeProcess | None = None

    @classmethod
    def serving(cls, pool: Pool) -> _Worker:
        kind = (pool.setup.budget.threads, pool.setup.budget.temp)
        worker = next((w for w in cls._idle if w._kind == kind), None)
        if worker is None:
            worker = cls(*kind)
            worker.start()
        else:
            cls._idle.remove(worker)
        worker._left.clear()
        worker._pools.put(pool)
        return worker

    def leave(self) -> None:
        self._left.wait()
        self.end_idle()
        self._idle.append(self)

    def end(self) -> None:
        self._pools.put(None)
        self.join()

    def run(self) -> None:
        while (pool := self._pools.get()) is not None:
            for partition, suite, future in iter(pool.tasks.get, None):
                if future.set_running_or_notify_cancel():
                    future.set_result(self._scanned(pool, partition, suite))
            self._left.set()
        self._end()

    def _scanned(self, pool: Pool, partition: Partition, suite: Suite) -> Scanned:
        try:
            if self._process is not None and not self._process.alive:
                self._end()
            self._process = self._process or JudgeProcess(pool.setup.budget)
            scanned = self._process.ask(pool.setup, partition, suite, lambda: pool.closed)
        except Closed:
            scanned = failed(f"the judge process ended: {self._end(_GRACE_SECONDS)}")
        except TooMuch as why:
            scanned = failed(str(why), step=why.step)
        except Exception as error:
            scanned = failed(f"the judge process: {type(error).__name__}")
        if scanned.fault is not None or (self._process and self._process.served >= RECYCLE):
            self._end()
        return scanned

    def _end(self, grace_seconds: float = 0.0) -> str:
        process, self._process = self._process, None
        return process.end(grace_seconds) if process else "it never started"

    @classmethod
    def end_idle(cls) -> None:
        while cls._idle:
            cls._idle.pop().end()

    @classmethod
    def after_fork(cls) -> None:
        """Processes of the parent are not the child's. Kept, so that nothing is done to them when it is collected."""
        cls._inherited += cls._idle
        cls._idle.clear()

    _inherited: ClassVar[list[_Worker]] = []


def end_idle() -> None:
    """End the process that is kept warm for the next pool."""
    _Worker.end_idle()


atexit.register(end_idle)
os.register_at_fork(after_in_child=_Worker.after_fork)
