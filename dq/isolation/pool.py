"""Judge processes and the threads that watch them, one partition at a time each."""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from dq.engines.base import Indivisible
from dq.errors import DQError, EngineError, HoldError
from dq.isolation.child import Setup
from dq.isolation.pipe import Closed
from dq.isolation.process import JudgeProcess, TooMuch
from dq.judge import failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget
    from dq.judge import Asking, Scanned
    from dq.scanning import Call

RECYCLE = 500  # partitions: no process lives for ever
_GRACE_SECONDS = 1.0  # for the system to say how a process died


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is asked, and where its answer goes."""

    call: Call
    partition: Partition
    suite: Suite | None
    arguments: tuple[Any, ...]
    future: Future[Any]

    def fail(self, message: str, step: str = "") -> None:
        """A fault of ours: of a scan it is in the answer."""
        if self.call == "scan":
            self.future.set_result(failed(message, step=step))
        else:
            self.future.set_exception(EngineError(f"{message}: {step}" if step else message))


class Pool:
    """`scanning.Scanning` of one source in up to `jobs` processes, which start when they are first needed."""

    def __init__(self, locations: Sequence[str], budget: Budget, asking: Asking, jobs: int = 1) -> None:
        self.setup = Setup(tuple(locations), budget, asking)
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()
        self.closed = False
        self._jobs, self._workers = jobs, list[_Worker]()
        self._pending, self._lock = 0, threading.Lock()

    def ask(self, call: Call, partition: Partition, suite: Suite | None, *arguments: Any) -> Any:
        return self._put(call, partition, suite, *arguments).result()

    def submit(self, partition: Partition, suite: Suite) -> Future[Scanned]:
        """A fault of ours is in the answer: it is never raised."""
        return self._put("scan", partition, suite)

    def admit(self, location: str) -> None:
        self.setup = replace(self.setup, locations=(*self.setup.locations, location))

    def _put(self, call: Call, partition: Partition, suite: Suite | None, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            self._pending += 1
        future.add_done_callback(self._done)
        self.tasks.put(Task(call, partition, suite, arguments, future))
        if len(self._workers) < min(self._jobs, self._pending):
            self._workers.append(_Worker.serving(self))
        return future

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._pending -= 1

    def close(self) -> None:
        """What has not been scanned is not scanned any more; what is being scanned is given up."""
        self.closed = True
        with suppress(Empty):
            while task := self.tasks.get_nowait():
                task.future.cancel()
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
            for task in iter(pool.tasks.get, None):
                if task.future.set_running_or_notify_cancel():
                    self._do(pool, task)
            self._left.set()
        self._end()

    def _do(self, pool: Pool, task: Task) -> None:
        """A process in which something of ours went wrong is not asked again."""
        try:
            if self._process is not None and not self._process.alive:
                self._end()
            self._process = self._process or JudgeProcess(pool.setup.budget)
            setup = pool.setup
            answer = self._process.ask(
                setup, lambda: pool.closed, task.call, task.partition, task.suite, *task.arguments
            )  # fmt: skip
        except Closed:
            return task.fail(f"the judge process ended: {self._end(_GRACE_SECONDS)}")
        except TooMuch as why:
            self._end()
            return task.fail(str(why), why.step)
        except HoldError as error:
            self._end()
            return task.fail(str(error))
        except (DQError, Indivisible) as error:  # the data or the suite is at fault
            return task.future.set_exception(error)
        except Exception as error:
            self._end()
            return task.fail(f"the judge process: {type(error).__name__}")
        if getattr(answer, "fault", None) is not None or self._process.served >= RECYCLE:
            self._end()
        task.future.set_result(answer)

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
