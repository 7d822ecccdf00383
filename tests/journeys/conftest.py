"""The command line, called in this process as a user calls it."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from dq.cli import main


@dataclass(frozen=True)
class Ran:
    """What one command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@contextmanager
def left_alone() -> Iterator[None]:
    """What a command sets up for its own process is as it was before."""
    log, before = logging.getLogger("dq"), signal.getsignal(signal.SIGTERM)
    handlers, propagate = log.handlers[:], log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def dq(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """`dq("gate", "trips")`; with `at=`, in that folder."""

    def run(*arguments: object, at: object = None) -> Ran:
        if at is not None:
            monkeypatch.chdir(str(at))
        code = main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Ran(code, out, err)

    with left_alone():
        yield run
