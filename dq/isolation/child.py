"""The judge process: reads what it is told to, answers, and ends with whoever started it."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import resource
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.engines import ENGINES, ranged
from dq.engines.base import Indivisible
from dq.errors import DQError, EngineError
from dq.isolation.channels import Requests
from dq.isolation.pipe import Closed, dump, receive, send
from dq.judge import Asking
from dq.opening import attribute
from dq.scanning import Call, Scanner

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
    """What to do with a partition. `suite` is counted: it is sent once, then named by number. `setup`: begin anew with
    it."""

    call: Call
    partition: Partition
    arguments: tuple[Any, ...]
    number: int | None
    suite: Suite | None = None
    setup: Setup | None = None


def main(orders: int, answers: int, parent: int, *channels: int) -> None:
    end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever started this process decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("duckdb", "polars"):
        attribute(ENGINES[name])
    ranged.answer(Requests(channels))
    gc.freeze()  # what is imported stays: no collection need look through it
    desk = _Desk()
    while True:
        try:
            order: Order = pickle.loads(receive(orders))  # noqa: S301 - of the gate, which is trusted
        except Closed:
            break
        send(answers, dump(desk.answer(order)))
    desk.close()


class _Desk:
    """What is kept from one order to the next."""

    def __init__(self) -> None:
        self._scanner: Scanner | None = None
        self._suites: dict[int | None, Suite] = {}

    def answer(self, order: Order) -> tuple[str, Any]:
        """The answer; or the name of what was raised, and its message."""
        try:
            if order.setup is not None:
                self.close()
                self._scanner, self._suites = None, {}
                self._scanner = _scanner(order.setup)
            if order.suite is not None:
                self._suites[order.number] = order.suite
            assert self._scanner is not None
            suite = self._suites.get(order.number)
            return "", self._scanner.ask(order.call, order.partition, suite, *order.arguments)
        except MemoryError:
            return EngineError.__name__, "the memory of the judge process did not suffice"
        except (DQError, Indivisible) as error:
            return type(error).__name__, str(error)
        except BaseException as error:  # a panic of Polars is no Exception; its text may quote data
            return EngineError.__name__, f"internal error: {type(error).__name__}{place(error)}"

    def close(self) -> None:
        if self._scanner is not None:
            self._scanner.close()


def _scanner(setup: Setup) -> Scanner:
    if setup.budget.memory_bytes is not None:
        cap_address_space(setup.budget.memory_bytes)
    return Scanner(setup.locations, setup.budget, setup.asking)


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
