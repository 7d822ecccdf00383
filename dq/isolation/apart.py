"""One piece of work in a process of its own, which ends with it; what comes back is plain data."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dq import errors
from dq.isolation.child import cap_address_space, end_with, place
from dq.isolation.folder import private_folder
from dq.isolation.pipe import Closed, dump, load, receive, send, wide_pipe
from dq.isolation.process import LOOK_SECONDS, TooMuch, Watch, bare, ending
from dq.opening import attribute

if TYPE_CHECKING:
    from dq.ir.limits import Budget

_START = "import sys; sys.path[:] = {}; from dq.isolation.apart import main; main({}, {}, {})"
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """`target` is `module:function`, called with `request` and the budget."""

    target: str
    request: Any
    budget: Budget


def work(target: str, request: Any, budget: Budget) -> Any:
    """What the function answers. Raises what it raises of `dq.errors`, HoldError where it took more than the budget or
    its process died."""
    with private_folder(budget.temp) as folder:
        theirs, orders = wide_pipe()
        answers, ours = wide_pipe()
        try:
            code = _START.format([p for p in sys.path if p], theirs, ours, os.getpid())
            process = bare(code, (theirs, ours), budget, folder)
        finally:
            os.close(theirs)
            os.close(ours)
        try:
            watch = Watch(process.pid, budget, lambda: False)
            send(orders, dump(Work(target, request, replace(budget, temp=folder))))
            answer = load(receive(answers, watch.look, LOOK_SECONDS))
        except TooMuch as error:
            raise errors.HoldError(f"{error}{'; ' if error.step else ''}{error.step}") from None
        except Closed:
            with suppress(Exception):
                process.wait(_GRACE_SECONDS)
            raise errors.HoldError(f"the judge process ended: {ending(process.returncode)}") from None
        finally:
            process.kill()
            process.wait()
            os.close(orders)
            os.close(answers)
    return _told(answer)


def _told(answer: Any) -> Any:
    kind, said = answer
    if kind == "answer":
        return said
    found = getattr(errors, kind, errors.HoldError)
    raise found(said) if issubclass(found, errors.DQError) else errors.HoldError(said)


def main(orders: int, answers: int, parent: int) -> None:
    """In the process."""
    end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever started this process decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked: Work = pickle.loads(receive(orders))  # noqa: S301 - of whoever started this process
    send(answers, dump(_answered(asked)))


def _answered(asked: Work) -> tuple[str, Any]:
    if asked.budget.memory_bytes is not None:
        cap_address_space(asked.budget.memory_bytes)
    try:
        return "answer", attribute(asked.target)(asked.request, asked.budget)
    except errors.DQError as error:
        return type(error).__name__, str(error)
    except MemoryError:
        return "HoldError", "the memory of the judge process did not suffice"
    except BaseException as error:  # a panic of Polars is no Exception; its text may quote data
        return "HoldError", f"internal error: {type(error).__name__}{place(error)}"
