"""What a killed run left visible and not yet durable is made durable before anybody builds on it, or tells of it."""

from __future__ import annotations

import pytest

from dq import publish
from dq.stores.memory import Crash
from tests.survival import invariants as law
from tests.survival.rehearsal import Rehearsal
from tests.survival.test_power import Worst

DAY = "dt=2026-03-01"
LAYOUTS = pytest.mark.parametrize("layout", ["flat", "generations"])


class At:
    """The process dies at the first such moment."""

    def __init__(self, moment: str, operation: str, part: str) -> None:
        self.place, self.part, self.died = (moment, operation), part, False

    def __call__(self, moment: str, operation: str, path: str) -> None:
        if (moment, operation) == self.place and self.part in path and not self.died:
            self.died = True
            raise Crash(f"{moment} {operation} {path}")


def dies(it: Rehearsal, moment: str, operation: str, part: str) -> None:
    at = At(moment, operation, part)
    it.act(at, it.gated)
    assert at.died


def power_goes(it: Rehearsal) -> None:
    it.power_loss(Worst())
    it.world.records.clear()
    it.world.pointers.clear()


@LAYOUTS
def test_nothing_is_shown_on_a_decision_that_a_power_cut_takes(layout: str) -> None:
    it = Rehearsal(layout)
    it.land(1, 1)
    dies(it, "during", "put_if_absent", "decisions/")
    dies(it, "before", "put_if_absent", "published/")
    assert law.digests(it.stores[3], "trips")
    power_goes(it)
    assert it.world.history.decisions("trips")[DAY]
    it.check()


@LAYOUTS
def test_no_publication_is_recorded_that_a_power_cut_takes(layout: str) -> None:
    it = Rehearsal(layout)
    it.land(1, 1)
    dies(it, "during", "swap" if layout == "generations" else "commit", DAY)
    (document,) = it.gate()
    assert document["success"]
    power_goes(it)
    assert law.digests(it.stores[3], "trips"), "told as published, and readers see nothing"
    it.check([document])
    assert it.gate() == []


def test_no_quarantine_is_told_of_whose_record_a_power_cut_takes() -> None:
    it = Rehearsal("flat")
    it.land(1, -1)
    dies(it, "during", "put_if_absent", "quarantine.json")
    (document,) = it.gate(keys=frozenset({DAY}))
    assert document["verdict"] == "quarantine"
    power_goes(it)
    decision = next(iter(it.world.history.decisions("trips")[DAY].values()))
    path = f"trips/{DAY}/{decision.digest}/quarantine.json"
    assert it.stores[2].read(path), "told as quarantined, and no record says so"
    assert publish.visible("trips", it.stores[3], it.world.history) == {}
