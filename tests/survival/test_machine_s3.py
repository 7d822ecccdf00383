"""On S3: land, land again, gate, overrule, collect, crash, lose answers, with wrong clocks and at once: the invariants
hold."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dq.errors import UsageError
from tests.survival import invariants as law
from tests.survival.conftest import Covers
from tests.survival.rehearsal_s3 import S3Rehearsal, Trouble
from tests.survival.test_machine import CONTENTS, DAYS, FILES, SEEDS, WORDS

ERRORS = st.sampled_from([0.0, 0.05, 0.3])
CRASHES = st.sampled_from([0.0, 0.02])


class Source(RuleBasedStateMachine):
    @initialize()
    def made(self) -> None:
        self.it = S3Rehearsal()
        self.said: list[dict[str, Any]] = []

    @rule(day=DAYS, content=CONTENTS, file=FILES, rows=st.sampled_from([2, 6]))
    def land(self, day: int, content: int, file: int, rows: int) -> None:
        self.it.land(day, content, file, rows)

    @precondition(lambda self: self.it.world.landed)
    @rule(day=DAYS, file=FILES)
    def take_away(self, day: int, file: int) -> None:
        self.it.take_away(day, file)

    @rule(hours=st.sampled_from([1, 30, 5000]))
    def time_passes(self, hours: int) -> None:
        self.it.time += timedelta(hours=hours)

    @rule(days=st.sampled_from([0, 0, 400, -400]))
    def somebody_sets_the_clock(self, days: int) -> None:
        self.it.skew = timedelta(days=days)

    @rule(seed=SEEDS, errors=ERRORS, crashes=CRASHES)
    def gate(self, seed: int, errors: float, crashes: float) -> None:
        self.said = self.it.gate(Trouble(seed, errors, crashes))

    @rule(seed=SEEDS, gates=st.integers(2, 4), errors=ERRORS, crashes=CRASHES, gc=st.sampled_from([None, 0, 1]))
    def gates_at_once(self, seed: int, gates: int, errors: float, crashes: float, gc: int | None) -> None:
        self.it.at_once(seed, gates, Trouble(seed, errors, crashes), keep=gc)

    @rule(seed=SEEDS, day=DAYS, gates=st.integers(1, 3), errors=ERRORS)
    def gates_while_things_land(self, seed: int, day: int, gates: int, errors: float) -> None:
        drawn = random.Random(seed)
        if not any(f"-{day:02}/" in path for path in self.it.world.landed):
            self.it.land(day, 1)

        def land() -> None:
            self.it.land(day, drawn.randint(-2, 4), drawn.randint(0, 1))

        self.it.at_once(seed, gates, Trouble(seed, errors, 0.0), land)

    @rule(word=st.sampled_from(sorted(WORDS)), day=DAYS, seed=SEEDS, errors=ERRORS, crashes=CRASHES)
    def a_person_decides(self, word: str, day: int, seed: int, errors: float, crashes: float) -> None:
        run = self.it.run()

        def act() -> list[Any]:
            with suppress(UsageError):
                WORDS[word](run, f"dt=2026-03-{day:02}", by="ann", why="known")
            return []

        self.it.act(Trouble(seed, errors, crashes), act)

    @rule(keep=st.integers(0, 2), seed=SEEDS, errors=ERRORS, crashes=CRASHES)
    def gc(self, keep: int, seed: int, errors: float, crashes: float) -> None:
        self.it.collect(Trouble(seed, errors, crashes), keep)

    @rule(quarantined=st.booleans())
    def gate_again(self, quarantined: bool) -> None:
        self.it.gate(again=True, only_quarantined=quarantined, by="ann", why="new contract")

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "it"):
            self.it.check(self.said)
            self.said = []

    def teardown(self) -> None:
        """Undisturbed, everything is finished; and then nothing changes any more."""
        if not hasattr(self, "it"):
            return
        self.it.skew = timedelta()
        self.it.check(self.it.gate())
        days = {p.split("/")[1] for p in self.it.world.landed}
        law.i6_everything_landed_is_finished(self.it.world, days)
        before = self.it.state()
        assert self.it.gate() == []
        assert self.it.state() == before


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.stores.s3._PAUSES", (0.0,) * 3)


def machine(examples: int, steps: int) -> Any:
    case = Source.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return case("runTest")


def test_interleavings() -> None:
    machine(int(os.environ.get("DQ_TEST_EXAMPLES", "8")), 15).runTest()


@pytest.mark.soak
def test_thousands_of_interleavings(covers: Covers) -> None:
    Trouble.done.clear()
    machine(2000, 40).runTest()
    covers(Trouble.done)
