"""A judge process as the gate sees it: started, asked, watched, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dq import errors
from dq.engines.base import Indivisible
from dq.isolation.channels import Replies
from dq.isolation.child import Order, Setup
from dq.isolation.folder import private_folder
from dq.isolation.importing import environment
from dq.isolation.pipe import dump, load, receive, send, wide_pipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget
    from dq.scanning import Call

LOOK_SECONDS = 0.05
_START = "import sys; sys.path[:] = {}; from dq.isolation.child import main; main({}, {}, {}, *{})"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


_RAISED: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (errors.UsageError, errors.SuiteError, errors.HoldError, errors.StoreError, Indivisible)
}


class TooMuch(Exception):
    """The process was given up. `step` is what to do about it."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


class JudgeProcess:
    """It ends with the thread that started it. Its files lie in a folder that goes with it."""

    def __init__(self, budget: Budget) -> None:
        with ExitStack() as stack:
            self._folder = stack.enter_context(private_folder(budget.temp))
            self._channels = Replies()
            stack.callback(self._channels.close)
            theirs, self._orders = wide_pipe()
            stack.callback(os.close, self._orders)
            self._answers, ours = wide_pipe()
            stack.callback(os.close, self._answers)
            try:
                channels = (s.fileno() for s in self._channels.theirs)
                self._process = _started((theirs, ours, *channels), budget, self._folder)
            finally:
                for channel in self._channels.theirs:
                    channel.close()
                os.close(theirs)
                os.close(ours)
            self._kept = stack.pop_all()
        self._setup: Setup | None = None
        self._suites: dict[int, tuple[int, Suite]] = {}
        self.served = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, setup: Setup, unwanted: Callable[[], bool], call: Call, partition: Partition, suite: Suite | None,
        *arguments: Any,
    ) -> Any:  # fmt: skip
        """The answer, or what was raised there. Raises TooMuch where it took more than the budget or became `unwanted`,
        Closed where the process died."""
        new = None
        if setup is not self._setup:
            self._setup, self._suites = setup, {}
            new = replace(setup, budget=replace(setup.budget, temp=self._folder))
        number, unsent = None, None
        if suite is not None:
            unsent = None if id(suite) in self._suites else suite
            number, _ = self._suites.setdefault(id(suite), (len(self._suites), suite))
        order = Order(call, partition, arguments, number, unsent, new)
        watch = Watch(self._process.pid, setup.budget, unwanted)
        self.served += 1
        self._channels.permit(partition)
        send(self._orders, dump(order))
        raised, answer = load(receive(self._answers, watch.look, LOOK_SECONDS))
        if self._channels.fault is not None:
            raise self._channels.fault
        self._channels.permit(None)
        if raised:
            raise _RAISED.get(raised, errors.EngineError)(answer)
        return answer

    def end(self, grace_seconds: float = 0.0) -> str:
        """How it ended, where it did so by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        said = ending(self._process.returncode)
        self._process.kill()
        self._process.wait()
        self._kept.close()
        return said


def _started(pipes: tuple[int, ...], budget: Budget, folder: str) -> subprocess.Popen[bytes]:
    orders, answers, *channels = pipes
    code = _START.format([p for p in sys.path if p], orders, answers, os.getpid(), channels)
    return bare(code, pipes, budget, folder)


def bare(code: str, pipes: tuple[int, ...], budget: Budget, folder: str) -> subprocess.Popen[bytes]:
    """An interpreter that finds what this one finds, and knows nothing else of it."""
    variables = environment(folder)
    if budget.threads is not None:
        variables["POLARS_MAX_THREADS"] = str(budget.threads)
    # How many row groups Polars fetches ahead; by itself so many that its peak is a matter of chance.
    variables["POLARS_ROW_GROUP_PREFETCH_SIZE"] = str(budget.threads or os.cpu_count() or 1)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-c", code],
        env=variables,
        pass_fds=pipes,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("DQ_DEBUG") else subprocess.DEVNULL,  # a panic quotes data
    )


def ending(code: int | None) -> str:
    if code is None:
        return "it closed its pipe"
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}; DQ_DEBUG=1 shows what it said"


class Watch:
    """Looks at a process now and then. Raises TooMuch."""

    def __init__(self, pid: int, budget: Budget, unwanted: Callable[[], bool]) -> None:
        self._statm = f"/proc/{pid}/statm"
        self._budget, self._unwanted = budget, unwanted
        self._started = time.monotonic()

    def look(self) -> None:
        seconds, most = self._budget.deadline_seconds, self._budget.memory_bytes
        if self._unwanted():
            raise TooMuch("interrupted")
        if seconds is not None and time.monotonic() - self._started > seconds:
            said = f"not judged within {seconds:,g} s"
            raise TooMuch(said, "raise deadline_seconds in [limits] of dq.toml, or land smaller partitions")
        if most is not None and (taken := self._taken()) > most:
            said = f"judging took {taken >> 20:,} MB of memory, more than the {most >> 20:,} MB it may"
            raise TooMuch(said, "raise memory_bytes in [limits] of dq.toml, or land smaller partitions")

    def _taken(self) -> int:
        """Resident bytes that no file backs; 0 where the system does not tell."""
        try:
            with open(self._statm, "rb") as stream:
                _, resident, shared, *_ = stream.read().split()
        except OSError:
            return 0
        return (int(resident) - int(shared)) * _PAGE_BYTES
