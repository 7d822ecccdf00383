"""Land, land again, gate, overrule, collect, crash, lose power, in any order and at once: the invariants hold."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dq import overrule
from dq.errors import UsageError
from dq.stores.memory import Faults
from tests.survival import invariants as law
from tests.survival.rehearsal import Rehearsal

DAYS = st.integers(1, 3)
FILES = st.integers(0, 1)
CONTENTS = st.integers(-2, 4)
SEEDS = st.integers(0, 2**32)
WORDS = {"release": overrule.release, "reject": overrule.reject, "accept": overrule.accept}


class Source(RuleBasedStateMachine):
    looks: ClassVar[int] = 0  # at the invariants, by all that ran

    @initialize(layout=st.sampled_from(["flat", "generations"]))
    def made(self, layout: str) -> None:
        self.it = Rehearsal(layout)
        self.said: list[dict[str, Any]] = []

    @rule(day=DAYS, content=CONTENTS, file=FILES, rows=st.sampled_from([2, 6]))
    def land(self, day: int, content: int, file: int, rows: int) -> None:
        self.it.land(day, content, file, rows)

    @precondition(lambda self: self.it.world.landed)
    @rule(day=DAYS, file=FILES)
    def take_away(self, day: int, file: int) -> None:
        self.it.take_away(day, file)

    @rule()
    def gate(self) -> None:
        self.said = self.it.gate()

    @rule(seed=SEEDS, errors=st.sampled_from([0.0, 0.03, 0.2]), crashes=st.sampled_from([0.01, 0.05]))
    def gate_in_trouble(self, seed: int, errors: float, crashes: float) -> None:
        self.said = self.it.gate(Faults(seed, errors, crashes))

    @rule(seed=SEEDS)
    def gate_until_the_power_goes(self, seed: int) -> None:
        self.it.gate(Faults(seed, crash_ratio=0.05))
        self.it.power_loss(random.Random(seed))

    @rule(seed=SEEDS)
    def the_power_goes(self, seed: int) -> None:
        self.it.power_loss(random.Random(seed))

    @rule(seed=SEEDS, gates=st.integers(2, 3), crashes=st.sampled_from([0.0, 0.0, 0.02]))
    def gates_at_once(self, seed: int, gates: int, crashes: float) -> None:
        self.it.at_once(seed, gates, Faults(seed, 0.0, crashes))

    @rule(seed=SEEDS, day=DAYS, gates=st.integers(1, 3))
    def gates_while_things_land(self, seed: int, day: int, gates: int) -> None:
        drawn = random.Random(seed)
        if not any(f"-{day:02}/" in path for path in self.it.world.landed):
            self.it.land(day, 1)
        self.it.at_once(seed, gates, None, lambda: self.it.land(day, drawn.randint(-2, 4), drawn.randint(0, 1)))

    @rule(word=st.sampled_from(sorted(WORDS)), day=DAYS, seed=SEEDS, crashes=st.sampled_from([0.0, 0.05]))
    def a_person_decides(self, word: str, day: int, seed: int, crashes: float) -> None:
        run = self.it.run()

        def act() -> list[Any]:
            with suppress(UsageError):
                WORDS[word](run, f"dt=2026-03-{day:02}", by="ann", why="known")
            return []

        self.it.act(Faults(seed, 0.0, crashes), act)

    @rule(keep=st.integers(0, 2), seed=SEEDS, crashes=st.sampled_from([0.0, 0.1]))
    def gc(self, keep: int, seed: int, crashes: float) -> None:
        self.it.collect(Faults(seed, 0.0, crashes), keep)

    @rule(quarantined=st.booleans())
    def gate_again(self, quarantined: bool) -> None:
        self.it.gate(again=True, only_quarantined=quarantined, by="ann", why="new contract")

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "it"):
            self.it.check(self.said)
            self.said = []
            Source.looks += 1

    def teardown(self) -> None:
        """Undisturbed, everything is finished; and then nothing changes any more."""
        if not hasattr(self, "it"):
            return
        self.it.check(self.it.gate())
        days = {p.split("/")[1] for p in self.it.world.landed}
        law.i6_everything_landed_is_finished(self.it.world, days)
        before = self.it.state()
        assert self.it.gate() == []
        assert self.it.state() == before


def machine(examples: int, steps: int) -> Any:
    case = Source.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return case


def test_interleavings() -> None:
    machine(int(os.environ.get("DQ_TEST_EXAMPLES", "25")), 20)("runTest").runTest()


@pytest.mark.soak
def test_thousands_of_interleavings(request: pytest.FixtureRequest) -> None:
    before = Source.looks
    machine(3000, 40)("runTest").runTest()
    request.node.user_properties.append(("points", Source.looks - before))
