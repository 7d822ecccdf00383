"""The process dies at every step of every store and the power goes: at once, or after another gate built on what was
left. Whatever had not been made durable is gone then."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from dq.stores.memory import Crash
from tests.survival import invariants as law
from tests.survival.rehearsal import Rehearsal

EVERY = int(os.environ.get("DQ_TEST_EVERY", "7"))
DAYS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03")


class Nth:
    """The process dies at the n-th moment."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, moment: str, operation: str, path: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash(f"{moment} {operation} {path}")


class Worst(random.Random):
    """Takes everything that may be taken."""

    def randint(self, a: int, b: int) -> int:
        return a

    def choice(self, seq: Any) -> Any:
        return seq[1]


def died(layout: str, n: int) -> tuple[Rehearsal, bool]:
    """After a revision and two partitions that a run died over at its n-th moment; whether it did."""
    it = Rehearsal(layout)
    it.land(1, 1)
    it.gate()
    it.land(1, 2)
    it.land(2, 3)
    it.land(3, -1)
    it.check()
    nth = Nth(n)
    it.act(nth, it.gated)
    return it, nth.left <= 0


@pytest.mark.parametrize("layout", ["flat", "generations"])
@pytest.mark.parametrize("between", [0, 1], ids=["at once", "after another gate"])
def test_the_power_goes_after_the_process(layout: str, between: int) -> None:
    n, dead = 1, True
    while dead:
        n += EVERY
        it, dead = died(layout, n)
        for _ in range(between):
            it.gate()
            it.check()
        it.power_loss(Worst())
        it.world.records.clear()  # of records that were not durable a run that died has told nobody
        it.world.pointers.clear()
        it.check()
        it.check(it.gate())
        law.i6_everything_landed_is_finished(it.world, DAYS)
        assert it.gate() == []
    assert n > 100


@pytest.mark.parametrize("layout", ["flat", "generations"])
def test_what_a_gate_has_told_is_durable(layout: str) -> None:
    it, dead = died(layout, 1_000_000)
    assert not dead
    it.check()
    it.power_loss(Worst())
    it.check()
    law.i6_everything_landed_is_finished(it.world, DAYS)
    assert it.gate() == []
