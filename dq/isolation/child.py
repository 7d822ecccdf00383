"""The judge process: reads what it is told to, answers, and ends with whoever started it."""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq.engines import ENGINES
from dq.isolation.pipe import Closed, dump, receive, send
from dq.judge import Asking, Scanned, failed
from dq.opening import attribute
from dq.scanning import Scanner

if TYPE_CHECKING:
    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_SPARE_BYTES = 2 << 30  # address space that is reserved and never touched


@dataclass(frozen=True, slots=True)
class Setup:
    """What a Scanner is made of."""

    locations: tuple[str, ...]
    budget: Budget
    asking: Asking


@dataclass(frozen=True, slots=True)
class Order:
    """One partition to scan. `suite` is counted: it is sent once, then named by number. `setup`: begin anew with it."""

    number: int
    partition: Partition
    suite: Suite | None = None
    setup: Setup | None = None


def main(orders: int, answers: int, parent: int) -> None:
    end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever started this process decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("duckdb", "polars"):
        attribute(ENGINES[name])
    scanner: Scanner | None = None
    suites: dict[int, Suite] = {}
    while True:
        try:
            order: Order = pickle.loads(receive(orders))  # noqa: S301 - of the gate, which is trusted
        except Closed:
            break
        if order.setup is not None:
            if scanner is not None:
                scanner.close()
            scanner, suites = _scanner(order.setup), {}
        if order.suite is not None:
            suites[order.number] = order.suite
        assert scanner is not None
        send(answers, dump(_scanned(scanner, order.partition, suites[order.number])))
    if scanner is not None:
        scanner.close()


def _scanner(setup: Setup) -> Scanner:
    if setup.budget.memory_bytes is not None:
        cap_address_space(setup.budget.memory_bytes)
    return Scanner(setup.locations, setup.budget, setup.asking)


def _scanned(scanner: Scanner, partition: Partition, suite: Suite) -> Scanned:
    try:
        return scanner.scan(partition, suite)
    except MemoryError:
        return failed("the memory of the judge process did not suffice")
    except BaseException as error:  # a panic of Polars is no Exception; its text may quote data
        return failed(f"internal error: {type(error).__name__}{place(error)}")


def place(error: BaseException) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f" at {os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}" if last else ""


def end_with(parent: int) -> None:
    """Killed when the thread that started it ends, on Linux; elsewhere it ends with the pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def cap_address_space(memory_bytes: int) -> None:
    """Behind the watch of the parent, for what is faster than its look."""
    if sys.platform != "linux":
        return
    with open("/proc/self/statm") as stream:
        taken = int(stream.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = taken + memory_bytes + _SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
